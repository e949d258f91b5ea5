"""What is larger than its topic takes is made smaller on the way; nothing else is touched."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest
from broker.kafka import Kafka
from broker.secured import SecuredBroker
from broker.server import Broker
from gateways import Gateway
from hooks import NO_COMMIT, change, some_hash
from publishing import (
    HOST,
    alter,
    blocked,
    drained,
    ids,
    kafka_of,
    metric,
    publishing,
    push,
    read,
    say,
    secured,
    settings_for,
)

import gateway as package

SAMPLES = Path(package.__file__).parent / "samples"
LIMIT = 12_000
SMALL = {"max.message.bytes": str(LIMIT)}


def commit(message: str = "Round half to even") -> dict[str, Any]:
    author = {"name": "mira", "emailAddress": "mira@example.com"}
    return {
        "id": some_hash(),
        "author": author,
        "authorTimestamp": 1_772_612_142_139,
        "message": message,
        "parents": [],
    }


async def big_push(gateway: Gateway, repository: str, size: int) -> list[str]:
    """A push whose commits alone take more than so many bytes."""
    one = len(orjson.dumps(commit()))
    return await say(
        gateway,
        repository,
        "repo:refs_changed",
        eventKey="repo:refs_changed",
        date="2026-03-02T10:00:00+0000",
        actor={"name": "mira", "displayName": "Mira", "id": 3},
        repository={"slug": repository.partition("/")[2], "id": 84, "project": {"key": "PAY"}},
        changes=[change(before=NO_COMMIT)],
        commits=[commit() for _ in range(size // one + 1)],
    )


async def comment(gateway: Gateway, text: str) -> list[str]:
    """A comment to a pull request, as Data Center writes it."""
    body = orjson.loads((SAMPLES / "data-center-pr-comment-added.json").read_bytes())
    body["comment"] |= {"text": text}
    answer = await gateway.post(f"{HOST}/pay/ledger", orjson.dumps(body), "pr:comment:added")
    return answer.events


async def values(kafka: Kafka, topic: str) -> dict[str, Any]:
    """The data of a topic's events by id."""
    records = await asyncio.to_thread(kafka.read, topic)
    return {(dict(each.headers)["ce_id"] or b"").decode(): orjson.loads(each.value or b"") for each in records}


async def accepted(gateway: Gateway) -> dict[str, Any]:
    """The data of all events as they were accepted."""
    return {event["id"]: event["data"] for event in await gateway.events()}


async def test_what_is_too_large_is_shrunk_and_the_rest_goes_unharmed_in_order(
    real_broker: Broker, tmp_path: Path, topic: str
) -> None:
    families = [f"{topic}.{family}" for family in ("refs", "unknown", "pull-requests")]
    for each in families:
        real_broker.create_topic(each, 2, SMALL)
    told: dict[str, list[str]] = {each: [] for each in families}
    big: set[str] = set()
    async with publishing(settings_for(tmp_path, "", topic)) as gateway:
        for number in range(3):
            told[families[0]] += await push(gateway, "pay/ledger") + await push(gateway, "pay/orders")
            told[families[0]] += (many := await big_push(gateway, "pay/ledger", 3 * LIMIT))
            told[families[0]] += await push(gateway, "pay/ledger", *(change(f"refs/heads/{n}") for n in range(60)))
            told[families[1]] += await say(gateway, "pay/ledger", "repo:odd", number=number)
            told[families[1]] += (odd := await say(gateway, "pay/ledger", "repo:odd", number=number, text="x" * LIMIT))
            told[families[1]] += await say(gateway, "pay/ledger", "repo:odd", number=-number - 1)
            told[families[2]] += await comment(gateway, f"short {number}")
            told[families[2]] += (long := await comment(gateway, f"{number} {'Zoë ' * LIMIT}"))
            told[families[2]] += await comment(gateway, f"after {number}")
            big |= {*many, *odd, *long}
    async with publishing(settings_for(tmp_path, real_broker.bootstrap, topic), publish_kept=True) as gateway:
        await drained(gateway)
        kept = await accepted(gateway)
        assert (await kafka_of(gateway))["blocked"] == {}

    found: dict[str, Any] = {}
    for each in families:
        assert ids(await read(real_broker, each)) == told[each]
        found |= await values(real_broker, each)
    assert len(big) == 9
    assert {event: data for event, data in found.items() if event not in big} == {
        event: data for event, data in kept.items() if event not in big
    }
    for event in big:
        shrunk_as_promised(kept[event], found[event])


def shrunk_as_promised(whole: Mapping[str, Any], small: Mapping[str, Any]) -> None:
    """Of each kind: the commits go, long texts are cut, an unknown payload goes as a whole."""
    assert len(orjson.dumps(small)) < LIMIT < len(orjson.dumps(whole))
    if "commits" in whole:
        assert small == {**whole, "commits": [], "commits_complete": False}
    elif "payload" in whole:
        assert small == {**whole, "payload": None, "reason": "too_large"}
    else:
        text, cut = whole["comment"]["text"], small["comment"]["text"]
        assert small == {**whole, "comment": {**whole["comment"], "text": cut}}
        assert text.startswith(cut[:-1])
        assert (len(cut), cut[-1]) == (4096, "…")


async def test_by_default_a_record_may_be_larger_than_a_batch_and_has_nearly_a_mebibyte(
    real_broker: Broker, tmp_path: Path, topic: str
) -> None:
    async with publishing(settings_for(tmp_path, real_broker.bootstrap, topic)) as gateway:
        [whole] = await big_push(gateway, "pay/ledger", 800_000)
        [shrunk] = await big_push(gateway, "pay/ledger", 1_000_000)
        await drained(gateway)
        kept = await accepted(gateway)

    found = await values(real_broker, f"{topic}.refs")
    assert found[whole] == kept[whole]
    assert found[shrunk] == {**kept[shrunk], "commits": [], "commits_complete": False}


async def test_the_limit_of_the_settings_counts_where_the_topic_takes_more(
    real_broker: Broker, tmp_path: Path, topic: str
) -> None:
    settings = settings_for(
        tmp_path, real_broker.bootstrap, topic, max_request_bytes="20KiB", content_mode="structured"
    )
    async with publishing(settings) as gateway:
        [whole] = await big_push(gateway, "pay/ledger", 15_000)
        [shrunk] = await big_push(gateway, "pay/ledger", 21_000)
        await drained(gateway)

    records = await asyncio.to_thread(real_broker.read, f"{topic}.refs")
    found = {value["id"]: value["data"] for value in (orjson.loads(each.value or b"") for each in records)}
    assert found[whole]["commits"]
    assert (found[shrunk]["commits"], found[shrunk]["commits_complete"]) == ([], False)


async def test_a_limit_that_was_lowered_meanwhile_holds_nothing_up_for_long(
    real_broker: Broker, tmp_path: Path, topic: str
) -> None:
    async with publishing(settings_for(tmp_path, real_broker.bootstrap, topic)) as gateway:
        events = await push(gateway, "pay/ledger")
        await drained(gateway)
        await asyncio.to_thread(alter, real_broker, f"{topic}.refs", "max.message.bytes", str(LIMIT))
        events += await big_push(gateway, "pay/ledger", 3 * LIMIT)
        events += await push(gateway, "pay/ledger")
        await drained(gateway)

    assert ids(await read(real_broker, f"{topic}.refs")) == events


async def test_where_the_limit_may_not_be_asked_it_is_found_by_refusals(
    secured_broker: SecuredBroker, tmp_path: Path, topic: str
) -> None:
    """A producer needs no right to describe the settings of a topic, and what is refused whole may go in parts."""
    secured_broker.create_topic(f"{topic}.refs", 1, SMALL)
    secured_broker.grant(f"{topic}.refs", "WRITE", "DESCRIBE")
    async with publishing(settings_for(tmp_path, "", topic)) as gateway:
        events = [event for _ in range(40) for event in await push(gateway, "pay/ledger")]
        events += await big_push(gateway, "pay/ledger", 3 * LIMIT)
        events += await push(gateway, "pay/ledger")
    async with publishing(secured(secured_broker, tmp_path, topic), publish_kept=True) as gateway:
        await drained(gateway)

    assert ids(await read(secured_broker, f"{topic}.refs")) == events


@pytest.fixture
def letter() -> bytes:
    """What is no JSON, and cannot be made smaller: a dead letter is raw."""
    return b"<" * 9_000


async def test_what_cannot_be_made_small_enough_holds_its_partition_alone_and_is_counted_over_a_restart(
    real_broker: Broker, tmp_path: Path, topic: str, letter: bytes
) -> None:
    """Its topic goes on where it can, and what is still to be sent is known exactly."""
    letters = f"{topic}.dead-letter"
    real_broker.create_topic(letters, 4, {"max.message.bytes": "3000"})
    repositories = [f"pay/repository-{number}" for number in range(12)]
    settings = settings_for(tmp_path, real_broker.bootstrap, topic)
    async with publishing(settings_for(tmp_path, "", topic)) as gateway:
        await gateway.post(f"{HOST}/{repositories[0]}", letter)
        for each in repositories:
            await gateway.post(f"{HOST}/{each}", b"<")
    async with publishing(settings, publish_kept=True) as gateway:
        assert await blocked(gateway, letters) == "too_large"
        events = await push(gateway, "pay/ledger")

        await drained_but(gateway, waiting_at_most=4)
        there = len(await asyncio.to_thread(real_broker.read, letters))
        assert there > 0
        assert ids(await read(real_broker, f"{topic}.refs")) == events
        assert await metric(gateway, "published_total", topic=letters) == there
        assert (await kafka_of(gateway))["waiting"] == 13 - there

    async with publishing(settings) as gateway:
        assert (await kafka_of(gateway))["waiting"] == 13 - there
        await asyncio.to_thread(alter, real_broker, letters, "max.message.bytes", "30000")
        await drained(gateway)
    found = await asyncio.to_thread(real_broker.read, letters)
    assert len(found) == 13
    assert [each.value for each in found if each.key == f"{HOST}/{repositories[0]}".encode()] == [letter, b"<"]


async def drained_but(gateway: Gateway, waiting_at_most: int) -> None:
    async with asyncio.timeout(20):
        while (await kafka_of(gateway))["waiting"] > waiting_at_most:
            await asyncio.sleep(0.05)
