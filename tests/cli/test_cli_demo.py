"""`gateway demo`: what a person sees in the first minute."""

import json
import re
import shlex
import signal
import socket
import subprocess
from collections import Counter
from importlib import resources
from pathlib import Path

from cli.commands import PATIENCE, Run, Start, until
from gateway.samples import SAMPLES


def golden() -> Counter[tuple[str, str, str, str]]:
    """What lies beside the samples: dialect, event key, type, subject."""
    folder = resources.files("gateway.samples")
    return Counter(
        (sample.dialect, sample.event_key or "-", event["type"], event["subject"] or "-")
        for sample in SAMPLES.values()
        for event in json.loads(folder.joinpath(f"{sample.name}.events.json").read_text("utf-8"))
    )


def test_once_shows_every_event_as_a_table_and_ends(gateway: Run, tmp_path: Path) -> None:
    """No setting of whoever runs it is looked at, not even a wrong one."""
    (tmp_path / "gateway.toml").write_text("this is no toml")
    (tmp_path / "temporary").mkdir()

    told = gateway("demo", "--once", GATEWAY_DATA_DIR="mine", GATEWAY_NONSENSE="1", TMPDIR=str(tmp_path / "temporary"))

    header, *rows = told.stdout.splitlines()
    assert told.returncode == 0, told.stderr
    assert re.split(r" {2,}", header) == ["dialect", "event key", "type", "subject"]
    assert Counter(tuple(row.split()) for row in rows) == golden()
    assert {dialect for dialect, *_ in golden()} >= {"post-receive", "data-center", "cloud"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gateway.toml", "temporary"]
    assert list((tmp_path / "temporary").iterdir()) == []


def test_json_is_a_cloud_event_on_each_line_and_a_taken_port_is_no_obstacle(gateway: Run) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", 8080))
            taken.listen()
        except OSError:  # somebody else has it, which serves as well
            pass
        told = gateway("demo", "--once", "--json")

    events = [json.loads(line) for line in told.stdout.splitlines()]
    assert told.returncode == 0, told.stderr
    assert len(events) == golden().total()
    assert all(event["specversion"] == "1.0" for event in events)
    assert ":8080/" not in told.stderr


def test_it_serves_until_ctrl_c_and_what_it_invites_to_works(start: Start, tmp_path: Path) -> None:
    (tmp_path / "temporary").mkdir()
    demo = start("demo", TMPDIR=str(tmp_path / "temporary"))
    until(lambda: any("Ctrl-C" in line for line in demo.lines()) or demo.process.poll() is not None)
    read, post = (shlex.split(line) for line in demo.lines() if line.strip().startswith("curl "))

    answer = json.loads(curl(post))
    events = [json.loads(line) for line in curl(read).splitlines()]

    assert answer["outcome"] == "accepted"
    assert [event["id"] for event in events][-1:] == answer["events"]
    assert len(events) == golden().total() + 1

    assert demo.end(signal.SIGINT) == 0
    assert list((tmp_path / "temporary").iterdir()) == []
    assert "Traceback" not in demo.stderr.read_text()


def curl(command: list[str]) -> str:
    """What curl prints, told to fail where it is refused."""
    return subprocess.run(
        [*command, "--silent", "--fail"], capture_output=True, text=True, timeout=PATIENCE, check=True
    ).stdout
