"""What the README tells people to type does what it says."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.edges.settings.model import FIELDS

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS: list[str] = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
BIN = Path(sys.executable).parent


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a shell beside a running gateway, in an empty directory."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environment = {
        "PATH": f"{BIN}:{os.environ['PATH']}",  # noqa: TID251 - of a child
        "HOME": str(tmp_path),
        "GATEWAY_LISTEN": f"127.0.0.1:{port}",
        "GATEWAY_SHUTDOWN_GRACE": "0s",
        "PORT": str(port),
    }
    serving = subprocess.Popen([BIN / "gateway", "serve"], cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            if (tmp_path / "data" / "gateway.sock").exists():
                break
            time.sleep(0.1)
        yield environment
    finally:
        serving.send_signal(signal.SIGTERM)
        assert serving.wait(20) == 0


def typed(line: str, environment: dict[str, str], folder: Path) -> str:
    """What a line of the README prints, typed beside a gateway on another port."""
    command = line.partition("#")[0].replace("127.0.0.1:8080", f"127.0.0.1:{environment['PORT']}")
    done = subprocess.run(
        ["/bin/sh", "-ec", command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def block_with(word: str) -> list[str]:
    """The lines of the first block of commands that holds a word."""
    return next(block for block in BLOCKS if word in block).splitlines()


def test_the_two_commands_of_the_setup_are_one_line_each() -> None:
    setup = "python3 -m venv .venv && .venv/bin/pip install -c constraints.txt"

    assert block_with("gateway demo") == [f"{setup} . && .venv/bin/gateway demo"]
    assert block_with("pytest") == [f"{setup} '.[dev]' && .venv/bin/pytest"]


def test_the_gate_runs_the_test_command_of_the_readme() -> None:
    assert block_with("pytest")[0] in (ROOT / ".ci" / "run").read_text("utf-8")


def test_the_secret_of_a_hook_is_printed(shell: dict[str, str], tmp_path: Path) -> None:
    line = next(line for line in block_with("gateway secret") if line.startswith("gateway secret"))
    printed = dict(row.split(maxsplit=1) for row in typed(line, shell, tmp_path).splitlines())

    assert list(printed) == ["url", "secret", "token", "events"]
    assert printed["url"].endswith("/repo-syncer/repos/bitbucket.example.com/prj/repo")


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_a_sample_is_sent_and_its_events_are_read(shell: dict[str, str], tmp_path: Path) -> None:
    listed, sent, read = (typed(line, shell, tmp_path) for line in block_with("gateway send"))

    assert "data-center-repo-refs-changed" in listed
    assert "accepted" in sent
    assert '"type":"org.bitbucket.ref.updated"' in read


def test_every_setting_stands_in_the_readme() -> None:
    for field in FIELDS.keys() - {"hosts"}:
        name = "GATEWAY_" + field.upper().replace(".", "__")
        assert f"`{name}`" in README or f"`__{field.rpartition('.')[2].upper()}`" in README, name


def test_the_readme_names_no_setting_that_is_none() -> None:
    known = {"GATEWAY_" + field.upper().replace(".", "__") for field in FIELDS} | {
        "GATEWAY_CONFIG",
        "GATEWAY_SECRETS_DIR",
    }

    assert set(re.findall(r"`(GATEWAY_[A-Z_]+)`", README)) <= known
