"""What hooks send, and what they show to be believed; they can be made to misbehave.

It is composed here and not by the gateway's own sender: the tests would otherwise believe whatever the two agree on.
Only the secrets come from the keyring, as they come from `gateway secret` in a real installation.
"""

import base64
import hmac
import itertools
import secrets
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from msgspec import Struct

from gateway.delivery import Scope
from gateway.secrets import Keyring, MasterKey

MASTER_KEY = "bWFzdGVyIGtleSBvZiB0aGUgdGVzdHMgb2YgdGhlIHdlYg"
KEYRING = Keyring((MasterKey.parse(MASTER_KEY),))

PUSH = "repo:refs_changed"
NO_COMMIT = "0" * 40

_numbers = itertools.count(1)


class Shown(Struct, frozen=True):
    """What a hook shows to be believed: headers, and a query of its URL."""

    headers: Mapping[str, str] = {}
    query: str = ""


Proof = Callable[[str, bytes], Shown]
"""What is shown for a scope and a body."""


def signed(scope: str | None = None, algorithm: str = "sha256") -> Proof:
    """The signature of the URL's scope, or of another one."""

    def show(of_url: str, body: bytes) -> Shown:
        secret = KEYRING.secret(Scope.parse(scope or of_url)).encode()
        return Shown({"X-Hub-Signature": f"{algorithm}={hmac.new(secret, body, algorithm).hexdigest()}"})

    return show


def badly_signed(of_url: str, body: bytes) -> Shown:
    """The signature of other bytes."""
    return signed()(of_url, body + b" ")


def token(scope: str | None = None) -> Proof:
    """The token of the URL's scope, or of another one, in the URL."""
    return lambda of_url, _: Shown(query="token=" + KEYRING.token(Scope.parse(scope or of_url)))


def basic(scope: str | None = None) -> Proof:
    """The token of the URL's scope, or of another one, as the password of Basic."""

    def show(of_url: str, _: bytes) -> Shown:
        password = KEYRING.token(Scope.parse(scope or of_url))
        return Shown({"Authorization": "Basic " + base64.b64encode(f"hook:{password}".encode()).decode()})

    return show


def unproven(_: str, __: bytes) -> Shown:
    """Nothing."""
    return Shown()


def both(one: Proof, other: Proof) -> Proof:
    """Two proofs at once."""

    def show(of_url: str, body: bytes) -> Shown:
        first, second = one(of_url, body), other(of_url, body)
        return Shown({**first.headers, **second.headers}, first.query or second.query)

    return show


def some_hash() -> str:
    """A commit nobody has made."""
    return secrets.token_hex(20)


def change(ref: str = "refs/heads/main", before: str | None = None, after: str | None = None) -> dict[str, Any]:
    """One element of Data Center's `changes`; a hash that is not given is made up."""
    before, after = before or some_hash(), after or some_hash()
    kind = "ADD" if before == NO_COMMIT else "DELETE" if after == NO_COMMIT else "UPDATE"
    name = ref.removeprefix("refs/heads/").removeprefix("refs/tags/")
    of = {"id": ref, "displayId": name, "type": "TAG" if ref.startswith("refs/tags/") else "BRANCH"}
    return {"ref": of, "refId": ref, "fromHash": before, "toHash": after, "type": kind}


def native_push(*changes: dict[str, Any], repository: str = "pay/ledger", date: str | None = None) -> bytes:
    """The body of `repo:refs_changed` as Data Center 7 writes it; without a date it is the next second of a day."""
    project, slug = repository.split("/")
    number = next(_numbers)
    at = f"2026-03-02T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}+0000"
    body = {
        "eventKey": PUSH,
        "date": date or at,
        "actor": {"name": "mira", "emailAddress": "mira@example.com", "id": 3, "displayName": "Mira", "type": "NORMAL"},
        "repository": {"slug": slug, "id": 84, "name": slug, "project": {"key": project.upper(), "id": 7}},
        "changes": list(changes),
    }
    return orjson.dumps(body)


def raw_post(scope: str, body: bytes, *headers: str, target: str | None = None, event_key: str = PUSH) -> bytes:
    """A signed push as the bytes of a request; with headers of one's own, none tells the length."""
    length = headers or (f"Content-Length: {len(body)}",)
    shown = signed()(scope, body).headers
    lines = (
        f"POST {target or Scope.parse(scope).path()} HTTP/1.1",
        "Host: gateway.example.com",
        "Content-Type: application/json",
        f"X-Event-Key: {event_key}",
        *(f"{name}: {value}" for name, value in shown.items()),
        *length,
    )
    return "\r\n".join((*lines, "", "")).encode("latin-1") + body
