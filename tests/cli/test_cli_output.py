"""Results look good on a terminal, and lose nothing anywhere else."""

import json
import os
import pty
import re
import struct
import subprocess
import termios
from fcntl import ioctl
from pathlib import Path

import pytest

from cli.commands import COMMAND, Inside, environ
from gateway.cli import output
from gateway.samples import SAMPLES


def on_terminal(*args: str, columns: int, cwd: Path) -> str:
    """What a command writes to a terminal of that width."""
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    environment = environ(TERM="xterm")
    environment.pop("COLUMNS", None)
    with subprocess.Popen([COMMAND, *args], cwd=cwd, env=environment, stdin=theirs, stdout=theirs, stderr=theirs):
        os.close(theirs)
        written = b""
        try:
            while chunk := os.read(ours, 65_536):
                written += chunk
        except OSError:  # Linux tells in this way that the other end is closed
            pass
    os.close(ours)
    return written.decode()


def test_no_cell_is_cut_off_a_terminal(inside: Inside) -> None:
    header, *lines = inside("sample", "list", COLUMNS="20").stdout.splitlines()

    assert header.split() == ["name", "dialect", "event", "key", "repository"]
    cells = [(one.name, one.dialect, one.event_key or "-", one.key) for one in SAMPLES.values()]
    assert [tuple(line.split()) for line in lines] == cells


def test_a_table_fits_into_a_terminal(tmp_path: Path) -> None:
    written = on_terminal("sample", "list", columns=64, cwd=tmp_path)

    lines = re.sub(r"\x1b\[[0-9;]*m", "", written).splitlines()
    assert len(lines) > len(SAMPLES)
    assert 50 < max(map(len, lines)) <= 64


def test_a_table_as_json_has_the_same_cells(inside: Inside) -> None:
    told = inside("sample", "list", "--json")

    expected = [
        {"name": one.name, "dialect": one.dialect, "event_key": one.event_key, "repository": one.key}
        for one in SAMPLES.values()
    ]
    assert json.loads(told.stdout) == expected
    assert told.stdout.count("\n") == 1


def test_a_sample_is_shown_byte_for_byte(inside: Inside) -> None:
    for name, sample in SAMPLES.items():
        assert inside("sample", "show", name).stdout_bytes == sample.body()


def test_a_sample_that_is_none_is_1_with_the_names_of_all(inside: Inside) -> None:
    told = inside("sample", "show", "nonsense")

    assert (told.exit_code, told.stdout) == (1, "")
    assert set(SAMPLES) <= set(told.stderr.split())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("refs/heads/ü", "refs/heads/ü"),
        ("a\x1b[2Jb", r"a\x1b[2Jb"),
        ("a\nb\tc", r"a\nb\tc"),
        ("\x9b", r"\x9b"),
        ("\ud800", r"\ud800"),
        ("\u202eabc", r"\u202eabc"),
    ],
)
def test_nothing_steers_a_terminal(text: str, expected: str) -> None:
    assert output.printable(text) == expected
