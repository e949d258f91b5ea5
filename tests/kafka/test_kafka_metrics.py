"""What is promised of the metrics of publishing is measured, and rightly; compression is what was asked for."""

import shutil
import subprocess
import time
from pathlib import Path

import pytest
from broker.server import Broker
from publishing import (
    blocked,
    drained,
    forwarder,
    ids,
    kafka_of,
    metric,
    publishing,
    push,
    read,
    samples,
    say,
    settings_for,
    until,
)

CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
"""Bits 0 to 2 of the attributes of a record batch, as Kafka's protocol has them."""

_ATTRIBUTES = slice(21, 23)
"""Of the first batch of a log: behind offset (8 bytes), length (4), epoch (4), magic (1) and checksum (4)."""


async def test_a_topic_counts_what_kafka_acknowledged(real_broker: Broker, tmp_path: Path, topic: str) -> None:
    async with publishing(settings_for(tmp_path, real_broker.bootstrap, topic)) as gateway:
        for number in range(7):
            await push(gateway, f"pay/repository-{number}")
        await say(gateway, "pay/ledger", "repo:odd", number=1)
        await drained(gateway)
        found = await samples(gateway)

    published = {labels: value for (name, labels), value in found.items() if name == "published_total"}
    assert published == {(("topic", f"{topic}.refs"),): 7, (("topic", f"{topic}.unknown"),): 1}
    assert found["kafka_connected", ()] == 1
    assert 1 < found["publish_duration_seconds_count", ()] <= 8
    assert 0 < found["publish_duration_seconds_sum", ()] < 10
    assert all(value == 0 for (name, _), value in found.items() if name in {"topic_blocked", "publish_failures_total"})


async def test_the_backlog_and_its_oldest_event_are_told_while_there_is_one(
    real_broker: Broker, tmp_path: Path, topic: str
) -> None:
    brokers: list[Broker] = []
    async with forwarder(brokers) as address, publishing(settings_for(tmp_path, address, topic)) as gateway:
        assert await metric(gateway, "backlog_oldest_timestamp_seconds") is None
        before = time.time()
        for _ in range(3):
            await push(gateway, "pay/ledger")

        async def is_told() -> bool:
            return await metric(gateway, "backlog_messages") == 3

        await until(is_told)
        oldest = await metric(gateway, "backlog_oldest_timestamp_seconds") or 0
        assert before - 0.001 <= oldest <= time.time()
        assert await metric(gateway, "kafka_connected") == 0
        assert (await kafka_of(gateway))["waiting"] == 3

        brokers.append(real_broker)
        await drained(gateway)

        async def is_gone() -> bool:
            return await metric(gateway, "backlog_oldest_timestamp_seconds") is None

        await until(is_gone)
        assert await metric(gateway, "backlog_messages") == 0
        assert await metric(gateway, "kafka_connected") == 1
        assert await metric(gateway, "publish_failures_total", reason="connection")


async def test_a_backlog_of_a_held_topic_is_told_exactly(real_broker: Broker, tmp_path: Path, topic: str) -> None:
    real_broker.create_topic(f"{topic}.unknown")
    async with publishing(settings_for(tmp_path, real_broker.bootstrap, topic, create_topics="false")) as gateway:
        await push(gateway, "pay/ledger")
        await blocked(gateway, f"{topic}.refs")
        await push(gateway, "pay/ledger")
        await say(gateway, "pay/ledger", "repo:odd", number=1)

        async def is_told() -> bool:
            return await metric(gateway, "backlog_messages") == 2

        await until(is_told)
        assert await metric(gateway, "published_total", topic=f"{topic}.unknown") == 1
        assert await metric(gateway, "publish_failures_total", reason="unknown_topic")


async def test_prometheus_is_content(real_broker: Broker, tmp_path: Path, topic: str) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed: it comes with Prometheus")
    async with publishing(settings_for(tmp_path, real_broker.bootstrap, topic)) as gateway:
        await push(gateway, "pay/ledger")
        await drained(gateway)
        text = (await gateway.get("/metrics", bearer=None)).body

    judged = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, check=False)  # noqa: ASYNC221

    assert (judged.returncode, judged.stdout, judged.stderr) == (0, b"", b"")


@pytest.mark.parametrize("compression", CODECS)
async def test_batches_are_compressed_as_asked(
    real_broker: Broker, tmp_path: Path, topic: str, compression: str
) -> None:
    settings = settings_for(tmp_path, real_broker.bootstrap, topic, compression=compression, partitions="1")
    async with publishing(settings) as gateway:
        events = [event for _ in range(5) for event in await push(gateway, "pay/ledger")]
        await drained(gateway)

    [log] = (real_broker.directory / "data" / f"{topic}.refs-0").glob("*.log")
    assert int.from_bytes(log.read_bytes()[_ATTRIBUTES]) & 0b111 == CODECS[compression]
    assert ids(await read(real_broker, f"{topic}.refs")) == events
