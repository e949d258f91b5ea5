"""Reading the journal while it is written: `mode=ro`, one page per transaction, nothing held in between.

A reader that stayed in a transaction would keep the write-ahead log from being used again, so every call here opens
one, reads a bounded number of rows, and ends it. A page looks at no more than `MAX_SCAN` rows, however few match.
"""

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from msgspec import Struct

from gateway.edges.journal.rows import COLUMNS, entry
from gateway.errors import Code, GatewayError
from gateway.event import TYPE_PREFIX
from gateway.message import Entry

T = TypeVar("T")

MAX_SCAN = 5_000
PAGE_BYTES = 4 * 1024 * 1024

_PAGE = (
    f"SELECT {COLUMNS} FROM events"  # noqa: S608 - a constant
    " WHERE sequence > :after AND sequence <= :until AND headers IS NULL"
    f" AND (type GLOB :type OR '{TYPE_PREFIX}' || type GLOB :type)"
    " AND (:key IS NULL OR key = :key OR substr(key, 1, length(:key) + 1) = :key || '/')"
    " ORDER BY sequence LIMIT :limit"
)
_BOUNDS = (
    "SELECT (SELECT value FROM meta WHERE name = 'incarnation'),"
    " CAST((SELECT value FROM meta WHERE name = 'pruned_through') AS INTEGER),"
    " coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0)"
)


class Filter(Struct, frozen=True):
    """Which events: a glob over types (with or without the prefix), a repository key or a prefix of one in segments."""

    type: str = "*"
    key: str | None = None


class Bounds(Struct, frozen=True):
    """What can be read: after `floor` up to `head`, in this incarnation of the journal."""

    incarnation: str
    floor: int
    head: int

    def cursor(self, sequence: int) -> str:
        """The opaque cursor behind that sequence."""
        return f"{self.incarnation}-{sequence}"

    def resolve(self, cursor: str | None) -> int:
        """The sequence a cursor stands behind; none and `0` are the oldest kept.

        Raises `GatewayError(cursor_gone)` for one that is pruned, in the future, or not of this journal.
        """
        if cursor in {None, "0"}:
            return self.floor
        incarnation, _, digits = (cursor or "").partition("-")
        known = incarnation == self.incarnation and digits.isascii() and digits.isdigit() and len(digits) <= 20  # noqa: PLR2004
        if not known or not self.floor <= int(digits) <= self.head:
            oldest = self.cursor(self.floor)
            raise GatewayError(Code.CURSOR_GONE, f"this cursor is not valid any more; the oldest is {oldest}")
        return int(digits)


class Page(Struct, frozen=True):
    """Some events in order, the sequence up to which was read, and whether there was no more."""

    entries: list[Entry]
    read_to: int
    is_last: bool


class Reader:
    """Read-only connections, one per thread that asks."""

    def __init__(self, path: Path) -> None:
        self._uri = f"{path.resolve().as_uri()}?mode=ro"
        self._local = threading.local()
        self._all: list[sqlite3.Connection] = []

    def bounds(self) -> Bounds:
        """What can be read at the moment."""
        return self.read(lambda connection: Bounds(*connection.execute(_BOUNDS).fetchone()))

    def page(self, after: int, limit: int, wanted: Filter) -> Page:
        """The events behind a sequence that match, at most `limit`.

        Raises `GatewayError(cursor_gone)` where they have been pruned in the meantime.
        """

        def read(connection: sqlite3.Connection) -> Page:
            bounds = Bounds(*connection.execute(_BOUNDS).fetchone())
            bounds.resolve(bounds.cursor(after))
            until = min(after + MAX_SCAN, bounds.head)
            found = connection.execute(
                _PAGE,
                {
                    "after": after,
                    "until": until,
                    "type": wanted.type,
                    "key": wanted.key,
                    "limit": limit,
                },
            )
            entries: list[Entry] = []
            size = 0
            for row in found:
                entries.append(entry(row))
                size += len(entries[-1].data)
                if size >= PAGE_BYTES:
                    break
            full = len(entries) == limit or size >= PAGE_BYTES
            read_to = entries[-1].sequence if full else until
            return Page(entries, read_to, is_last=read_to >= bounds.head)

        return self.read(read)

    def close(self) -> None:
        """Close every connection; no thread may be reading any more."""
        for connection in self._all:
            connection.close()

    def read(self, call: Callable[[sqlite3.Connection], T]) -> T:
        """What a call finds in one short transaction of its own. Raises `GatewayError(unavailable)`."""
        try:
            return self._transaction(call)
        except sqlite3.Error as error:
            raise GatewayError(Code.UNAVAILABLE, f"the journal cannot be read: {error}") from None

    def _transaction(self, call: Callable[[sqlite3.Connection], T]) -> T:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(self._uri, uri=True, isolation_level=None, check_same_thread=False)
            self._local.connection = connection
            self._all.append(connection)
        connection.execute("BEGIN")
        try:
            return call(connection)
        finally:
            connection.execute("COMMIT")
