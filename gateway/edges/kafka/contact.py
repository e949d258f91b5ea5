"""Whether Kafka is there, as far as it has shown: said once when it goes, and once when it is back.

A new session proves little while events wait, since a cluster may answer and still take nothing; what proves it is an
answer about a topic.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Iterator

import structlog

from gateway.edges.kafka.refusals import Refusal
from gateway.relay import hold_seconds

log = structlog.get_logger()


class Contact:
    """`is_made` tells whether Kafka is there, and `heard_at` when it was last heard, on the monotonic clock.

    `on_change` is called with the former; `waiting` tells how many events wait.
    """

    def __init__(self, on_change: Callable[[bool], None], waiting: Callable[[], int]) -> None:
        self.is_made = False
        self.heard_at = 0.0
        self._on_change = on_change
        self._waiting = waiting
        self._failures = 0
        self._is_lost = False

    def opened(self) -> None:
        """A session began."""
        if not self._is_lost or not self._waiting():
            self.heard()

    def heard(self) -> None:
        """Kafka took something, or refused it for a reason of its own."""
        if self._is_lost:
            log.info("kafka_back", waiting=self._waiting())
        self.heard_at = time.monotonic()
        self._is_lost = False
        self._failures = 0
        self._change(is_made=True)

    def lost(self, refusal: Refusal) -> None:
        """Kafka is away, for that reason."""
        if not self._is_lost:
            log.warning("kafka_away", reason=refusal.reason, words=refusal.words, waiting=self._waiting())
        self._is_lost = True
        self._change(is_made=False)

    @contextlib.contextmanager
    def expecting(self, seconds: float) -> Iterator[None]:
        """Expect an answer within so many seconds; then Kafka is away, if it has answered nothing else either."""
        silence = asyncio.get_running_loop().call_later(seconds, self._fell_silent, seconds)
        try:
            yield
        finally:
            silence.cancel()

    def pause(self) -> float:
        """How many seconds to wait after one more failure, before the next session."""
        self._failures += 1
        return hold_seconds(self._failures, random.random())  # noqa: S311 - jitter is no secret

    def _fell_silent(self, seconds: float) -> None:
        if time.monotonic() - self.heard_at >= seconds:
            self.lost(Refusal("silent", f"nothing was acknowledged for {seconds:g} s"))

    def _change(self, *, is_made: bool) -> None:
        self.is_made = is_made
        self._on_change(is_made)
