"""What aiohttp leaves to the gateway on a connection: slow, broken and rude senders, and none of them in the log."""

import asyncio
import io
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from gateways import LEDGER, Local, settings_of, started
from hooks import change, native_push, raw_post

from gateway.web.parts import Limits

SOON = 0.3
GET_LIVEZ = b"GET /livez HTTP/1.1\r\nHost: gateway\r\n\r\n"


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Headers must come soon."""
    monkeypatch.setattr("gateway.web.listener.HEADER_SECONDS", SOON)


@pytest.fixture
async def hasty(tmp_path: Path, log: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Local]:
    """A gateway to which bodies must come soon."""
    monkeypatch.setattr("gateway.service.Limits", partial(Limits, body_seconds=SOON))
    async with started(settings_of(tmp_path / "data")) as local:
        yield local


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize("half", [b"P", b"POST /repo-syncer/", GET_LIVEZ[:-2], raw_post(LEDGER, b"{}")[:-4]])
async def test_headers_that_do_not_end_are_answered_408(gateway: Local, half: bytes) -> None:
    async with gateway.wire() as wire:
        await wire.send(half)
        answer = await wire.answer()
        rest = await wire.rest()

    assert (answer.status, answer.code, rest) == (408, "too_slow", b"")
    assert (await gateway.post(LEDGER, native_push(change()))).outcome == "accepted"


@pytest.mark.usefixtures("_impatient")
async def test_headers_that_trickle_in_are_not_given_more_time(gateway: Local) -> None:
    async def trickle() -> None:
        for at in range(len(GET_LIVEZ) - 2):
            await wire.send(GET_LIVEZ[at : at + 1])
            await asyncio.sleep(SOON / 4)

    async with gateway.wire() as wire:
        sending = asyncio.ensure_future(trickle())
        answer = await wire.answer()
        sending.cancel()

    assert answer.status == 408


@pytest.mark.usefixtures("_impatient")
async def test_a_connection_that_says_nothing_is_closed(gateway: Local) -> None:
    async with gateway.wire() as wire:
        assert await wire.rest() == b""


@pytest.mark.usefixtures("_impatient")
async def test_the_headers_of_a_further_request_must_come_in_time_too(gateway: Local) -> None:
    async with gateway.wire() as wire:
        await wire.send(GET_LIVEZ)
        first = await wire.answer()
        await wire.send(GET_LIVEZ[:10])
        second = await wire.answer()

    assert (first.status, second.status) == (200, 408)


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize("size", [100, 100_000, 1_000_000, 4_000_000])
async def test_a_connection_that_waits_for_its_next_request_is_kept_open(gateway: Local, size: int) -> None:
    """Bitbucket reuses connections; one that dies under it is a failure that counts towards muting the hook."""
    async with gateway.wire() as wire:
        outcomes = []
        for _ in range(3):
            await wire.send(raw_post(LEDGER, native_push(change()) + b" " * size))
            outcomes.append((await wire.answer()).outcome)
        silent = await wire.stays_silent(2 * SOON)
        await wire.send(GET_LIVEZ)
        last = await wire.answer()

    assert (outcomes, silent, last.status) == (["accepted"] * 3, True, 200)


@pytest.mark.usefixtures("_impatient")
async def test_a_body_may_take_longer_than_headers_may(gateway: Local) -> None:
    body = native_push(change())
    asked = raw_post(LEDGER, body)

    async with gateway.wire() as wire:
        for part in (asked[: -len(body)], body[:100], body[100:200]):
            await wire.send(part)
            await asyncio.sleep(SOON * 0.8)
        await wire.send(body[200:])
        answer = await wire.answer()

    assert answer.outcome == "accepted"


@pytest.mark.parametrize("framing", ["Content-Length: 2000", "Transfer-Encoding: chunked"])
async def test_a_body_that_does_not_end_is_answered_408(hasty: Local, framing: str) -> None:
    async with hasty.wire() as wire:
        await wire.send(raw_post(LEDGER, b"5\r\n12345\r\n", framing))
        answer = await wire.answer()

    assert (answer.status, answer.code) == (408, "too_slow")
    assert await hasty.events() == []
    assert (await hasty.post(LEDGER, native_push(change()))).outcome == "accepted"


async def test_a_body_that_trickles_in_is_not_given_more_time(hasty: Local) -> None:
    async with hasty.wire() as wire:
        await wire.send(raw_post(LEDGER, b"", "Content-Length: 100"))
        for _ in range(8):
            await wire.send(b"x")
            await asyncio.sleep(SOON / 4)
        answer = await wire.answer()

    assert answer.status == 408


@pytest.mark.parametrize(
    "request_bytes",
    [
        pytest.param(raw_post(LEDGER, b"zz\r\n{}\r\n", "Transfer-Encoding: chunked"), id="no chunk size"),
        pytest.param(
            raw_post(LEDGER, b"2\r\n{}\r\n0\r\n\r\n", "Transfer-Encoding: chunked", "Content-Length: 2"),
            id="two framings",
        ),
        pytest.param(raw_post(LEDGER, b"{}", "Content-Length: two"), id="a length that is no number"),
        pytest.param(raw_post(LEDGER, b"{}", "Content-Length: 2", "Content-Length: 3"), id="two lengths"),
        pytest.param(raw_post(LEDGER, b"{}", "X: " + "a" * 9000), id="a long header"),
        pytest.param(b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", id="a long path"),
        pytest.param(b"GET /caf\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n", id="raw UTF-8 in the path"),
        pytest.param(b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n", id="NUL in the path"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", id="TLS"),
        pytest.param(b"hello\r\n\r\n", id="no HTTP"),
    ],
)
async def test_what_is_no_readable_http_is_a_plain_400(gateway: Local, request_bytes: bytes) -> None:
    async with gateway.wire() as wire:
        await wire.send(request_bytes)
        answer = await wire.rest()

    assert answer.split(b" ")[1] == b"400"
    assert await gateway.events() == []
    assert (await gateway.post(LEDGER, native_push(change()))).outcome == "accepted"


async def test_a_body_that_turns_unreadable_halfway_is_refused(hasty: Local) -> None:
    """The parser does not tell who waits for the body, so it may take until its time is over."""
    async with hasty.wire() as wire:
        await wire.send(raw_post(LEDGER, b"5\r\n12345\r\n", "Transfer-Encoding: chunked"))
        await asyncio.sleep(0.1)
        await wire.send(b"not a chunk\r\n")
        answer = await wire.answer()

    assert answer.status in {400, 408}
    assert await hasty.events() == []
    assert (await hasty.post(LEDGER, native_push(change()))).outcome == "accepted"


@pytest.mark.parametrize("pause", [0.0, 0.1])
async def test_a_sender_that_hangs_up_halfway_is_no_stack_trace(gateway: Local, pause: float) -> None:
    async with gateway.wire() as wire:
        await wire.send(raw_post(LEDGER, b"{", "Content-Length: 100"))
        await asyncio.sleep(pause)
        wire.abort()
    await asyncio.sleep(0.1)

    assert await gateway.events() == []
    assert (await gateway.post(LEDGER, native_push(change()))).outcome == "accepted"


async def test_what_was_sent_whole_is_taken_although_nobody_waits_for_the_answer(gateway: Local) -> None:
    async with gateway.wire() as wire:
        await wire.send(raw_post(LEDGER, native_push(change())))
        wire.abort()

    count = 0
    for _ in range(50):
        count = count or len(await gateway.events())
        await asyncio.sleep(0 if count else 0.02)

    assert count == 1


async def test_requests_sent_without_waiting_are_answered_one_by_one(gateway: Local) -> None:
    asked = [raw_post(LEDGER, native_push(change())) for _ in range(5)]

    async with gateway.wire() as wire:
        await wire.send(b"".join(asked))
        answers = [await wire.answer() for _ in asked]

    assert [event["id"] for event in await gateway.events()] == [answer.events[0] for answer in answers]


@pytest.mark.parametrize(
    "header", ["Upgrade: h2c\r\nConnection: Upgrade", "Upgrade: websocket\r\nConnection: Upgrade", "Connection: close"]
)
async def test_an_offer_to_speak_otherwise_is_passed_over(gateway: Local, header: str) -> None:
    body = native_push(change())

    async with gateway.wire() as wire:
        await wire.send(raw_post(LEDGER, body, f"Content-Length: {len(body)}", header))

        assert (await wire.answer()).outcome == "accepted"


async def test_who_asks_first_is_told_to_go_on(gateway: Local) -> None:
    body = native_push(change())

    async with gateway.wire() as wire:
        asked = raw_post(LEDGER, body, f"Content-Length: {len(body)}", "Expect: 100-continue")
        await wire.send(asked[: -len(body)])
        first = await wire.answer()
        await wire.send(body)
        second = await wire.answer()

    assert (first.status, second.outcome) == (100, "accepted")
