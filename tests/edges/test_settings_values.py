"""What an address, a URL, a network, a template, a scope, a key may be."""

from ipaddress import ip_network
from pathlib import Path

import pytest
from pydantic import SecretStr

from gateway.edges.settings import Listen, Settings, values


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("127.0.0.1:8080", Listen("tcp", "127.0.0.1", 8080)),
        ("0.0.0.0:0", Listen("tcp", "0.0.0.0", 0)),  # noqa: S104 - nothing is bound
        ("gateway.example.com:65535", Listen("tcp", "gateway.example.com", 65_535)),
        ("[::]:8080", Listen("tcp", "::", 8080)),
        ("[fd00::1]:443", Listen("tcp", "fd00::1", 443)),
        ("unix:/run/gateway/gateway.sock", Listen("unix", path="/run/gateway/gateway.sock")),
    ],
)
def test_an_address_to_listen_on_and_back(written: str, meant: Listen) -> None:
    assert values.listen(written) == meant
    assert str(meant) == written


@pytest.mark.parametrize(
    "written",
    [
        "",
        "8080",
        ":8080",
        "localhost",
        "localhost:",
        "::1:80",
        "[::1]",
        "[::1:80",
        "[1]:80",
        "256.1.1.1:80",
        "h:65536",
        "h:-1",
        "h: 1",
        "http://h:80",
        "unix:",
        "unix:relative",
        "unix:/a\nb",
        "h:٣",
    ],
)
def test_what_is_no_address_to_listen_on(written: str) -> None:
    with pytest.raises(ValueError, match=r"allowed: HOST:PORT, \[IPV6\]:PORT or unix:/PATH$"):
        values.listen(written)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("https://hooks.example.com", "https://hooks.example.com"),
        ("https://hooks.example.com/", "https://hooks.example.com"),
        ("HTTP://Hooks.Example.com:8080/Path/", "http://hooks.example.com:8080/Path"),
        ("http://[::1]:8080/a/b", "http://[::1]:8080/a/b"),
    ],
)
def test_a_public_url_loses_its_last_slash_and_keeps_its_path(written: str, kept: str) -> None:
    assert values.url(written) == kept


@pytest.mark.parametrize(
    "written",
    [
        "",
        "hooks.example.com",
        "ftp://h",
        "http://",
        "http:///path",
        "http://h?a=1",
        "http://h/?",
        "http://h#a",
        "http://h/#",
        "http://u:p@h",
        "http://@h",
        "http://h:port",
        "http://h:65536",
        "http://[::1",
        "http://h h",
        "http://h\n",
        "https://ü",
    ],
)
def test_what_is_no_public_url(written: str) -> None:
    with pytest.raises(ValueError, match=r"^is not a public URL; allowed: "):
        values.url(written)


@pytest.mark.parametrize(
    "written", ["bitbucket.{family}", "all", "a.{hostname}_{project}-{family}", "{family}", "x" * 249]
)
def test_a_topic_is_a_template_or_a_constant(written: str) -> None:
    assert values.topic(written) == written


@pytest.mark.parametrize(
    "written",
    [
        "",
        ".",
        "..",
        "a b",
        "a/b",
        "a:b",
        "ä",
        "{}",
        "{0}",
        "{repo}",
        "{family",
        "family}",
        "{{family}}",
        "{family!r}",
        "{family:>9}",
        "{family.x}",
        "{family[0]}",
        "{ family}",
        "topic\n",
        "x" * 250,
        "x" * 237 + "{family}",
    ],
)
def test_what_is_no_topic(written: str) -> None:
    with pytest.raises(ValueError, match=r"^is not a topic; allowed: "):
        values.topic(written)


@pytest.mark.parametrize(
    ("written", "network"),
    [("10.0.0.0/8", "10.0.0.0/8"), ("192.0.2.7", "192.0.2.7/32"), ("fd00::/8", "fd00::/8"), ("::1", "::1/128")],
)
def test_a_network_or_one_address(written: str, network: str) -> None:
    assert str(values.network(written)) == network


@pytest.mark.parametrize("written", ["", "10.0.0.0/33", "10.0.0", "bb.example.com", "10.0.0.0/8 ", "/8"])
def test_what_is_no_network(written: str) -> None:
    with pytest.raises(ValueError, match=r"^is not a network; allowed: CIDR form"):
        values.network(written)


def test_the_network_that_was_perhaps_meant_is_told() -> None:
    with pytest.raises(ValueError, match=r"^has bits set behind its prefix; allowed: 10\.1\.0\.0/16$"):
        values.network("10.1.2.3/16")


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("BB.example.com", "bb.example.com"),
        ("bb.example.com/**", "bb.example.com/**"),
        ("bb.example.com/PRJ/Repo.git", "bb.example.com/prj/repo"),
        ("bb.example.com:7990/~User/**", "bb.example.com:7990/~user/**"),
    ],
)
def test_a_pattern_is_a_canonical_scope_with_its_ending_kept(written: str, canonical: str) -> None:
    assert values.pattern(written) == canonical


@pytest.mark.parametrize(
    "written", ["", "**", "/**", "bb/*", "bb/**/repo", "bb/*/**", "a b", "bb/prj/repo/x", "https://bb/prj"]
)
def test_what_is_no_pattern(written: str) -> None:
    with pytest.raises(ValueError, match=r"^is not a scope; allowed: "):
        values.pattern(written)


@pytest.mark.parametrize("written", ["", "A" * 42, f"{'A' * 43},", f"{'A' * 43},{'A' * 10}", "A" * 44 + "!"])
def test_what_are_no_master_keys(written: str) -> None:
    with pytest.raises(ValueError, match="allowed: 32 bytes or more in base64url"):
        values.master_keys(written)


@pytest.mark.parametrize("written", ["", "a b", "a\nb", "ä", '"a"', "="])
def test_what_is_no_bearer_token(written: str) -> None:
    with pytest.raises(ValueError, match=r"^is not a Bearer token; allowed: "):
        values.admin_token(written)


@pytest.mark.parametrize("written", ["", "a\0b", 5, None])
def test_what_is_no_path(written: object) -> None:
    with pytest.raises(ValueError, match=r"^is not a path; allowed: "):
        values.path(written)


def test_a_path_is_kept_as_it_is_written() -> None:
    assert values.path("./data") == Path("data")


def test_values_that_are_already_what_is_meant_are_kept() -> None:
    listen, network, token = Listen("tcp", "::1", 1), ip_network("10.0.0.0/8"), SecretStr("operators-only")

    settings = Settings(listen=listen, data_dir=Path("d"), trusted_proxies=(network,), admin_token=token)

    assert (settings.listen, settings.data_dir, settings.trusted_proxies) == (listen, Path("d"), (network,))
    assert settings.admin_token == token
    assert settings.public_url == "http://[::1]:1"


@pytest.mark.parametrize("name", ["log_level", "hosts"])
def test_settings_do_not_change(name: str) -> None:
    with pytest.raises(ValueError, match="frozen"):
        setattr(Settings(), name, "debug")
