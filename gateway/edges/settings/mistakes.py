"""The words of a mistake: one line that tells where it stands, what is wrong, and what is allowed.

The value is repeated where that helps, but never that of a secret, nor a text in which a password could stand.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from gateway.edges.settings.model import FIELDS, HostTable, Settings, is_secret, setting

Step = str | int
Where = Callable[[Sequence[Step]], str]

MAX_SHOWN = 80
NEAR = 0.7
"""How alike two names are to ask for the one in place of the other (`difflib`; 1 is equal)."""

KINDS: Mapping[str, str] = {
    "literal_error": "is not one of the words; allowed: {expected}",
    "bool_type": "is neither true nor false; allowed: true, false",
    "dict_type": "is not a table; allowed: a table",
    "mapping_type": "is not a table; allowed: a table",
    "model_type": "is not a table; allowed: a table",
    "tuple_type": "is not a list; allowed: a list",
    "string_type": "is not a text; allowed: a text",
    "value_error": "{error}",
}
"""Kind of pydantic's error -> what goes on after the value."""

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def quoted(name: str) -> str:
    """A name as TOML would have it: bare, or in quotation marks where it has to be."""
    return name if _BARE.fullmatch(name) else json.dumps(name)


def inside(path: Sequence[Step]) -> str:
    """What goes on after the name of a setting: `."bitbucket.example.com".aliases entry 1`; entries count from 1."""
    return "".join(f" entry {step + 1}" if isinstance(step, int) else f".{quoted(step)}" for step in path)


def dotted(path: Sequence[Step]) -> str:
    """`limits.body_bytes`, with what is inside it."""
    return inside(path).removeprefix(".")


def unknown(name: str, allowed: Iterable[str]) -> str:
    """What to say of a name that is no setting."""
    spellings = {_plain(known): known for known in allowed}
    near = get_close_matches(_plain(name), spellings, n=1, cutoff=NEAR)
    remedy = f"did you mean {spellings[near[0]]}?" if near else f"allowed: {', '.join(sorted(spellings.values()))}"
    return f"there is no such setting; {remedy}"


def _plain(name: str) -> str:
    return name.lower().removeprefix("gateway_")


def judged(raw: Mapping[str, Any], where: Where, *, shows_values: bool) -> Iterator[str]:
    """One line for each mistake in the values of one source; none where all are right."""
    try:
        Settings.model_validate(raw)
    except ValidationError as error:
        for details in error.errors(include_url=False):
            if details["type"] != "default_factory_not_called":
                yield _line(details, raw, where, shows_values=shows_values)


def _line(details: ErrorDetails, raw: Mapping[str, Any], where: Where, *, shows_values: bool) -> str:
    path = [step for step in details["loc"] if step != "[key]"]
    if details["type"] == "extra_forbidden":
        return f"{where(path)}: {unknown(str(path[-1]), _beside(path))}"
    hides = is_secret(setting(path)[0])
    subject = shown(details["input"]) if shows_values and not hides else "the value"
    wrong = KINDS.get(details["type"], "is not allowed: {msg}").format_map({**details, **details.get("ctx", {})})
    return f"{where(_without_names(path, raw) if hides else path)}: {subject} {wrong}"


def shown(value: object) -> str:
    """The value as Python writes it, on one line and not too long; not where it may hold `user:password@`."""
    written = repr(value)
    if "@" in written:
        return "the value"
    return written if len(written) <= MAX_SHOWN else f"{written[:MAX_SHOWN]}…"


def _without_names(path: Sequence[Step], raw: Mapping[str, Any]) -> Sequence[Step]:
    """The path with numbers for the names somebody wrote into a table of secrets: they may be secrets themselves."""
    if path[0] not in FIELDS or len(path) == 1 or isinstance(path[1], int):
        return path
    return [path[0], list(raw[str(path[0])]).index(path[1]), *path[2:]]


def _beside(path: Sequence[Step]) -> Iterable[str]:
    if path[0] == "hosts":
        return HostTable.model_fields
    prefix = "".join(f"{step}." for step in path[:-1])
    return {name.removeprefix(prefix).partition(".")[0] for name in FIELDS if name.startswith(prefix)}
