"""How a running gateway is spoken to: over the socket in its data directory, or at a URL with a token.

The mode of the socket's file is the whole authorisation there. Nothing here is heavy to import before it is used.
"""

import asyncio
import contextlib
import errno
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
from msgspec import Struct

from gateway.errors import Code, GatewayError

if TYPE_CHECKING:
    import aiohttp

EVENTS = "/api/v1/events"
NDJSON = "application/x-ndjson"

_CONNECT_SECONDS = 10.0
_SILENT_SECONDS = 45.0
"""A follower gets a heartbeat every 15 s; after three of them missing nobody is there any more."""
_PAUSE_SECONDS = 0.5
_PASSING = frozenset({Code.UNAVAILABLE, Code.BUSY})


class Place(Struct, frozen=True):
    """Where a gateway is: a base URL and a token, or the socket of its data directory."""

    url: str = "http://localhost"
    token: str | None = None
    socket: Path | None = None

    def missing(self, error: Exception) -> str:
        """What to say where it cannot be reached, and what to do about it."""
        if self.socket is None:
            return f"nothing can be reached at {self.url}: is a gateway running there?"
        if isinstance(error, OSError) and error.errno == errno.EACCES:
            return f"{self.socket} may only be used by the user who runs the gateway"
        return (
            f"no gateway is running with the data directory {self.socket.parent}: "
            "start one with 'gateway serve', or name another one with --url and --token"
        )


def here(data_dir: Path) -> Place:
    """The gateway that has that data directory."""
    from gateway.edges.sockets import NAME  # noqa: PLC0415

    return Place(socket=data_dir / NAME)


def is_running(data_dir: Path) -> bool:
    """Whether a gateway listens on the socket of that data directory."""
    place = here(data_dir).socket
    return place is not None and accepts(place)


def accepts(path: Path) -> bool:
    """Whether somebody listens on a socket in the file system."""
    import socket  # noqa: PLC0415

    from gateway.edges.sockets import reachable  # noqa: PLC0415

    if not path.exists():
        return False
    with socket.socket(socket.AF_UNIX) as trial, reachable(path.absolute()) as name:
        return trial.connect_ex(name) == 0


async def follow(
    place: Place, query: Mapping[str, str], *, after: str | None, forever: bool, on_lost: Callable[[str], None]
) -> AsyncGenerator[bytes, None]:
    """The events behind a cursor, each a CloudEvent on a line, over as many connections as it takes.

    Without `forever` it ends where there are no more. `on_lost` is told once of each connection that ended. Raises
    `GatewayError`: where the first connection cannot be made, or what is asked for is refused.
    """
    was_there = is_lost = False
    cursor = after
    while True:
        asked = {**query, "follow": str(forever).lower(), **({} if cursor is None else {"after": cursor})}
        try:
            async with _opened(place, EVENTS, asked) as response:
                was_there = True
                async for line in _lines(response):
                    is_lost = False
                    if line:
                        cursor = orjson.loads(line)["cursor"]
                        yield line
        except GatewayError as error:
            if not (was_there and forever and error.code in _PASSING):
                raise
        if not forever:
            return
        if not is_lost:
            on_lost("the gateway has gone; going on where it stopped as soon as it is back")
        is_lost = True
        await asyncio.sleep(_PAUSE_SECONDS)


async def asked(place: Place, path: str) -> bytes:
    """A whole answer. Raises `GatewayError` for what is no 200, and where nobody answers."""
    async with _opened(place, path, {}) as response:
        return await response.read()


@contextlib.asynccontextmanager
async def _opened(place: Place, path: str, query: Mapping[str, str]) -> AsyncIterator["aiohttp.ClientResponse"]:
    """An answer that is read as it comes. Raises `GatewayError` for what is no 200, and where nobody answers."""
    import aiohttp  # noqa: PLC0415

    from gateway.edges.sockets import reachable  # noqa: PLC0415

    socket = contextlib.nullcontext("") if place.socket is None else reachable(place.socket.absolute())
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS, sock_read=_SILENT_SECONDS)
    headers = {"Accept": NDJSON} | ({} if place.token is None else {"Authorization": f"Bearer {place.token}"})
    try:
        async with contextlib.AsyncExitStack() as stack:
            with socket as name:
                connector = aiohttp.UnixConnector(name) if name else aiohttp.TCPConnector()
                session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector, timeout=timeout))
                asked = session.get(f"{place.url.rstrip('/')}{path}", params=query, headers=headers)
                response = await stack.enter_async_context(asked)
            if response.status != 200:  # noqa: PLR2004 - OK
                raise refusal(response.status, await response.read())
            yield response
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise GatewayError(Code.UNAVAILABLE, place.missing(error)) from None


def refusal(status: int, body: bytes) -> GatewayError:
    """What a problem (RFC 9457) says; of another answer no more than its status."""
    try:
        problem = orjson.loads(body)
        return GatewayError(Code(problem["code"]), str(problem["detail"]))
    except (ValueError, KeyError, TypeError):
        return GatewayError(Code.INTERNAL, f"the answer {status} is none of a gateway: is the URL right?")


async def _lines(response: "aiohttp.ClientResponse") -> AsyncIterator[bytes]:
    """The lines of an answer, however long they are."""
    rest: list[bytes] = []
    async for chunk in response.content.iter_any():
        *complete, last = chunk.split(b"\n")
        for part in complete:
            yield b"".join([*rest, part])
            rest = []
        rest.append(last)
