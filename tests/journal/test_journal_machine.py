"""Whatever happens to a journal in whatever order, it shows what a list would: all that is kept, once, in order."""

import asyncio
import tempfile
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, TypeVar

import uvloop
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from journals import FOREVER, opened, pruned, pushes, shown, taken
from msgspec import Struct

from gateway.edges.journal import Filter, Journal, Retention
from gateway.intake import Intake

T = TypeVar("T")

REFS = st.integers(0, 5)


class Kept(Struct):
    """What a list remembers of a delivery: the bytes, when they came, and the ids and numbers of its events."""

    body: bytes
    received_at: int
    ids: tuple[str, ...]
    first: int


class JournalMachine(RuleBasedStateMachine):
    """A journal beside a list of deliveries, and a clock that only this machine moves."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        self.directory = tempfile.TemporaryDirectory()
        self.stack = AsyncExitStack()
        self.kept: list[Kept] = []
        self.ever: set[str] = set()
        self.head = 0
        self.floor = 0
        self.now = 1_000

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    @initialize()
    def open(self) -> None:
        self.journal: Journal = self.run(self.stack.enter_async_context(opened(Path(self.directory.name))))

    def note(self, accepted: Intake, ids: tuple[str, ...]) -> None:
        self.kept.append(Kept(accepted.delivery.body, self.now, ids, self.head + 1))
        self.head += len(ids)

    @rule(counts=st.lists(REFS, min_size=1, max_size=4))
    def accept_new_ones_at_once(self, counts: list[int]) -> None:
        """New pushes, and among them some without any ref."""
        self.now += 1
        new = [taken(pushes(count), at=self.now) for count in counts]

        async def accept() -> list[Any]:
            return await asyncio.gather(*(self.journal.accept(one) for one in new))

        for one, count, receipt in zip(new, counts, self.run(accept()), strict=True):
            assert (receipt.outcome, len(receipt.event_ids)) == ("accepted", count)
            assert not self.ever & set(receipt.event_ids)
            self.ever |= set(receipt.event_ids)
            self.note(one, receipt.event_ids)

    @precondition(lambda self: any(one.ids for one in self.kept))
    @rule(data=st.data())
    def accept_one_again(self, data: st.DataObject) -> None:
        """The same bytes with their own date are a repeat: the ids of then, and nothing new."""
        self.now += 1
        before = data.draw(st.sampled_from([one for one in self.kept if one.ids]))
        repeat = taken(before.body, at=self.now)

        receipt = self.run(self.journal.accept(repeat))

        assert (receipt.outcome, receipt.event_ids) == ("duplicate", before.ids)
        self.kept.append(Kept(b"repeat", self.now, (), self.head + 1))

    @rule()
    def close_and_open(self) -> None:
        self.run(self.stack.aclose())
        self.open()

    @rule(age=st.integers(0, 8))
    def forget(self, age: int) -> None:
        self.run(pruned(self.journal, self.now, Retention(age, FOREVER, FOREVER)))
        old = [one for one in self.kept if one.received_at < self.now - age]
        self.kept = self.kept[len(old) :]
        if old:
            self.floor = self.kept[0].first - 1 if self.kept else self.head

    @rule(data=st.data(), limit=st.integers(1, 4))
    def read_a_page(self, data: st.DataObject, limit: int) -> None:
        after = data.draw(st.integers(self.floor, self.head))

        found = self.run(self.journal.page(after, limit, Filter()))

        expected = [entry for entry in self.numbered() if entry[0] > after][:limit]
        assert [(entry.sequence, entry.id) for entry in found.entries] == expected

    def numbered(self) -> list[tuple[int, str]]:
        return [(one.first + position, event) for one in self.kept for position, event in enumerate(one.ids)]

    @invariant()
    def shows_what_is_kept(self) -> None:
        assert self.run(shown(self.journal)) == [event for _, event in self.numbered()]

    def teardown(self) -> None:
        self.run(self.stack.aclose())
        self.runner.close()
        self.directory.cleanup()


TestJournal = JournalMachine.TestCase
TestJournal.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
