"""A run without Apache Kafka says so: it goes on with the mock cluster, or ends where the real one is required."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from broker.fixtures import REQUIRE

TESTS = Path(__file__).resolve().parents[1]
SUITE = """
import os

def test_any(broker, topic):
    broker.create_topic(topic)
    assert broker.read(topic) == []

def test_with_wishes(broker, topic):
    broker.create_topic(topic, 7)
    assert broker.topics()[topic] == 7

def test_real(real_broker, topic):
    assert real_broker.running

def test_none():
    assert "GATEWAY_TEST_REQUIRE_KAFKA" not in os.environ
"""


@pytest.fixture
def run(tmp_path: Path) -> "Run":
    (tmp_path / "test_suite.py").write_text(SUITE)
    return Run(tmp_path)


class Run:
    """Runs pytest over a small suite of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, *options: str, **environment: str) -> tuple[int, str]:
        known = {name: value for name, value in _environment().items() if name not in {"PYTEST_ADDOPTS", REQUIRE}}
        command = [sys.executable, "-m", "pytest", "-rs", "-p", "broker.fixtures", "-c", os.devnull, *options]
        done = subprocess.run(
            [*command, f"--rootdir={self._folder}", "test_suite.py"],
            cwd=self._folder,
            env={**known, "PYTHONPATH": str(TESTS), **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr


def _environment() -> Mapping[str, str]:
    return os.environ  # noqa: TID251 - no setting of the gateway


def test_without_java_the_mock_cluster_serves_and_the_rest_is_skipped_with_the_reason(run: Run) -> None:
    code, shown = run(PATH="")

    assert code == 0
    assert "2 passed, 2 skipped" in shown
    assert "needs a real Apache Kafka: there is no `java` on the path" in shown
    assert "broker: the librdkafka mock cluster of confluent-kafka (there is no `java` on the path)" in shown


def test_where_a_real_broker_is_required_nothing_runs_without_it(run: Run) -> None:
    code, shown = run(PATH="", **{REQUIRE: "1"})

    assert code == pytest.ExitCode.USAGE_ERROR
    assert f"{REQUIRE} is set, but there is no Apache Kafka: there is no `java` on the path" in shown
    assert "passed" not in shown


def test_what_needs_no_kafka_runs_without_one(run: Run) -> None:
    code, shown = run("-k", "none", PATH="", **{REQUIRE: "1"})

    assert code == 0
    assert "broker:" not in shown


def test_with_the_real_broker_everything_runs(run: Run, apache_kafka: object) -> None:
    assert apache_kafka
    code, shown = run(**{REQUIRE: "1"})

    assert code == 0
    assert "4 passed" in shown
    assert "broker: Apache Kafka 4" in shown
