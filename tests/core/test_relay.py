"""The relay: per topic send, wait, hold; told the time, asked for orders."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.relay import FIRST_HOLD, LONGEST_HOLD, Relay, Send, hold_seconds


def test_a_topic_never_seen_before_starts_at_its_first_row() -> None:
    relay = Relay()
    relay.grew("refs", 7)

    assert list(relay.orders(0.0)) == [Send("refs", 0, alone=False)]


def test_after_a_start_it_resumes_behind_the_last_acknowledged() -> None:
    relay = Relay()
    relay.grew("refs", 90, cursor=40)

    assert list(relay.orders(0.0)) == [Send("refs", 40, alone=False)]


def test_one_order_of_a_topic_is_out_at_a_time() -> None:
    relay = Relay()
    relay.grew("refs", 5)
    list(relay.orders(0.0))
    relay.grew("refs", 9)

    assert list(relay.orders(1.0)) == []


def test_acknowledged_events_are_not_ordered_again_and_what_grew_meanwhile_is() -> None:
    relay = Relay()
    relay.grew("refs", 5)
    list(relay.orders(0.0))
    relay.grew("refs", 9)
    relay.acknowledged("refs", 5)

    assert list(relay.orders(1.0)) == [Send("refs", 5, alone=False)]
    relay.acknowledged("refs", 9)
    assert list(relay.orders(2.0)) == []


def test_an_interrupted_order_is_given_again_at_once_from_the_same_place() -> None:
    relay = Relay()
    relay.grew("refs", 5)
    first = list(relay.orders(0.0))
    relay.interrupted("refs")

    assert list(relay.orders(0.0)) == first


def test_a_topic_that_refuses_is_held_and_the_others_go_on() -> None:
    relay = Relay()
    relay.grew("refs", 5)
    relay.grew("issues", 6)
    list(relay.orders(0.0))
    seconds = relay.refused("refs", "not_authorized", 0.0, chance=1.0)
    relay.acknowledged("issues", 6)
    relay.grew("issues", 8)

    assert seconds == FIRST_HOLD
    assert list(relay.orders(FIRST_HOLD - 0.01)) == [Send("issues", 6, alone=False)]
    assert relay.blocked() == {"refs": "not_authorized"}
    assert relay.wakes_at() == FIRST_HOLD
    assert list(relay.orders(FIRST_HOLD)) == [Send("refs", 0, alone=True)]


def test_what_a_held_topic_gathered_is_sent_from_where_it_stopped() -> None:
    relay = Relay()
    relay.grew("refs", 5, cursor=3)
    list(relay.orders(0.0))
    relay.refused("refs", "unknown_topic", 0.0, chance=0.0)
    relay.grew("refs", 50)

    assert list(relay.orders(100.0)) == [Send("refs", 3, alone=True)]
    relay.acknowledged("refs", 50)
    assert relay.blocked() == {}
    assert relay.wakes_at() is None


@pytest.mark.parametrize(("refusals", "longest"), [(1, 0.5), (2, 1.0), (3, 2.0), (8, 60.0), (1000, LONGEST_HOLD)])
def test_holds_double_up_to_a_minute_and_half_of_them_is_chance(refusals: int, longest: float) -> None:
    assert hold_seconds(refusals, 0.0) == longest / 2
    assert hold_seconds(refusals, 1.0) == longest


@given(st.lists(st.sampled_from(["grew", "order", "acknowledged", "refused", "interrupted"]), max_size=60))
def test_whatever_happens_orders_never_skip_and_never_overlap(happenings: list[str]) -> None:
    relay, head, acknowledged, now = Relay(), 1, 0, 0.0
    relay.grew("refs", head)
    out: list[Send] = []
    for happening in happenings:
        now += 100.0
        if happening == "grew":
            head += 3
            relay.grew("refs", head)
        elif happening == "order":
            given_now = list(relay.orders(now))
            assert not (out and given_now)
            out += given_now
            assert all(order.after == acknowledged for order in out)
        elif out:
            out.pop()
            if happening == "acknowledged":
                acknowledged += 1
                relay.acknowledged("refs", acknowledged)
            elif happening == "refused":
                relay.refused("refs", "too_large", now, chance=0.5)
            else:
                relay.interrupted("refs")
    assert out or acknowledged == head or list(relay.orders(now + LONGEST_HOLD))
