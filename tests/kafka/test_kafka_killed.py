"""The gateway is killed while events wait for Kafka: all come from the disk, in order, and memory stays small."""

import asyncio
import signal
from pathlib import Path

import pytest
from broker.server import Broker
from gateways import Gateway
from hooks import change
from ledger import balance
from processes import Process, process_in
from publishing import HOST, drained, environ, forwarder, ids, push, read

from gateway.edges.journal.outbox import PAGE_BYTES

EVENT_BYTES = 16 * 1024
FEW, MANY = 300, 3_500
GROWTH_LIMIT = 24 * 2**20
"""What memory may grow by; the larger backlog has more than that."""


def environment(folder: Path, bootstrap: str, topic: str) -> dict[str, str]:
    found = environ(folder / "data", bootstrap, topic)
    del found["GATEWAY_LISTEN"]
    return found


async def posts(gateway: Gateway, first: int, count: int) -> list[str]:
    """So many events of a fixed size, to ten repositories, ten at a time."""
    told: list[str] = []

    async def one_repository(number: int) -> None:
        for n in range(first + number, first + count, 10):
            body = b'{"n": %d, "text": "%b"}' % (n, b"x" * EVENT_BYTES)
            told.extend((await gateway.post(f"{HOST}/pay/repository-{number}", body, "repo:odd")).events)

    await asyncio.gather(*(one_repository(number) for number in range(10)))
    return told


async def memory(process: Process, field: str = "VmRSS") -> int:
    """Resident bytes of a process now, or at most so far (`VmHWM`)."""
    text = await asyncio.to_thread(Path(f"/proc/{process.process.pid}/status").read_text)
    [line] = [line for line in text.splitlines() if line.startswith(f"{field}:")]
    return int(line.split()[1]) * 1024


@pytest.mark.timeout(180)
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads memory from /proc, which only Linux has")
async def test_memory_does_not_grow_with_the_backlog_and_a_killed_gateway_sends_it_from_the_disk(
    real_broker: Broker, tmp_path: Path, topic: str
) -> None:
    assert (MANY - FEW) * EVENT_BYTES > 2 * GROWTH_LIMIT > 4 * PAGE_BYTES
    folder = tmp_path / "process"
    brokers: list[Broker] = []
    async with forwarder(brokers) as address, process_in(folder, environment(folder, address, topic)) as process:
        await process.start()
        told = await posts(process, 0, FEW)
        small = await memory(process)
        told += await posts(process, FEW, MANY - FEW)
        large = await memory(process)
        await process.end(signal.SIGKILL)

        await process.start()
        started = await memory(process)
        brokers.append(real_broker)
        await drained(process, 60)
        sending = await memory(process, "VmHWM")
        assert await process.end(signal.SIGTERM) == 0
        assert "Traceback" not in process.log

    found = await read(real_broker, f"{topic}.unknown")
    print(
        f"memory in MiB: {[each >> 20 for each in (small, large, started, sending)]} with {FEW}, {MANY}, after, sending"
    )
    assert len(told) == MANY
    assert balance(told, found).is_even
    assert len(found) == MANY
    assert large - small < GROWTH_LIMIT
    assert sending - started < 2 * GROWTH_LIMIT


@pytest.mark.timeout(180)
async def test_killed_over_and_over_while_it_sends_it_loses_and_reorders_nothing(
    real_broker: Broker, tmp_path: Path, topic: str
) -> None:
    """It is killed a little later in each life; what was in flight then is sent again, with the same id."""
    folder = tmp_path / "process"
    told: list[str] = []
    async with process_in(folder, environment(folder, real_broker.bootstrap, topic)) as process:
        for life in range(4):
            await process.start()
            for number in range(20):
                refs = (change(f"refs/heads/{n}") for n in range(100))
                told += await push(process, f"pay/repository-{number % 4}", *refs)
            await asyncio.sleep(0.05 * life)
            await process.end(signal.SIGKILL)
        await process.start()
        await drained(process)
        events = [event["id"] for event in await process.events()]
        assert await process.end(signal.SIGTERM) == 0
        assert "Traceback" not in process.log

    found = await read(real_broker, f"{topic}.refs")
    result = balance(told, found)
    print(f"{len(told)} answered, {len(found)} read, {len(result.repeated)} of them again")
    assert result.is_even
    assert events == told
    assert ids([each for each in found if each.id not in result.repeated]) == [
        event for event in told if event not in result.repeated
    ]
