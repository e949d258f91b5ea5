"""From entries to what is sent: records of the right size, in batches that a topic takes.

An entry too large for its topic is shrunk on the way (`shrink`); the order of entries is the order of records is the
order of batches.
"""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from gateway.message import ContentMode, Entry, Message, message
from gateway.shrink import shrink

_RECORD_BYTES = 80
_HEADER_BYTES = 8


class Record(Struct, frozen=True):
    """A message with its place in the journal, its time in milliseconds, and the bytes it takes at most."""

    sequence: int
    timestamp: int
    size: int
    message: Message


def record(entry: Entry, limit: int, public_url: str, mode: ContentMode) -> Record:
    """The record of an entry, in at most so many bytes where that can be done."""
    made = message(entry, public_url, mode)
    size = _size(made)
    if size > limit and entry.headers is None:
        smaller = shrink(entry.data, limit - (size - len(entry.data)))
        made = message(replace(entry, data=smaller), public_url, mode)
        size = _size(made)
    return Record(entry.sequence, entry.received_at, size, made)


def batches(records: Sequence[Record], limit: int) -> list[list[Record]]:
    """The records in order, in batches of at most so many bytes; one that is larger stands alone."""
    found: list[list[Record]] = [[]]
    size = 0
    for each in records:
        if found[-1] and size + each.size > limit:
            found.append([])
            size = 0
        found[-1].append(each)
        size += each.size
    return found if found[0] else []


def _size(made: Message) -> int:
    headers = sum(len(name) + len(value) + _HEADER_BYTES for name, value in made.headers)
    return _RECORD_BYTES + len(made.key) + len(made.value) + headers
