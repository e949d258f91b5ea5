"""Whatever hooks there are, and whatever they lose, delay or repeat: no fact is swallowed, no repeat is told twice.

A world is drawn: a branch that moves back and forth and a tag that comes and goes, so that the same content occurs
again and again, and hooks that tell of each push once, late, twice or never. What is true is known to the world
alone; the gateway is told deliveries.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import permutations, product

from hypothesis import given, settings
from hypothesis import strategies as st
from memory import MINUTE, SECOND, Hook, Memory, commit, date
from msgspec import Struct

from gateway.delivery import Delivery
from gateway.identity import Decision
from gateway.intake import Move

NOW = 1_775_721_600_000
MAIN, TAG = "refs/heads/main", "refs/tags/latest"
BACK_AND_FORTH = (Move(MAIN, commit("A"), commit("B")), Move(MAIN, commit("B"), commit("A")))
ON_AND_OFF = (Move(TAG, None, commit("A")), Move(TAG, commit("A"), None))
PACES = (20 * SECOND, 3 * MINUTE, 11 * MINUTE)
"""How long after one fact the next may come."""


class Teller(Struct, frozen=True):
    """A hook, and by how many seconds its dates are off: bodies of two hooks may tell one fact in other bytes."""

    hook: Hook
    skew: int = 0


NATIVE = (
    Teller(Hook("data-center", "bitbucket.example.com/pay/ledger")),
    Teller(Hook("data-center", "bitbucket.example.com/pay")),
    Teller(Hook("data-center", "bitbucket.example.com"), skew=1),
)
PLUGINS = (
    Teller(Hook("post-receive", "bitbucket.example.com/pay/ledger")),
    Teller(Hook("post-receive", "bitbucket.example.com/pay")),
)
CLOUD = (
    Teller(Hook("cloud", "bitbucket.org/fjordline/ferry", "9b1f2c3d-4e5f-4a6b-8c7d-0e1f2a3b4c5d")),
    Teller(Hook("cloud", "bitbucket.org/fjordline/ferry", "0f6e5d4c-3b2a-4190-8877-665544332211")),
    Teller(Hook("cloud", "bitbucket.org/fjordline", "77777777-3b2a-4190-8877-665544332211")),
)


class Telling(Struct, frozen=True):
    """How long after a fact a hook tells of it, and whether by another request than the first: a later attempt."""

    after: int
    anew: bool = False


Fate = tuple[Telling, ...]
"""All that one hook tells of one fact."""

Push = tuple[int, bool, Fate, Fate, Fate]
"""How long after the one before, whether the tag moves too, and what each of at most three hooks tells of it."""

ONCE: Fate = (Telling(SECOND),)
RETRIED: Fate = (Telling(SECOND), Telling(2 * SECOND))
PUNCTUAL: tuple[Fate, ...] = (ONCE, RETRIED, (Telling(SECOND), Telling(3 * SECOND, anew=True)))
"""Over before the next fact can come."""

DISORDERLY: tuple[Fate, ...] = (
    *PUNCTUAL,
    (),
    (Telling(4 * MINUTE),),
    (Telling(15 * MINUTE),),
    (Telling(30 * SECOND, anew=True),),
    (Telling(SECOND), Telling(12 * MINUTE)),
    (Telling(4 * MINUTE), Telling(5 * MINUTE, anew=True)),
)


class Fact(Struct, frozen=True):
    """A push: which one, when, and what it moved."""

    number: int
    at: int
    moves: tuple[Move, ...]


class Report(Struct, frozen=True):
    """What a hook tells of a fact at a moment, and how many times it told of it before."""

    teller: Teller
    fact: Fact
    before: int
    delivery: Delivery


class Heard(Struct, frozen=True):
    """A report, what it was decided to be, and whether each of its moves was the last one published of its ref."""

    report: Report
    decision: Decision
    stood: bool

    def is_plain(self) -> bool:
        """Whether it is its hook's first word of a fact, and something tells it from a repeat of the last change."""
        delivery = self.report.delivery
        tries_again = delivery.headers.get("x-attempt-number", "1") != "1"
        may_be_mistaken = self.stood and (delivery.dialect == "post-receive" or tries_again)
        return not self.report.before and not may_be_mistaken


def worlds(
    tellers: Sequence[Teller], fates: Sequence[Fate], lags: Sequence[int] = (0,)
) -> st.SearchStrategy[list[Report]]:
    """Worlds with some of these hooks, each with one of these lags, which makes everything that it tells late."""
    some_tellers = [chosen for count in (1, 2, 3) for chosen in permutations(tellers, count)]
    pushes = list(product(PACES, (False, True), *[fates] * 3))
    return st.builds(
        _reports,
        st.sampled_from(some_tellers),
        st.sampled_from(list(product(lags, repeat=3))),
        st.lists(st.sampled_from(pushes), min_size=1, max_size=7),
    )


def _reports(tellers: Sequence[Teller], lags: Sequence[int], pushes: Sequence[Push]) -> list[Report]:
    """All reports in the order in which they arrive."""
    found = []
    for fact, (_, _, *fates) in zip(_facts(pushes), pushes, strict=True):
        for teller, lag, fate in zip(tellers, lags, fates, strict=False):
            found += [
                Report(teller, fact, before, _delivery(teller, fact, telling, lag, before))
                for before, telling in enumerate(fate)
            ]
    return sorted(found, key=lambda report: report.delivery.received_at)


def _facts(pushes: Sequence[Push]) -> Iterator[Fact]:
    at, tagged = NOW, 0
    for number, (pace, tag, *_) in enumerate(pushes):
        at += pace
        moves = [BACK_AND_FORTH[number % 2], *([ON_AND_OFF[tagged % 2]] if tag else [])]
        tagged += tag
        yield Fact(number, at, tuple(moves))


def _delivery(teller: Teller, fact: Fact, telling: Telling, lag: int, before: int) -> Delivery:
    place = (NATIVE + PLUGINS + CLOUD).index(teller)
    return teller.hook.push(
        fact.at + telling.after + lag,
        *fact.moves,
        date=date(fact.at + teller.skew * SECOND),
        request=100 * place + 2 * fact.number + telling.anew,
        attempt="2" if before or telling.anew else "1",
    )


def of_server_or_cloud(fates: Sequence[Fate]) -> st.SearchStrategy[list[Report]]:
    return worlds(NATIVE + PLUGINS, fates) | worlds(CLOUD, fates)


def listen(reports: Sequence[Report], memory: Memory) -> list[Heard]:
    """Tell a memory everything, and watch from outside where the published events leave each ref."""
    last: dict[str, Move] = {}
    heard = []
    for report in reports:
        stood = all(last.get(move.ref) == move for move in report.fact.moves)
        decision = memory.take(report.delivery)
        heard.append(Heard(report, decision, stood))
        last |= {event.draft.move.ref: event.draft.move for event in decision.events if event.draft.move is not None}
    return heard


some = settings(max_examples=15, deadline=None, database=None)
more = settings(some, max_examples=40)


@more
@given(of_server_or_cloud(DISORDERLY))
def test_every_content_has_an_event_for_each_fact_that_any_one_hook_told(reports: list[Report]) -> None:
    """Published events of a content >= the facts of that content which one hook told, whichever hook that is.

    Left out are facts whose first report nothing tells from a repeat of the last change: the plugin's, and a later
    attempt of Cloud, where each ref of the delivery was last published as moving just so. Two facts of one content
    have another move of that ref between them, so to mistake one for the other takes a report of it that was lost,
    late or out of order.
    """
    memory = Memory()
    heard = listen(reports, memory)
    told = {
        (one.report.teller, one.report.fact.number, move)
        for one in heard
        if one.is_plain()
        for move in one.report.fact.moves
    }
    events = Counter(event.draft.move for event in memory.published)

    for (teller, move), count in Counter((teller, move) for teller, _, move in told).items():
        assert events[move] >= count, (teller, move)


@more
@given(of_server_or_cloud(DISORDERLY))
def test_a_hooks_word_of_one_fact_is_never_taken_for_its_word_of_another(reports: list[Report]) -> None:
    """Two facts that one hook told have two ids, but for what may be mistaken for a repeat, as above.

    Another hook's event may stand for a fact, but each id that was ever answered was published before.
    """
    memory = Memory()
    said: dict[Teller, list[str]] = {}
    for heard in listen(reports, memory):
        if heard.is_plain():
            said.setdefault(heard.report.teller, []).extend(heard.decision.ids)

    for ids in said.values():
        assert len(set(ids)) == len(ids)
        assert {event.id for event in memory.published} >= set(ids)


@some
@given(of_server_or_cloud(DISORDERLY))
def test_what_nobody_told_before_is_published(reports: list[Report]) -> None:
    told: set[Move] = set()
    for heard in listen(reports, Memory()):
        moves = set(heard.report.fact.moves)
        assert {event.draft.move for event in heard.decision.events} >= moves - told
        told |= moves


@some
@given(of_server_or_cloud(DISORDERLY))
def test_a_request_that_is_sent_again_publishes_nothing_and_is_answered_as_before(reports: list[Report]) -> None:
    answered: dict[tuple[Teller, str], tuple[str, ...]] = {}
    for heard in listen(reports, Memory()):
        request_id = heard.decision.intake.request_id
        if request_id is None:
            continue
        request = heard.report.teller, request_id
        assert request not in answered or heard.decision.events == ()
        assert heard.decision.ids == answered.setdefault(request, heard.decision.ids)


@some
@given(of_server_or_cloud(PUNCTUAL))
def test_a_fact_that_all_tell_before_the_next_is_published_once_however_often_told(reports: list[Report]) -> None:
    assert_each_fact_is_published_once(reports)


LAGS = (0, 4 * MINUTE, 9 * MINUTE)


@some
@given(worlds(NATIVE, (ONCE, RETRIED), LAGS) | worlds(CLOUD, (ONCE, RETRIED), LAGS))
def test_hooks_that_lag_by_less_than_ten_minutes_tell_nothing_new(reports: list[Report]) -> None:
    """Each keeps its order and loses nothing, though the ref may have moved on when a hook tells of it."""
    assert_each_fact_is_published_once(reports)


def assert_each_fact_is_published_once(reports: list[Report]) -> None:
    memory = Memory()
    answers: dict[int, tuple[str, ...]] = {}
    for heard in listen(reports, memory):
        assert heard.decision.ids == answers.setdefault(heard.report.fact.number, heard.decision.ids)

    moved = sum(len(fact.moves) for fact in {report.fact.number: report.fact for report in reports}.values())
    assert len({event.id for event in memory.published}) == len(memory.published) == moved


@some
@given(of_server_or_cloud(DISORDERLY))
def test_ids_are_unique_and_decisions_the_same_in_another_memory(reports: list[Report]) -> None:
    one, other = Memory(), Memory()
    ids = Counter(event.id for heard in listen(reports, one) for event in heard.decision.events)

    assert set(ids.values()) <= {1}
    assert listen(reports, other) == listen(reports, Memory())
    assert (one.identities, one.refs) == (other.identities, other.refs)
