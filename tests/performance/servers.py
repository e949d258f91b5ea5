"""Who is compared, and what the kernel knows about a running server: its CPU time, its threads, its memory."""

import contextlib
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

HERE = Path(__file__).resolve().parent
MASTER_KEY = "a-master-key-that-signs-the-posts-of-one-comparison"
START_SECONDS = 30
STOP_SECONDS = 15
DRAIN_SECONDS = 60
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class Contestant(Struct, frozen=True):
    """A server to compare.

    In `command` and `environment`, `{port}`, `{folder}` and `{kafka}` stand for its port, its data folder and Kafka's
    address. It is ready when `GET` of `ready[0]` is answered `ready[1]`. Every answer to a post must have that `status`
    and that `outcome`. With a `secret` of its own it gets posts signed with that, each of them many times; else posts
    signed with secrets of the master key, each once. Where it `publishes`, a burst ends when `/readyz` says that
    nothing waits for Kafka. `promise` is what an answer means; `missing` why it cannot take part.
    """

    name: str
    command: tuple[str, ...]
    ready: tuple[str, int]
    environment: Mapping[str, str] = {}
    status: int = 202
    outcome: str | None = None
    secret: str | None = None
    publishes: bool = False
    promise: str = "nothing"
    missing: str | None = None

    @property
    def needs_kafka(self) -> bool:
        """Whether it cannot run without a Kafka."""
        return any("{kafka}" in text for text in (*self.command, *self.environment.values()))


BARE = Contestant(
    name="bare aiohttp",
    command=(sys.executable, str(HERE / "bare.py"), "{port}"),
    ready=("/", 404),
    secret="any",
)
GATEWAY = Contestant(
    name="gateway",
    command=(sys.executable, "-m", "gateway", "serve"),
    ready=("/readyz", 200),
    environment={
        "GATEWAY_LISTEN": "127.0.0.1:{port}",
        "GATEWAY_DATA_DIR": "{folder}/data",
        "GATEWAY_MASTER_KEYS": MASTER_KEY,
        "GATEWAY_SHUTDOWN_GRACE": "0s",
    },
    outcome="accepted",
    promise="on the disk",
)
GATEWAY_KAFKA = replace(
    GATEWAY,
    name="gateway + Kafka",
    environment={
        **GATEWAY.environment,
        "GATEWAY_KAFKA__BOOTSTRAP_SERVERS": "{kafka}",
        "GATEWAY_KAFKA__TOPIC": f"perf-{secrets.token_hex(4)}.{{{{family}}}}",
    },
    publishes=True,
)
CONTESTANTS = (BARE, GATEWAY, GATEWAY_KAFKA)
"""The first is the unit in which the others are measured."""


class NotReadyError(Exception):
    """A server did not come up; says how it ended and what it last wrote."""


class Server(Struct, frozen=True):
    """A running contestant."""

    contestant: Contestant
    port: int
    pid: int
    log: Path

    def cpu_seconds(self) -> float:
        """CPU time so far, user and system, of all threads, those that have ended included."""
        return _cpu_seconds(Path(f"/proc/{self.pid}/stat"))

    def main_thread_seconds(self) -> float:
        """CPU time so far of the main thread alone."""
        return _cpu_seconds(Path(f"/proc/{self.pid}/task/{self.pid}/stat"))

    def waiting(self) -> int:
        """How many events it has not published yet. Raises `OSError`."""
        with contextlib.closing(HTTPConnection("127.0.0.1", self.port, timeout=DRAIN_SECONDS)) as connection:
            connection.request("GET", "/readyz")
            told = msgspec.json.decode(connection.getresponse().read())
        return int(told["kafka"]["waiting"])

    def log_end(self) -> str:
        """What it wrote last."""
        return self.log.read_text(errors="replace")[-2000:]

    def memory_mib(self) -> tuple[float, float]:
        """Resident memory now, and the most it ever was."""
        status = dict(line.split(":", 1) for line in Path(f"/proc/{self.pid}/status").read_text().splitlines())
        now, most = (int(status[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))
        return now, most


def _cpu_seconds(stat: Path) -> float:
    fields = stat.read_text().rpartition(")")[2].split()
    user, system = fields[11:13]
    return (int(user) + int(system)) / TICKS_PER_SECOND


@contextlib.contextmanager
def running(contestant: Contestant, parent: Path, cores: set[int], kafka: str | None = None) -> Iterator[Server]:
    """That contestant on those cores until the block ends, log and data in a folder of its own below `parent`.

    Raises `NotReadyError`.
    """
    folder = Path(tempfile.mkdtemp(dir=parent))
    port = _free_port()

    def filled(text: str) -> str:
        return text.format(port=port, folder=folder, kafka=kafka)

    with (folder / "log").open("wb") as log, _on(cores):
        process = subprocess.Popen(
            list(map(filled, contestant.command)),
            env=os.environ | {name: filled(text) for name, text in contestant.environment.items()},  # noqa: TID251 - of a child
            cwd=folder,
            stdout=log,
            stderr=log,
        )
    server = Server(contestant, port, process.pid, folder / "log")
    try:
        _wait_until_ready(server, process)
        yield server
    finally:
        _stop(process)


@contextlib.contextmanager
def _on(cores: set[int]) -> Iterator[None]:
    """What is started inside runs on those cores from its first moment: some runtimes count them only then."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _wait_until_ready(server: Server, process: subprocess.Popen[bytes]) -> None:
    path, wanted = server.contestant.ready
    deadline = time.monotonic() + START_SECONDS
    while _status(server.port, path) != wanted:
        if process.poll() is not None or time.monotonic() > deadline:
            how = "was not ready in time" if process.returncode is None else f"ended with {process.returncode}"
            raise NotReadyError(f"{server.contestant.name} {how}; its log ends:\n{server.log_end()}")
        time.sleep(0.05)


def _status(port: int, path: str) -> int | None:
    connection = HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except OSError:
        return None
    finally:
        connection.close()
