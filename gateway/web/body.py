"""Reading a request's body under limits: of size, of time, and of what all bodies in flight take together.

What counts is what was received, not what was declared. The limits hold before anybody is believed, so nothing here
looks at what the bytes say.
"""

import asyncio
from types import TracebackType
from typing import Self

from aiohttp import ClientPayloadError, web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_exceptions import HTTPException

from gateway.errors import Code, GatewayError
from gateway.web.parts import Limits


class InFlight:
    """How many bytes of bodies are held at the moment, of how many."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0


class Hold:
    """The bytes one request holds; given back when it ends."""

    __slots__ = ("_bytes", "_in_flight")

    def __init__(self, in_flight: InFlight) -> None:
        self._in_flight = in_flight
        self._bytes = 0

    def add(self, size: int) -> None:
        """Hold that many bytes more. Raises `GatewayError(busy)`."""
        self._bytes += size
        self._in_flight.held += size
        if self._in_flight.held > self._in_flight.limit:
            raise GatewayError(Code.BUSY, "too much is being received at the moment")

    def __enter__(self) -> Self:
        """Start holding nothing."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give everything back."""
        self._in_flight.held -= self._bytes


async def read_body(request: web.Request, limits: Limits, hold: Hold) -> bytes:
    """The raw bytes of a body. Raises `GatewayError`: `too_large`, `too_slow`, `busy`, `bad_request`."""
    declared = request.content_length
    if declared is not None and declared > limits.body_bytes:
        raise _too_large(limits)
    content = request.content
    if content.is_eof() and content.exception() is None:
        body = content.read_nowait(-1)
        hold.add(len(body))
        if len(body) > limits.body_bytes:
            raise _too_large(limits)
        return body
    try:
        async with asyncio.timeout(limits.body_seconds):
            return await _receive(request, limits, hold)
    except TimeoutError:
        raise GatewayError(Code.TOO_SLOW, f"the body did not arrive within {limits.body_seconds:g} s") from None
    except (ClientPayloadError, HttpProcessingError, HTTPException):
        raise GatewayError(Code.BAD_REQUEST, "the body is not readable HTTP") from None


async def _receive(request: web.Request, limits: Limits, hold: Hold) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while chunk := await request.content.readany():
        hold.add(len(chunk))
        size += len(chunk)
        if size > limits.body_bytes:
            raise _too_large(limits)
        chunks.append(chunk)
    return b"".join(chunks)


def _too_large(limits: Limits) -> GatewayError:
    return GatewayError(Code.TOO_LARGE, f"a body may have {limits.body_bytes} bytes at most")
