"""Topics are made as configured; one that refuses is held by itself, says why, and is drained in order later."""

import asyncio
import contextlib
import io
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from broker.kafka import Kafka
from broker.server import HOST, Broker, Node, new_node
from confluent_kafka.admin import NewTopic
from gateways import Gateway
from hooks import change
from ledger import balance
from publishing import alter, blocked, drained, ids, kafka_of, metric, publishing, push, read, say, settings_for, until

pytest_plugins = ["mortal"]


async def unknown(gateway: Gateway, repository: str) -> list[str]:
    """An event of the family `unknown`, for a second topic beside `refs`."""
    return await say(gateway, repository, "repo:invented", number=str(change()["toHash"]))


async def delivered(kafka: Kafka, topic: str, events: list[str]) -> None:
    """Wait until a topic holds these events, in order and once."""

    async def all_there() -> bool:
        try:
            return len(await read(kafka, topic)) >= len(events)
        except LookupError:
            return False

    await until(all_there)
    found = await read(kafka, topic)
    assert balance(events, found).is_even
    assert ids(found) == events


async def test_a_missing_topic_is_made_with_the_configured_partitions(
    real_broker: Broker, tmp_path: Path, topic: str
) -> None:
    async with publishing(settings_for(tmp_path, real_broker.bootstrap, topic, partitions="3")) as gateway:
        events = await push(gateway, "pay/ledger")
        await drained(gateway)

        assert real_broker.topics()[f"{topic}.refs"] == 3
        assert ids(await read(real_broker, f"{topic}.refs")) == events
        assert (await kafka_of(gateway)) == {"configured": True, "connected": True, "waiting": 0, "blocked": {}}


async def test_a_topic_that_is_there_stays_as_it_is(real_broker: Broker, tmp_path: Path, topic: str) -> None:
    real_broker.create_topic(f"{topic}.refs", 2)
    async with publishing(settings_for(tmp_path, real_broker.bootstrap, topic, partitions="9")) as gateway:
        for number in range(20):
            await push(gateway, f"pay/repository-{number}")
        await drained(gateway)

    assert real_broker.topics()[f"{topic}.refs"] == 2
    assert {each.partition for each in await read(real_broker, f"{topic}.refs")} == {0, 1}


async def test_a_missing_topic_that_may_not_be_made_is_held_while_others_go_on(
    real_broker: Broker, tmp_path: Path, topic: str
) -> None:
    """The broker would make a topic for whoever asks about it; that is not asked."""
    real_broker.create_topic(f"{topic}.unknown")
    async with publishing(settings_for(tmp_path, real_broker.bootstrap, topic, create_topics="false")) as gateway:
        events = await push(gateway, "pay/ledger")
        assert await blocked(gateway, f"{topic}.refs") == "unknown_topic"
        others = [event for _ in range(3) for event in await unknown(gateway, "pay/ledger")]
        events += await push(gateway, "pay/ledger")

        await delivered(real_broker, f"{topic}.unknown", others)
        assert await metric(gateway, "topic_blocked", topic=f"{topic}.refs") == 1
        assert await metric(gateway, "topic_blocked", topic=f"{topic}.unknown") == 0
        assert await metric(gateway, "kafka_connected") == 1
        assert (await kafka_of(gateway))["waiting"] == 2
        assert f"{topic}.refs" not in real_broker.topics()

        real_broker.create_topic(f"{topic}.refs", 2)
        await drained(gateway)
        assert await metric(gateway, "topic_blocked", topic=f"{topic}.refs") == 0
        assert (await kafka_of(gateway))["blocked"] == {}
        assert ids(await read(real_broker, f"{topic}.refs")) == events


async def test_a_topic_that_kafka_does_not_let_us_make_is_held_with_the_reason(
    real_broker: Broker, tmp_path: Path, topic: str, log: io.StringIO
) -> None:
    """More replicas than there are brokers."""
    real_broker.create_topic(f"{topic}.unknown")
    settings = settings_for(tmp_path, real_broker.bootstrap, topic, replication_factor="3")
    async with publishing(settings) as gateway:
        events = await push(gateway, "pay/ledger")
        await blocked(gateway, f"{topic}.refs")
        await delivered(real_broker, f"{topic}.unknown", await unknown(gateway, "pay/ledger"))

        assert f"{topic}.refs" not in real_broker.topics()
        assert "eplication" in log.getvalue()
        real_broker.create_topic(f"{topic}.refs", 2)
        await drained(gateway)
        assert ids(await read(real_broker, f"{topic}.refs")) == events


async def test_a_name_that_kafka_does_not_allow_holds_its_topic_alone(
    real_broker: Broker, tmp_path: Path, topic: str
) -> None:
    """A template may be fine and a name made of it too long: Kafka allows 249 characters."""
    prefix = f"{topic}-{'x' * 200}.{{project}}"
    settings = settings_for(tmp_path, real_broker.bootstrap, prefix)
    async with publishing(settings) as gateway:
        long, short = "p" * 60, "pay"
        await push(gateway, f"{long}/ledger")
        events = await push(gateway, f"{short}/ledger")

        held = f"{topic}-{'x' * 200}.{long}.refs"
        assert await blocked(gateway, held) == "invalid_topic"
        await delivered(real_broker, f"{topic}-{'x' * 200}.{short}.refs", events)


async def test_after_an_outage_a_held_topic_does_not_hide_that_kafka_is_back(
    mortal_broker: Broker, tmp_path: Path, topic: str
) -> None:
    """Nothing else waits, so nothing else could show it."""
    async with publishing(settings_for(tmp_path, mortal_broker.bootstrap, topic, create_topics="false")) as gateway:
        await push(gateway, "pay/ledger")
        await blocked(gateway, f"{topic}.refs")
        await asyncio.to_thread(mortal_broker.kill)

        async def connection() -> bool:
            return bool((await kafka_of(gateway))["connected"])

        async def no_connection() -> bool:
            return not await connection()

        await until(no_connection)
        await asyncio.to_thread(mortal_broker.start)
        await until(connection)
        assert await metric(gateway, "kafka_connected") == 1


@pytest.fixture
def second_broker(mortal_broker: Broker, tmp_path: Path) -> Iterator[Broker]:
    """A broker beside `mortal_broker` that has no say in the quorum, so that it can go without the other."""
    node = Node(2, new_node().port, mortal_broker.node.quorum_port)
    properties = {"process.roles": "broker", "listeners": f"CLIENTS://{HOST}:{node.port}"}
    second = Broker(
        mortal_broker.distribution, tmp_path / "second", node=node, voters=(mortal_broker.node,), properties=properties
    )
    with second:
        yield second


async def test_a_topic_whose_broker_is_gone_is_held_while_others_go_on(
    mortal_broker: Broker, second_broker: Broker, tmp_path: Path, topic: str, impatient: None
) -> None:
    place(mortal_broker, f"{topic}.refs", second_broker.node)
    place(mortal_broker, f"{topic}.unknown", mortal_broker.node)
    async with publishing(settings_for(tmp_path / "data", mortal_broker.bootstrap, topic)) as gateway:
        events = await push(gateway, "pay/ledger")
        await drained(gateway)
        await asyncio.to_thread(second_broker.kill)
        events += [*await push(gateway, "pay/ledger"), *await push(gateway, "pay/ledger")]
        others: list[str] = []

        async def is_held() -> bool:
            others.extend(await unknown(gateway, "pay/ledger"))
            return f"{topic}.refs" in (await kafka_of(gateway))["blocked"]

        await until(is_held)
        others += await unknown(gateway, "pay/ledger")
        await delivered(mortal_broker, f"{topic}.unknown", others)
        assert list((await kafka_of(gateway))["blocked"]) == [f"{topic}.refs"]
        assert (await kafka_of(gateway))["waiting"] == 2

        await asyncio.to_thread(second_broker.start)
        await drained(gateway)
        found = balance(events, await read(mortal_broker, f"{topic}.refs"))
        assert found.is_even
        assert set(found.repeated) <= set(events[1:])


def place(kafka: Kafka, topic: str, node: Node) -> None:
    """Create a topic whose only partition lies on that broker."""
    wanted = NewTopic(topic, 1, replica_assignment=[[node.id]])
    admin = kafka.admin()
    admin.create_topics([wanted], request_timeout=15)[topic].result()


async def test_a_topic_that_kafka_forgot_is_made_again(
    real_broker: Broker, tmp_path: Path, topic: str, impatient: None
) -> None:
    async with publishing(settings_for(tmp_path, real_broker.bootstrap, topic)) as gateway:
        await push(gateway, "pay/ledger")
        await drained(gateway)
        admin = real_broker.admin()
        admin.delete_topics([f"{topic}.refs"], request_timeout=15)[f"{topic}.refs"].result()

        events = [*await push(gateway, "pay/ledger"), *await push(gateway, "pay/ledger")]
        await drained(gateway)
        assert ids(await read(real_broker, f"{topic}.refs")) == events


async def test_events_that_are_too_old_for_a_topic_are_held_until_it_takes_them(
    real_broker: Broker, tmp_path: Path, topic: str
) -> None:
    """The time of a record is when its event was received; a topic may refuse what is older than so much."""
    real_broker.create_topic(f"{topic}.refs", 2, {"message.timestamp.before.max.ms": "500"})
    async with publishing(settings_for(tmp_path, "", topic)) as gateway:
        events = [event for _ in range(3) for event in await push(gateway, "pay/ledger")]
    await asyncio.sleep(0.6)
    async with publishing(settings_for(tmp_path, real_broker.bootstrap, topic), publish_kept=True) as gateway:
        assert await blocked(gateway, f"{topic}.refs") == "rejected"
        await delivered(real_broker, f"{topic}.unknown", await unknown(gateway, "pay/ledger"))

        alter(real_broker, f"{topic}.refs", "message.timestamp.before.max.ms", "600000")
        await drained(gateway)
        assert ids(await read(real_broker, f"{topic}.refs")) == events


async def test_a_row_that_cannot_become_a_record_holds_its_topic_and_nothing_else(
    real_broker: Broker, tmp_path: Path, topic: str
) -> None:
    """A defect of the disk or of the gateway: what is too large and no JSON cannot be made smaller."""
    async with publishing(settings_for(tmp_path, "", topic)) as gateway:
        await push(gateway, "pay/ledger")
    with contextlib.closing(sqlite3.connect(tmp_path / "journal.db")) as connection:
        connection.execute("UPDATE events SET data = zeroblob(2000000)")
        connection.commit()
    async with publishing(settings_for(tmp_path, real_broker.bootstrap, topic), publish_kept=True) as gateway:
        assert await blocked(gateway, f"{topic}.refs") == "defect"
        await delivered(real_broker, f"{topic}.unknown", await unknown(gateway, "pay/ledger"))
