"""A burst: as many posts as a server takes from `concurrency` keep-alive connections in some seconds.

A connection sends its next post when the last one is answered. Requests are ready-made bytes and an answer is cut
out of the stream with two searches, so that the generator costs a fraction of the server it measures.
"""

import asyncio
import gc
import re
from collections import Counter
from collections.abc import Iterator
from time import perf_counter
from typing import cast

import msgspec
import uvloop
from msgspec import Struct

PATIENCE_SECONDS = 30
_HEAD_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


class Answer(Struct, frozen=True):
    """What counts of an answer; `outcome` is `None` where the body names none."""

    status: int
    outcome: str | None

    def __str__(self) -> str:
        """`202 accepted`."""
        return f"{self.status} {self.outcome or ''}".strip()


class Burst(Struct, frozen=True):
    """What came back: how many answers of each kind, how long each took (seconds), and the time from first to last."""

    answers: dict[Answer, int]
    latencies: list[float]
    seconds: float
    broken: tuple[str, ...] = ()
    exhausted: bool = False


class _Outcome(Struct):
    outcome: str | None = None


_outcome = msgspec.json.Decoder(_Outcome).decode


class _Sender(asyncio.Protocol):
    _run: "_Run"
    _transport: asyncio.Transport

    def __init__(self) -> None:
        self._received = b""
        self._sent_at = 0.0
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def begin(self, run: "_Run") -> None:
        self._run = run
        self._send()

    def _send(self) -> None:
        post = self._run.next_post()
        if post is None:
            self._end()
            return
        self._sent_at = perf_counter()
        self._transport.write(post)

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(_HEAD_END)
        if end < 0:
            return
        length = _body_length(self._received, end)
        if length is None:
            self._run.broken.append("an answer without Content-Length")
            self._end()
        elif len(self._received) >= (whole := end + len(_HEAD_END) + length):
            self._run.count(perf_counter() - self._sent_at, self._received[:whole], end)
            self._received = self._received[whole:]
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self._run.broken.append(f"a connection was closed: {exc or 'by the server'}")
            self.done.set_result(None)

    def _end(self) -> None:
        self.done.set_result(None)
        self._transport.close()


def _body_length(received: bytes, head_end: int) -> int | None:
    """How long the body of an answer is: that of a 204 is empty and names no length (RFC 9110 §8.6)."""
    found = _LENGTH.search(received, 0, head_end + 2)
    if found is None:
        return 0 if received[9:12] == b"204" else None
    return int(found[1])


class _Run:
    def __init__(self, posts: Iterator[bytes], seconds: float) -> None:
        self._posts = posts
        self.started_at = perf_counter()
        self._ends_at = self.started_at + seconds
        self.latencies: list[float] = []
        self.answers: Counter[Answer] = Counter()
        self.broken: list[str] = []
        self.exhausted = False
        self.last_at = 0.0

    def next_post(self) -> bytes | None:
        if perf_counter() >= self._ends_at:
            return None
        post = next(self._posts, None)
        self.exhausted = post is None
        return post

    def count(self, latency: float, answer: bytes, head_end: int) -> None:
        self.latencies.append(latency)
        body = answer[head_end + len(_HEAD_END) :]
        self.answers[Answer(int(answer[9:12]), _outcome(body).outcome if body.startswith(b"{") else None)] += 1
        self.last_at = perf_counter()


async def _burst(port: int, posts: Iterator[bytes], concurrency: int, seconds: float) -> Burst:
    loop = asyncio.get_running_loop()
    senders = [(await loop.create_connection(_Sender, "127.0.0.1", port))[1] for _ in range(concurrency)]
    run = _Run(posts, seconds)
    for sender in senders:
        sender.begin(run)
    await asyncio.wait_for(asyncio.gather(*(sender.done for sender in senders)), seconds + PATIENCE_SECONDS)
    return Burst(dict(run.answers), run.latencies, run.last_at - run.started_at, tuple(run.broken), run.exhausted)


def burst(port: int, posts: Iterator[bytes], concurrency: int, seconds: float) -> Burst:
    """Send for that many seconds, wait for what is still on its way, and count. Raises `TimeoutError`."""
    gc.collect()
    gc.disable()
    try:
        return uvloop.run(_burst(port, posts, concurrency, seconds))
    finally:
        gc.enable()
