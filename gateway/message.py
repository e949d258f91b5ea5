"""An accepted event on its way out: `Entry`, and the CloudEvents messages made of it.

CloudEvents 1.0.2 with its Kafka binding: in binary mode the value is the `data` and the attributes are headers, in
structured mode everything is one JSON. `data` was encoded once when it was accepted and is never parsed again;
attributes are composed when an entry is read.
"""

import re
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import quote

import orjson
from msgspec import Struct

from gateway.delivery import HOOKS_PATH, SEGMENT_SAFE
from gateway.event import TYPE_PREFIX

SEQUENCE_DIGITS = 20
JSON = "application/json"
STRUCTURED = "application/cloudevents+json; charset=UTF-8"

KEY_SAFE = SEGMENT_SAFE + "/"

ContentMode = Literal["binary", "structured"]


class Entry(Struct, frozen=True):
    """An event as it lies in the journal. `received_at` in milliseconds; `data` is JSON; `event_key` may be empty.

    `headers` is set for a dead letter only, which is no event: its record has these headers, and `data` is raw.
    """

    sequence: int
    id: str
    delivery: str
    received_at: int
    dialect: str
    event_key: str
    key: str
    type: str
    subject: str | None
    topic: str
    gap: bool
    claimed_key: str | None
    headers: str | None
    data: bytes


class Message(Struct, frozen=True):
    """A Kafka record, for any client: topic, key, headers, value."""

    topic: str
    key: bytes
    headers: list[tuple[str, bytes]]
    value: bytes


def timestamp(milliseconds: int) -> str:
    """RFC 3339 in UTC with milliseconds: `2026-01-31T12:00:00.250Z`."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def attributes(entry: Entry, public_url: str) -> dict[str, str | bool]:
    """The context attributes of CloudEvents 1.0.2 §3, extensions last; absent ones are left out."""
    full_type = TYPE_PREFIX + entry.type
    found: dict[str, str | bool] = {
        "specversion": "1.0",
        "id": entry.id,
        "source": HOOKS_PATH + quote(entry.key, safe=KEY_SAFE),
        "type": full_type,
        "time": timestamp(entry.received_at),
        "partitionkey": entry.key,
        "dataschema": f"{public_url}/schemas/v1/{full_type}.json",
        "sequence": str(entry.sequence).zfill(SEQUENCE_DIGITS),
        "deliveryid": entry.delivery,
        "dialect": entry.dialect,
    }
    if entry.subject is not None:
        found["subject"] = entry.subject
    if entry.event_key:
        found["eventkey"] = entry.event_key
    if entry.gap:
        found["gap"] = True
    if entry.claimed_key is not None:
        found["claimedkey"] = entry.claimed_key
    return found


def structured(entry: Entry, public_url: str, **extensions: str) -> bytes:
    """The event as one JSON (CloudEvents JSON format 1.0.2), with further extensions where given."""
    return orjson.dumps(
        {
            **attributes(entry, public_url),
            **extensions,
            "datacontenttype": JSON,
            "data": orjson.Fragment(entry.data),
        }
    )


def message(entry: Entry, public_url: str, mode: ContentMode) -> Message:
    """The Kafka record of an event (CloudEvents Kafka binding 1.0.2 §3.2 and §3.3)."""
    key = entry.key.encode()
    if entry.headers is not None:
        told = orjson.loads(entry.headers).items()
        return Message(entry.topic, key, [(name, value.encode()) for name, value in told], entry.data)
    if mode == "structured":
        return Message(entry.topic, key, [("content-type", STRUCTURED.encode())], structured(entry, public_url))
    headers = [("content-type", JSON.encode())]
    for name, value in attributes(entry, public_url).items():
        headers.append((f"ce_{name}", b"true" if value is True else str(value).encode()))
    return Message(entry.topic, key, headers, entry.data)


_NOT_IN_TOPICS = re.compile(r"[^a-zA-Z0-9._-]")


def topic(template: str, family: str, key: str) -> str:
    """The topic of an event: `{family}`, `{hostname}` and `{project}` filled in, what Kafka does not allow as `-`."""
    hostname, _, rest = key.partition("/")
    names = {"family": family, "hostname": hostname, "project": rest.partition("/")[0] or "none"}
    return template.format_map({name: _NOT_IN_TOPICS.sub("-", value) for name, value in names.items()})
