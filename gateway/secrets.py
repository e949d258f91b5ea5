"""The secrets of every scope, derived from the master keys.

Nothing is stored per hook: HKDF-SHA256 (RFC 5869) over a master key, with an `info` that names version, purpose,
generation and the length-prefixed canonical scope, gives the same secret on every machine and for no other scope.
Several master keys are live at once, newest first; secrets set by hand stand beside the derived ones. A derivation
costs 4 µs, so nothing is cached and the time of an answer does not tell which scopes are known.
"""

import base64
import binascii
import hashlib
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from msgspec import Struct

from gateway.delivery import Scope
from gateway.errors import StartError

VERSION = b"bitbucket-webhook-gateway/v1"
MIN_KEY_BYTES = 32
SECRET_BYTES = 32

Purpose = Literal["signature", "token"]


class MasterKey:
    """A key every secret is derived from. Never prints itself; `fingerprint` names it."""

    __slots__ = ("_key", "fingerprint")

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.fingerprint = hashlib.sha256(VERSION + b" fingerprint " + key).hexdigest()[:12]

    @classmethod
    def parse(cls, text: str) -> "MasterKey":
        """A key written as base64url, with or without `=`. Raises `StartError` if it is none, or under 32 bytes."""
        try:
            key = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise StartError("a master key is not base64url") from None
        if len(key) < MIN_KEY_BYTES:
            raise StartError(f"a master key has {len(key)} bytes, at least {MIN_KEY_BYTES} are needed")
        return cls(key)

    def derive(self, purpose: Purpose, scope: Scope, generation: int = 1) -> str:
        """The secret of that scope for that purpose: 43 characters, base64url without padding."""
        info = derivation_info(purpose, scope, generation)
        raw = HKDF(SHA256(), SECRET_BYTES, salt=None, info=info).derive(self._key)
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")

    def __repr__(self) -> str:
        """The fingerprint, never the key."""
        return f"MasterKey({self.fingerprint})"


def derivation_info(purpose: Purpose, scope: Scope, generation: int) -> bytes:
    """The HKDF `info`: version, purpose, generation and names, each with its length before it, so that no two meet."""
    fields = (VERSION, purpose.encode(), struct.pack(">I", generation), *(name.encode() for name in scope.names()))
    return b"".join(struct.pack(">H", len(field)) + field for field in fields)


class Candidate(Struct, frozen=True):
    """A secret that may prove a delivery. `source` is a master key's fingerprint, or `explicit`."""

    source: str
    secret: bytes

    def __repr__(self) -> str:
        """The source, never the secret."""
        return f"Candidate({self.source})"


class Keyring(Struct, frozen=True):
    """Every live secret: the master keys, newest first, and those an operator set by hand, by scope pattern.

    A pattern is a canonical scope, or one ending in `/**` for that scope and all below it.
    """

    masters: tuple[MasterKey, ...]
    explicit: Mapping[str, Sequence[str]] = {}

    def __repr__(self) -> str:
        """The master keys' fingerprints and the patterns, never a secret."""
        return f"Keyring({list(self.masters)}, {list(self.explicit)})"

    def secret(self, scope: Scope) -> str:
        """The signing secret to give to the hook of that scope."""
        return self.masters[0].derive("signature", scope)

    def token(self, scope: Scope) -> str:
        """The token for what cannot sign, and the password of Basic."""
        return self.masters[0].derive("token", scope)

    def candidates(self, purpose: Purpose, scope: Scope, *, derived: bool = True) -> Iterator[Candidate]:
        """Every secret that may prove a delivery to that scope."""
        if derived:
            for master in self.masters:
                yield Candidate(master.fingerprint, master.derive(purpose, scope).encode())
        if self.explicit:
            for pattern in _patterns(scope):
                for secret in self.explicit.get(pattern, ()):
                    yield Candidate("explicit", secret.encode())


def _patterns(scope: Scope) -> Iterator[str]:
    names = scope.names()
    yield "/".join(names)
    for count in range(len(names), 0, -1):
        yield "/".join(names[:count]) + "/**"
