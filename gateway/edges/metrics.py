"""What Prometheus scrapes. The only module that knows prometheus_client.

Every metric is declared here with its sentence; label sets that are known start at 0. No label names a repository,
a user or a pull request. The methods are named after what happened, so callers know nothing of metrics.
"""

from collections.abc import Iterable
from importlib.metadata import version
from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from gateway.delivery import DialectName
from gateway.errors import Code
from gateway.event import FAMILIES

PREFIX = "bitbucket_gateway"
CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

_OUTCOMES = ("accepted", "duplicate", "unknown", "dead_letter")
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class Metrics:
    """The gateway's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._deliveries = self._counter("deliveries", "Authentic deliveries by outcome.", "dialect", "outcome")
        self._refused = self._counter("refused", "Requests to hooks that were refused, by problem code.", "code")
        self._events = self._counter("events", "New events by family.", "family")
        self._gaps = self._counter("gaps", "Events whose ref was not known to stand where they came from.")
        self._dead_letters = self._counter("dead_letters", "Authentic deliveries that could not be read.", "reason")
        self._last_delivery = self._gauge(
            "last_delivery_timestamp_seconds", "When a host last sent a verified delivery.", "hostname"
        )
        self._requests = self._histogram("request_duration_seconds", "From a hook's headers to its answer.", _SECONDS)
        self._commits = self._histogram("journal_commit_duration_seconds", "One synced transaction.", _SECONDS)
        self._groups = self._histogram("journal_commit_deliveries", "Pieces of work in one transaction.", _SIZES)
        self._journal_bytes = self._gauge("journal_bytes", "Bytes of the journal that hold something.")
        self._free_bytes = self._gauge("data_dir_free_bytes", "Bytes that are free where the data directory lies.")
        self._published = self._counter("published", "Records Kafka acknowledged.", "topic")
        self._publish_failures = self._counter(
            "publish_failures", "Attempts Kafka refused or did not answer.", "reason"
        )
        self._publishing = self._histogram(
            "publish_duration_seconds", "From the journal to Kafka's acknowledgement, one page.", _SECONDS
        )
        self._connected = self._gauge("kafka_connected", "1 while there is a session with Kafka.")
        self._blocked = self._gauge("topic_blocked", "1 while a topic refuses and is held back.", "topic")
        self._backlog = self._gauge("backlog_messages", "Events that Kafka has not acknowledged.")
        self._oldest = Gauge(
            f"{PREFIX}_backlog_oldest_timestamp_seconds", "When the oldest of them was received.", registry=None
        )
        self._has_oldest = False
        build = self._gauge("build_info", "Which version runs.", "version")
        build.labels(version("bitbucket-webhook-gateway")).set(1)
        self._by_code = {code: self._refused.labels(code.value) for code in Code}
        self._by_family = {family: self._events.labels(family) for family in FAMILIES.values()}
        self._by_hostname: dict[str, Gauge] = {}
        self._dead_letters.labels("unreadable")
        self._by_outcome: dict[tuple[str, str], Counter] = {
            (dialect, outcome): self._deliveries.labels(dialect, outcome)
            for dialect in get_args(DialectName)
            for outcome in _OUTCOMES
        }

    def _counter(self, name: str, sentence: str, *labels: str) -> Counter:
        return Counter(f"{PREFIX}_{name}_total", sentence, labels, registry=self.registry)

    def _gauge(self, name: str, sentence: str, *labels: str) -> Gauge:
        return Gauge(f"{PREFIX}_{name}", sentence, labels, registry=self.registry)

    def _histogram(self, name: str, sentence: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(f"{PREFIX}_{name}", sentence, registry=self.registry, buckets=buckets)

    def delivered(self, dialect: str, outcome: str, hostname: str, received_at: int) -> None:
        """A verified delivery was put on the disk."""
        self._by_outcome[dialect, outcome].inc()
        last = self._by_hostname.get(hostname)
        if last is None:
            last = self._by_hostname[hostname] = self._last_delivery.labels(hostname)
        last.set(received_at / 1000)
        if outcome == "dead_letter":
            self._dead_letters.labels("unreadable").inc()

    def published(self, families: tuple[str, ...], gaps: int) -> None:
        """New events were put on the disk."""
        for family in families:
            self._by_family[family].inc()
        if gaps:
            self._gaps.inc(gaps)

    def refused(self, code: Code) -> None:
        """A request to a hook address was refused."""
        self._by_code[code].inc()

    def answered(self, seconds: float) -> None:
        """A request to a hook address was answered."""
        self._requests.observe(seconds)

    def recorded(self, topic: str, count: int, seconds: float) -> None:
        """Kafka acknowledged records."""
        self._published.labels(topic).inc(count)
        self._publishing.observe(seconds)
        self.topic_blocked(topic, blocked=False)

    def know_reasons(self, reasons: Iterable[str]) -> None:
        """The reasons for which publishing may fail, so that each is seen before its first time."""
        for reason in reasons:
            self._publish_failures.labels(reason)

    def publish_failed(self, reason: str) -> None:
        """Kafka refused, or was not there."""
        self._publish_failures.labels(reason).inc()

    def kafka_connected(self, *, connected: bool) -> None:
        """A session began or ended."""
        self._connected.set(connected)

    def topic_blocked(self, topic: str, *, blocked: bool) -> None:
        """A topic is held back, or not any more."""
        self._blocked.labels(topic).set(blocked)

    def backlog(self, messages: int, oldest: int | None) -> None:
        """So many events wait, the oldest received at that millisecond; without one its metric is absent."""
        self._backlog.set(messages)
        if oldest is not None:
            self._oldest.set(oldest / 1000)
        has_oldest = oldest is not None
        if has_oldest is not self._has_oldest:
            (self.registry.register if has_oldest else self.registry.unregister)(self._oldest)
            self._has_oldest = has_oldest

    def committed(self, size: int, seconds: float) -> None:
        """A transaction is on the disk."""
        self._commits.observe(seconds)
        self._groups.observe(size)

    def measured(self, *, journal_bytes: int, free_bytes: int) -> None:
        """The disk was looked at."""
        self._journal_bytes.set(journal_bytes)
        self._free_bytes.set(free_bytes)

    def render(self) -> bytes:
        """The exposition in Prometheus' text format."""
        return generate_latest(self.registry)
