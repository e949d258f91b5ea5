"""One Apache Kafka in KRaft mode, a process of its own that does not outlive the tests.

Its ports and its data stay the same over every `kill` and `start`. The ports lie below those that a kernel gives to
outgoing connections, so nobody takes one while the broker is away, and no client meets itself there.
"""

import contextlib
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from confluent_kafka import KafkaException
from msgspec import Struct

from broker import leash
from broker.distribution import VERSION, Distribution
from broker.kafka import Kafka

HOST = "127.0.0.1"
PORTS = range(16_384, 32_768)
CLUSTER_ID = "dGVzdHMtb2YtZ2F0ZXdheQ"
START_SECONDS = 45
STOP_SECONDS = 20


class Node(Struct, frozen=True):
    """One of a cluster: its number, and its ports for clients and for the quorum."""

    id: int
    port: int
    quorum_port: int


def new_node(number: int = 1) -> Node:
    """A node on ports that are free now."""
    return Node(number, _free_port(), _free_port())


class Broker(Kafka):
    """A broker with its data and its log below a directory; not started before `start`, or before `with`.

    Without a `node` it is a cluster of its own; else `voters` are all nodes of the cluster. `properties` go into
    `server.properties` last.
    """

    name = f"Apache Kafka {VERSION}"
    protocol = "PLAINTEXT"

    def __init__(
        self,
        distribution: Distribution,
        directory: Path,
        *,
        node: Node | None = None,
        voters: Sequence[Node] = (),
        properties: Mapping[str, str] | None = None,
    ) -> None:
        self.distribution = distribution
        self.directory = directory
        self.log_file = directory / "kafka.log"
        self.node = node or new_node()
        self._voters = voters or (self.node,)
        self._extra = dict(properties or {})
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """The address for clients, `host:port`."""
        return f"{HOST}:{self.node.port}"

    @property
    def running(self) -> bool:
        """Whether its process is there."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it, and return when it answers clients. Raises `RuntimeError` with the end of its log."""
        assert not self.running, "it was started before"
        self.directory.mkdir(parents=True, exist_ok=True)
        self._settings.write_text("".join(f"{name}={value}\n" for name, value in self._properties().items()))
        if not (self._data / "meta.properties").exists():
            self._format()
        self._spawn()
        try:
            self._await_answer()
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """End it in good order, or kill it if it takes too long."""
        self._signal(signal.SIGTERM)
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_SECONDS)
        self.kill()

    def kill(self) -> None:
        """SIGKILL it; it is gone when this returns."""
        process, self._process = self._process, None
        if process is not None and process.stdin is not None:
            process.stdin.close()
            process.wait()

    def restart(self) -> None:
        """Stop it and start it again: same address, same data."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Let it hang (SIGSTOP): its connections stay open, and nothing is answered."""
        self._signal(signal.SIGUSR1)

    def resume(self) -> None:
        """Let it go on after `pause`."""
        self._signal(signal.SIGUSR2)

    def __enter__(self) -> Self:
        """Start it."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Kill it."""
        self.kill()

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    @property
    def _settings(self) -> Path:
        return self.directory / "server.properties"

    def _format(self) -> None:
        tool = ("kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(self._settings))
        self.distribution.run(*tool, *self._format_options())

    def _format_options(self) -> Sequence[str]:
        return ()

    def _properties(self) -> dict[str, str]:
        replicas = str(min(3, len(self._voters)))
        return {
            "process.roles": "broker,controller",
            "node.id": str(self.node.id),
            "controller.quorum.voters": ",".join(f"{voter.id}@{HOST}:{voter.quorum_port}" for voter in self._voters),
            "controller.listener.names": "QUORUM",
            "listeners": f"CLIENTS://{self.bootstrap},QUORUM://{HOST}:{self.node.quorum_port}",
            "advertised.listeners": f"CLIENTS://{self.bootstrap}",
            "listener.security.protocol.map": f"CLIENTS:{self.protocol},QUORUM:PLAINTEXT",
            "inter.broker.listener.name": "CLIENTS",
            "log.dirs": str(self._data),
            "offsets.topic.num.partitions": "1",
            "offsets.topic.replication.factor": replicas,
            "transaction.state.log.num.partitions": "1",
            "transaction.state.log.replication.factor": replicas,
            "transaction.state.log.min.isr": "1",
            "group.initial.rebalance.delay.ms": "0",
            # A broker that was killed may not come back before its session has ended: by default 9 s, and again.
            "broker.session.timeout.ms": "3000",
            "broker.heartbeat.interval.ms": "500",
            **self._extra,
        }

    def _spawn(self) -> None:
        self.kill()
        options = ("-Xmx512m", "-Dorg.slf4j.simpleLogger.showDateTime=true")
        command = self.distribution.command("kafka.Kafka", str(self._settings), options=options)
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", leash.__file__, *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    def _await_answer(self) -> None:
        admin = self.admin()
        deadline = time.monotonic() + START_SECONDS
        while self.running and time.monotonic() < deadline:
            with contextlib.suppress(KafkaException):
                if self.node.id in admin.list_topics(timeout=1).brokers:
                    return
        end = self.log_file.read_text(errors="replace")[-2000:]
        raise RuntimeError(f"{self.name} did not start; the end of its log:\n{end}")


def _free_port() -> int:
    for port in random.sample(PORTS, 100):
        with socket.socket() as candidate, contextlib.suppress(OSError):
            candidate.bind((HOST, port))
            return port
    raise RuntimeError("no port is free")
