"""The ledger finds what is wrong: the tests of publishing stand on it."""

from broker.kafka import Record
from ledger import STRUCTURED, Seen, balance, seen


def event(number: int, offset: int | None = None, *, key: str = "a", partition: int = 0, id: str = "") -> Seen:  # noqa: A002
    return Seen("refs", partition, number if offset is None else offset, key, id or f"e{number}", number)


def test_what_arrived_in_order_is_even() -> None:
    found = balance(["e1", "e2", "e3"], [event(1), event(2, key="b", partition=1), event(3)])

    assert found.is_even
    assert found.repeated == []


def test_what_did_not_arrive_is_lost_and_what_nobody_was_told_of_is_foreign() -> None:
    found = balance(["e1", "e2"], [event(2), event(3)])

    assert (found.lost, found.foreign) == (frozenset({"e1"}), frozenset({"e3"}))
    assert not found.is_even


def test_two_of_one_key_that_changed_places_are_reordered() -> None:
    found = balance(["e1", "e2"], [event(2, 0), event(1, 1)])

    assert found.reordered == [("e2", "e1")]
    assert not found.is_even


def test_other_keys_and_repeats_do_not_count_for_the_order() -> None:
    found = balance(["e1", "e2", "e3"], [event(3, 0, key="b"), event(1, 1), event(2, 2), event(1, 3), event(2, 4)])

    assert found.is_even
    assert found.repeated == ["e1", "e2"]


def test_a_repeat_that_is_another_event_is_confusion() -> None:
    assert balance(["e1", "x"], [event(1), event(1, 5, id="x")]).confused == {"1"}
    assert balance(["e1"], [event(1), event(2, id="e1")]).confused == {"e1"}
    assert balance(["e1", "e2"], [event(1), event(2, partition=1)]).confused == {"('refs', 'a')"}


def test_both_content_modes_are_read() -> None:
    number = b"00000000000000000007"
    binary = Record(
        1, 4, b"k", [("content-type", b"application/json"), ("ce_id", b"i"), ("ce_sequence", number)], b"", 0
    )
    structured = Record(1, 4, b"k", [("content-type", STRUCTURED)], b'{"id": "i", "sequence": "%b"}' % number, 0)

    assert seen("t", [binary]) == seen("t", [structured]) == [Seen("t", 1, 4, "k", "i", 7)]
