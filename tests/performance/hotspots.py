"""Where the time of a profiled server goes: the own time of every function, added up by package.

A C function has no file in a profile, only a name such as `<method 'execute' of 'sqlite3.Connection' objects>`; it is
sorted by the first word of the table that occurs in it.
"""

import pstats
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path, PurePath

from rich.table import Table

C_FUNCTIONS = (
    ("uvloop", "uvloop and the kernel, waiting included"),
    ("sqlite3", "sqlite3"),
    ("msgspec", "msgspec"),
    ("orjson", "orjson"),
    ("hmac", "hmac and hashes"),
    ("_hashlib", "hmac and hashes"),
    ("_sha", "hmac and hashes"),
    ("cryptography", "cryptography"),
    ("aiohttp", "aiohttp"),
    ("multidict", "aiohttp"),
    ("yarl", "aiohttp"),
    ("_asyncio", "asyncio"),
    ("_contextvars", "asyncio"),
    ("thread", "threading"),
    ("", "other built-in functions"),
)
OWN = "gateway"
_ROOT = re.compile(r"site-packages|python3\.\d+")
FUNCTIONS = 25
PACKAGES = 40

Function = tuple[str, int, str]


def own_times(file: Path) -> dict[Function, float]:
    """Seconds that every function of a cProfile file spent in its own code."""
    stats = pstats.Stats(str(file)).stats  # type: ignore[attr-defined]
    return {function: own for function, (_, _, own, _, _) in stats.items()}


def by_package(times: dict[Function, float]) -> list[tuple[str, float]]:
    """Own time per package (per module in the gateway itself), the greatest first."""
    groups: dict[str, float] = defaultdict(float)
    for function, own in times.items():
        groups[package(function)] += own
    return sorted(groups.items(), key=lambda group: -group[1])


def package(function: Function) -> str:
    """The package that a function belongs to; of the gateway the module, of the standard library the top module."""
    file, _, name = function
    if file == "~":
        return next(group for word, group in C_FUNCTIONS if word in name)
    parts = PurePath(file).with_suffix("").parts
    root = next((at for at in range(len(parts) - 1, -1, -1) if _ROOT.fullmatch(parts[at])), -1)
    inside = parts[root + 1 :]
    return ".".join(inside[inside.index(OWN) :]) if OWN in inside else inside[0]


def label(function: Function) -> str:
    """A function as a person reads it."""
    file, line, name = function
    return name if file == "~" else f"{'/'.join(PurePath(file).parts[-2:])}:{line} {name}"


def tables(file: Path, requests: int) -> Iterator[Table]:
    """By package and by function, the time per request."""
    times = own_times(file)
    functions = sorted(times.items(), key=lambda found: -found[1])[:FUNCTIONS]
    total = sum(times.values())
    yield _table("package", by_package(times)[:PACKAGES], total, requests)
    yield _table("function", [(label(name), own) for name, own in functions], total, requests)


def _table(what: str, rows: list[tuple[str, float]], total: float, requests: int) -> Table:
    table = Table(what, title=f"own time by {what}, start and the profiler's own cost included", title_justify="left")
    table.add_column("µs per request", justify="right")
    table.add_column("share", justify="right")
    for name, own in rows:
        table.add_row(name, f"{own / requests * 1e6:.1f}", f"{own / total:.1%}")
    return table
