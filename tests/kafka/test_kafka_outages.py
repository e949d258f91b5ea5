"""Kafka may be absent, be killed, hang, be replaced: hooks do not notice, and everything arrives, in order, at last."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from broker.server import Broker
from gateways import Gateway
from ledger import Balance, Seen, balance
from processes import process_in
from publishing import drained, environ, forwarder, ids, kafka_of, publishing, push, read, settings_for, tasks, until
from stream import Stream

from gateway.edges.journal.outbox import PAGE_ENTRIES

pytest_plugins = ["mortal"]

SECONDS = float(os.environ.pop("TEST_KAFKA_OUTAGE_SECONDS", "12"))  # noqa: TID251 - no setting of the gateway
"""How long Kafka is gone in the middle; set it to 60 or more for what production may meet."""

RATE = 300.0
RESTARTS = 3
USUAL_SECONDS = 5.0
"""What an answer may take on a machine that runs a whole broker beside the gateway, nine out of ten hundred."""


async def connected(gateway: Gateway) -> None:
    async def is_connected() -> bool:
        return bool((await kafka_of(gateway))["connected"])

    await until(is_connected, 90)


async def weighed(gateway: Gateway, stream: Stream, found: Sequence[Seen], breaks: int) -> Balance:
    """What arrived, in the order in which `/api/v1/events` shows that it was accepted."""
    events = await gateway.events()
    assert {event["id"]: int(event["sequence"]) for event in events} == {each.id: each.sequence for each in found}
    result = balance(stream.told, found)
    print(f"{stream}; {len(result.repeated)} of {len(events)} events came again over {breaks} breaks")
    assert result.is_even
    assert len(result.repeated) <= breaks * PAGE_ENTRIES
    assert stream.statuses == {202}
    assert stream.slowest(0.99) < USUAL_SECONDS
    return result


@pytest.mark.timeout(240 + 2 * SECONDS)
async def test_a_steady_stream_outlives_that_kafka_is_absent_killed_and_restarted(
    mortal_broker: Broker, tmp_path: Path, topic: str
) -> None:
    mortal_broker.kill()
    folder = tmp_path / "process"
    settings = environ(folder / "data", mortal_broker.bootstrap, topic)
    del settings["GATEWAY_LISTEN"]
    async with process_in(folder, settings) as process:
        await process.start()
        stream = Stream(process, RATE)
        stream.start()
        await asyncio.sleep(2)
        assert not (await kafka_of(process))["connected"]
        await asyncio.to_thread(mortal_broker.start)
        await connected(process)
        await asyncio.sleep(1)

        await asyncio.to_thread(mortal_broker.kill)
        await asyncio.sleep(SECONDS)
        told = await kafka_of(process)
        assert (told["connected"], told["waiting"] > SECONDS * RATE / 2) == (False, True)
        await asyncio.to_thread(mortal_broker.start)
        await connected(process)

        for _ in range(RESTARTS):
            await asyncio.to_thread(mortal_broker.restart)
            await connected(process)
        await stream.end()
        await drained(process, 90)
        found = await read(mortal_broker, f"{topic}.refs")
        await weighed(process, stream, found, breaks=1 + RESTARTS)
        assert "Traceback" not in process.log


async def test_a_session_that_is_given_up_during_an_outage_costs_nothing_and_leaves_nothing(
    mortal_broker: Broker, tmp_path: Path, topic: str, impatient: None, nothing_left: None
) -> None:
    """Sessions end and begin while Kafka is gone or hangs, and each begins where the journal says."""
    async with publishing(settings_for(tmp_path / "data", mortal_broker.bootstrap, topic)) as gateway:
        stream = Stream(gateway, 100)
        stream.told += await push(gateway, "pay/ledger")
        await drained(gateway)
        running = tasks()
        stream.start()
        await asyncio.to_thread(mortal_broker.kill)
        await asyncio.sleep(3)
        assert not (await kafka_of(gateway))["connected"]
        await asyncio.to_thread(mortal_broker.start)
        await connected(gateway)
        mortal_broker.pause()
        await asyncio.sleep(3)
        assert not (await kafka_of(gateway))["connected"]
        mortal_broker.resume()
        await connected(gateway)
        await stream.end()
        await drained(gateway)
        await weighed(gateway, stream, await read(mortal_broker, f"{topic}.refs"), breaks=2)

        async def as_before() -> bool:
            return tasks() <= running

        await until(as_before)
    assert tasks() == set()


async def test_a_cluster_that_was_replaced_behind_its_address_is_found(
    mortal_broker: Broker, real_broker: Broker, tmp_path: Path, topic: str, impatient: None
) -> None:
    """Other brokers, other ports, no topic: nothing that was known is true any more but the address."""
    brokers = [mortal_broker]
    async with forwarder(brokers) as address, publishing(settings_for(tmp_path / "data", address, topic)) as gateway:
        before = await push(gateway, "pay/ledger")
        await drained(gateway)
        await asyncio.to_thread(mortal_broker.kill)
        brokers.append(real_broker)
        after = [event for number in range(20) for event in await push(gateway, f"pay/repository-{number}")]
        await drained(gateway)

    found = ids(await read(real_broker, f"{topic}.refs"))
    assert found == after
    assert before[0] not in found
