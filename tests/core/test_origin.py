"""`origin`: which address may be believed, behind proxies and without (RFC 7239)."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.delivery import Network
from gateway.origin import origin, parse_address

FEW = settings(max_examples=15, deadline=None, database=None)

PROXIES: tuple[Network, ...] = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
PROXY, OUTER_PROXY, STRANGER, SENDER = "10.0.0.1", "10.9.9.9", "198.51.100.7", "203.0.113.9"


def believed(peer: str | None, headers: dict[str, str]) -> str | None:
    found = origin(peer, headers, PROXIES)
    return None if found is None else str(found)


def test_without_forwarding_headers_the_peer_is_the_origin() -> None:
    peers = {
        SENDER: SENDER,
        "2001:db8::5": "2001:db8::5",
        "::ffff:203.0.113.9": SENDER,
        "fe80::1%eth0": "fe80::1",
        None: None,
        "": None,
        "/run/gateway.sock": None,
    }
    headers = {"user-agent": "x", "via": "1.1 localhost (Apache-HttpClient/4.5.5 (cache))"}

    assert {peer: believed(peer, headers) for peer in peers} == peers


@pytest.mark.parametrize("name", ["forwarded", "x-forwarded-for", "x-real-ip", "x-client-ip", "true-client-ip"])
def test_a_forwarding_header_from_anyone_but_a_proxy_makes_the_address_worthless(name: str) -> None:
    values = ["", SENDER, f"for={SENDER}", "unknown"]

    assert [believed(STRANGER, {name: value}) for value in values] == [None] * 4


@pytest.mark.parametrize("name", ["x-forwarded-by", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port"])
def test_every_header_that_a_proxy_writes_tells_of_a_proxy(name: str) -> None:
    """RFC 7239 §1 names X-Forwarded-For, -By and -Proto as what `Forwarded` is a standard for."""
    assert believed(STRANGER, {name: "https"}) is None


HOPS = {
    SENDER: SENDER,
    f"{SENDER}, {OUTER_PROXY}": SENDER,
    f"{SENDER},{OUTER_PROXY},{PROXY}": SENDER,
    f"192.0.2.1, {SENDER}, {OUTER_PROXY}": SENDER,
    f"192.0.2.1, unknown, {OUTER_PROXY}": None,
    f"192.0.2.1, , {OUTER_PROXY}": None,
    f"{SENDER},": None,
    f"{SENDER}:4711": SENDER,
    "2001:db8::5": "2001:db8::5",
    "[2001:db8::5]:4711": "2001:db8::5",
    "::ffff:203.0.113.9": SENDER,
    f"{SENDER}, ::ffff:{OUTER_PROXY}, fd00::7": SENDER,
    "": None,
    "spoofed": None,
}


def test_x_forwarded_for_is_read_from_the_right_to_the_first_hop_that_is_no_proxy() -> None:
    assert {hops: believed(PROXY, {"x-forwarded-for": hops}) for hops in HOPS} == HOPS


FORWARDED = {
    "for=203.0.113.9": SENDER,
    'For="203.0.113.9:4711"': SENDER,
    'for="[2001:db8:cafe::17]:4711"': "2001:db8:cafe::17",
    'for="[2001:db8:cafe::17]"': "2001:db8:cafe::17",
    "for=192.0.2.43, for=203.0.113.9": SENDER,
    "for=203.0.113.9;proto=https;by=10.0.0.1": SENDER,
    "proto=https; by=10.0.0.1; FOR=203.0.113.9": SENDER,
    f"for=192.0.2.1;proto=http, for={SENDER};by={OUTER_PROXY}, for={OUTER_PROXY}": SENDER,
    f'for=", for={SENDER}': SENDER,
    "for=unknown": None,
    "for=_hidden": None,
    'for="_SEVKISEK"': None,
    f"for={SENDER}, proto=https": None,
    f"for={SENDER}, ": None,
    "by=203.0.113.9": None,
    "for": None,
    "": None,
}


def test_forwarded_is_read_from_the_right_to_the_first_hop_that_is_no_proxy() -> None:
    """The forms are those of RFC 7239 §4 and §6."""
    assert {forwarded: believed(PROXY, {"forwarded": forwarded}) for forwarded in FORWARDED} == FORWARDED


def test_two_forwarding_headers_that_could_contradict_each_other_are_not_believed() -> None:
    assert believed(PROXY, {"forwarded": f"for={SENDER}", "x-forwarded-for": SENDER}) is None


def test_a_header_that_keeps_no_hops_is_not_believed_even_from_a_proxy() -> None:
    names = ["x-real-ip", "x-client-ip", "true-client-ip"]

    assert [believed(PROXY, {name: SENDER}) for name in names] == [None] * 3


def test_where_all_hops_are_proxies_no_one_else_is_believed() -> None:
    for headers in ({}, {"x-forwarded-for": f"{OUTER_PROXY}, {PROXY}"}, {"forwarded": f"for={PROXY}"}):
        found = origin(PROXY, headers, PROXIES)

        assert found is None or any(found in network for network in PROXIES)


CLAIMS = st.lists(
    st.sampled_from([PROXY, OUTER_PROXY, "fd00::7", STRANGER, SENDER, "unknown", "", "for=", '"', ";", "a b"])
)


@FEW
@given(CLAIMS, st.sampled_from(["forwarded", "x-forwarded-for"]))
def test_what_a_sender_writes_to_the_left_of_its_own_hop_changes_nothing(claimed: list[str], name: str) -> None:
    own = f"for={SENDER}" if name == "forwarded" else SENDER

    assert believed(PROXY, {name: ", ".join([*claimed, own])}) == SENDER


LITERALS = {
    "192.0.2.1": "192.0.2.1",
    " 192.0.2.1 ": "192.0.2.1",
    "192.0.2.1:80": "192.0.2.1",
    '"192.0.2.1"': "192.0.2.1",
    "[2001:DB8::1]": "2001:db8::1",
    "[2001:db8::1]:80": "2001:db8::1",
    "[::ffff:192.0.2.1]:80": "192.0.2.1",
    "2001:db8::1": "2001:db8::1",
    "fe80::1%25eth0": "fe80::1",
}


def test_an_address_literal_is_read_with_brackets_port_and_zone() -> None:
    assert {text: parse_address(text) for text in LITERALS} == {
        text: ip_address(address) for text, address in LITERALS.items()
    }


def test_anything_else_is_no_address() -> None:
    texts = [None, "", " ", "localhost", "192.0.2", "192.0.2.256", "192.0.2.01", "3221225985", "0x7f.1"]
    texts += ["[]", "[", ":80", "_x", "1:2:3", "192.0.2.1, 192.0.2.2", "192.0.2.1/24", "\u0661.0.0.1"]

    assert {text: parse_address(text) for text in texts} == dict.fromkeys(texts)


def test_an_address_with_something_behind_it_that_is_no_port_is_no_address() -> None:
    texts = ["192.0.2.1:evil", "[2001:db8::1]evil", "[2001:db8::1]:evil", "[2001:db8::1"]

    assert {text: parse_address(text) for text in texts} == dict.fromkeys(texts)
