"""When nothing more can be taken: 503, said so that a sender tries again, and over when the reason is."""

import io
import resource
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from gateways import LEDGER, Local, settings_of, started
from hooks import change, native_push, raw_post, unproven

IN_FLIGHT = 100_000


@pytest.fixture
async def narrow(tmp_path: Path, log: io.StringIO) -> AsyncIterator[Local]:
    """A gateway that holds few bytes at a time."""
    limits = {"disk_free": 0, "in_flight_bytes": IN_FLIGHT}
    async with started(settings_of(tmp_path / "data", limits=limits)) as local:
        yield local


async def test_who_comes_when_too_much_is_in_flight_is_asked_to_come_again(narrow: Local) -> None:
    body = native_push(change())
    slow = body + b" " * (IN_FLIGHT - len(body))
    request = raw_post(LEDGER, slow)

    async with narrow.wire() as wire:
        await wire.send(request[:-1])
        refused = await narrow.post(LEDGER, native_push(change()) + b" " * 1000)
        await wire.send(request[-1:])
        first = await wire.answer()
    again = await narrow.post(LEDGER, native_push(change()) + b" " * 1000)

    assert (refused.status, refused.code) == (503, "busy")
    assert int(refused.headers["Retry-After"]) > 0
    assert (first.outcome, again.outcome) == ("accepted", "accepted")
    assert [event["id"] for event in await narrow.events()] == first.events + again.events


async def test_what_is_only_promised_holds_nothing(narrow: Local) -> None:
    async with narrow.wire() as one, narrow.wire() as other:
        for wire in (one, other):
            await wire.send(raw_post(LEDGER, b"{", f"Content-Length: {IN_FLIGHT - 1}"))

        assert (await narrow.post(LEDGER, native_push(change()))).outcome == "accepted"


async def test_who_hangs_up_gives_back_what_was_held(narrow: Local) -> None:
    for _ in range(3):
        async with narrow.wire() as wire:
            await wire.send(raw_post(LEDGER, b" " * (IN_FLIGHT - 500), f"Content-Length: {IN_FLIGHT}"))
            await narrow.get("/livez")
            wire.abort()
    await narrow.get("/livez")

    assert (await narrow.post(LEDGER, native_push(change()))).outcome == "accepted"


async def test_below_the_reserve_nothing_is_taken_and_everything_else_goes_on(
    tmp_path: Path,
    log: io.StringIO,
) -> None:
    data = tmp_path / "data"
    async with started(settings_of(data)) as before:
        taken = await before.post(LEDGER, native_push(change()))

    async with started(settings_of(data, limits={"disk_free": 2**62})) as full:
        refused = await full.post(LEDGER, native_push(change()))
        unknown = await full.post(LEDGER, native_push(change()), proof=unproven)
        ready = await full.get("/readyz", bearer=None)

        assert (refused.status, refused.code) == (503, "unavailable")
        assert int(refused.headers["Retry-After"]) > 0
        assert unknown.status == 401
        assert (ready.status, ready.json()["ready"], ready.json()["journal"]) == (503, False, "ok")
        assert "reserve" in ready.json()["disk"]
        assert (await full.get("/livez", bearer=None)).status == 200
        assert [event["id"] for event in await full.events()] == taken.events

    async with started(settings_of(data)) as after:
        assert (await after.post(LEDGER, native_push(change()))).outcome == "accepted"


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """A write beyond that size fails (EFBIG), which SQLite tells as an error of the disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_after_an_error_of_the_disk_nothing_is_taken_until_a_restart(tmp_path: Path, log: io.StringIO) -> None:
    data = tmp_path / "data"
    async with started(settings_of(data)) as gateway:
        taken = await gateway.post(LEDGER, native_push(change()))
        with files_no_larger_than((data / "journal.db-wal").stat().st_size):
            refused = await gateway.post(LEDGER, native_push(change()))
        still = await gateway.post(LEDGER, native_push(change()))
        ready = await gateway.get("/readyz", bearer=None)

        assert [(answer.status, answer.code) for answer in (refused, still)] == [(503, "unavailable")] * 2
        assert (ready.status, ready.json()["journal"]) == (503, "cannot be written")
        assert (await gateway.get("/livez", bearer=None)).status == 200
        await gateway.service.until_stopped()

    assert "journal_commit_failed" in log.getvalue()
    async with started(settings_of(data)) as after:
        again = await after.post(LEDGER, native_push(change()))
        assert [event["id"] for event in await after.events()] == taken.events + again.events
