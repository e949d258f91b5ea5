"""The readers of untrusted JSON: what is there and of the right type is taken, all else is `None`; nothing raises."""

import contextlib
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.dialects import reading
from gateway.dialects.reading import parse_json

FEW = settings(max_examples=20, deadline=None, database=None)

LEAVES = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.lists(st.sampled_from(["a", "é", "\0", '"', "\\", "\\u", "d83d", "\U0001f600", "\ud83d", "\ude00"])).map(
    "".join
)
JSON = st.recursive(
    LEAVES | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
LONE = re.compile("[\ud800-\udfff]")

PARSED: dict[bytes, object] = {
    b'{"a": [1, -2.5, true, null, "x"]}': {"a": [1, -2.5, True, None, "x"]},
    b' \t\r\n"x"\n': "x",
    b'\xef\xbb\xbf{"a": 1}': {"a": 1},
    b'\xef\xbb\xbf"\\ud83d"': "\ufffd",
    '"naïve \U0001f600"'.encode(): "naïve \U0001f600",
    rb'"\ud83d\ude00"': "\U0001f600",
    rb'"\uD83D\uDE00"': "\U0001f600",
    rb'"cut \ud83d"': "cut \ufffd",
    rb'"\ude00 first"': "\ufffd first",
    rb'"\ude00\ud83d"': "\ufffd\ufffd",
    rb'"\ud83d\ud83d\ude00"': "\ufffd\U0001f600",
    rb'"\ud83d\n\ude00"': "\ufffd\n\ufffd",
    rb'"\ud83dude00"': "\ufffdude00",
    rb'"\\ud83d \ud83d"': "\\ud83d \ufffd",
    rb'"\\\ud83d"': "\\\ufffd",
    rb'{"\udfff": "\udbff"}': {"\ufffd": "\ufffd"},
    b"[" * 500 + b"]" * 500: json.loads("[" * 500 + "]" * 500),
}


def test_a_byte_order_mark_is_dropped_and_a_lone_surrogate_replaced() -> None:
    assert {body: parse_json(body) for body in PARSED} == PARSED


NO_JSON = [
    b"",
    b" ",
    b"\xef\xbb\xbf",
    b"{",
    b'{"a": 1} x',
    b"{'a': 1}",
    b"NaN",
    b'{"a": Infinity}',
    b'{"a": 01}',
    b'"\x01"',
    rb'"\x41"',
    rb'"\ud83"',
    b'"\xff"',
    b'"caf\xe9"',
    b'"\xed\xa0\xbd"',
    '{"a": 1}'.encode("utf-16"),
    '{"a": 1}'.encode("utf-32-le"),
    b"\x1f\x8b\x08\x00",
    b"payload=%7B%7D",
    b"[" * 100_000 + b"]" * 100_000,
    b"[" * 100_000,
    b'{"a":' * 100_000,
]


def test_what_is_no_json_or_not_utf_8_or_too_deep_is_a_value_error() -> None:
    for body in NO_JSON:
        with pytest.raises(ValueError):  # noqa: PT011 - what it says is for people
            parse_json(body)


SHREDS = st.lists(st.sampled_from([b'"', b"\\", b"u", b"d83d", b"[", b"{", b"1", b"\xff", b"\xef\xbb\xbf"]))


@FEW
@given(st.binary(max_size=40) | SHREDS.map(b"".join))
def test_parsing_never_raises_anything_but_value_error(body: bytes) -> None:
    with contextlib.suppress(ValueError):
        parse_json(body)


@FEW
@given(JSON)
@example("\ud83d\ude00\ude00")
def test_parsing_agrees_with_the_standard_library_but_for_lone_surrogates(document: object) -> None:
    """Escaped, the two halves of a pair are one character (RFC 8259 §7); a half alone is not one."""
    written = json.dumps(document)

    assert parse_json(written.encode()) == json.loads(
        LONE.sub("\ufffd", json.dumps(json.loads(written), ensure_ascii=False))
    )


BODY: dict[str, Any] = {
    "text": "x",
    "empty": "",
    "number": 7,
    "zero": 0,
    "real": 1.5,
    "yes": True,
    "no": False,
    "null": None,
    "list": [1, {"a": 1}, None, "x", {}],
    "object": {"name": "n", "deeper": {"id": 12}},
    "void": {},
}

READ: dict[Callable[..., Any], dict[str, Any]] = {
    reading.text: {"text": "x", "empty": ""},
    reading.filled: {"text": "x"},
    reading.flag: {"yes": True, "no": False},
    reading.number: {"number": 7, "zero": 0},
    reading.identifier: {"text": "x", "number": "7", "zero": "0"},
}


@pytest.mark.parametrize("read", READ, ids=lambda read: read.__name__)
def test_a_reader_takes_what_is_of_its_type_and_nothing_else(read: Callable[..., Any]) -> None:
    found = {name: read(BODY, name) for name in [*BODY, "absent"]}

    assert {name: value for name, value in found.items() if value is not None} == READ[read]
    assert all(type(value) is type(READ[read][name]) for name, value in found.items() if value is not None)


def test_objects_and_lists_that_are_missing_read_as_empty() -> None:
    assert {
        name: dict(reading.mapping(BODY, name)) for name in ("object", "void", "list", "text", "null", "absent")
    } == {
        "object": BODY["object"],
        "void": {},
        "list": {},
        "text": {},
        "null": {},
        "absent": {},
    }
    assert [list(reading.items(BODY, name)) for name in ("list", "object", "text", "absent")] == [
        BODY["list"],
        [],
        [],
        [],
    ]
    assert list(reading.mappings(BODY, "list")) == [{"a": 1}, {}]


def test_a_path_of_any_depth_can_be_walked() -> None:
    paths: dict[tuple[str, ...], object] = {
        ("object", "deeper", "id"): 12,
        ("object", "deeper"): {"id": 12},
        ("zero",): 0,
        ("object", "name", "first", "letter"): None,
        ("list", "0", "a"): None,
        ("null", "values"): None,
        ("absent",): None,
    }

    assert {path: reading.at(BODY, path) for path in paths} == paths
    assert dict(reading.mapping_at(BODY, ("object", "deeper"))) == {"id": 12}
    assert dict(reading.mapping_at(BODY, ())) == BODY
    assert [dict(reading.mapping_at(BODY, path)) for path in paths if path != ("object", "deeper")] == [{}] * 6


HASH = "0123456789abcdef" * 2 + "01234567"
HASHES: dict[object, str | None] = {
    HASH: HASH,
    HASH.upper(): HASH,
    "0" * 40: None,
    "0" * 39 + "1": "0" * 39 + "1",
    HASH[:12]: None,
    HASH[:39]: None,
    HASH + "0": None,
    HASH[:39] + "g": None,
    HASH[:39] + "\u0661": None,
    HASH + "\n": None,
    "": None,
    0: None,
    None: None,
    True: None,
}


def test_a_hash_has_forty_hex_digits_and_zeros_are_none() -> None:
    assert {given: reading.commit_hash({"h": given}, "h") for given in HASHES} == HASHES
    assert reading.commit_hash({"h": [HASH]}, "h") is None


def test_a_hash_in_a_pull_request_may_be_cut_and_is_passed_on_as_it_is() -> None:
    given = [HASH, HASH[:12], HASH[:7], HASH[:6], HASH + "0", "", "not a hash", 1234567, None]
    taken = [HASH, HASH[:12], HASH[:7], None, None, None, None, None, None]

    assert [reading.commit_prefix({"h": one}, "h") for one in given] == taken


INSTANTS: dict[object, str] = {
    "2017-09-19T09:45:32+1000": "2017-09-18T23:45:32Z",
    "2018-08-01T16:26:46-0400": "2018-08-01T20:26:46Z",
    "2018-07-05T19:21:30+0000": "2018-07-05T19:21:30Z",
    "2018-09-21T14:09:51.000Z": "2018-09-21T14:09:51Z",
    "2018-09-21T14:09:51.250Z": "2018-09-21T14:09:51.250Z",
    "2017-08-01T07:58:37.139413+00:00": "2017-08-01T07:58:37.139413Z",
    "2017-08-01T07:58:37+00:00": "2017-08-01T07:58:37Z",
    1530818490000: "2018-07-05T19:21:30Z",
    1530818490007: "2018-07-05T19:21:30.007Z",
    0: "1970-01-01T00:00:00Z",
    253402300799999: "9999-12-31T23:59:59.999Z",
}


def test_a_time_is_read_in_every_form_bitbucket_was_seen_to_use() -> None:
    assert {given: reading.instant(given) for given in INSTANTS} == INSTANTS


NO_INSTANTS = [
    "",
    "now",
    "6/4/25 11:12 PM",
    "2018-13-01T00:00:00Z",
    "2018-07-05T19:21:60Z",
    "0001-01-01T00:00:00+01:00",
]
NO_INSTANTS += ["9999-12-31T23:59:59-01:00", "2018-07-05T19:21:30+25:00", "Tue, 18 Jan 2022 16:55:22 GMT"]


def test_what_is_no_time_is_none() -> None:
    given: list[object] = [
        *NO_INSTANTS,
        253402300800000,
        -1,
        2**80,
        1530818490.5,
        True,
        None,
        [],
        {"iso": "2018-07-05T19:21:30Z"},
    ]

    assert [reading.instant(one) for one in given] == [None] * len(given)


LINKS: list[tuple[object, str | None]] = [
    ({"self": [{"href": "https://h/x"}, {"href": "https://h/y"}]}, "https://h/x"),
    ({"self": {"href": "https://h/x"}}, "https://h/x"),
    ({"self": [None]}, None),
    ({"self": []}, None),
    ({"self": [{}]}, None),
    ({"self": [{"href": ""}]}, None),
    ({"self": {"href": None}}, None),
    ({"self": "https://h/x"}, None),
    ([], None),
    (None, None),
]


def test_a_link_is_read_from_a_list_or_an_object_or_is_none() -> None:
    assert [reading.link({"links": links}, "self") for links, _ in LINKS] == [href for _, href in LINKS]
    assert reading.link({}, "self") is None


NAMES = st.sampled_from(["a", "b", "links"])


@FEW
@given(st.dictionaries(NAMES, JSON), st.lists(NAMES, min_size=1, max_size=4))
def test_no_reader_raises_whatever_it_is_given(source: dict[str, Any], path: list[str]) -> None:
    for read in (*READ, reading.commit_hash, reading.commit_prefix, reading.mapping, reading.items, reading.link):
        read(source, path[0])
    assert all(isinstance(item, dict) for item in reading.mappings(source, path[0]))
    assert isinstance(reading.mapping_at(source, tuple(path)), dict)
    assert isinstance(reading.instant(reading.at(source, tuple(path))), str | None)
