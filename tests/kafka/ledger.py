"""The ledger of publishing: what hooks were answered against what consumers read; lost, foreign, repeated, reordered.

Of a topic and a key the order of acceptance is the order of `ce_sequence`. What is read for the first time has to keep
it; what is read again has to be the same event.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import orjson
from broker.kafka import Record
from msgspec import Struct

STRUCTURED = b"application/cloudevents+json; charset=UTF-8"


class Seen(Struct, frozen=True):
    """An event as a consumer sees it, and where it lies."""

    topic: str
    partition: int
    offset: int
    key: str
    id: str
    sequence: int


class Balance(Struct, frozen=True):
    """How both sides compare: ids, and for `reordered` the earlier and the later of two that changed places.

    `confused` are ids or sequences that do not belong together one to one, and keys in two partitions of a topic.
    """

    lost: frozenset[str]
    foreign: frozenset[str]
    repeated: Sequence[str]
    reordered: Sequence[tuple[str, str]]
    confused: frozenset[str]

    @property
    def is_even(self) -> bool:
        """Whether everything arrived in order; repeats are allowed."""
        return not (self.lost or self.foreign or self.reordered or self.confused)


def seen(topic: str, records: Iterable[Record]) -> list[Seen]:
    """The events of a topic's records, in both content modes. Raises `KeyError` for what is none."""
    return [_seen(topic, record) for record in records]


def _seen(topic: str, record: Record) -> Seen:
    told = dict(record.headers)
    if told["content-type"] == STRUCTURED:
        value = orjson.loads(record.value or b"")
        told = {f"ce_{name}": str(value[name]).encode() for name in ("id", "sequence")}
    event, sequence = told["ce_id"] or b"", told["ce_sequence"] or b""
    key = (record.key or b"").decode()
    return Seen(topic, record.partition, record.offset, key, event.decode(), int(sequence))


def balance(answered: Iterable[str], found: Iterable[Seen]) -> Balance:
    """Weigh the ids that hooks were answered against what was found in Kafka."""
    told = frozenset(answered)
    records = sorted(found, key=lambda each: (each.topic, each.partition, each.offset))
    firsts: dict[str, Seen] = {}
    repeated = [each.id for each in records if firsts.setdefault(each.id, each) is not each]
    return Balance(
        lost=told - firsts.keys(),
        foreign=frozenset(firsts.keys() - told),
        repeated=repeated,
        reordered=list(_reordered(firsts.values())),
        confused=frozenset(_confused(records)),
    )


def _reordered(firsts: Iterable[Seen]) -> Iterator[tuple[str, str]]:
    last: dict[tuple[str, str], Seen] = {}
    for each in firsts:
        before = last.get((each.topic, each.key))
        if before is not None and before.sequence > each.sequence:
            yield before.id, each.id
        last[each.topic, each.key] = each


def _confused(records: Iterable[Seen]) -> Iterator[str]:
    belongs: dict[object, set[object]] = defaultdict(set)
    for each in records:
        belongs[each.id].add((each.sequence, each.topic, each.key))
        belongs[each.sequence].add(each.id)
        belongs[each.topic, each.key].add(each.partition)
    return (str(name) for name, owners in belongs.items() if len(owners) > 1)
