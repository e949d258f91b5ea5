"""`gateway demo`: in one minute, what the gateway does.

The real service in this process, with a data directory that is gone afterwards; nothing is taken from the settings of
whoever runs it. Every sample is posted over HTTP with its proof, and what came out is read back where consumers read.
"""

import asyncio
import os
import signal
import socket
from collections import Counter
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

import orjson
import typer

from gateway.cli import manners, options, output, reach, serve
from gateway.delivery import HOOKS_PATH, Scope
from gateway.errors import Code, GatewayError, StartError
from gateway.event import TYPE_PREFIX

if TYPE_CHECKING:
    from gateway.edges.settings import Settings
    from gateway.samples import Sample
    from gateway.service import Service

NAME = "demo"
EXAMPLES = ("gateway demo", "gateway demo --once --json")

_HOST = "127.0.0.1"
_PORT = 8080
_SECONDS = 10.0
_PRIVATE = 0o077
_SHELF = "stash.example.com/web/storefront"

Row = tuple[str, str, str, str | None]
"""Dialect, event key, type, subject."""


def run(
    *,
    once: Annotated[
        bool, typer.Option("--once", help="End when the events have come out; 1 if one is missing.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Show what the gateway does, in a minute.

    Starts a gateway to look at, sends it webhooks of every dialect, and shows the events they become. It goes on
    serving until Ctrl-C and leaves nothing behind. With --json each event is printed as a CloudEvent on a line.
    """
    from gateway.edges import logs  # noqa: PLC0415

    logs.configure("warning", "auto")
    os.umask(_PRIVATE)
    with TemporaryDirectory(prefix="gateway-demo-") as data_dir:
        raise typer.Exit(serve.runner()(_until_stopped(_settings(Path(data_dir)), once=once, as_json=as_json)))


def _settings(data_dir: Path) -> "Settings":
    """Everything as by default, but for what makes it safe to try anywhere and quick to end."""
    from gateway.edges.settings import Listen, Settings  # noqa: PLC0415

    return Settings.model_validate(
        {
            "listen": Listen("tcp", _HOST, _free_port()),
            "data_dir": data_dir,
            "limits": {"disk_free": 0},
            "shutdown_grace": 0,
            "shutdown_timeout": 0,
        }
    )


def _free_port() -> int:
    """The usual port, or any free one where it is taken. Raises `StartError`."""
    for port in (_PORT, 0):
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind((_HOST, port))
            except OSError:
                continue
            return int(trial.getsockname()[1])
    raise StartError(f"there is no free port on {_HOST}")


async def _until_stopped(settings: "Settings", *, once: bool, as_json: bool) -> int:
    """Serve until a signal; the exit code."""
    task = asyncio.current_task()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel if task else lambda: None)
    try:
        return await _demo(settings, once=once, as_json=as_json)
    except asyncio.CancelledError:
        return 0


async def _demo(settings: "Settings", *, once: bool, as_json: bool) -> int:
    from gateway import service  # noqa: PLC0415

    async with service.running(settings) as running:
        came: list[dict[str, Any]] = []
        try:
            async with asyncio.timeout(_SECONDS):
                await _send(running)
                came = await _events(running)
        except TimeoutError:
            output.errors(f"it took longer than {_SECONDS:g} s")
        _show(came, as_json=as_json)
        missing = _expected() - Counter(map(_row, came))
        output.errors(*(f"missing: {' '.join(filter(None, row))}" for row in missing.elements()))
        if not once:
            for line in _invitation(running):
                output.note(line) if as_json else output.result(line)
            await asyncio.Event().wait()
        return manners.FAILED if missing else 0


async def _send(running: "Service") -> None:
    """Post every sample as its sender would. Raises `GatewayError` where one is not taken."""
    from gateway.edges.sender import post, request_of  # noqa: PLC0415
    from gateway.samples import SAMPLES  # noqa: PLC0415

    keyring = running.parts.keyring
    for sample in SAMPLES.values():
        scope = Scope.parse(sample.key)
        outgoing = request_of(
            sample.dialect,
            sample.event_key,
            sample.body(),
            url=_url(running) + scope.path(),
            secret=keyring.secret(scope),
            token=keyring.token(scope),
            request_id=str(uuid4()),
        )
        answer = await post(outgoing)
        if answer.status != 202:  # noqa: PLR2004 - Accepted
            raise GatewayError(Code.INTERNAL, f"the sample {sample.name} was refused with {answer.status}")
    output.note(f"{len(SAMPLES)} webhooks sent to {_url(running)}{HOOKS_PATH}…")


async def _events(running: "Service") -> list[dict[str, Any]]:
    place = reach.Place(_url(running), running.parts.admin_token)
    lines = reach.follow(place, {}, after=None, forever=False, on_lost=output.note)
    return [orjson.loads(line) async for line in lines]


def _url(running: "Service") -> str:
    return f"http://{running.listening}"


def _expected() -> "Counter[Row]":
    """What has to come out: the events that lie beside every sample."""
    from gateway.samples import SAMPLES  # noqa: PLC0415

    return Counter(
        (sample.dialect, sample.event_key, event["type"], event["subject"])
        for sample in SAMPLES.values()
        for event in _golden(sample)
    )


def _golden(sample: "Sample") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = orjson.loads(
        resources.files("gateway.samples").joinpath(f"{sample.name}.events.json").read_bytes()
    )
    return found


def _row(event: dict[str, Any]) -> Row:
    return event["dialect"], event.get("eventkey", ""), event["type"].removeprefix(TYPE_PREFIX), event.get("subject")


def _show(came: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        for event in came:
            output.raw(orjson.dumps(event) + b"\n")
    else:
        output.table(
            ("dialect", "event key", "type", "subject"), ([cell or "" for cell in _row(event)] for event in came)
        )


def _invitation(running: "Service") -> tuple[str, ...]:
    """What to try next, ready to be pasted into a shell."""
    scope = Scope.parse(_SHELF)
    hook = f"{_url(running)}{scope.path()}?token={running.parts.keyring.token(scope)}"
    change = {"refId": "refs/heads/hello", "fromHash": "0" * 40, "toHash": "1" * 40}
    body = orjson.dumps({"refChanges": [change]}).decode()
    bearer = f"-H 'Authorization: Bearer {running.parts.admin_token}' -H 'Accept: {reach.NDJSON}'"
    return (
        "Read the events, as a consumer does:",
        f"  curl {bearer} '{_url(running)}{reach.EVENTS}'",
        "Send a webhook, as the Post-Receive WebHooks plugin does:",
        f"  curl -H 'Content-Type: application/json' -d '{body}' '{hook}'",
        "Ctrl-C ends it and leaves nothing behind.",
    )
