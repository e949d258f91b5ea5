"""The sentence: authenticate, parse, normalize, encode.

From a delivery to its events in one pure function, which sees one delivery and remembers nothing: what is new and
what was said before is decided by `identity`. The `data` of an event is encoded here, once, for every later reader.
Authentic bytes are never refused: what cannot be read is a dead letter, what is not understood is `unknown`.
"""

import hashlib
from collections.abc import Mapping
from typing import Literal

import msgspec
from msgspec import Struct

from gateway.authenticate import Proof, Refused, authenticate
from gateway.delivery import Delivery, Host
from gateway.dialects import DIALECTS, Normalized, normalize
from gateway.dialects.reading import parse_json
from gateway.event import Data, RefChange, Unknown, family, unknown_event
from gateway.message import topic
from gateway.secrets import Keyring

PING_KEY = "diagnostics:ping"
PING_MAX_BYTES = 1024
DEAD_LETTER_BYTES = 64 * 1024

_encode = msgspec.json.Encoder().encode


class Move(Struct, frozen=True):
    """What a ref event says of its ref."""

    ref: str
    before: str | None
    after: str | None


class Draft(Struct, frozen=True):
    """An event that has no id yet. `content` tells equal facts: of a ref its change, of all else the bytes."""

    type: str
    key: str
    subject: str | None
    topic: str
    claimed_key: str | None
    content: bytes
    move: Move | None
    data: bytes
    headers: Mapping[str, str] | None = None


class Intake(Struct, frozen=True):
    """What a delivery says, before it is known whether it was said before."""

    delivery: Delivery
    proof: Proof
    outcome: Literal["accepted", "unknown", "dead_letter"]
    key: str
    digest: bytes
    drafts: tuple[Draft, ...] = ()
    reason: str | None = None
    dated: bool = False
    payload: object = None
    topics: str = ""
    dead_letters: str = ""

    @property
    def request_id(self) -> str | None:
        """What names this request where the dialect has such a thing."""
        room = DIALECTS.get(self.delivery.dialect)
        name = None if room is None else room.request_id_header
        return None if name is None else self.delivery.headers.get(name)

    @property
    def hook(self) -> tuple[str, str, str]:
        """Which hook speaks: URL scope, dialect, and the hook's id where it is sent."""
        room = DIALECTS.get(self.delivery.dialect)
        name = None if room is None else room.hook_id_header
        return str(self.delivery.scope), self.delivery.dialect, self.delivery.headers.get(name, "") if name else ""


def is_ping(event_key: str, body: bytes) -> bool:
    """Whether this is Bitbucket's connection test, which is not signed: an empty body or `{"test": true}`."""
    if event_key != PING_KEY or len(body) > PING_MAX_BYTES:
        return False
    try:
        payload = parse_json(body) if body else {"test": True}
    except ValueError:
        return False
    return isinstance(payload, dict) and payload.keys() == {"test"} and payload["test"] is True


def intake(
    delivery: Delivery, host: Host, keyring: Keyring, topics: str, dead_letters: str = "bitbucket.dead-letter"
) -> Intake | Refused:
    """The events of a delivery, or why it is not believed; `topics` is the template of topic names."""
    proof = authenticate(delivery, keyring, host)
    if isinstance(proof, Refused):
        return proof
    digest = hashlib.sha256(delivery.body).digest()
    try:
        payload = parse_json(delivery.body)
    except ValueError as error:
        return unread(delivery, proof, digest, f"no JSON: {error}", dead_letters)
    said = normalize(delivery, payload)
    understood = not said.events or any(event.type != "unknown" for event in said.events)
    return Intake(
        delivery=delivery,
        proof=proof,
        outcome="accepted" if understood else "unknown",
        key=said.key,
        digest=digest,
        drafts=_drafts(delivery, said, digest, topics),
        reason=said.reason,
        dated=said.dated,
        payload=payload,
        topics=topics,
        dead_letters=dead_letters,
    )


def unread(delivery: Delivery, proof: Proof, digest: bytes, reason: str, dead_letters: str) -> Intake:
    """A delivery that could not be read: the raw bytes (the first 64 KiB) and what is known of them."""
    draft = Draft(
        type="dead_letter",
        key=str(delivery.scope),
        subject=None,
        topic=dead_letters,
        claimed_key=None,
        content=b"",
        move=None,
        data=delivery.body[:DEAD_LETTER_BYTES],
        headers={
            "reason": reason,
            "delivery": delivery.id,
            "scope": str(delivery.scope),
            "eventkey": delivery.event_key,
            "bytes": str(len(delivery.body)),
            "sha256": digest.hex(),
            "content-type": delivery.headers.get("content-type", "application/octet-stream"),
        },
    )
    return Intake(delivery, proof, "dead_letter", str(delivery.scope), digest, drafts=(draft,), reason=reason)


def as_unknown(taken: Intake, reason: str) -> Intake:
    """The same delivery, its claimed event not believed."""
    event = unknown_event(taken.delivery.event_key, reason, taken.payload)
    said = Normalized(key=taken.key, events=[event], reason=reason)
    drafts = _drafts(taken.delivery, said, taken.digest, taken.topics)
    return msgspec.structs.replace(taken, outcome="unknown", drafts=drafts, reason=reason, dated=False)


def content_of_bytes(event_key: str, digest: bytes, position: int) -> bytes:
    """The content of what is no ref change: event key, bytes, and the position among the events of the body."""
    return b"\0".join((b"bytes", event_key.encode(), digest, str(position).encode()))


def content_of_move(move: Move) -> bytes:
    """The content of a ref change."""
    return "\0".join(("ref", move.ref, move.before or "", move.after or "")).encode()


def _drafts(delivery: Delivery, said: Normalized, digest: bytes, topics: str) -> tuple[Draft, ...]:
    drafts = []
    for position, event in enumerate(said.events):
        data = event.data
        move = Move(data.ref.id, data.before, data.after) if isinstance(data, RefChange) else None
        bytes_at = content_of_bytes(delivery.event_key, digest, position)
        drafts.append(
            Draft(
                type=event.type,
                key=said.key,
                subject=event.subject,
                topic=topic(topics, family(event.type), said.key),
                claimed_key=said.claimed_key,
                content=bytes_at if move is None else content_of_move(move),
                move=move,
                data=_encoded(data),
            )
        )
    return tuple(drafts)


def _encoded(data: Data) -> bytes:
    """The JSON of an event's data; a payload nested too deep to be written is left out, and that is said."""
    try:
        return _encode(data)
    except RecursionError:
        if not isinstance(data, Unknown):
            raise
        return _encode(Unknown(data.event_key, f"{data.reason}; the payload is nested too deep to be shown", None))
