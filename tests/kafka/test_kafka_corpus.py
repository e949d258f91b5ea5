"""Real payloads over real HTTP, read back from a real Kafka: the same events as `/api/v1/events`, in both modes.

Nothing that the gateway uses judges here: librdkafka reads the records, Java's own producer says to which partition a
key goes, and the package of the CloudEvents project reads both content modes.
"""

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from broker.kafka import Record
from broker.server import Broker
from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka_event
from gateways import Answer, Gateway, settings_of, started
from hooks import Proof, signed, token
from msgspec import Struct
from publishing import drained

CORPUS = Path(__file__).resolve().parents[2].parent / "shared" / "corpus"
FORMS = {"payload": None, "invalid": None, "wrapped: .payload": "payload", "wrapped: .data": "data"}
SIGNING = {"data-center", "cloud"}
PARTITIONS = 5
DEAD_LETTER_BYTES = 64 * 1024
STRUCTURED = [("content-type", b"application/cloudevents+json; charset=UTF-8")]

ATTRIBUTES = ("specversion", "id", "source", "type", "subject", "time")
EXTENSIONS = ("partitionkey", "dataschema", "sequence", "deliveryid", "dialect", "eventkey", "gap", "claimedkey")

JavaPartitions = Callable[[Sequence[bytes], int], list[int]]


class Payload(Struct, frozen=True):
    """A file of the corpus as a hook would send it, to a host of its own so that no file repeats another."""

    host: str
    dialect: str
    event_key: str
    body: bytes

    @property
    def scope(self) -> str:
        """The URL's scope: the host, or a repository for what names none."""
        try:
            body = json.loads(self.body)
        except ValueError:
            return f"{self.host}/corpus/broken"
        named = isinstance(body, dict) and ("repository" in body or "pullRequest" in body)
        return self.host if named else f"{self.host}/corpus/nameless"


class Told(Struct, frozen=True):
    """What came of the corpus: payloads and answers, what `/api/v1/events` shows, and the records by topic."""

    payloads: Sequence[Payload]
    answers: Sequence[Answer]
    events: Sequence[Mapping[str, Any]]
    topics: Mapping[str, Sequence[Record]]
    partitions: Mapping[str, int]
    dead_letters: Sequence[Record]

    @property
    def records(self) -> Iterator[tuple[str, Record]]:
        """Every record of an event, with its topic."""
        return ((topic, record) for topic, records in self.topics.items() for record in records)


def payloads() -> list[Payload]:
    index = CORPUS / "index.json"
    if not index.exists():
        pytest.skip(f"the corpus of real payloads is not there: {CORPUS}")
    entries = [entry for entry in json.loads(index.read_text()) if entry["form"] in FORMS]
    return [payload(number, entry) for number, entry in enumerate(entries)]


def payload(number: int, entry: Mapping[str, str]) -> Payload:
    raw, member = (CORPUS / entry["file"]).read_bytes(), FORMS[entry["form"]]
    dialect = "data-center" if entry["dialect"] == "invalid" else entry["dialect"]
    event_key = entry["event_key"].partition("|")[0]
    if event_key.startswith("("):
        event_key = "" if dialect == "post-receive" else "repo:refs_changed"
    body = raw if member is None else json.dumps(json.loads(raw)[member]).encode()
    return Payload(f"{dialect}-{number}.example.com", dialect, event_key, body)


async def post(gateway: Gateway, sent: Payload) -> Answer:
    proof: Proof = signed() if sent.dialect in SIGNING else token()
    kind = {"X-Bitbucket-Type": "server"} if sent.dialect == "post-webhooks-app" else None
    return await gateway.post(sent.scope, sent.body, sent.event_key or None, proof=proof, headers=kind)


async def told_of(broker: Broker, directory: Path, prefix: str, mode: str) -> Told:
    """All of it posted once, and all of it read back."""
    sent, letters = payloads(), f"{prefix}.dead-letter"
    kafka = {
        "bootstrap_servers": broker.bootstrap,
        "topic": prefix + ".{family}",
        "dead_letter_topic": letters,
        "content_mode": mode,
        "partitions": PARTITIONS,
    }
    hosts = {each.host: {"dialect": "cloud"} for each in sent if each.dialect == "cloud"}
    async with started(settings_of(directory, hosts=hosts, kafka=kafka)) as gateway:
        answers = [await post(gateway, each) for each in sent]
        events = await gateway.events()
        await drained(gateway)
    partitions = {name: count for name, count in broker.topics().items() if name.startswith(f"{prefix}.")}
    topics = {name: broker.read(name) for name in partitions}
    return Told(sent, answers, events, topics, partitions, topics.pop(letters))


@pytest.fixture(scope="module")
def binary(real_broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Told:
    return asyncio.run(told_of(real_broker, tmp_path_factory.mktemp("binary"), "corpus-binary", "binary"))


@pytest.fixture(scope="module")
def structured(real_broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Told:
    return asyncio.run(told_of(real_broker, tmp_path_factory.mktemp("structured"), "corpus-structured", "structured"))


@pytest.fixture(params=["binary", "structured"])
def told(request: pytest.FixtureRequest) -> Told:
    found: Told = request.getfixturevalue(request.param)
    return found


def expected_headers(event: Mapping[str, Any]) -> dict[str, bytes]:
    """The headers of an event in binary mode, made of what `/api/v1/events` shows as the Kafka binding says."""
    words = {name: "true" if event[name] is True else event[name] for name in ATTRIBUTES + EXTENSIONS if name in event}
    return {"content-type": b"application/json"} | {f"ce_{name}": word.encode() for name, word in words.items()}


def without_cursor(event: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name != "cursor"}


def test_the_corpus_is_read_back_once_and_whole(told: Told) -> None:
    answered = [event for answer in told.answers for event in answer.json()["events"]]
    found = [event_of(record).get_id() for _, record in told.records]

    assert {answer.status for answer in told.answers} == {202}
    assert len(answered) > 150
    assert sorted(found) == sorted(answered) == sorted(event["id"] for event in told.events)


def test_in_binary_mode_headers_and_value_are_those_of_the_contract(binary: Told) -> None:
    events = {event["id"].encode(): event for event in binary.events}

    for _, record in binary.records:
        headers = dict(record.headers)
        event = events[headers["ce_id"] or b""]
        assert len(headers) == len(record.headers)
        assert headers == expected_headers(event)
        assert orjson.loads(record.value or b"") == event["data"]


def test_in_structured_mode_the_value_is_the_event(structured: Told) -> None:
    events = {event["id"]: event for event in structured.events}

    for _, record in structured.records:
        value = orjson.loads(record.value or b"")
        assert record.headers == STRUCTURED
        assert value == without_cursor(events[value["id"]])


def event_of(record: Record) -> Any:  # noqa: ANN401 - the package gives an event of either version
    headers = {name: value or b"" for name, value in record.headers}
    return from_kafka_event(KafkaMessage(headers, record.key, record.value or b""))


def test_the_package_of_cloudevents_reads_the_same_in_both_modes(told: Told) -> None:
    events = {event["id"]: event for event in told.events}

    for _, record in told.records:
        found = event_of(record)
        event = events[found.get_id()]
        moment = found.get_time().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        assert (found.get_specversion(), found.get_source()) == ("1.0", event["source"])
        assert (found.get_type(), found.get_subject(), moment) == (event["type"], event.get("subject"), event["time"])
        assert (found.get_datacontenttype(), found.get_dataschema()) == ("application/json", event["dataschema"])
        assert found.get_extension("sequence") == event["sequence"]
        assert found.get_data() == event["data"]


def test_key_topic_and_time_of_a_record_are_those_of_the_event(told: Told) -> None:
    families = {"ref": "refs", "pull_request": "pull-requests", "unknown": "unknown"}
    events = {event["id"]: event for event in told.events}

    for topic, record in told.records:
        event = events[event_of(record).get_id()]
        family = event["type"].removeprefix("org.bitbucket.").partition(".")[0]
        assert record.key == event["partitionkey"].encode()
        assert event["source"] == f"/repo-syncer/repos/{event['partitionkey']}"
        assert topic.partition(".")[2] == families[family]
        assert int(record.timestamp) == milliseconds(event["time"])


def milliseconds(moment: str) -> int:
    """Unix time of an RFC 3339 text, by the standard library and nothing of the gateway."""
    return round(datetime.fromisoformat(moment).timestamp() * 1000)


def test_every_key_lies_in_the_partition_that_java_would_choose(told: Told, java_partitions: JavaPartitions) -> None:
    assert set(told.partitions.values()) == {PARTITIONS}
    records = [record for _, record in told.records] + list(told.dead_letters)
    keys = sorted({record.key or b"" for record in records})
    expected = dict(zip(keys, java_partitions(keys, PARTITIONS), strict=True))

    assert set(expected.values()) == set(range(PARTITIONS))
    assert all(record.partition == expected[record.key or b""] for record in records)


def test_what_cannot_be_read_lies_in_the_topic_of_dead_letters(told: Told) -> None:
    letters = [
        (sent, answer.json()["delivery"])
        for sent, answer in zip(told.payloads, told.answers, strict=True)
        if answer.json()["outcome"] == "dead_letter"
    ]
    found = {dict(record.headers)["delivery"]: record for record in told.dead_letters}

    assert len(letters) == len(told.dead_letters) > 0
    for sent, delivery in letters:
        record = found[delivery.encode()]
        headers = dict(record.headers)
        reason = headers.pop("reason") or b""
        assert reason.startswith(b"no JSON")
        assert headers == {
            "delivery": delivery.encode(),
            "scope": sent.scope.encode(),
            "eventkey": sent.event_key.encode(),
            "bytes": str(len(sent.body)).encode(),
            "sha256": hashlib.sha256(sent.body).hexdigest().encode(),
            "content-type": b"application/json",
        }
        assert record.key == sent.scope.encode()
        assert record.value == sent.body[:DEAD_LETTER_BYTES]
