"""`gateway check`: every setting with its origin, no secret, and whether it could start."""

import json
import socket
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.commands import Inside

KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"
FILE = """
data_dir = "elsewhere"
admin_token = "token-of-the-file"
[limits]
body_bytes = "8MiB"
[retention]
deliveries = "36h"
[webhook_secrets]
"bitbucket.org/**" = ["by hand"]
[hosts."git.example.com"]
trusted_networks = ["10.0.0.0/8"]
"""


@pytest.fixture
def taken() -> Iterator[str]:
    """An address that somebody else has."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_every_setting_is_told_with_its_origin(inside: Inside, tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text(FILE)

    told = inside("check", "--json", GATEWAY_LISTEN="127.0.0.1:0", GATEWAY_LIMITS__BODY_BYTES="4MiB")

    rows = {row["setting"]: (row["value"], row["from"]) for row in json.loads(told.stdout)["settings"]}
    assert told.exit_code == 0
    assert rows["listen"] == ("127.0.0.1:0", "environment GATEWAY_LISTEN")
    assert rows["limits.body_bytes"] == ("4 MiB", "environment GATEWAY_LIMITS__BODY_BYTES")
    assert rows["data_dir"] == ("elsewhere", "gateway.toml")
    assert rows["retention.deliveries"] == ("36 h", "gateway.toml")
    assert rows["shutdown_grace"] == ("10 s", "default")
    assert rows["hosts"] == ('{"git.example.com":{"trusted_networks":["10.0.0.0/8"]}}', "gateway.toml")


def test_the_table_tells_the_same_and_cuts_nothing(inside: Inside) -> None:
    arguments = {"GATEWAY_LISTEN": "127.0.0.1:0", "GATEWAY_DATA_DIR": "d" * 120, "COLUMNS": "40"}

    told = json.loads(inside("check", "--json", **arguments).stdout)
    table = inside("check", **arguments).stdout

    for row in told["settings"]:
        assert [row["setting"], row["value"] or "-", row["from"]] in [line.split("  ") for line in _narrow(table)]


def _narrow(table: str) -> list[str]:
    """The lines of a table with two blanks between the cells."""
    return ["  ".join(cell.strip() for cell in line.split("  ") if cell.strip()) for line in table.splitlines()]


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_no_secret_is_shown(inside: Inside, tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "gateway.toml").write_text(FILE)

    told = inside("check", *arguments, GATEWAY_MASTER_KEYS=KEY, GATEWAY_LISTEN="127.0.0.1:0")

    assert told.exit_code == 0
    for secret in (KEY, tomllib.loads(FILE)["admin_token"], "by hand"):
        assert secret not in told.output


def test_it_makes_nothing(inside: Inside, tmp_path: Path) -> None:
    inside("check", GATEWAY_LISTEN="127.0.0.1:0")

    assert list(tmp_path.iterdir()) == []


def test_an_address_that_is_taken_is_wrong(inside: Inside, taken: str) -> None:
    told = inside("check", "--json", GATEWAY_LISTEN=taken)

    trials = {trial["check"]: trial["ok"] for trial in json.loads(told.stdout)["checks"]}
    assert trials == {"disk": True, "listen": False, "keys": True, "kafka": True}
    assert told.exit_code == 1
    assert told.stderr.splitlines() == [f"listen: cannot listen on {taken}: Address already in use"]


@pytest.mark.parametrize(
    ("settings", "wrong"),
    [
        ({"GATEWAY_LISTEN": "unix:/nowhere/gateway.sock"}, "listen"),
        ({"GATEWAY_LIMITS__DISK_FREE": "9000000000GB"}, "disk"),
        ({"GATEWAY_DATA_DIR": "/proc/data"}, "disk"),
        ({"GATEWAY_DATA_DIR": "a-file"}, "disk"),
        ({"GATEWAY_DATA_DIR": "with-a-bad-key"}, "keys"),
    ],
)
def test_what_would_stop_the_start_is_wrong(
    inside: Inside, tmp_path: Path, settings: dict[str, str], wrong: str
) -> None:
    (tmp_path / "a-file").write_text("")
    (tmp_path / "with-a-bad-key").mkdir()
    (tmp_path / "with-a-bad-key" / "master.keys").write_text("short")

    told = inside("check", **{"GATEWAY_LISTEN": "127.0.0.1:0"} | settings)

    assert told.exit_code == 1
    assert [line.partition(":")[0] for line in told.stderr.splitlines()] == [wrong]


def test_a_file_that_is_named_must_be_there(inside: Inside) -> None:
    told = inside("check", "--config", "nowhere.toml")

    assert (told.exit_code, told.stdout, len(told.stderr.splitlines())) == (1, "", 1)
    assert "nowhere.toml" in told.stderr


def test_a_kafka_that_does_not_answer_is_told_in_words(inside: Inside) -> None:
    told = inside("check", GATEWAY_LISTEN="127.0.0.1:0", GATEWAY_KAFKA__BOOTSTRAP_SERVERS="127.0.0.1:1")

    assert told.exit_code == 1
    assert 'kafka: 127.0.0.1:1: Unable connect to "127.0.0.1:1"' in told.stderr
