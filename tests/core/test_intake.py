"""From a delivery to its events in one sentence: authentic bytes are never refused, whatever they say."""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

import msgspec
import orjson
from bodies import MAIN, NEXT, V1, A, B, C, native, native_change, native_push, server_change
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.authenticate import Proof, Refused
from gateway.delivery import Delivery, DialectName, Host, Scope
from gateway.errors import Code
from gateway.intake import Intake, as_unknown, intake, is_ping
from gateway.secrets import Keyring, MasterKey

FEW = settings(max_examples=20, deadline=None, database=None)

KEYRING = Keyring((MasterKey(b"a master key of the tests of intake"),))
REPO = Scope("bitbucket.example.com", "prj", "repo")
KEY = "bitbucket.example.com/prj/repo"
DEEP = 5_000
NO_HEADERS: Mapping[str, str] = {}


def delivery(
    body: object,
    event_key: str = "repo:refs_changed",
    *,
    scope: Scope = REPO,
    dialect: DialectName = "data-center",
    headers: Mapping[str, str] = NO_HEADERS,
) -> Delivery:
    """A signed delivery of those bytes, or of that document as JSON."""
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    signature = "sha256=" + hmac.digest(KEYRING.secret(scope).encode(), raw, "sha256").hex()
    return Delivery(
        id="d1",
        scope=scope,
        dialect=dialect,
        event_key=event_key,
        headers={"x-hub-signature": signature, "content-type": "application/json", **headers},
        body=raw,
        received_at=0,
    )


def taken(given: Delivery, topics: str = "bitbucket.{family}") -> Intake:
    found = intake(given, Host(), KEYRING, topics)
    assert isinstance(found, Intake)
    return found


def data_of(found: Intake) -> list[Any]:
    return [orjson.loads(draft.data) for draft in found.drafts]


def test_a_push_becomes_a_draft_per_ref_ready_for_its_topic() -> None:
    body = native_push([native_change(MAIN, A, B), native_change(V1, None, C), None])
    found = taken(delivery(body))

    assert (found.outcome, found.key, found.reason, found.dated) == ("accepted", KEY, None, True)
    assert isinstance(found.proof, Proof)
    assert [(draft.type, draft.key, draft.subject, draft.topic) for draft in found.drafts] == [
        ("ref.updated", KEY, MAIN, "bitbucket.refs"),
        ("ref.created", KEY, V1, "bitbucket.refs"),
        ("unknown", KEY, None, "bitbucket.unknown"),
    ]
    assert [draft.move and (draft.move.ref, draft.move.before, draft.move.after) for draft in found.drafts] == [
        (MAIN, A, B),
        (V1, None, C),
        None,
    ]
    assert [data.get("after") for data in data_of(found)] == [B, C, None]


def test_a_pull_request_goes_to_its_own_topic_and_is_no_move() -> None:
    (draft,) = taken(delivery(native("pr:opened"), "pr:opened"), "{hostname}.{project}.{family}").drafts

    assert (draft.type, draft.subject, draft.move) == ("pull_request.opened", "pull-requests/12", None)
    assert draft.topic == "bitbucket.example.com.prj.pull-requests"


def test_another_name_in_the_payload_is_a_claim_of_every_draft() -> None:
    other = Scope("bitbucket.example.com", "prj", "old")
    found = taken(delivery(native_push([native_change(MAIN, A, B), native_change(V1, None, C)]), scope=other))

    assert [(draft.key, draft.claimed_key) for draft in found.drafts] == [("bitbucket.example.com/prj/old", KEY)] * 2


def test_what_is_not_believed_is_not_parsed() -> None:
    given = delivery(b"[" * 100_000)
    unsigned = msgspec.structs.replace(given, headers=NO_HEADERS)

    refused = intake(unsigned, Host(), KEYRING, "t")

    assert isinstance(refused, Refused)
    assert refused.code is Code.UNAUTHENTICATED


OUTCOMES: list[tuple[str, object, str, list[str]]] = [
    ("repo:refs_changed", native_push([]), "accepted", []),
    ("repo:refs_changed", native_push([native_change(MAIN, A, B)]), "accepted", ["ref.updated"]),
    ("repo:refs_changed", native_push([None, native_change(MAIN, A, B)]), "accepted", ["unknown", "ref.updated"]),
    ("repo:refs_changed", native_push([None, {}]), "unknown", ["unknown", "unknown"]),
    ("repo:refs_changed", native_push([], eventKey="pr:opened"), "unknown", ["unknown"]),
    ("repo:refs_changed", {}, "unknown", ["unknown"]),
    ("repo:refs_changed", [], "unknown", ["unknown"]),
    ("repo:refs_changed", None, "unknown", ["unknown"]),
    ("repo:refs_changed", "text", "unknown", ["unknown"]),
    ("repo:refs_changed", 7, "unknown", ["unknown"]),
    ("x:y", {"a": 1}, "unknown", ["unknown"]),
    ("", {"test": True}, "unknown", ["unknown"]),
    ("pr:opened", native("pr:opened"), "accepted", ["pull_request.opened"]),
]


def test_what_is_understood_is_accepted_and_what_is_not_is_unknown() -> None:
    for event_key, body, outcome, types in OUTCOMES:
        found = taken(delivery(body, event_key))

        assert (found.outcome, [draft.type for draft in found.drafts]) == (outcome, types), (event_key, body)


def test_an_unknown_event_carries_its_key_its_reason_and_its_payload() -> None:
    body = {"eventKey": "x:y", "n": [1, 2.5, None, "naïve \U0001f600"]}
    (data,) = data_of(taken(delivery(body, "x:y")))

    assert list(data) == ["event_key", "reason", "payload"]
    assert (data["event_key"], data["payload"]) == ("x:y", body)
    assert data["reason"]


NO_JSON = [
    b"",
    b"\xff\xfe",
    b"{",
    b"payload=%7B%7D",
    b"\x1f\x8b\x08",
    b"[" * 100_000 + b"]" * 100_000,
    '"a"'.encode("utf-16"),
]


def test_what_cannot_be_read_is_a_dead_letter_under_the_urls_key() -> None:
    for body in NO_JSON:
        given = delivery(body)
        found = taken(given)
        (draft,) = found.drafts

        assert (found.outcome, found.key, found.dated, draft.type) == ("dead_letter", KEY, False, "dead_letter")
        assert (draft.key, draft.subject, draft.move, draft.data) == (KEY, None, None, body[: 64 * 1024])
        assert draft.headers is not None
        assert draft.headers == {
            "reason": found.reason,
            "delivery": "d1",
            "scope": KEY,
            "eventkey": "repo:refs_changed",
            "bytes": str(len(body)),
            "sha256": hashlib.sha256(body).hexdigest(),
            "content-type": "application/json",
        }


def test_a_message_cut_inside_an_emoji_and_a_byte_order_mark_are_read() -> None:
    body = b'\xef\xbb\xbf{"changes": [], "text": "cut \\ud83d", "eventKey": "x"}'
    (data,) = data_of(taken(delivery(body)))

    assert data["payload"]["text"] == "cut \ufffd"


def test_authentic_json_of_any_depth_is_answered() -> None:
    """The parser of Python's own JSON, the encoder's and the stack of the caller have different limits."""
    for depth in (*range(200, 1100, 150), 1023, 1024, 1025, DEEP):
        for body in (b"[" * depth + b"]" * depth, b'{"a":' * depth + b"0" + b"}" * depth):
            found = taken(delivery(body))

            assert found.outcome in {"unknown", "dead_letter"}
            assert found.outcome == "dead_letter" or [draft.type for draft in found.drafts] == ["unknown"]


def test_a_deep_element_does_not_hide_the_refs_beside_it() -> None:
    element = b"[" * 1000 + b"]" * 1000
    body = orjson.dumps(native_push([native_change(MAIN, A, B), 7])).replace(b"7]", element + b"]")
    found = taken(delivery(body))

    assert [draft.type for draft in found.drafts] == ["ref.updated", "unknown"]


@FEW
@given(st.binary(max_size=60), st.sampled_from(["repo:refs_changed", "pr:opened", "", "x:y"]))
def test_no_bytes_with_a_right_signature_are_refused(body: bytes, event_key: str) -> None:
    for dialect in ("data-center", "cloud", "post-receive", "post-webhooks-app", "legacy-post"):
        found = taken(delivery(body, event_key, dialect=dialect))

        assert found.outcome in {"unknown", "dead_letter"}


PINGS: list[tuple[str, bytes, bool]] = [
    ("diagnostics:ping", b"", True),
    ("diagnostics:ping", b'{"test": true}', True),
    ("diagnostics:ping", b'{ "test" :true }\n', True),
    ("diagnostics:ping", b" " * 1010 + b'{"test": true}', True),
    ("diagnostics:ping", b" " * 1011 + b'{"test": true}', False),
    ("diagnostics:ping", b'{"test": false}', False),
    ("diagnostics:ping", b'{"test": "true"}', False),
    ("diagnostics:ping", b'{"test": true, "changes": []}', False),
    ("diagnostics:ping", b"{}", False),
    ("diagnostics:ping", b"true", False),
    ("diagnostics:ping", b"{", False),
    ("diagnostics:ping", b" ", False),
    ("repo:refs_changed", b'{"test": true}', False),
    ("repo:refs_changed", b"", False),
    ("", b"", False),
    ("DIAGNOSTICS:PING", b"", False),
]


def test_a_ping_is_empty_or_says_test_under_its_own_key() -> None:
    assert [is_ping(event_key, body) for event_key, body, _ in PINGS] == [expected for _, _, expected in PINGS]


def test_a_number_is_not_true() -> None:
    assert [is_ping("diagnostics:ping", body) for body in (b'{"test": 1}', b'{"test": 1.0}')] == [False, False]


def contents(body: object, event_key: str = "repo:refs_changed", **more: Any) -> list[bytes]:  # noqa: ANN401 - a part of a delivery
    return [draft.content for draft in taken(delivery(body, event_key, **more)).drafts]


def test_the_content_of_a_ref_event_is_its_change_whoever_tells_it() -> None:
    native_body = native_push([native_change(NEXT, None, C), native_change(MAIN, A, B)])
    plugin_body = {"refChanges": [server_change(MAIN, A, B), server_change(NEXT, None, C)], "repository": {}}

    assert set(contents(native_body)) == set(contents(plugin_body, "", dialect="post-receive"))
    assert (
        len({*contents(native_body), *contents(native_push([native_change(MAIN, B, A), native_change(NEXT, C, None)]))})
        == 4
    )


def test_the_content_of_any_other_event_is_its_key_bytes_and_position() -> None:
    body = native("pr:opened")
    again, respelled = contents(body, "pr:opened"), contents(orjson.dumps(body) + b"\n", "pr:opened")
    two = contents(native_push([None, None]))

    assert contents(body, "pr:opened") == again
    assert len({*again, *respelled, *contents(body, "x:y"), *two}) == 5


def test_a_delivery_whose_claim_is_not_believed_becomes_unknown_as_a_whole() -> None:
    body = native_push([native_change(MAIN, A, B), native_change(V1, None, C)])
    found = as_unknown(taken(delivery(body)), "the same bytes under another key")
    (data,) = data_of(found)

    assert (found.outcome, found.key, found.dated, found.reason) == (
        "unknown",
        KEY,
        False,
        "the same bytes under another key",
    )
    assert [(draft.type, draft.topic, draft.move) for draft in found.drafts] == [("unknown", "bitbucket.unknown", None)]
    assert data == {"event_key": "repo:refs_changed", "reason": "the same bytes under another key", "payload": body}


def test_requests_and_hooks_are_named_as_each_dialect_names_them() -> None:
    headers = {"x-request-id": "r1", "x-request-uuid": "r2", "x-hook-uuid": "h1"}
    named: dict[DialectName, tuple[str | None, tuple[str, str, str]]] = {
        "post-receive": (None, (KEY, "post-receive", "")),
        "data-center": ("r1", (KEY, "data-center", "")),
        "cloud": ("r2", (KEY, "cloud", "h1")),
    }
    found = {dialect: taken(delivery({}, dialect=dialect, headers=headers)) for dialect in named}
    bare = {dialect: taken(delivery({}, dialect=dialect)) for dialect in named}

    assert {dialect: (one.request_id, one.hook) for dialect, one in found.items()} == named
    assert [(one.request_id, one.hook[2]) for one in bare.values()] == [(None, "")] * 3
