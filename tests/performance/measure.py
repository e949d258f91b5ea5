"""Bursts in turn on servers that all run at once, and what must hold for their figures to mean anything."""

import itertools
import os
import platform
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from figures import Figures, Report
from load import Answer, Burst, burst
from msgspec import Struct
from posts import signed_posts
from servers import DRAIN_SECONDS, MASTER_KEY, Contestant, Server, running

from gateway.secrets import Keyring, MasterKey

AT_MOST_PER_SECOND = 9_000
"""More than a server on one core that accepts each post only once can take; so many posts are made."""
WARM_UP_SECONDS = 0.5
SETTLE_SECONDS = 0.1
"""How long a server may still work for a burst after its last answer; counted as its CPU time."""
DRAIN_POLL_SECONDS = 0.02
"""How often a server is asked whether everything is published, which costs it CPU time, too."""
REPEATED_POSTS = 10_000
SYNCS = 50
IN_MEMORY = frozenset({"tmpfs", "ramfs"})


class VoidError(Exception):
    """The run proves nothing, and why."""


class Plan(Struct, frozen=True):
    """What a person asked for; `kafka` is the address of one, where there is one."""

    concurrencies: list[int]
    rounds: int
    seconds: float
    cores: set[int]
    kafka: str | None = None


def measure(plan: Plan, field: Sequence[Contestant], folder: Path) -> Report:
    """Every burst of the plan; who is missing takes no part. Raises `VoidError`, `NotReadyError`."""
    posts = new_posts(len(plan.concurrencies) * (plan.rounds * plan.seconds + WARM_UP_SECONDS))
    there = [one for one in field if one.missing is None]
    with ExitStack() as stack:
        servers = [stack.enter_context(running(one, folder, plan.cores, plan.kafka)) for one in there]
        bursts = list(_rounds(plan, servers, posts))
    return Report(
        python=platform.python_version(),
        machine=platform.platform(),
        cores=sorted(plan.cores),
        file_system=file_system(folder),
        fdatasync_us=fdatasync_us(folder),
        post_bytes=round(statistics.mean(map(len, posts))),
        bursts=bursts,
        promises={one.name: one.promise for one in there},
        missing={one.name: one.missing for one in field if one.missing is not None},
    )


def _rounds(plan: Plan, servers: list[Server], posts: list[bytes]) -> Iterator[Figures]:
    piles = [(server, _pile(server.contestant.secret, posts)) for server in servers]
    for concurrency in plan.concurrencies:
        for server, pile in piles:
            one_burst(server, pile, concurrency, 0, WARM_UP_SECONDS)
        for number in range(1, plan.rounds + 1):
            for server, pile in piles:
                yield one_burst(server, pile, concurrency, number, plan.seconds)


def _pile(secret: str | None, posts: list[bytes]) -> Iterator[bytes]:
    """The posts for a server: those of the master key, or a few of its own over and over."""
    return iter(posts) if secret is None else itertools.cycle(signed_posts(lambda _: secret, REPEATED_POSTS))


def one_burst(server: Server, posts: Iterator[bytes], concurrency: int, number: int, seconds: float) -> Figures:
    """The figures of one burst, the `number`th of its server. Raises `VoidError`."""
    main, total = server.main_thread_seconds(), server.cpu_seconds()
    try:
        result = burst(server.port, posts, concurrency, seconds)
    except TimeoutError:
        raise VoidError(f"{server.contestant.name} stopped answering; its log ends:\n{server.log_end()}") from None
    drained = drain_seconds(server) if server.contestant.publishes else None
    time.sleep(SETTLE_SECONDS)
    main, total = server.main_thread_seconds() - main, server.cpu_seconds() - total
    if wrong := void(server.contestant, result):
        raise VoidError(f"{wrong}\nits log ends:\n{server.log_end()}")
    now, peak = server.memory_mib()
    hundredths = statistics.quantiles(result.latencies, n=100, method="inclusive")
    count = len(result.latencies)
    return Figures(
        server=server.contestant.name,
        concurrency=concurrency,
        round=number,
        requests=count,
        seconds=result.seconds,
        per_second=count / result.seconds,
        cpu_us=total / count * 1e6,
        cpu_us_main_thread=main / count * 1e6,
        p50_ms=hundredths[49] * 1e3,
        p99_ms=hundredths[98] * 1e3,
        memory_mib=now,
        memory_peak_mib=peak,
        drain_seconds=drained,
    )


def drain_seconds(server: Server) -> float:
    """Wait until Kafka has acknowledged everything; how long that took. Raises `VoidError`."""
    started = time.monotonic()
    while (waiting := server.waiting()) > 0:
        if time.monotonic() - started > DRAIN_SECONDS:
            raise VoidError(f"{waiting} events still wait for Kafka; the log ends:\n{server.log_end()}")
        time.sleep(DRAIN_POLL_SECONDS)
    return time.monotonic() - started


def void(contestant: Contestant, result: Burst) -> str | None:
    """Why a burst proves nothing: a post was not answered as it must be, or there were too few answers or posts."""
    wanted = Answer(contestant.status, contestant.outcome)
    if wrong := {answer: count for answer, count in result.answers.items() if answer != wanted}:
        return f"{contestant.name} answered {_shown(wrong)}, where {wanted} was due"
    if result.broken:
        return f"{contestant.name}: {len(result.broken)} connections failed, the first: {result.broken[0]}"
    if result.exhausted:
        return f"{contestant.name} took more than {AT_MOST_PER_SECOND} posts per second: no new ones are left"
    if len(result.latencies) < 2:
        return f"{contestant.name} answered {len(result.latencies)} posts"
    return None


def _shown(answers: dict[Answer, int]) -> str:
    return ", ".join(
        f"{count} of {sum(answers.values())} wrong ones with {answer}" for answer, count in answers.items()
    )


def new_posts(seconds: float) -> list[bytes]:
    """As many signed posts as a server can need in that time."""
    return signed_posts(Keyring((MasterKey.parse(MASTER_KEY),)).secret, round(seconds * AT_MOST_PER_SECOND))


def fdatasync_us(folder: Path) -> float:
    """The median cost of one synced write of 4 KiB there."""
    times = []
    with (folder / "sync").open("wb", buffering=0) as file:
        for _ in range(SYNCS):
            file.write(bytes(4096))
            started = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - started)
    return statistics.median(times) * 1e6


def file_system(folder: Path) -> str:
    """The type of the file system that a folder lies on. Raises `VoidError` where it is kept in memory."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    _, kind = max((len(at), kind) for _, at, kind, *_ in mounts if folder.resolve().is_relative_to(at))
    if kind in IN_MEMORY:
        raise VoidError(f"{folder} is kept in memory ({kind}): name a folder on a disk with --folder")
    return kind
