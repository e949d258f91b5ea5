"""Where a request really came from: the right-most hop that is no trusted proxy.

A forwarding header is worth what its sender is worth. From a trusted proxy it is read from the right; from anyone
else its mere presence makes the address worth nothing, because a proxy nobody told us of may stand in between.
"""

import re
from collections.abc import Mapping, Sequence
from ipaddress import IPv6Address, ip_address

from gateway.delivery import Address, Network

FORWARDING_HEADERS = frozenset({"forwarded", "x-real-ip", "x-client-ip", "true-client-ip"})
"""What proxies write, beside everything that begins with `x-forwarded-` (RFC 7239 §1 tells of the usual ones)."""

_LITERAL = re.compile(r"\[(?P<ipv6>[^\[\]]*)\](?::\d+)?|(?P<ipv4>[\d.]+)(?::\d+)?|(?P<bare>[0-9A-Fa-f:.]+(?:%\S+)?)")


def origin(peer: str | None, headers: Mapping[str, str], proxies: Sequence[Network]) -> Address | None:
    """The address that may be believed, or `None`.

    `peer` is the address of the connection, `None` for a socket without one. IPv4 addresses mapped into IPv6 read as
    IPv4. RFC 7239 §5.2 tells the form of `Forwarded: for=`.
    """
    address = parse_address(peer)
    if address is None or not _is_proxy(address, proxies):
        return None if _is_forwarded(headers) else address
    if "forwarded" in headers and "x-forwarded-for" in headers:
        return None
    for hop in reversed(_hops(headers)):
        address = parse_address(hop)
        if address is None or not _is_proxy(address, proxies):
            return address
    return address


def parse_address(text: str | None) -> Address | None:
    """An address literal, with or without brackets, port or zone; `None` for anything else."""
    found = _LITERAL.fullmatch((text or "").strip().strip('"'))
    if found is None:
        return None
    bare = found["ipv6"] or found["ipv4"] or found["bare"] or ""
    try:
        address = ip_address(bare.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def _is_forwarded(headers: Mapping[str, str]) -> bool:
    return any(name in FORWARDING_HEADERS or name.startswith("x-forwarded-") for name in headers)


def _is_proxy(address: Address, proxies: Sequence[Network]) -> bool:
    return any(address in network for network in proxies)


def _hops(headers: Mapping[str, str]) -> list[str]:
    if "forwarded" in headers:
        return [_forwarded_for(element) for element in headers["forwarded"].split(",")]
    if "x-forwarded-for" in headers:
        return headers["x-forwarded-for"].split(",")
    return ["unknown"] if _is_forwarded(headers) else []


def _forwarded_for(element: str) -> str:
    for pair in element.split(";"):
        name, _, value = pair.strip().partition("=")
        if name.lower() == "for":
            return value
    return "unknown"
