"""Journals on a real disk, and deliveries that were taken in as the service takes them."""

import contextlib
import itertools
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

from gateways import LEDGER
from hooks import KEYRING, PUSH, change, native_push, signed

from gateway.delivery import Delivery, Host, Scope
from gateway.edges.journal import Filter, Journal, Page, Retention
from gateway.intake import Intake, intake

FOREVER = 10**15
KEEP_ALL = Retention(FOREVER, FOREVER, FOREVER)

_numbers = itertools.count(1)


def taken(body: bytes | None = None, *, scope: str = LEDGER, event_key: str = PUSH, at: int = 1_000) -> Intake:
    """An authentic delivery received `at` milliseconds; without a body it is a push nobody has made yet."""
    body = native_push(change()) if body is None else body
    headers = {"content-type": "application/json", "x-event-key": event_key}
    headers |= {name.lower(): value for name, value in signed()(scope, body).headers.items()}
    delivery = Delivery(f"delivery-{next(_numbers)}", Scope.parse(scope), "data-center", event_key, headers, body, at)
    found = intake(delivery, Host(), KEYRING, "bitbucket.{family}")
    assert isinstance(found, Intake)
    return found


def pushes(count: int) -> bytes:
    """A push of so many refs."""
    return native_push(*(change(f"refs/heads/{number}") for number in range(count)))


def _nothing(*_: object) -> None:
    """Nobody listens."""


@contextlib.asynccontextmanager
async def opened(
    directory: Path, on_commit: Callable[[int, float], None] = _nothing, on_broken: Callable[[], None] = _nothing
) -> AsyncIterator[Journal]:
    """The journal of a directory, closed with the block."""
    journal = await Journal.open(directory, on_commit=on_commit, on_broken=on_broken)
    try:
        yield journal
    finally:
        await journal.close()


async def page(journal: Journal, after: int | None = None, limit: int = 500) -> Page:
    """The events behind a sequence, or the oldest."""
    floor = (await journal.bounds()).floor
    return await journal.page(floor if after is None else after, limit, Filter())


async def shown(journal: Journal) -> list[str]:
    """The ids of all events that are kept."""
    ids: list[str] = []
    after = (await journal.bounds()).floor
    while True:
        found = await journal.page(after, 500, Filter())
        ids += [entry.id for entry in found.entries]
        after = found.read_to
        if found.is_last:
            return ids


async def pruned(journal: Journal, now: int, retention: Retention) -> int:
    """How many slices it took to forget all there was to forget."""
    slices = 1
    while await journal.prune(now, retention):
        slices += 1
    return slices


def rows(directory: Path, query: str, *values: object) -> list[Sequence[object]]:
    """What a reader of its own finds in the file."""
    with contextlib.closing(sqlite3.connect(f"file:{directory}/journal.db?mode=ro", uri=True)) as connection:
        return connection.execute(query, values).fetchall()
