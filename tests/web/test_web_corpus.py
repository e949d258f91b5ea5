"""Real payloads of public repositories over real HTTP: all are taken, and every ref change they speak of is told once.

Each is sent to a host of its own, so that no file repeats another; what names no repository goes to the URL of one.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_structured_event
from cloudevents.core.formats.json import JSONFormat
from gateways import NDJSON, Answer, Gateway, settings_of, started
from hooks import Proof, signed, token
from msgspec import Struct
from payloads import CLOUD, CORPUS, PUSHES, READERS, Payload, is_push, is_readable, moves, parsed, payloads
from shapes import check_pull_request, check_ref

TYPES: Mapping[tuple[str, str], set[str]] = {
    ("data-center", "pr:opened"): {"opened"},
    ("data-center", "pr:modified"): {"updated", "retargeted"},
    ("data-center", "pr:from_ref_updated"): {"source_updated"},
    ("data-center", "pr:merged"): {"merged"},
    ("data-center", "pr:declined"): {"declined"},
    ("data-center", "pr:reviewer:approved"): {"approved"},
    ("data-center", "pr:comment:added"): {"comment.added"},
    (CLOUD, "pullrequest:created"): {"opened"},
    (CLOUD, "pullrequest:updated"): {"updated"},
    (CLOUD, "pullrequest:fulfilled"): {"merged"},
    (CLOUD, "pullrequest:rejected"): {"declined"},
    (CLOUD, "pullrequest:approved"): {"approved"},
    (CLOUD, "pullrequest:comment_created"): {"comment.added"},
}
"""Dialect and event key -> the verbs of `org.bitbucket.pull_request.…` it may become."""

ATTRIBUTES = {"specversion", "id", "source", "type", "time", "partitionkey", "dataschema", "sequence", "deliveryid"}
ATTRIBUTES |= {"dialect", "datacontenttype", "data", "cursor"}
OPTIONAL = {"subject", "eventkey", "gap", "claimedkey"}
RECEIVED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


class Sent(Struct, frozen=True):
    """A payload, the answer to it, and the events the answer names."""

    payload: Payload
    answer: Answer
    events: list[dict[str, Any]]


class Told(Struct, frozen=True):
    """What came of all payloads, by file, and what `/api/v1/events` shows in the end."""

    sent: Mapping[str, Sent]
    lines: list[bytes]
    page: list[dict[str, Any]]


def files() -> list[str]:
    return [payload.file for payload in payloads()]


@pytest.fixture(scope="module")
def told() -> Told:
    """All of it, posted once."""
    if not payloads():
        pytest.skip(f"the corpus of real payloads is not there: {CORPUS}")
    with TemporaryDirectory() as directory:
        return asyncio.run(post_all(Path(directory)))


async def post_all(directory: Path) -> Told:
    hosts = {payload.host: {"dialect": "cloud"} for payload in payloads() if payload.dialect == CLOUD}
    async with started(settings_of(directory / "data", hosts=hosts)) as gateway:
        answers = []
        for payload in payloads():
            proof: Proof = signed() if payload.dialect in {CLOUD, "data-center"} else token()
            kind = {"X-Bitbucket-Type": "server"} if payload.dialect == "post-webhooks-app" else None
            answers.append(
                await gateway.post(payload.scope, payload.body, payload.event_key or None, proof=proof, headers=kind)
            )
        ndjson = await gateway.get("/api/v1/events", accept=NDJSON)
        page = await pages(gateway)
    lines = ndjson.body.splitlines()
    by_id = {event["id"]: event for event in map(orjson.loads, lines)}
    sent = {
        payload.file: Sent(payload, answer, [by_id[event] for event in answer.json().get("events", ())])
        for payload, answer in zip(payloads(), answers, strict=True)
    }
    return Told(sent, lines, page)


async def pages(gateway: Gateway) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    after = "0"
    while True:
        page = (await gateway.get(f"/api/v1/events?limit=100&after={after}")).json()
        if not page["items"]:
            return items
        items += page["items"]
        after = page["next"]


@pytest.mark.parametrize("file", files())
def test_every_payload_is_taken(told: Told, file: str) -> None:
    sent = told.sent[file]

    assert sent.answer.status == 202
    assert set(sent.answer.json()) == {"delivery", "outcome", "events"}
    assert sent.answer.outcome in ({"dead_letter"} if parsed(sent.payload) is None else {"accepted", "unknown"})


@pytest.mark.parametrize("file", [payload.file for payload in payloads() if is_push(payload)])
def test_every_ref_change_of_a_push_is_one_event(told: Told, file: str) -> None:
    sent = told.sent[file]
    expected = moves(sent.payload)

    refs = [event for event in sent.events if event["type"].startswith("org.bitbucket.ref.")]

    assert len(refs) == len(expected)
    assert {(event["data"]["ref"]["id"], event["data"]["before"], event["data"]["after"]) for event in refs} == expected
    for event in refs:
        before, after = event["data"]["before"], event["data"]["after"]
        verb = "created" if before is None else "deleted" if after is None else "updated"
        assert event["type"] == f"org.bitbucket.ref.{verb}"
        assert event["subject"] == event["data"]["ref"]["id"]
    unreadable = [move for move in READERS[sent.payload.dialect](sent.payload.json) if not is_readable(move)]
    others = [event["type"] for event in sent.events if event not in refs]
    assert others == ["org.bitbucket.unknown"] * len(unreadable)


def test_the_corpus_has_pushes_of_every_dialect(told: Told) -> None:
    counts = Counter(
        sent.payload.dialect for sent in told.sent.values() if is_push(sent.payload) and moves(sent.payload)
    )

    assert set(counts) == {dialect for dialect, _ in PUSHES}
    assert counts.total() > 50


@pytest.mark.parametrize("file", [file.file for file in payloads() if (file.dialect, file.event_key) in TYPES])
def test_a_pull_request_is_one_event_of_its_key_or_unknown(told: Told, file: str) -> None:
    sent = told.sent[file]
    verbs = TYPES[sent.payload.dialect, sent.payload.event_key]
    [event] = sent.events

    if sent.answer.outcome == "accepted":
        assert event["type"] in {f"org.bitbucket.pull_request.{verb}" for verb in verbs}
        member = sent.payload.json["pullrequest" if sent.payload.dialect == CLOUD else "pullRequest"]
        assert event["data"]["pull_request"]["id"] == str(member["id"])
        assert event["data"]["pull_request"]["title"] == member.get("title")
        assert event["subject"] == f"pull-requests/{member['id']}"
    else:
        assert event["data"]["reason"]


def test_hardly_a_pull_request_of_the_corpus_is_unknown(told: Told) -> None:
    """What is: documentation samples with placeholders, and bodies without the object their key is about."""
    known = [sent for sent in told.sent.values() if (sent.payload.dialect, sent.payload.event_key) in TYPES]
    unknown = {
        sent.payload.file: sent.events[0]["data"]["reason"] for sent in known if sent.answer.outcome == "unknown"
    }

    assert len(known) > 60
    assert len(unknown) < 8, unknown


@pytest.mark.parametrize("file", files())
def test_the_attributes_are_those_of_the_contract(told: Told, file: str) -> None:
    sent = told.sent[file]
    payload = sent.payload
    for event in sent.events:
        assert ATTRIBUTES <= set(event) <= ATTRIBUTES | OPTIONAL
        assert event["specversion"] == "1.0"
        assert event["datacontenttype"] == "application/json"
        assert event["source"] == "/repo-syncer/repos/" + event["partitionkey"]
        assert event["partitionkey"] == event["partitionkey"].lower()
        assert event["partitionkey"].split("/")[0] == payload.host
        assert event["dataschema"].endswith(f"/schemas/v1/{event['type']}.json")
        assert re.fullmatch(r"\d{20}", event["sequence"])
        assert RECEIVED.fullmatch(event["time"])
        assert event["deliveryid"] == sent.answer.json()["delivery"]
        assert event["dialect"] == payload.dialect
        assert event.get("eventkey", "") == payload.event_key
        assert event.get("gap") in {None, True}
        assert "claimedkey" not in event


@pytest.mark.parametrize("file", files())
def test_the_data_are_those_of_the_contract(told: Told, file: str) -> None:
    for event in told.sent[file].events:
        data = event["data"]
        if event["type"] == "org.bitbucket.unknown":
            assert set(data) == {"event_key", "reason", "payload"}
            assert data["payload"] is not None
        elif event["type"].startswith("org.bitbucket.ref."):
            check_ref(data)
        else:
            check_pull_request(data)


def test_the_events_are_shown_as_they_were_answered_in_order(told: Told) -> None:
    answered = [event for sent in told.sent.values() for event in sent.answer.events]
    lines = [orjson.loads(line) for line in told.lines]

    assert [event["id"] for event in lines] == answered
    assert [event["id"] for event in told.page] == answered
    assert lines == told.page
    assert len(set(answered)) == len(answered)
    sequences = [event["sequence"] for event in lines]
    assert sequences == sorted(set(sequences))


def test_another_library_reads_every_event(told: Told) -> None:
    for line in told.lines:
        raw = orjson.loads(line)
        message = HTTPMessage({"content-type": "application/cloudevents+json"}, line)

        event = from_structured_event(message)

        assert JSONFormat().read(None, line).get_id() == event.get_id() == raw["id"]
        assert (event.get_type(), event.get_source()) == (raw["type"], raw["source"])
        assert event.get_subject() == raw.get("subject")
        assert event.get_specversion() == "1.0"
        assert event.get_dataschema() == raw["dataschema"]
        assert event.get_datacontenttype() == "application/json"
        assert event.get_extension("sequence") == raw["sequence"]
        assert event.get_extension("partitionkey") == raw["partitionkey"]
        assert event.get_data() == raw["data"]
        time = event.get_time()
        assert time is not None
        assert time.isoformat(timespec="milliseconds").replace("+00:00", "Z") == raw["time"]
