"""Reading while it is written: pages of one moment, and nothing held that would let the log grow."""

import asyncio
from pathlib import Path

import pytest
from gateways import LEDGER, OTHER_REPOSITORY
from hooks import native_push
from journals import opened, page, pushes, shown, taken

from gateway.edges.journal import Filter
from gateway.edges.journal.reader import MAX_SCAN
from gateway.errors import GatewayError

MIB = 2**20


async def test_readers_do_not_let_the_log_grow(tmp_path: Path) -> None:
    """36 MiB are written beside readers; SQLite checkpoints at 4 MiB if nobody stays in a transaction."""
    over = asyncio.Event()
    pages_read = 0

    async def read() -> None:
        nonlocal pages_read
        while not over.is_set():
            await page(journal, limit=50)
            pages_read += 1
            await asyncio.sleep(0.001)

    async with opened(tmp_path) as journal:
        readers = [asyncio.ensure_future(read()) for _ in range(2)]
        largest = 0
        for _ in range(36):
            await asyncio.gather(*(journal.accept(taken(native_push() + b" " * 32_768)) for _ in range(32)))
            await asyncio.sleep(0.005)
            largest = max(largest, (tmp_path / "journal.db-wal").stat().st_size)
        over.set()
        await asyncio.gather(*readers)
        written = await journal.used_bytes()

    assert pages_read > 36
    assert written > 36 * MIB
    assert largest < written / 2


async def test_a_page_has_no_more_than_was_asked_for(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        ids = [event for _ in range(4) for event in (await journal.accept(taken(pushes(5)))).event_ids]
        seen, after, last = [], 0, False
        while not last:
            found = await journal.page(after, 3, Filter())
            assert len(found.entries) <= 3
            seen += [entry.id for entry in found.entries]
            after, last = found.read_to, found.is_last

        assert seen == ids


async def test_a_page_looks_at_a_bounded_number_of_rows(tmp_path: Path) -> None:
    """What matches lies behind more rows than a page looks at; who asks on finds it."""
    async with opened(tmp_path) as journal:
        for _ in range(3):
            await journal.accept(taken(b'{"changes": [' + b"0," * 1_999 + b"0]}"))
        wanted = await journal.accept(taken(scope=OTHER_REPOSITORY))
        first = await journal.page(0, 10, Filter(key=OTHER_REPOSITORY))
        second = await journal.page(first.read_to, 10, Filter(key=OTHER_REPOSITORY))

        assert (first.entries, first.read_to, first.is_last) == ([], MAX_SCAN, False)
        assert [entry.id for entry in second.entries] == list(wanted.event_ids)
        assert second.is_last


async def test_a_page_holds_a_bounded_number_of_bytes(tmp_path: Path) -> None:
    """An unknown event bears its whole payload; 500 of the largest would be 8 GiB."""
    async with opened(tmp_path) as journal:
        bodies = [b'{"number": %d, "padding": "%s"}' % (number, b"x" * MIB) for number in range(24)]
        receipts = [await journal.accept(taken(body)) for body in bodies]
        first = await page(journal, limit=500)

        assert sum(len(entry.data) for entry in first.entries) < 12 * MIB
        assert not first.is_last
        assert await shown(journal) == [event for receipt in receipts for event in receipt.event_ids]


async def test_an_entry_is_what_was_accepted(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        accepted = taken(pushes(1), at=1_234)
        receipt = await journal.accept(accepted)
        [entry] = (await page(journal)).entries

        assert (entry.sequence, entry.id, entry.delivery) == (1, receipt.event_ids[0], accepted.delivery.id)
        assert (entry.received_at, entry.dialect, entry.event_key) == (1_234, "data-center", "repo:refs_changed")
        assert (entry.key, entry.type, entry.subject) == (LEDGER, "ref.updated", "refs/heads/0")
        assert (entry.gap, entry.claimed_key, entry.data) == (True, None, accepted.drafts[0].data)


@pytest.mark.parametrize("after", [-1, 3, 10**25])
async def test_a_sequence_that_was_never_given_is_gone(tmp_path: Path, after: int) -> None:
    async with opened(tmp_path) as journal:
        await journal.accept(taken(pushes(2)))

        with pytest.raises(GatewayError):
            await journal.page(after, 10, Filter())


async def test_many_read_at_once(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        ids = list((await journal.accept(taken(pushes(20)))).event_ids)

        assert await asyncio.gather(*(shown(journal) for _ in range(50))) == [ids] * 50
