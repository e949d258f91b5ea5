"""The dialects: which one it is, whose event it is, what contradicts what, and that nothing at all raises."""

import copy
from collections.abc import Iterator
from typing import Any

import msgspec
import orjson
import pytest
from bodies import (
    CHANGE,
    HOSTS,
    MAIN,
    PUSH,
    PUSH_KEYS,
    SERVER_REPOSITORY,
    UNDERSTOOD,
    ZEROS,
    A,
    B,
    Json,
    cloud,
    cloud_change,
    cloud_pull_request,
    cloud_push,
    native,
    native_change,
    native_pull_request,
    native_push,
    one,
    pushed,
    said,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.delivery import DialectName, Host
from gateway.dialects import which
from gateway.samples import SAMPLES

FEW = settings(max_examples=20, deadline=None, database=None)


EACH = pytest.mark.parametrize("dialect", PUSH)


def test_host_then_type_then_event_key_decide_which_dialect_it_is() -> None:
    server, cloud = Host(), Host(is_cloud=True)
    requests: dict[tuple[Host, tuple[str, ...]], DialectName] = {
        (server, ()): "post-receive",
        (server, ("x-atlassian-token", "x-request-id")): "post-receive",
        (server, ("x-event-key",)): "data-center",
        (server, ("x-event-key", "x-hook-uuid", "x-request-uuid")): "data-center",
        (server, ("x-event-key", "x-bitbucket-type")): "post-webhooks-app",
        (server, ("x-bitbucket-type",)): "post-webhooks-app",
        (cloud, ("x-event-key",)): "cloud",
        (cloud, ("x-event-key", "x-bitbucket-type")): "cloud",
        (cloud, ()): "legacy-post",
        (cloud, ("content-type",)): "legacy-post",
    }

    assert {about: which(about[0], dict.fromkeys(about[1], "x")) for about in requests} == requests


@EACH
def test_at_a_repositorys_url_the_key_is_the_urls_whatever_the_payload_says(dialect: DialectName) -> None:
    body = pushed(dialect, (MAIN, A, B))
    own, other = (
        said(dialect, PUSH_KEYS[dialect], body, "prj", "repo"),
        said(dialect, PUSH_KEYS[dialect], body, "prj", "old"),
    )

    assert (own.key, own.claimed_key) == (f"{HOSTS[dialect]}/prj/repo", None)
    assert (other.key, other.claimed_key) == (f"{HOSTS[dialect]}/prj/old", f"{HOSTS[dialect]}/prj/repo")
    assert one(other)["repository"]["key"] == other.key
    assert [event.type for event in other.events] == ["ref.updated"]


@EACH
def test_at_a_wider_url_the_key_is_the_payloads_and_its_names_stay_as_bitbucket_spells_them(
    dialect: DialectName,
) -> None:
    for names in ((), ("prj",)):
        found = said(dialect, PUSH_KEYS[dialect], pushed(dialect, (MAIN, A, B)), *names)
        repository = one(found)["repository"]

        assert (found.key, found.claimed_key) == (f"{HOSTS[dialect]}/prj/repo", None)
        assert (repository["key"], repository["hostname"]) == (found.key, HOSTS[dialect])
        assert (repository["project"].lower(), repository["repo"], repository["name"]) == ("prj", "Repo", "The repo")


@EACH
def test_a_repository_outside_the_scope_is_unknown_under_the_urls_key(dialect: DialectName) -> None:
    found = said(dialect, PUSH_KEYS[dialect], pushed(dialect, (MAIN, A, B)), "other")

    assert (found.key, [event.type for event in found.events]) == (f"{HOSTS[dialect]}/other", ["unknown"])
    assert found.reason == "the repository is outside the scope of this URL"


NO_REPOSITORIES: list[Any] = [None, {}, [], "prj/repo", {"name": "repo"}, {"slug": "repo"}, {"full_name": "repo"}]
NO_REPOSITORIES += [{"full_name": "../repo", "slug": "..", "project": {"key": "PRJ"}}, {"slug": 1, "full_name": 1}]
NO_REPOSITORIES += [{"full_name": "prj/a/b", "slug": "a/b", "project": {"key": "PRJ"}}]


@EACH
def test_a_body_that_names_no_repository_is_unknown_at_a_wider_url_and_believed_at_its_own(
    dialect: DialectName,
) -> None:
    for repository in NO_REPOSITORIES:
        body = {**pushed(dialect, (MAIN, A, B)), "repository": repository}
        wider, own = said(dialect, PUSH_KEYS[dialect], body), said(dialect, PUSH_KEYS[dialect], body, "prj", "repo")

        assert (wider.key, [event.type for event in wider.events]) == (HOSTS[dialect], ["unknown"])
        assert wider.reason == "the body names no repository"
        assert (own.key, own.claimed_key) == (f"{HOSTS[dialect]}/prj/repo", None)
        assert [event.type for event in own.events] == ["ref.updated"]


def test_a_name_in_the_payload_is_never_taken_for_the_host() -> None:
    body = native_push([native_change(MAIN, A, B)])
    body["repository"] = {**SERVER_REPOSITORY, "links": {"self": [{"href": "https://evil.example.com/projects/PRJ"}]}}

    assert one(said("data-center", "repo:refs_changed", body))["repository"]["hostname"] == "bitbucket.example.com"


@EACH
def test_a_push_without_its_list_of_changes_is_unknown(dialect: DialectName) -> None:
    for instead in (None, "x", 7, {}, {"0": CHANGE[dialect](MAIN, A, B)}):
        body = PUSH[dialect]([])
        inner = body["push"] if dialect == "cloud" else body
        inner["changes" if "changes" in inner else "refChanges"] = instead
        found = said(dialect, PUSH_KEYS[dialect], body, "prj", "repo")

        assert [event.type for event in found.events] == ["unknown"], instead
        assert found.reason


NO_OBJECTS: list[Any] = [None, {}, "12", 12]


def test_a_pull_request_that_is_not_there_or_no_object_is_unknown() -> None:
    for dialect, event_key, body, _ in UNDERSTOOD:
        name = "pullRequest" if dialect == "data-center" else "pullrequest"
        for instead in NO_OBJECTS:
            found = said(dialect, event_key, {**body, name: instead}, "prj", "repo")

            assert [event.type for event in found.events] == ["unknown"], (event_key, instead)


@pytest.mark.parametrize("instead", [[], [{"id": 12}]])
def test_a_list_is_no_pull_request_and_no_comment(instead: object) -> None:
    for dialect, event_key, body, verb in UNDERSTOOD:
        names = [
            "pullRequest" if dialect == "data-center" else "pullrequest",
            *(["comment"] if "comment" in verb else []),
        ]
        for name in names:
            found = said(dialect, event_key, {**body, name: instead}, "prj", "repo")

            assert [event.type for event in found.events] == ["unknown"], (event_key, name)


CONTRADICTIONS: list[tuple[DialectName, str, Json]] = [
    ("data-center", "repo:refs_changed", native_push([native_change(MAIN, A, B)], eventKey="pr:opened")),
    ("data-center", "repo:refs_changed", native_push([native_change(MAIN, A, B)], eventKey="")),
    ("data-center", "repo:refs_changed", native_push([], eventKey={"repo": "refs_changed"})),
    ("data-center", "repo:refs_changed", native_push([], eventKey=["repo:refs_changed"])),
    ("data-center", "pr:opened", native("pr:merged")),
    ("data-center", "pr:merged", native("pr:merged", native_pull_request(state="OPEN"))),
    ("data-center", "pr:declined", native("pr:declined", native_pull_request(state="MERGED"))),
    ("data-center", "pr:declined", native("pr:declined", native_pull_request(state=["DECLINED"]))),
    ("data-center", "pr:reviewer:approved", native("pr:reviewer:approved", participant={"status": "NEEDS_WORK"})),
    ("data-center", "pr:reviewer:approved", native("pr:reviewer:approved", participant={"approved": False})),
    ("cloud", "pullrequest:fulfilled", cloud(cloud_pull_request(state="OPEN"))),
    ("cloud", "pullrequest:fulfilled", cloud(cloud_pull_request(state="SUPERSEDED"))),
    ("cloud", "pullrequest:rejected", cloud(cloud_pull_request(state="MERGED"))),
    ("cloud", "pullrequest:approved", cloud(approval={"approved": False})),
    ("cloud", "pullrequest:approved", cloud(approval={"state": "changes_requested"})),
]


def test_a_body_that_contradicts_the_unsigned_event_key_is_unknown_and_never_the_claimed_event() -> None:
    for dialect, event_key, body in CONTRADICTIONS:
        found = said(dialect, event_key, body, "prj", "repo")

        assert [event.type for event in found.events] == ["unknown"], (event_key, body)
        assert (one(found)["event_key"], one(found)["payload"], found.dated) == (event_key, body, False)


def test_what_is_absent_or_agrees_contradicts_nothing() -> None:
    silent: list[tuple[DialectName, str, Json]] = [
        ("data-center", "repo:refs_changed", native_push([native_change(MAIN, A, B)], eventKey=None)),
        ("data-center", "pr:merged", native("pr:merged", native_pull_request(state=None))),
        ("data-center", "pr:reviewer:approved", native("pr:reviewer:approved")),
        (
            "data-center",
            "pr:reviewer:approved",
            native("pr:reviewer:approved", participant={"status": "APPROVED", "approved": True}),
        ),
        ("data-center", "pr:reviewer:approved", native("pr:reviewer:approved", participant={"status": None})),
        ("cloud", "pullrequest:fulfilled", cloud(cloud_pull_request(state=None))),
        ("cloud", "pullrequest:approved", cloud()),
        ("cloud", "pullrequest:approved", cloud(approval={"user": {"nickname": "r"}})),
        ("cloud", "pullrequest:approved", cloud(approval={"approved": True, "state": "approved"})),
    ]

    for dialect, event_key, body in silent:
        (event,) = said(dialect, event_key, body, "prj", "repo").events

        assert event.type in {"ref.updated", "pull_request.merged", "pull_request.approved"}


def test_a_key_that_no_table_knows_is_unknown_with_its_payload() -> None:
    keys: list[tuple[DialectName, str]] = [
        ("data-center", "repo:ref_changed"),
        ("data-center", ""),
        ("data-center", "repo:push"),
        ("data-center", "REPO:REFS_CHANGED"),
        ("cloud", "repo:refs_changed"),
        ("cloud", "pullrequest:merged"),
        ("post-receive", "repo:refs_changed"),
    ]

    for dialect, event_key in keys:
        found = said(dialect, event_key, native_push([native_change(MAIN, A, B)]), "prj")

        assert (found.key, [event.type for event in found.events]) == (f"{HOSTS[dialect]}/prj", ["unknown"])
        assert (one(found)["event_key"], one(found)["payload"]["eventKey"]) == (event_key or None, "repo:refs_changed")


DATED_BY = {
    "pullrequest:created": ("pullrequest", "created_on"),
    "pullrequest:updated": ("pullrequest", "updated_on"),
    "pullrequest:fulfilled": ("pullrequest", "updated_on"),
    "pullrequest:rejected": ("pullrequest", "updated_on"),
    "pullrequest:approved": ("approval", "date"),
    "pullrequest:comment_created": ("comment", "created_on"),
}


def test_what_bears_its_own_date_and_where_it_stands() -> None:
    for dialect, event_key, body, _ in UNDERSTOOD:
        within, name = DATED_BY.get(event_key, ("", "date"))
        undated = copy.deepcopy(body)
        del (undated[within] if within else undated)[name]

        assert said(dialect, event_key, body).dated
        assert not said(dialect, event_key, undated).dated
        assert one(said(dialect, event_key, undated))["occurred_at"] is None
    assert not said("cloud", "repo:push", cloud_push([cloud_change(MAIN, A, B)])).dated


def places(document: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of everything in a JSON document."""
    yield path
    inner = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for name, item in inner:
        yield from places(item, (*path, name))


JUNK: st.SearchStrategy[Any] = st.sampled_from(
    [None, [], {}, "", "x", 0, -1, 1.5, True, [None], [[]], [{}], {"id": []}, {"hash": A}, ZEROS, 2**63]
)
BODIES = {name: orjson.loads(sample.body()) for name, sample in SAMPLES.items()}


@FEW
@given(st.sampled_from(sorted(SAMPLES)), st.integers(0, 10_000), JUNK, st.booleans())
def test_a_good_body_with_one_thing_broken_never_raises(name: str, position: int, junk: object, wide: bool) -> None:  # noqa: FBT001
    sample, body = SAMPLES[name], {"body": copy.deepcopy(BODIES[name])}
    every = list(places(body))[1:]
    *within, last = every[position % len(every)]
    holder: Any = body
    for step in within:
        holder = holder[step]
    holder[last] = junk

    found = said(sample.dialect, sample.event_key, body["body"], *(() if wide else ("p", "r")))

    assert orjson.loads(msgspec.json.encode(found.events)) is not None
    assert (found.reason is None) or [event.type for event in found.events] == ["unknown"]


KEYS = [
    "repository",
    "changes",
    "push",
    "refChanges",
    "pullRequest",
    "pullrequest",
    "eventKey",
    "ref",
    "id",
    "new",
    "old",
]
KEYS += [
    "target",
    "hash",
    "name",
    "type",
    "full_name",
    "toRef",
    "state",
    "comment",
    "commits",
    "toCommit",
    "links",
    "self",
]


ANYTHING = st.recursive(
    JUNK,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)


@FEW
@given(
    ANYTHING,
    st.sampled_from([*sorted({(what.dialect, what.event_key) for what in SAMPLES.values()}), ("cloud", "x:y")]),
)
def test_arbitrary_json_never_raises_under_any_event_key(payload: object, about: tuple[DialectName, str]) -> None:
    found = said(*about, payload)

    assert found.key.startswith(HOSTS[about[0]])
    assert (found.reason is None) or [event.type for event in found.events] == ["unknown"]
