"""The Kafka of the tests keeps what it is given, and comes and goes as told."""

import shutil
import time
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from broker.kafka import Kafka, Record
from broker.mock import MockCluster
from broker.server import Broker, Node, new_node

HEADERS: list[tuple[str, bytes | None]] = [
    ("ce_id", b"1"),
    ("again", "Zoë, a=b".encode()),
    ("again", b""),
    ("none", None),
]


def write(kafka: Kafka, topic: str, *values: bytes, partition: int = 2) -> None:
    producer = Producer({**kafka.client, "acks": "all"})
    for value in values:
        producer.produce(topic, value, b"a key", partition, headers=list(HEADERS), timestamp=1_700_000_000_123)
    assert producer.flush(15) == 0


def record(offset: int, value: bytes) -> Record:
    return Record(2, offset, b"a key", HEADERS, value, 1_700_000_000_123)


def test_what_was_written_is_read_back_as_it_was(broker: Kafka, topic: str) -> None:
    broker.create_topic(topic)
    write(broker, topic, b"one", b"two")

    assert broker.read(topic) == [record(0, b"one"), record(1, b"two")]


def test_the_mock_cluster_keeps_records_too(topic: str) -> None:
    kafka = MockCluster()
    kafka.create_topic(topic)
    write(kafka, topic, b"one")

    assert kafka.read(topic) == [record(0, b"one")]


def test_an_empty_topic_has_no_records(broker: Kafka, topic: str) -> None:
    broker.create_topic(topic)

    assert broker.read(topic) == []


def test_a_missing_topic_is_not_an_empty_one(broker: Kafka, topic: str) -> None:
    with pytest.raises(LookupError, match=topic):
        broker.read(topic)


@pytest.mark.skipif(shutil.which("kcat") is None, reason="kcat is not installed")
def test_kcat_reads_the_same(real_broker: Broker, topic: str) -> None:
    real_broker.create_topic(topic)
    write(real_broker, topic, b"one", '{"a": "Zoë\n"}'.encode())

    assert real_broker.read_by_kcat(topic) == real_broker.read(topic)


def test_a_topic_has_the_partitions_and_the_settings_it_was_made_with(real_broker: Broker, topic: str) -> None:
    real_broker.create_topic(topic, 7, {"max.message.bytes": "2000"})

    assert real_broker.topics()[topic] == 7
    producer = Producer(dict(real_broker.client))
    heard: list[KafkaError | None] = []
    producer.produce(topic, b"x" * 3000, on_delivery=lambda error, _: heard.append(error))
    producer.flush(15)
    assert heard == [KafkaError(KafkaError.MSG_SIZE_TOO_LARGE)]


def test_a_broker_starts_soon_and_keeps_everything_when_it_is_killed(own_broker: Broker, topic: str) -> None:
    began = time.monotonic()
    own_broker.start()
    assert time.monotonic() - began < 10
    own_broker.create_topic(topic)
    write(own_broker, topic, b"one")
    address = own_broker.bootstrap

    own_broker.kill()
    with pytest.raises(KafkaException):
        AdminClient(dict(own_broker.client)).list_topics(timeout=1)
    own_broker.start()
    write(own_broker, topic, b"two")

    assert own_broker.bootstrap == address
    assert own_broker.read(topic) == [record(0, b"one"), record(1, b"two")]


def test_a_broker_restarts_in_good_order_and_hangs_while_it_is_paused(own_broker: Broker, topic: str) -> None:
    own_broker.start()
    own_broker.create_topic(topic)
    own_broker.restart()
    assert own_broker.running

    own_broker.pause()
    with pytest.raises(KafkaException):
        AdminClient(dict(own_broker.client)).list_topics(timeout=1)
    own_broker.resume()

    assert topic in own_broker.topics()


def test_a_broker_that_cannot_start_shows_its_log(real_broker: Broker, tmp_path: Path) -> None:
    taken = Node(2, real_broker.node.port, new_node().quorum_port)
    second = Broker(real_broker.distribution, tmp_path, node=taken)

    with pytest.raises(RuntimeError, match=r"did not start(.|\n)*Address already in use"):
        second.start()
    assert not second.running
