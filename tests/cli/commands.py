"""The installed command as a process of its own, and what it has written so far."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from msgspec import Struct
from typer.testing import Result

COMMAND = Path(sys.executable).with_name("gateway")
PATIENCE = 15.0

Completed = subprocess.CompletedProcess[str]
Run = Callable[..., Completed]
Piped = Callable[..., subprocess.Popen[str]]
Inside = Callable[..., Result]


def theirs() -> dict[str, str]:
    """The settings in the environment of whoever runs the tests."""
    return {name: text for name, text in os.environ.items() if name.startswith("GATEWAY_")}  # noqa: TID251 - to leave out


def environ(**settings: str) -> dict[str, str]:
    """The environment of the tests with these settings, and none of whoever runs them."""
    return {name: text for name, text in os.environ.items() if name not in theirs()} | settings  # noqa: TID251 - as above


def until(holds: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Wait for something to become true, and fail where it does not."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


class Started(Struct, frozen=True):
    """A command that goes on, with what it has written so far."""

    process: subprocess.Popen[str]
    stdout: Path
    stderr: Path

    def lines(self) -> list[str]:
        """The complete lines on stdout."""
        return self.stdout.read_text("utf-8").split("\n")[:-1]

    def errors(self) -> list[str]:
        """The complete lines on stderr."""
        return self.stderr.read_text("utf-8").split("\n")[:-1]

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal, and wait for the exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


Start = Callable[..., Started]


def listening(serve: Started) -> Started:
    """The same, as soon as it listens."""
    until(lambda: re.search(r"\blistening\b", "".join(serve.errors())) is not None or serve.process.poll() is not None)
    assert serve.process.poll() is None, serve.errors()
    return serve


@contextlib.contextmanager
def started_in(directory: Path) -> Iterator[Start]:
    """Starts commands in a directory; those that still go on are killed at the end of the block."""
    started: list[Started] = []

    def run(*args: str, **settings: str) -> Started:
        out, err = (directory / f"{name}{len(started)}" for name in ("stdout", "stderr"))
        with out.open("w") as stdout, err.open("w") as stderr:
            process = subprocess.Popen(
                [COMMAND, *args], cwd=directory, env=environ(**settings), stdout=stdout, stderr=stderr, text=True
            )
        started.append(Started(process, out, err))
        return started[-1]

    try:
        yield run
    finally:
        for one in started:
            one.process.kill()
            one.process.wait()


def on_a_free_port() -> dict[str, str]:
    """The settings of a gateway on a port nobody listens on, which stops without a grace."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return {"GATEWAY_LISTEN": f"127.0.0.1:{found.getsockname()[1]}", "GATEWAY_SHUTDOWN_GRACE": "0s"}
