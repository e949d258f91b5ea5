"""The fallback where there is no Java: the mock cluster that librdkafka carries for its own tests.

It speaks Kafka's protocol on a real port and keeps records in memory. It makes a topic when it is asked about one,
with a fixed number of partitions and no settings, and knows no request to create one.
"""

from collections.abc import Mapping

import pytest
from confluent_kafka import Producer

from broker.kafka import PARTITIONS, Kafka

_REQUEST_SECONDS = 15


class MockCluster(Kafka):
    """A mock cluster of one broker, there as long as this object is."""

    name = "the librdkafka mock cluster of confluent-kafka"

    def __init__(self) -> None:
        self._owner = Producer({"test.mock.num.brokers": "1", "bootstrap.servers": "mock", "log_level": "0"})
        (found,) = self._owner.list_topics(timeout=_REQUEST_SECONDS).brokers.values()
        self._bootstrap = f"{found.host}:{found.port}"

    @property
    def bootstrap(self) -> str:
        """The address for clients, `host:port`."""
        return self._bootstrap

    def create_topic(self, topic: str, partitions: int = PARTITIONS, config: Mapping[str, str] | None = None) -> None:
        """Make a topic. A test with wishes that cannot be fulfilled here is skipped."""
        if partitions != PARTITIONS or config:
            pytest.skip(f"needs a real Apache Kafka: a topic here has {PARTITIONS} partitions and no settings")
        self.admin().list_topics(topic, timeout=_REQUEST_SECONDS)
