"""`RepositoryKey`, `Scope` and `Hosts`: one canonical form per name, and none that leaves its segment."""

import posixpath
from collections.abc import Callable
from ipaddress import ip_network
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.delivery import HOOKS_PATH, Host, Hosts, RepositoryKey, Scope, canonical_hostname, canonical_segment
from gateway.errors import Code, GatewayError

FEW = settings(max_examples=20, deadline=None, database=None)

PIECES = [*"aB9.-~_:@%/\\?#; \0\n", "..", "%2f", "%2E", ".git", ".GIT"]
PIECES += ["é", "e\u0301", "İ", "Σ", "ß", "\u212a", "\u037e", "\u200b", "\u2028", "\U0001f600"]
NAMES = st.lists(st.sampled_from(PIECES), min_size=1, max_size=5).map("".join)


def refused(read: Callable[[str], object], text: str) -> str:
    """How a name is refused; it is an assertion that it is, and that the answer can be shown to anybody."""
    with pytest.raises(GatewayError) as found:
        read(text)
    assert found.value.detail.isprintable()
    return found.value.code.value


SPELLED = {
    ("Bitbucket.Example.COM", "PRJ", "Ledger"): "bitbucket.example.com/prj/ledger",
    ("bitbucket.example.com:7990", "PRJ", "ledger.git"): "bitbucket.example.com:7990/prj/ledger",
    ("stash", "~Jane.Doe", "Dot.Files.GIT"): "stash/~jane.doe/dot.files",
    ("bitbucket.org", "Team_9", "a-b_c.d"): "bitbucket.org/team_9/a-b_c.d",
    ("[2001:DB8::1]:7990", "P", "R"): "[2001:db8::1]:7990/p/r",
    ("10.0.0.7:80", "P", "!$&'()*+,;=:@"): "10.0.0.7:80/p/!$&'()*+,;=:@",
    ("h", "PROJ\u00c9", "Cafe\u0301"): "h/proj\u00e9/caf\u00e9",
    ("h", "p", "a" * 255): "h/p/" + "a" * 255,
    ("h", "p", "\u00e9" * 255): "h/p/" + "\u00e9" * 255,
}


def test_a_repository_has_one_key_however_it_is_spelled() -> None:
    for names, key in SPELLED.items():
        path = "/".join(quote(name, safe="") for name in names)

        assert str(RepositoryKey.of(*names)) == key
        assert [str(Scope.of(*names)), str(Scope.parse("/".join(names))), str(Scope.from_path(path))] == [key] * 3
        assert Scope.of(*names).repository == RepositoryKey.of(*names)


NO_HOSTNAMES = ["", ".", "a b", "a/b", "a%2fb", "-a", "a-", "a..b", ".a", "a.", "bücher.example", "a:", "a:b"]
NO_HOSTNAMES += ["a:123456", "::1", "[::1", "user@host", "http://host", "host\n", "host\0"]
NO_HOSTNAMES += ["a" * 64, ".".join(["a" * 60] * 5)]


def test_what_no_dns_name_or_address_can_be_is_no_hostname() -> None:
    assert {refused(canonical_hostname, text) for text in NO_HOSTNAMES} == {Code.BAD_REQUEST}


@pytest.mark.parametrize("hostname", ["[....]", "[1:2]", "[:::]:80", "host:65536", "host:99999"])
def test_an_address_or_port_that_cannot_exist_is_no_hostname(hostname: str) -> None:
    assert refused(canonical_hostname, hostname) == Code.BAD_REQUEST


@pytest.mark.parametrize(("one", "other"), [("[::1]:7990", "[0:0:0:0:0:0:0:1]:7990"), ("host:443", "host:0443")])
def test_two_spellings_of_one_address_are_one_hostname(one: str, other: str) -> None:
    assert canonical_hostname(other) == canonical_hostname(one)


NO_SEGMENTS = ["", ".", "..", "a/b", "/", "a\\b", "a b", "a%2fb", "%", "a?b", "a#b", "a\0", "a\n", "a\x7f", "a\x85"]
NO_SEGMENTS += ["\u200b", "\u202e", "\u2028", "\ufeff", "\u2215", "\u2044", "\uff0f", "\ud800", "\udcff", "\ue000"]
NO_SEGMENTS += ["a" * 256, "\u00e9" * 256]


def test_what_could_leave_its_segment_is_no_name() -> None:
    assert {refused(lambda text: canonical_segment(text, "project"), text) for text in NO_SEGMENTS} == {
        Code.BAD_REQUEST
    }


def test_nothing_before_the_git_ending_is_no_repository() -> None:
    for repo in (".git", ".GIT", "", "..git/..", "..", ". .git"):
        assert refused(lambda text: RepositoryKey.of("h", "p", text), repo) == Code.BAD_REQUEST


PATHS = {
    "h": ("h",),
    "h/": ("h",),
    "h/p": ("h", "p"),
    "h/p/": ("h", "p"),
    "h/p/r": ("h", "p", "r"),
    "h/p/r/": ("h", "p", "r"),
    "h/p/r.git/": ("h", "p", "r"),
    "H/%50/%72": ("h", "p", "r"),
    "h/%7Ep/r%2Egit": ("h", "~p", "r"),
    "h%3A7990/p": ("h:7990", "p"),
}


def test_a_path_may_end_in_a_slash_and_be_percent_encoded() -> None:
    assert {path: Scope.from_path(path).names() for path in PATHS} == PATHS


NO_PATHS = ["", "/", "h//", "h//r", "h/p//", "/h", "h/p/r/s", "h/p/r//", "%2f"]
NO_PATHS += ["h/../r", "h/%2e%2e/r", "h/%2E", "h/p/a%2Fb", "h/a%5Cb", "h/p/%252F", "h/p/%00", "h/p/%0A"]
NO_PATHS += ["h/p/%", "h/p/%zz", "h/p/%ff", "h/p/%ed%a0%80", "h/p/%c0%af", "h/p/\udcff"]


def test_a_path_that_names_nothing_is_refused() -> None:
    assert {refused(Scope.from_path, path) for path in NO_PATHS} == {Code.BAD_REQUEST}


@FEW
@given(NAMES)
@example(".git.git")
@example("r.git.GIT")
def test_canonical_names_are_idempotent(name: str) -> None:
    key = RepositoryKey.claimed("h", "p", name)
    project = RepositoryKey.claimed("h", name, "r")

    assert key is None or RepositoryKey.claimed("h", "p", key.repo) == key
    assert project is None or RepositoryKey.claimed("h", project.project, "r") == project


@FEW
@given(NAMES)
def test_nothing_that_parses_escapes_its_segment(name: str) -> None:
    try:
        scope = Scope.from_path("h/" + quote(name, safe="") + "/r")
    except GatewayError:
        return
    path = scope.path()

    assert str(scope).count("/") == 2
    assert posixpath.normpath(path) == path
    assert urlsplit("http://gateway" + path)[2:] == (path, "", "")
    assert path.isascii()
    assert Scope.from_path(path.removeprefix(HOOKS_PATH)) == scope


@FEW
@given(NAMES)
def test_names_without_encoding_escape_nothing_either(name: str) -> None:
    for parse in (Scope.from_path, Scope.parse):
        try:
            scope = parse("h/p/" + name)
        except GatewayError:
            continue
        assert (scope.hostname, scope.project, str(scope).count("/")) == ("h", "p", 2)


def test_a_payloads_names_make_a_key_or_none() -> None:
    assert RepositoryKey.claimed("h:7990", "PRJ", "Repo") == RepositoryKey("h:7990", "prj", "repo")
    assert RepositoryKey.claimed("h", "PRJ", "a/b") is None
    assert RepositoryKey.claimed("h", "..", "r") is None


def test_a_scope_has_one_to_three_names() -> None:
    for count in (0, 4):
        with pytest.raises(GatewayError, match=r"HOSTNAME\[/PROJECT\[/REPO\]\]"):
            Scope.of(*["n"] * count)


HOST, PROJECT, REPO = Scope("h"), Scope("h", "p"), Scope("h", "p", "r")


def test_a_written_scope_may_end_in_a_slash() -> None:
    assert [Scope.parse(text) for text in ("H/", "H/P/", "H/P/R.git/")] == [HOST, PROJECT, REPO]


def test_a_scope_contains_what_lies_below_it() -> None:
    keys = [RepositoryKey(*text.split("/")) for text in ("h/p/r", "h/p/s", "h/q/r", "g/p/r")]

    def inside(scope: Scope) -> list[str]:
        return [str(key) for key in keys if scope.contains(key)]

    assert inside(HOST) == ["h/p/r", "h/p/s", "h/q/r"]
    assert inside(PROJECT) == ["h/p/r", "h/p/s"]
    assert inside(REPO) == ["h/p/r"]
    assert inside(Scope("h:7990")) == []


def test_a_scope_tells_its_names_path_and_repository() -> None:
    scopes = [HOST, PROJECT, REPO, Scope("h:7990", "~jane"), Scope("[::1]", "caf\u00e9")]

    assert [str(scope) for scope in scopes] == ["h", "h/p", "h/p/r", "h:7990/~jane", "[::1]/caf\u00e9"]
    assert ["/".join(scope.names()) for scope in scopes] == [str(scope) for scope in scopes]
    assert [scope.path().removeprefix("/repo-syncer/repos/") for scope in scopes] == [
        "h",
        "h/p",
        "h/p/r",
        "h:7990/~jane",
        "%5B::1%5D/caf%C3%A9",
    ]
    assert [scope.repository for scope in scopes] == [None, None, RepositoryKey("h", "p", "r"), None, None]


def test_an_alias_is_resolved_to_the_hosts_own_name() -> None:
    hosts = Hosts(aliases={"old.example.com": "bitbucket.example.com"})

    assert hosts.resolve(Scope("old.example.com", "p", "r")) == Scope("bitbucket.example.com", "p", "r")
    assert hosts.resolve(Scope("old.example.com")) == Scope("bitbucket.example.com")
    assert hosts.resolve(Scope("other.example.com", "p")) == Scope("other.example.com", "p")


def test_every_host_is_data_center_but_bitbucket_org_unless_configured() -> None:
    configured = Host(is_cloud=True, trusted_networks=(ip_network("10.0.0.0/8"),), derived_secrets=False)
    hosts = Hosts(known={"cloud.example.com": configured, "bitbucket.org": Host(is_cloud=True, derived_secrets=False)})

    assert hosts.get("cloud.example.com") == configured
    assert hosts.get("bitbucket.org").derived_secrets is False
    assert hosts.get("anything.example.com") == Host(is_cloud=False, trusted_networks=(), derived_secrets=True)
    assert Hosts().get("bitbucket.org") == Host(is_cloud=True)
