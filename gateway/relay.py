"""When to send what: for every topic a cursor over the journal, which sends, waits or holds.

A little machine that is told the time and what happened, and answers with orders; it reads nothing, sends nothing and
knows no clock. Of a topic one order at a time is out, so its events leave in the order of the journal. A topic that
refuses is held back by itself, longer each time, and tried again for ever; all others go on. A broken connection is
nobody's fault: whatever was out is ordered again, from the first event that is not acknowledged.
"""

from collections.abc import Iterator, Mapping

from msgspec import Struct

FIRST_HOLD = 0.5
LONGEST_HOLD = 60.0


class Send(Struct, frozen=True):
    """An order: send what lies behind that sequence of the topic; `alone` where the last try was refused."""

    topic: str
    after: int
    alone: bool


class _Lane(Struct):
    """Where one topic stands. `head` is the last sequence that is to be sent, `held_until` in the caller's seconds."""

    cursor: int
    head: int
    is_out: bool = False
    refusals: int = 0
    held_until: float = 0.0
    reason: str | None = None


def hold_seconds(refusals: int, chance: float) -> float:
    """How long to wait after so many refusals in a row: doubling up to a minute, the upper half left to `chance`."""
    longest = min(LONGEST_HOLD, FIRST_HOLD * 2.0 ** min(refusals - 1, 10))
    return longest * (0.5 + chance / 2)


class Relay:
    """Every topic's lane. `chance` is between 0 and 1; times are in seconds of one clock that never goes back."""

    def __init__(self) -> None:
        self._lanes: dict[str, _Lane] = {}

    def grew(self, topic: str, head: int, cursor: int = 0) -> None:
        """There are events of the topic up to `head`; `cursor` tells where to begin if it is new."""
        lane = self._lanes.get(topic)
        if lane is None:
            self._lanes[topic] = _Lane(cursor, head)
        else:
            lane.head = max(lane.head, head)

    def orders(self, now: float) -> Iterator[Send]:
        """What is to be sent now; each order is out until it is acknowledged, refused or interrupted."""
        for topic, lane in self._lanes.items():
            if not lane.is_out and lane.cursor < lane.head and lane.held_until <= now:
                lane.is_out = True
                yield Send(topic, lane.cursor, alone=lane.refusals > 0)

    def acknowledged(self, topic: str, up_to: int) -> None:
        """Everything of the topic up to that sequence is acknowledged, and that is on the disk."""
        lane = self._lanes[topic]
        lane.cursor = max(lane.cursor, up_to)
        lane.is_out = False
        lane.refusals = 0
        lane.reason = None

    def refused(self, topic: str, reason: str, now: float, chance: float) -> float:
        """The topic itself refused, for that reason: hold it. How many seconds, for the log."""
        lane = self._lanes[topic]
        lane.is_out = False
        lane.refusals += 1
        lane.reason = reason
        seconds = hold_seconds(lane.refusals, chance)
        lane.held_until = now + seconds
        return seconds

    def interrupted(self, topic: str) -> None:
        """The order came to nothing through no fault of the topic: it is ordered again."""
        self._lanes[topic].is_out = False

    def wakes_at(self) -> float | None:
        """When the first hold ends, or `None` where nothing waits for time to pass."""
        held = [lane.held_until for lane in self._lanes.values() if lane.refusals and not lane.is_out]
        return min(held, default=None)

    def blocked(self) -> Mapping[str, str]:
        """The topics that are held, and why."""
        return {topic: lane.reason for topic, lane in self._lanes.items() if lane.reason is not None}

    def cursors(self) -> Mapping[str, tuple[int, int]]:
        """Cursor and head of every topic."""
        return {topic: (lane.cursor, lane.head) for topic, lane in self._lanes.items()}
