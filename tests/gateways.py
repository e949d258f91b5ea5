"""A gateway to test against, as Bitbucket, consumers and operators see it; what hooks send is in `hooks`."""

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Literal

import aiohttp
import orjson
from hooks import MASTER_KEY, PUSH, Proof, Shown, change, native_push, signed, token
from msgspec import Struct
from yarl import URL

from gateway.delivery import Scope
from gateway.edges.settings import Settings
from gateway.service import Service, running

__all__ = [
    "ADMIN_TOKEN",
    "BOOKING",
    "LEDGER",
    "MASTER_KEY",
    "NDJSON",
    "OTHER_REPOSITORY",
    "SSE",
    "Answer",
    "Gateway",
    "Local",
    "Proof",
    "Shown",
    "Wire",
    "a_session",
    "change",
    "native_push",
    "settings_of",
    "signed",
    "started",
    "token",
]

ADMIN_TOKEN = "bbgw_of-the-tests"
NDJSON = "application/x-ndjson"
SSE = "text/event-stream"

LEDGER = "bitbucket.example.com/pay/ledger"
OTHER_REPOSITORY = "bitbucket.example.com/pay/other"
BOOKING = "bitbucket.org/fjordline/booking-api"


def settings_of(data_dir: Path, **changes: object) -> Settings:
    """Settings of a gateway on a free port that stops at once and does not mind a small disk."""
    defaults: dict[str, object] = {
        "listen": "127.0.0.1:0",
        "data_dir": data_dir,
        "master_keys": MASTER_KEY,
        "admin_token": ADMIN_TOKEN,
        "limits": {"disk_free": 0},
        "shutdown_grace": 0,
        "shutdown_timeout": 5,
    }
    return Settings.model_validate({**defaults, **changes})


class Answer(Struct, frozen=True):
    """What came back, whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:  # noqa: ANN401 - JSON can be anything
        """The body as JSON."""
        return orjson.loads(self.body)

    @property
    def code(self) -> str:
        """The code of a problem, which has to be one (RFC 9457)."""
        assert self.headers["Content-Type"] == "application/problem+json"
        problem = self.json()
        assert problem["status"] == self.status
        assert set(problem) == {"type", "title", "status", "code", "detail"}
        return str(problem["code"])

    @property
    def outcome(self) -> str:
        """The outcome of a delivery, which has to have been taken."""
        assert self.status == 202, self.body
        return str(self.json()["outcome"])

    @property
    def events(self) -> list[str]:
        """The ids of the events of a delivery, which has to have been taken."""
        assert self.status == 202, self.body
        return list(self.json()["events"])


class Wire:
    """A connection on which every byte is the test's own."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        """Write bytes as they are."""
        self._writer.write(data)
        await self._writer.drain()

    def abort(self) -> None:
        """Hang up without a word."""
        self._writer.transport.abort()

    async def answer(self) -> Answer:
        """The next answer, which has to come within five seconds."""
        async with asyncio.timeout(5):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode("ascii").split("\r\n")
            headers = dict(line.split(": ", 1) for line in head[1:] if line)
            body = await self._reader.readexactly(int(headers.get("Content-Length", 0)))
        return Answer(int(head[0].split(" ")[1]), headers, body)

    async def rest(self) -> bytes:
        """All that comes until the other side hangs up, which has to happen within five seconds."""
        async with asyncio.timeout(5):
            return await self._reader.read()

    async def stays_silent(self, seconds: float) -> bool:
        """Whether neither a byte nor the end comes for so long."""
        try:
            async with asyncio.timeout(seconds):
                await self._reader.read(1)
        except TimeoutError:
            return True
        return False


class Gateway:
    """A gateway that runs somewhere, as Bitbucket, consumers and operators see it."""

    def __init__(self, address: str, session: aiohttp.ClientSession, data_dir: Path) -> None:
        self.address = address
        self.url = f"http://{address}"
        self.session = session
        self.data_dir = data_dir

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.address.rpartition(":")[2])

    async def ask(
        self,
        method: Literal["GET", "POST", "PUT", "DELETE", "HEAD"],
        target: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | AsyncIterator[bytes] | None = None,
    ) -> Answer:
        """Any request, sent exactly so; `target` stands in the request line as it is written."""
        url = URL(self.url + target, encoded=True)
        data = io.BytesIO(body) if isinstance(body, bytes) else body
        async with self.session.request(method, url, headers=headers, data=data, allow_redirects=False) as response:
            return Answer(response.status, response.headers.copy(), await response.read())

    async def post(  # noqa: PLR0913 - all that makes one request of a hook differ from another
        self,
        scope: str,
        body: bytes | AsyncIterator[bytes],
        event_key: str | None = PUSH,
        *,
        proof: Proof = signed(),  # noqa: B008 - a value
        headers: Mapping[str, str] | None = None,
        path: str | None = None,
        signs: bytes | None = None,
    ) -> Answer:
        """A hook's request to the URL of a scope, or to another path; `signs` is what of a streamed body is signed."""
        known = body if isinstance(body, bytes) else signs or b""
        shown = proof(scope, known)
        sent = {"Content-Type": "application/json", **shown.headers, **(headers or {})}
        if event_key is not None:
            sent["X-Event-Key"] = event_key
        target = path or Scope.parse(scope).path()
        return await self.ask("POST", f"{target}?{shown.query}" if shown.query else target, sent, body)

    async def get(self, target: str, *, bearer: str | None = ADMIN_TOKEN, accept: str | None = None) -> Answer:
        """An operator's or consumer's request."""
        headers = {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
        return await self.ask("GET", target, headers | ({} if accept is None else {"Accept": accept}))

    @contextlib.asynccontextmanager
    async def wire(self) -> AsyncIterator["Wire"]:
        """A connection of one's own."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield Wire(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def events(self, query: str = "") -> list[dict[str, Any]]:
        """What `/api/v1/events` gives as NDJSON."""
        answer = await self.get(f"/api/v1/events{query}", accept=NDJSON)
        assert answer.status == 200, answer.body
        return [orjson.loads(line) for line in answer.body.splitlines()]


class Local(Gateway):
    """A gateway in this process."""

    def __init__(self, service: Service, session: aiohttp.ClientSession) -> None:
        super().__init__(service.listening, session, service.settings.data_dir)
        self.service = service


@contextlib.asynccontextmanager
async def started(settings: Settings) -> AsyncIterator[Local]:
    """A gateway in this process with these settings; it stops with the block."""
    async with running(settings) as service, a_session() as session:
        yield Local(service, session)


def a_session(connector: aiohttp.BaseConnector | None = None) -> aiohttp.ClientSession:
    """A client without a limit of connections that sends nothing of its own accord."""
    return aiohttp.ClientSession(
        connector=connector or aiohttp.TCPConnector(limit=0),
        timeout=aiohttp.ClientTimeout(total=30),
        skip_auto_headers=("Accept", "Accept-Encoding", "User-Agent", "Content-Type"),
        auto_decompress=False,
    )
