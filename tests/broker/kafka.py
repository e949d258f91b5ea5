"""What every Kafka of the tests can do, real or mock: be addressed, have topics, be read from the beginning.

Everything here goes through librdkafka or kcat, never through the client that the gateway uses. All of it blocks: a
test with something running on its event loop calls it by `asyncio.to_thread`.
"""

import json
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, cast

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from msgspec import Struct

PARTITIONS = 4
"""Of a topic made without a wish: as many as the mock cluster gives."""

_REQUEST_SECONDS = 15
_READ_SECONDS = 30
_READER = {
    "group.id": "none",
    "enable.auto.commit": "false",
    "enable.partition.eof": "true",
    "fetch.wait.max.ms": "10",
}


class Record(Struct, frozen=True):
    """A record as it lies in Kafka: headers in their order, the timestamp in milliseconds since the epoch."""

    partition: int
    offset: int
    key: bytes | None
    headers: list[tuple[str, bytes | None]]
    value: bytes | None
    timestamp: int


class Kafka(ABC):
    """A Kafka to write to and read from. `name` says what it is."""

    name: str

    @property
    @abstractmethod
    def bootstrap(self) -> str:
        """The address for clients, `host:port`."""

    @property
    def client(self) -> Mapping[str, str]:
        """What a librdkafka client needs to get in with every right, quietly."""
        return {"bootstrap.servers": self.bootstrap, "log_level": "0"}

    def admin(self) -> AdminClient:
        """An administrator, for what has no method here; its answers come as long as it is held."""
        return AdminClient(dict(self.client))

    def create_topic(self, topic: str, partitions: int = PARTITIONS, config: Mapping[str, str] | None = None) -> None:
        """Create a topic with settings such as `max.message.bytes`; it is seen when this returns.

        Raises `KafkaException`, and `TimeoutError`.
        """
        wanted = NewTopic(topic, partitions, 1, config=dict(config or {}))
        admin = self.admin()
        admin.create_topics([wanted], request_timeout=_REQUEST_SECONDS)[topic].result()
        deadline = time.monotonic() + _REQUEST_SECONDS
        while topic not in admin.list_topics(timeout=_REQUEST_SECONDS).topics:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the topic {topic} was created, but is not seen")

    def topics(self) -> dict[str, int]:
        """Every topic but Kafka's own, with its number of partitions."""
        found = self.admin().list_topics(timeout=_REQUEST_SECONDS).topics
        return {name: len(topic.partitions) for name, topic in found.items() if not name.startswith("__")}

    def read(self, topic: str, seconds: float = _READ_SECONDS) -> list[Record]:
        """Every record from the beginning to where the topic ends now, partition by partition.

        Raises `LookupError` for a missing topic, and `TimeoutError`.
        """
        partitions = self.topics().get(topic)
        if partitions is None:
            raise LookupError(f"there is no topic {topic}")
        consumer = Consumer({**self.client, **_READER})
        try:
            records = list(_until_the_end(consumer, topic, partitions, time.monotonic() + seconds))
        finally:
            consumer.close()
        return sorted(records, key=lambda record: (record.partition, record.offset))

    def read_by_kcat(self, topic: str) -> list[Record]:
        """The same as `read`, seen by `kcat`: of a missing topic nothing, and only what is UTF-8."""
        settings = [part for name, value in self.client.items() for part in ("-X", f"{name}={value}")]
        command = ["kcat", "-C", "-q", "-e", "-J", "-o", "beginning", "-t", topic, *settings]
        shown = subprocess.run(command, capture_output=True, timeout=_READ_SECONDS, check=True).stdout
        records = (_of_kcat(json.loads(line)) for line in shown.splitlines())
        return sorted(records, key=lambda record: (record.partition, record.offset))


def _until_the_end(consumer: Consumer, topic: str, partitions: int, deadline: float) -> Iterator[Record]:
    places = [TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in range(partitions)]
    ends = {place.partition: consumer.get_watermark_offsets(place, _REQUEST_SECONDS)[1] for place in places}
    consumer.assign(places)
    while ends:
        if time.monotonic() > deadline:
            raise TimeoutError(f"the topic {topic} could not be read to its end")
        message = consumer.poll(0.1)
        if message is None:
            continue
        error = message.error()
        if error is None:
            yield _of_librdkafka(message)
        elif error.code() != KafkaError._PARTITION_EOF:
            raise KafkaException(error)
        elif _number(message.offset()) >= ends[_number(message.partition())]:
            del ends[_number(message.partition())]


def _of_librdkafka(message: Message) -> Record:
    headers = cast("list[tuple[str, bytes | None]]", message.headers() or [])
    partition, offset = _number(message.partition()), _number(message.offset())
    return Record(partition, offset, message.key(), headers, message.value(), message.timestamp()[1])


def _of_kcat(shown: Mapping[str, Any]) -> Record:
    words = shown.get("headers", ())
    headers = [(name, _bytes(value)) for name, value in zip(words[::2], words[1::2], strict=True)]
    key, value = _bytes(shown["key"]), _bytes(shown["payload"])
    return Record(shown["partition"], shown["offset"], key, headers, value, shown["ts"])


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else text.encode()


def _number(found: int | None) -> int:
    assert found is not None, "a record without a place"
    return found
