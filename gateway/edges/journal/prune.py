"""Forgetting, oldest first, in slices so small that no delivery waits for one.

Deliveries go with their events, by age and by the size of the whole file, but never before Kafka has acknowledged
what is due; identities live longer, by their own age.
A slice is one piece of work for the writer; whoever asks for it asks again while there is more.
"""

import sqlite3

from msgspec import Struct

from gateway.edges.journal.outbox import first_due

SLICE = 200
"""Deliveries per slice: a few milliseconds."""

IDENTITIES_SLICE = 5_000
"""Identities looked at per slice; at one slice a minute, seven million are gone round in a day."""

_VACUUM_PAGES = 400
_OLDEST = "SELECT number, received_at, last_sequence FROM deliveries ORDER BY number LIMIT ?"


class Retention(Struct, frozen=True):
    """How long deliveries and identities are kept, in milliseconds, and how many bytes the journal may take."""

    deliveries: int
    identities: int
    size: int


def prune(connection: sqlite3.Connection, now: int, retention: Retention) -> bool:
    """Forget one slice of what is too old or too much; whether there may be more."""
    too_large = used_bytes(connection) > retention.size
    rows = connection.execute(_OLDEST, (SLICE,)).fetchall()
    keep = first_due(connection)
    old = [
        row for row in rows if (too_large or row[1] < now - retention.deliveries) and (keep is None or row[2] < keep)
    ]
    if old:
        number, _, sequence = old[-1]
        connection.execute("DELETE FROM deliveries WHERE number <= ?", (number,))
        connection.execute("DELETE FROM events WHERE sequence <= ?", (sequence,))
        connection.execute("DELETE FROM publications WHERE sequence <= ?", (sequence,))
        connection.execute("UPDATE meta SET value = ? WHERE name = 'pruned_through'", (str(sequence),))
    _go_round(connection, now - retention.identities)
    _vacuum(connection)
    return len(old) == SLICE


def _vacuum(connection: sqlite3.Connection) -> None:
    """Give a slice of free pages back to the disk; the sqlite3 module frees one page at each call."""
    free = connection.execute("PRAGMA freelist_count").fetchone()[0]
    for _ in range(min(free, _VACUUM_PAGES)):
        connection.execute("PRAGMA incremental_vacuum(1)")


def _go_round(connection: sqlite3.Connection, before: int) -> None:
    """Forget the old ones among the next identities in the order of their keys, and begin again at the end."""
    behind = connection.execute("SELECT value FROM meta WHERE name = 'identities_pruned_to'").fetchone()
    behind = bytes.fromhex(behind[0]) if behind else b""
    last = connection.execute(
        "SELECT max(key) FROM (SELECT key FROM identities WHERE key > ? ORDER BY key LIMIT ?)",
        (behind, IDENTITIES_SLICE),
    ).fetchone()[0]
    if last is not None:
        connection.execute(
            "DELETE FROM identities WHERE key > ? AND key <= ? AND received_at < ?", (behind, last, before)
        )
    connection.execute(
        "INSERT OR REPLACE INTO meta VALUES ('identities_pruned_to', ?)", (b"".hex() if last is None else last.hex(),)
    )


def used_bytes(connection: sqlite3.Connection) -> int:
    """How many bytes hold something."""
    pages, free, size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)
