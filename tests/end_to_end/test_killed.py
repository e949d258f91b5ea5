"""The process is killed right after it has answered, over and over: what it answered is there, once, in order."""

import asyncio
import random
import signal
from collections import defaultdict
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
from hooks import change, native_push
from processes import Process, process_in

LANES = 4
KILLS_PER_LANE = 25
REPOSITORIES = 3
SENDERS_PER_REPOSITORY = 2
MOST_ANSWERS = 12


class Lane:
    """One data directory that is killed many times, and what its senders were told."""

    def __init__(self, process: Process, number: int) -> None:
        self.process = process
        self.chance = random.Random(number)
        self.answered: dict[str, list[str]] = defaultdict(list)
        self.in_order: list[list[str]] = []
        self.unanswered: list[tuple[str, bytes, dict[str, str]]] = []
        self.answers = 0
        self.requests = 0

    async def run(self) -> None:
        for _ in range(KILLS_PER_LANE):
            await self.process.start()
            await self.resend()
            await self.one_life()
        await self.process.start()
        await self.resend()
        self.check(await self.process.events())
        assert await self.process.end(signal.SIGTERM) == 0

    async def one_life(self) -> None:
        """Senders post until some of their posts were answered; then the process is killed under the others."""
        self.left = self.chance.randint(1, MOST_ANSWERS)
        senders = [
            self.send(f"pay/lane-{number}") for number in range(REPOSITORIES) for _ in range(SENDERS_PER_REPOSITORY)
        ]
        await asyncio.gather(*senders)
        assert await self.process.process.wait() == -signal.SIGKILL

    async def send(self, repository: str) -> None:
        """One hook after another's answer, so that what it was told is in the order of acceptance."""
        mine: list[str] = []
        self.in_order.append(mine)
        while True:
            request = {"X-Request-Id": str(uuid4())}
            refs = [change(f"refs/heads/{self.chance.randrange(5)}") for _ in range(self.chance.randint(1, 3))]
            body = native_push(*refs, repository=repository) + b" " * self.chance.randrange(3_000)
            told = await self.post(repository, body, request)
            if told is None:
                self.unanswered.append((repository, body, request))
                return
            mine += told

    async def post(self, repository: str, body: bytes, request: dict[str, str]) -> list[str] | None:
        """The events of a post, or `None` where it was not answered; the process is killed when enough were."""
        self.requests += 1
        try:
            answer = await self.process.post(f"bitbucket.example.com/{repository}", body, headers=request)
        except (aiohttp.ClientError, ConnectionError):
            return None
        self.left -= 1
        if self.left == 0:
            self.process.process.send_signal(signal.SIGKILL)
        self.answered[repository] += answer.events
        self.answers += 1
        return answer.events

    async def resend(self) -> None:
        """A sender that was not answered tries again, with the same request: kept or not, it is told once."""
        waiting, self.unanswered = self.unanswered, []
        self.left = -1
        for repository, body, request in waiting:
            assert await self.post(repository, body, request) is not None

    def check(self, events: list[dict[str, Any]]) -> None:
        ids = [event["id"] for event in events]
        sequences = [event["sequence"] for event in events]
        assert len(set(ids)) == len(ids)
        assert sequences == sorted(set(sequences))
        assert set(ids) == {event for told in self.answered.values() for event in told}
        for repository, told in self.answered.items():
            key = f"bitbucket.example.com/{repository}"
            assert len(set(told)) == len(told)
            assert {event["id"] for event in events if event["partitionkey"] == key} == set(told)
        place = {event: number for number, event in enumerate(ids)}
        for told in self.in_order:
            assert [place[event] for event in told] == sorted(place[event] for event in told)


@pytest.mark.timeout(300)
async def test_every_answered_event_is_there_once_after_a_hundred_kills(tmp_path: Path) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(a_lane(tmp_path / f"lane-{number}", number)) for number in range(LANES)]
    lanes = [task.result() for task in tasks]

    assert LANES * KILLS_PER_LANE == 100
    assert sum(lane.answers for lane in lanes) > 500
    assert sum(lane.requests - lane.answers for lane in lanes) > 100


async def a_lane(folder: Path, number: int) -> Lane:
    async with process_in(folder) as process:
        lane = Lane(process, number)
        await lane.run()
        assert "Traceback" not in process.log
        return lane
