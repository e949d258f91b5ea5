"""A steady stream of hooks, whatever becomes of them: when they are sent depends on the clock alone."""

import asyncio
import itertools
import time

from gateways import Gateway
from hooks import change, native_push
from publishing import HOST

REPOSITORIES = 50


class Stream:
    """So many pushes a second to fifty repositories, from `start` to `end`; `told` are the ids that were answered."""

    def __init__(self, gateway: Gateway, rate: float) -> None:
        self.told: list[str] = []
        self.statuses: set[int] = set()
        self._gateway = gateway
        self._rate = rate
        self._seconds: list[float] = []
        self._ended = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to send."""
        self._running = asyncio.ensure_future(self._run())

    async def end(self) -> None:
        """Send no more, and wait for what is not answered yet. Raises what a request raised."""
        self._ended.set()
        if self._running is not None:
            await self._running

    @property
    def sent(self) -> int:
        """How many were answered."""
        return len(self._seconds)

    def slowest(self, share: float) -> float:
        """How many seconds that share of all answers took at most."""
        return sorted(self._seconds)[int(share * (len(self._seconds) - 1))]

    def __str__(self) -> str:
        """How fast answers were."""
        marks = {"half": 0.5, "99 %": 0.99, "all": 1.0}
        told = ", ".join(f"{name} within {self.slowest(share) * 1000:.1f} ms" for name, share in marks.items())
        return f"{self.sent} hooks answered: {told}"

    async def _run(self) -> None:
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for number in itertools.count():
                await asyncio.sleep(max(0.0, began + number / self._rate - time.monotonic()))
                if self._ended.is_set():
                    return
                group.create_task(self._send(f"pay/repository-{number % REPOSITORIES}"))

    async def _send(self, repository: str) -> None:
        body = native_push(change(), repository=repository)
        began = time.monotonic()
        answer = await self._gateway.post(f"{HOST}/{repository}", body)
        self._seconds.append(time.monotonic() - began)
        self.statuses.add(answer.status)
        self.told += answer.events
