"""`/api/v1/events` for who may ask: tokens, pages, filters and cursors."""

from urllib.parse import quote

import orjson
import pytest
from gateways import BOOKING, LEDGER, NDJSON, Local
from hooks import change, native_push

OTHER = "bitbucket.example.com/pay/other"
LEDGER_TWO = "bitbucket.example.com/pay/ledger-two"
STOREFRONT = "bitbucket.example.com/web/storefront"


@pytest.fixture
async def told(gateway: Local) -> list[str]:
    """Six events of four repositories and three types; their ids in order."""
    answers = [
        await gateway.post(LEDGER, native_push(change("refs/heads/a"), change("refs/heads/b", before="0" * 40))),
        await gateway.post(OTHER, native_push(change("refs/heads/c", after="0" * 40))),
        await gateway.post(LEDGER_TWO, native_push(change("refs/heads/d"))),
        await gateway.post(STOREFRONT, b"{}", "repo:invented"),
        await gateway.post("bitbucket.example.com/pay", b"{}", "repo:invented"),
    ]
    return [event for answer in answers for event in answer.events]


def ids(items: list[dict[str, str]]) -> list[str]:
    return [item["id"] for item in items]


async def test_a_page_has_the_oldest_events_first_and_a_cursor(gateway: Local, told: list[str]) -> None:
    answer = await gateway.get("/api/v1/events")

    assert answer.headers["Content-Type"] == "application/json"
    assert set(answer.json()) == {"items", "next"}
    assert ids(answer.json()["items"]) == told
    assert len(told) == 6


@pytest.mark.parametrize("limit", [1, 2, 4, 6, 500])
async def test_page_after_page_shows_everything_once(gateway: Local, told: list[str], limit: int) -> None:
    seen: list[str] = []
    after = "0"
    for _ in range(8):
        page = (await gateway.get(f"/api/v1/events?limit={limit}&after={after}")).json()
        assert len(page["items"]) <= limit
        assert page["next"] is not None
        seen += ids(page["items"])
        after = page["next"]

    assert seen == told


async def test_the_end_of_all_pages_is_where_new_events_come(gateway: Local, told: list[str]) -> None:
    end = (await gateway.get("/api/v1/events")).json()["next"]
    before = (await gateway.get(f"/api/v1/events?after={end}")).json()
    new = await gateway.post(LEDGER, native_push(change()))

    assert (before["items"], before["next"]) == ([], end)
    assert ids((await gateway.get(f"/api/v1/events?after={end}")).json()["items"]) == new.events
    assert new.events[0] not in told


async def test_without_events_there_is_a_cursor_all_the_same(gateway: Local) -> None:
    page = (await gateway.get("/api/v1/events")).json()
    new = await gateway.post(LEDGER, native_push(change()))

    assert page["items"] == []
    assert ids((await gateway.get(f"/api/v1/events?after={page['next']}")).json()["items"]) == new.events


async def test_the_cursor_of_an_event_is_where_to_go_on_after_it(gateway: Local, told: list[str]) -> None:
    events = await gateway.events()

    for position, event in enumerate(events, 1):
        assert ids(await gateway.events(f"?after={event['cursor']}")) == told[position:]


@pytest.mark.parametrize(
    ("glob", "wanted"),
    [
        ("*", [0, 1, 2, 3, 4, 5]),
        ("ref.*", [0, 1, 2, 3]),
        ("org.bitbucket.ref.*", [0, 1, 2, 3]),
        ("org.bitbucket.*", [0, 1, 2, 3, 4, 5]),
        ("org.*", [0, 1, 2, 3, 4, 5]),
        ("*.ref.updated", [0, 3]),
        ("*ted", [0, 1, 2, 3]),
        ("ref.created", [1]),
        ("org.bitbucket.ref.created", [1]),
        ("ref.[cd]*", [1, 2]),
        ("ref.?pdated", [0, 3]),
        ("unknown", [4, 5]),
        ("REF.*", []),
        ("ref", []),
        ("bitbucket.ref.*", []),
    ],
)
async def test_a_glob_chooses_types_with_or_without_their_prefix(
    gateway: Local, told: list[str], glob: str, wanted: list[int]
) -> None:
    assert ids(await gateway.events(f"?type={quote(glob)}")) == [told[position] for position in wanted]


@pytest.mark.parametrize(
    ("repository", "wanted"),
    [
        (LEDGER, [0, 1]),
        (LEDGER.upper(), [0, 1]),
        (LEDGER + "/", [0, 1]),
        (LEDGER + ".git", [0, 1]),
        (OTHER, [2]),
        (LEDGER_TWO, [3]),
        ("bitbucket.example.com/pay", [0, 1, 2, 3, 5]),
        ("bitbucket.example.com/pa", []),
        ("bitbucket.example.com", [0, 1, 2, 3, 4, 5]),
        ("bitbucket.example", []),
        (BOOKING, []),
    ],
)
async def test_a_repository_a_project_or_a_host_chooses_what_lies_in_it(
    gateway: Local, told: list[str], repository: str, wanted: list[int]
) -> None:
    assert ids(await gateway.events(f"?repository={quote(repository)}")) == [told[position] for position in wanted]


async def test_a_filter_goes_on_behind_what_it_left_out(gateway: Local, told: list[str]) -> None:
    seen: list[str] = []
    after = "0"
    for _ in range(4):
        page = (await gateway.get(f"/api/v1/events?limit=1&type=unknown&after={after}")).json()
        seen += ids(page["items"])
        after = page["next"]

    assert seen == told[4:]


@pytest.mark.parametrize("limit", [1, 5, 6, 500])
async def test_ndjson_ends_at_the_limit_or_at_the_end(gateway: Local, told: list[str], limit: int) -> None:
    assert ids(await gateway.events(f"?limit={limit}")) == told[:limit]


async def test_ndjson_is_a_structured_event_a_line(gateway: Local, told: list[str]) -> None:
    answer = await gateway.get("/api/v1/events", accept=NDJSON)

    assert answer.headers["Content-Type"] == NDJSON
    assert answer.body.endswith(b"\n")
    assert ids([orjson.loads(line) for line in answer.body.splitlines()]) == told


@pytest.mark.parametrize("accept", ["application/json", "*/*", "text/html"])
async def test_who_asks_for_no_stream_gets_a_page(gateway: Local, told: list[str], accept: str) -> None:
    answer = await gateway.get("/api/v1/events?limit=1", accept=accept)

    assert ids(answer.json()["items"]) == told[:1]


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("limit=-1", "limit"),
        ("limit=ten", "limit"),
        ("limit=", "limit"),
        ("type=", "type"),
        ("type=ref%27;DROP", "type"),
        ("follow=perhaps", "follow"),
        ("since=2026-01-01", "since"),
        ("Limit=1", "Limit"),
        ("repository=", "repository"),
        ("repository=..", ".."),
        ("repository=a/b/c/d", "a/b/c/d"),
    ],
)
async def test_what_cannot_be_asked_is_told_by_name(gateway: Local, query: str, named: str) -> None:
    for accept in (None, NDJSON):
        answer = await gateway.get(f"/api/v1/events?{query}", accept=accept)

        assert (answer.status, answer.code) == (400, "bad_request")
        assert named in answer.json()["detail"]
