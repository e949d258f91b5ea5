"""Gateways that publish, in this process, and what can be asked of them while they do."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import orjson
from broker.kafka import Kafka
from broker.secured import SecuredBroker
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource
from gateways import ADMIN_TOKEN, Answer, Gateway, Local, a_session
from hooks import MASTER_KEY, change, native_push
from ledger import Seen, seen
from prometheus_client.parser import text_string_to_metric_families

from gateway.edges.settings import Settings, load
from gateway.service import running

HOST = "bitbucket.example.com"
PREFIX = "bitbucket_gateway_"
PATIENCE = 30.0

NOBODY = "127.0.0.1:1"
"""An address at which nobody listens."""

Labels = tuple[tuple[str, str], ...]


def environ(data_dir: Path, bootstrap: str, prefix: str, **kafka: str) -> dict[str, str]:
    """The environment of a gateway that publishes to topics beginning with a prefix; without a broker to none."""
    return {
        "GATEWAY_LISTEN": "127.0.0.1:0",
        "GATEWAY_DATA_DIR": str(data_dir),
        "GATEWAY_MASTER_KEYS": MASTER_KEY,
        "GATEWAY_ADMIN_TOKEN": ADMIN_TOKEN,
        "GATEWAY_LIMITS__DISK_FREE": "0",
        "GATEWAY_SHUTDOWN_GRACE": "0s",
        "GATEWAY_SHUTDOWN_TIMEOUT": "10s",
        "GATEWAY_KAFKA__BOOTSTRAP_SERVERS": bootstrap,
        "GATEWAY_KAFKA__TOPIC": prefix + ".{family}",
        "GATEWAY_KAFKA__DEAD_LETTER_TOPIC": f"{prefix}.dead-letter",
        **{f"GATEWAY_KAFKA__{name.upper()}": value for name, value in kafka.items()},
    }


def settings_for(data_dir: Path, bootstrap: str, prefix: str, **kafka: str) -> Settings:
    """The settings of such a gateway."""
    return load(environ=environ(data_dir, bootstrap, prefix, **kafka))


def secured(broker: SecuredBroker, data_dir: Path, prefix: str, **kafka: str) -> Settings:
    """The settings of a gateway that publishes to a broker with locks on."""
    keys = {
        "security_protocol": broker.protocol,
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_username": broker.user,
        "sasl_password": broker.password,
        "ssl_cafile": str(broker.ca_file),
    }
    return settings_for(data_dir, broker.bootstrap, prefix, **(keys | kafka))


@contextlib.asynccontextmanager
async def forwarder(targets: Sequence[Kafka]) -> AsyncIterator[str]:
    """An address that leads to the last broker of the list when a connection is made, and to nobody without one."""

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            host, _, port = targets[-1].bootstrap.partition(":")
            there, back = await asyncio.open_connection(host, int(port))
        except (IndexError, OSError):
            writer.close()
            return
        await asyncio.gather(pump(reader, back), pump(there, writer))

    server = await asyncio.start_server(connect, "127.0.0.1", 0)
    async with server:
        yield "{}:{}".format(*server.sockets[0].getsockname())


@contextlib.asynccontextmanager
async def publishing(
    settings: Settings, *, reread: Callable[[], Settings] | None = None, publish_kept: bool = False
) -> AsyncIterator[Local]:
    """A gateway in this process; it stops with the block."""
    async with running(settings, reread=reread, publish_kept=publish_kept) as service, a_session() as session:
        yield Local(service, session)


async def push(gateway: Gateway, repository: str, *changes: dict[str, Any]) -> list[str]:
    """A push to a repository, by default one that nobody has made yet; the ids of its events."""
    answer = await gateway.post(f"{HOST}/{repository}", native_push(*(changes or (change(),)), repository=repository))
    return answer.events


async def say(gateway: Gateway, repository: str, event_key: str, /, **body: object) -> list[str]:
    """What Bitbucket may say of a repository beside pushes; the ids of its events."""
    answer: Answer = await gateway.post(f"{HOST}/{repository}", orjson.dumps(body), event_key)
    return answer.events


async def kafka_of(gateway: Gateway) -> dict[str, Any]:
    """How Kafka stands, as `/readyz` tells; whatever it says, it never makes the gateway unready."""
    answer = await gateway.get("/readyz", bearer=None)
    assert answer.status == 200
    told: dict[str, Any] = answer.json()["kafka"]
    return told


async def samples(gateway: Gateway) -> dict[tuple[str, Labels], float]:
    """Every sample of `/metrics`: name without its prefix and sorted labels -> value."""
    text = (await gateway.get("/metrics", bearer=None)).body.decode()
    return {
        (sample.name.removeprefix(PREFIX), tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def metric(gateway: Gateway, name: str, **labels: str) -> float | None:
    """One sample of `/metrics`, `None` where it is not there."""
    return (await samples(gateway)).get((name, tuple(sorted(labels.items()))))


async def until(happens: Callable[[], Awaitable[object]], seconds: float = PATIENCE) -> None:
    """Wait until it happens, and fail when it does not within so many seconds."""
    async with asyncio.timeout(seconds):
        while not await happens():
            await asyncio.sleep(0.05)


def tasks() -> set[str]:
    """What runs on this loop beside the test, by the names of coroutines."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    return {getattr(task.get_coro(), "__qualname__", repr(task)) for task in others}


async def drained(gateway: Gateway, seconds: float = PATIENCE) -> None:
    """Wait until Kafka has everything."""

    async def nothing_waits() -> bool:
        told = await kafka_of(gateway)
        return told["waiting"] == 0 and bool(told["connected"])

    await until(nothing_waits, seconds)


async def blocked(gateway: Gateway, topic: str) -> str:
    """Wait until a topic is held; the reason."""

    async def is_held() -> bool:
        return topic in (await kafka_of(gateway))["blocked"]

    await until(is_held)
    return str((await kafka_of(gateway))["blocked"][topic])


async def read(kafka: Kafka, *topics: str) -> list[Seen]:
    """The events of these topics as they lie in Kafka."""
    found = await asyncio.gather(*(asyncio.to_thread(kafka.read, topic) for topic in topics))
    return [each for topic, records in zip(topics, found, strict=True) for each in seen(topic, records)]


def ids(found: Sequence[Seen]) -> list[str]:
    """The ids in the order of acceptance."""
    return [each.id for each in sorted(found, key=lambda each: each.sequence)]


def alter(kafka: Kafka, topic: str, name: str, value: str) -> None:
    """Change a setting of a topic."""
    entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[entry])
    admin = kafka.admin()
    admin.incremental_alter_configs([resource], request_timeout=15)[resource].result()
