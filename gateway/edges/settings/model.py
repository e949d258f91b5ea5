"""The settings: what can be set, its default, and what it may be.

The models are the list of all settings: names in files and in the environment, and the words of a mistake, are made
from them. A setting that is left out of `repr` is a secret, and its value is shown nowhere.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    StrictBool,
    WrapValidator,
)
from pydantic.fields import FieldInfo

from gateway.delivery import CLOUD_HOSTNAME, Host, Hosts, Network
from gateway.edges.settings import units, values

MIB = 2**20
DAY = 86_400.0
DEFAULT = "default"
LISTEN = values.Listen("tcp", "127.0.0.1", 8080)

Size = Annotated[int, BeforeValidator(units.size)]
SizeAboveZero = Annotated[int, BeforeValidator(units.size_above_zero)]
Duration = Annotated[float, BeforeValidator(units.duration)]
Topic = Annotated[str, BeforeValidator(values.topic)]
Filled = Annotated[str, BeforeValidator(values.filled)]
Hostname = Annotated[str, AfterValidator(values.hostname)]
Networks = tuple[Annotated[Network, BeforeValidator(values.network)], ...]


def _distinct(value: Any, canonical: Any) -> Any:  # noqa: ANN401 - pydantic's own signature of a wrapped validator
    found = canonical(value)
    if len(found) < len(value):
        raise ValueError("names one thing twice, in two spellings; allowed: every name once")
    return found


class Table(BaseModel):
    """A table of settings: frozen, and nothing in it that is not known."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, arbitrary_types_allowed=True)


class Kafka(Table):
    """Where Kafka is, in its own words, and the topics: templates over `{family}`, `{hostname}`, `{project}`."""

    bootstrap_servers: Annotated[str, BeforeValidator(values.bootstrap_servers)] = ""
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "PLAIN"
    sasl_username: Filled | None = None
    sasl_password: Annotated[SecretStr, BeforeValidator(values.filled)] | None = Field(None, repr=False)
    ssl_cafile: Annotated[Path, BeforeValidator(values.path)] | None = None
    ssl_certfile: Annotated[Path, BeforeValidator(values.path)] | None = None
    ssl_keyfile: Annotated[Path, BeforeValidator(values.path)] | None = None
    client_id: Filled = "bitbucket-webhook-gateway"
    compression: Literal["none", "gzip", "snappy", "lz4", "zstd"] = "none"
    topic: Topic = "bitbucket.{family}"
    dead_letter_topic: Topic = "bitbucket.dead-letter"
    content_mode: Literal["binary", "structured"] = "binary"
    create_topics: bool = True
    partitions: Annotated[int, Field(ge=1, le=10_000)] = 6
    replication_factor: Annotated[int, Field(ge=-1, le=100)] = -1
    max_request_bytes: SizeAboveZero = MIB * 9 // 10


class Limits(Table):
    """How much is taken at once, in bytes, and how much of the disk stays free."""

    body_bytes: SizeAboveZero = 16 * MIB
    in_flight_bytes: SizeAboveZero = 256 * MIB
    disk_free: Size = 512 * MIB


class Retention(Table):
    """How long (in seconds) and how much (in bytes) is kept."""

    deliveries: Duration = 14 * DAY
    bytes: Size = 2048 * MIB
    identities: Duration = 400 * DAY


class HostTable(Table):
    """One Bitbucket installation. Without a `dialect`, `bitbucket.org` is Cloud and every other is Data Center."""

    dialect: Literal["data-center", "cloud"] | None = None
    aliases: tuple[Hostname, ...] = ()
    trusted_networks: Networks = ()
    derived_secrets: StrictBool = True

    def host(self, hostname: str) -> Host:
        """What the rules know of it under that name."""
        is_cloud = hostname == CLOUD_HOSTNAME if self.dialect is None else self.dialect == "cloud"
        return Host(is_cloud, self.trusted_networks, self.derived_secrets)


class Settings(Table):
    """Every setting, checked. Sizes are in bytes, durations in seconds, names of hosts and scopes canonical."""

    listen: Annotated[values.Listen, BeforeValidator(values.listen)] = LISTEN
    public_url: Annotated[str, BeforeValidator(values.url)] = Field(
        default_factory=lambda valid: valid.get("listen", LISTEN).url
    )
    data_dir: Annotated[Path, BeforeValidator(values.path)] = Path("data")
    master_keys: Annotated[SecretStr, BeforeValidator(values.master_keys)] | None = Field(None, repr=False)
    admin_token: Annotated[SecretStr, BeforeValidator(values.admin_token)] | None = Field(None, repr=False)
    kafka: Kafka = Kafka()
    limits: Limits = Limits()
    retention: Retention = Retention()
    webhook_secrets: Annotated[
        Mapping[Annotated[str, AfterValidator(values.pattern)], tuple[Filled, ...]], WrapValidator(_distinct)
    ] = Field(default={}, repr=False)
    hosts: Annotated[Mapping[Hostname, HostTable], WrapValidator(_distinct)] = {}
    trusted_proxies: Networks = ()
    shutdown_grace: Duration = 10.0
    shutdown_timeout: Duration = 25.0
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "console", "auto"] = "auto"

    _origins: Mapping[str, str] = PrivateAttr(default_factory=dict)

    def model_post_init(self, context: Any, /) -> None:  # noqa: ANN401 - pydantic's own signature
        """Keep where each setting came from, which is handed over as the context."""
        self._origins = context or {}

    @property
    def origins(self) -> Mapping[str, str]:
        """Dotted name of every setting -> where its value came from, or `default`."""
        return MappingProxyType({name: self._origins.get(name, DEFAULT) for name in FIELDS})

    def host_table(self) -> Hosts:
        """The configured hosts as the rules know them."""
        known = {name: table.host(name) for name, table in self.hosts.items()}
        aliases = {alias: name for name, table in self.hosts.items() for alias in table.aliases if alias != name}
        return Hosts(known, aliases)


def _fields(table: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    for name, field in table.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _fields(field.annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field


FIELDS: Mapping[str, FieldInfo] = dict(_fields(Settings))
"""Dotted name of every setting -> its field: `limits.body_bytes`."""


def setting(path: Sequence[str | int]) -> tuple[str, Sequence[str | int]]:
    """The dotted name of the setting that a path leads to, and the rest of the path, which lies inside it."""
    length = 1 if path[0] in FIELDS else 2
    return ".".join(map(str, path[:length])), path[length:]


def is_secret(name: str) -> bool:
    """Whether the setting of that dotted name is one whose value is never shown."""
    return name in FIELDS and not FIELDS[name].repr
