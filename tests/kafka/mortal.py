"""A pytest plugin for tests in which Kafka goes away: a broker to kill, and a gateway that is not patient."""

import gc
from collections.abc import Iterator

import pytest
from broker.distribution import Distribution
from broker.server import Broker

from gateway.edges import publish

SOON = {"broker.session.timeout.ms": "1000", "broker.heartbeat.interval.ms": "200"}
"""A broker that was killed comes back when its session has ended."""


@pytest.fixture(scope="session")
def mortal(apache_kafka: Distribution, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """The broker behind `mortal_broker`, in whatever state the last test left it."""
    with Broker(apache_kafka, tmp_path_factory.mktemp("mortal"), properties=SOON) as broker:
        yield broker


@pytest.fixture
def mortal_broker(mortal: Broker) -> Broker:
    """An Apache Kafka that runs, to kill, pause and restart as one likes."""
    mortal.resume()
    if not mortal.running:
        mortal.start()
    return mortal


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway that leaves a silent session behind after seconds instead of a minute."""
    monkeypatch.setattr(publish, "SILENT_SECONDS", 1.0)
    monkeypatch.setattr(publish, "UNACKNOWLEDGED_SECONDS", 2.0)


@pytest.fixture
def nothing_left() -> Iterator[None]:
    """What was forgotten by then is collected, and complains; the complaint is the test's."""
    yield
    gc.collect()
