"""`gateway secret`: what an administrator enters into Bitbucket for one hook.

The values are derived from the master key and the scope alone, so they need no running service and are the same on
every machine that has the key.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from gateway.cli import options, output
from gateway.delivery import Host, Scope
from gateway.errors import StartError
from gateway.origin import parse_address
from gateway.secrets import Purpose

if TYPE_CHECKING:
    from gateway.edges.settings import Settings

NAME = "secret"
EXAMPLES = ("gateway secret bitbucket.example.com/pay/ledger", "gateway secret bitbucket.org/fjordline --json")

PURPOSES: tuple[Purpose, ...] = ("signature", "token")


def run(
    context: typer.Context,
    *,
    scope: Annotated[
        Scope,
        typer.Argument(parser=options.scope, metavar="HOSTNAME[/PROJECT[/REPO]]", help="What the hook may speak for."),
    ],
    as_json: options.Json = False,
) -> None:
    """Print what to enter into Bitbucket for a hook.

    That is its url, secret, token, and the events to tick. The secret signs. The token is for what cannot sign: the
    Post-Receive WebHooks plugin gets it in the URL, behind '?token='. The same master key and scope give the same
    values on every machine.
    """
    settings = options.settings(context)
    hosts = settings.host_table()
    scope = _own_name(scope, hosts.resolve(scope))
    host = hosts.get(scope.hostname)
    secret, token = proofs(settings, scope, host)
    if not host.derived_secrets:
        output.note(
            f"derived secrets are switched off for {scope.hostname}: only explicit ones count, this is the first"
        )
    for doubt in doubts(settings.public_url, host):
        output.warning(f"PUBLIC_URL is {settings.public_url}: {doubt}")
    named = {"url": url(settings, scope), "secret": secret, "token": token, "events": to_tick(host)}
    output.as_json(named) if as_json else output.results(named)
    if not host.is_cloud:
        output.hint("the Post-Receive WebHooks plugin has no events to tick; its URL is the url, ?token= and the token")


def _own_name(asked: Scope, own: Scope) -> Scope:
    if own != asked:
        output.note(f"{asked.hostname} is another name of {own.hostname}: the hook counts as one of {own}")
    return own


def url(settings: "Settings", scope: Scope) -> str:
    """The URL of the hook of that scope."""
    return settings.public_url + scope.path()


def proofs(settings: "Settings", scope: Scope, host: Host) -> tuple[str, str]:
    """The secret and the token to give to the hook of a scope. Raises `StartError` where there are none."""
    from gateway.service import keyring  # noqa: PLC0415

    ring = keyring(settings)
    secret, token = (next(ring.candidates(purpose, scope, derived=host.derived_secrets), None) for purpose in PURPOSES)
    if secret is None or token is None:
        wrong = f"derived secrets are switched off for {scope.hostname}, and webhook_secrets has none for {scope}"
        raise StartError(f"{wrong}: set one there, or remove derived_secrets = false")
    return secret.secret.decode(), token.secret.decode()


def to_tick(host: Host) -> list[str]:
    """The events that are understood, by the names under which Bitbucket lets one tick them."""
    from gateway.dialects import DIALECTS  # noqa: PLC0415

    return list(DIALECTS["cloud" if host.is_cloud else "data-center"].events)


def doubts(public_url: str, host: Host) -> Iterator[str]:
    """Why Bitbucket can probably not reach that URL, or should not."""
    parts = urlsplit(public_url)
    name = parts.hostname or ""
    address = parse_address(name)
    if name == "localhost" or name.endswith(".localhost") or (address and address.is_loopback):
        yield "that leads every machine to itself; Bitbucket needs a name of this one"
    elif address and address.is_unspecified:
        yield "that is every address to listen on, and none to be reached at"
    elif host.is_cloud and (address.is_private if address else "." not in name):
        yield "Bitbucket Cloud reaches only what the whole internet reaches"
    if parts.port == 0:
        yield "port 0 is any free port, another one after each start"
    if host.is_cloud and parts.scheme == "http":
        yield "what Bitbucket Cloud sends would cross the internet unencrypted; use https"
