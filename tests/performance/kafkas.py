"""The Kafka of a comparison: one that is there, or the broker of the tests, started for the run.

A broker that is started here inherits the cores of this process, which are not those of the servers.
"""

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from confluent_kafka import KafkaException

CONTROLS_TOPIC = "bench"
"""The topic that the controls write to; it is made with as many partitions as the gateway gives its own."""
PARTITIONS = 6
_KEPT = str(256 * 1024 * 1024)
_PROPERTIES = {
    "log.segment.bytes": _KEPT,
    "log.retention.bytes": _KEPT,
    "log.retention.check.interval.ms": "5000",
}


class NoKafkaError(Exception):
    """There is no Kafka to be had, and why."""


@contextlib.contextmanager
def kafka(address: str | None, folder: Path, say: Callable[[str], object]) -> Iterator[str]:
    """The address of a Kafka that has the topic of the controls. Raises `NoKafkaError`."""
    sys.path.append(str(Path(__file__).resolve().parents[1]))
    from broker.distribution import UnavailableError, default_cache, obtain  # noqa: PLC0415 - a script has no package
    from broker.kafka import Kafka  # noqa: PLC0415
    from broker.server import Broker  # noqa: PLC0415

    class There(Kafka):
        name = "a Kafka that is there"
        bootstrap = address or ""

    with contextlib.ExitStack() as stack:
        found: Kafka = There()
        if address is None:
            try:
                broker = Broker(obtain(default_cache(), say), folder / "kafka", properties=_PROPERTIES)
                found = stack.enter_context(broker)
            except (UnavailableError, RuntimeError) as error:
                raise NoKafkaError(str(error)) from None
        try:
            if CONTROLS_TOPIC not in found.topics():
                found.create_topic(CONTROLS_TOPIC, PARTITIONS)
        except KafkaException as error:
            raise NoKafkaError(f"{found.bootstrap}: {error.args[0].str()}") from None
        yield found.bootstrap
