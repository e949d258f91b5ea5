"""`gateway tail`: the events as they happen, from a cursor."""

import asyncio
import contextlib
from typing import Annotated, Any

import orjson
import typer

from gateway.cli import options, output, reach
from gateway.delivery import Scope
from gateway.errors import Code, GatewayError
from gateway.event import TYPE_PREFIX

NAME = "tail"
EXAMPLES = (
    "gateway tail --type 'ref.*' --repository bitbucket.example.com/pay",
    "gateway tail --json --after 0 --no-follow",
)

_SHORT_HASH = 10
_REMEDIES = {
    Code.CURSOR_GONE: "begin there with --after, or with --after 0",
    Code.UNAUTHENTICATED: "show one with --token or GATEWAY_TOKEN",
    Code.FORBIDDEN: "show another one with --token or GATEWAY_TOKEN",
}


def run(
    context: typer.Context,
    *,
    kind: Annotated[
        str | None, typer.Option("--type", metavar="GLOB", help="Only events of types such as 'ref.*'.")
    ] = None,
    repository: Annotated[
        Scope | None,
        typer.Option(parser=options.scope, metavar="KEY", help="Only events of HOSTNAME[/PROJECT[/REPO]]."),
    ] = None,
    after: Annotated[
        str | None,
        typer.Option(metavar="CURSOR", help="Begin behind this event.  [default: the oldest that is kept]"),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="End after so many events.")] = None,
    wait: Annotated[bool, typer.Option("--follow/--no-follow", help="Wait for what happens next.")] = True,
    as_json: options.Json = False,
    url: Annotated[
        str | None,
        typer.Option(
            metavar="URL", envvar="GATEWAY_URL", help="Ask the gateway at this URL, not the one running here."
        ),
    ] = None,
    token: Annotated[
        str | None, typer.Option(metavar="TOKEN", envvar="GATEWAY_TOKEN", help="The API token to show at the URL.")
    ] = None,
) -> None:
    """Follow what happens, one event per line.

    Goes on by itself where it stopped when the gateway is restarted. With --json each line is a CloudEvent with its
    cursor.
    """
    place = reach.Place(url, token) if url else reach.here(options.settings(context).data_dir)
    asked = {"type": kind, "repository": None if repository is None else str(repository)}
    query = {name: value for name, value in asked.items() if value is not None}
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_tail(place, query, after=after, limit=limit, wait=wait, as_json=as_json))


async def _tail(
    place: reach.Place, query: dict[str, str], *, after: str | None, limit: int | None, wait: bool, as_json: bool
) -> None:
    events = reach.follow(place, query, after=after, forever=wait, on_lost=output.note)
    count = 0
    try:
        async with contextlib.aclosing(events):
            async for line in events:
                output.raw(line + b"\n") if as_json else output.result(readable(orjson.loads(line)))
                count += 1
                if count == limit:
                    return
    except GatewayError as error:
        if error.code not in _REMEDIES:
            raise
        raise GatewayError(error.code, f"{error.detail}; {_REMEDIES[error.code]}") from None


def readable(event: dict[str, Any]) -> str:
    """When, what, where, and what is known of it, on a line."""
    parts = (
        event["time"],
        event["type"].removeprefix(TYPE_PREFIX),
        event["partitionkey"],
        event.get("subject"),
        _detail(event["data"]),
        "(gap)" if event.get("gap") else None,
    )
    return "  ".join(part for part in parts if part)


def _detail(data: dict[str, Any]) -> str | None:
    """The hashes of a ref, the title of a pull request, the reason why something was not understood."""
    if "ref" in data:
        return "..".join("none" if side is None else side[:_SHORT_HASH] for side in (data["before"], data["after"]))
    title = (data.get("pull_request") or {}).get("title")
    return title or data.get("reason")
