"""The journal: what was accepted, on the disk, in order. SQLite; the only module family that knows it.

Write-ahead log with `synchronous=FULL`: a commit is on the disk when it returns. One connection writes and
checkpoints (`writer`), all others read (`reader`); what a delivery does is in `append`, forgetting in `prune`, the
tables in `schema`. What must be in one transaction is one piece of work.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Self, TypeVar

import structlog

from gateway.edges.journal import outbox
from gateway.edges.journal.append import Receipt, append
from gateway.edges.journal.lock import DirectoryLock
from gateway.edges.journal.outbox import Backlog, Due, Publication
from gateway.edges.journal.prune import Retention, prune, used_bytes
from gateway.edges.journal.reader import Bounds, Filter, Page, Reader
from gateway.edges.journal.writer import Commit, Writer
from gateway.errors import GatewayError
from gateway.intake import Intake, unread

__all__ = [
    "Backlog",
    "Bounds",
    "Due",
    "Filter",
    "Journal",
    "Page",
    "Publication",
    "Receipt",
    "Retention",
]

T = TypeVar("T")

NAME = "journal.db"
_READERS = 4

log = structlog.get_logger()


class Journal:
    """The open journal of a data directory. Made by `open`, used from one event loop."""

    def __init__(
        self,
        directory: Path,
        on_commit: Callable[[int, float], None],
        on_broken: Callable[[], None],
        *,
        publishes: bool,
    ) -> None:
        self._publishes = publishes
        self._on_due: Callable[[Sequence[str], int], None] = _nobody
        self._on_commit = on_commit
        self._lock = DirectoryLock(directory)
        self._writer = Writer(directory / NAME, self._committed, on_broken)
        self._reader = Reader(directory / NAME)
        self._threads = ThreadPoolExecutor(_READERS, "journal-reader")
        self._changed = asyncio.Event()

    @classmethod
    async def open(
        cls,
        directory: Path,
        *,
        on_commit: Callable[[int, float], None],
        on_broken: Callable[[], None],
        publishes: bool = False,
    ) -> Self:
        """Lock the directory and open its journal. Raises `StartError`.

        `on_commit` is told of every transaction how much work it held and how many seconds it took; `on_broken` that
        nothing can be written until a restart. `publishes` tells whether what is accepted is to be published.
        """
        journal = cls(directory, on_commit, on_broken, publishes=publishes)
        try:
            await journal._writer.open()
        except BaseException:
            journal._lock.release()
            raise
        return journal

    async def close(self) -> None:
        """Commit what has gathered, then close everything."""
        await self._writer.close()
        await asyncio.to_thread(self._threads.shutdown)
        self._reader.close()
        self._lock.release()

    async def accept(self, taken: Intake) -> Receipt:
        """Put a delivery on the disk with all it means; returns when it is synced.

        Raises `GatewayError(unavailable)` where the disk refuses. A delivery that cannot be decided about for any
        other reason is kept as a dead letter.
        """
        try:
            return await self._writer.submit(partial(append, taken=taken, due=self._publishes))
        except GatewayError:
            raise
        except Exception as error:  # noqa: BLE001 - a defect must not cost an authentic delivery
            log.error("delivery_not_understood", delivery=taken.delivery.id, error=repr(error))
            kept = unread(
                taken.delivery, taken.proof, taken.digest, "the gateway failed to read it", taken.dead_letters
            )
            return await self._writer.submit(partial(append, taken=kept, due=self._publishes))

    async def due(self, topic: str, after: int, until: int) -> Due:
        """The next page of events of a topic that Kafka has not acknowledged."""
        return await self._read(partial(outbox.due, topic=topic, after=after, until=until))

    async def acknowledge(self, topic: str, cursor: int, published: Sequence[Publication], now: int) -> None:
        """Keep what Kafka has; returns when that is synced. Raises `GatewayError(unavailable)`."""
        work = partial(outbox.acknowledge, topic=topic, cursor=cursor, published=published, now=now)
        await self._writer.submit(work)

    async def backlogs(self) -> list[Backlog]:
        """How every topic stands."""
        return await self._read(outbox.backlogs)

    async def oldest_due(self) -> int | None:
        """When the first event that Kafka has not acknowledged was received, in milliseconds."""
        return await self._read(outbox.oldest_due)

    async def make_kept_due(self) -> None:
        """Make everything due that was kept without Kafka."""
        after: int | None = 0
        while after is not None:
            after = await self._writer.submit(partial(outbox.make_kept_due, after=after))

    async def prune(self, now: int, retention: Retention) -> bool:
        """Forget one slice; whether there may be more."""
        return await self._writer.submit(partial(prune, now=now, retention=retention))

    async def used_bytes(self) -> int:
        """How many bytes of the file hold something."""
        return await self._read(used_bytes)

    async def bounds(self) -> Bounds:
        """What can be read at the moment."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._reader.bounds)

    async def page(self, after: int, limit: int, wanted: Filter) -> Page:
        """The events behind a sequence. Raises `GatewayError(cursor_gone)`."""
        read = partial(self._reader.page, after, limit, wanted)
        return await asyncio.get_running_loop().run_in_executor(self._threads, read)

    def subscribe(self, on_due: Callable[[Sequence[str], int], None]) -> None:
        """Tell somebody of everything that becomes due: the topics, and the last sequence among them."""
        self._on_due = on_due

    def changed(self) -> asyncio.Event:
        """What the next commit sets. Taken before a page is read, it misses nothing that comes after the page."""
        return self._changed

    def _committed(self, commit: Commit) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
        self._on_commit(len(commit.results), commit.seconds)
        if self._publishes:
            for result in commit.results:
                if isinstance(result, Receipt) and result.topics:
                    self._on_due(result.topics, result.last_sequence)

    async def _read(self, call: Callable[[sqlite3.Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._reader.read, call)


def _nobody(_topics: Sequence[str], _last_sequence: int) -> None:
    """Nobody has subscribed yet."""
