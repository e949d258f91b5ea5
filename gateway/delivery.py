"""What arrives, and whose it is: `RepositoryKey`, `Scope`, `Host`, `Delivery`.

Every name of a repository is brought into one canonical form here and nowhere else: lower case, no `.git`, no
character that could leave its path segment. Two spellings of one repository are equal values; what has no
canonical form is a `bad_request`, never a guess.
"""

import re
import unicodedata
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Literal, Self
from urllib.parse import quote, unquote_to_bytes

from msgspec import Struct

from gateway.errors import Code, GatewayError

DialectName = Literal["post-receive", "data-center", "cloud", "post-webhooks-app", "legacy-post"]
HOOKS_PATH = "/repo-syncer/repos/"
SEGMENT_SAFE = "-._~!$&'()*+,;=:@"
"""What stands in a path segment as it is, beside letters and digits (RFC 3986 §3.3)."""
CLOUD_HOSTNAME = "bitbucket.org"

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOSTNAME = re.compile(
    rf"(?:(?P<name>{_LABEL}(?:\.{_LABEL})*)|\[(?P<ipv6>[0-9a-f:.]{{2,45}})\])(?::(?P<port>[0-9]{{1,5}}))?"
)
_PLAIN = re.compile(r"[a-z0-9_~-][a-z0-9._~!$&'()*+,;=:@-]{0,254}")
_SAFE = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@")
_MAX_HOSTNAME = 255
_MAX_PORT = 65_535
_MAX_SEGMENT = 255


def _bad(what: str, value: str, allowed: str) -> GatewayError:
    return GatewayError(Code.BAD_REQUEST, f"the {what} {value[:80]!r} is not allowed: {allowed}")


def canonical_hostname(text: str) -> str:
    """The hostname in lower case, with its port if it has one (IPv6 in brackets).

    Raises `GatewayError(bad_request)` for anything a DNS name or an address literal cannot be.
    """
    found = _HOSTNAME.fullmatch(text.lower()) if len(text) <= _MAX_HOSTNAME else None
    try:
        if found is not None:
            name = found["name"] or f"[{IPv6Address(found['ipv6'])}]"
            return name if found["port"] is None else f"{name}:{_port(found['port'])}"
    except ValueError:
        pass
    raise _bad("hostname", text, "letters, digits, '-', '.', and a port after ':'")


def _port(digits: str) -> int:
    port = int(digits)
    if not 0 < port <= _MAX_PORT:
        raise ValueError(digits)
    return port


def canonical_segment(text: str, what: str) -> str:
    """A project key or repository slug in lower case (Unicode NFC).

    Raises `GatewayError(bad_request)` for what is empty, `.` or `..`, too long, or holds a character that could end
    the segment (slash, blank, control, percent sign).
    """
    name = text.lower()
    if _PLAIN.fullmatch(name):
        return name
    name = unicodedata.normalize("NFC", name)
    if not name or name in {".", ".."} or len(name) > _MAX_SEGMENT or not all(map(_allowed, name)):
        raise _bad(what, text, "letters, digits and -._~!$&'()*+,;=:@")
    return name


def _allowed(char: str) -> bool:
    return char in _SAFE or (char > "\x7f" and unicodedata.category(char)[0] in "LMN")


def _repo_segment(text: str) -> str:
    while text[-4:].lower() == ".git":
        text = text[:-4]
    return canonical_segment(text, "repository")


class RepositoryKey(Struct, frozen=True, order=True):
    """Which repository: `hostname/project/repo`, canonical. The partition key and the last part of `source`."""

    hostname: str
    project: str
    repo: str

    @classmethod
    def of(cls, hostname: str, project: str, repo: str) -> Self:
        """The canonical key of names as somebody spelled them. Raises `GatewayError(bad_request)`."""
        return cls(canonical_hostname(hostname), canonical_segment(project, "project"), _repo_segment(repo))

    @classmethod
    def claimed(cls, hostname: str, project: str, repo: str) -> Self | None:
        """The key that a payload's names make on an already canonical host, or `None` where they make none."""
        try:
            return cls(hostname, canonical_segment(project, "project"), _repo_segment(repo))
        except GatewayError:
            return None

    def __str__(self) -> str:
        """`hostname/project/repo`."""
        return f"{self.hostname}/{self.project}/{self.repo}"


class Scope(Struct, frozen=True):
    """What the secret of a URL may speak for: one repository, one project, or a whole host."""

    hostname: str
    project: str | None = None
    repo: str | None = None

    @classmethod
    def of(cls, *names: str) -> Self:
        """The scope of one to three names as somebody spelled them. Raises `GatewayError(bad_request)`."""
        if not 1 <= len(names) <= 3:  # noqa: PLR2004 - hostname, project, repository
            raise _bad("scope", "/".join(names), "HOSTNAME[/PROJECT[/REPO]]")
        return cls(
            canonical_hostname(names[0]),
            canonical_segment(names[1], "project") if len(names) > 1 else None,
            _repo_segment(names[2]) if len(names) > 2 else None,  # noqa: PLR2004 - the third is the repository
        )

    @classmethod
    def parse(cls, text: str) -> Self:
        """The scope written as `HOSTNAME[/PROJECT[/REPO]]`. Raises `GatewayError(bad_request)`."""
        return cls.of(*text.removesuffix("/").split("/"))

    @classmethod
    def from_path(cls, raw: str) -> Self:
        """The scope of the percent-encoded path behind `/repo-syncer/repos/`; one trailing slash is accepted.

        A segment is decoded after the split, so an encoded slash stays inside its segment and is refused there.
        Raises `GatewayError(bad_request)`.
        """
        return cls.of(*(_decode(segment) for segment in raw.removesuffix("/").split("/")))

    @property
    def repository(self) -> RepositoryKey | None:
        """The repository this scope consists of, or `None` where it is wider."""
        if self.project is None or self.repo is None:
            return None
        return RepositoryKey(self.hostname, self.project, self.repo)

    def names(self) -> tuple[str, ...]:
        """The one to three canonical names."""
        if self.project is None:
            return (self.hostname,)
        return (self.hostname, self.project) if self.repo is None else (self.hostname, self.project, self.repo)

    def contains(self, key: RepositoryKey) -> bool:
        """Whether a delivery to this scope may speak for that repository."""
        return self.hostname == key.hostname and self.project in {None, key.project} and self.repo in {None, key.repo}

    def path(self) -> str:
        """The percent-encoded path of its hook URL."""
        return HOOKS_PATH + "/".join(quote(name, safe=SEGMENT_SAFE) for name in self.names())

    def __str__(self) -> str:
        """`hostname[/project[/repo]]`, the key of what has no repository."""
        return "/".join(self.names())


def _decode(segment: str) -> str:
    try:
        return unquote_to_bytes(segment.encode("utf-8", "surrogateescape")).decode("utf-8")
    except UnicodeDecodeError:
        raise _bad("path segment", segment.encode("ascii", "replace").decode(), "UTF-8, percent-encoded") from None


Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class Host(Struct, frozen=True):
    """What the operator says about one Bitbucket installation."""

    is_cloud: bool = False
    trusted_networks: tuple[Network, ...] = ()
    derived_secrets: bool = True


class Hosts(Struct, frozen=True):
    """Every configured host by its canonical name; all others are Data Center, `bitbucket.org` is Cloud."""

    known: Mapping[str, Host] = {}
    aliases: Mapping[str, str] = {}

    def resolve(self, scope: Scope) -> Scope:
        """The scope under the host's own name where the URL was written with an alias of it."""
        name = self.aliases.get(scope.hostname)
        return scope if name is None else Scope(name, scope.project, scope.repo)

    def get(self, hostname: str) -> Host:
        """What is known about that host, or what is true of any other."""
        return self.known.get(hostname) or (_CLOUD if hostname == CLOUD_HOSTNAME else _DATA_CENTER)


_CLOUD = Host(is_cloud=True)
_DATA_CENTER = Host()


class Delivery(Struct, frozen=True):
    """One request of a webhook, as it came, before anybody believed it.

    `headers` have lower-case names; a repeated header's values are joined by `, ` (RFC 9110 §5.3). `token` is the
    query's and is kept nowhere. `peer` is the sender's address where it can be believed. `received_at` is in
    milliseconds since the epoch.
    """

    id: str
    scope: Scope
    dialect: DialectName
    event_key: str
    headers: Mapping[str, str]
    body: bytes
    received_at: int
    token: str | None = None
    peer: Address | None = None

    def __repr__(self) -> str:
        """What it is and whose; never what may be secret in it."""
        return f"Delivery({self.id!r}, {str(self.scope)!r}, {self.dialect!r}, {self.event_key!r})"
