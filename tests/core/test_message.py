"""Kafka records as CloudEvents: what stands in them, and that the PyPI `cloudevents` package reads them."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import orjson
from cloudevents.core.bindings import kafka
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.message import Entry, Message, attributes, message, structured, timestamp, topic

FEW = settings(max_examples=20, deadline=None, database=None)

URL = "https://gateway.example.com/webhooks"
DATA = '{"event_key": null,  "text": "naïve \U0001f600", "number": 18446744073709551615}'
BARE = Entry(
    sequence=42,
    id="0123456789abcdef0123456789abcdef",
    delivery="019b76da5a001122334455667788",
    received_at=1_767_225_600_250,
    dialect="post-receive",
    event_key="",
    key="bitbucket.example.com/prj",
    type="unknown",
    subject=None,
    topic="bitbucket.unknown",
    gap=False,
    claimed_key=None,
    headers=None,
    data=DATA.encode(),
)
FULL = msgspec.structs.replace(
    BARE,
    dialect="data-center",
    event_key="repo:refs_changed",
    key="bitbucket.example.com/prj/repo",
    type="ref.updated",
    subject="refs/heads/naïve",
    topic="bitbucket.refs",
    gap=True,
    claimed_key="bitbucket.example.com/prj/new-name",
)
FULL_ATTRIBUTES = {
    "specversion": "1.0",
    "id": "0123456789abcdef0123456789abcdef",
    "source": "/repo-syncer/repos/bitbucket.example.com/prj/repo",
    "type": "org.bitbucket.ref.updated",
    "subject": "refs/heads/naïve",
    "time": "2026-01-01T00:00:00.250Z",
    "partitionkey": "bitbucket.example.com/prj/repo",
    "dataschema": "https://gateway.example.com/webhooks/schemas/v1/org.bitbucket.ref.updated.json",
    "sequence": "00000000000000000042",
    "deliveryid": "019b76da5a001122334455667788",
    "dialect": "data-center",
    "eventkey": "repo:refs_changed",
    "gap": "true",
    "claimedkey": "bitbucket.example.com/prj/new-name",
}
DEAD_LETTER_HEADERS = {
    "reason": "no JSON: unexpected end",
    "delivery": "019b76da5a001122334455667788",
    "scope": "bitbucket.example.com/prj",
    "eventkey": "repo:refs_changed",
    "bytes": "2",
    "sha256": "d7caf8f0",
    "content-type": "application/json; charset=utf-8",
}


def read(record: Message) -> Any:  # noqa: ANN401 - the package's own event
    """The record as a consumer with the `cloudevents` package reads it."""
    return kafka.from_kafka_event(kafka.KafkaMessage(headers=dict(record.headers), key=record.key, value=record.value))


def test_in_binary_mode_the_value_is_the_data_and_the_attributes_are_headers() -> None:
    record = message(FULL, URL, "binary")
    headers = {name: value.decode() for name, value in record.headers}

    assert len(record.headers) == len(headers)
    assert headers == {
        "content-type": "application/json",
        **{f"ce_{name}": text for name, text in FULL_ATTRIBUTES.items()},
    }
    assert (record.topic, record.key, record.value) == (
        "bitbucket.refs",
        b"bitbucket.example.com/prj/repo",
        DATA.encode(),
    )


def test_in_structured_mode_the_value_is_the_same_event_as_one_json() -> None:
    record = message(FULL, URL, "structured")

    assert record.headers == [("content-type", b"application/cloudevents+json; charset=UTF-8")]
    assert orjson.loads(record.value) == {
        **FULL_ATTRIBUTES,
        "gap": True,
        "datacontenttype": "application/json",
        "data": orjson.loads(DATA),
    }
    assert (record.topic, record.key) == ("bitbucket.refs", b"bitbucket.example.com/prj/repo")


def test_the_data_is_passed_on_byte_for_byte() -> None:
    assert message(FULL, URL, "binary").value == DATA.encode()
    assert DATA.encode() in message(FULL, URL, "structured").value


def test_what_does_not_apply_is_left_out() -> None:
    absent = {"subject", "eventkey", "gap", "claimedkey"}
    binary, whole = message(BARE, URL, "binary"), orjson.loads(message(BARE, URL, "structured").value)

    assert {name for name, _ in binary.headers} == {
        "content-type",
        *(f"ce_{name}" for name in FULL_ATTRIBUTES.keys() - absent),
    }
    assert whole.keys() == {"data", "datacontenttype", *(FULL_ATTRIBUTES.keys() - absent)}


def test_the_cloudevents_package_reads_both_content_modes() -> None:
    binary, whole = read(message(FULL, URL, "binary")), read(message(FULL, URL, "structured"))
    expected = {
        **FULL_ATTRIBUTES,
        "datacontenttype": "application/json",
        "time": datetime(2026, 1, 1, 0, 0, 0, 250_000, UTC),
    }

    assert binary.get_attributes() == expected
    assert whole.get_attributes() == {**expected, "gap": True}
    assert binary.get_data() == whole.get_data() == orjson.loads(DATA)


def test_the_cloudevents_package_reads_the_fewest_attributes_there_can_be() -> None:
    binary, whole = read(message(BARE, URL, "binary")), read(message(BARE, URL, "structured"))

    assert binary.get_attributes() == whole.get_attributes()
    assert (binary.get_type(), binary.get_subject()) == ("org.bitbucket.unknown", None)
    assert binary.get_source() == "/repo-syncer/repos/bitbucket.example.com/prj"


def test_an_event_outside_kafka_is_the_same_json_with_further_extensions() -> None:
    found = orjson.loads(structured(FULL, URL, cursor="i-42"))

    assert found.pop("cursor") == "i-42"
    assert found == orjson.loads(message(FULL, URL, "structured").value)


def test_names_of_attributes_are_those_cloudevents_allows() -> None:
    """CloudEvents 1.0.2 §3.1: lower-case letters and digits, 20 at most."""
    assert [name for name in attributes(FULL, URL) if not re.fullmatch("[a-z0-9]{1,20}", name)] == []


def test_a_dead_letter_is_no_event_its_raw_bytes_go_with_the_reason() -> None:
    headers = orjson.dumps(DEAD_LETTER_HEADERS).decode()
    letter = msgspec.structs.replace(
        BARE, type="dead_letter", topic="bitbucket.dead-letter", headers=headers, data=b"{\xff"
    )

    for record in (message(letter, URL, "binary"), message(letter, URL, "structured")):
        assert dict(record.headers) == {name: text.encode() for name, text in DEAD_LETTER_HEADERS.items()}
        assert (record.topic, record.key, record.value) == (
            "bitbucket.dead-letter",
            b"bitbucket.example.com/prj",
            b"{\xff",
        )


@FEW
@given(st.integers(0, 4_102_444_800_000))
def test_a_time_is_rfc_3339_in_utc_with_its_milliseconds(milliseconds: int) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    written = timestamp(milliseconds)

    assert datetime.fromisoformat(written) == moment
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", written)


@FEW
@given(st.integers(0, 2**63 - 1), st.integers(0, 2**63 - 1))
def test_sequences_sort_as_texts_as_they_do_as_numbers(one: int, other: int) -> None:
    texts = [attributes(msgspec.structs.replace(BARE, sequence=number), URL)["sequence"] for number in (one, other)]

    assert (str(texts[0]) < str(texts[1])) == (one < other)
    assert [len(str(text)) for text in texts] == [20, 20]


TOPICS = {
    ("bitbucket.{family}", "refs", "h/p/r"): "bitbucket.refs",
    ("bitbucket.{family}", "pull-requests", "h"): "bitbucket.pull-requests",
    ("everything", "refs", "h/p/r"): "everything",
    ("{hostname}.{project}.{family}", "refs", "h.example.com/p/r"): "h.example.com.p.refs",
    ("{hostname}.{project}", "refs", "h.example.com:7990/~jane/r"): "h.example.com-7990.-jane",
    ("{hostname}", "refs", "[2001:db8::1]:7990/p/r"): "-2001-db8--1--7990",
    ("{project}_x", "refs", "h/caf\u00e9 'n'_co/r"): "caf---n-_co_x",
    ("{project}", "unknown", "h/p"): "p",
}


def test_a_topic_is_its_template_with_the_names_in_it_and_what_kafka_forbids_as_a_dash() -> None:
    assert {about: topic(*about) for about in TOPICS} == TOPICS


@FEW
@given(
    st.lists(
        st.sampled_from(["a", "9", ".", "_", "-", ":", "~", "é", "{", "}", "{family}", "%s", "@"]), min_size=1
    ).map("".join)
)
def test_no_name_brings_a_character_into_a_topic_that_kafka_forbids(project: str) -> None:
    assert re.fullmatch("[a-zA-Z0-9._-]+", topic("t.{hostname}.{project}.{family}", "refs", f"h:1/{project}/r"))


def test_an_event_of_a_whole_host_has_a_topic_too() -> None:
    assert re.fullmatch(r"t\.[a-z-]+", topic("t.{project}", "unknown", "h"))
