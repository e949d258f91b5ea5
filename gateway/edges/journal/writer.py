"""The one connection that writes and checkpoints, on the one thread that uses it.

What has gathered while the last transaction was synced goes into the next one: each piece of work in a savepoint of
its own, so that a bad one harms nobody, all of them in one commit. Only when that commit is on the disk are the
waiting callers woken. After an error that leaves the state of the disk unknown, nothing is written any more.
"""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

import structlog
from msgspec import Struct

from gateway.edges.journal.schema import check, migrate
from gateway.errors import Code, GatewayError, StartError

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

MAX_GROUP = 512
"""How much work one transaction takes at most, so that the first to come does not wait for ever."""

_WAL_LIMIT = 64 * 1024 * 1024
_FATAL = frozenset({sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_PRIMARY_CODE = 0xFF

log = structlog.get_logger()


class Commit(Struct, frozen=True):
    """A transaction that is on the disk: what its work gave, and how long it took in seconds."""

    results: Sequence[object]
    seconds: float


class Writer:
    """Runs work on the writer thread. Used from the event loop that opened it."""

    def __init__(self, path: Path, on_commit: Callable[[Commit], None], on_broken: Callable[[], None]) -> None:
        self._path = path
        self._on_commit = on_commit
        self._on_broken = on_broken
        self._loop = asyncio.get_running_loop()
        self._gathered: list[tuple[Work[Any], asyncio.Future[Any]]] = []
        self._inbox: SimpleQueue[list[tuple[Work[Any], asyncio.Future[Any]]] | None] = SimpleQueue()
        self._opened: asyncio.Future[None] = self._loop.create_future()
        self._closed = False
        self._broken = False
        self._thread = threading.Thread(target=self._run, name="journal-writer")

    async def open(self) -> None:
        """Start the thread, open and migrate the file. Raises `StartError`."""
        self._thread.start()
        try:
            await self._opened
        except sqlite3.DatabaseError as error:
            raise StartError(f"{self._path} cannot be opened: {error}") from None

    async def close(self) -> None:
        """Commit what has gathered, close the file and end the thread."""
        self._hand_over()
        self._closed = True
        self._inbox.put(None)
        await asyncio.to_thread(self._thread.join)

    def submit(self, work: Work[T]) -> "asyncio.Future[T]":
        """Have work done in the next transaction; done when that is synced.

        The future raises `GatewayError(unavailable)` where the disk refused, else what the work itself raised.
        """
        future: asyncio.Future[T] = self._loop.create_future()
        if self._closed or self._broken:
            future.set_exception(_unavailable())
            return future
        if not self._gathered:
            self._loop.call_soon(self._hand_over)
        self._gathered.append((work, future))
        return future

    def _hand_over(self) -> None:
        if self._gathered:
            self._inbox.put(self._gathered)
            self._gathered = []

    def _run(self) -> None:
        try:
            connection = self._connect()
        except (sqlite3.Error, StartError) as error:
            self._tell(self._opened.set_exception, error)
            return
        self._tell(self._opened.set_result, None)
        while (group := self._inbox.get()) is not None:
            while len(group) < MAX_GROUP and not self._inbox.empty():
                more = self._inbox.get()
                if more is None:
                    self._inbox.put(None)
                    break
                group += more
            self._commit(connection, group)
        connection.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, cached_statements=256)
        check(connection)
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT}")
        migrate(connection)
        return connection

    def _commit(self, connection: sqlite3.Connection, group: list[tuple[Work[Any], asyncio.Future[Any]]]) -> None:
        if self._broken:
            self._tell(self._answer, [(future, None, _unavailable()) for _, future in group], None)
            return
        started = time.perf_counter()
        answers: list[tuple[asyncio.Future[Any], Any, BaseException | None]] = []
        try:
            connection.execute("BEGIN IMMEDIATE")
            for work, future in group:
                answers.append((future, *_in_savepoint(connection, work)))
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._refuse(connection, group, error)
            return
        self._tell(self._answer, answers, Commit([result for _, result, _ in answers], time.perf_counter() - started))

    def _refuse(
        self, connection: sqlite3.Connection, group: list[tuple[Work[Any], asyncio.Future[Any]]], error: sqlite3.Error
    ) -> None:
        """Nobody's work is known to be on the disk; after some errors nobody's will be until a restart."""
        code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE
        log.error("journal_commit_failed", error=str(error), refused=len(group))
        if code in _FATAL:
            self._broken = True
        else:
            try:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
            except sqlite3.Error as second:
                log.error("journal_rollback_failed", error=str(second))
                self._broken = True
        self._tell(self._answer, [(future, None, _unavailable()) for _, future in group], None)
        if self._broken:
            self._tell(self._on_broken)

    def _answer(
        self, answers: list[tuple[asyncio.Future[Any], Any, BaseException | None]], commit: Commit | None
    ) -> None:
        for future, result, error in answers:
            if future.done():
                continue
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)
        if commit is not None:
            self._on_commit(commit)

    def _tell(self, call: Callable[..., object], *arguments: object) -> None:
        self._loop.call_soon_threadsafe(call, *arguments)


def _in_savepoint(connection: sqlite3.Connection, work: Work[Any]) -> tuple[Any, BaseException | None]:
    """What the work gave, or what it raised and undid; the disk's own errors concern everybody and are raised."""
    connection.execute("SAVEPOINT work")
    try:
        result = work(connection)
    except sqlite3.OperationalError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told to the one who asked
        connection.execute("ROLLBACK TO work")
        connection.execute("RELEASE work")
        return None, error
    connection.execute("RELEASE work")
    return result, None


def _unavailable() -> GatewayError:
    return GatewayError(Code.UNAVAILABLE, "the journal cannot be written at the moment, nothing was accepted")
