"""How things are shown: results on stdout, everything else on stderr.

On a terminal a table has room for what the window is wide; anywhere else no cell is cut or wrapped. What comes from a
payload may hold escape sequences, so nothing is shown that cannot be printed.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

import orjson
import typer

_NOTHING = "-"
_UNLIMITED = 1_000_000
"""Columns of a table that no window cuts."""


def is_terminal() -> bool:
    """Whether somebody looks at the results."""
    return sys.stdout.isatty()


def result(text: str) -> None:
    """A line of the result, at once."""
    print(printable(text), flush=True)


def results(named: Mapping[str, object]) -> None:
    """A result of several parts: name, blanks, value, one per line; lists have blanks between their members."""
    width = max(map(len, named))
    for name, value in named.items():
        shown = " ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
        result(f"{name:<{width}}  {shown}".rstrip())


def as_json(value: Any) -> None:  # noqa: ANN401 - whatever JSON can say
    """The result as one JSON document: on one line, or indented on a terminal."""
    raw(orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE | (orjson.OPT_INDENT_2 if is_terminal() else 0)))


def raw(line: bytes) -> None:
    """Bytes of the result, as they are, at once."""
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()


def listing(columns: Sequence[str], rows: Iterable[Sequence[str]], *, json: bool) -> None:
    """A table of the result, or the same as JSON: a list of objects, with `_` for the blanks of a column's name."""
    if json:
        names = [column.replace(" ", "_") for column in columns]
        as_json([dict(zip(names, row, strict=True)) for row in rows])
    else:
        table(columns, rows)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table of the result."""
    from rich import box  # noqa: PLC0415 - only who shows a table needs it
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    framed = is_terminal()
    shown = Table(box=box.SIMPLE_HEAD if framed else None, pad_edge=False, padding=(0, 1 if framed else 2, 0, 0))
    for column in columns:
        shown.add_column(column, overflow="fold", no_wrap=not framed)
    for row in rows:
        shown.add_row(*(Text(printable(cell) or _NOTHING) for cell in row))
    console = Console(file=sys.stdout, width=None if framed else _UNLIMITED)
    with console.capture() as captured:
        console.print(shown)
    print("\n".join(line.rstrip() for line in captured.get().splitlines()), flush=True)


def note(text: str) -> None:
    """What happens meanwhile, or helps."""
    _say(text, sys.stderr)


def hint(text: str) -> None:
    """What helps a person, and would only disturb a program."""
    if sys.stderr.isatty():
        _say(text, sys.stderr)


def warning(text: str) -> None:
    """What does not stop the command, but probably will not do."""
    _say(f"warning: {text}", sys.stderr, typer.colors.YELLOW)


def errors(*lines: str) -> None:
    """What went wrong, one line for each."""
    for line in lines:
        _say(line, sys.stderr, typer.colors.RED)


def _say(text: str, where: TextIO, colour: str | None = None) -> None:
    typer.secho(printable(text), file=where, fg=colour)


def printable(text: str) -> str:
    """The text with everything that could steer a terminal written as Python escapes it."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
