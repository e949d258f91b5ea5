"""`gateway sample`: the payloads that come with the gateway."""

from typing import Annotated

import typer

from gateway.cli import manners, options, output

NAME = "sample"

app = typer.Typer(
    help="Payloads to try things with, as Bitbucket would send them.",
    no_args_is_help=True,
    rich_markup_mode=None,
    epilog=manners.examples("gateway sample list", "gateway sample show cloud-repo-push"),
)


@app.command("list", epilog=manners.examples("gateway sample list --json"))
def list_all(*, as_json: options.Json = False) -> None:
    """List the samples."""
    from gateway.samples import SAMPLES  # noqa: PLC0415

    rows = [(found.name, found.dialect, found.event_key, found.key) for found in SAMPLES.values()]
    output.listing(("name", "dialect", "event key", "repository"), rows, json=as_json)


@app.command("show", epilog=manners.examples("gateway sample show post-receive-push"))
def show(name: Annotated[str, typer.Argument(metavar="NAME", help="One of 'gateway sample list'.")]) -> None:
    """Print the bytes of a sample, as they are sent."""
    from gateway.samples import sample  # noqa: PLC0415

    output.raw(sample(name).body())
