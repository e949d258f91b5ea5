"""What a delivery does to the journal: recall, decide, and write what was decided; one transaction with others.

Runs on the writer thread. The decision is `identity`'s; here are only its statements.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TypeVar

import orjson
from msgspec import Struct

from gateway.authenticate import Proof
from gateway.delivery import Delivery
from gateway.event import family
from gateway.identity import (
    Decision,
    Evidence,
    Known,
    Numbered,
    Outcome,
    Recall,
    RefState,
    dead_letter,
    decide,
    recall,
    settle,
)
from gateway.intake import Intake

T = TypeVar("T")

SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie"})

_INSERT_DELIVERY = (
    "INSERT INTO deliveries (id, received_at, scope, key, dialect, event_key, outcome, evidence, reason, proof,"
    " event_ids, last_sequence, headers, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_INSERT_EVENT = (
    "INSERT INTO events (id, delivery, received_at, dialect, event_key, key, type, subject, topic, gap, claimed_key,"
    " headers, due, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_REMEMBER = "INSERT OR REPLACE INTO identities (key, received_at, value) VALUES (?, ?, ?)"
_MOVE_REF = (
    "INSERT OR REPLACE INTO refs (repository, ref, commit_hash, content, occurrence, updated_at)"
    " VALUES (?, ?, ?, ?, ?, ?)"
)
_KNOW_TOPIC = "INSERT OR IGNORE INTO topics (name, cursor) VALUES (?, 0)"
_AT_ONCE = 500
_HEAD = "SELECT seq FROM sqlite_sequence WHERE name = 'events'"


class Receipt(Struct, frozen=True):
    """What became of a delivery that is on the disk; the last four fields tell of its new events."""

    delivery: str
    outcome: Outcome
    evidence: Evidence | None
    event_ids: tuple[str, ...]
    families: tuple[str, ...]
    gaps: int
    topics: tuple[str, ...]
    last_sequence: int


def append(connection: sqlite3.Connection, taken: Intake, *, due: bool) -> Receipt:
    """Decide what a delivery is and write it with its events, identities and refs.

    `due` tells whether its events are to be published.
    """
    decision = _decide(connection, taken)
    taken = decision.intake
    delivery = taken.delivery
    last = 0
    for event in decision.events:
        last = _insert(connection, delivery, event, due=due)
    at = delivery.received_at
    for key, value in decision.identities.items():
        connection.execute(_REMEMBER, (key, at, value))
    for ref, state in decision.refs.items():
        connection.execute(_MOVE_REF, (taken.key, ref, state.commit, state.content, state.occurrence, at))
    _log(connection, decision)
    return Receipt(
        delivery=delivery.id,
        outcome=decision.outcome,
        evidence=decision.evidence,
        event_ids=decision.ids,
        families=tuple(family(event.draft.type) for event in decision.events),
        gaps=sum(event.gap for event in decision.events),
        topics=tuple(event.draft.topic for event in decision.events),
        last_sequence=last,
    )


def _decide(connection: sqlite3.Connection, taken: Intake) -> Decision:
    """Recall and decide; once more where what was recalled makes it another kind of delivery."""
    if taken.outcome == "dead_letter":
        return dead_letter(taken)
    wanted = recall(taken)
    known = _known(connection, taken.key, wanted)
    settled = settle(taken, wanted, known)
    if settled is not taken:
        wanted = recall(settled)
        known = _known(connection, settled.key, wanted)
    return decide(settled, wanted, known)


def _insert(connection: sqlite3.Connection, delivery: Delivery, event: Numbered, *, due: bool) -> int:
    draft = event.draft
    inserted = connection.execute(
        _INSERT_EVENT,
        (
            event.id,
            delivery.id,
            delivery.received_at,
            delivery.dialect,
            delivery.event_key,
            draft.key,
            draft.type,
            draft.subject,
            draft.topic,
            event.gap,
            draft.claimed_key,
            None if draft.headers is None else orjson.dumps(draft.headers).decode(),
            due,
            draft.data,
        ),
    )
    if due:
        connection.execute(_KNOW_TOPIC, (draft.topic,))
    return inserted.lastrowid or 0


def _known(connection: sqlite3.Connection, key: str, wanted: Recall) -> Known:
    identities: dict[bytes, bytes] = {}
    for keys in _chunks(wanted.keys()):
        identities.update(connection.execute(_recall_identities(len(keys)), keys))
    states: dict[str, RefState] = {}
    for refs in _chunks(wanted.refs):
        for ref, commit, content, occurrence in connection.execute(_recall_refs(len(refs)), (key, *refs)):
            states[ref] = RefState(commit, content, occurrence)
    return Known(identities, states)


def _chunks(wanted: Sequence[T]) -> Iterator[Sequence[T]]:
    """No more at once than a statement may have parameters, however many refs a push has."""
    return (wanted[start : start + _AT_ONCE] for start in range(0, len(wanted), _AT_ONCE))


@lru_cache(maxsize=64)
def _recall_identities(count: int) -> str:
    return f"SELECT key, value FROM identities WHERE key IN ({', '.join('?' * count)})"  # noqa: S608 - only marks


@lru_cache(maxsize=64)
def _recall_refs(count: int) -> str:
    marks = ", ".join("?" * count)
    return f"SELECT ref, commit_hash, content, occurrence FROM refs WHERE repository = ? AND ref IN ({marks})"  # noqa: S608


def _log(connection: sqlite3.Connection, decision: Decision) -> None:
    taken = decision.intake
    delivery = taken.delivery
    head = connection.execute(_HEAD).fetchone()
    connection.execute(
        _INSERT_DELIVERY,
        (
            delivery.id,
            delivery.received_at,
            str(delivery.scope),
            taken.key,
            delivery.dialect,
            delivery.event_key,
            decision.outcome,
            decision.evidence,
            taken.reason,
            _proof(taken.proof),
            orjson.dumps(decision.ids).decode(),
            head[0] if head else 0,
            _headers(delivery),
            delivery.body,
        ),
    )


def _proof(proof: Proof) -> str:
    return f"{proof.kind}:{proof.source}"


def _headers(delivery: Delivery) -> str:
    """The headers as JSON, what is secret in them redacted."""
    shown = {name: "[redacted]" if name in SECRET_HEADERS else value for name, value in delivery.headers.items()}
    return orjson.dumps(shown).decode()
