"""Readers of untrusted JSON: what is there and of the right type is taken, all else is `None`.

No reader raises, whatever it is given. Objects and lists that are missing read as empty ones, so a path of any depth
can be walked. A reader takes one name, because it is called thirty times a delivery; tables, which are walked by paths,
use `at` and `mapping_at`.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

Json = Mapping[str, Any]
Path = tuple[str, ...]

_EMPTY: Json = {}
_HASH = re.compile(r"[0-9a-f]{40}")
_PREFIX_OR_HASH = re.compile(r"[0-9a-f]{7,40}")
_ZEROS = "0" * 40
_EPOCH_LIMIT = 253_402_300_800_000  # the year 10000, in milliseconds
_BOM = b"\xef\xbb\xbf"
_LONE_SURROGATE = re.compile(
    rb"(?:[^\\]++|\\(?:[^u]|u(?![dD][89a-fA-F])|u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}))++"
    rb"|\\(u[dD][89a-fA-F][0-9a-fA-F]{2})"
)
"""Either all up to the next lone surrogate, or that; possessive, so that no body makes it go back."""


def parse_json(body: bytes) -> Any:  # noqa: ANN401 - JSON can be anything
    """The JSON of a body; what orjson refuses is mended and read again.

    A byte order mark is dropped and each lone surrogate (a message cut inside an emoji) becomes U+FFFD.
    Raises `ValueError` for what is no JSON, not UTF-8, or nested deeper than 1024.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        mended = _LONE_SURROGATE.sub(lambda found: rb"\ufffd" if found[1] else found[0], body.removeprefix(_BOM))
        return orjson.loads(mended)


def at(source: Json, path: Path) -> Any:  # noqa: ANN401
    """Whatever stands at a path, or `None`."""
    for name in path[:-1]:
        source = mapping(source, name)
    return source.get(path[-1])


def mapping(source: Json, name: str) -> Json:
    """An object, or an empty one."""
    found = source.get(name)
    return found if isinstance(found, dict) else _EMPTY


def mapping_at(source: Json, path: Path) -> Json:
    """The object at a path, or an empty one."""
    for name in path:
        source = mapping(source, name)
    return source


def items(source: Json, name: str) -> Sequence[Any]:
    """A list, or an empty one."""
    found = source.get(name)
    return found if isinstance(found, list) else ()


def mappings(source: Json, name: str) -> list[Json]:
    """The objects of a list."""
    return [item for item in items(source, name) if isinstance(item, dict)]


def text(source: Json, name: str) -> str | None:
    """A string."""
    found = source.get(name)
    return found if isinstance(found, str) else None


def filled(source: Json, name: str) -> str | None:
    """A string that is not empty."""
    found = source.get(name)
    return found if isinstance(found, str) and found else None


def flag(source: Json, name: str) -> bool | None:
    """A boolean."""
    found = source.get(name)
    return found if isinstance(found, bool) else None


def number(source: Json, name: str) -> int | None:
    """An integer."""
    found = source.get(name)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def identifier(source: Json, name: str) -> str | None:
    """An id as text, whether the sender wrote a number or a string."""
    found = source.get(name)
    if isinstance(found, int) and not isinstance(found, bool):
        return str(found)
    return found if isinstance(found, str) and found else None


def commit_hash(source: Json, name: str) -> str | None:
    """A full commit hash in lower case; 40 zeros are Data Center's way to write none."""
    found = source.get(name)
    if not isinstance(found, str):
        return None
    found = found.lower()
    return found if found != _ZEROS and _HASH.fullmatch(found) else None


def commit_prefix(source: Json, name: str) -> str | None:
    """A commit hash or, as Cloud writes it in pull requests, its first 12 characters."""
    found = source.get(name)
    if not isinstance(found, str):
        return None
    found = found.lower()
    return found if _PREFIX_OR_HASH.fullmatch(found) else None


def instant(found: object) -> str | None:
    """A time as RFC 3339 in UTC, from milliseconds since the epoch or any ISO 8601 form Bitbucket was seen to use.

    A time without a zone is none. Data Center up to 9 writes integers, 10 strings with `+0000` or `.000Z`; Cloud leaves
    a zero fraction out.
    """
    try:
        if isinstance(found, str):
            moment = datetime.fromisoformat(found)
            if moment.tzinfo is None:
                return None
            moment = moment.astimezone(UTC)
        elif isinstance(found, int) and not isinstance(found, bool) and 0 <= found < _EPOCH_LIMIT:
            moment = datetime.fromtimestamp(found // 1000, UTC).replace(microsecond=found % 1000 * 1000)
        else:
            return None
    except (ValueError, OverflowError):
        return None
    precision = "microseconds" if moment.microsecond % 1000 else "milliseconds" if moment.microsecond else "seconds"
    return moment.isoformat(timespec=precision)[:-6] + "Z"


def link(source: Json, kind: str) -> str | None:
    """The first address in Data Center's `links.self: [{href}]` or Cloud's `links.html: {href}`."""
    found = mapping(source, "links").get(kind)
    if isinstance(found, list):
        found = found[0] if found else None
    return filled(found, "href") if isinstance(found, dict) else None
