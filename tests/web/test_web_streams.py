"""Following: who waits is told of everything that is committed from then on, and let go when the service stops."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from importlib import import_module
from typing import Any

import aiohttp
import orjson
import pytest
from gateways import ADMIN_TOKEN, LEDGER, NDJSON, SSE, Local
from hooks import change, native_push

BEARER = {"Authorization": f"Bearer {ADMIN_TOKEN}"}


class Follower:
    """A consumer that reads event by event."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.last_id: str | None = None

    async def line(self) -> bytes:
        async with asyncio.timeout(5):
            return await self._response.content.readline()

    async def next(self) -> dict[str, Any] | None:
        """The next event, or `None` where the stream ends."""
        while line := await self.line():
            name, _, value = line.rstrip(b"\n").partition(b": ")
            if name == b"id":
                self.last_id = value.decode()
            elif name == b"data":
                return dict(orjson.loads(value))
            elif line.startswith(b"{"):
                return dict(orjson.loads(line))
        return None


@contextlib.asynccontextmanager
async def following(
    gateway: Local, accept: str, query: str = "", last_event_id: str | None = None
) -> AsyncIterator[Follower]:
    headers = BEARER | {"Accept": accept} | ({"Last-Event-ID": last_event_id} if last_event_id is not None else {})
    async with gateway.session.get(f"{gateway.url}/api/v1/events{query}", headers=headers) as response:
        assert response.status == 200
        assert response.headers["Content-Type"] == accept
        yield Follower(response)


FORMS = pytest.mark.parametrize(("accept", "query"), [(NDJSON, "?follow=true"), (SSE, "")])


@FORMS
async def test_a_follower_sees_what_was_and_what_comes(gateway: Local, accept: str, query: str) -> None:
    answers = [await gateway.post(LEDGER, native_push(change(), change()))]
    seen = []
    async with following(gateway, accept, query) as follower:
        seen += [await follower.next(), await follower.next()]
        for _ in range(3):
            answers.append(await gateway.post(LEDGER, native_push(change())))
            seen.append(await follower.next())

    assert [event["id"] for event in seen if event] == [event for answer in answers for event in answer.events]


@FORMS
async def test_nothing_is_missed_or_told_twice_under_load(gateway: Local, accept: str, query: str) -> None:
    async def send() -> list[str]:
        return [event for _ in range(20) for event in (await gateway.post(LEDGER, native_push(change()))).events]

    async with following(gateway, accept, query) as follower:
        sending = [asyncio.ensure_future(send()) for _ in range(8)]
        seen = [(await follower.next() or {})["id"] for _ in range(160)]
    sent = [event for events in await asyncio.gather(*sending) for event in events]

    assert len(set(seen)) == 160
    assert set(seen) == set(sent)
    assert seen == [event["id"] for event in await gateway.events()]


async def test_server_sent_events_bear_their_cursor_and_are_resumed_by_it(gateway: Local) -> None:
    answer = await gateway.post(LEDGER, native_push(change(), change(), change()))

    async with following(gateway, SSE) as follower:
        first = await follower.next()
        assert first is not None
        assert follower.last_id == first["cursor"]
    async with following(gateway, SSE, "?after=0", last_event_id=follower.last_id) as resumed:
        rest = [await resumed.next(), await resumed.next()]

    assert [event["id"] for event in (first, *rest) if event] == answer.events


async def test_an_empty_last_event_id_is_none(gateway: Local) -> None:
    """A browser that has seen nothing yet may send it empty."""
    answer = await gateway.post(LEDGER, native_push(change()))

    async with following(gateway, SSE, last_event_id="") as follower:
        assert (await follower.next() or {})["id"] == answer.events[0]


@pytest.mark.parametrize("wrong", ["x", "0-0", "deadbeef-1"])
async def test_a_last_event_id_that_is_not_valid_is_gone(gateway: Local, wrong: str) -> None:
    headers = {**BEARER, "Accept": SSE, "Last-Event-ID": wrong}

    answer = await gateway.ask("GET", "/api/v1/events", headers)

    assert (answer.status, answer.code) == (410, "cursor_gone")


@FORMS
async def test_a_follower_is_told_only_what_it_asked_for(gateway: Local, accept: str, query: str) -> None:
    joint = "&" if query else "?"
    async with following(gateway, accept, f"{query}{joint}type=ref.created") as follower:
        await gateway.post(LEDGER, native_push(change()))
        wanted = await gateway.post(LEDGER, native_push(change(), change(before="0" * 40)))

        assert (await follower.next() or {})["id"] == wanted.events[1]


@FORMS
async def test_a_limit_ends_a_follower_too(gateway: Local, accept: str, query: str) -> None:
    joint = "&" if query else "?"
    async with following(gateway, accept, f"{query}{joint}limit=2") as follower:
        answer = await gateway.post(LEDGER, native_push(change(), change(), change()))
        seen = [await follower.next(), await follower.next(), await follower.next()]

    assert [event and event["id"] for event in seen] == [*answer.events[:2], None]


@FORMS
async def test_a_follower_ends_when_the_service_stops(gateway: Local, accept: str, query: str) -> None:
    async with following(gateway, accept, query) as follower:
        answer = await gateway.post(LEDGER, native_push(change()))
        first = await follower.next()
        gateway.service.stop()
        started = time.monotonic()
        end = await follower.next()

    assert (first or {})["id"] == answer.events[0]
    assert end is None
    assert time.monotonic() - started < 2


@FORMS
async def test_a_connection_without_news_is_kept_alive(
    gateway: Local, accept: str, query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_module("gateway.web.events"), "_HEARTBEAT_SECONDS", 0.1)

    async with following(gateway, accept, query) as follower:
        line = await follower.line()

    assert line == (b"\n" if accept == NDJSON else b": still here\n")


@FORMS
async def test_a_follower_that_leaves_is_no_stack_trace(gateway: Local, accept: str, query: str) -> None:
    """Whether the log is clean is looked at when the gateway has stopped."""
    for _ in range(3):
        async with following(gateway, accept, query):
            pass
        await gateway.post(LEDGER, native_push(change(), change()))
    await asyncio.sleep(0.05)

    assert len(await gateway.events()) == 6


async def test_many_followers_harm_nobody(gateway: Local) -> None:
    async with contextlib.AsyncExitStack() as stack:
        followers = [
            await stack.enter_async_context(following(gateway, accept, query))
            for accept, query in [(NDJSON, "?follow=true"), (SSE, "")] * 20
        ]
        answer = await gateway.post(LEDGER, native_push(change()))
        seen = await asyncio.gather(*(follower.next() for follower in followers))

    assert {(event or {})["id"] for event in seen} == set(answer.events)
