"""The manners of every command: help, exit codes, one line for each mistake."""

import subprocess
import sys
from importlib.metadata import version

import pytest

from cli.commands import PATIENCE, Inside, Piped, Run
from gateway.cli import manners
from gateway.errors import StartError

COMMANDS = ["demo", "serve", "check", "secret", "send", "tail", "sample", "sample list", "sample show"]


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_every_help_has_an_example_of_its_own_command(inside: Inside, command: str) -> None:
    told = inside(*command.split(), "--help")

    assert told.exit_code == 0
    assert "Example" in told.stdout
    assert f"    gateway {command}".rstrip() in told.stdout
    assert told.stderr == ""


def test_every_command_is_tested_for_its_help(inside: Inside) -> None:
    listed = inside("--help").stdout.partition("Commands:\n")[2].partition("\n\n")[0]

    assert {line.split()[0] for line in listed.splitlines()} == {name for name in COMMANDS if " " not in name}


def test_the_version_is_that_of_the_distribution(inside: Inside) -> None:
    told = inside("--version")

    assert (told.exit_code, told.stdout) == (0, f"gateway {version('bitbucket-webhook-gateway')}\n")


def test_help_imports_neither_the_service_nor_what_it_is_made_of() -> None:
    """That is what makes it quick."""
    heavy = {"gateway.service", "gateway.web", "aiohttp", "pydantic", "sqlite3", "marshmallow", "rich.table"}
    script = "import sys, gateway.cli; print(*sorted(set(sys.modules)))"
    imported = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()

    assert "gateway.cli.root" in imported
    assert heavy.isdisjoint(imported)


@pytest.mark.parametrize(
    "arguments",
    [
        "nonsense",
        "--nonsense",
        "demo extra",
        "demo --port 1",
        "sample nonsense",
        "sample show",
        "secret",
        "secret a/b/c/d",
        "secret bad_host!",
        "secret bitbucket.org/..",
        "send",
        "send --sample cloud-repo-push",
        "send --to bitbucket.org/a/b",
        "send file --sample cloud-repo-push --to bitbucket.org/a/b",
        "send --sample cloud-repo-push --to bitbucket.org/a/b --secret s --token t",
        "send --sample cloud-repo-push --to bitbucket.org/a/b --dialect nonsense",
        "send --sample cloud-repo-push --to http://localhost/x --token t",
        "send --sample post-receive-push --to http://localhost/x --secret s",
        "tail --limit 0",
        "tail --limit many",
        "tail --repository a/b/c/d",
        "check extra",
        "--config",
    ],
)
def test_wrong_use_is_2_with_nothing_on_stdout(inside: Inside, arguments: str) -> None:
    told = inside(*arguments.split())

    assert (told.exit_code, told.stdout) == (2, ""), told.stderr
    assert "Traceback" not in told.stderr


WRONG = {
    "GATEWAY_LISTEN": "nowhere",
    "GATEWAY_LIMITS__BODY_BYTES": "many",
    "GATEWAY_LISTNE": "127.0.0.1:1",
}


@pytest.mark.parametrize(
    "command", ["check", "serve", "secret a.example", "send --sample cloud-repo-push --to a/b/c", "tail"]
)
def test_mistakes_in_the_settings_are_1_with_a_line_for_each(inside: Inside, command: str) -> None:
    told = inside(*command.split(), **WRONG)

    assert (told.exit_code, told.stdout) == (1, "")
    lines = told.stderr.splitlines()
    assert len(lines) == len(WRONG)
    assert {line.partition(":")[0] for line in lines} == WRONG.keys()


def test_the_same_from_the_installed_command(gateway: Run) -> None:
    told = gateway("serve", **WRONG)

    assert (told.returncode, told.stdout, len(told.stderr.splitlines())) == (1, "", len(WRONG))


@pytest.mark.parametrize("arguments", [["--debug", "check"], ["check", "--debug"]])
def test_a_stack_trace_is_for_those_who_ask(inside: Inside, arguments: list[str]) -> None:
    told = inside(*arguments, GATEWAY_LISTEN="nowhere")

    assert told.exit_code == 1
    assert "Traceback" in told.stderr
    assert told.stderr.splitlines()[-1].startswith("GATEWAY_LISTEN: ")


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (KeyError("s3cret"), "the command failed in a way it does not foresee (KeyError); --debug shows where\n"),
        (StartError("one", "two"), "one\ntwo\n"),
        (FileNotFoundError(2, "No such file or directory", "a.json"), "a.json: No such file or directory\n"),
        (KeyboardInterrupt(), ""),
    ],
)
def test_what_goes_wrong_is_told_without_its_insides(
    raised: BaseException, expected: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = manners.group("")
    app.callback()(lambda: None)

    @app.command()
    def fail() -> None:
        raise raised

    monkeypatch.setattr("sys.argv", ["gateway", "fail"])

    with pytest.raises(SystemExit) as end:
        manners.run(app)

    assert end.value.code == 1
    assert capfd.readouterr() == ("", expected)


def test_what_an_encoding_cannot_write_is_written_as_an_escape(gateway: Run) -> None:
    told = gateway("check", PYTHONIOENCODING="ascii", GATEWAY_DATA_DIR="d\u00e9j\u00e0")

    assert (told.returncode, told.stderr) == (0, "")
    assert "d\\xe9j\\xe0" in told.stdout


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("check --config a.toml --json", "--config a.toml check --json"),
        ("check --config=a.toml", "--config=a.toml check"),
        ("--debug check", "--debug check"),
        ("send - --debug --to x", "--debug send - --to x"),
        ("send -- --debug", "send -- --debug"),
        ("check --config", "--config check"),
    ],
)
def test_the_options_of_all_commands_may_stand_behind_one(arguments: str, expected: str) -> None:
    assert manners.in_front(arguments.split()) == expected.split()


@pytest.mark.parametrize("arguments", ["sample list", "sample show cloud-repo-push", "check --json"])
def test_a_reader_that_has_gone_ends_a_command_quietly(start_piped: Piped, arguments: str) -> None:
    process = start_piped(*arguments.split())
    assert process.stdout is not None
    process.stdout.close()

    assert process.communicate(timeout=PATIENCE)[1] == ""
    assert process.returncode == 1
