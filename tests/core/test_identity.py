"""What is a repeat and what is new: each kind of evidence, where it ends, and what is told of repeats.

In this order: (a) the same request, (b) bytes that bear their own date, (c) what another hook told, (d) the last change
of a ref; then content that occurs again, the same bytes under another event key, gaps, answers and ids, and how much is
remembered.
"""

import pytest
from memory import (
    DAY,
    MINUTE,
    SECOND,
    Hook,
    Memory,
    cloud_pull_request,
    cloud_push,
    commit,
    date,
    native_pull_request,
    native_push,
    plugin_push,
)
from msgspec.structs import replace

from gateway.delivery import Delivery
from gateway.identity import Decision
from gateway.intake import Move

NOW = 1_775_721_600_000
LONG = 10 * MINUTE
"""From here on another hook's report of an occurrence is no evidence by its time alone."""

MAIN, TOPIC = "refs/heads/main", "refs/heads/topic"
A, B, C = commit("A"), commit("B"), commit("C")
AB, BA, BC = Move(MAIN, A, B), Move(MAIN, B, A), Move(MAIN, B, C)
CREATED, DELETED = Move(MAIN, None, A), Move(MAIN, A, None)
TOPIC_AB = Move(TOPIC, A, B)

PROJECT = Hook("data-center", "bitbucket.example.com/pay")
REPOSITORY = Hook("data-center", "bitbucket.example.com/pay/ledger")
PLUGIN = Hook("post-receive", "bitbucket.example.com/pay/ledger")
PLUGIN_TOO = Hook("post-receive", "bitbucket.example.com/pay")
CLOUD = Hook("cloud", "bitbucket.org/fjordline/ferry", "9b1f2c3d-4e5f-4a6b-8c7d-0e1f2a3b4c5d")
CLOUD_TOO = Hook("cloud", "bitbucket.org/fjordline/ferry", "0f6e5d4c-3b2a-4190-8877-665544332211")
WORKSPACE = Hook("cloud", "bitbucket.org/fjordline", "77777777-3b2a-4190-8877-665544332211")
ONE_OF_EACH = pytest.mark.parametrize("hook", [REPOSITORY, PLUGIN, CLOUD], ids=lambda hook: hook.dialect)


@pytest.fixture
def memory() -> Memory:
    return Memory()


def take(memory: Memory, *deliveries: Delivery) -> list[Decision]:
    return [memory.take(delivery) for delivery in deliveries]


def outcomes(decisions: list[Decision]) -> list[str]:
    return [decision.outcome for decision in decisions]


def published(memory: Memory) -> list[str]:
    """The ids that came out, each of them once."""
    ids = [event.id for event in memory.published]
    assert len(set(ids)) == len(ids)
    return ids


def assert_repeats(first: Decision, again: Decision) -> None:
    assert (again.outcome, again.ids, again.events) == ("duplicate", first.ids, ())


def assert_is_new(decision: Decision) -> None:
    assert decision.outcome == "accepted"
    assert tuple(event.id for event in decision.events) == decision.ids != ()


@pytest.mark.parametrize("hook", [REPOSITORY, CLOUD], ids=lambda hook: hook.dialect)
def test_the_same_request_is_a_repeat_long_after_and_wherever_the_ref_stands(memory: Memory, hook: Hook) -> None:
    first, _, again = take(
        memory, hook.push(NOW, AB, request=1), hook.push(NOW + 1, BA), hook.push(NOW + 30 * DAY, AB, request=1)
    )

    assert_repeats(first, again)


@pytest.mark.parametrize(
    "other",
    [
        WORKSPACE.post(NOW + LONG, cloud_push(AB), request=1),
        CLOUD.post(NOW + LONG, cloud_push(AB), request=2),
        CLOUD.post(NOW + LONG, cloud_push(AB, actor={"nickname": "astrid"}), request=1),
    ],
    ids=["url", "id", "bytes"],
)
def test_a_request_with_another(memory: Memory, other: Delivery) -> None:
    """Another URL, another id or other bytes: no evidence that it is the same request."""
    take(memory, CLOUD.push(NOW, AB, request=1), CLOUD.push(NOW + 1, BA))

    assert_is_new(memory.take(other))


def test_a_request_that_was_another_hooks_repeat_stays_one(memory: Memory) -> None:
    first, told, _, again = take(
        memory,
        CLOUD.push(NOW, AB),
        CLOUD_TOO.push(NOW + 1, AB, request=2),
        CLOUD.push(NOW + 2, BA),
        CLOUD_TOO.push(NOW + DAY, AB, request=2),
    )

    assert_repeats(first, told)
    assert_repeats(first, again)


DATED = {
    "push": (REPOSITORY, PROJECT, "repo:refs_changed", native_push(date(NOW), AB, TOPIC_AB)),
    "native pull request": (REPOSITORY, PROJECT, "pr:opened", native_pull_request("pr:opened", date(NOW))),
    "pull request": (CLOUD, WORKSPACE, "pullrequest:created", cloud_pull_request()),
    "approval": (
        CLOUD,
        WORKSPACE,
        "pullrequest:approved",
        cloud_pull_request(approval={"date": "2026-04-10T09:11:00+00:00"}),
    ),
}


@pytest.mark.parametrize(("hook", "other", "key", "body"), DATED.values(), ids=DATED)
def test_dated_bytes_are_a_repeat_for_ever_by_whichever_request_and_hook(
    memory: Memory, hook: Hook, other: Hook, key: str, body: bytes
) -> None:
    first = memory.take(hook.post(NOW, body, key, request=1))
    take(memory, hook.push(NOW + 1, BA, date=date(NOW + SECOND)))
    replayed, elsewhere = take(
        memory, hook.post(NOW + 300 * DAY, body, key, request=2), other.post(NOW + 301 * DAY, body, key, request=3)
    )

    assert_is_new(first)
    assert_repeats(first, replayed)
    assert_repeats(first, elsewhere)


UNDATED = {
    "a push of Cloud": (CLOUD, "repo:push", cloud_push(AB)),
    "no date": (REPOSITORY, "repo:refs_changed", native_push(None, AB)),
    "a date that is none": (REPOSITORY, "repo:refs_changed", native_push("yesterday", AB)),
    "a date in another field": (REPOSITORY, "pr:opened", native_pull_request("pr:opened", None, createdDate=NOW)),
    "an approval without its date": (CLOUD, "pullrequest:approved", cloud_pull_request()),
}


@pytest.mark.parametrize(("hook", "key", "body"), UNDATED.values(), ids=UNDATED)
def test_undated_bytes_in_another_request_are_a_new_event(memory: Memory, hook: Hook, key: str, body: bytes) -> None:
    first, again = take(memory, hook.post(NOW, body, key), hook.post(NOW + 1, body, key))

    assert_is_new(first)
    assert_is_new(again)
    assert first.ids != again.ids


def test_dated_bytes_of_an_unknown_key_are_never_a_repeat_by_their_date(memory: Memory) -> None:
    body = native_pull_request("pr:deleted", date(NOW))
    first, again = take(
        memory, REPOSITORY.post(NOW, body, "pr:deleted"), REPOSITORY.post(NOW + LONG, body, "pr:deleted")
    )

    assert outcomes([first, again]) == ["unknown", "unknown"]
    assert len(published(memory)) == 2


def test_dated_bytes_of_one_repository_say_nothing_of_another(memory: Memory) -> None:
    other = Hook("data-center", "bitbucket.example.com/pay/journal")
    body = native_push(date(NOW), AB)
    first, second = take(memory, REPOSITORY.post(NOW, body), other.post(NOW + 1, body))

    assert_is_new(second)
    assert first.ids != second.ids


TWICE = {
    "the same dated bytes": (
        PROJECT.push(NOW + 1, AB, date=date(NOW)),
        REPOSITORY.push(NOW + 1, AB, date=date(NOW)),
    ),
    "dated bytes that differ": (
        PROJECT.push(NOW + 1, AB, date=date(NOW)),
        REPOSITORY.push(NOW + 1, AB, date=date(NOW + SECOND)),
    ),
    "two hooks of Cloud at one url": (CLOUD.push(NOW + 1, AB), CLOUD_TOO.push(NOW + 1, AB)),
    "two urls of Cloud": (CLOUD.push(NOW + 1, AB), WORKSPACE.push(NOW + 1, AB)),
    "two urls of the plugin": (PLUGIN.push(NOW + 1, AB), PLUGIN_TOO.push(NOW + 1, AB)),
    "the plugin and a native hook": (PLUGIN.push(NOW + 1, AB), REPOSITORY.push(NOW + 1, AB, date=date(NOW))),
}


@pytest.mark.parametrize("turn", [1, -1], ids=["", "turned"])
@pytest.mark.parametrize("pair", TWICE.values(), ids=TWICE)
def test_one_push_through_two_hooks_is_one_event(memory: Memory, pair: tuple[Delivery, ...], turn: int) -> None:
    first, second = take(memory, *pair[::turn])

    assert_is_new(first)
    assert_repeats(first, second)


@pytest.mark.parametrize("turn", [1, -1], ids=["", "turned"])
@pytest.mark.parametrize(
    ("one", "other"), [(CLOUD, WORKSPACE), (PROJECT, REPOSITORY), (PLUGIN, PLUGIN_TOO), (REPOSITORY, PLUGIN)]
)
def test_a_ref_that_goes_there_and_back_and_there_under_two_hooks_has_an_event_for_each_move(
    memory: Memory, one: Hook, other: Hook, turn: int
) -> None:
    """Turned, the hook that told of the first move second tells of the last one first."""
    there, again, back, back_again, there_again, last = [
        memory.take(hook.push(NOW + at * SECOND + after, move, date=date(NOW + at * SECOND)))
        for at, move in enumerate([AB, BA, AB])
        for after, hook in enumerate([one, other][:: turn if at else 1])
    ]

    assert_repeats(there, again)
    assert_repeats(back, back_again)
    assert_repeats(there_again, last)
    assert published(memory) == [*there.ids, *back.ids, *there_again.ids]


@pytest.mark.parametrize(("later", "new"), [(LONG - 1, False), (LONG, True)])
def test_the_other_hooks_report_counts_for_less_than_ten_minutes_once_the_ref_moved_on(
    memory: Memory, later: int, *, new: bool
) -> None:
    first, _, second = take(memory, CLOUD.push(NOW, AB), CLOUD.push(NOW + 1, BA), WORKSPACE.push(NOW + later, AB))

    assert second.ids != first.ids if new else second.ids == first.ids
    assert bool(second.events) == new


def test_the_other_hooks_report_counts_for_as_long_as_the_ref_has_not_moved(memory: Memory) -> None:
    first, _, second = take(
        memory, CLOUD.push(NOW, AB), CLOUD.push(NOW + 1, TOPIC_AB), WORKSPACE.push(NOW + 30 * DAY, AB)
    )

    assert_repeats(first, second)


def test_each_hook_counts_for_itself(memory: Memory) -> None:
    """The first hook tells of both moves before the second tells of any; the third move is told by the second first."""
    there, _, again = take(memory, CLOUD.push(NOW, AB), CLOUD.push(NOW + 1, BA), CLOUD.push(NOW + 2, AB))
    told, _, told_again = take(
        memory, WORKSPACE.push(NOW + 3, AB), WORKSPACE.push(NOW + 4, BA), WORKSPACE.push(NOW + 5, AB)
    )
    third = memory.take(WORKSPACE.push(NOW + 6, AB))

    assert_repeats(there, told)
    assert_repeats(again, told_again)
    assert_is_new(third)
    assert_repeats(third, memory.take(CLOUD.push(NOW + 7, AB)))


def test_a_hook_that_replaced_another_does_not_repeat_what_that_one_told_long_ago(memory: Memory) -> None:
    take(memory, CLOUD.push(NOW, AB), CLOUD.push(NOW + 1, BA))
    later = NOW + DAY

    for decision in take(memory, *(CLOUD_TOO.push(later + at, move) for at, move in enumerate([AB, BA, AB]))):
        assert_is_new(decision)
    assert len(published(memory)) == 5


def test_a_hook_that_replaced_another_may_tell_the_last_change_again(memory: Memory) -> None:
    first, second, third = take(
        memory, CLOUD.push(NOW, AB), CLOUD_TOO.push(NOW + DAY, AB), CLOUD_TOO.push(NOW + DAY + 1, BA)
    )

    assert_repeats(first, second)
    assert_is_new(third)


def test_two_hooks_that_tell_of_something_not_understood_tell_of_it_once(memory: Memory) -> None:
    body = cloud_pull_request()
    first, second, late = take(
        memory,
        CLOUD.post(NOW, body, "issue:created"),
        CLOUD_TOO.post(NOW + 1, body, "issue:created"),
        Hook("cloud", CLOUD.scope, "a-third").post(NOW + LONG, body, "issue:created"),
    )

    assert_repeats(first, second)
    assert late.outcome == "unknown"
    assert len(published(memory)) == 2


def test_a_hook_added_beside_another_takes_no_event_from_it(memory: Memory) -> None:
    """The new hook's first report is taken for the first move; its equal bytes must not hide the second one."""
    take(memory, PROJECT.push(NOW, AB, date=date(NOW)), PROJECT.push(NOW + 1, BA, date=date(NOW + SECOND)))
    again = NOW + MINUTE
    take(memory, REPOSITORY.push(again, AB, date=date(again)), PROJECT.push(again + 1, AB, date=date(again)))

    assert len(published(memory)) == 3


def test_the_plugins_last_change_is_a_repeat_until_the_ref_moves(memory: Memory) -> None:
    first, soon, late, _, again = take(
        memory,
        PLUGIN.push(NOW, AB),
        PLUGIN.push(NOW + 1, AB),
        PLUGIN.push(NOW + DAY, AB),
        PLUGIN.push(NOW + DAY + 1, BA),
        PLUGIN.push(NOW + DAY + 2, AB),
    )

    assert_repeats(first, soon)
    assert_repeats(first, late)
    assert_is_new(again)


def test_a_delivery_of_the_plugin_is_a_repeat_only_if_each_of_its_refs_stands_there(memory: Memory) -> None:
    _, _, again, once_more = take(
        memory,
        PLUGIN.push(NOW, AB, TOPIC_AB),
        PLUGIN.push(NOW + 1, BC),
        PLUGIN.push(NOW + 2, AB, TOPIC_AB),
        PLUGIN.push(NOW + 3, AB, TOPIC_AB),
    )

    assert_is_new(again)
    assert_repeats(again, once_more)


def test_what_has_no_refs_is_no_repeat_of_the_plugin(memory: Memory) -> None:
    body = plugin_push(refChanges=[{"refId": MAIN}])
    decisions = take(memory, PLUGIN.post(NOW, body), PLUGIN.post(NOW + 1, body))

    assert outcomes(decisions) == ["unknown", "unknown"]
    assert len(published(memory)) == 2


@pytest.mark.parametrize("attempt", ["2", "3", "10", "100"])
def test_a_later_attempt_of_cloud_is_a_repeat_of_the_last_change(memory: Memory, attempt: str) -> None:
    first, again = take(memory, CLOUD.push(NOW, AB), CLOUD.push(NOW + 1, AB, attempt=attempt))

    assert_repeats(first, again)


@pytest.mark.parametrize("attempt", ["1", "0", "01", "", "two", "-2", "\u00b2", "2, 2"])
def test_what_does_not_say_that_it_is_a_later_attempt_is_new(memory: Memory, attempt: str) -> None:
    _, again = take(memory, CLOUD.push(NOW, AB), CLOUD.push(NOW + 1, AB, attempt=attempt))

    assert_is_new(again)


@pytest.mark.parametrize("between", [[], [AB, BA]], ids=["never seen", "moved on"])
def test_a_later_attempt_of_what_did_not_arrive_is_new(memory: Memory, between: list[Move]) -> None:
    take(memory, *(CLOUD.push(NOW, move) for move in between))

    assert_is_new(memory.take(CLOUD.push(NOW + 1, AB, attempt="2")))


def test_a_later_attempt_without_refs_is_no_repeat(memory: Memory) -> None:
    body = cloud_pull_request()
    _, again = take(
        memory,
        CLOUD.post(NOW, body, "pullrequest:approved"),
        CLOUD.post(NOW + 1, body, "pullrequest:approved", attempt="2"),
    )

    assert_is_new(again)


def test_a_native_hook_has_no_attempts(memory: Memory) -> None:
    again = REPOSITORY.push(NOW + 1, AB)
    again = replace(again, headers={**again.headers, "x-attempt-number": "2"})

    assert outcomes(take(memory, REPOSITORY.push(NOW, AB), again)) == ["accepted", "accepted"]


@ONE_OF_EACH
@pytest.mark.parametrize("pace", [SECOND, DAY], ids=["at once", "over days"])
def test_a_branch_deleted_re_created_and_deleted_again_is_three_events(memory: Memory, hook: Hook, pace: int) -> None:
    decisions = [
        memory.take(hook.push(NOW + at * pace, move, date=date(NOW + at * pace)))
        for at, move in enumerate([DELETED, CREATED, DELETED])
    ]

    assert [event.draft.type for event in memory.published] == ["ref.deleted", "ref.created", "ref.deleted"]
    assert published(memory) == [*decisions[0].ids, *decisions[1].ids, *decisions[2].ids]


@ONE_OF_EACH
@pytest.mark.parametrize("pace", [SECOND, DAY], ids=["at once", "over days"])
def test_a_ref_that_goes_there_and_back_and_there_is_three_events(memory: Memory, hook: Hook, pace: int) -> None:
    for at, move in enumerate([AB, BA, AB]):
        assert_is_new(memory.take(hook.push(NOW + at * pace, move, date=date(NOW + at * pace))))

    assert len(published(memory)) == 3


def test_bytes_that_were_accepted_under_another_key_are_unknown(memory: Memory) -> None:
    body = cloud_pull_request()
    first, claimed, retried, other, right = take(
        memory,
        CLOUD.post(NOW, body, "pullrequest:created"),
        CLOUD.post(NOW + 1, body, "pullrequest:fulfilled", request=1),
        CLOUD.post(NOW + DAY, body, "pullrequest:fulfilled", request=1),
        CLOUD.post(NOW + DAY, body, "pullrequest:rejected"),
        CLOUD.post(NOW + 2 * DAY, body, "pullrequest:created"),
    )

    assert outcomes([first, claimed, retried, other, right]) == [
        "accepted", "unknown", "duplicate", "unknown", "duplicate",
    ]  # fmt: skip
    assert [event.draft.type for event in claimed.events] == ["unknown"]
    assert claimed.intake.reason == "the same bytes were accepted before under another event key"
    assert_repeats(claimed, retried)
    assert_repeats(first, right)
    assert len(published(memory)) == 3


def test_bytes_that_were_only_unknown_under_another_key_are_believed(memory: Memory) -> None:
    body = cloud_pull_request()
    unknown, right, again = take(
        memory,
        CLOUD.post(NOW, body, "pullrequest:unheard_of"),
        CLOUD.post(NOW + 1, body, "pullrequest:created"),
        CLOUD.post(NOW + 2, body, "pullrequest:created"),
    )

    assert unknown.outcome == "unknown"
    assert_is_new(right)
    assert_repeats(right, again)


def test_bytes_that_were_a_repeat_under_one_key_are_unknown_under_another(memory: Memory) -> None:
    """They were understood, though they brought no event."""
    body = cloud_push(AB, pullrequest={"id": 7})
    _, told, claimed = take(
        memory, WORKSPACE.push(NOW, AB), CLOUD.post(NOW + 1, body), CLOUD.post(NOW + 2, body, "pullrequest:created")
    )

    assert outcomes([told, claimed]) == ["duplicate", "unknown"]


def test_bytes_accepted_for_one_repository_may_be_anothers_under_another_key(memory: Memory) -> None:
    body = cloud_pull_request()
    other = Hook("cloud", "bitbucket.org/fjordline/harbour", CLOUD.uuid)
    decisions = take(
        memory, CLOUD.post(NOW, body, "pullrequest:created"), other.post(NOW + 1, body, "pullrequest:updated")
    )

    assert outcomes(decisions) == ["accepted", "accepted"]


def test_what_was_not_understood_is_a_repeat_when_the_request_is_sent_again(memory: Memory) -> None:
    body = native_pull_request("pr:deleted", date(NOW))
    first, again = take(
        memory,
        REPOSITORY.post(NOW, body, "pr:deleted", request=1),
        REPOSITORY.post(NOW + DAY, body, "pr:deleted", request=1),
    )

    assert first.outcome == "unknown"
    assert_repeats(first, again)


def test_unreadable_dated_bytes_are_told_from_those_believed_under_another_key(memory: Memory) -> None:
    """A body that fits two keys: nothing readable under the first, accepted under the second, then the first again."""
    body = native_pull_request("", date(NOW), eventKey=None, repository={}, changes=[{}])
    first, _, again, replayed = take(
        memory,
        REPOSITORY.post(NOW, body, "repo:refs_changed", request=1),
        REPOSITORY.post(NOW + 1, body, "pr:opened", request=2),
        REPOSITORY.post(NOW + 2, body, "repo:refs_changed", request=1),
        REPOSITORY.post(NOW + 3, body, "repo:refs_changed", request=3),
    )

    assert_repeats(first, again)
    assert replayed.outcome in {"unknown", "duplicate"}
    assert len(published(memory)) >= 2


@pytest.mark.parametrize(
    ("known", "move", "gap"),
    [
        ([], AB, True),
        ([], CREATED, False),
        ([], DELETED, True),
        ([AB], BC, False),
        ([AB], AB, True),
        ([AB], CREATED, True),
        ([AB], Move(MAIN, C, A), True),
        ([CREATED, DELETED], CREATED, False),
        ([CREATED, DELETED], AB, True),
        ([TOPIC_AB], AB, True),
    ],
)
def test_there_is_a_gap_where_the_ref_was_not_known_to_stand(
    memory: Memory, known: list[Move], move: Move, *, gap: bool
) -> None:
    take(memory, *(CLOUD.push(NOW, seen) for seen in known))
    found = memory.take(CLOUD.push(NOW + 1, move))

    assert [event.gap for event in found.events] == [gap]


def test_moves_of_one_push_follow_one_another_without_a_gap(memory: Memory) -> None:
    memory.take(CLOUD.push(NOW, CREATED, AB, BC))

    assert [event.gap for event in memory.published] == [False, False, False]


def test_a_repeat_moves_no_ref(memory: Memory) -> None:
    _, _, _, third = take(
        memory,
        CLOUD.push(NOW, CREATED),
        CLOUD.push(NOW + 1, AB),
        WORKSPACE.push(NOW + 2, CREATED),
        CLOUD.push(NOW + 3, BC),
    )

    assert [event.gap for event in third.events] == [False]


@ONE_OF_EACH
def test_no_changes_are_accepted_with_no_events_however_often(memory: Memory, hook: Hook) -> None:
    decisions = take(
        memory,
        hook.push(NOW, date=date(NOW), request=1),
        hook.push(NOW + 1, date=date(NOW), request=1, attempt="2"),
        hook.push(NOW + 2, date=date(NOW)),
    )

    assert outcomes(decisions) == ["accepted", "accepted", "accepted"]
    assert [decision.ids for decision in decisions] == [(), (), ()]


def test_a_delivery_with_one_repeat_and_one_new_event_is_accepted_and_tells_both_ids(memory: Memory) -> None:
    first = memory.take(CLOUD.push(NOW, AB))
    mixed = memory.take(WORKSPACE.push(NOW + 1, TOPIC_AB, AB))

    assert mixed.outcome == "accepted"
    assert mixed.ids == (mixed.events[0].id, *first.ids)
    assert [event.draft.subject for event in mixed.events] == [TOPIC]
    assert_repeats(mixed, memory.take(CLOUD.push(NOW + 2, TOPIC_AB, AB, attempt="2")))


def test_what_cannot_be_read_at_all_is_a_dead_letter_each_time_and_is_not_remembered(memory: Memory) -> None:
    decisions = take(memory, CLOUD.post(NOW, b"{", request=1), CLOUD.post(NOW + 1, b"{", request=1))

    assert [(found.outcome, found.ids) for found in decisions] == [("dead_letter", ())] * 2
    assert memory.identities == {}


def test_an_id_is_made_of_repository_content_and_occurrence_alone() -> None:
    """Other hooks, dialects, times and bytes give the same ids; another repository gives others."""
    moves = [AB, BA, AB, BA, AB]
    elsewhere = Hook("data-center", "bitbucket.example.com/pay/journal")
    told: dict[str, list[str]] = {}
    for hook in (PLUGIN, PROJECT, elsewhere):
        memory = Memory()
        start = NOW + len(told) * DAY
        take(memory, *(hook.push(start + at, move, date=date(start + at * SECOND)) for at, move in enumerate(moves)))
        told[hook.scope] = published(memory)

    assert told[PLUGIN.scope] == told[PROJECT.scope]
    assert not set(told[PLUGIN.scope]) & set(told[elsewhere.scope])


def test_what_is_remembered_of_one_change_is_bounded(memory: Memory) -> None:
    """Five hundred hooks tell of it, and one hook of five hundred occurrences within ten minutes."""
    for number in range(500):
        memory.take(Hook("cloud", CLOUD.scope, f"hook-{number}").push(NOW + number, AB))
    for number in range(500):
        assert_is_new(memory.take(WORKSPACE.push(NOW + 500 + number, BA)))

    assert max(map(len, memory.identities.values())) < 4096
    assert len(published(memory)) >= 501


def test_no_number_of_other_hooks_hides_what_one_hook_tells(memory: Memory) -> None:
    """Whoever has one signed push can send it on under any hook id, which no signature covers."""
    take(memory, CLOUD.push(NOW, AB), CLOUD.push(NOW + 1, BA))
    for number in range(100):
        memory.take(Hook("cloud", CLOUD.scope, f"hook-{number}").push(NOW + 2, AB))
    memory.take(CLOUD.push(NOW + 3, AB))

    assert [event.draft.move for event in memory.published].count(AB) >= 2
