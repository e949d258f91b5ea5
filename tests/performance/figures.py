"""What a run found out, and how it is shown: one table per number of connections, one row per server."""

import itertools
import statistics
from collections.abc import Callable, Iterator
from operator import attrgetter

from msgspec import Struct
from rich.table import Table


class Figures(Struct, frozen=True):
    """One burst on one server. CPU in microseconds per request, latencies in milliseconds, memory in MiB.

    `drain_seconds` is how long after the last answer Kafka had acknowledged everything, `None` without Kafka.
    """

    server: str
    concurrency: int
    round: int
    requests: int
    seconds: float
    per_second: float
    cpu_us: float
    cpu_us_main_thread: float
    p50_ms: float
    p99_ms: float
    memory_mib: float
    memory_peak_mib: float
    drain_seconds: float | None = None


class Report(Struct, frozen=True):
    """Everything a run found out."""

    python: str
    machine: str
    cores: list[int]
    file_system: str
    fdatasync_us: float
    post_bytes: int
    bursts: list[Figures]
    promises: dict[str, str]
    """What an answer of each server means."""
    missing: dict[str, str]
    """Servers that could not take part, and why."""


Bursts = list[Figures]


def _median(name: str, style: str) -> Callable[[Bursts, Bursts], str]:
    read = attrgetter(name)
    return lambda mine, _: format(statistics.median(map(read, mine)), style)


def _ratio(mine: Bursts, unit: Bursts) -> str:
    return f"{statistics.median(_ratios(mine, unit)):.2f}"


def _spread(mine: Bursts, unit: Bursts) -> str:
    ratios = _ratios(mine, unit)
    return f"{min(ratios):.2f}-{max(ratios):.2f}"


def _ratios(mine: Bursts, unit: Bursts) -> list[float]:
    return [one.cpu_us / first.cpu_us for one, first in zip(mine, unit, strict=True)]


def _drain(mine: Bursts, _: Bursts) -> str:
    seconds = [one.drain_seconds for one in mine if one.drain_seconds is not None]
    return f"{statistics.median(seconds):.2f}" if seconds else ""


COLUMNS = (
    ("CPU µs", _median("cpu_us", ".1f")),
    ("main thread", _median("cpu_us_main_thread", ".1f")),
    ("ratio", _ratio),
    ("spread", _spread),
    ("req/s", _median("per_second", ",.0f")),
    ("p50 ms", _median("p50_ms", ".2f")),
    ("p99 ms", _median("p99_ms", ".2f")),
    ("MiB", _median("memory_mib", ".0f")),
    ("peak", lambda mine, _: f"{max(one.memory_peak_mib for one in mine):.0f}"),
    ("drain s", _drain),
)
"""Heading, and the cell made of a server's bursts and those of the unit."""


def tables(report: Report) -> Iterator[Table]:
    """One table per number of connections; the first server is the unit."""
    for concurrency, group in itertools.groupby(report.bursts, attrgetter("concurrency")):
        bursts = list(group)
        table = Table("server", title=f"{concurrency} connections", title_justify="left")
        for head, _ in COLUMNS:
            table.add_column(head, justify="right", no_wrap=True)
        table.add_column("2xx means")
        names = list(dict.fromkeys(one.server for one in bursts))
        unit = [one for one in bursts if one.server == names[0]]
        for name in names:
            mine = [one for one in bursts if one.server == name]
            table.add_row(name, *(cell(mine, unit) for _, cell in COLUMNS), report.promises[name])
        yield table
