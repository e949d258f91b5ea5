"""Probes and metrics: open to everybody, telling no secret and naming no repository."""

import re
import shutil
import subprocess

import pytest
from gateways import ADMIN_TOKEN, BOOKING, LEDGER, Local
from hooks import MASTER_KEY, badly_signed, change, native_push, unproven

SAMPLE = re.compile(r"(?P<name>[a-z_]+)(?:\{(?P<labels>.*)\})? (?P<value>\S+)")
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')
PREFIX = "bitbucket_gateway_"
DIALECTS = {"post-receive", "data-center", "cloud", "post-webhooks-app", "legacy-post"}
OUTCOMES = {"accepted", "duplicate", "unknown", "dead_letter"}


async def samples(gateway: Local) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample of `/metrics`: name without prefix and sorted labels -> value."""
    answer = await gateway.get("/metrics", bearer=None)
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    found = {}
    for line in answer.body.decode().splitlines():
        if not line.startswith("#"):
            read = SAMPLE.fullmatch(line)
            assert read is not None, line
            labels = tuple(sorted(LABEL.findall(read["labels"] or "")))
            found[read["name"].removeprefix(PREFIX), labels] = float(read["value"])
    return found


async def some_traffic(gateway: Local) -> None:
    """Something of every outcome, and refusals."""
    body = native_push(change(), change())
    request = {"X-Request-Id": "9a1c"}
    outcomes = [
        (await gateway.post(LEDGER, body, headers=request)).outcome,
        (await gateway.post(LEDGER, body, headers=request)).outcome,
        (await gateway.post(LEDGER, b"{}", "repo:invented")).outcome,
        (await gateway.post(LEDGER, b"no JSON")).outcome,
        (await gateway.post(BOOKING, b"{}", "repo:push")).outcome,
    ]
    refused = [
        (await gateway.post(LEDGER, body, proof=unproven)).status,
        (await gateway.post(LEDGER, body, proof=badly_signed)).status,
        (await gateway.post(LEDGER, body, headers={"Content-Type": "text/plain"})).status,
        (await gateway.post(LEDGER, body, path="/repo-syncer/repos/..")).status,
    ]
    assert outcomes == ["accepted", "duplicate", "unknown", "dead_letter", "unknown"]
    assert refused == [401, 403, 415, 400]


async def test_the_process_is_alive(gateway: Local) -> None:
    answer = await gateway.get("/livez", bearer=None)

    assert answer.status == 200


async def test_ready_tells_its_parts_and_no_secret(gateway: Local) -> None:
    answer = await gateway.get("/readyz", bearer=None)

    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    told = answer.json()
    assert (told["ready"], told["journal"], told["disk"], told["stopping"]) == (True, "ok", "ok", False)
    assert re.fullmatch("[0-9a-f]{12}", told["master_key"])
    assert not any(secret.encode() in answer.body for secret in (MASTER_KEY, ADMIN_TOKEN))


async def test_while_stopping_it_is_unready_and_goes_on_taking_hooks_on_connections_that_end(gateway: Local) -> None:
    before = await gateway.post(LEDGER, native_push(change()))
    gateway.service.stop()

    ready = await gateway.get("/readyz", bearer=None)
    hook = await gateway.post(LEDGER, native_push(change()))
    refused = await gateway.post(LEDGER, native_push(change()), proof=unproven)

    assert (ready.status, ready.json()["ready"], ready.json()["stopping"]) == (503, False, True)
    assert (await gateway.get("/livez", bearer=None)).status == 200
    assert (hook.outcome, refused.status) == ("accepted", 401)
    assert "Connection" not in before.headers
    assert [answer.headers["Connection"] for answer in (ready, hook, refused)] == ["close"] * 3
    assert [event["id"] for event in await gateway.events()] == before.events + hook.events


async def test_known_labels_start_at_zero(gateway: Local) -> None:
    found = await samples(gateway)

    deliveries = {labels for name, labels in found if name == "deliveries_total"}
    assert deliveries == {(("dialect", dialect), ("outcome", outcome)) for dialect in DIALECTS for outcome in OUTCOMES}
    codes = {labels[0][1] for name, labels in found if name == "refused_total"}
    assert codes >= {
        "bad_request",
        "unauthenticated",
        "forbidden",
        "not_found",
        "method_not_allowed",
        "too_slow",
        "too_large",
        "unsupported_media_type",
        "busy",
        "unavailable",
    }
    families = {labels[0][1] for name, labels in found if name == "events_total"}
    assert families >= {"refs", "pull-requests", "unknown"}
    counted = {name: value for (name, _), value in found.items() if name.endswith("_total")}
    assert set(counted.values()) == {0.0}
    assert {"gaps_total", "dead_letters_total"} <= set(counted)


async def test_what_happened_is_counted(gateway: Local) -> None:
    await some_traffic(gateway)

    found = await samples(gateway)

    def of(name: str, **labels: str) -> float:
        return found[name, tuple(sorted(labels.items()))]

    assert [of("deliveries_total", dialect="data-center", outcome=outcome) for outcome in sorted(OUTCOMES)] == [1] * 4
    assert of("deliveries_total", dialect="cloud", outcome="unknown") == 1
    assert of("events_total", family="refs") == 2
    assert of("events_total", family="unknown") == 2
    assert of("gaps_total") == 2
    assert sum(value for (name, _), value in found.items() if name == "dead_letters_total") == 1
    assert [
        of("refused_total", code=code)
        for code in ("unauthenticated", "forbidden", "unsupported_media_type", "bad_request", "too_large")
    ] == [1, 1, 1, 1, 0]
    assert of("request_duration_seconds_count") == 9
    assert of("journal_commit_duration_seconds_count") >= 5
    assert of("journal_commit_deliveries_sum") >= 5
    assert of("last_delivery_timestamp_seconds", hostname="bitbucket.example.com") > 1_700_000_000
    assert of("last_delivery_timestamp_seconds", hostname="bitbucket.org") > 1_700_000_000
    assert of("journal_bytes") > 0
    assert of("data_dir_free_bytes") > 0
    assert [value for (name, _), value in found.items() if name == "build_info"] == [1]


async def test_no_label_names_a_repository_a_person_or_a_secret(gateway: Local) -> None:
    await some_traffic(gateway)

    names = {name for _, labels in await samples(gateway) for name, _ in labels}
    text = (await gateway.get("/metrics", bearer=None)).body.decode()

    assert names <= {"dialect", "outcome", "hostname", "code", "family", "le", "reason", "version", "topic"}
    for word in ("ledger", "booking", "fjordline", "mira", ADMIN_TOKEN, MASTER_KEY):
        assert word not in text


async def test_prometheus_is_content_with_the_metrics(gateway: Local) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed: it comes with Prometheus")
    await some_traffic(gateway)
    text = (await gateway.get("/metrics", bearer=None)).body

    judged = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, check=False)  # noqa: ASYNC221

    assert (judged.returncode, judged.stdout, judged.stderr) == (0, b"", b"")
