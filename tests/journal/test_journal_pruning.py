"""Forgetting: the oldest first, whole deliveries, a slice at a time, and never a number twice."""

import asyncio
from pathlib import Path

import pytest
from hooks import native_push
from journals import FOREVER, KEEP_ALL, opened, page, pruned, pushes, rows, shown, taken

from gateway.edges.journal import Filter, Journal, Retention
from gateway.edges.journal.prune import SLICE
from gateway.errors import Code, GatewayError

BY_AGE = Retention(deliveries=1_000, identities=FOREVER, size=FOREVER)
NOTHING_KEPT = Retention(deliveries=0, identities=0, size=FOREVER)


async def accept(journal: Journal, count: int, *, at: int = 1_000, body: bytes | None = None) -> list[str]:
    receipts = await asyncio.gather(*(journal.accept(taken(body, at=at)) for _ in range(count)))
    return [event for receipt in receipts for event in receipt.event_ids]


async def test_what_is_young_enough_is_kept(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        ids = await accept(journal, 3, at=5_000)

        assert not await journal.prune(6_000, BY_AGE)
        assert await shown(journal) == ids


async def test_what_is_too_old_is_forgotten_with_its_events(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        await accept(journal, 3, at=1_000, body=None)
        kept = await accept(journal, 2, at=5_000)
        await pruned(journal, 5_500, BY_AGE)

        assert await shown(journal) == kept
        assert rows(tmp_path, "SELECT count(*), min(received_at) FROM deliveries") == [(2, 5_000)]
        bounds = await journal.bounds()
        assert (bounds.floor, bounds.head) == (3, 5)


async def test_pages_behind_what_was_forgotten_are_gone(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        await accept(journal, 3)
        kept = await accept(journal, 1, at=5_000)
        await pruned(journal, 5_500, BY_AGE)

        with pytest.raises(GatewayError) as gone:
            await journal.page(2, 10, Filter())
        assert gone.value.code is Code.CURSOR_GONE
        assert [entry.id for entry in (await page(journal, 3)).entries] == kept


async def test_a_slice_is_bounded_and_ends_between_deliveries(tmp_path: Path) -> None:
    """Every delivery has three events; after each slice all three are there or none is."""
    count = SLICE * 2 + 50
    async with opened(tmp_path) as journal:
        for _ in range(9):
            await asyncio.gather(*(journal.accept(taken(pushes(3))) for _ in range(count // 9)))
        await asyncio.gather(*(journal.accept(taken(pushes(3))) for _ in range(count % 9)))
        left = []
        more = True
        while more:
            more = await journal.prune(FOREVER, BY_AGE)
            parts = rows(tmp_path, "SELECT delivery, count(*) FROM events GROUP BY delivery")
            assert {number for _, number in parts} <= {3}
            assert len(parts) == rows(tmp_path, "SELECT count(*) FROM deliveries")[0][0]
            left.append(len(parts))

    assert left == [count - SLICE, count - 2 * SLICE, 0]


async def test_deliveries_without_events_are_forgotten_too(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        await accept(journal, 2, body=native_push())
        await accept(journal, 1, body=b"no JSON")
        kept = await accept(journal, 1, at=5_000)
        await pruned(journal, 5_500, BY_AGE)

        assert rows(tmp_path, "SELECT count(*) FROM deliveries") == [(1,)]
        assert await shown(journal) == kept


async def test_numbers_go_on_after_everything_was_forgotten(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        await accept(journal, 4)
        old = (await journal.bounds()).cursor(2)
        await pruned(journal, FOREVER, NOTHING_KEPT)
        bounds = await journal.bounds()
        assert (bounds.floor, bounds.head, await shown(journal)) == (4, 4, [])

    async with opened(tmp_path) as journal:
        ids = await accept(journal, 1)

        assert [(entry.sequence, entry.id) for entry in (await page(journal)).entries] == [(5, ids[0])]
        with pytest.raises(GatewayError):
            (await journal.bounds()).resolve(old)


async def test_by_size_the_oldest_go_until_the_rest_is_small_enough(tmp_path: Path) -> None:
    size = 2_000_000
    async with opened(tmp_path) as journal:
        for _ in range(10):
            await accept(journal, 100, body=None)
            await asyncio.gather(*(journal.accept(taken(native_push() + b" " * 4_000)) for _ in range(100)))
        before = await journal.used_bytes()
        ids = await shown(journal)
        await pruned(journal, 2_000, Retention(FOREVER, FOREVER, size))
        after = await journal.used_bytes()
        left = await shown(journal)

    assert before > 2 * size
    assert after <= size
    assert left == ids[-len(left) :]
    assert len(left) > 0


async def test_the_file_gives_back_what_was_forgotten(tmp_path: Path) -> None:
    file = tmp_path / "journal.db"
    async with opened(tmp_path) as journal:
        await asyncio.gather(*(journal.accept(taken(native_push() + b" " * 20_000)) for _ in range(400)))
        await journal._writer.submit(lambda _: None)
        pages = rows(tmp_path, "PRAGMA page_count")[0][0]
        await pruned(journal, FOREVER, BY_AGE)
        for _ in range(10):
            await journal.prune(FOREVER, BY_AGE)

        assert isinstance(pages, int)
        assert pages > 2_000
        left = rows(tmp_path, "PRAGMA page_count")[0][0]
        assert isinstance(left, int)
        assert left < pages / 4
    assert file.stat().st_size < pages * 4096 / 4


async def test_identities_outlive_the_deliveries_they_came_from(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        body = pushes(2)
        first = await journal.accept(taken(body, at=1_000))
        await pruned(journal, FOREVER, BY_AGE)
        again = await journal.accept(taken(body, at=9_000))

        assert rows(tmp_path, "SELECT count(*) FROM deliveries") == [(1,)]
        assert (again.outcome, again.event_ids) == ("duplicate", first.event_ids)


async def test_identities_are_forgotten_by_their_own_age(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        await accept(journal, 20, at=1_000)
        await accept(journal, 20, at=9_000)
        before = rows(tmp_path, "SELECT count(*) FROM identities")[0][0]
        for _ in range(3):
            await journal.prune(10_000, Retention(FOREVER, 2_000, FOREVER))

        assert rows(tmp_path, "SELECT count(*), min(received_at) FROM identities") == [(before // 2, 9_000)]  # type: ignore[operator]
        assert rows(tmp_path, "SELECT count(*) FROM deliveries") == [(40,)]


async def test_forgetting_nothing_changes_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        ids = await accept(journal, 5)
        before = await journal.bounds()

        assert not await journal.prune(FOREVER, KEEP_ALL)
        assert (await journal.bounds(), await shown(journal)) == (before, ids)
