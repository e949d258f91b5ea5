"""The pytest plugin: one Kafka for the run, found before the first test, and told in the summary.

Where Java and Maven are missing, `broker` is the mock cluster and every test that asks for a real one is skipped with
the reason; with `GATEWAY_TEST_REQUIRE_KAFKA=1` in the environment that ends the run instead.
"""

import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from broker.distribution import Distribution, UnavailableError, default_cache, obtain
from broker.kafka import Kafka
from broker.mock import MockCluster
from broker.secured import SecuredBroker
from broker.server import Broker

REQUIRE = "GATEWAY_TEST_REQUIRE_KAFKA"

_required = pytest.StashKey[bool]()
_found = pytest.StashKey[Distribution | UnavailableError]()


def pytest_configure(config: pytest.Config) -> None:
    """Take our word out of the environment: the gateway does not start beside a `GATEWAY_` name it does not know."""
    word = os.environ.pop(REQUIRE, "")  # noqa: TID251 - no setting of the gateway
    config.stash[_required] = word not in {"", "0"}


def pytest_collection_finish(session: pytest.Session) -> None:
    """Get Apache Kafka for whoever will ask for it; here, because no test has the time to fetch it."""
    asked = any("kafka_found" in getattr(item, "fixturenames", ()) for item in session.items)
    if asked and not session.config.option.collectonly:
        session.config.stash[_found] = found = _find(session.config)
        if session.config.stash[_required] and isinstance(found, UnavailableError):
            raise pytest.UsageError(f"{REQUIRE} is set, but there is no Apache Kafka: {found}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say which broker it was."""
    found = config.stash.get(_found, None)
    if isinstance(found, Distribution):
        terminalreporter.write_line(f"broker: {Broker.name}")
    elif found is not None:
        terminalreporter.write_line(f"broker: {MockCluster.name} ({found}); what needs a real one was skipped")


def _find(config: pytest.Config) -> Distribution | UnavailableError:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    try:
        return obtain(default_cache(), reporter.write_line if reporter else print)
    except UnavailableError as error:
        return error


@pytest.fixture(scope="session")
def kafka_found(request: pytest.FixtureRequest) -> Distribution | UnavailableError:
    """Apache Kafka, or why there is none."""
    return request.config.stash[_found]


@pytest.fixture(scope="session")
def apache_kafka(kafka_found: Distribution | UnavailableError) -> Distribution:
    """Apache Kafka, ready to run: to make a broker or a cluster of one's own."""
    if isinstance(kafka_found, UnavailableError):
        pytest.skip(f"needs a real Apache Kafka: {kafka_found}")
    return kafka_found


@pytest.fixture(scope="session")
def real_broker(apache_kafka: Distribution, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """The Apache Kafka of the run: share it, do not stop it."""
    with Broker(apache_kafka, tmp_path_factory.mktemp("broker")) as broker:
        yield broker


@pytest.fixture(scope="session")
def broker(kafka_found: Distribution | UnavailableError, request: pytest.FixtureRequest) -> Kafka:
    """The Kafka of the run: the real one, or else the mock cluster."""
    if isinstance(kafka_found, UnavailableError):
        return MockCluster()
    real: Broker = request.getfixturevalue("real_broker")
    return real


@pytest.fixture(scope="session")
def secured_broker(apache_kafka: Distribution, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredBroker]:
    """The Apache Kafka of the run with SASL_SSL, SCRAM-SHA-512 and ACLs: share it, do not stop it."""
    with SecuredBroker(apache_kafka, tmp_path_factory.mktemp("secured")) as broker:
        yield broker


@pytest.fixture
def own_broker(apache_kafka: Distribution, tmp_path: Path) -> Iterator[Broker]:
    """An Apache Kafka for one test alone, **not yet started**: to start, kill, restart and pause."""
    with ExitStack() as stack:
        broker = Broker(apache_kafka, tmp_path / "broker")
        stack.callback(broker.kill)
        yield broker


@pytest.fixture
def topic() -> str:
    """A name that no other topic of the run has."""
    return f"test-{secrets.token_hex(6)}"


@pytest.fixture(scope="session")
def java_partitions(apache_kafka: Distribution) -> Callable[[Sequence[bytes], int], list[int]]:
    """`java_partitions(keys, partitions)`: the partition to which Java's producer sends each key."""
    return apache_kafka.partitions
