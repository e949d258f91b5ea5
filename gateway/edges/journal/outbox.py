"""The journal as an outbox: what is due to be published, and what Kafka has acknowledged.

A topic's cursor stands behind the last event up to which everything is acknowledged; what was acknowledged beyond it
is known one by one in `publications` and is not read again. So after a crash sending resumes at the first event that
nobody acknowledged, and only what was in flight is sent twice.
"""

import sqlite3
from collections.abc import Sequence

from msgspec import Struct

from gateway.edges.journal.rows import COLUMNS, entry
from gateway.message import Entry

PAGE_ENTRIES = 1_000
PAGE_BYTES = 4 * 1024 * 1024
_KEPT_SLICE = 2_000

_DUE = (
    f"SELECT {COLUMNS} FROM events WHERE due = 1 AND topic = ? AND sequence > ? AND sequence <= ?"  # noqa: S608
    " AND NOT EXISTS (SELECT 1 FROM publications WHERE publications.sequence = events.sequence)"
    " ORDER BY sequence LIMIT ?"
)
_TOPICS = (
    "SELECT name, cursor,"
    " coalesce((SELECT max(sequence) FROM events WHERE due = 1 AND topic = name), 0),"
    " (SELECT count(*) FROM events WHERE due = 1 AND topic = name AND sequence > cursor"
    " AND NOT EXISTS (SELECT 1 FROM publications WHERE publications.sequence = events.sequence))"
    " FROM topics"
)
_FIRST_DUE = (
    "SELECT min((SELECT min(sequence) FROM events WHERE due = 1 AND topic = name AND sequence > cursor)) FROM topics"
)
_OLDEST = "SELECT received_at FROM events WHERE sequence = ?"


class Backlog(Struct, frozen=True):
    """How one topic stands: its cursor, the last sequence that is due, and how many events wait."""

    topic: str
    cursor: int
    head: int
    waiting: int


class Due(Struct, frozen=True):
    """The next events of a topic, and the sequence up to which there are no others."""

    entries: list[Entry]
    read_to: int


class Publication(Struct, frozen=True):
    """An event that Kafka has: its sequence, and where it lies."""

    sequence: int
    partition: int
    offset: int


def due(connection: sqlite3.Connection, topic: str, after: int, until: int) -> Due:
    """The events of a topic that are due and not acknowledged, a page by number and by bytes."""
    entries: list[Entry] = []
    size = 0
    for row in connection.execute(_DUE, (topic, after, until, PAGE_ENTRIES)):
        found = entry(row)
        size += len(found.data)
        entries.append(found)
        if size >= PAGE_BYTES:
            break
    is_full = len(entries) == PAGE_ENTRIES or size >= PAGE_BYTES
    return Due(entries, entries[-1].sequence if is_full else until)


def backlogs(connection: sqlite3.Connection) -> list[Backlog]:
    """Every topic that ever had something to publish."""
    return [Backlog(*row) for row in connection.execute(_TOPICS)]


def first_due(connection: sqlite3.Connection) -> int | None:
    """The first sequence that Kafka has not acknowledged though it should; what is before it may be forgotten."""
    found = connection.execute(_FIRST_DUE).fetchone()[0]
    return None if found is None else int(found)


def oldest_due(connection: sqlite3.Connection) -> int | None:
    """When the first of those was received, in milliseconds."""
    sequence = first_due(connection)
    return None if sequence is None else int(connection.execute(_OLDEST, (sequence,)).fetchone()[0])


def acknowledge(
    connection: sqlite3.Connection, topic: str, cursor: int, published: Sequence[Publication], now: int
) -> None:
    """Keep where events lie in Kafka, and move the topic's cursor."""
    connection.executemany(
        "INSERT OR REPLACE INTO publications (sequence, partition, offset, published_at) VALUES (?, ?, ?, ?)",
        [(each.sequence, each.partition, each.offset, now) for each in published],
    )
    connection.execute(
        "INSERT INTO topics (name, cursor) VALUES (?, ?)"
        " ON CONFLICT (name) DO UPDATE SET cursor = max(cursor, excluded.cursor)",
        (topic, cursor),
    )


def make_kept_due(connection: sqlite3.Connection, after: int) -> int | None:
    """Make a slice of what was kept without Kafka due; the sequence to go on behind, or `None` at the end."""
    rows = connection.execute(
        "SELECT sequence, topic FROM events WHERE sequence > ? AND due = 0 ORDER BY sequence LIMIT ?",
        (after, _KEPT_SLICE),
    ).fetchall()
    connection.executemany("UPDATE events SET due = 1 WHERE sequence = ?", [(sequence,) for sequence, _ in rows])
    first: dict[str, int] = {}
    for sequence, topic in rows:
        first.setdefault(topic, sequence - 1)
    connection.executemany(
        "INSERT INTO topics (name, cursor) VALUES (?, ?)"
        " ON CONFLICT (name) DO UPDATE SET cursor = min(cursor, excluded.cursor)",
        first.items(),
    )
    return int(rows[-1][0]) if len(rows) == _KEPT_SLICE else None
