"""`gateway check`: the settings, where each came from, and whether the gateway could start with them."""

import asyncio
import contextlib
import errno
import os
import socket
from collections.abc import Mapping
from functools import reduce
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

import orjson
import typer
from msgspec import Struct

from gateway.cli import manners, options, output, reach
from gateway.errors import GatewayError, StartError

if TYPE_CHECKING:
    from gateway.edges.settings import Listen, Settings

NAME = "check"
EXAMPLES = ("gateway check", "gateway check --config gateway.toml --json")

Units = tuple[tuple[str, int], ...]

_SIZES: Units = (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10))
_TIMES: Units = (("d", 86_400), ("h", 3_600), ("m", 60))


class Found(Struct, frozen=True):
    """What became of a trial."""

    check: str
    ok: bool
    detail: str


def run(context: typer.Context, *, as_json: options.Json = False) -> None:
    """Tell whether the gateway could start as it is set up.

    Loads the settings, tells where each came from, and tries what it needs, without starting it. Exits with 1 where
    something is wrong, and tells each mistake on a line.
    """
    settings = options.settings(context)
    rows = [(name, shown(settings, name), origin) for name, origin in settings.origins.items()]
    trials = [_disk(settings), _listen(settings), _keys(settings), *_kafka(settings)]
    columns = ("setting", "value", "from")
    if as_json:
        named = [dict(zip(columns, row, strict=True)) for row in rows]
        output.as_json({"settings": named, "checks": [{f: getattr(t, f) for f in t.__struct_fields__} for t in trials]})
    else:
        output.table(columns, rows)
        output.result("")
        output.table(("check", "result", "detail"), [(t.check, "ok" if t.ok else "wrong", t.detail) for t in trials])
    wrong = [trial for trial in trials if not trial.ok]
    output.errors(*(f"{trial.check}: {trial.detail}" for trial in wrong))
    raise typer.Exit(manners.FAILED if wrong else 0)


def shown(settings: "Settings", name: str) -> str:
    """The value of a setting with its unit; of a secret no more than whether it is set."""
    from gateway.edges.settings import units  # noqa: PLC0415
    from gateway.edges.settings.model import FIELDS, is_secret  # noqa: PLC0415

    value: object = reduce(getattr, name.split("."), settings)
    read_by = [getattr(rule, "func", None) for rule in FIELDS[name].metadata]
    if is_secret(name):
        return "set" if value else "not set"
    if isinstance(value, float) and units.duration in read_by:
        return in_units(value, _TIMES, "s")
    if isinstance(value, int) and not {units.size, units.size_above_zero}.isdisjoint(read_by):
        return in_units(value, _SIZES, "B")
    return _plain(value)


def in_units(value: float, units: Units, smallest: str) -> str:
    """The number in the largest unit of which it is a whole multiple."""
    for unit, size in units:
        if value and value % size == 0:
            return f"{value / size:g} {unit}"
    return f"{value:.15g} {smallest}"


def _rounded(size: int) -> str:
    """Bytes in the largest unit that fits, with one digit behind the point."""
    return next((f"{size / unit:.1f} {name}" for name, unit in _SIZES if size >= unit), f"{size} B")


def _plain(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    if isinstance(value, Mapping):
        named = {name: table.model_dump(mode="json", exclude_defaults=True) for name, table in value.items()}
        return orjson.dumps(named).decode() if named else ""
    return str(value)


def _disk(settings: "Settings") -> Found:
    """Whether the data directory can be written, with room to spare, on a disk of this machine."""
    from gateway.edges import disk  # noqa: PLC0415

    directory = settings.data_dir.absolute()
    nearest = next(place for place in (directory, *directory.parents) if place.exists())
    try:
        TemporaryFile(dir=nearest).close()
        kind, free = disk.network_file_system(nearest), disk.free_bytes(nearest)
    except OSError as error:
        return Found("disk", ok=False, detail=f"{nearest} cannot be written: {error.strerror}")
    reserve = settings.limits.disk_free
    if kind:
        return Found("disk", ok=False, detail=f"{directory} lies on {kind}: a journal needs a local disk")
    room = f"{_rounded(free)} free in {nearest}, {_rounded(reserve)} of them reserved"
    if free < reserve:
        return Found(
            "disk", ok=False, detail=f"{room}: nothing would be accepted; free some, or lower limits.disk_free"
        )
    return Found("disk", ok=True, detail=room)


def _listen(settings: "Settings") -> Found:
    """Whether the address is free, or this very gateway has it."""
    if reach.is_running(settings.data_dir):
        return Found("listen", ok=True, detail=f"a gateway is running with {settings.data_dir}")
    try:
        _try_address(settings.listen)
    except OSError as error:
        return Found("listen", ok=False, detail=f"cannot listen on {settings.listen}: {error.strerror}")
    return Found("listen", ok=True, detail=f"{settings.listen} is free")


def _try_address(listen: "Listen") -> None:
    """Take the address for a moment. Raises `OSError`."""
    if listen.kind == "unix":
        path = Path(listen.path)
        TemporaryFile(dir=path.parent).close()
        if reach.accepts(path):
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        return
    family, kind, protocol, _, address = socket.getaddrinfo(listen.host, listen.port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        trial.bind(address)


def _keys(settings: "Settings") -> Found:
    """Whether the master keys can be read, where there are any."""
    from gateway.edges import keys  # noqa: PLC0415

    configured = settings.master_keys
    file = settings.data_dir / keys.MASTER_KEYS
    if configured is None and not file.exists():
        return Found("keys", ok=True, detail=f"there are none yet: made at the first start, in {file}")
    try:
        masters = keys.master_keys(None if configured is None else configured.get_secret_value(), settings.data_dir)
    except StartError as error:
        return Found("keys", ok=False, detail="; ".join(error.lines))
    return Found("keys", ok=True, detail=f"fingerprints, newest first: {', '.join(key.fingerprint for key in masters)}")


def _kafka(settings: "Settings") -> list[Found]:
    """Whether Kafka answers, and how every topic stands."""
    from gateway.cli import broker  # noqa: PLC0415

    blocked = None
    if settings.kafka.bootstrap_servers and reach.is_running(settings.data_dir):
        with contextlib.suppress(GatewayError):
            ready = orjson.loads(asyncio.run(reach.asked(reach.here(settings.data_dir), "/readyz")))
            blocked = ready["kafka"].get("blocked")
    return [Found(*trial) for trial in broker.trials(settings, blocked)]
