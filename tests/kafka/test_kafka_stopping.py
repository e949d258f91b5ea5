"""Stopping: what waits is flushed, what Kafka does not take is kept for the next start, and nothing is left behind."""

import asyncio
import signal
import time
from pathlib import Path

import pytest
from broker.server import Broker
from gateways import Gateway
from hooks import change
from ledger import balance
from processes import process_in
from publishing import (
    NOBODY,
    drained,
    environ,
    forwarder,
    ids,
    kafka_of,
    metric,
    publishing,
    push,
    read,
    settings_for,
    tasks,
    until,
)

pytest_plugins = ["mortal"]

REFS = 100


async def many(gateway: Gateway, pushes: int) -> list[str]:
    """So many pushes of a hundred refs, one after the other, to five repositories; the ids of all events."""
    return [
        event
        for number in range(pushes)
        for event in await push(
            gateway, f"pay/repository-{number % 5}", *(change(f"refs/heads/{n}") for n in range(REFS))
        )
    ]


async def test_what_waits_is_flushed(real_broker: Broker, tmp_path: Path, topic: str, nothing_left: None) -> None:
    async with publishing(settings_for(tmp_path, real_broker.bootstrap, topic)) as gateway:
        await push(gateway, "pay/ledger")
        await drained(gateway)
        events = await many(gateway, 40)
        waited = (await kafka_of(gateway))["waiting"]

    found = await read(real_broker, f"{topic}.refs")
    assert waited > 0
    assert set(events) <= {each.id for each in found}
    assert tasks() == set()


async def failed(gateway: Gateway) -> float:
    """How often Kafka could not be reached."""
    return await metric(gateway, "publish_failures_total", reason="connection") or 0


async def test_what_waits_is_flushed_right_after_kafka_is_back(
    real_broker: Broker, tmp_path: Path, topic: str, nothing_left: None
) -> None:
    """The stop comes between the first page that Kafka takes and the last."""
    brokers: list[Broker] = []
    async with (
        forwarder(brokers) as address,
        publishing(settings_for(tmp_path, address, topic)) as gateway,
    ):
        events = await many(gateway, 60)
        failures = await failed(gateway)

        async def failed_again() -> bool:
            return await failed(gateway) > failures

        await until(failed_again)
        assert not (await kafka_of(gateway))["connected"]
        publisher = gateway.service.parts.publisher
        assert publisher is not None
        brokers.append(real_broker)
        async with asyncio.timeout(30):
            while not publisher.is_connected:
                await asyncio.sleep(0)
        waited = publisher.waiting

    found = await read(real_broker, f"{topic}.refs")
    assert waited > 0
    assert balance(events, found).is_even
    assert ids(found) == events


async def test_with_kafka_away_the_stop_does_not_wait_and_the_next_start_sends_everything(
    real_broker: Broker, tmp_path: Path, topic: str, nothing_left: None
) -> None:
    async with publishing(settings_for(tmp_path / "data", NOBODY, topic)) as gateway:
        events = await many(gateway, 10)
        began = time.monotonic()
    assert time.monotonic() - began < 3
    assert tasks() == set()

    async with publishing(settings_for(tmp_path / "data", real_broker.bootstrap, topic)) as gateway:
        await drained(gateway)
    assert ids(await read(real_broker, f"{topic}.refs")) == events


async def test_with_kafka_hanging_the_stop_waits_no_longer_than_it_may(
    mortal_broker: Broker, tmp_path: Path, topic: str, nothing_left: None
) -> None:
    """A broker that hangs keeps its connections and answers nothing: only time tells."""
    settings = settings_for(tmp_path / "data", mortal_broker.bootstrap, topic)
    async with publishing(settings.model_copy(update={"shutdown_timeout": 1.0})) as gateway:
        events = await push(gateway, "pay/ledger")
        await drained(gateway)
        mortal_broker.pause()
        events += await many(gateway, 5)
        began = time.monotonic()
    assert 1 <= time.monotonic() - began < 9
    assert tasks() == set()

    mortal_broker.resume()
    async with publishing(settings) as gateway:
        await drained(gateway)
    assert balance(events, await read(mortal_broker, f"{topic}.refs")).is_even


@pytest.mark.parametrize("after", [0.0, 0.002, 0.01, 0.03, 0.1])
async def test_a_stop_in_the_middle_of_connecting_leaves_nothing_behind(
    real_broker: Broker, tmp_path: Path, topic: str, nothing_left: None, after: float
) -> None:
    for number in range(5):
        async with publishing(settings_for(tmp_path, real_broker.bootstrap, topic)):
            await asyncio.sleep(after * (1 + number / 5))
    assert tasks() == set()


async def test_sigterm_flushes_and_ends_well(real_broker: Broker, tmp_path: Path, topic: str) -> None:
    settings = environ(tmp_path / "process" / "data", real_broker.bootstrap, topic)
    del settings["GATEWAY_LISTEN"]
    async with process_in(tmp_path / "process", settings) as process:
        await process.start()
        events = await many(process, 20)
        assert await process.end(signal.SIGTERM) == 0
        assert "Traceback" not in process.log

    assert ids(await read(real_broker, f"{topic}.refs")) == events
