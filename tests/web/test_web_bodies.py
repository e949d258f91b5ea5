"""Whatever the bytes say: authentic ones are taken and kept, and the gateway goes on answering."""

import contextlib
import gzip
import sqlite3
from collections.abc import AsyncIterator

import pytest
from gateways import BOOKING, LEDGER, Answer, Local
from hooks import PUSH, change, native_push, raw_post, token

MIB = 2**20
PING = "diagnostics:ping"
UNKNOWN = "unknown"
DEAD = "dead_letter"


def nested(depth: int) -> bytes:
    return b'{"changes": ' + b"[" * depth + b"]" * depth + b"}"


def kept(gateway: Local, answer: Answer) -> tuple[str, bytes]:
    """Outcome and body of a delivery as they lie on the disk."""
    where = f"file:{gateway.data_dir}/journal.db?mode=ro"
    with contextlib.closing(sqlite3.connect(where, uri=True)) as journal:
        query = "SELECT outcome, body FROM deliveries WHERE id = ?"
        outcome, body = journal.execute(query, (answer.json()["delivery"],)).fetchone()
    return outcome, body


async def is_well(gateway: Local) -> bool:
    """Whether a good push is still taken, and shown as the last event."""
    answer = await gateway.post(LEDGER, native_push(change()))
    shown = [event["id"] for event in await gateway.events()]
    return answer.outcome == "accepted" and shown[-1:] == answer.events


@pytest.mark.parametrize(
    ("body", "event_key", "outcome", "count"),
    [
        pytest.param(b"no JSON", PUSH, DEAD, 0, id="no JSON"),
        pytest.param(b'{"changes": [}', PUSH, DEAD, 0, id="broken JSON"),
        pytest.param(b"", PUSH, DEAD, 0, id="empty"),
        pytest.param(b"   \r\n", PUSH, DEAD, 0, id="blank"),
        pytest.param(b"\xff\xfe\x00", PUSH, DEAD, 0, id="not UTF-8"),
        pytest.param('{"changes": [], "x": "é"}'.encode("latin-1"), PUSH, DEAD, 0, id="Latin-1"),
        pytest.param('{"changes": []}'.encode("utf-16"), PUSH, DEAD, 0, id="UTF-16"),
        pytest.param(b'{"changes": [NaN]}', PUSH, DEAD, 0, id="NaN"),
        pytest.param(nested(100_000), PUSH, DEAD, 0, id="nested 100,000 deep"),
        pytest.param(nested(1_000), PUSH, UNKNOWN, 1, id="nested 1,000 deep"),
        pytest.param(b"\xef\xbb\xbf" + native_push(change()), PUSH, "accepted", 1, id="a byte order mark"),
        pytest.param(native_push(change(), change()), PUSH, "accepted", 2, id="two changes"),
        pytest.param(native_push(), PUSH, "accepted", 0, id="no changes"),
        pytest.param(b"{}", PUSH, UNKNOWN, 1, id="an empty object"),
        pytest.param(b"[]", PUSH, UNKNOWN, 1, id="a list"),
        pytest.param(b"null", PUSH, UNKNOWN, 1, id="null"),
        pytest.param(b'"text"', PUSH, UNKNOWN, 1, id="a text"),
        pytest.param(b"18446744073709551616", PUSH, UNKNOWN, 1, id="a number of more than 64 bits"),
        pytest.param(b'{"changes": {}}', PUSH, UNKNOWN, 1, id="changes that are no list"),
        pytest.param(b'{"changes": [null, 1, "x", [], {}]}', PUSH, UNKNOWN, 5, id="changes that say nothing"),
        pytest.param(native_push(change()), "repo:invented", UNKNOWN, 1, id="an unknown event key"),
        pytest.param(native_push(change()), "x" * 5000, UNKNOWN, 1, id="a long event key"),
        pytest.param(native_push(change()), "pr:opened", UNKNOWN, 1, id="another event key than the body's"),
    ],
)
async def test_authentic_bytes_are_taken_whatever_they_say(
    gateway: Local, body: bytes, event_key: str, outcome: str, count: int
) -> None:
    answer = await gateway.post(LEDGER, body, event_key)

    assert (answer.outcome, len(answer.events)) == (outcome, count)
    assert kept(gateway, answer) == (outcome, body)
    assert [event["id"] for event in await gateway.events()] == answer.events
    assert await is_well(gateway)


async def test_a_lone_surrogate_is_replaced_in_what_is_told_and_kept_in_the_bytes(gateway: Local) -> None:
    body = native_push(change()).replace(b'"Mira"', b'"Mira \\ud83d!"')

    answer = await gateway.post(LEDGER, body)

    [event] = await gateway.events()
    assert event["data"]["actor"]["display_name"] == "Mira \ufffd!"
    assert kept(gateway, answer) == ("accepted", body)


async def test_an_unknown_event_tells_the_key_the_reason_and_the_payload(gateway: Local) -> None:
    answer = await gateway.post(LEDGER, b'{"a": [1, 2.5, null]}', "repo:invented")

    [event] = await gateway.events()
    assert answer.events == [event["id"]]
    assert set(event["data"]) == {"event_key", "reason", "payload"}
    assert (event["data"]["event_key"], event["data"]["payload"]) == ("repo:invented", {"a": [1, 2.5, None]})
    assert event["eventkey"] == "repo:invented"


async def test_every_ref_of_a_push_is_told_once_in_its_order(gateway: Local) -> None:
    refs = ["refs/heads/main", "refs/tags/v1", "refs/heads/gone", "refs/heads/new"]
    hashes = [str(number) * 40 for number in range(9)]
    moves = [(hashes[1], hashes[2]), (hashes[0], hashes[3]), (hashes[4], hashes[0]), (hashes[0], hashes[5])]
    changes = [change(ref, *move) for ref, move in zip(refs, moves, strict=True)]

    answer = await gateway.post(LEDGER, native_push(*changes, changes[1], changes[0]))

    told = await gateway.events()
    assert [event["id"] for event in told] == answer.events
    assert [(event["subject"], event["type"].split(".")[-1]) for event in told] == [
        ("refs/heads/main", "updated"),
        ("refs/tags/v1", "created"),
        ("refs/heads/gone", "deleted"),
        ("refs/heads/new", "created"),
    ]


async def test_a_push_of_many_elements_is_taken(gateway: Local) -> None:
    """More elements than one SQL statement takes variables: 32,766 by default (sqlite.org/limits.html)."""
    await gateway.service.parts.journal._writer.submit(
        lambda connection: connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 32_766)
    )
    body = b'{"changes": [' + b"0," * 33_000 + b"0]}"

    answer = await gateway.post(LEDGER, body)

    assert (answer.outcome, len(answer.events)) == (UNKNOWN, 33_001)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "application/json"}, 202),
        ({"Content-Type": "application/json; charset=UTF-8"}, 202),
        ({"Content-Type": 'APPLICATION/JSON ; charset="utf-8"'}, 202),
        ({"Content-Type": "application/vnd.atlassian.webhook+json; charset=utf-8"}, 202),
        ({"Content-Type": "text/json"}, 202),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/jsonp"}, 415),
        ({"Content-Type": "application/json+xml"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Type": "application/octet-stream"}, 415),
        ({"Content-Encoding": "identity"}, 202),
        ({"Content-Encoding": "gzip"}, 415),
        ({"Content-Encoding": "br"}, 415),
        ({"Content-Encoding": "identity, gzip"}, 415),
    ],
)
async def test_only_json_as_it_is_is_taken(gateway: Local, headers: dict[str, str], status: int) -> None:
    answer = await gateway.post(LEDGER, native_push(change()), headers=headers)

    assert answer.status == status
    assert status == 202 or answer.code == "unsupported_media_type"
    assert len(await gateway.events()) == (1 if status == 202 else 0)


async def test_a_body_without_a_media_type_is_taken_as_json(gateway: Local) -> None:
    asked = raw_post(LEDGER, native_push(change())).replace(b"Content-Type: application/json\r\n", b"")
    assert b"Content-Type" not in asked

    async with gateway.wire() as wire:
        await wire.send(asked)
        answer = await wire.answer()

    assert answer.outcome == "accepted"


@pytest.mark.parametrize("packed", [gzip.compress(b'{"changes": []}'), b"not gzip at all"])
async def test_packed_bytes_are_not_unpacked(gateway: Local, packed: bytes) -> None:
    answer = await gateway.post(LEDGER, packed, headers={"Content-Encoding": "gzip"})

    assert (answer.status, answer.code) == (415, "unsupported_media_type")
    assert await is_well(gateway)


async def test_the_retired_cloud_services_may_post_a_form(gateway: Local) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}

    answer = await gateway.post(BOOKING, b"payload=%7B%7D", None, proof=token(), headers=form)

    assert answer.status == 202
    assert kept(gateway, answer)[1] == b"payload=%7B%7D"


async def test_a_body_that_is_told_to_be_too_large_is_refused_before_it_is_sent(gateway: Local) -> None:
    """17 MiB are promised and none is sent, so whoever waits for them never answers."""
    async with gateway.wire() as wire:
        await wire.send(raw_post(LEDGER, b"", f"Content-Length: {17 * MIB}"))
        answer = await wire.answer()

    assert (answer.status, answer.code) == (413, "too_large")
    assert await is_well(gateway)


async def test_a_body_of_17_mib_is_refused(gateway: Local) -> None:
    answer = await gateway.post(LEDGER, b'{"changes": []}' + b" " * 17 * MIB)

    assert (answer.status, answer.code) == (413, "too_large")
    assert await is_well(gateway)


async def test_a_body_of_unknown_length_is_refused_as_soon_as_it_is_too_large(gateway: Local) -> None:
    """The chunks never end; the answer comes when 16 MiB are exceeded."""
    async with gateway.wire() as wire:
        await wire.send(raw_post(LEDGER, b"", "Transfer-Encoding: chunked"))
        for _ in range(17):
            await wire.send(b"100000\r\n" + b" " * MIB + b"\r\n")
        answer = await wire.answer()

    assert (answer.status, answer.code) == (413, "too_large")
    assert await is_well(gateway)


async def test_a_body_of_unknown_length_is_taken(gateway: Local) -> None:
    body = native_push(change())

    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(body), 100):
            yield body[at : at + 100]

    answer = await gateway.post(LEDGER, pieces(), signs=body)

    assert answer.outcome == "accepted"
    assert kept(gateway, answer) == ("accepted", body)


async def test_the_largest_body_is_taken(gateway: Local) -> None:
    body = native_push(change())
    body += b" " * (16 * MIB - len(body))

    assert (await gateway.post(LEDGER, body)).outcome == "accepted"
