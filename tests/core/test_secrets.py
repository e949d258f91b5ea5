"""The secrets of scopes, against an HKDF of the test's own (RFC 5869) and the `info` written out by hand."""

import base64
import hashlib
import hmac
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.delivery import Scope
from gateway.errors import StartError
from gateway.secrets import Keyring, MasterKey, Purpose, derivation_info

FEW = settings(max_examples=15, deadline=None, database=None)

KEY = bytes(range(32))
OTHER_KEY = bytes(range(32, 72))
HOST, PROJECT, REPO = Scope("h"), Scope("h", "p"), Scope("h", "p", "r")


def hkdf_sha256(key: bytes, info: bytes, length: int) -> bytes:
    """RFC 5869 §2.2 and §2.3 with no salt."""
    pseudorandom = hmac.digest(bytes(32), key, "sha256")
    block, output = b"", b""
    for counter in range(1, -(-length // 32) + 1):
        block = hmac.digest(pseudorandom, block + info + bytes([counter]), "sha256")
        output += block
    return output[:length]


def base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def test_the_hkdf_of_this_test_gives_test_case_3_of_rfc_5869() -> None:
    expected = "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"

    assert hkdf_sha256(b"\x0b" * 22, b"", 42).hex() == expected


INFOS: dict[tuple[Purpose, Scope, int], bytes] = {
    ("signature", HOST, 1): b"\0\x1cbitbucket-webhook-gateway/v1\0\x09signature\0\x04\0\0\0\x01\0\x01h",
    ("token", PROJECT, 2): b"\0\x1cbitbucket-webhook-gateway/v1\0\x05token\0\x04\0\0\0\x02\0\x01h\0\x01p",
    ("signature", Scope("h", "caf\u00e9", "r"), 258): (
        b"\0\x1cbitbucket-webhook-gateway/v1\0\x09signature\0\x04\0\0\x01\x02\0\x01h\0\x05caf\xc3\xa9\0\x01r"
    ),
}


def test_a_secret_is_hkdf_sha256_over_version_purpose_generation_and_scope() -> None:
    assert {about: derivation_info(*about) for about in INFOS} == INFOS
    assert {about: MasterKey(KEY).derive(*about) for about in INFOS} == {
        about: base64url(hkdf_sha256(KEY, info, 32)) for about, info in INFOS.items()
    }


def test_a_secret_stays_the_same_on_every_machine_and_in_every_version() -> None:
    """Hooks in the field hold these values: `hkdf_sha256` of this file made them once."""
    keyring = Keyring((MasterKey(KEY),))
    scope = Scope("bitbucket.example.com:7990", "~jane", "dot.files")

    assert keyring.secret(scope) == "HYolaDfA4hjORUmZlTmhHNSeiPPahZiWfwL8OMrW1Oo"
    assert keyring.token(scope) == "14iWHIFzb_3ud_2LKDg7YnEFUbizvOlgd5c0ERbWy4Q"


def fields(info: bytes) -> list[bytes]:
    found = []
    while info:
        (length,) = struct.unpack_from(">H", info)
        found.append(info[2 : 2 + length])
        info = info[2 + length :]
    return found


NAME = st.lists(st.sampled_from(["a", "b", "1", "-", ".", "~", "\u00e9", "signature", "token", "\0"]), min_size=1).map(
    "".join
)
SCOPES = st.lists(NAME, min_size=1, max_size=3).map(lambda names: Scope(*names))


@FEW
@given(st.sampled_from(["signature", "token"]), SCOPES, st.integers(0, 2**32 - 1))
def test_an_info_can_be_read_back_so_that_no_two_meet(purpose: Purpose, scope: Scope, generation: int) -> None:
    version, found, number, *names = fields(derivation_info(purpose, scope, generation))

    assert version == b"bitbucket-webhook-gateway/v1"
    assert (found.decode(), int.from_bytes(number, "big")) == (purpose, generation)
    assert Scope(*(name.decode() for name in names)) == scope


def test_no_secret_speaks_for_another_scope_purpose_generation_or_key() -> None:
    scopes = [HOST, PROJECT, REPO, Scope("h", "p", "s"), Scope("h", "pr"), Scope("hp"), Scope("h:80", "p", "r")]
    purposes: list[Purpose] = ["signature", "token"]
    secrets = {
        MasterKey(key).derive(purpose, scope, generation)
        for key in (KEY, OTHER_KEY)
        for purpose in purposes
        for scope in scopes
        for generation in (1, 2)
    }

    assert len(secrets) == 2 * len(purposes) * len(scopes) * 2
    assert {len(base64.urlsafe_b64decode(secret + "=")) for secret in secrets} == {32}
    assert {len(secret) for secret in secrets} == {43}


def offered(keyring: Keyring, purpose: Purpose, scope: Scope, *, derived: bool = True) -> list[tuple[str, bytes]]:
    return [(one.source, one.secret) for one in keyring.candidates(purpose, scope, derived=derived)]


def test_every_master_key_is_live_and_the_newest_gives_the_secret() -> None:
    new, old = MasterKey(KEY), MasterKey(OTHER_KEY)
    keyring = Keyring((new, old))

    assert keyring.secret(REPO) == new.derive("signature", REPO)
    assert keyring.token(REPO) == new.derive("token", REPO)
    assert offered(keyring, "token", REPO) == [
        (new.fingerprint, new.derive("token", REPO).encode()),
        (old.fingerprint, old.derive("token", REPO).encode()),
    ]


EXPLICIT = {"h": ["host"], "h/**": ["host-tree"], "h/p": ["project"], "h/p/**": ["tree-1", "tree-2"], "h/p/r": ["répo"]}


SPOKEN_FOR = {
    HOST: {"host", "host-tree"},
    PROJECT: {"project", "host-tree", "tree-1", "tree-2"},
    REPO: {"répo", "host-tree", "tree-1", "tree-2"},
    Scope("h", "p", "s"): {"host-tree", "tree-1", "tree-2"},
    Scope("h", "q"): {"host-tree"},
    Scope("h", "pr"): {"host-tree"},
    Scope("g", "p", "r"): set(),
}


@pytest.mark.parametrize("purpose", ["signature", "token"])
def test_an_explicit_secret_is_for_its_scope_and_with_two_stars_for_all_below(purpose: Purpose) -> None:
    keyring = Keyring((MasterKey(KEY),), EXPLICIT)
    found = {scope: offered(keyring, purpose, scope, derived=False) for scope in SPOKEN_FOR}

    assert {scope: {secret.decode() for _, secret in told} for scope, told in found.items()} == SPOKEN_FOR
    assert {source for told in found.values() for source, _ in told} == {"explicit"}


def test_explicit_secrets_stand_beside_the_derived_ones_which_can_be_switched_off() -> None:
    keyring = Keyring((MasterKey(KEY),), {"h/p/r": ["own"]})

    assert [source for source, _ in offered(keyring, "signature", REPO)] == [MasterKey(KEY).fingerprint, "explicit"]
    assert offered(keyring, "signature", REPO, derived=False) == [("explicit", b"own")]
    assert offered(keyring, "signature", PROJECT, derived=False) == []


def test_a_master_key_is_read_with_and_without_padding() -> None:
    for key in (KEY, b"\xfb\xff" * 16, b"\xff" * 33, b"\0" * 34, b"k" * 64):
        padded = base64.urlsafe_b64encode(key).decode()

        assert MasterKey.parse(padded).derive("token", HOST) == MasterKey(key).derive("token", HOST)
        assert MasterKey.parse(padded.rstrip("=")).fingerprint == MasterKey(key).fingerprint


NO_KEYS = {
    "": "0 bytes",
    base64url(bytes(31)): "31 bytes",
    "hunter2hunter2": "10 bytes",
    "not base64!" * 6: "not base64url",
    base64url(KEY) + " ": "not base64url",
    base64url(KEY) + "\n": "not base64url",
    "schlüssel" * 6: "not base64url",
    "a" * 45: "not base64url",
}


def test_what_is_no_master_key_is_refused_without_repeating_it() -> None:
    for text, wrong in NO_KEYS.items():
        with pytest.raises(StartError, match=wrong) as refused:
            MasterKey.parse(text)

        assert not text or text not in str(refused.value)


def test_a_fingerprint_names_a_key_and_does_not_give_it_away() -> None:
    assert MasterKey(KEY).fingerprint == MasterKey(KEY).fingerprint
    assert MasterKey(KEY).fingerprint != MasterKey(OTHER_KEY).fingerprint
    assert not hashlib.sha256(KEY).hexdigest().startswith(MasterKey(KEY).fingerprint)


def test_nothing_that_holds_a_secret_prints_it() -> None:
    keyring = Keyring((MasterKey(b"k" * 32),), {"h/**": ["correct horse"]})
    held = [keyring, *keyring.masters, *keyring.candidates("token", HOST)]
    derived = [keyring.secret(HOST), keyring.token(HOST)]

    for shown in [repr(one) for one in held] + [str(one) for one in held]:
        assert not any(secret in shown for secret in ("kkkk", "correct horse", *derived))
