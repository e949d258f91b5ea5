"""What the sender composes is what each vendor sends, and the gateway believes its proofs."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from gateway.authenticate import Proof, authenticate
from gateway.delivery import Delivery, DialectName, Host, Scope
from gateway.edges.sender import Outgoing, ping, request_of
from gateway.errors import Code, GatewayError
from gateway.intake import is_ping
from gateway.secrets import Keyring, MasterKey

CORPUS = Path(__file__).resolve().parents[2].parent / "shared" / "corpus"
URL = "https://gateway.example.com/repo-syncer/repos/bitbucket.example.com/~mira/a%20b"
SCOPE = Scope("bitbucket.example.com", "pay", "ledger")
KEYRING = Keyring((MasterKey(b"a master key of the sender's tests"),))
REQUEST_ID = "5c6f8f0a-6d6c-4b8e-8f0e-1d6d1f6f0b11"
BODY = '{"actor": {"displayName": "Zoë"}}'.encode()


def composed(dialect: DialectName, event_key: str = "", *, url: str = URL, **rest: str | int) -> Outgoing:
    return request_of(dialect, event_key, BODY, url=url, request_id=REQUEST_ID, **rest)  # type: ignore[arg-type]


def delivery_of(sent: Outgoing, dialect: DialectName, scope: Scope = SCOPE) -> Delivery:
    headers = {name.lower(): value for name, value in sent.headers.items()}
    tokens = parse_qs(urlsplit(sent.url).query).get("token", [None])
    return Delivery("01", scope, dialect, headers.get("x-event-key", ""), headers, sent.body, 0, token=tokens[0])


def test_the_plugin_names_neither_event_nor_request() -> None:
    assert composed("post-receive").headers == {"Content-Type": "application/json", "X-Atlassian-Token": "no-check"}


def test_data_center_names_event_and_request() -> None:
    headers = composed("data-center", "repo:refs_changed").headers

    assert headers["X-Event-Key"] == "repo:refs_changed"
    assert headers["X-Request-Id"] == REQUEST_ID
    assert "X-Hub-Signature" not in headers


def test_cloud_names_event_request_hook_and_attempt() -> None:
    hook = "9b1f2c3d-4e5f-4a6b-8c7d-0e1f2a3b4c5d"

    assert composed("cloud", "repo:push", hook_id=hook, attempt=3).headers == {
        "Accept": "*/*",
        "Accept-Encoding": "gzip, deflate",
        "Content-Type": "application/json",
        "User-Agent": "Bitbucket-Webhooks/2.0",
        "X-Event-Key": "repo:push",
        "X-Request-UUID": REQUEST_ID,
        "X-Hook-UUID": hook,
        "X-Attempt-Number": "3",
    }


def test_a_cloud_hook_without_an_id_gets_one_that_is_the_same_for_the_same_url() -> None:
    first, again = composed("cloud", "repo:push"), composed("cloud", "repo:push")
    other = composed("cloud", "repo:push", url=f"{URL}2")

    assert first.headers["X-Hook-UUID"] == again.headers["X-Hook-UUID"] != other.headers["X-Hook-UUID"]


def test_the_webhooks_app_says_that_it_is_a_server() -> None:
    assert composed("post-webhooks-app", "repo:push").headers == {
        "Content-Type": "application/json; charset=UTF-8",
        "X-Bitbucket-Type": "server",
        "X-Event-Key": "repo:push",
    }


def test_the_retired_cloud_services_post_a_form() -> None:
    sent = composed("legacy-post", token="t")

    assert sent.headers == {"Content-Type": "application/x-www-form-urlencoded"}
    assert parse_qs(sent.body.decode("ascii")) == {"payload": [BODY.decode()]}


@pytest.mark.parametrize("dialect", ["data-center", "cloud"])
@pytest.mark.parametrize("event_key", ["", "repo:push\r\nX-Other: 1", "répo:push"])
def test_what_is_no_event_key_is_not_sent(dialect: DialectName, event_key: str) -> None:
    with pytest.raises(GatewayError, match="is no event key") as caught:
        composed(dialect, event_key)

    assert caught.value.code is Code.BAD_REQUEST


@pytest.mark.parametrize("dialect", ["data-center", "cloud"])
def test_the_signature_is_believed_by_the_gateway(dialect: DialectName) -> None:
    sent = composed(dialect, "repo:push", secret=KEYRING.secret(SCOPE), token=KEYRING.token(SCOPE))

    proof = authenticate(delivery_of(sent, dialect), KEYRING, Host())

    assert isinstance(proof, Proof)
    assert proof.kind == "signature"
    assert (sent.url, "Authorization" in sent.headers) == (URL, False)


@pytest.mark.parametrize("dialect", ["post-receive", "post-webhooks-app", "legacy-post"])
def test_what_cannot_sign_shows_its_token_in_the_url(dialect: DialectName) -> None:
    sent = composed(dialect, "repo:push", secret=KEYRING.secret(SCOPE), token=KEYRING.token(SCOPE))

    proof = authenticate(delivery_of(sent, dialect), KEYRING, Host())

    assert isinstance(proof, Proof)
    assert proof.kind == "token"
    assert "X-Hub-Signature" not in sent.headers


def test_data_center_sends_a_token_as_the_password_of_basic() -> None:
    sent = composed("data-center", "repo:refs_changed", token=KEYRING.token(SCOPE))

    proof = authenticate(delivery_of(sent, "data-center"), KEYRING, Host())

    assert isinstance(proof, Proof)
    assert proof.kind == "basic"
    assert sent.url == URL


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://g/x", "http://g/x?token=a%2Fb%26c%3D%C3%A9"),
        ("http://g/x?y=1", "http://g/x?y=1&token=a%2Fb%26c%3D%C3%A9"),
        ("http://g/x#top", "http://g/x?token=a%2Fb%26c%3D%C3%A9"),
    ],
)
def test_a_token_joins_the_query_percent_encoded(url: str, expected: str) -> None:
    assert composed("post-receive", url=url, token="a/b&c=é").url == expected


def test_what_no_request_line_can_hold_is_percent_encoded_and_nothing_else_is_touched() -> None:
    assert composed("post-receive", url="http://g/%7eMira/~a%2Fb/é c").url == "http://g/%7eMira/~a%2Fb/%C3%A9%20c"


@pytest.mark.parametrize(
    ("dialect", "given", "sentence"),
    [
        ("post-receive", {"secret": "s3cret"}, "a post-receive hook cannot sign, give a token"),
        ("cloud", {"token": "s3cret"}, "a cloud hook cannot send a token, give the secret it signs with"),
    ],
)
def test_a_proof_that_the_dialect_cannot_send_is_refused(
    dialect: DialectName, given: dict[str, str], sentence: str
) -> None:
    with pytest.raises(GatewayError) as caught:
        composed(dialect, "repo:push", **given)

    assert (caught.value.code, caught.value.detail) == (Code.BAD_REQUEST, sentence)


def test_a_ping_is_what_the_gateway_takes_for_one_and_bears_no_proof() -> None:
    sent = ping(URL)

    assert is_ping(sent.headers["X-Event-Key"], sent.body)
    assert {"X-Hub-Signature", "Authorization"}.isdisjoint(sent.headers)
    assert sent.url == URL


def test_data_center_does_not_sign_a_ping_though_it_has_a_secret() -> None:
    assert "X-Hub-Signature" not in composed("data-center", "diagnostics:ping", secret="s").headers


def recorded(*parts: str) -> Path:
    path = CORPUS.joinpath(*parts)
    if not path.is_file():
        pytest.skip(f"the recorded request {path.name} is not in the corpus beside this repository")
    return path


SERVER_CAPTURE = ("jenkinsci__generic-webhook-trigger-plugin", "src", "test", "resources", "hmac")
CLOUD_CAPTURE = (
    *("jenkinsci__bitbucket-branch-source-plugin", "src", "test", "resources", "com", "cloudbees", "jenkins"),
    *("plugins", "bitbucket", "impl", "webhook", "cloud", "signed_payload.json"),
)


@pytest.mark.parametrize(
    ("dialect", "event_key", "capture", "secret", "signature"),
    [
        pytest.param(
            "data-center",
            "repo:comment:added",
            (*SERVER_CAPTURE, "hmac-bitbucket-server-payload.json"),
            "this is secret",
            "sha256=87e3e7b7e4567f528342a75b6d88c619f272c68a4d0d565c68d596a830213164",
            id="server-6.5.1",
        ),
        pytest.param(
            "cloud",
            "repo:push",
            CLOUD_CAPTURE,
            "Gkvl$k$wyNpQAF42",
            "sha256=f205c729821c6954aff2afe72b965c34015b4baf96ea8ddc2cc44999c014a035",
            id="cloud",
        ),
    ],
)
def test_a_recorded_signature_is_believed_and_is_the_one_the_sender_makes(
    dialect: DialectName, event_key: str, capture: tuple[str, ...], secret: str, signature: str
) -> None:
    body = recorded(*capture).read_bytes()
    keyring = Keyring((), {str(SCOPE): [secret]})
    sent = request_of(dialect, event_key, body, url=URL, secret=secret, request_id=REQUEST_ID)
    headers = {"x-event-key": event_key, "x-hub-signature": signature}

    proof = authenticate(Delivery("01", SCOPE, dialect, event_key, headers, body, 0), keyring, Host())

    assert proof == Proof("signature", "explicit")
    assert sent.headers["X-Hub-Signature"] == signature


def test_data_center_sends_the_headers_of_a_recorded_request() -> None:
    lines = recorded(*SERVER_CAPTURE, "hmac-bitbucket-server-headers.txt").read_text().splitlines()
    captured = dict(line.split(": ", 1) for line in lines if ": " in line)
    of_the_connection = {"host", "Via", "Content-Length", "Connection"}

    sent = composed("data-center", captured["X-Event-Key"], secret="s").headers

    assert set(sent) == set(captured) - of_the_connection
    fixed = ("Accept", "Content-Type", "User-Agent")
    assert {name: sent[name] for name in fixed} == {name: captured[name] for name in fixed}
