"""Who gives no proof, or a wrong one, is refused, and leaves nothing behind; who proves itself is never refused."""

import io
from pathlib import Path

import orjson
import pytest
from gateways import BOOKING, LEDGER, Local, settings_of, started
from hooks import Proof, Shown, badly_signed, basic, both, change, native_push, signed, token, unproven

OTHER = "bitbucket.example.com/pay/other"
PROJECT = "bitbucket.example.com/pay"
PLUGIN_PUSH = orjson.dumps(
    {
        "repository": {"slug": "ledger", "project": {"key": "PAY"}},
        "refChanges": [{"refId": "refs/heads/main", "fromHash": "a" * 40, "toHash": "b" * 40, "type": "UPDATE"}],
    }
)


def header(name: str, value: str) -> Proof:
    return lambda _, __: Shown({name: value})


@pytest.mark.parametrize(
    ("proof", "status", "code"),
    [
        pytest.param(unproven, 401, "unauthenticated", id="no proof"),
        pytest.param(badly_signed, 403, "forbidden", id="a wrong signature"),
        pytest.param(signed(OTHER), 403, "forbidden", id="another repository's secret"),
        pytest.param(signed(PROJECT), 403, "forbidden", id="the project's secret"),
        pytest.param(signed("bitbucket.example.com"), 403, "forbidden", id="the host's secret"),
        pytest.param(signed(algorithm="sha1"), 403, "forbidden", id="SHA-1"),
        pytest.param(signed(algorithm="md5"), 403, "forbidden", id="MD5"),
        pytest.param(header("X-Hub-Signature", "sha256="), 403, "forbidden", id="an empty signature"),
        pytest.param(header("X-Hub-Signature", ""), 403, "forbidden", id="an empty signature header"),
        pytest.param(header("X-Hub-Signature", "sha256=" + "é" * 64), 403, "forbidden", id="no hex"),
        pytest.param(token(), 401, "unauthenticated", id="a token in the URL where the dialect signs"),
        pytest.param(basic(OTHER), 403, "forbidden", id="another repository's password"),
        pytest.param(header("Authorization", "Basic !"), 403, "forbidden", id="no base64"),
        pytest.param(header("Authorization", "Bearer x"), 401, "unauthenticated", id="a bearer token"),
        pytest.param(both(badly_signed, basic()), 403, "forbidden", id="a wrong signature beside a right password"),
        pytest.param(both(badly_signed, token()), 403, "forbidden", id="a wrong signature beside a right token"),
    ],
)
async def test_what_does_not_prove_its_scope_is_refused_and_forgotten(
    gateway: Local, proof: Proof, status: int, code: str
) -> None:
    answer = await gateway.post(LEDGER, native_push(change()), proof=proof)

    assert (answer.status, answer.code) == (status, code)
    assert answer.headers.get("WWW-Authenticate", "").startswith("Basic ") is (status == 401)
    assert await gateway.events() == []


@pytest.mark.parametrize("proof", [unproven, token(OTHER), badly_signed, both(badly_signed, token())])
async def test_the_plugin_is_refused_without_the_token_of_its_url(gateway: Local, proof: Proof) -> None:
    answer = await gateway.post(LEDGER, PLUGIN_PUSH, None, proof=proof)

    assert answer.status == (401 if proof is unproven else 403)
    assert await gateway.events() == []


@pytest.mark.parametrize("proof", [token(), basic(), signed(), both(token(), basic(OTHER))])
async def test_the_plugin_is_believed_by_token_password_or_signature(gateway: Local, proof: Proof) -> None:
    answer = await gateway.post(LEDGER, PLUGIN_PUSH, None, proof=proof)

    assert answer.outcome == "accepted"
    assert [event["id"] for event in await gateway.events()] == answer.events


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
async def test_a_signature_with_any_allowed_hash_is_believed(gateway: Local, algorithm: str) -> None:
    answer = await gateway.post(LEDGER, native_push(change()), proof=signed(algorithm=algorithm))

    assert (answer.outcome, len(answer.events)) == ("accepted", 1)


async def test_the_same_signature_is_wrong_for_altered_bytes(gateway: Local) -> None:
    body = native_push(change())
    shown = signed()(LEDGER, body)

    assert (await gateway.post(LEDGER, body + b"\n", proof=lambda _, __: shown)).status == 403
    assert (await gateway.post(LEDGER, body, proof=lambda _, __: shown)).status == 202


async def test_no_refusal_tells_more_than_the_sender_knew(gateway: Local) -> None:
    known = await gateway.post(LEDGER, native_push(change()))
    assert known.status == 202

    answers = [await gateway.post(scope, native_push(change()), proof=badly_signed) for scope in (LEDGER, OTHER)]

    assert answers[0].body == answers[1].body
    assert b"secret" not in answers[0].body


@pytest.mark.parametrize(
    ("scope", "key"),
    [(PROJECT, "bitbucket.example.com/pay"), ("bitbucket.example.com/other", "bitbucket.example.com/other")],
)
async def test_a_repository_outside_the_scope_is_unknown_under_the_key_of_the_url(
    gateway: Local, scope: str, key: str
) -> None:
    body = native_push(change(), repository="web/storefront")

    answer = await gateway.post(scope, body)

    [event] = await gateway.events()
    assert answer.outcome == "unknown"
    assert answer.events == [event["id"]]
    assert (event["type"], event["partitionkey"]) == ("org.bitbucket.unknown", key)
    assert event["source"] == f"/repo-syncer/repos/{key}"
    assert event["data"]["event_key"] == "repo:refs_changed"
    assert event["data"]["payload"] == orjson.loads(body)


async def test_at_the_url_of_a_repository_its_key_stands_whatever_the_payload_says(gateway: Local) -> None:
    answer = await gateway.post(LEDGER, native_push(change(), repository="web/storefront"))

    [event] = await gateway.events()
    assert answer.outcome == "accepted"
    assert event["partitionkey"] == LEDGER
    assert event["claimedkey"] == "bitbucket.example.com/web/storefront"


@pytest.mark.parametrize("scope", [LEDGER, PROJECT, "bitbucket.example.com"])
async def test_a_hook_of_every_width_speaks_for_its_repositories(gateway: Local, scope: str) -> None:
    assert (await gateway.post(scope, native_push(change()))).outcome == "accepted"
    assert [event["partitionkey"] for event in await gateway.events()] == [LEDGER]


async def test_what_was_shown_as_a_proof_is_kept_nowhere(gateway: Local, log: io.StringIO) -> None:
    body = native_push(change())
    shown = basic()(LEDGER, body).headers["Authorization"]
    query = token()(LEDGER, body).query.removeprefix("token=")
    answers = [
        await gateway.post(LEDGER, body, proof=basic()),
        await gateway.post(LEDGER, PLUGIN_PUSH, None, proof=token()),
        await gateway.post(LEDGER, PLUGIN_PUSH, proof=token()),
    ]

    written = b"".join(file.read_bytes() for file in gateway.data_dir.glob("journal.db*"))
    assert [answer.status for answer in answers] == [202, 202, 401]
    assert body in written
    for secret in (shown.removeprefix("Basic "), query):
        assert secret.encode() not in written
        assert secret not in log.getvalue()


async def test_the_secret_of_one_host_is_wrong_for_another(gateway: Local) -> None:
    assert (await gateway.post(BOOKING, b"{}", "repo:push", proof=signed(LEDGER))).status == 403


@pytest.mark.parametrize("name", ["X-Forwarded-For", "Forwarded", "X-Real-IP"])
async def test_a_trusted_network_is_believed_only_without_a_forwarding_header(tmp_path: Path, name: str) -> None:
    """Where one is sent, somebody we were not told of may stand in between."""
    hosts = {"bitbucket.example.com": {"trusted_networks": ["127.0.0.0/8"]}}
    async with started(settings_of(tmp_path / "data", hosts=hosts)) as gateway:
        trusted = await gateway.post(LEDGER, native_push(change()), proof=unproven)
        forwarded = await gateway.post(LEDGER, native_push(change()), proof=header(name, "127.0.0.1"))
        wrong = await gateway.post(LEDGER, native_push(change()), proof=badly_signed)
        elsewhere = await gateway.post(BOOKING, b"{}", "repo:push", proof=unproven)

    assert trusted.outcome == "accepted"
    assert [answer.status for answer in (forwarded, wrong, elsewhere)] == [401, 403, 401]
