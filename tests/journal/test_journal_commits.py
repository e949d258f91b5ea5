"""What is accepted is in one transaction with whatever came at the same time, and is there when it is answered."""

import asyncio
import resource
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from gateways import OTHER_REPOSITORY
from hooks import native_push
from journals import opened, page, pushes, rows, shown, taken

from gateway.edges.journal import Journal
from gateway.errors import Code, GatewayError


async def test_what_is_accepted_is_on_the_disk_with_all_it_means(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        accepted = taken(pushes(3))
        receipt = await journal.accept(accepted)

        assert (receipt.outcome, len(receipt.event_ids)) == ("accepted", 3)
        assert rows(tmp_path, "SELECT id, outcome, body FROM deliveries") == [
            (accepted.delivery.id, "accepted", accepted.delivery.body)
        ]
        assert [row[0] for row in rows(tmp_path, "SELECT id FROM events ORDER BY sequence")] == list(receipt.event_ids)
        assert len(rows(tmp_path, "SELECT 1 FROM refs")) == 3


async def test_concurrent_deliveries_share_transactions(tmp_path: Path) -> None:
    sizes: list[int] = []
    async with opened(tmp_path, on_commit=lambda size, _: sizes.append(size)) as journal:
        receipts = await asyncio.gather(*(journal.accept(taken()) for _ in range(300)))
        ids = await shown(journal)

    assert sum(sizes) == 300
    assert max(sizes) > 50
    assert ids == [event for receipt in receipts for event in receipt.event_ids]


async def test_deliveries_are_accepted_in_the_order_in_which_they_were_handed_over(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        waiting = []
        for _ in range(30):
            waiting += [asyncio.ensure_future(journal.accept(taken())) for _ in range(5)]
            await asyncio.sleep(0)
        receipts = await asyncio.gather(*waiting)

        assert await shown(journal) == [event for receipt in receipts for event in receipt.event_ids]


async def submit(journal: Journal, work: Callable[[sqlite3.Connection], None]) -> None:
    await journal._writer.submit(work)


async def test_a_failing_piece_of_work_harms_nobody(tmp_path: Path) -> None:
    def bad(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO meta VALUES ('half', 'done')")
        raise ArithmeticError

    def twice(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO meta VALUES ('once', '1')")
        connection.execute("INSERT INTO meta VALUES ('once', '2')")

    sizes: list[int] = []
    async with opened(tmp_path, on_commit=lambda size, _: sizes.append(size)) as journal:
        first, one, other, last = await asyncio.gather(
            journal.accept(taken()),
            submit(journal, bad),
            submit(journal, twice),
            journal.accept(taken()),
            return_exceptions=True,
        )

        assert sizes == [4]
        assert (type(one), type(other)) == (ArithmeticError, sqlite3.IntegrityError)
        assert not isinstance(first, BaseException)
        assert not isinstance(last, BaseException)
        assert await shown(journal) == [*first.event_ids, *last.event_ids]
        assert rows(tmp_path, "SELECT name FROM meta WHERE name IN ('half', 'once')") == []


async def test_a_delivery_that_cannot_be_decided_about_is_kept_as_a_dead_letter(tmp_path: Path) -> None:
    """What is remembered of the same bytes is damaged, so deciding fails; those beside it are not touched."""
    body = native_push()
    async with opened(tmp_path) as journal:
        await journal.accept(taken(body))
        await journal._writer.submit(lambda connection: connection.execute("UPDATE identities SET value = x'c1'"))

        unread, fine = await asyncio.gather(journal.accept(taken(body)), journal.accept(taken(scope=OTHER_REPOSITORY)))

        assert (unread.outcome, unread.event_ids) == ("dead_letter", ())
        assert fine.outcome == "accepted"
        assert await shown(journal) == list(fine.event_ids)
        kept = rows(tmp_path, "SELECT body FROM deliveries WHERE id = ? AND outcome = 'dead_letter'", unread.delivery)
        assert kept == [(body,)]


async def test_who_waits_no_longer_does_not_undo_what_was_handed_over(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        impatient = asyncio.ensure_future(journal.accept(taken()))
        await asyncio.sleep(0)
        impatient.cancel()
        later = await journal.accept(taken())

        found = await shown(journal)
        assert len(found) == 2
        assert found[1:] == list(later.event_ids)


async def test_closing_commits_what_has_gathered_and_takes_nothing_more(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        waiting = [asyncio.ensure_future(journal.accept(taken())) for _ in range(20)]
        await asyncio.sleep(0)
    receipts = await asyncio.gather(*waiting)

    with pytest.raises(GatewayError) as refused:
        await journal.accept(taken())
    assert refused.value.code is Code.UNAVAILABLE
    async with opened(tmp_path) as again:
        assert await shown(again) == [event for receipt in receipts for event in receipt.event_ids]


async def test_everybody_who_waits_for_a_change_is_woken_by_the_next_commit(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        before = journal.changed()
        assert not before.is_set()
        await journal.accept(taken())

        assert before.is_set()
        assert not journal.changed().is_set()


async def test_a_full_disk_refuses_and_is_not_the_end(tmp_path: Path) -> None:
    """`max_page_count` gives SQLite's own `SQLITE_FULL`."""
    broken: list[str] = []
    async with opened(tmp_path, on_broken=lambda: broken.append("broken")) as journal:
        first = await journal.accept(taken())
        await journal._writer.submit(lambda connection: connection.execute("PRAGMA max_page_count = 1").fetchall())
        results = await asyncio.gather(*(journal.accept(taken(pushes(50))) for _ in range(3)), return_exceptions=True)
        assert [getattr(result, "code", None) for result in results] == [Code.UNAVAILABLE] * 3

        await journal._writer.submit(
            lambda connection: connection.execute("PRAGMA max_page_count = 1000000").fetchall()
        )
        again = await journal.accept(taken())

        assert await shown(journal) == [*first.event_ids, *again.event_ids]
    assert broken == []


def limit_files(size: int) -> None:
    """A write beyond that size fails (EFBIG), which SQLite tells as an error of the disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


@contextmanager
def limits_restored() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_after_an_error_of_the_disk_nothing_is_written_any_more(tmp_path: Path) -> None:
    """What already waits behind the failed transaction is refused too, although the disk would take it again."""
    runs, go_on = threading.Event(), threading.Event()
    broken: list[str] = []

    def fails(connection: sqlite3.Connection) -> None:
        runs.set()
        go_on.wait(5)
        limit_files((tmp_path / "journal.db-wal").stat().st_size)
        connection.execute("INSERT INTO meta VALUES ('large', hex(randomblob(1000000)))")

    def works_again(connection: sqlite3.Connection) -> None:
        limit_files(resource.RLIM_INFINITY)
        connection.execute("INSERT INTO meta VALUES ('after', 'all')")

    with limits_restored():
        async with opened(tmp_path, on_broken=lambda: broken.append("broken")) as journal:
            first = await journal.accept(taken())
            failing = journal._writer.submit(fails)
            await asyncio.to_thread(runs.wait, 5)
            behind = journal._writer.submit(works_again)
            await asyncio.sleep(0.01)
            go_on.set()
            results = await asyncio.gather(failing, behind, return_exceptions=True)
            limit_files(resource.RLIM_INFINITY)

            assert [getattr(result, "code", None) for result in results] == [Code.UNAVAILABLE] * 2
            with pytest.raises(GatewayError):
                await journal.accept(taken())
            assert broken[:1] == ["broken"]

    async with opened(tmp_path) as again:
        assert await shown(again) == list(first.event_ids)
        assert rows(tmp_path, "SELECT 1 FROM meta WHERE name IN ('large', 'after')") == []


async def test_a_push_larger_than_a_statement_takes_variables_harms_nobody(tmp_path: Path) -> None:
    """32,766 is SQLite's default (sqlite.org/limits.html); distributions differ."""
    body = b'{"changes": [' + b"0," * 33_000 + b"0]}"
    async with opened(tmp_path) as journal:
        await journal._writer.submit(
            lambda connection: connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 32_766)
        )

        beside, large = await asyncio.gather(
            journal.accept(taken()), journal.accept(taken(body)), return_exceptions=True
        )

        assert not isinstance(beside, BaseException)
        assert not isinstance(large, BaseException)
        assert len((await page(journal)).entries) == 500
