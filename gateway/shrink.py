"""Making an event small enough for a record, only on the way to Kafka; what was accepted stays as it is.

First the commits go, which every consumer can ask git for, then long texts are cut, longest limits first. An unknown
payload goes as a whole. The result is a valid event of the same type: fields stay, values become shorter or `null`.
"""

from typing import Any

import orjson

TOO_LARGE = "too_large"
TEXT_LIMITS = (4096, 512, 64)
"""Characters a text may have, in the order in which it is tried."""

TEXTS = frozenset({"title", "description", "text", "message"})
"""Fields people write as long as they like; names and ids are never cut."""

_ELLIPSIS = "…"


def shrink(data: bytes, limit: int) -> bytes:
    """The JSON of an event's `data` in at most `limit` bytes, or as small as it can be made."""
    value = orjson.loads(data)
    if "payload" in value:
        return orjson.dumps({**value, "payload": None, "reason": TOO_LARGE})
    if value.get("commits"):
        value = {**value, "commits": [], "commits_complete": False}
    found = orjson.dumps(value)
    for length in TEXT_LIMITS:
        if len(found) <= limit:
            break
        found = orjson.dumps(_cut(value, length))
    return found


def _cut(value: Any, length: int, name: str = "") -> Any:  # noqa: ANN401 - JSON can be anything
    if isinstance(value, dict):
        return {key: _cut(member, length, key) for key, member in value.items()}
    if isinstance(value, list):
        return [_cut(member, length) for member in value]
    if name in TEXTS and isinstance(value, str) and len(value) > length:
        return value[: length - 1] + _ELLIPSIS
    return value
