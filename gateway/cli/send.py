"""`gateway send`: a payload, posted as Bitbucket would post it."""

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args
from urllib.parse import urlsplit
from uuid import uuid4

import orjson
import typer
from msgspec import Struct

from gateway.cli import manners, options, output, reach, secret
from gateway.delivery import HOOKS_PATH, DialectName, Hosts, Scope
from gateway.errors import GatewayError

if TYPE_CHECKING:
    from gateway.edges.sender import Outgoing
    from gateway.edges.settings import Settings

NAME = "send"
EXAMPLES = (
    "gateway send --sample cloud-repo-push --to bitbucket.org/fjordline/booking-api",
    "gateway send push.json --event repo:refs_changed --to bitbucket.example.com/pay/ledger",
)

DIALECT_NAMES: Mapping[str, DialectName] = {name: name for name in get_args(DialectName)}

_STDIN = "-"
_SHOWN = 200
_TOLD = ("outcome", "delivery", "events", "proof", "code", "detail")
"""What is printed of an answer, in this order."""


class What(Struct, frozen=True):
    """What is to be posted; `dialect` and `event_key` as far as they are told."""

    body: bytes
    dialect: DialectName | None
    event_key: str


class Where(Struct, frozen=True):
    """Where to, with what proof. `scope` is what the URL speaks for, as far as that can be seen in it.

    `hosts` are those of the gateway there, or `None` where it has settings of its own.
    """

    url: str
    scope: Scope | None
    hosts: Hosts | None
    secret: str | None
    token: str | None


def _dialect(text: str) -> DialectName:
    if text not in DIALECT_NAMES:
        raise typer.BadParameter(f"{text!r} is no dialect; allowed: {', '.join(DIALECT_NAMES)}")
    return DIALECT_NAMES[text]


def run(
    context: typer.Context,
    *,
    file: Annotated[str | None, typer.Argument(metavar="FILE", help="The body to send; - reads it from stdin.")] = None,
    sample: Annotated[str | None, typer.Option(metavar="NAME", help="One of 'gateway sample list' instead.")] = None,
    to: Annotated[
        str,
        typer.Option(
            metavar="URL|HOSTNAME/PROJECT/REPO", help="A hook's URL, or its scope at the gateway set up here."
        ),
    ],
    event: Annotated[str | None, typer.Option(metavar="KEY", help="The event key, such as repo:push.")] = None,
    dialect: Annotated[
        DialectName | None,
        typer.Option(parser=_dialect, metavar="DIALECT", help=f"How to send: {', '.join(DIALECT_NAMES)}."),
    ] = None,
    with_secret: Annotated[
        str | None, typer.Option("--secret", metavar="SECRET", help="Sign with this secret.")
    ] = None,
    token: Annotated[str | None, typer.Option(metavar="TOKEN", help="Show this token, for what cannot sign.")] = None,
    as_json: options.Json = False,
) -> None:
    """Post a payload as Bitbucket would, and print the answer.

    To a scope, without --secret or --token, it is proven with what 'gateway secret' says of that scope.
    """
    if with_secret is not None and token is not None:
        raise typer.BadParameter("--secret signs and --token shows a token: one of them is enough")
    where = _where(context, to, with_secret, token)
    outgoing = _outgoing(_what(file, sample, event, dialect), where)
    raise typer.Exit(asyncio.run(_post(outgoing, as_json=as_json)))


def _what(file: str | None, sample: str | None, event: str | None, dialect: DialectName | None) -> What:
    if sample is not None and file is None:
        from gateway.samples import sample as named  # noqa: PLC0415

        found = named(sample)
        return What(found.body(), dialect or found.dialect, found.event_key if event is None else event)
    if file is not None and sample is None:
        body = sys.stdin.buffer.read() if file == _STDIN else Path(file).read_bytes()
        return What(body, dialect, _event_key(body) if event is None else event)
    raise typer.BadParameter("a FILE or --sample NAME is needed, and not both")


def _event_key(body: bytes) -> str:
    """The event key as Data Center repeats it in the body; empty where there is none."""
    try:
        payload = orjson.loads(body)
    except ValueError:
        return ""
    found = payload.get("eventKey") if isinstance(payload, dict) else None
    return found if isinstance(found, str) else ""


def _where(context: typer.Context, to: str, with_secret: str | None, token: str | None) -> Where:
    if "://" in to:
        if with_secret is None and token is None:
            output.note("neither --secret nor --token is given: this is sent without a proof")
        return Where(to, _scope_of(to), None, with_secret, token)
    scope = options.scope(to)
    settings = options.settings(context)
    hosts = settings.host_table()
    scope = hosts.resolve(scope)
    if with_secret is None and token is None:
        with_secret, token = secret.proofs(settings, scope, hosts.get(scope.hostname))
    return Where(_base(settings) + scope.path(), scope, hosts, with_secret, token)


def _scope_of(url: str) -> Scope | None:
    try:
        return Scope.from_path(urlsplit(url).path.partition(HOOKS_PATH)[2])
    except (GatewayError, ValueError):
        return None


def _base(settings: "Settings") -> str:
    """Where the gateway listens if it runs on this machine, else where it is said to be reached."""
    listen = settings.listen
    if listen.kind == "unix" or not listen.port or not reach.is_running(settings.data_dir):
        return settings.public_url
    return listen.url.replace("://0.0.0.0:", "://127.0.0.1:").replace("://[::]:", "://[::1]:")


def _outgoing(what: What, where: Where) -> "Outgoing":
    from gateway.dialects import EVENT_KEY_HEADER, which  # noqa: PLC0415
    from gateway.edges.sender import request_of  # noqa: PLC0415

    host = (where.hosts or Hosts()).get("" if where.scope is None else where.scope.hostname)
    dialect = what.dialect or which(host, {EVENT_KEY_HEADER: what.event_key} if what.event_key else {})
    if what.dialect is None and dialect == "legacy-post":
        raise typer.BadParameter("Bitbucket Cloud names every event: --event KEY is needed, such as repo:push")
    try:
        outgoing = request_of(
            dialect,
            what.event_key,
            what.body,
            url=where.url,
            secret=where.secret,
            token=where.token,
            request_id=str(uuid4()),
        )
    except GatewayError as error:
        raise typer.BadParameter(error.detail) from None
    read_as = which(host, {name.lower(): value for name, value in outgoing.headers.items()})
    if where.hosts is not None and read_as != dialect:
        output.warning(f"this is sent as {dialect}, but for {where.scope} it is read as {read_as}")
    return outgoing


async def _post(outgoing: "Outgoing", *, as_json: bool) -> int:
    """Post it and print the answer; the exit code."""
    from gateway.edges.sender import post  # noqa: PLC0415

    answer = await post(outgoing)
    named = {"status": answer.status, **_told(answer.body)}
    output.as_json(named) if as_json else output.results(named)
    return 0 if answer.status // 100 == 2 else manners.FAILED  # noqa: PLR2004 - every 2xx is Bitbucket's success


def _told(body: bytes) -> dict[str, object]:
    """What an answer of a gateway says; of any other its beginning."""
    try:
        answer = orjson.loads(body)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        return {"answer": body[:_SHOWN].decode("utf-8", "replace")} if body else {}
    return {name: answer[name] for name in _TOLD if name in answer}
