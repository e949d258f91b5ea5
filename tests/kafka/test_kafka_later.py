"""Kafka that comes later: what was kept without it, what is on record of each event, and what may be forgotten."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from broker.server import Broker
from gateways import Gateway, Local
from publishing import HOST, NOBODY, blocked, drained, ids, kafka_of, metric, publishing, push, read, say, settings_for

from gateway.edges.journal import Retention


def rows(directory: Path, query: str) -> list[Any]:
    """What a reader of its own finds in the journal."""
    with closing(sqlite3.connect(f"file:{directory}/journal.db?mode=ro", uri=True)) as connection:
        return connection.execute(query).fetchall()


def acknowledged(directory: Path) -> dict[str, tuple[str, int, int]]:
    """Where every acknowledged event lies: its id -> topic, partition, offset."""
    query = "SELECT id, topic, partition, offset FROM events JOIN publications USING (sequence)"
    return {event: (name, partition, offset) for event, name, partition, offset in rows(directory, query)}


async def some(gateway: Gateway, count: int = 3) -> list[str]:
    return [event for number in range(count) for event in await push(gateway, f"pay/repository-{number % 2}")]


async def test_without_being_asked_only_what_comes_from_then_on_is_sent(
    real_broker: Broker, tmp_path: Path, topic: str
) -> None:
    async with publishing(settings_for(tmp_path, "", topic)) as gateway:
        kept = await some(gateway)
        assert (await kafka_of(gateway)) == {"configured": False}
    async with publishing(settings_for(tmp_path, real_broker.bootstrap, topic)) as gateway:
        events = await some(gateway)
        await drained(gateway)
        assert [event["id"] for event in await gateway.events()] == kept + events

    assert ids(await read(real_broker, f"{topic}.refs")) == events


async def test_what_was_kept_is_sent_in_order_when_asked_and_once(
    real_broker: Broker, tmp_path: Path, topic: str
) -> None:
    """Dead letters, too. What was accepted between and after is sent as well, and what waits is counted rightly."""
    settings = settings_for(tmp_path, real_broker.bootstrap, topic)
    async with publishing(settings_for(tmp_path, "", topic)) as gateway:
        first = await some(gateway)
        await gateway.post(f"{HOST}/pay/ledger", b"no JSON")
    async with publishing(settings) as gateway:
        second = await some(gateway)
        await drained(gateway)
    async with publishing(settings_for(tmp_path, "", topic)) as gateway:
        third = await some(gateway)
        odd = await say(gateway, "pay/ledger", "repo:odd", number=1)
    async with publishing(settings, publish_kept=True) as gateway:
        fourth = await some(gateway)
        await drained(gateway)
        assert await metric(gateway, "published_total", topic=f"{topic}.refs") == len(first + third + fourth)

    found = await read(real_broker, f"{topic}.refs")
    assert len(found) == len(first + second + third + fourth)
    assert ids(found) == first + second + third + fourth
    for key in {each.key for each in found}:
        kept_ones = [each.id for each in found if each.key == key and each.id in first + third + fourth]
        assert kept_ones == [event for event in first + third + fourth if event in kept_ones]
    assert ids(await read(real_broker, f"{topic}.unknown")) == odd
    assert [each.value for each in real_broker.read(f"{topic}.dead-letter")] == [b"no JSON"]


async def test_of_every_event_it_is_on_record_where_it_lies_and_nothing_is_sent_again(
    real_broker: Broker, tmp_path: Path, topic: str
) -> None:
    settings = settings_for(tmp_path, real_broker.bootstrap, topic)
    async with publishing(settings) as gateway:
        events = await some(gateway, 30) + await say(gateway, "pay/ledger", "repo:odd", number=1)
        await drained(gateway)
    found = await read(real_broker, f"{topic}.refs", f"{topic}.unknown")

    assert len(found) == len(events)
    assert acknowledged(tmp_path) == {each.id: (each.topic, each.partition, each.offset) for each in found}
    cursors = dict(rows(tmp_path, "SELECT name, cursor FROM topics"))
    last = {name: max(each.sequence for each in found if each.topic == name) for name in cursors}
    assert cursors == last

    async with publishing(settings, publish_kept=True) as gateway:
        assert (await kafka_of(gateway))["waiting"] == 0
        more = await some(gateway, 1)
        await drained(gateway)
    assert ids(await read(real_broker, f"{topic}.refs", f"{topic}.unknown")) == events + more


async def forget(gateway: Local) -> list[str]:
    """Have everything forgotten that may be; the ids of what is left."""
    while await gateway.service.parts.journal.prune(time.time_ns() // 1_000_000 + 1, Retention(0, 0, 0)):
        pass
    return [event["id"] for event in await gateway.events()]


async def test_nothing_is_forgotten_before_kafka_has_it(real_broker: Broker, tmp_path: Path, topic: str) -> None:
    async with publishing(settings_for(tmp_path / "data", NOBODY, topic)) as gateway:
        events = await some(gateway, 20)
        assert await forget(gateway) == events
    async with publishing(settings_for(tmp_path / "data", real_broker.bootstrap, topic)) as gateway:
        await drained(gateway)
        assert await forget(gateway) == []
    assert ids(await read(real_broker, f"{topic}.refs")) == events


async def test_a_held_topic_keeps_all_behind_its_first_event_from_being_forgotten(
    real_broker: Broker, tmp_path: Path, topic: str
) -> None:
    real_broker.create_topic(f"{topic}.unknown")
    async with publishing(settings_for(tmp_path, real_broker.bootstrap, topic, create_topics="false")) as gateway:
        await say(gateway, "pay/ledger", "repo:odd", number=0)
        await drained(gateway)
        held = await push(gateway, "pay/ledger")
        await blocked(gateway, f"{topic}.refs")
        behind = await say(gateway, "pay/ledger", "repo:odd", number=1)
        assert await forget(gateway) == held + behind

        real_broker.create_topic(f"{topic}.refs")
        await drained(gateway)
        assert await forget(gateway) == []
    assert ids(await read(real_broker, f"{topic}.refs")) == held


async def test_numbers_go_on_where_they_were_when_all_was_forgotten(
    real_broker: Broker, tmp_path: Path, topic: str
) -> None:
    """A cursor must not stand in front of what comes: sequences are never used again."""
    settings = settings_for(tmp_path, real_broker.bootstrap, topic)
    async with publishing(settings) as gateway:
        events = await some(gateway)
        await drained(gateway)
        assert await forget(gateway) == []
    async with publishing(settings) as gateway:
        events += await some(gateway)
        await drained(gateway)
    assert ids(await read(real_broker, f"{topic}.refs")) == events
