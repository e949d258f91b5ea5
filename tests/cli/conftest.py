"""The installed command, in a directory of its own: run to its end, started, or called in this process."""

import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.commands import (
    COMMAND,
    PATIENCE,
    Completed,
    Inside,
    Piped,
    Run,
    Start,
    Started,
    environ,
    listening,
    on_a_free_port,
    started_in,
    theirs,
)
from gateway.cli.root import app


@pytest.fixture
def gateway(tmp_path: Path) -> Run:
    """Runs the installed command in a directory of its own; settings are keyword arguments."""

    def run(*args: str, stdin: str | None = None, **settings: str) -> Completed:
        return subprocess.run(
            [COMMAND, *args],
            input=stdin,
            cwd=tmp_path,
            env=environ(**settings),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    return run


@pytest.fixture
def start_piped(tmp_path: Path) -> Piped:
    """Starts the installed command with pipes to read from."""

    def run(*args: str, **settings: str) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        return subprocess.Popen(
            [COMMAND, *args], cwd=tmp_path, env=environ(**settings), stdout=pipe, stderr=pipe, text=True
        )

    return run


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Inside:
    """Runs a command in this process, in a directory of its own; settings are keyword arguments."""
    monkeypatch.chdir(tmp_path)
    for name in theirs():
        monkeypatch.delenv(name)

    def run(*args: str, **settings: str) -> Result:
        return CliRunner().invoke(app, args, env=settings)

    return run


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts commands that go on; those that still do are killed at the end."""
    with started_in(tmp_path) as run:
        yield run


@pytest.fixture
def settings() -> Mapping[str, str]:
    """A gateway on a port of its own that stops at once, with its data where it is started."""
    return on_a_free_port()


@pytest.fixture
def serving(start: Start, settings: Mapping[str, str]) -> Started:
    """A gateway of a test's own."""
    return listening(start("serve", **settings))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """The settings of a gateway that several tests speak to, each about a host of its own."""
    directory = tmp_path_factory.mktemp("shared")
    with started_in(directory) as run:
        settings = {**on_a_free_port(), "GATEWAY_DATA_DIR": str(directory / "data")}
        serve = listening(run("serve", **settings))
        yield settings
        assert serve.end() == 0
        assert "Traceback" not in serve.stderr.read_text()
