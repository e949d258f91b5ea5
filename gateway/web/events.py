"""`GET /api/v1/events`: the journal as a page, as NDJSON or as server-sent events, from a cursor.

Every event is one structured CloudEvent with the extension `cursor`. A cursor that is not valid any more is a 410,
never a silent skip. A follower holds nothing but its cursor; a slow one waits for itself alone.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

import orjson
from aiohttp import web
from aiohttp_apispec import docs, querystring_schema
from msgspec import Struct

from gateway.delivery import Scope
from gateway.edges.journal import Bounds, Filter
from gateway.errors import GatewayError
from gateway.message import Entry, structured
from gateway.web.parts import PARTS, Parts
from gateway.web.schemas import EventsQuery

NDJSON = "application/x-ndjson"
SSE = "text/event-stream"

_DEFAULT_LIMIT = 100
_STREAM_PAGE = 200
_HEARTBEAT_SECONDS = 15.0
_HEARTBEATS = {NDJSON: b"\n", SSE: b": still here\n\n"}


class Asked(Struct, frozen=True):
    """What a request wants: from where, which events, how many at most, and whether to go on at the end."""

    after: str | None
    wanted: Filter
    limit: int | None
    follow: bool


@docs(tags=["events"], summary="What happened, from a cursor")
@querystring_schema(EventsQuery())
async def events(request: web.Request) -> web.StreamResponse:
    """Events behind a cursor, in the form the request accepts."""
    parts = request.config_dict[PARTS]
    accept = request.headers.get("Accept", "")
    query = request["querystring"]
    bounds = await parts.journal.bounds()
    if SSE in accept:
        asked = _asked(query, after=request.headers.get("Last-Event-ID"), follow=True)
        return await _stream(request, parts, bounds, asked, SSE)
    asked = _asked(query)
    if NDJSON in accept:
        return await _stream(request, parts, bounds, asked, NDJSON)
    page = await parts.journal.page(bounds.resolve(asked.after), asked.limit or _DEFAULT_LIMIT, asked.wanted)
    items = [orjson.Fragment(_render(entry, bounds, parts)) for entry in page.entries]
    body = orjson.dumps({"items": items, "next": bounds.cursor(page.read_to)})
    return web.Response(body=body, content_type="application/json")


def _asked(query: Mapping[str, Any], *, after: str | None = None, follow: bool = False) -> Asked:
    repository = query.get("repository")
    key = None if repository is None else str(Scope.parse(repository))
    return Asked(
        after=after or query.get("after"),
        wanted=Filter(query.get("type", "*"), key),
        limit=query.get("limit"),
        follow=follow or bool(query.get("follow")),
    )


def _render(entry: Entry, bounds: Bounds, parts: Parts) -> bytes:
    return structured(entry, parts.public_url, cursor=bounds.cursor(entry.sequence))


async def _stream(request: web.Request, parts: Parts, bounds: Bounds, asked: Asked, form: str) -> web.StreamResponse:
    after = bounds.resolve(asked.after)
    response = web.StreamResponse(headers={"Content-Type": form, "Cache-Control": "no-store"})
    await response.prepare(request)
    with contextlib.suppress(ConnectionError):
        async for entry in _follow(parts, after, asked):
            await response.write(_HEARTBEATS[form] if entry is None else _written(entry, bounds, parts, form))
        await response.write_eof()
    return response


def _written(entry: Entry, bounds: Bounds, parts: Parts, form: str) -> bytes:
    line = _render(entry, bounds, parts)
    if form == NDJSON:
        return line + b"\n"
    return b"id: " + bounds.cursor(entry.sequence).encode() + b"\ndata: " + line + b"\n\n"


async def _follow(parts: Parts, after: int, asked: Asked) -> AsyncIterator[Entry | None]:
    """The entries behind a sequence; `None` now and then while there are none and the request follows."""
    left = asked.limit
    while left is None or left > 0:
        changed = parts.journal.changed()
        try:
            page = await parts.journal.page(after, min(left or _STREAM_PAGE, _STREAM_PAGE), asked.wanted)
        except GatewayError:
            return  # pruned under a reader that was too slow: it asks again and is told so
        for entry in page.entries:
            yield entry
        after = page.read_to
        left = None if left is None else left - len(page.entries)
        if not page.is_last:
            continue
        if not asked.follow or parts.health.stopping.is_set():
            return
        if not await _happens_within(_HEARTBEAT_SECONDS, changed, parts.health.stopping):
            yield None


async def _happens_within(seconds: float, *happenings: asyncio.Event) -> bool:
    waits = [asyncio.ensure_future(happening.wait()) for happening in happenings]
    try:
        done, _ = await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    return bool(done)
