"""`gateway serve`, the installed command, as a process of its own."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from types import MappingProxyType

import aiohttp
from gateways import ADMIN_TOKEN, Gateway, a_session
from hooks import MASTER_KEY

COMMAND = Path(sys.executable).with_name("gateway")
START_SECONDS = 30.0


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Process(Gateway):
    """A gateway that can be killed, and started again on the same port and data directory."""

    def __init__(self, session: aiohttp.ClientSession, folder: Path, port: int, environment: Mapping[str, str]) -> None:
        super().__init__(f"127.0.0.1:{port}", session, folder / "data")
        self.folder = folder
        self.log_file = folder / "log"
        self._environment = {
            "GATEWAY_LISTEN": self.address,
            "GATEWAY_DATA_DIR": str(self.data_dir),
            "GATEWAY_MASTER_KEYS": MASTER_KEY,
            "GATEWAY_ADMIN_TOKEN": ADMIN_TOKEN,
            "GATEWAY_LIMITS__DISK_FREE": "0",
            "GATEWAY_SHUTDOWN_GRACE": "0s",
            # Many starts are only fast enough where what was compiled is kept, whatever this environment says.
            "PYTHONDONTWRITEBYTECODE": "",
            "PYTHONPYCACHEPREFIX": str(folder.parent / "pycache"),
            **environment,
        }
        self._process: asyncio.subprocess.Process | None = None

    @property
    def process(self) -> asyncio.subprocess.Process:
        """The process as it runs now."""
        assert self._process is not None
        return self._process

    @property
    def log(self) -> str:
        """What all processes so far wrote to stderr."""
        return self.log_file.read_text("utf-8")

    async def launch(self, *before: str, pass_fds: tuple[int, ...] = ()) -> None:
        """Start the command, perhaps by another one, and do not wait."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}  # noqa: TID251
        with self.log_file.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *before,
                COMMAND,
                "serve",
                cwd=self.folder,
                env=inherited | self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=pass_fds,
            )

    async def start(self) -> None:
        """Start the command and wait until it is ready."""
        await self.launch()
        await self.until_ready()

    async def until_ready(self) -> None:
        """Wait until it is ready, or fail with what it said when it ended."""
        async with asyncio.timeout(START_SECONDS):
            while not await self.is_ready():
                assert self.process.returncode is None, self.log
                await asyncio.sleep(0.02)

    async def is_ready(self) -> bool:
        """Whether it answers and says that it is ready."""
        try:
            return (await self.get("/readyz", bearer=None)).status == 200
        except aiohttp.ClientError:
            return False

    async def end(self, number: signal.Signals) -> int:
        """Send a signal and wait for the end; the exit code."""
        self.process.send_signal(number)
        return await self.process.wait()


@contextlib.asynccontextmanager
async def process_in(
    folder: Path, environment: Mapping[str, str] = MappingProxyType({}), *, port: int | None = None
) -> AsyncIterator[Process]:
    """A process that is not yet started, with its data in a folder; killed with the block."""
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    async with a_session() as session:
        process = Process(session, folder, free_port() if port is None else port, environment)
        try:
            yield process
        finally:
            if process._process is not None and process._process.returncode is None:
                await process.end(signal.SIGKILL)
