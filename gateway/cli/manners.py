"""The manners of every command: exit codes, and what an error looks like.

0 is done, 1 refused or failed, 2 wrong use. What went wrong is told in one line on stderr for each mistake; a stack
trace is shown to those alone who ask for it with `--debug`. Ctrl-C ends quietly.
"""

import os
import sys
import traceback
from collections.abc import Sequence
from io import TextIOWrapper
from itertools import islice
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from gateway.cli import output
from gateway.cli.options import Given
from gateway.errors import GatewayError, StartError

FAILED = 1

_VALUED = "--config"
_FLAG = "--debug"


class Group(TyperGroup):
    """The root of all commands: turns what they raise into lines and an exit code."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - click's own type is not public
        """Options of all commands may stand behind the command, too."""
        return super().parse_args(ctx, in_front(args))

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - click's own types are not public
        """Run the command that was named. Raises `typer.Exit` where it failed as foreseen."""
        try:
            return super().invoke(ctx)
        except (GatewayError, StartError, KeyboardInterrupt, OSError) as error:
            if isinstance(error, BrokenPipeError):
                raise
            if _is_debugged(ctx.obj) and not isinstance(error, KeyboardInterrupt):
                traceback.print_exc()
            output.errors(*told(error))
            raise typer.Exit(FAILED) from None


def _is_debugged(given: Given | None) -> bool:
    return given is not None and given.debug


def in_front(args: Sequence[str]) -> list[str]:
    """The arguments with `--config FILE` and `--debug` moved to the front, up to a `--`."""
    front, rest, left = [], [], iter(args)
    for argument in left:
        if argument == "--":
            rest += [argument, *left]
        elif argument == _VALUED:
            front += [argument, *islice(left, 1)]
        elif argument == _FLAG or argument.startswith(f"{_VALUED}="):
            front.append(argument)
        else:
            rest.append(argument)
    return front + rest


def told(error: BaseException) -> Sequence[str]:
    """The lines that tell of something foreseen; of an interrupt none."""
    match error:
        case StartError():
            return error.lines
        case GatewayError():
            return (error.detail,)
        case OSError():
            place = "" if error.filename is None else f"{error.filename}: "
            return (f"{place}{error.strerror or type(error).__name__}",)
        case _:
            return ()


def group(epilog: str) -> typer.Typer:
    """The root of the commands, with its manners."""
    return typer.Typer(
        name="gateway",
        cls=Group,
        add_completion=False,
        no_args_is_help=True,
        rich_markup_mode=None,  # brackets are brackets, and a usage error is one line
        pretty_exceptions_enable=False,  # they would show the values of variables, secrets among them
        context_settings={"help_option_names": ["-h", "--help"]},
        epilog=epilog,
    )


def examples(*lines: str) -> str:
    """The end of a help text; a backspace in front of a paragraph tells click to keep its lines."""
    return "\b\n" + "\n".join(["Examples:" if len(lines) > 1 else "Example:", *(f"  {line}" for line in lines)])


def run(app: typer.Typer) -> NoReturn:
    """Run the command that was typed, and exit."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name that the locale cannot write is no failure
    try:
        code = _code(app)
        sys.stdout.flush()
    except BrokenPipeError:
        code = _abandon(FAILED)
    except OSError as error:
        output.errors(*told(error))
        code = _abandon(FAILED)
    sys.exit(code)


def _code(app: typer.Typer) -> str | int | None:
    """The exit code of the command; what nobody foresaw is told without its insides."""
    try:
        app(prog_name="gateway")
    except SystemExit as end:
        return end.code
    except Exception as error:
        if _FLAG in sys.argv:
            raise
        output.errors(f"the command failed in a way it does not foresee ({type(error).__name__}); {_FLAG} shows where")
    return FAILED


def _abandon(code: int) -> int:
    """Let nothing more be written to stdout: nobody reads it, or it takes nothing."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code
