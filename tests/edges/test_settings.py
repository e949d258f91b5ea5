"""Where settings come from, and which one wins."""

from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path

import pytest

from gateway.delivery import Host, Scope
from gateway.edges.settings import Listen, Settings, load

KEY = "A" * 43
MIB = 1024 * 1024
DAY = 24 * 60 * 60


@pytest.fixture(autouse=True)
def _in_an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def toml(text: str, name: str = "gateway.toml") -> Path:
    path = Path(name)
    path.write_text(text, "utf-8")
    return path


def secrets(files: Mapping[str, str]) -> dict[str, str]:
    """An environment that names a directory laid out as Kubernetes mounts a Secret."""
    version = Path("mounted/..2026_01_31_12_00_00.123456789")
    version.mkdir(parents=True)
    Path("mounted/..data").symlink_to(version.name)
    for name, text in files.items():
        (version / name).write_text(text, "utf-8")
        Path("mounted", name).symlink_to(Path("..data", name))
    return {"GATEWAY_SECRETS_DIR": "mounted"}


def test_defaults_are_those_of_the_contract() -> None:
    settings = load(environ={})

    assert str(settings.listen) == "127.0.0.1:8080"
    assert settings.public_url == "http://127.0.0.1:8080"
    assert settings.data_dir == Path("./data")
    assert (settings.master_keys, settings.admin_token) == (None, None)
    assert settings.kafka.topic == "bitbucket.{family}"
    assert settings.kafka.dead_letter_topic == "bitbucket.dead-letter"
    assert settings.limits.body_bytes == 16 * MIB
    assert settings.limits.in_flight_bytes == 256 * MIB
    assert settings.limits.disk_free == 512 * MIB
    assert settings.retention.deliveries == 14 * DAY
    assert settings.retention.bytes == 2 * 1024 * MIB
    assert settings.retention.identities == 400 * DAY
    assert (settings.webhook_secrets, settings.hosts, settings.trusted_proxies) == ({}, {}, ())
    assert (settings.shutdown_grace, settings.shutdown_timeout) == (10, 25)
    assert (settings.log_level, settings.log_format) == ("info", "auto")


def test_every_setting_can_be_set_in_the_environment() -> None:
    settings = load(
        environ={
            "GATEWAY_LISTEN": "[::1]:9090",
            "GATEWAY_PUBLIC_URL": "https://hooks.example.com/bitbucket/",
            "GATEWAY_DATA_DIR": "/var/lib/gateway",
            "GATEWAY_MASTER_KEYS": f"{KEY}, {KEY}=",
            "GATEWAY_ADMIN_TOKEN": "operators-only",
            "GATEWAY_KAFKA__TOPIC": "hooks.{hostname}.{project}.{family}",
            "GATEWAY_KAFKA__DEAD_LETTER_TOPIC": "hooks.dead",
            "GATEWAY_LIMITS__BODY_BYTES": "1048576",
            "GATEWAY_LIMITS__IN_FLIGHT_BYTES": "8MiB",
            "GATEWAY_LIMITS__DISK_FREE": "0",
            "GATEWAY_RETENTION__DELIVERIES": "2h",
            "GATEWAY_RETENTION__BYTES": "10MB",
            "GATEWAY_RETENTION__IDENTITIES": "30d",
            "GATEWAY_WEBHOOK_SECRETS": '{"BB.example.com/PRJ/**": ["old", "new"], "bb.example.com/prj/repo.git": []}',
            "GATEWAY_HOSTS": '{"bb.example.com": {"derived_secrets": false}}',
            "GATEWAY_TRUSTED_PROXIES": "10.0.0.0/8, fd00::/8,192.0.2.7",
            "GATEWAY_SHUTDOWN_GRACE": "500ms",
            "GATEWAY_SHUTDOWN_TIMEOUT": "1m",
            "GATEWAY_LOG_LEVEL": "debug",
            "GATEWAY_LOG_FORMAT": "json",
        }
    )

    assert settings.listen == Listen("tcp", "::1", 9090)
    assert settings.public_url == "https://hooks.example.com/bitbucket"
    assert settings.data_dir == Path("/var/lib/gateway")
    assert settings.master_keys is not None
    assert settings.master_keys.get_secret_value() == f"{KEY},{KEY}="
    assert settings.admin_token is not None
    assert settings.admin_token.get_secret_value() == "operators-only"
    assert settings.kafka.topic == "hooks.{hostname}.{project}.{family}"
    assert settings.kafka.dead_letter_topic == "hooks.dead"
    assert settings.limits.body_bytes == MIB
    assert settings.limits.in_flight_bytes == 8 * MIB
    assert settings.limits.disk_free == 0
    assert settings.retention.deliveries == 2 * 60 * 60
    assert settings.retention.bytes == 10_000_000
    assert settings.retention.identities == 30 * DAY
    assert settings.webhook_secrets == {"bb.example.com/prj/**": ("old", "new"), "bb.example.com/prj/repo": ()}
    assert settings.hosts["bb.example.com"].derived_secrets is False
    assert settings.trusted_proxies == tuple(map(ip_network, ("10.0.0.0/8", "fd00::/8", "192.0.2.7/32")))
    assert (settings.shutdown_grace, settings.shutdown_timeout) == (0.5, 60)
    assert (settings.log_level, settings.log_format) == ("debug", "json")


def test_tables_of_a_toml_file() -> None:
    path = toml(
        """
        listen = "unix:/run/gateway.sock"
        trusted_proxies = ["10.0.0.0/8"]
        shutdown_grace = 2.5
        [limits]
        body_bytes = 1024
        [webhook_secrets]
        "bitbucket.example.com/**" = ["any text"]
        [hosts."Bitbucket.Example.com:7990"]
        aliases = ["bb", "BB.example.com"]
        trusted_networks = ["192.0.2.0/24"]
        [hosts."cloud.example.com"]
        dialect = "cloud"
        [hosts."bitbucket.org"]
        derived_secrets = false
        """
    )

    settings = load(config=path, environ={})

    assert settings.listen == Listen("unix", path="/run/gateway.sock")
    assert settings.trusted_proxies == (ip_network("10.0.0.0/8"),)
    assert settings.shutdown_grace == 2.5
    assert settings.limits.body_bytes == 1024
    assert settings.webhook_secrets == {"bitbucket.example.com/**": ("any text",)}
    hosts = settings.host_table()
    own = hosts.get("bitbucket.example.com:7990")
    assert own == Host(is_cloud=False, trusted_networks=(ip_network("192.0.2.0/24"),), derived_secrets=True)
    assert hosts.get("cloud.example.com").is_cloud
    assert hosts.get("bitbucket.org") == Host(is_cloud=True, derived_secrets=False)
    assert hosts.resolve(Scope.of("bb", "prj")) == Scope.of("bitbucket.example.com:7990", "prj")
    assert hosts.resolve(Scope.of("bb.example.com")) == Scope.of("bitbucket.example.com:7990")


def test_a_later_source_beats_an_earlier_one_setting_by_setting() -> None:
    path = toml(
        """
        listen = "127.0.0.1:1"
        public_url = "https://from.toml"
        [kafka]
        topic = "toml"
        dead_letter_topic = "toml"
        [limits]
        disk_free = "1B"
        body_bytes = "1B"
        in_flight_bytes = "1B"
        """
    )
    directory = secrets(
        {
            "listen": "127.0.0.1:2\n",
            "kafka.dead-letter-topic": "dir\n",
            "limits.body-bytes": "2B\n",
            "log-level": "error",
        }
    )
    environ = {"GATEWAY_LISTEN": "127.0.0.1:3", "GATEWAY_LIMITS__IN_FLIGHT_BYTES": "3B", "GATEWAY_LOG_FORMAT": "json"}

    settings = load(config=path, environ=environ | directory)

    assert settings.listen.port == 3
    assert settings.public_url == "https://from.toml"
    assert (settings.kafka.topic, settings.kafka.dead_letter_topic) == ("toml", "dir")
    assert (settings.limits.disk_free, settings.limits.body_bytes, settings.limits.in_flight_bytes) == (1, 2, 3)
    assert (settings.log_level, settings.log_format) == ("error", "json")
    assert settings.origins["listen"] == "environment GATEWAY_LISTEN"
    assert settings.origins["limits.in_flight_bytes"] == "environment GATEWAY_LIMITS__IN_FLIGHT_BYTES"
    assert settings.origins["kafka.dead_letter_topic"] == "secrets directory"
    assert settings.origins["public_url"] == "gateway.toml"
    assert settings.origins["retention.bytes"] == "default"


def test_a_later_table_of_secrets_replaces_the_earlier_one() -> None:
    """Whoever sets `{}` last has no explicit secret left over from a file."""
    path = toml('[webhook_secrets]\n"bb.example.com" = ["one"]')

    assert load(config=path, environ={"GATEWAY_WEBHOOK_SECRETS": "{}"}).webhook_secrets == {}
    assert load(config=path, environ={"GATEWAY_WEBHOOK_SECRETS": ""}).webhook_secrets == {}


def test_the_command_line_names_the_file_before_the_environment_before_the_working_directory() -> None:
    toml('log_level = "debug"')
    named = {"GATEWAY_CONFIG": str(toml('log_level = "warning"', "named.toml"))}
    given = toml('log_level = "error"', "given.toml")

    assert load(environ={}).log_level == "debug"
    assert load(environ=named).log_level == "warning"
    assert load(environ=named, config=given).log_level == "error"
    assert load(environ=named).origins["log_level"] == "named.toml"


def test_the_process_environment_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_LOG_LEVEL", "error")

    assert load(environ={}).log_level == "info"
    assert Settings().log_level == "info"


def test_the_public_url_follows_the_address_to_listen_on() -> None:
    assert load(environ={"GATEWAY_LISTEN": "[::1]:80"}).public_url == "http://[::1]:80"
    assert load(environ={"GATEWAY_LISTEN": "unix:/run/g.sock"}).public_url == "http://localhost"


@pytest.mark.parametrize(
    "name",
    [
        "GATEWAY_PORT",
        "GATEWAY_PORT_8080_TCP_ADDR",
        "GATEWAY_SERVICE_HOST",
        "GATEWAY_SERVICE_PORT_HTTP",
        "GATEWAY_URL",
        "GATEWAY_TOKEN",
        "PATH",
        "gateway_listen",
    ],
)
def test_names_that_are_no_settings_are_let_be(name: str) -> None:
    assert load(environ={name: "tcp://10.96.0.1:8080"}) == load(environ={})
