"""`serve`, `send` and `tail` together: the installed command as processes of its own."""

import json
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from cli.commands import PATIENCE, Inside, Run, Start, Started, listening, until
from gateway.samples import SAMPLES

CLOUD = "bitbucket.org/fjordline/booking-api"
Settings = Mapping[str, str]


def sent(inside: Inside, name: str, settings: Settings) -> list[str]:
    """The ids of the events of a sample that was accepted."""
    told = inside("send", "--sample", name, "--to", SAMPLES[name].key, "--json", **settings)
    answer = json.loads(told.stdout)
    assert (told.exit_code, answer["status"], answer["outcome"]) == (0, 202, "accepted")
    return list(answer["events"])


def followed(tail: Started) -> list[str]:
    """The ids of the events that `tail --json` has printed."""
    return [json.loads(line)["id"] for line in tail.lines()]


def test_what_is_sent_is_followed_and_a_restart_costs_nothing(
    serving: Started, start: Start, inside: Inside, settings: Settings
) -> None:
    tail = start("tail", "--json", **settings)
    expected = []
    for name in ("post-receive-push", "data-center-repo-refs-changed", "cloud-repo-push"):
        expected += sent(inside, name, settings)
    until(lambda: followed(tail) == expected)

    assert serving.end() == 0
    until(lambda: len(tail.errors()) == 1)
    again = listening(start("serve", **settings))
    expected += sent(inside, "cloud-pullrequest-created", settings)
    until(lambda: followed(tail) == expected)

    assert tail.end(signal.SIGINT) == 0
    assert len(tail.errors()) == 1
    assert again.end(signal.SIGINT) == 0
    assert "Traceback" not in serving.stderr.read_text() + again.stderr.read_text() + tail.stderr.read_text()


def test_a_second_signal_shortens_the_grace_and_nobody_else_reads_what_it_made(
    start: Start, settings: Settings, tmp_path: Path
) -> None:
    serve = listening(start("serve", **{**settings, "GATEWAY_SHUTDOWN_GRACE": "1h"}))
    modes = {path.name: path.stat().st_mode & 0o077 for path in (tmp_path / "data").iterdir()}

    serve.process.send_signal(signal.SIGTERM)
    until(lambda: "stopping" in serve.stderr.read_text())
    with pytest.raises(subprocess.TimeoutExpired):
        serve.process.wait(0.2)

    assert serve.end() == 0
    assert set(modes.values()) == {0}
    assert {"journal.db", "gateway.sock", "master.keys"} <= modes.keys()


def test_a_data_directory_with_a_long_name_is_spoken_to(start: Start, inside: Inside, settings: Settings) -> None:
    """A Unix address holds about 100 bytes."""
    long = {**settings, "GATEWAY_DATA_DIR": "/".join(["directory"] * 15)}
    listening(start("serve", **long))

    assert len(sent(inside, "cloud-repo-push", long)) == 5
    assert len(inside("tail", "--no-follow", **long).stdout.splitlines()) == 5


def test_a_second_gateway_of_one_directory_or_address_does_not_start(
    shared: Settings, start: Start, inside: Inside
) -> None:
    same, beside = start("serve", **shared), start("serve", **{**shared, "GATEWAY_DATA_DIR": "other"})

    for other in (same, beside):
        assert (other.process.wait(PATIENCE), other.lines(), len(other.errors())) == (1, [], 1), other.errors()
    assert inside("check", **shared).exit_code == 0


def test_tail_filters_counts_resumes_and_speaks_to_a_url(shared: Settings, inside: Inside) -> None:
    before = sent(inside, "post-receive-push", shared)
    expected = sent(inside, "data-center-pr-opened", shared) + sent(inside, "cloud-repo-push", shared)
    token = (Path(shared["GATEWAY_DATA_DIR"]) / "admin.token").read_text().strip()
    remote = {"GATEWAY_URL": f"http://{shared['GATEWAY_LISTEN']}", "GATEWAY_TOKEN": token}

    def told(*args: str, **settings: str) -> list[dict[str, Any]]:
        result = inside("tail", "--json", *args, **settings)
        assert (result.exit_code, result.stderr) == (0, "")
        return [json.loads(line) for line in result.stdout.splitlines()]

    start = next(event["cursor"] for event in told("--no-follow", **shared) if event["id"] == before[-1])
    everything = told("--no-follow", "--after", start, **shared)

    assert [event["id"] for event in everything] == expected
    assert told("--no-follow", "--after", start, "--type", "ref.*", **shared) == everything[1:]
    assert told("--no-follow", "--after", start, "--repository", "BITBUCKET.org/Fjordline", **shared) == everything[1:]
    assert told("--limit", "2", "--after", start, **remote) == everything[:2]
    assert told("--no-follow", "--after", everything[1]["cursor"], **remote) == everything[2:]
    assert {event["type"].removeprefix("org.bitbucket.ref.") for event in everything[1:]} == {
        "created",
        "updated",
        "deleted",
    }


def test_without_json_an_event_is_one_readable_line(shared: Settings, inside: Inside) -> None:
    sent(inside, "data-center-pr-merged", shared)

    (line,) = inside("tail", "--no-follow", "--type", "pull_request.merged", **shared).stdout.splitlines()

    sample = SAMPLES["data-center-pr-merged"]
    title = json.loads(sample.body())["pullRequest"]["title"]
    assert line.split("  ")[1:] == ["pull_request.merged", sample.key, "pull-requests/42", title]


def test_what_tail_is_refused_is_told_in_words(shared: Settings, inside: Inside) -> None:
    url = f"http://{shared['GATEWAY_LISTEN']}"

    gone = inside("tail", "--after", "elsewhere-3", **shared)
    nobody = inside("tail", "--url", url)
    somebody = inside("tail", "--url", url, "--token", "guessed")

    for told, word in ((gone, "--after 0"), (nobody, "--token"), (somebody, "--token")):
        assert (told.exit_code, told.stdout, len(told.stderr.splitlines())) == (1, "", 1)
        assert word in told.stderr


@pytest.mark.parametrize("arguments", [["tail"], ["tail", "--url", "http://127.0.0.1:9"]])
def test_tail_without_a_gateway_says_what_to_do(inside: Inside, arguments: list[str]) -> None:
    told = inside(*arguments)

    assert (told.exit_code, told.stdout, len(told.stderr.splitlines())) == (1, "", 1)
    assert "gateway serve" in told.stderr or "is a gateway running there?" in told.stderr


def refused(told: Result) -> tuple[int, int, str]:
    """Exit code, status and code of `send --json`."""
    answer = json.loads(told.stdout)
    return told.exit_code, answer["status"], answer["code"]


def test_send_proves_as_it_is_told(shared: Settings, inside: Inside, tmp_path: Path) -> None:
    url = f"http://{shared['GATEWAY_LISTEN']}/repo-syncer/repos/"
    (tmp_path / "push.json").write_bytes(SAMPLES["cloud-repo-push"].body())
    to_cloud = ("send", "push.json", "--event", "repo:push", "--json", "--to", f"{url}{CLOUD}")
    of_plugin = ("send", "--sample", "post-receive-push", "--json", "--to", f"{url}stash.example.com/web")
    secret = json.loads(inside("secret", CLOUD, "--json", **shared).stdout)["secret"]
    token = json.loads(inside("secret", "stash.example.com/web", "--json", **shared).stdout)["token"]

    assert inside(*to_cloud, "--secret", secret).exit_code == 0
    assert inside(*of_plugin, "--token", token).exit_code == 0
    assert refused(inside(*to_cloud, "--secret", "guessed")) == (1, 403, "forbidden")
    assert refused(inside(*of_plugin, "--token", secret)) == (1, 403, "forbidden")
    assert refused(inside(*to_cloud)) == (1, 401, "unauthenticated")


def test_send_reads_stdin_and_the_event_key_in_the_body(shared: Settings, gateway: Run) -> None:
    body = SAMPLES["data-center-repo-refs-changed"].body().decode()

    told = gateway("send", "-", "--to", "bitbucket.example.com/pay/ledger", stdin=body, **shared)

    assert (told.returncode, told.stdout.split()[:4]) == (0, ["status", "202", "outcome", "accepted"])
    assert [line.split()[0] for line in told.stdout.splitlines()] == ["status", "outcome", "delivery", "events"]


def test_send_warns_of_a_dialect_the_host_does_not_speak(shared: Settings, inside: Inside) -> None:
    told = inside("send", "--sample", "cloud-repo-push", "--to", "git.example.com/a/b", "--json", **shared)

    assert (told.exit_code, json.loads(told.stdout)["outcome"]) == (0, "unknown")
    assert told.stderr.startswith("warning: ")


def test_send_without_a_gateway_or_a_file_is_1_with_a_sentence(inside: Inside) -> None:
    nobody = inside("send", "--sample", "cloud-repo-push", "--to", "http://127.0.0.1:9/x?token=hidden")
    nothing = inside("send", "nowhere.json", "--to", "http://127.0.0.1:9/x")

    assert (nobody.exit_code, nobody.stdout) == (1, "")
    assert "hidden" not in nobody.stderr
    assert (nothing.exit_code, nothing.stderr.splitlines()[-1]) == (1, "nowhere.json: No such file or directory")
