"""May this delivery speak for its scope? Decided on the raw bytes, before anything is parsed.

Fail closed: no proof is `unauthenticated`, a wrong one `forbidden`, and a wrong signature is not outweighed by
anything else that is right. Every comparison takes constant time and tries every candidate, so neither answer nor
time tells which scopes exist.
"""

import base64
import binascii
import hmac
from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from gateway.delivery import Address, Delivery, Host, Network
from gateway.errors import Code
from gateway.secrets import Candidate, Keyring

SIGNATURE_HEADER = "x-hub-signature"
CANNOT_SIGN = frozenset({"post-receive", "legacy-post", "post-webhooks-app"})
"""Dialects whose sender has no secret to sign with, so that a token in the URL is all it can show."""

DIGEST_HEX = {"sha256": 64, "sha384": 96, "sha512": 128}
"""Allowed algorithms and the length of their digests in hex; SHA-1 is refused."""


class Proof(Struct, frozen=True):
    """Why a delivery was believed; `source` names the secret (a master key's fingerprint, or `explicit`)."""

    kind: Literal["signature", "token", "basic", "network"]
    source: str


class Refused(Struct, frozen=True):
    """Why it was not; `reason` is for operators, never for the sender."""

    code: Code
    reason: str


def authenticate(delivery: Delivery, keyring: Keyring, host: Host) -> Proof | Refused:
    """The proof a delivery gives, or why it is refused. Vendor: Bitbucket "Manage webhooks", `X-Hub-Signature`."""
    given = delivery.headers.get(SIGNATURE_HEADER)
    if given is not None:
        candidates = keyring.candidates("signature", delivery.scope, derived=host.derived_secrets)
        return _by_signature(delivery, given, candidates)
    offered: list[tuple[Literal["token", "basic"], str]] = []
    password = _basic_password(delivery.headers.get("authorization", ""))
    if delivery.token is not None and delivery.dialect in CANNOT_SIGN:
        offered.append(("token", delivery.token))
    if password is not None:
        offered.append(("basic", password))
    return _by_token(delivery, offered, keyring, host) or _by_network(delivery, host, offered=bool(offered))


def _by_signature(delivery: Delivery, given: str, candidates: Iterable[Candidate]) -> Proof | Refused:
    algorithm, _, digest = given.lower().partition("=")
    if DIGEST_HEX.get(algorithm) != len(digest) or not digest.isascii():
        return Refused(Code.FORBIDDEN, "the signature is not sha256, sha384 or sha512 in hex")
    source = None
    for candidate in candidates:
        expected = hmac.digest(candidate.secret, delivery.body, algorithm).hex()
        if hmac.compare_digest(expected, digest):
            source = source or candidate.source
    if source is None:
        return Refused(Code.FORBIDDEN, "the signature does not match any secret of this scope")
    return Proof("signature", source)


def _by_token(
    delivery: Delivery, offered: list[tuple[Literal["token", "basic"], str]], keyring: Keyring, host: Host
) -> Proof | None:
    proof = None
    candidates = list(keyring.candidates("token", delivery.scope, derived=host.derived_secrets))
    for kind, text in offered:
        token = text.encode("utf-8", "surrogateescape")
        for candidate in candidates:
            if hmac.compare_digest(candidate.secret, token):
                proof = proof or Proof(kind, candidate.source)
    return proof


def _by_network(delivery: Delivery, host: Host, *, offered: bool) -> Proof | Refused:
    if delivery.peer is not None and inside(delivery.peer, host.trusted_networks):
        return Proof("network", str(delivery.peer))
    if offered:
        return Refused(Code.FORBIDDEN, "the token or password is not one of this scope")
    if delivery.token is not None:
        return Refused(Code.UNAUTHENTICATED, "this dialect can sign and must: set the secret in the hook")
    return Refused(Code.UNAUTHENTICATED, "no signature, token or password was sent: is a secret set in the hook?")


def _basic_password(header: str) -> str | None:
    scheme, _, credentials = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(credentials.strip(), validate=True)
    except (binascii.Error, ValueError):
        return ""
    return decoded.partition(b":")[2].decode("utf-8", "surrogateescape")


def inside(address: Address, networks: Iterable[Network]) -> bool:
    """Whether an address lies in one of the networks."""
    return any(address in network for network in networks)
