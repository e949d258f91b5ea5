"""What every command may be given, and the settings it leads to."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from msgspec import Struct

from gateway.delivery import Scope
from gateway.errors import GatewayError

if TYPE_CHECKING:
    from gateway.edges.settings import Settings


class Given(Struct, frozen=True):
    """The options in front of all commands."""

    config: Path | None = None
    debug: bool = False


Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def settings(context: typer.Context) -> "Settings":
    """The settings of the file and the environment. Raises `StartError` with a line for each mistake."""
    from gateway.edges.settings import load  # noqa: PLC0415 - slow to import, and many commands do without

    return load(config=context.obj.config, environ=os.environ)  # noqa: TID251 - handed on to the one that reads it


def scope(text: str) -> Scope:
    """The scope an argument names. Raises `typer.BadParameter`."""
    try:
        return Scope.parse(text)
    except GatewayError as error:
        raise typer.BadParameter(error.detail) from None
