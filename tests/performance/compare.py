"""How much CPU one delivery costs the gateway and other programs, in units of an aiohttp handler that does nothing.

    python tests/performance/compare.py                          # 32 connections, 7 rounds of 2 s bursts
    python tests/performance/compare.py -c 1 -c 32 -c 256        # other numbers of connections, too
    python tests/performance/compare.py --only 'bare aiohttp' --only gateway
    python tests/performance/compare.py --kafka localhost:9092   # a Kafka that is there, not one for the run
    python tests/performance/compare.py --no-broker              # without Kafka and whoever needs it
    python tests/performance/compare.py --controls FOLDER        # other programs, by default ../shared/tools/controls
    python tests/performance/compare.py --profile                # where the time of the gateway goes

All servers run at once on the same core; the load generator and the broker run on the others. In every round each
server gets a burst, one after the other, and what counts is the ratio within a round: a machine that others use as
well is now faster, now slower, and the median of the ratios does not care. The posts are signed before the first burst.
For the gateway each is a new event, and a run in which any answer is not 202 (`accepted`) is void: it reports no
figure. A burst of the gateway with Kafka ends only when `/readyz` says that nothing waits for Kafka any more. The
controls believe a fixed secret and keep nothing, so posts signed with that go round, and the answer of each is its own.
What a control needs is installed into the user's cache, the first time for minutes; a control or a Kafka that cannot be
had is listed with the reason.

The table tells per server: CPU time per request in microseconds, user and system, of all threads, with what it still
does after the burst (with Kafka: until everything is acknowledged), and the part of the main thread in it (the event
loop's); the ratio to the first server, median, least and greatest of the rounds; answers per second; median and 99th
percentile of the time to an answer; resident memory, now and at most; how long after the last answer Kafka had
everything; and what an answer of it means. Beside it stands what one `fdatasync` costs in the folder of the journal,
which must be a disk. The raw figures of every burst are kept as JSON.

`--profile` runs the gateway alone under cProfile, which sees the event loop's thread only and slows down what it
watches: read the shares, not the sums.
"""

import contextlib
import functools
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated

import hotspots
import msgspec
import typer
from controls import CONTROLS, default_cache, had
from figures import tables
from kafkas import NoKafkaError
from kafkas import kafka as running_kafka
from measure import Plan, VoidError, file_system, measure, new_posts, one_burst
from msgspec.structs import replace
from rich.console import Console
from rich.table import Table
from servers import CONTESTANTS, GATEWAY, Contestant, NotReadyError, running

PROFILED_SECONDS = 10.0
PREFIX = "gateway-performance-"
CONTROLS_FOLDER = Path(__file__).resolve().parents[3] / "shared" / "tools" / "controls"


def profile(concurrency: int, cores: set[int], folder: Path) -> Iterator[Table]:
    """Where the event loop's thread of the gateway spends its time. Raises `VoidError`, `NotReadyError`."""
    file = folder / "gateway.prof"
    python, *command = GATEWAY.command
    watched = replace(GATEWAY, command=(python, "-m", "cProfile", "-o", str(file), *command))
    posts = iter(new_posts(PROFILED_SECONDS))
    with running(watched, folder, cores) as server:
        burst = one_burst(server, posts, concurrency, 1, PROFILED_SECONDS)
    return hotspots.tables(file, burst.requests)


def compare(plan: Plan, field: Sequence[Contestant], folder: Path, json: Path | None, console: Console) -> None:
    """Measure, print the tables, keep the figures. Raises `VoidError`, `NotReadyError`."""
    report = measure(plan, field, folder)
    console.print(*tables(report), sep="\n")
    for name, reason in report.missing.items():
        console.print(f"not there: {name}: {reason}", markup=False, highlight=False, soft_wrap=True)
    console.print(f"one fdatasync of 4 KiB on {report.file_system}: {report.fdatasync_us:.0f} µs")
    kept = json or Path(tempfile.mkdtemp(prefix=PREFIX)) / "figures.json"
    kept.write_bytes(msgspec.json.format(msgspec.json.encode(report)))
    console.print(f"raw figures: {kept}", soft_wrap=True)


def separate_cores(wanted: list[int]) -> set[int]:
    """The cores of the servers; this process, the generator, moves to all others. Raises `VoidError`."""
    allowed = os.sched_getaffinity(0)
    cores = set(wanted) or {min(allowed)}
    if not cores < allowed:
        raise VoidError(f"the servers need some of the cores {sorted(allowed)}, and the generator another one")
    os.sched_setaffinity(0, allowed - cores)
    return cores


def field(only: Sequence[str], controls: Path, say: Callable[[str], object]) -> list[Contestant]:
    """Everybody who takes part, the missing included."""
    names = [contestant.name for contestant in (*CONTESTANTS, *(control.contestant for control in CONTROLS))]
    if not set(only) <= set(names):
        raise typer.BadParameter(f"the servers are {', '.join(names)}", param_hint="--only")

    def wanted(name: str) -> bool:
        return not only or name in only

    own = [contestant for contestant in CONTESTANTS if wanted(contestant.name)]
    return [*own, *had(controls, default_cache(), wanted, say)]


@contextlib.contextmanager
def with_kafka(
    everybody: list[Contestant], address: str | None, folder: Path, say: Callable[[str], object], *, broker: bool
) -> Iterator[tuple[list[Contestant], str | None]]:
    """The same with the address of a Kafka; without one, those that need it are missing."""
    with contextlib.ExitStack() as stack:
        reason = "there is to be no Kafka"
        if any(one.needs_kafka for one in everybody) and (broker or address):
            try:
                found = stack.enter_context(running_kafka(address, folder, say))
            except NoKafkaError as error:
                reason = f"there is no Kafka: {error}"
            else:
                yield everybody, found
                return
        yield [replace(one, missing=reason) if one.needs_kafka else one for one in everybody], None


def main(
    *,
    concurrency: Annotated[list[int] | None, typer.Option("-c", "--concurrency", help="Connections.", min=1)] = None,
    rounds: Annotated[int, typer.Option(help="Bursts per server.", min=1)] = 7,
    seconds: Annotated[float, typer.Option(help="Length of a burst.", min=0.1)] = 2.0,
    core: Annotated[list[int] | None, typer.Option(help="A core of the servers; the first if not given.")] = None,
    kafka: Annotated[str | None, typer.Option(help="A Kafka that is there, as HOST:PORT.")] = None,
    broker: Annotated[bool, typer.Option(help="Start a broker where no Kafka is named.")] = True,
    controls: Annotated[Path, typer.Option(help="Where the other programs lie.")] = CONTROLS_FOLDER,
    only: Annotated[list[str] | None, typer.Option(help="A server that takes part; all if not given.")] = None,
    folder: Annotated[Path, typer.Option(help="Where the data folders go: a disk.")] = Path("/var/tmp"),  # noqa: S108 - a new folder is made in it
    json: Annotated[Path | None, typer.Option(help="Where the raw figures go.")] = None,
    profiled: Annotated[bool, typer.Option("--profile", help="Profile the gateway instead.")] = False,
) -> None:
    """Compare the gateway and others with an aiohttp handler that does nothing, in interleaved bursts on one core."""
    console = Console(width=None if sys.stdout.isatty() else 160)
    say = functools.partial(console.print, markup=False, highlight=False, soft_wrap=True)
    concurrencies = concurrency or [32]
    try:
        cores = separate_cores(core or [])
        with tempfile.TemporaryDirectory(prefix=PREFIX, dir=folder) as name:
            file_system(Path(name))
            if profiled:
                console.print(*profile(concurrencies[0], cores, Path(name)), sep="\n")
            else:
                everybody = field(only or [], controls, say)
                with with_kafka(everybody, kafka, Path(name), say, broker=broker) as (there, address):
                    plan = Plan(concurrencies, rounds, seconds, cores, address)
                    compare(plan, there, Path(name), json, console)
    except (VoidError, NotReadyError) as error:
        console.print(f"void: {error}", style="bold red", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(main)
    app()
