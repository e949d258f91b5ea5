"""What aiohttp leaves to others on a connection: a time limit for headers, and a path in front of all paths.

A connection has so many seconds to send the headers of its first request, and of every further one from its first
byte; a half-sent request would otherwise stay open for ever. The path of the public URL is taken off before a
request is routed, so that every address works with and without it.
"""

import asyncio
from typing import Any

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from gateway.errors import Code, GatewayError
from gateway.web.problems import problem

HEADER_SECONDS = 10.0
_STEP_SECONDS = 0.05

log = structlog.get_logger()


def _too_slow() -> bytes:
    """The whole answer to a sender that did not get beyond its headers."""
    answer = problem(GatewayError(Code.TOO_SLOW, f"the headers did not arrive within {HEADER_SECONDS:g} s"))
    body = answer.body
    assert isinstance(body, bytes)  # noqa: S101 - problem() makes it of bytes
    head = (
        f"HTTP/1.1 {answer.status} {answer.reason}",
        f"Content-Type: {answer.content_type}",
        f"Content-Length: {len(body)}",
        "Connection: close",
    )
    return "\r\n".join((*head, "", "")).encode("ascii") + body


class _Connection(web.RequestHandler):
    """A connection whose headers must arrive in time."""

    __slots__ = ("_headers_begun", "_headers_due")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._headers_begun = False
        self._headers_due = self._loop.call_later(HEADER_SECONDS, self._give_up)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._headers_due.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        requests = self._request_count
        super().data_received(data)
        if self._request_count != requests:
            self._headers_begun = False
            self._headers_due.cancel()
        elif not self._headers_begun and (requests == 0 or (self._waiter is not None and not self._waiter.done())):
            self._headers_begun = True
            if requests:
                self._headers_due = self._loop.call_later(HEADER_SECONDS, self._give_up)

    def is_in_use(self) -> bool:
        """Whether a request is being received or answered."""
        return self._current_request is not None or (self.transport is not None and bool(self._messages))

    def log_exception(self, *args: Any, **kw: Any) -> None:  # noqa: ANN401 - aiohttp's own signature
        """What the parser refuses is no defect of ours: one line, without the bytes, which may hold a token."""
        error = kw.get("exc_info")
        if isinstance(error, HttpProcessingError):
            log.info("unreadable_http", error=type(error).__name__)
        else:
            super().log_exception(*args, **kw)

    def _give_up(self) -> None:
        if self.transport is not None:
            if self._headers_begun:
                self.transport.write(_too_slow())
            self.force_close()


class _Server(web.Server):
    """Makes such connections."""

    def __call__(self) -> _Connection:
        return _Connection(self, loop=self._loop, **self._kwargs)


def _is_in_use(connection: web.RequestHandler) -> bool:
    return isinstance(connection, _Connection) and connection.is_in_use()


class Runner(web.AppRunner):
    """An `AppRunner` with such connections, for an app that is reached under a path of its own."""

    __slots__ = ("_prefix",)

    def __init__(self, app: web.Application, *, prefix: str = "", shutdown_timeout: float) -> None:
        super().__init__(app, access_log=None, auto_decompress=False, shutdown_timeout=shutdown_timeout)
        self._prefix = prefix

    async def cleanup(self) -> None:
        """Listen no more, let what is in flight arrive and be answered, then close.

        aiohttp alone stops reading first, and a body that is still arriving would never end.
        """
        for site in self.sites:
            await site.stop()
        await asyncio.sleep(_STEP_SECONDS)  # what was accepted at the last moment has yet to send its request
        for _ in range(round(self._shutdown_timeout / _STEP_SECONDS)):
            if self._server is None or not any(map(_is_in_use, self._server.connections)):
                break
            await asyncio.sleep(_STEP_SECONDS)
        self._shutdown_timeout = _STEP_SECONDS  # what is in flight had its time; aiohttp would give it twice more
        await super().cleanup()

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        factory = made.request_factory
        prefix = self._prefix

        def without_prefix(message: Any, *rest: Any) -> web.BaseRequest:  # noqa: ANN401 - aiohttp's own types
            path = message.url.raw_path
            if path.startswith(prefix + "/"):
                url = message.url.with_path(path[len(prefix) :], encoded=True, keep_query=True)
                message = message._replace(path=url.raw_path_qs, url=url)
            return factory(message, *rest)

        return _Server(
            made.request_handler,
            request_factory=without_prefix if prefix else factory,
            loop=made._loop,  # noqa: SLF001 - nothing public gives it
            **made._kwargs,  # noqa: SLF001
        )
