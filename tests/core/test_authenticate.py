"""May a delivery speak for its scope? Every proof of the contract, and everything that is none."""

import base64
import hashlib
import hmac
from ipaddress import ip_address, ip_network
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.authenticate import Proof, Refused, authenticate
from gateway.delivery import Delivery, DialectName, Host, Scope
from gateway.errors import Code
from gateway.secrets import Keyring, MasterKey

FEW = settings(max_examples=15, deadline=None, database=None)

NEW, OLD = MasterKey(b"n" * 32), MasterKey(b"o" * 32)
KEYRING = Keyring((NEW, OLD))
SCOPE = Scope("bitbucket.example.com", "prj", "repo")
BODY = '{"eventKey": "repo:refs_changed", "text": "naïve"}'.encode()
SERVER = Host()
OFFICE = Host(trusted_networks=(ip_network("10.1.0.0/16"), ip_network("fd00:1::/32")))

CANNOT_SIGN: list[DialectName] = ["post-receive", "legacy-post", "post-webhooks-app"]
CAN_SIGN: list[DialectName] = ["data-center", "cloud"]


def delivery(  # noqa: PLR0913 - each is a part of a request
    *,
    body: bytes = BODY,
    dialect: DialectName = "data-center",
    signature: str | None = None,
    authorization: str | None = None,
    token: str | None = None,
    peer: str | None = None,
    scope: Scope = SCOPE,
) -> Delivery:
    given = {"x-hub-signature": signature, "authorization": authorization}
    return Delivery(
        id="d",
        scope=scope,
        dialect=dialect,
        event_key="repo:refs_changed",
        headers={name: value for name, value in given.items() if value is not None},
        body=body,
        received_at=0,
        token=token,
        peer=None if peer is None else ip_address(peer),
    )


def signed(secret: str, body: bytes = BODY, algorithm: str = "sha256") -> str:
    return f"{algorithm}={hmac.new(secret.encode(), body, algorithm).hexdigest()}"


def basic(password: str, user: str = "bitbucket") -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


RIGHT, TOKEN = signed(KEYRING.secret(SCOPE)), KEYRING.token(SCOPE)


PUBLISHED = [
    (
        "It's a Secret to Everybody",
        b"Hello World!",
        "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9",
    ),
    (
        "Jefe",
        b"what do ya want for nothing?",
        "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    ),
    (
        "Jefe",
        b"what do ya want for nothing?",
        "sha384=af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
    ),
    (
        "Jefe",
        b"what do ya want for nothing?",
        (
            "sha512=164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
            "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"
        ),
    ),
]


def test_published_signatures_are_believed() -> None:
    """The example of Atlassian's page on webhook secrets, and test case 2 of RFC 4231."""
    for secret, body, signature in PUBLISHED:
        keyring = Keyring((NEW,), {str(SCOPE): ["another", secret]})

        assert authenticate(delivery(body=body, signature=signature), keyring, SERVER) == Proof("signature", "explicit")


def code(given: Delivery, host: Host = SERVER, keyring: Keyring = KEYRING) -> Code:
    """With which code a delivery is refused; it is an assertion that it is."""
    refused = authenticate(given, keyring, host)
    assert isinstance(refused, Refused)
    return refused.code


@pytest.mark.parametrize("dialect", CAN_SIGN + CANNOT_SIGN)
def test_every_live_key_signs_for_every_dialect(dialect: DialectName) -> None:
    for algorithm, master in product(["sha256", "sha384", "sha512"], [NEW, OLD]):
        given = delivery(dialect=dialect, signature=signed(master.derive("signature", SCOPE), algorithm=algorithm))

        assert authenticate(given, KEYRING, SERVER) == Proof("signature", master.fingerprint)


def test_case_of_algorithm_and_hex_digits_does_not_matter() -> None:
    for spelled in (RIGHT.upper(), RIGHT.replace("sha", "SHA"), "sha256=" + RIGHT[7:].upper()):
        assert authenticate(delivery(signature=spelled), KEYRING, SERVER) == Proof("signature", NEW.fingerprint)


NO_SIGNATURES = [
    "",
    "=",
    "sha256",
    "sha256=",
    RIGHT[7:],
    RIGHT[:-1],
    RIGHT + "0",
    RIGHT + " ",
    " " + RIGHT,
    f"{RIGHT}, {RIGHT}",
    f"{RIGHT}={RIGHT}",
    "sha256==" + RIGHT[7:-1],
    RIGHT[:-1] + "g",
    RIGHT[:-1] + "é",
    RIGHT[:-1] + "\udcff",
    "sha512=" + RIGHT[7:],
    "sha384=" + RIGHT[7:] + "0" * 32,
    "=" + RIGHT[7:],
    "none=",
    "sha256=" + hashlib.sha256(BODY).hexdigest(),
    signed(KEYRING.secret(SCOPE), algorithm="sha1"),
    signed(KEYRING.secret(SCOPE), algorithm="md5"),
    signed(KEYRING.secret(SCOPE), BODY + b"\n"),
    signed(KEYRING.secret(SCOPE), BODY.decode().encode("latin-1")),
    signed(TOKEN),
    signed(""),
    signed("", b""),
]


def test_a_signature_that_is_not_right_is_forbidden() -> None:
    given = {signature: code(delivery(signature=signature)) for signature in NO_SIGNATURES}

    assert given == dict.fromkeys(NO_SIGNATURES, Code.FORBIDDEN)


@pytest.mark.parametrize("dialect", CAN_SIGN + CANNOT_SIGN)
def test_nothing_that_is_right_outweighs_a_wrong_signature(dialect: DialectName) -> None:
    for wrong in ("", signed("wrong"), "sha1=0"):
        everything = delivery(
            dialect=dialect, signature=wrong, token=TOKEN, authorization=basic(TOKEN), peer="10.1.2.3"
        )

        assert code(everything, OFFICE) is Code.FORBIDDEN


def test_nothing_that_is_wrong_outweighs_a_right_signature() -> None:
    for token, authorization in product([None, "wrong"], [None, basic("wrong"), "Bearer x", "Basic \udcff"]):
        given = delivery(dialect="post-receive", signature=RIGHT, token=token, authorization=authorization)

        assert authenticate(given, KEYRING, SERVER) == Proof("signature", NEW.fingerprint)


@pytest.mark.parametrize("dialect", CANNOT_SIGN)
def test_what_cannot_sign_may_show_the_token_in_the_url(dialect: DialectName) -> None:
    for master in (NEW, OLD):
        given = delivery(dialect=dialect, token=master.derive("token", SCOPE))

        assert authenticate(given, KEYRING, SERVER) == Proof("token", master.fingerprint)


@pytest.mark.parametrize("dialect", CAN_SIGN)
def test_for_what_can_sign_a_token_in_the_url_is_no_proof(dialect: DialectName) -> None:
    assert code(delivery(dialect=dialect, token=TOKEN)) is Code.UNAUTHENTICATED


@pytest.mark.parametrize("dialect", CAN_SIGN + CANNOT_SIGN)
def test_the_token_is_the_password_of_basic_for_every_dialect(dialect: DialectName) -> None:
    spelled = [
        basic(TOKEN),
        basic(TOKEN, user=""),
        basic(TOKEN, user="jürgen"),
        basic(TOKEN).replace("Basic", "bAsIc  "),
    ]

    for authorization in spelled:
        given = delivery(dialect=dialect, authorization=authorization)

        assert authenticate(given, KEYRING, SERVER) == Proof("basic", NEW.fingerprint)


def test_an_explicit_secret_signs_and_serves_as_token_and_password() -> None:
    for secret in ("ein Wort", "mit:Doppelpunkt", "schlüssel", "x"):
        keyring = Keyring((NEW,), {"bitbucket.example.com/**": [secret]})
        proofs = [
            authenticate(delivery(signature=signed(secret)), keyring, SERVER),
            authenticate(delivery(dialect="post-receive", token=secret), keyring, SERVER),
            authenticate(delivery(authorization=basic(secret)), keyring, SERVER),
        ]

        assert proofs == [Proof("signature", "explicit"), Proof("token", "explicit"), Proof("basic", "explicit")]


WRONG_TOKENS = ["wrong", "", TOKEN + " ", TOKEN[:-1], TOKEN.swapcase(), "\udcff", KEYRING.secret(SCOPE)]
WRONG_PASSWORDS = [
    basic("wrong"),
    basic("", user=TOKEN),
    basic(KEYRING.secret(SCOPE)),
    "Basic",
    "Basic " + TOKEN,
    "Basic " + base64.b64encode(TOKEN.encode()).decode(),
    "Basic é",
    "Basic \udcff",
    "Basic " + base64.b64encode(b"u:\xff\xfe").decode(),
]


def test_a_wrong_token_or_password_is_forbidden() -> None:
    tokens = {token: code(delivery(dialect="post-receive", token=token)) for token in WRONG_TOKENS}
    passwords = {given: code(delivery(authorization=given)) for given in WRONG_PASSWORDS}

    assert tokens == dict.fromkeys(WRONG_TOKENS, Code.FORBIDDEN)
    assert passwords == dict.fromkeys(WRONG_PASSWORDS, Code.FORBIDDEN)


@pytest.mark.parametrize("dialect", CAN_SIGN + CANNOT_SIGN)
def test_no_proof_is_unauthenticated(dialect: DialectName) -> None:
    for authorization in (None, "", f"Bearer {TOKEN}", TOKEN, "Negotiate abc"):
        assert code(delivery(dialect=dialect, authorization=authorization), OFFICE) is Code.UNAUTHENTICATED


SCOPES = [
    Scope("bitbucket.example.com"),
    Scope("bitbucket.example.com", "prj"),
    SCOPE,
    Scope("bitbucket.example.com", "prj", "other"),
    Scope("bitbucket.example.com:7990", "prj", "repo"),
]


@pytest.mark.parametrize("owner", SCOPES, ids=str)
def test_the_secrets_of_a_scope_speak_for_that_scope_alone(owner: Scope) -> None:
    for target in SCOPES:
        proofs = [
            authenticate(delivery(scope=target, signature=signed(KEYRING.secret(owner))), KEYRING, SERVER),
            authenticate(delivery(scope=target, dialect="post-receive", token=KEYRING.token(owner)), KEYRING, SERVER),
            authenticate(delivery(scope=target, authorization=basic(KEYRING.token(owner))), KEYRING, SERVER),
        ]

        assert {isinstance(proof, Proof) for proof in proofs} == {owner == target}


def test_derived_secrets_can_be_switched_off_for_a_host() -> None:
    host = Host(derived_secrets=False)
    keyring = Keyring((NEW,), {str(SCOPE): ["by hand"]})
    derived = [
        delivery(signature=signed(keyring.secret(SCOPE))),
        delivery(dialect="post-receive", token=keyring.token(SCOPE)),
        delivery(authorization=basic(keyring.token(SCOPE))),
    ]

    assert [code(given, host, keyring) for given in derived] == [Code.FORBIDDEN] * 3
    assert authenticate(delivery(signature=signed("by hand")), keyring, host) == Proof("signature", "explicit")


def test_unsigned_posts_are_believed_from_a_trusted_network() -> None:
    for peer, authorization in product(["10.1.2.3", "fd00:1::7"], [None, basic("wrong"), "Bearer x"]):
        given = delivery(peer=peer, authorization=authorization)

        assert authenticate(given, KEYRING, OFFICE) == Proof("network", peer)


def test_unsigned_posts_are_believed_from_nowhere_else() -> None:
    assert [code(delivery(peer=peer), OFFICE) for peer in ("10.2.0.1", "fd00:2::7", None)] == [Code.UNAUTHENTICATED] * 3
    assert code(delivery(peer="127.0.0.1")) is Code.UNAUTHENTICATED


@FEW
@given(st.integers(0, len(BODY) * 8 - 1))
def test_a_single_flipped_bit_in_the_body_is_refused(position: int) -> None:
    altered = bytearray(BODY)
    altered[position // 8] ^= 1 << position % 8

    assert code(delivery(body=bytes(altered), signature=RIGHT)) is Code.FORBIDDEN


@FEW
@given(st.integers(0, 255))
def test_a_single_flipped_bit_in_the_signature_is_refused(position: int) -> None:
    altered = bytearray.fromhex(RIGHT.removeprefix("sha256="))
    altered[position // 8] ^= 1 << position % 8

    assert code(delivery(signature="sha256=" + altered.hex())) is Code.FORBIDDEN


@FEW
@given(st.integers(0, len(TOKEN) - 1), st.sampled_from("Aa0-_~ \u00e9"))
def test_a_single_changed_character_in_a_token_is_refused(position: int, char: str) -> None:
    altered = TOKEN[:position] + char + TOKEN[position + 1 :]

    found = authenticate(delivery(dialect="legacy-post", token=altered), KEYRING, SERVER)

    assert isinstance(found, Proof) is (altered == TOKEN)


def test_a_refusal_repeats_nothing_that_was_sent() -> None:
    refusals = [
        authenticate(delivery(signature=signed("guess")), KEYRING, SERVER),
        authenticate(delivery(dialect="post-receive", token="my-token"), KEYRING, SERVER),
        authenticate(delivery(authorization=basic("my-password")), KEYRING, SERVER),
    ]

    for refusal in refusals:
        assert isinstance(refusal, Refused)
        assert not any(sent in refusal.reason for sent in (signed("guess")[7:], "my-token", "my-password"))
