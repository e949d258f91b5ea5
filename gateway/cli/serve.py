"""`gateway serve`: the service, until it is told to stop."""

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from gateway.cli import options, output

if TYPE_CHECKING:
    from gateway.edges.settings import Settings
    from gateway.service import Service

T = TypeVar("T")

NAME = "serve"
EXAMPLES = ("gateway serve", "gateway serve --config /etc/gateway/gateway.toml")

_PRIVATE = 0o077


def run(
    context: typer.Context,
    *,
    publish_kept: Annotated[
        bool, typer.Option("--publish-kept", help="Publish to Kafka what was kept while there was none, too.")
    ] = False,
) -> None:
    """Receive webhooks until SIGTERM or Ctrl-C.

    A first signal begins a graceful stop, a second one shortens its grace.
    """

    def reread() -> "Settings":
        return options.settings(context)

    settings = reread()
    from gateway import service  # noqa: PLC0415 - slow to import, and a mistake is told at once
    from gateway.edges import logs  # noqa: PLC0415

    logs.configure(settings.log_level, settings.log_format)
    os.umask(_PRIVATE)
    serving = service.serve(settings, announce, reread=reread, publish_kept=publish_kept)
    raise typer.Exit(runner()(serving))


def runner() -> Callable[[Coroutine[Any, Any, T]], T]:
    """What runs a coroutine: uvloop where there is one."""
    try:
        import uvloop  # noqa: PLC0415
    except ModuleNotFoundError:
        return asyncio.run
    return uvloop.run


def announce(running: "Service") -> None:
    """Tell where it listens: the log always, and a person what to do next."""
    import structlog  # noqa: PLC0415

    settings = running.settings
    structlog.get_logger().info(
        "listening",
        address=running.listening,
        public_url=settings.public_url,
        data_dir=str(settings.data_dir.absolute()),
        master_key=running.parts.keyring.masters[0].fingerprint,
        pid=os.getpid(),
    )
    if sys.stderr.isatty():
        output.note(f"Listening on {running.listening}; what is accepted lies in {settings.data_dir.absolute()}.")
        output.note("What to enter into Bitbucket: gateway secret HOSTNAME[/PROJECT[/REPO]]")
        output.note("What happens: gateway tail. A trial: gateway send --sample cloud-repo-push --to bitbucket.org/a/b")
