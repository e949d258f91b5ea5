"""Stopping and starting the installed command: nobody who was promised something is left without it."""

import asyncio
import contextlib
import resource
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from gateways import ADMIN_TOKEN, LEDGER, NDJSON, SSE
from hooks import change, native_push, raw_post
from processes import Process, process_in

LONG = "30s"


@contextlib.asynccontextmanager
async def serving(folder: Path, **environment: str) -> AsyncIterator[Process]:
    async with process_in(folder, environment) as process:
        await process.start()
        yield process


async def ended_within(process: Process, seconds: float) -> int:
    async with asyncio.timeout(seconds):
        return await process.process.wait()


async def unready(process: Process) -> float:
    """How many seconds until `/readyz` says 503."""
    started = time.monotonic()
    for _ in range(500):
        if (await process.get("/readyz", bearer=None)).status == 503:
            break
        await asyncio.sleep(0.005)
    return time.monotonic() - started


async def test_in_the_grace_it_is_unready_and_takes_hooks_and_then_ends_with_0(tmp_path: Path) -> None:
    async with serving(tmp_path, GATEWAY_SHUTDOWN_GRACE="1s") as process:
        before = await process.post(LEDGER, native_push(change()))
        asked = time.monotonic()
        process.process.send_signal(signal.SIGTERM)

        assert await unready(process) < 0.5
        during = await process.post(LEDGER, native_push(change()))
        assert (await process.get("/livez", bearer=None)).status == 200
        assert await ended_within(process, 5) == 0
        lasted = time.monotonic() - asked

        assert during.headers["Connection"] == "close"
        assert 1 <= lasted < 3
        await process.start()
        assert [event["id"] for event in await process.events()] == before.events + during.events
        assert "Traceback" not in process.log


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal_shortens_the_grace(
    tmp_path: Path, first: signal.Signals, second: signal.Signals
) -> None:
    async with serving(tmp_path, GATEWAY_SHUTDOWN_GRACE=LONG) as process:
        process.process.send_signal(first)
        await unready(process)
        assert process.process.returncode is None
        process.process.send_signal(second)

        assert await ended_within(process, 3) == 0


async def test_what_is_in_flight_is_finished(tmp_path: Path) -> None:
    """A hook has sent half of its body when the grace is over; it sends the rest and is answered."""
    request = raw_post(LEDGER, native_push(change()))
    async with serving(tmp_path) as process, process.wire() as wire:
        await wire.send(request[:-20])
        await process.get("/livez")
        process.process.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.3)
        await wire.send(request[-20:])
        answer = await wire.answer()

        assert answer.outcome == "accepted"
        assert await ended_within(process, 5) == 0
        await process.start()
        assert [event["id"] for event in await process.events()] == answer.events


async def test_a_sender_that_never_finishes_does_not_hold_it_up_for_ever(tmp_path: Path) -> None:
    async with serving(tmp_path, GATEWAY_SHUTDOWN_TIMEOUT="1s") as process, process.wire() as wire:
        await wire.send(raw_post(LEDGER, b"", "Content-Length: 100"))
        await process.get("/livez")
        process.process.send_signal(signal.SIGTERM)

        assert await ended_within(process, 5) == 0
        assert "Traceback" not in process.log


@pytest.mark.parametrize("accept", [NDJSON, SSE])
async def test_followers_and_idle_connections_do_not_hold_it_up(tmp_path: Path, accept: str) -> None:
    follow = f"Host: gateway\r\nAuthorization: Bearer {ADMIN_TOKEN}\r\nAccept: {accept}\r\n\r\n"
    async with serving(tmp_path) as process, process.wire() as idle, process.wire() as follower:
        await idle.send(b"GET /livez HTTP/1.1\r\nHost: gateway\r\n\r\n")
        await idle.answer()
        await follower.send(f"GET /api/v1/events?follow=true HTTP/1.1\r\n{follow}".encode())
        assert (await follower.answer()).status == 200
        process.process.send_signal(signal.SIGTERM)

        assert await ended_within(process, 3) == 0
        assert await follower.rest() == b"0\r\n\r\n"
        assert await idle.rest() == b""
        assert "Traceback" not in process.log


async def test_a_follower_that_does_not_read_does_not_hold_it_up_for_ever(tmp_path: Path) -> None:
    """More is on the way to it than the buffers of a connection hold."""
    follow = f"Host: gateway\r\nAuthorization: Bearer {ADMIN_TOKEN}\r\nAccept: {NDJSON}\r\n\r\n"
    async with serving(tmp_path, GATEWAY_SHUTDOWN_TIMEOUT="1s") as process, process.wire() as follower:
        padding = b"x" * 300_000
        for _ in range(40):
            assert (
                await process.post(LEDGER, b'{"padding": "' + padding + b'"}', "repo:invented")
            ).outcome == "unknown"
        await follower.send(f"GET /api/v1/events?follow=true HTTP/1.1\r\n{follow}".encode())
        assert (await follower.answer()).status == 200
        asked = time.monotonic()
        process.process.send_signal(signal.SIGTERM)

        assert await ended_within(process, 10) == 0
        assert time.monotonic() - asked < 3
        assert "Traceback" not in process.log


async def test_hooks_that_never_pause_are_answered_until_the_grace_is_over(tmp_path: Path) -> None:
    """Only a connection made in the moment in which it stops listening may break; all that was answered is there."""
    answered: list[str] = []
    grace = 0.3

    async def send() -> float:
        while True:
            try:
                answer = await process.post(LEDGER, native_push(change()))
            except aiohttp.ClientError:
                return time.monotonic()
            answered.extend(answer.events)

    async with serving(tmp_path, GATEWAY_SHUTDOWN_GRACE=f"{grace}s") as process:
        senders = [asyncio.ensure_future(send()) for _ in range(8)]
        await asyncio.sleep(0.3)
        asked = time.monotonic()
        process.process.send_signal(signal.SIGTERM)
        assert await ended_within(process, 5) == 0
        over = await asyncio.gather(*senders)
        await process.start()

        assert min(over) >= asked + grace
        assert set(answered) <= {event["id"] for event in await process.events()}
        assert len(set(answered)) == len(answered) > 50


async def test_with_a_socket_that_was_passed_on_a_restart_refuses_no_connection(tmp_path: Path) -> None:
    """sd_listen_fds(3): the socket is number 3, and `LISTEN_PID` names the process it is meant for."""
    with socket.create_server(("127.0.0.1", 0)) as passed:
        async with process_in(tmp_path, port=passed.getsockname()[1]) as process:
            answers = []
            for _ in range(2):
                early = asyncio.ensure_future(process.post(LEDGER, native_push(change())))
                await launch_with(process, passed)
                answers.append(await early)
                answers.append(await process.post(LEDGER, native_push(change())))
                assert await process.end(signal.SIGTERM) == 0
            await launch_with(process, passed)
            await process.until_ready()

            assert [event["id"] for event in await process.events()] == [answer.events[0] for answer in answers]


AS_SYSTEMD = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}
os.execv(sys.argv[2], sys.argv[2:])
"""


async def launch_with(process: Process, passed: socket.socket) -> None:
    """The socket becomes number 3 of the process that is to be the gateway."""
    number = passed.fileno()
    await process.launch(sys.executable, "-c", AS_SYSTEMD, str(number), pass_fds=(number,))


async def test_a_second_gateway_on_the_same_directory_is_refused_with_a_clear_word(tmp_path: Path) -> None:
    async with serving(tmp_path) as first, process_in(tmp_path) as second:
        second.log_file = tmp_path / "second.log"
        await second.launch()

        assert await ended_within(second, 20) == 1
        assert "in use by another gateway" in second.log
        assert "Traceback" not in second.log
        assert (await first.post(LEDGER, native_push(change()))).outcome == "accepted"
        assert (first.data_dir / "gateway.sock").is_socket()


async def test_an_address_that_is_taken_is_told_without_a_stack_trace(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        async with process_in(tmp_path, port=port) as process:
            await process.launch()

            assert await ended_within(process, 20) == 1
            assert str(port) in process.log
            assert "Traceback" not in process.log


async def test_after_an_error_of_the_disk_it_ends_and_the_next_start_recovers(tmp_path: Path) -> None:
    """A limit of the file size makes a write fail (EFBIG); the process ends by itself, so that it is started again."""
    async with serving(tmp_path, GATEWAY_SHUTDOWN_GRACE=LONG) as process:
        before = await process.post(LEDGER, native_push(change()))
        size = (process.data_dir / "journal.db-wal").stat().st_size
        resource.prlimit(process.process.pid, resource.RLIMIT_FSIZE, (size, size))
        refused = await process.post(LEDGER, native_push(change()))

        assert (refused.status, refused.code) == (503, "unavailable")
        assert await ended_within(process, 5) == 1
        await process.start()
        again = await process.post(LEDGER, native_push(change()))
        assert [event["id"] for event in await process.events()] == before.events + again.events
        assert "Traceback" not in process.log
