"""What a setting may be where it is more than a number: addresses, templates, scopes, secrets.

A function takes what a source gave and gives the value, or raises `ValueError` whose text goes on after the written
value: "is not an address to listen on; allowed: …". That text never repeats the value, which may be a secret.
"""

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path
from string import Formatter
from typing import Literal, Self
from urllib.parse import SplitResult, urlsplit

from msgspec import Struct
from pydantic import SecretStr

from gateway.delivery import Network, Scope, canonical_hostname
from gateway.errors import GatewayError, StartError
from gateway.secrets import MasterKey

MAX_PORT = 65_535
SUBTREE = "/**"

MAX_TOPIC = 249
"""Apache Kafka, `org.apache.kafka.common.internals.Topic`: 1 to 249 of `[a-zA-Z0-9._-]`, neither `.` nor `..`."""

_TOPIC = re.compile(rf"(?!\.{{1,2}}$)[a-zA-Z0-9._-]{{1,{MAX_TOPIC}}}")
_FILLED = {"family": "pull-requests", "hostname": "h", "project": "p"}
_LISTEN = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([a-zA-Z0-9._-]+)):([0-9]{1,5})")
_URL = re.compile(r"https?://[!-~]+", re.IGNORECASE)
_BEARER = re.compile(r"[a-zA-Z0-9._~+/-]+=*")


class Listen(Struct, frozen=True):
    """Where to listen: `host:port` (IPv6 in brackets; port 0 is any free one) or `unix:/path`."""

    kind: Literal["tcp", "unix"]
    host: str = ""
    port: int = 0
    path: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """The address as it is written in a setting. Raises `ValueError`."""
        if text.startswith("unix:/") and text.isprintable():
            return cls("unix", path=text.removeprefix("unix:"))
        found = _LISTEN.fullmatch(text)
        if found is None or int(found[3]) > MAX_PORT or not _is_host(*found.group(1, 2)):
            raise ValueError("is not an address to listen on; allowed: HOST:PORT, [IPV6]:PORT or unix:/PATH")
        return cls("tcp", found[1] or found[2], int(found[3]))

    @property
    def url(self) -> str:
        """`http://` and the address; a Unix socket has no address, and `localhost` stands for it."""
        return "http://localhost" if self.kind == "unix" else f"http://{self}"

    def __str__(self) -> str:
        """The address as it is written in a setting."""
        if self.kind == "unix":
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _is_host(ipv6: str | None, name: str | None) -> bool:
    try:
        if ipv6 is not None:
            IPv6Address(ipv6)
        elif name is not None and not name.strip("0123456789."):
            IPv4Address(name)
    except ValueError:
        return False
    return True


def text(value: object) -> str:
    """A text that can be written as UTF-8. Raises `ValueError`."""
    if isinstance(value, SecretStr):
        return text(value.get_secret_value())
    if not isinstance(value, str):
        raise ValueError("is not a text; allowed: a text")  # noqa: TRY004 - pydantic gathers only ValueError
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("is not text in UTF-8; allowed: text in UTF-8") from None
    return value


def filled(value: object) -> str:
    """A text that is not empty. Raises `ValueError`."""
    written = text(value)
    if not written:
        raise ValueError("is empty; allowed: a text of one character or more")
    return written


def listen(value: object) -> Listen:
    """The address to listen on. Raises `ValueError`."""
    return value if isinstance(value, Listen) else Listen.parse(text(value))


def path(value: object) -> Path:
    """A path, as it is written: relative to the working directory. Raises `ValueError`."""
    if isinstance(value, Path):
        return value
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError("is not a path; allowed: the path of a directory")
    return Path(value)


def url(value: object) -> str:
    """An http or https URL without its last slash. Raises `ValueError`."""
    parts = _split(text(value))
    if parts is None or not parts.hostname or "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("is not a public URL; allowed: http(s)://HOST[:PORT][/PATH], no user, query or fragment")
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path.rstrip('/')}"


def _split(value: str) -> SplitResult | None:
    try:
        parts = urlsplit(value)
        _ = parts.port  # read for what it raises
    except ValueError:
        return None
    return parts if _URL.fullmatch(value) and not value.endswith(("?", "#")) else None


def bootstrap_servers(value: object) -> str:
    """Addresses of brokers with commas between them, or nothing. Raises `ValueError`."""
    servers = [server.strip() for server in text(value).split(",")]
    if servers == [""]:
        return ""
    for server in servers:
        found = _LISTEN.fullmatch(server)
        if found is None or not 0 < int(found[3]) <= MAX_PORT or not _is_host(*found.group(1, 2)):
            raise ValueError("is not a list of brokers; allowed: HOST:PORT, with commas between several")
    return ",".join(servers)


def network(value: object) -> Network:
    """A network in CIDR form, or one address. Raises `ValueError`, with the network that was perhaps meant."""
    if isinstance(value, (IPv4Network, IPv6Network)):
        return value
    written = text(value)
    try:
        found = ip_network(written, strict=False)
    except ValueError:
        raise ValueError("is not a network; allowed: CIDR form such as 10.1.0.0/16 or fd00::/8") from None
    if ip_address(written.partition("/")[0]) != found.network_address:
        raise ValueError(f"has bits set behind its prefix; allowed: {found}")
    return found


def hostname(value: str) -> str:
    """A hostname in its canonical form. Raises `ValueError`."""
    try:
        return canonical_hostname(value)
    except GatewayError:
        raise ValueError("is not a hostname; allowed: letters, digits, '-', '.', and a port after ':'") from None


def pattern(value: str) -> str:
    """A canonical scope, with `/**` where all below it is meant. Raises `ValueError`."""
    ending = SUBTREE if value.endswith(SUBTREE) else ""
    try:
        scope = Scope.parse(value.removesuffix(SUBTREE))
    except GatewayError:
        scope = None
    if scope is None or "*" in str(scope):
        raise ValueError("is not a scope; allowed: HOSTNAME[/PROJECT[/REPO]], and /** behind it for all below")
    return f"{scope}{ending}"


def topic(value: object) -> str:
    """The template of a topic name. Raises `ValueError`."""
    template = text(value)
    if not _is_template(template) or not _TOPIC.fullmatch(template.format_map(_FILLED)):
        raise ValueError(
            "is not a topic; allowed: letters, digits, '.', '_', '-' and {family}, {hostname}, {project}, "
            f"at most {MAX_TOPIC} characters"
        )
    return template


def _is_template(value: str) -> bool:
    try:
        parts = list(Formatter().parse(value))
    except ValueError:
        return False
    return all(name is None or (name in _FILLED and not spec and not mark) for _, name, spec, mark in parts)


def master_keys(value: object) -> str:
    """Master keys, newest first, with a comma between them and no blank. Raises `ValueError`."""
    keys = [key.strip() for key in text(value).split(",")]
    for position, key in enumerate(keys, 1):
        try:
            MasterKey.parse(key)
        except StartError as error:
            allowed = "32 bytes or more in base64url, and commas between several"
            raise ValueError(f"is refused, key {position} of {len(keys)}: {error}; allowed: {allowed}") from None
    return ",".join(keys)


def admin_token(value: object) -> str:
    """What can be sent as a Bearer token (RFC 6750 §2.1, `b64token`). Raises `ValueError`."""
    token = text(value)
    if not _BEARER.fullmatch(token):
        raise ValueError("is not a Bearer token; allowed: letters, digits and -._~+/, with = at its end")
    return token
