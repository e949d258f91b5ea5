"""Which addresses there are, however they are spelled; nobody comes around a check by spelling one otherwise."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from gateways import ADMIN_TOKEN, LEDGER, NDJSON, Local, settings_of, started
from hooks import change, native_push, raw_post

HOOKS = "/repo-syncer/repos/"
BEARER = f"Authorization: Bearer {ADMIN_TOKEN}"


@pytest.mark.parametrize(
    ("target", "scope"),
    [
        ("bitbucket.example.com/pay/ledger", LEDGER),
        ("bitbucket.example.com/pay/ledger/", LEDGER),
        ("bitbucket.example.com/pay/ledger.git", LEDGER),
        ("bitbucket.example.com/pay/ledger.git/", LEDGER),
        ("BitBucket.Example.COM/PAY/Ledger.GIT", LEDGER),
        ("bitbucket.example.com/p%61y/%6cedger", LEDGER),
        ("bitbucket.example.com:7990/pay/ledger", "bitbucket.example.com:7990/pay/ledger"),
        ("bitbucket.example.com%3A7990/pay/ledger", "bitbucket.example.com:7990/pay/ledger"),
        ("[fd00::7]:7990/pay/ledger", "[fd00::7]:7990/pay/ledger"),
        ("bitbucket.example.com/~mira/notes", "bitbucket.example.com/~mira/notes"),
        ("bitbucket.example.com/%7EMira/notes", "bitbucket.example.com/~mira/notes"),
        ("bitbucket.example.com/pay/caf%C3%A9", "bitbucket.example.com/pay/café"),
        ("bitbucket.example.com/pay/cafe%CC%81", "bitbucket.example.com/pay/café"),
    ],
)
async def test_every_spelling_of_a_repository_is_one_key(gateway: Local, target: str, scope: str) -> None:
    answer = await gateway.post(scope, native_push(change()), path=HOOKS + target)

    assert answer.outcome == "accepted"
    assert [event["partitionkey"] for event in await gateway.events()] == [scope]


@pytest.mark.parametrize(
    ("target", "status", "code"),
    [
        ("bitbucket.example.com/pay/ledger/extra", 404, "not_found"),
        ("bitbucket.example.com/pay/ledger//", 404, "not_found"),
        ("bitbucket.example.com/pay/ledger/extra/more", 404, "not_found"),
        ("", 404, "not_found"),
        ("bitbucket.example.com/pay%2fledger", 400, "bad_request"),
        ("bitbucket.example.com/pay%2Fledger", 400, "bad_request"),
        ("bitbucket.example.com/pay/ledger%00", 400, "bad_request"),
        ("bitbucket.example.com/pay/%c0%af", 400, "bad_request"),
        ("bitbucket.example.com/pay/%ff", 400, "bad_request"),
        ("bitbucket.example.com/pay/%ED%A0%80", 400, "bad_request"),
        ("bitbucket.example.com/../ledger", 400, "bad_request"),
        ("bitbucket.example.com/%2e%2e/ledger", 400, "bad_request"),
        ("bitbucket.example.com/./ledger", 400, "bad_request"),
        ("bitbucket.example.com//ledger", 400, "bad_request"),
        ("/pay/ledger", 400, "bad_request"),
        ("bitbucket.example.com/pay/.git", 400, "bad_request"),
        ("bitbucket.example.com/pay/led%20ger", 400, "bad_request"),
        ("bitbucket.example.com/pay/led%25ger", 400, "bad_request"),
        ("bitbucket.example.com/pay/led%5Cger", 400, "bad_request"),
        ("bitbucket.example.com/pay/led%E2%80%8Bger", 400, "bad_request"),
        ("bitbucket.example.com/pay/" + "a" * 300, 400, "bad_request"),
        ("bitbucket example.com/pay/ledger".replace(" ", "%20"), 400, "bad_request"),
        ("mira@bitbucket.example.com/pay/ledger", 400, "bad_request"),
        ("bitbucket.example.com:port/pay/ledger", 400, "bad_request"),
    ],
)
async def test_what_names_no_repository_is_refused_with_the_fitting_code(
    gateway: Local, target: str, status: int, code: str
) -> None:
    async with gateway.wire() as wire:
        await wire.send(raw_post(LEDGER, native_push(change()), target=HOOKS + target))
        answer = await wire.answer()

    assert (answer.status, answer.code) == (status, code)
    assert await gateway.events() == []


async def test_a_target_in_absolute_form_is_understood(gateway: Local) -> None:
    """RFC 9112 §3.2.2: a server has to take it, although only proxies get it."""
    async with gateway.wire() as wire:
        await wire.send(raw_post(LEDGER, native_push(change()), target=f"http://gateway.example.com{HOOKS}{LEDGER}"))

        assert (await wire.answer()).outcome == "accepted"


async def test_a_query_of_a_hook_is_not_part_of_its_address(gateway: Local) -> None:
    async with gateway.wire() as wire:
        await wire.send(raw_post(LEDGER, native_push(change()), target=f"{HOOKS}{LEDGER}?a=%ff&b=%00&token=%ff&x"))

        assert (await wire.answer()).outcome == "accepted"


@pytest.fixture
async def behind_a_path(tmp_path: Path, log: object) -> AsyncIterator[Local]:
    settings = settings_of(tmp_path / "data", public_url="https://tools.example.com/git/gateway")
    async with started(settings) as local:
        yield local


@pytest.mark.parametrize("prefix", ["", "/git/gateway", "http://tools.example.com/git/gateway"])
async def test_a_public_url_with_a_path_is_served_with_and_without_it(behind_a_path: Local, prefix: str) -> None:
    async with behind_a_path.wire() as wire:
        await wire.send(raw_post(LEDGER, native_push(change()), target=f"{prefix}{HOOKS}{LEDGER}"))

        assert (await wire.answer()).outcome == "accepted"


@pytest.mark.parametrize("prefix", ["", "/git/gateway"])
async def test_every_route_is_served_with_and_without_the_path(behind_a_path: Local, prefix: str) -> None:
    await behind_a_path.post(LEDGER, native_push(change()))

    shown = await behind_a_path.get(f"{prefix}/api/v1/events?limit=1&type=ref.*")

    assert (await behind_a_path.get(f"{prefix}/livez", bearer=None)).status == 200
    assert [item["partitionkey"] for item in shown.json()["items"]] == [LEDGER]
    assert shown.json()["items"][0]["dataschema"].startswith("https://tools.example.com/git/gateway/schemas/v1/")
    assert shown.json()["items"][0]["source"] == f"{HOOKS}{LEDGER}"


@pytest.mark.parametrize(
    "target", ["/git/livez", "/git/gatewaylivez", "/gateway/livez", "/git/gateway/git/gateway/livez"]
)
async def test_only_the_whole_path_is_taken_off(behind_a_path: Local, target: str) -> None:
    assert (await behind_a_path.get(target)).status == 404


@pytest.mark.parametrize(
    "target",
    [
        "/%61pi/v1/events",
        "/api/%76%31/events",
        "/%61%70%69/%76%31/%65vents",
        "/api/v1/%65vents",
        "/api/v1%2fevents",
        "/api/./v1/events",
        "/livez/../api/v1/events",
        "//api/v1/events",
        "/api//v1/events",
        "/API/v1/events",
        "/api/v1/events/",
        "/api/v1/events;x",
        "http://gateway.example.com/api/v1/events",
        "http://gateway.example.com/%61pi/v1/events",
    ],
)
async def test_no_spelling_of_an_address_shows_events_without_a_token(gateway: Local, target: str) -> None:
    await gateway.post(LEDGER, native_push(change()))

    async with gateway.wire() as wire:
        await wire.send(f"GET {target} HTTP/1.1\r\nHost: gateway.example.com\r\n\r\n".encode())
        answer = await wire.answer()

    assert answer.status in {401, 404}
    assert b"ledger" not in answer.body


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"])
@pytest.mark.parametrize("target", ["/repo-syncer/repos/a/b/c", "/%72epo-syncer/repos/a/b/c", "/repo-syncer/repos"])
async def test_every_method_but_post_asks_for_a_token_before_it_is_routed(
    gateway: Local, method: str, target: str
) -> None:
    async with gateway.wire() as wire:
        await wire.send(f"{method} {target} HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n".encode())
        answer = await wire.rest()

    assert answer.startswith(b"HTTP/1.1 401 ")


async def test_a_hook_whose_path_is_spelled_otherwise_speaks_for_no_other_scope(gateway: Local) -> None:
    """Nothing may be cut off the encoded path by the length of the plain one."""
    body = native_push(change())
    shifted = "s/bitbucket.example.com/pay"

    async with gateway.wire() as wire:
        await wire.send(raw_post(shifted, body, target="/%72epo-syncer/repos/bitbucket.example.com/pay"))
        answer = await wire.answer()

    assert answer.status in {400, 401, 403, 404}
    assert await gateway.events() == []


@pytest.mark.parametrize(
    ("method", "target", "allow"),
    [
        ("POST", "/livez", "GET,HEAD"),
        ("DELETE", "/metrics", "GET,HEAD"),
        ("POST", "/api/v1/events", "GET"),
    ],
)
async def test_a_wrong_method_is_told_the_right_ones(gateway: Local, method: str, target: str, allow: str) -> None:
    async with gateway.wire() as wire:
        await wire.send(f"{method} {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n{BEARER}\r\n\r\n".encode())
        answer = await wire.answer()

    assert (answer.status, answer.code) == (405, "method_not_allowed")
    assert set(answer.headers["Allow"].replace(" ", "").split(",")) == set(allow.split(","))


async def test_nobody_follows_without_a_body(gateway: Local) -> None:
    """The answer to HEAD would be the headers of a stream that never ends."""
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}", "Accept": NDJSON}

    assert (await gateway.ask("HEAD", "/api/v1/events?follow=true", headers)).status == 405
    assert (await gateway.ask("HEAD", "/livez")).status == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE", "GET"])
async def test_a_repository_takes_only_posts_as_yet(gateway: Local, method: str) -> None:
    async with gateway.wire() as wire:
        await wire.send(f"{method} {HOOKS}{LEDGER} HTTP/1.1\r\nHost: x\r\n{BEARER}\r\n\r\n".encode())
        answer = await wire.answer()

    assert (answer.status, answer.code) == (405, "method_not_allowed")


@pytest.mark.parametrize("target", ["/", "/nothing", "/repo-syncerx", "*"])
async def test_what_is_not_there_is_a_problem(gateway: Local, target: str) -> None:
    method = "OPTIONS" if target == "*" else "GET"
    async with gateway.wire() as wire:
        await wire.send(f"{method} {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        answer = await wire.answer()

    assert (answer.status, answer.code) == (404, "not_found")
