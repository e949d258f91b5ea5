"""Which partition a key goes to: murmur2, as Kafka's default partitioner and Kafka Streams have it."""

from aiokafka.partitioner import murmur2


class Partitioner:
    """Remembers the hashes of keys, since each costs 5 µs."""

    _REMEMBERED = 50_000

    def __init__(self) -> None:
        self._hashes: dict[bytes, int] = {}

    def partition(self, key: bytes, partitions: int) -> int:
        """The partition of a key among so many."""
        found = self._hashes.get(key)
        if found is None:
            if len(self._hashes) >= self._REMEMBERED:
                self._hashes.clear()
            found = self._hashes[key] = murmur2(key) & 0x7FFFFFFF
        return found % partitions
