"""A session with Kafka: one producer that sends batches in order, until the first error.

What was measured of aiokafka: after one refused batch its sequence numbers never fit again, it asks only brokers it
already knows for metadata, `stop()` may hang, and a missing topic must be created before anybody asks for it.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, Self

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.metadata import MetadataRequest
from msgspec import Struct
from msgspec.structs import replace

from gateway.batch import Record
from gateway.edges.kafka.refusals import REASONS, Refusal, hearing, refusals

BATCH_BYTES = 512 * 1024
_ABANDON_SECONDS = 2.0
_CONNECT_SECONDS = 20.0
_TOPIC_SECONDS = 15.0
_REQUEST_MS = 40_000
_MARGIN = 0.9
_TOPIC_EXISTS = 36


class KafkaConfig(Struct, frozen=True):
    """How to reach Kafka, in its own words; files are read at each new session."""

    bootstrap_servers: str
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: str = "PLAIN"
    sasl_username: str | None = None
    sasl_password: str | None = None
    ssl_cafile: Path | None = None
    ssl_certfile: Path | None = None
    ssl_keyfile: Path | None = None
    client_id: str = "bitbucket-webhook-gateway"
    compression: str | None = None
    create_topics: bool = True
    partitions: int = 6
    replication_factor: int = -1
    max_request_bytes: int = int(1024 * 1024 * _MARGIN)


class TopicFacts(Struct, frozen=True):
    """What a session knows of a topic: its partitions, and how many bytes one record and one batch may have."""

    partitions: int
    record_bytes: int

    @property
    def batch_bytes(self) -> int:
        """What is sent at once; a single record may be larger."""
        return min(BATCH_BYTES, self.record_bytes)

    def within(self, limit: int | None) -> Self:
        """The same, if there is a limit, with records of at most so many bytes."""
        return self if limit is None else replace(self, record_bytes=min(limit, self.record_bytes))


class Session:
    """One producer, until the first error. Made by `open_session`."""

    def __init__(self, config: KafkaConfig, producer: AIOKafkaProducer, admin: AIOKafkaAdminClient) -> None:
        self._config = config
        self._producer = producer
        self._admin = admin
        self._topics: dict[str, TopicFacts] = {}

    async def topic(self, name: str) -> TopicFacts:
        """The facts of a topic, which is created if it is missing. Raises `Refusal`."""
        facts = self._topics.get(name)
        if facts is None:
            with refusals():
                async with asyncio.timeout(_TOPIC_SECONDS):
                    facts = await self._prepare(name)
            self._topics[name] = facts
        return facts

    async def send(self, name: str, partition: int, records: Sequence[Record]) -> int:
        """Send one batch and wait until all in-sync replicas have it; the offset of its first record.

        Raises `Refusal`; the session is of no use for that partition afterwards.
        """
        with refusals():
            batch = self._producer.create_batch()
            for record in records:
                message = record.message
                batch.append(timestamp=record.timestamp, key=message.key, value=message.value, headers=message.headers)
            if batch.record_count() < len(records):
                raise ValueError("not every record found room in the batch")
            found = await (await self._producer.send_batch(batch, name, partition=partition))
        return int(found.offset)

    async def abandon(self) -> None:
        """Leave it behind with all it has not sent, waiting for nothing longer than a few seconds."""
        # With a sender, `stop` waits for Kafka to take everything; if that is cancelled, the sender goes on for ever.
        sender, self._producer._sender = self._producer._sender, None  # noqa: SLF001
        for close in (sender.close, self._producer.stop, self._admin.close):
            with contextlib.suppress(TimeoutError, KafkaError, OSError, asyncio.CancelledError):
                await asyncio.wait_for(close(), _ABANDON_SECONDS)

    async def partitions(self) -> Mapping[str, int]:
        """Every topic there is, with its number of partitions. Raises `Refusal`."""
        with refusals():
            async with asyncio.timeout(_TOPIC_SECONDS):
                names = await self._admin.list_topics()
                found = await self._admin.describe_topics(names) if names else []
        return {topic["topic"]: len(topic["partitions"]) for topic in found if not topic["error_code"]}

    async def _prepare(self, name: str) -> TopicFacts:
        missing: Refusal | None = Refusal("unknown_topic", f"the topic {name} does not exist and may not be created")
        if self._config.create_topics:
            missing = await self._create(name)
        if missing is not None:
            await self._look_for(name, missing)
        partitions = await self._producer.partitions_for(name)
        return TopicFacts(len(partitions), await self._record_bytes(name))

    async def _create(self, name: str) -> Refusal | None:
        """Create a topic; the refusal if it is not known to be there now."""
        wanted = NewTopic(name, self._config.partitions, 1)
        wanted.replication_factor = self._config.replication_factor
        answer = await self._admin.create_topics([wanted])
        (_, code, message, *_), *_ = answer.topic_errors
        if code in {0, _TOPIC_EXISTS}:
            return None
        error = for_code(code).__name__
        found = Refusal(REASONS.get(error, "other"), f"the topic {name} could not be created: {message or error}")
        return found if found.is_of_the_topic else Refusal("unknown_topic", found.words)

    async def _look_for(self, name: str, missing: Refusal) -> None:
        """Ask for a topic in a way that does not make the broker create it. Raises `missing` if it is not there.

        The producer would ask by itself for longer than anybody should wait.
        """
        client = self._producer.client
        asked = MetadataRequest([name], allow_auto_topic_creation=False)
        answer = await client.send(client.get_random_node(), asked)
        error = for_code(answer.topics[0][0]).__name__
        found = Refusal(REASONS.get(error, "other"), f"this user may not use the topic {name}: {error}")
        if found.is_of_the_topic:
            raise missing if found.reason == "unknown_topic" else found

    async def _record_bytes(self, name: str) -> int:
        """The topic's own limit less a tenth, where we may ask for it."""
        with contextlib.suppress(KafkaError):
            asked = [ConfigResource(ConfigResourceType.TOPIC, name, {"max.message.bytes": None})]
            for answer in await self._admin.describe_configs(asked):
                for resource in answer.resources:
                    for entry in resource[4]:
                        if entry[0] == "max.message.bytes":
                            return min(self._config.max_request_bytes, int(int(entry[1]) * _MARGIN))
        return self._config.max_request_bytes


async def open_session(config: KafkaConfig) -> Session:
    """A new producer, bootstrapped anew. Raises `Refusal` with what aiokafka only writes into its log."""
    with hearing() as heard, refusals(heard):
        settings = _client_settings(config)
        producer = AIOKafkaProducer(
            **settings,
            acks="all",
            enable_idempotence=True,
            compression_type=config.compression,
            max_batch_size=BATCH_BYTES,
            max_request_size=2 * config.max_request_bytes,
        )
        admin = AIOKafkaAdminClient(**settings)
        starting = asyncio.ensure_future(_start(producer, admin))
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                await asyncio.shield(starting)
        except BaseException:
            # Cancelled while it connects, aiokafka would forget a connection and leave it open.
            await asyncio.gather(asyncio.wait_for(starting, _ABANDON_SECONDS), return_exceptions=True)
            await Session(config, producer, admin).abandon()
            raise
        return Session(config, producer, admin)


async def _start(producer: AIOKafkaProducer, admin: AIOKafkaAdminClient) -> None:
    await producer.start()
    await admin.start()


def _client_settings(config: KafkaConfig) -> dict[str, object]:
    return {
        "bootstrap_servers": config.bootstrap_servers,
        "client_id": config.client_id,
        "request_timeout_ms": _REQUEST_MS,
        "security_protocol": config.security_protocol,
        "ssl_context": _ssl_context(config) if config.security_protocol.endswith("SSL") else None,
        "sasl_mechanism": config.sasl_mechanism,
        "sasl_plain_username": config.sasl_username,
        "sasl_plain_password": config.sasl_password,
    }


def _ssl_context(config: KafkaConfig) -> ssl.SSLContext:
    files = config.ssl_cafile
    try:
        context = ssl.create_default_context(cafile=files)
        if config.ssl_certfile:
            files = config.ssl_certfile
            context.load_cert_chain(config.ssl_certfile, config.ssl_keyfile)
    except OSError as error:
        raise Refusal("connection", f"the certificate {files} cannot be used: {error.strerror or error}") from error
    return context
