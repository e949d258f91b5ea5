"""A row of `events` as an `Entry`: the one place that knows the order of its columns."""

from collections.abc import Sequence
from typing import Any

from gateway.message import Entry

COLUMNS = (
    "sequence, id, delivery, received_at, dialect, event_key, key, type, subject, topic, gap, claimed_key,"
    " headers, data"
)
_GAP = 10


def entry(row: Sequence[Any]) -> Entry:
    """The entry of a row of those columns."""
    columns = list(row)
    columns[_GAP] = bool(columns[_GAP])
    return Entry(*columns)
