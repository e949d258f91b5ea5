"""What is too large for a record is made smaller, and stays an event."""

import orjson
from hypothesis import given
from hypothesis import strategies as st

from gateway.shrink import shrink

HASH = "a" * 40


def ref_change(commits: int, message: str) -> bytes:
    return orjson.dumps(
        {
            "repository": {"key": "h/p/r"},
            "ref": {"id": "refs/heads/" + "x" * 200},
            "before": None,
            "after": HASH,
            "commits": [{"id": HASH, "message": message} for _ in range(commits)],
            "commits_complete": True,
        }
    )


def test_commits_go_first_and_that_is_said() -> None:
    data = ref_change(1000, "long " * 100)
    small = orjson.loads(shrink(data, 2000))

    assert small["commits"] == []
    assert small["commits_complete"] is False
    assert small["ref"] == {"id": "refs/heads/" + "x" * 200}


def test_then_long_texts_are_cut_as_little_as_needed() -> None:
    data = orjson.dumps({"pull_request": {"title": "t", "description": "d" * 50_000}, "comment": {"text": "c" * 3000}})
    small = orjson.loads(shrink(data, 10_000))

    assert small["pull_request"] == {"title": "t", "description": "d" * 4095 + "…"}
    assert small["comment"] == {"text": "c" * 3000}


def test_names_and_ids_are_never_cut() -> None:
    data = orjson.dumps({"ref": {"id": "refs/heads/" + "r" * 5000}, "comment": {"text": "c" * 90_000}})
    small = orjson.loads(shrink(data, 6000))

    assert small["ref"] == {"id": "refs/heads/" + "r" * 5000}


def test_an_unknown_payload_goes_as_a_whole_with_the_reason() -> None:
    data = orjson.dumps({"event_key": "foo:bar", "reason": "not in the table", "payload": {"x": "y" * 10_000}})

    assert orjson.loads(shrink(data, 1000)) == {"event_key": "foo:bar", "reason": "too_large", "payload": None}


@given(st.integers(0, 40), st.text(max_size=400), st.integers(600, 4000))
def test_a_shrunk_event_fits_and_keeps_its_fields(commits: int, message: str, limit: int) -> None:
    data = ref_change(commits, message)
    small = shrink(data, limit)

    assert len(small) <= limit
    assert orjson.loads(small).keys() == orjson.loads(data).keys()
