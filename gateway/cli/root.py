"""The table of commands, and what can be said before any of them."""

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli import check, demo, manners, sample, secret, send, serve, tail
from gateway.cli.options import Given

DISTRIBUTION = "bitbucket-webhook-gateway"

app = manners.group(manners.examples("gateway demo", "gateway serve --config gateway.toml"))
for verb in (demo, serve, check, secret, send, tail):
    app.command(verb.NAME, epilog=manners.examples(*verb.EXAMPLES))(verb.run)
app.add_typer(sample.app, name=sample.NAME)


def _version(asked: bool) -> None:  # noqa: FBT001 - a callback of Typer gets the value of its option
    if asked:
        from importlib.metadata import version  # noqa: PLC0415 - only who asks pays for the reading

        typer.echo(f"gateway {version(DISTRIBUTION)}")
        raise typer.Exit


@app.callback()
def given(
    context: typer.Context,
    *,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Read the settings of this TOML file.  [default: gateway.toml if it is there]"
        ),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show a stack trace where something fails.")] = False,
    version: Annotated[  # noqa: ARG001 - it is answered before anything else is looked at
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Between Bitbucket and everything that wants to know what happens in repositories.

    Receives webhooks of Bitbucket Server, Data Center and Cloud, keeps what it accepted, and tells it as CloudEvents.
    `--config` and `--debug` may stand before or behind a command.
    """
    context.obj = Given(config, debug)


def main() -> None:
    """Run the command that was typed, and exit."""
    manners.run(app)
