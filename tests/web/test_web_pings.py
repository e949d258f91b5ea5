"""Bitbucket's connection test, which is not signed, and what only looks like one."""

import pytest
from gateways import LEDGER, Local
from hooks import PUSH, basic, unproven

PING = "diagnostics:ping"


@pytest.mark.parametrize(
    "body", [b"", b'{"test": true}', b'{"test":true}\r\n', b' {\n"test" : true } ', b"\xef\xbb\xbf" + b'{"test": true}']
)
async def test_a_ping_needs_no_proof_and_leaves_nothing_behind(gateway: Local, body: bytes) -> None:
    answer = await gateway.post(LEDGER, body, PING, proof=unproven)

    assert answer.outcome == "ping"
    assert answer.json()["proof"].startswith("none: ")
    assert set(answer.json()) == {"outcome", "proof"}
    assert await gateway.events() == []


@pytest.mark.parametrize(
    ("body", "event_key"),
    [
        pytest.param(b'{"test": true}', PUSH, id="another event key"),
        pytest.param(b'{"test": true}', None, id="no event key"),
        pytest.param(b'{"test": false}', PING, id="no test"),
        pytest.param(b'{"test": true, "changes": []}', PING, id="more than a test"),
        pytest.param(b'{"test": true}' + b" " * 1024, PING, id="more than 1 KiB"),
        pytest.param(b"[]", PING, id="a list"),
        pytest.param(b"x", PING, id="no JSON"),
    ],
)
async def test_what_only_looks_like_a_ping_needs_a_proof(gateway: Local, body: bytes, event_key: str | None) -> None:
    assert (await gateway.post(LEDGER, body, event_key, proof=unproven)).status == 401
    assert (await gateway.post(LEDGER, body, event_key, proof=basic())).status == 202


@pytest.mark.parametrize("headers", [{"Content-Type": "text/plain"}, {"Content-Type": "application/octet-stream"}])
async def test_a_ping_may_have_any_media_type(gateway: Local, headers: dict[str, str]) -> None:
    assert (await gateway.post(LEDGER, b"", PING, proof=unproven, headers=headers)).outcome == "ping"
