"""What stops the start, and in which words."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from gateway.edges.settings import load
from gateway.errors import StartError

MARK = "hunter2"


@pytest.fixture(autouse=True)
def _in_an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def toml(text: str) -> Path:
    path = Path("gateway.toml")
    path.write_text(text, "utf-8")
    return path


def secrets(files: Mapping[str, str]) -> dict[str, str]:
    Path("mounted").mkdir()
    for name, text in files.items():
        Path("mounted", name).write_text(text, "utf-8")
    return {"GATEWAY_SECRETS_DIR": "mounted"}


def refusal(environ: Mapping[str, str] | None = None, config: Path | None = None) -> tuple[str, ...]:
    with pytest.raises(StartError) as refused:
        load(config=config, environ=environ or {})
    return refused.value.lines


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("GATEWAY_LIMIT__BODY_BYTES", "GATEWAY_LIMITS__BODY_BYTES"),
        ("GATEWAY_LIMITS_BODY_BYTES", "GATEWAY_LIMITS__BODY_BYTES"),
        ("GATEWAY_MASTER_KEY", "GATEWAY_MASTER_KEYS"),
        ("GATEWAY_Listen", "GATEWAY_LISTEN"),
    ],
)
def test_an_unknown_name_in_the_environment_is_a_mistake(name: str, meant: str) -> None:
    assert refusal({name: "geheim"}) == (f"{name}: there is no such setting; did you mean {meant}?",)


@pytest.mark.parametrize("name", ["GATEWAY_", "GATEWAY_LIMITS", "GATEWAY_SERVICES", "GATEWAY_VAULT__PASSWORD"])
def test_where_no_name_is_near_the_known_ones_are_told(name: str) -> None:
    (line,) = refusal({name: "geheim"})

    assert line.startswith(f"{name}: there is no such setting; allowed: GATEWAY_ADMIN_TOKEN, ")
    assert "GATEWAY_WEBHOOK_SECRETS" in line
    assert "geheim" not in line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("lisen = 1", "lisen: there is no such setting; did you mean listen?"),
        ("LISTEN = 'h:1'", "LISTEN: there is no such setting; did you mean listen?"),
        ("[limits]\nbody_byte = 1", "limits.body_byte: there is no such setting; did you mean body_bytes?"),
        ("'kafka.topics' = 1", '"kafka.topics": there is no such setting; allowed: admin_token, '),
        ("_env_file = 'x'", "_env_file: there is no such setting; allowed: admin_token, "),
        ("_origins = {}", "_origins: there is no such setting; allowed: admin_token, "),
        ("[hosts.bb]\nalias = []", "hosts.bb.alias: there is no such setting; did you mean aliases?"),
        ("[hosts.bb]\nbase_url = 'https://bb'", "hosts.bb.base_url: there is no such setting; allowed: aliases, "),
        ("limits = 5", "limits: 5 is not a table; allowed: a table"),
        ("hosts = []", "hosts: [] is not a table; allowed: a table"),
        ("listen = 8080", "listen: 8080 is not a text; allowed: a text"),
        ("trusted_proxies = '::/0'", "trusted_proxies: '::/0' is not a list; allowed: a list"),
        ("log_level = 'INFO'", "log_level: 'INFO' is not one of the words; allowed: 'debug', 'info', "),
        (
            "hosts.bb.derived_secrets = 'no'",
            "hosts.bb.derived_secrets: 'no' is neither true nor false; allowed: true, ",
        ),
        ("hosts.bb.dialect = 'server'", "hosts.bb.dialect: 'server' is not one of the words; allowed: 'data-center'"),
        ("hosts.'a b' = {}", "hosts.\"a b\": 'a b' is not a hostname; allowed: "),
        ("hosts.'bb.de' = {}\nhosts.'BB.de' = {}", "hosts: {'bb.de': {}, 'BB.de': {}} names one thing twice, "),
        ("hosts.bb.aliases = ['c', '/']", "hosts.bb.aliases entry 2: '/' is not a hostname; allowed: "),
        ("trusted_proxies = ['10.0.0.1/8']", "trusted_proxies entry 1: '10.0.0.1/8' has bits set behind its prefix; "),
    ],
)
def test_a_mistake_in_the_file_tells_file_key_and_what_is_allowed(text: str, line: str) -> None:
    (told,) = refusal(config=toml(text))

    assert told.startswith(f"gateway.toml: {line}")


def test_every_mistake_has_its_line_even_where_a_later_source_hides_it() -> None:
    path = toml('listen = "nowhere"\nshutdown_grace = "soon"')
    environ = secrets({"limits.disk-free": "much", "nonsense": "x"})
    environ |= {"GATEWAY_LISTEN": "127.0.0.1:80", "GATEWAY_SHUTDOWN_TIMEOUT": "later", "GATEWAY_NONSENSE": "x"}

    assert [line.partition("; ")[0] for line in refusal(environ, path)] == [
        "gateway.toml: listen: 'nowhere' is not an address to listen on",
        "gateway.toml: shutdown_grace: 'soon' is not a duration",
        "mounted/nonsense: there is no such setting",
        "mounted/limits.disk-free: the value is not a size",
        "GATEWAY_NONSENSE: there is no such setting",
        "GATEWAY_SHUTDOWN_TIMEOUT: 'later' is not a duration",
    ]


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        (b"listen = ", "is not TOML: "),
        (b"a = 1\na = 2", "is not TOML: "),
        (b"a = '\xff'", "is not TOML: "),
        (b"a = " + b"[" * 100_000, "is not TOML: "),
        (None, "cannot be read: No such file or directory"),
    ],
)
def test_a_file_that_cannot_be_read_is_a_mistake_beside_the_others(content: bytes | None, wrong: str) -> None:
    path = Path("named.toml")
    if content is not None:
        path.write_bytes(content)

    by_environment = refusal({"GATEWAY_CONFIG": "named.toml", "GATEWAY_NONSENSE": "x"})
    by_command_line = refusal(config=path)

    assert by_environment[0].startswith(f"GATEWAY_CONFIG: named.toml {wrong}")
    assert by_environment[1].startswith("GATEWAY_NONSENSE: ")
    assert by_command_line[0].startswith(f"--config: named.toml {wrong}")
    assert by_command_line[0].endswith("; allowed: a TOML file in UTF-8")


def test_what_is_named_as_file_or_directory_has_to_be_one() -> None:
    Path("folder").mkdir()
    Path("file").touch()

    assert refusal({"GATEWAY_CONFIG": "folder"})[0].startswith("GATEWAY_CONFIG: folder cannot be read: ")
    assert refusal({"GATEWAY_CONFIG": "/dev/null"})[0].startswith("GATEWAY_CONFIG: /dev/null is not a file; ")
    assert refusal({"GATEWAY_CONFIG": ""})[0].startswith("GATEWAY_CONFIG: is empty; ")
    assert refusal({"GATEWAY_SECRETS_DIR": "file"})[0].startswith("GATEWAY_SECRETS_DIR: file cannot be read: ")
    assert refusal({"GATEWAY_SECRETS_DIR": "gone"})[0].startswith("GATEWAY_SECRETS_DIR: gone cannot be read: ")
    assert refusal({"GATEWAY_SECRETS_DIR": ""})[0].startswith("GATEWAY_SECRETS_DIR: is empty; ")


def test_a_file_in_the_secrets_directory_that_is_no_setting_is_a_mistake() -> None:
    environ = secrets({"master_keys": MARK, "GATEWAY_ADMIN_TOKEN": MARK, "kafka__topic": MARK, "master-keys.bak": MARK})
    Path("mounted/admin-token").mkdir()
    Path("mounted/listen").write_bytes(b"\xff")

    assert refusal(environ) == (
        "mounted/GATEWAY_ADMIN_TOKEN: there is no such setting; did you mean admin-token?",
        "mounted/admin-token: cannot be read: Is a directory; allowed: a file",
        "mounted/kafka__topic: there is no such setting; did you mean kafka.topic?",
        "mounted/listen: the value is not UTF-8; allowed: text in UTF-8",
        'mounted/"master-keys.bak": there is no such setting; did you mean master-keys?',
        "mounted/master_keys: there is no such setting; did you mean master-keys?",
    )


def test_entries_of_the_secrets_of_hooks_are_told_by_number() -> None:
    value = '{"bb.example.com": ["one", ""], "bb.example.com/prj/repo/more": ["x"], "bb.example.com/prj/*": ["x"]}'

    assert [line.partition(";")[0] for line in refusal({"GATEWAY_WEBHOOK_SECRETS": value})] == [
        "GATEWAY_WEBHOOK_SECRETS entry 1 entry 2: the value is empty",
        "GATEWAY_WEBHOOK_SECRETS entry 2: the value is not a scope",
        "GATEWAY_WEBHOOK_SECRETS entry 3: the value is not a scope",
    ]


def test_a_name_with_a_line_break_stays_on_one_line() -> None:
    (line,) = refusal({"GATEWAY_x\ny": "1"})
    (key,) = refusal(config=toml('"a\\nb" = 1'))

    assert line.startswith(r'"GATEWAY_x\ny": there is no such setting; ')
    assert key.startswith(r'gateway.toml: "a\nb": there is no such setting; ')


def test_proxies_that_overlap_a_trusted_network_stop_the_start() -> None:
    path = toml('[hosts."bb.example.com"]\ntrusted_networks = ["10.1.0.0/16", "fd00::/8"]')

    assert load(config=path, environ={"GATEWAY_TRUSTED_PROXIES": "10.2.0.0/16,fe80::/10"}).trusted_proxies
    for proxies in ("10.0.0.0/8", "10.1.2.3", "192.0.2.1,10.1.0.0/16"):
        (line,) = refusal({"GATEWAY_TRUSTED_PROXIES": proxies}, path)
        assert line.startswith("GATEWAY_TRUSTED_PROXIES: '10.")
        assert "overlaps '10.1.0.0/16' in the trusted_networks of 'bb.example.com'; allowed: " in line


def test_an_alias_belongs_to_one_host_and_is_no_host_itself() -> None:
    other = toml('[hosts.bb]\naliases = ["BB.example.com"]\n[hosts."bb.example.com"]')
    (line,) = refusal(config=other)
    assert line.startswith("gateway.toml: hosts: the alias 'bb.example.com' of 'bb' is another host; allowed: ")

    shared = toml('[hosts.one]\naliases = ["bb"]\n[hosts.two]\naliases = ["bb"]')
    (line,) = refusal(config=shared)
    assert line.startswith("gateway.toml: hosts: the alias 'bb' belongs to 'one' and 'two'; allowed: ")


def test_a_host_may_list_its_own_name_among_its_aliases() -> None:
    settings = load(config=toml('[hosts.bb]\naliases = ["bb", "b"]'), environ={})

    assert settings.host_table().aliases == {"b": "bb"}


def test_secrets_of_an_alias_would_never_be_asked_for() -> None:
    """A delivery is judged under the host's own name, so a scope under an alias would do nothing."""
    path = toml('[hosts."bb.example.com"]\naliases = ["bb"]\n[webhook_secrets]\n"bb/prj/**" = ["x"]')

    (line,) = refusal(config=path)

    assert line.startswith("gateway.toml: webhook_secrets: the scope of entry 1 begins with the alias 'bb'; allowed: ")
    assert line.endswith("'bb.example.com'")
