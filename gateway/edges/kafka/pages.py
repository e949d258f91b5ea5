"""Sending a page of entries: every partition's batches one after the other, all partitions together.

A topic's limit may be lower than what we were allowed to ask: then only its refusals tell, and what is sent at once is
halved until it is taken.
"""

import asyncio
from collections.abc import Callable, Sequence

from gateway.batch import Record, batches
from gateway.edges.kafka.partitioner import Partitioner
from gateway.edges.kafka.refusals import Refusal
from gateway.edges.kafka.session import Session, TopicFacts
from gateway.message import Entry

UNKNOWN_OFFSET = -1
"""Where a record lies that Kafka had already: it says so without telling where."""


class Pages:
    """Sends pages by any session. `compose` makes the record of an entry, in at most so many bytes if that can be."""

    def __init__(self, compose: Callable[[Entry, int], Record]) -> None:
        self._compose = compose
        self._partitioner = Partitioner()
        self._limits: dict[str, int] = {}

    def forget_limits(self) -> None:
        """Believe again what topics say of themselves."""
        self._limits.clear()

    async def send(
        self, session: Session, topic: str, entries: Sequence[Entry], took: Callable[[int, int, int], None]
    ) -> None:
        """Send entries to a topic; `took` is told of each that Kafka has: sequence, partition, offset.

        Raises `Refusal` when every partition has sent what it could.
        """
        facts = (await session.topic(topic)).within(self._limits.get(topic))

        async def send(partition: int, records: Sequence[Record]) -> None:
            for batch in batches(records, facts.batch_bytes):
                try:
                    offset = await session.send(topic, partition, batch)
                except Refusal as refusal:
                    if refusal.reason == "too_large":
                        self._was_too_large(topic, sum(each.size for each in batch))
                    raise
                for number, each in enumerate(batch):
                    took(each.sequence, partition, offset + number if offset >= 0 else UNKNOWN_OFFSET)

        parts = self._by_partition(entries, facts)
        found = await asyncio.gather(*(send(*part) for part in parts.items()), return_exceptions=True)
        for error in found:
            if error is not None:
                raise error

    def _by_partition(self, entries: Sequence[Entry], facts: TopicFacts) -> dict[int, list[Record]]:
        found: dict[int, list[Record]] = {}
        for entry in entries:
            made = self._compose(entry, facts.record_bytes)
            found.setdefault(self._partitioner.partition(made.message.key, facts.partitions), []).append(made)
        return found

    def _was_too_large(self, topic: str, size: int) -> None:
        self._limits[topic] = min(size // 2, self._limits.get(topic, size))
