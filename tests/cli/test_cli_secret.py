"""`gateway secret`: the same values everywhere, and what to enter where."""

import json
import stat
from pathlib import Path

import pytest

from cli.commands import Inside, Run
from gateway.delivery import Scope
from gateway.dialects import DIALECTS
from gateway.secrets import MasterKey

KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"
OTHER_KEY = "MTEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"
HOSTS = """
public_url = "https://gateway.example.com/hooks"

[hosts."bitbucket.example.com"]
aliases = ["git.example.com"]

[hosts."closed.example.com"]
derived_secrets = false

[hosts."cloudy.example.com"]
dialect = "cloud"

[webhook_secrets]
"closed.example.com/pay/**" = ["first by hand", "second by hand"]
"""


def named(text: str) -> dict[str, str]:
    """The lines of the command as names and values."""
    return dict(line.split(maxsplit=1) for line in text.splitlines())


def test_four_lines_of_names_and_values(inside: Inside) -> None:
    told = inside("secret", "bitbucket.example.com/PAY/Ledger", GATEWAY_PUBLIC_URL="https://gateway.example.com")

    assert (told.exit_code, told.stderr) == (0, "")
    assert list(named(told.stdout)) == ["url", "secret", "token", "events"]
    assert named(told.stdout)["url"] == "https://gateway.example.com/repo-syncer/repos/bitbucket.example.com/pay/ledger"


def test_the_values_are_those_that_the_service_believes(inside: Inside) -> None:
    told = json.loads(inside("secret", "bitbucket.org/a", "--json", GATEWAY_MASTER_KEYS=f"{KEY},{OTHER_KEY}").stdout)

    newest = MasterKey.parse(KEY)
    assert told["secret"] == newest.derive("signature", Scope("bitbucket.org", "a"))
    assert told["token"] == newest.derive("token", Scope("bitbucket.org", "a"))


def test_json_has_the_same_names_and_values(inside: Inside) -> None:
    lines = named(inside("secret", "bitbucket.example.com").stdout)
    told = json.loads(inside("secret", "bitbucket.example.com", "--json").stdout)

    assert told == lines | {"events": lines["events"].split()}


@pytest.mark.parametrize(
    ("hostname", "dialect"),
    [("bitbucket.org", "cloud"), ("bitbucket.example.com", "data-center"), ("cloudy.example.com", "cloud")],
)
def test_the_events_to_tick_are_those_of_the_host_that_are_understood(
    inside: Inside, tmp_path: Path, hostname: str, dialect: str
) -> None:
    (tmp_path / "gateway.toml").write_text(HOSTS)

    told = json.loads(inside("secret", hostname, "--json").stdout)

    assert set(told["events"]) == set({str(name): room for name, room in DIALECTS.items()}[dialect].events)
    assert {"cloud": "repo:push", "data-center": "repo:refs_changed"}[dialect] in told["events"]


def test_two_runs_of_one_directory_are_equal_and_the_key_is_kept_private(
    gateway: Run, inside: Inside, tmp_path: Path
) -> None:
    first, second = (run("secret", "bitbucket.org/a/b").stdout for run in (gateway, inside))

    assert first == second != ""
    assert stat.S_IMODE((tmp_path / "data" / "master.keys").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_equal_master_keys_are_equal_anywhere_and_others_are_not(inside: Inside) -> None:
    def told(key: str, data_dir: str, scope: str) -> dict[str, str]:
        return named(inside("secret", scope, GATEWAY_MASTER_KEYS=key, GATEWAY_DATA_DIR=data_dir).stdout)

    here = told(KEY, "here", "bitbucket.org/a/b")
    assert here == told(f"{KEY}=", "there", "BITBUCKET.org/A/B.git/")
    for other in (told(OTHER_KEY, "here", "bitbucket.org/a/b"), told(KEY, "here", "bitbucket.org/a")):
        assert {here["secret"], here["token"]}.isdisjoint({other["secret"], other["token"]})
    assert here["secret"] != here["token"]


def test_configured_keys_leave_nothing_behind(inside: Inside, tmp_path: Path) -> None:
    inside("secret", "bitbucket.org", GATEWAY_MASTER_KEYS=KEY)

    assert list(tmp_path.iterdir()) == []


def test_an_alias_has_the_values_of_the_host(inside: Inside, tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text(HOSTS)

    own, alias = inside("secret", "bitbucket.example.com/a"), inside("secret", "git.example.com/a")

    assert alias.stdout == own.stdout
    assert "bitbucket.example.com" in alias.stderr


def test_where_only_explicit_secrets_count_the_first_one_is_told(inside: Inside, tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text(HOSTS)

    told = inside("secret", "closed.example.com/pay/ledger")

    assert named(told.stdout)["secret"] == named(told.stdout)["token"] == "first by hand"
    assert "explicit" in told.stderr


def test_where_only_explicit_secrets_count_and_there_is_none_it_is_refused(inside: Inside, tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text(HOSTS)

    told = inside("secret", "closed.example.com/web")

    assert (told.exit_code, told.stdout) == (1, "")
    assert "webhook_secrets" in told.stderr


@pytest.mark.parametrize(
    ("public_url", "scope", "warnings"),
    [
        ("https://gateway.example.com", "bitbucket.org", 0),
        ("http://gateway.example.com", "bitbucket.example.com", 0),
        ("http://10.1.2.3:8080", "bitbucket.example.com", 0),
        ("http://gateway", "bitbucket.example.com", 0),
        ("http://127.0.0.1:8080", "bitbucket.example.com", 1),
        ("http://[::1]:8080", "bitbucket.example.com", 1),
        ("http://localhost", "bitbucket.example.com", 1),
        ("http://0.0.0.0:8080", "bitbucket.example.com", 1),
        ("http://[::]:8080", "bitbucket.example.com", 1),
        ("http://gateway.example.com", "bitbucket.org", 1),
        ("https://10.1.2.3", "bitbucket.org", 1),
        ("https://gateway", "bitbucket.org", 1),
        ("http://localhost", "bitbucket.org", 2),
    ],
)
def test_a_public_url_that_bitbucket_cannot_reach_is_warned_of(
    inside: Inside, public_url: str, scope: str, warnings: int
) -> None:
    told = inside("secret", scope, GATEWAY_PUBLIC_URL=public_url)

    assert told.exit_code == 0
    assert [line.split()[:2] for line in told.stderr.splitlines()] == [["warning:", "PUBLIC_URL"]] * warnings


@pytest.mark.parametrize("listen", ["unix:/run/gateway.sock", "0.0.0.0:8080", "[::]:8080", "127.0.0.1:0"])
def test_so_is_an_address_to_listen_on_that_stands_for_it(inside: Inside, listen: str) -> None:
    assert "warning: PUBLIC_URL" in inside("secret", "bitbucket.example.com", GATEWAY_LISTEN=listen).stderr


def test_a_key_that_cannot_be_read_is_no_reason_for_another_one(inside: Inside, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "master.keys").write_text("")

    told = inside("secret", "bitbucket.org")

    assert (told.exit_code, told.stdout, len(told.stderr.splitlines())) == (1, "", 1)
    assert (tmp_path / "data" / "master.keys").read_text() == ""
