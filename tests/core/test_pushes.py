"""Pushes of every dialect, and what each vendor leaves out of them."""

import time
from typing import Any

import pytest
from bodies import (
    DATE,
    MAIN,
    NEXT,
    PUSH,
    PUSH_KEYS,
    SERVER_REPOSITORY,
    V1,
    A,
    B,
    C,
    D,
    E,
    Json,
    Move,
    cloud_change,
    cloud_push,
    native_change,
    native_push,
    one,
    post_receive_push,
    pushed,
    said,
    server_change,
    told,
)

from gateway.delivery import DialectName

EACH = pytest.mark.parametrize("dialect", PUSH)


@EACH
def test_every_ref_of_a_push_is_an_event_and_the_hashes_decide_of_what_kind(dialect: DialectName) -> None:
    moves: list[Move] = [
        (MAIN, A, B),
        (NEXT, None, C),
        (V1, None, D),
        ("refs/tags/v0", E, None),
        ("refs/heads/x/y", B, None),
    ]
    found = said(dialect, PUSH_KEYS[dialect], pushed(dialect, *moves), "prj", "repo")

    assert [(event.type, event.subject) for event in found.events] == [
        ("ref.updated", "refs/heads/main"),
        ("ref.created", "refs/heads/next"),
        ("ref.created", "refs/tags/v1"),
        ("ref.deleted", "refs/tags/v0"),
        ("ref.deleted", "refs/heads/x/y"),
    ]
    assert [(data["ref"]["id"], data["before"], data["after"]) for _, data in told(found)] == moves
    assert [(data["ref"]["name"], data["ref"]["type"]) for _, data in told(found)] == [
        ("main", "branch"),
        ("next", "branch"),
        ("v1", "tag"),
        ("v0", "tag"),
        ("x/y", "branch"),
    ]


@EACH
def test_equal_changes_in_one_body_are_one(dialect: DialectName) -> None:
    moves: list[Move] = [(MAIN, A, B), (MAIN, A, B), (NEXT, A, B), (MAIN, B, A), (MAIN, A, B)]
    found = said(dialect, PUSH_KEYS[dialect], pushed(dialect, *moves), "prj", "repo")

    assert [(data["ref"]["id"], data["before"], data["after"]) for _, data in told(found)] == [
        (MAIN, A, B),
        (NEXT, A, B),
        (MAIN, B, A),
    ]


@EACH
def test_an_element_without_a_name_or_any_hash_is_an_unknown_event_beside_the_others(dialect: DialectName) -> None:
    body = pushed(dialect, (MAIN, A, B), (None, A, B), (NEXT, None, None), (V1, "cafe", "f00d"), (V1, None, C))
    elements: list[Any] = body["push"]["changes"] if dialect == "cloud" else body[[*body][-1]]
    elements += [None, "refs/heads/main", [], {}]
    found = said(dialect, PUSH_KEYS[dialect], body, "prj", "repo")

    assert [event.type for event in found.events] == ["ref.updated", *["unknown"] * 3, "ref.created", *["unknown"] * 4]
    assert [data["payload"] for kind, data in told(found) if kind == "unknown"] == [*elements[1:4], *elements[5:]]
    assert {data["event_key"] for kind, data in told(found) if kind == "unknown"} == {PUSH_KEYS[dialect] or None}
    assert all(data["reason"] for kind, data in told(found) if kind == "unknown")


@EACH
def test_a_hash_is_compared_and_published_in_lower_case(dialect: DialectName) -> None:
    found = said(
        dialect, PUSH_KEYS[dialect], pushed(dialect, (MAIN, A, B), (MAIN, A.upper(), B.upper())), "prj", "repo"
    )

    assert [(data["before"], data["after"]) for _, data in told(found)] == [(A, B)]


@EACH
def test_an_empty_list_of_changes_is_understood_and_says_nothing(dialect: DialectName) -> None:
    found = said(dialect, PUSH_KEYS[dialect], PUSH[dialect]([]), "prj", "repo")

    assert (found.events, found.reason) == ([], None)


RESULT_KEYS = [
    "repository",
    "actor",
    "occurred_at",
    "ref",
    "before",
    "after",
    "forced",
    "commits",
    "commits_complete",
    "tag",
]


@EACH
def test_the_data_of_a_ref_event_has_the_fields_of_the_contract(dialect: DialectName) -> None:
    data = one(said(dialect, PUSH_KEYS[dialect], pushed(dialect, (V1, None, B)), "prj", "repo"))

    assert list(data) == RESULT_KEYS
    assert list(data["ref"]) == ["id", "name", "type"]
    assert list(data["tag"]) == ["message", "tagger", "timestamp", "target"]
    assert list(data["repository"]) == ["key", "hostname", "project", "repo", "name", "id", "url", "clone_urls"]
    assert list(data["repository"]["clone_urls"]) == ["https", "ssh"]
    assert data["actor"] is None or list(data["actor"]) == ["name", "display_name", "email", "id", "type"]


def test_the_plugin_tells_neither_who_nor_when_nor_whether_forced() -> None:
    found = said("post-receive", "", post_receive_push([server_change(MAIN, A, B)]), "prj", "repo")
    data = one(found)

    assert (data["actor"], data["occurred_at"], data["forced"], found.dated) == (None, None, None, False)


def changeset(commit: str, *parents: str) -> Json:
    author = {"name": "Jane", "emailAddress": "jane@example.com"}
    told_of = {
        "id": commit,
        "displayId": commit[:7],
        "author": author,
        "authorTimestamp": 1530818490000,
        "message": "m",
    }
    return {"toCommit": {**told_of, "parents": [{"id": parent, "displayId": parent[:7]} for parent in parents]}}


def test_the_plugins_changesets_are_commits_and_go_to_the_ref_they_lead_to() -> None:
    page = {"size": 3, "limit": 100, "isLastPage": True, "values": [changeset(D, C), changeset(C, A), changeset(E, B)]}
    changes = [
        server_change(MAIN, A, D),
        server_change(NEXT, B, E),
        server_change(V1, None, C),
        server_change("refs/heads/x", D, None),
    ]
    found = said("post-receive", "", post_receive_push(changes, changesets=page), "prj", "repo")

    assert [[commit["id"] for commit in data["commits"]] for _, data in told(found)] == [[D, C], [E], [C], []]
    assert told(found)[0][1]["commits"][1] == {
        "id": C,
        "message": "m",
        "author": {"name": "Jane", "email": "jane@example.com"},
        "timestamp": "2018-07-05T19:21:30Z",
        "parents": [A],
    }


def test_a_full_page_of_changesets_may_have_been_cut() -> None:
    pages: list[tuple[object, bool | None]] = [
        ({"size": 1, "limit": 100, "isLastPage": True}, True),
        ({"size": 0, "limit": 500, "isLastPage": True}, True),
        ({"size": 100, "limit": 100, "isLastPage": True}, None),
        ({"size": 100, "limit": 100, "isLastPage": False}, False),
        ({"size": 1}, None),
        ({}, None),
        (None, None),
    ]
    body = post_receive_push([server_change(MAIN, A, B)])
    found = [one(said("post-receive", "", {**body, "changesets": page}, "prj", "repo")) for page, _ in pages]

    assert [data["commits_complete"] for data in found] == [complete for _, complete in pages]


def test_a_personal_project_keeps_its_tilde() -> None:
    repository = {"slug": "dotfiles", "project": {"key": "~SRT", "type": "PERSONAL", "owner": {"name": "srt"}}}
    found = said("post-receive", "", {**post_receive_push([server_change(MAIN, A, B)]), "repository": repository})

    assert (found.key, one(found)["repository"]["project"]) == ("stash.example.com/~srt/dotfiles", "~SRT")


def native_commit(commit: str, *parents: str) -> Json:
    return {"id": commit, "message": "m", "parents": [{"id": parent} for parent in parents]}


def test_native_webhooks_tell_who_and_when() -> None:
    found = said("data-center", "repo:refs_changed", native_push([native_change(MAIN, A, B)]), "prj", "repo")
    data = one(found)

    assert (data["occurred_at"], found.dated) == ("2017-09-18T23:45:32Z", True)
    assert data["actor"] == {"name": "jane", "display_name": None, "email": None, "id": "7", "type": None}


def test_a_native_push_without_a_date_is_not_dated() -> None:
    dates: list[Any] = [None, "", "yesterday", {}]

    for date in dates:
        found = said(
            "data-center", "repo:refs_changed", native_push([native_change(MAIN, A, B)], date=date), "prj", "repo"
        )

        assert (one(found)["occurred_at"], found.dated) == (None, False)


def test_five_listed_commits_may_be_cut_and_none_listed_say_nothing() -> None:
    chain = [native_commit(commit, parent) for commit, parent in zip([E, D, C, B], [D, C, B, A], strict=True)]
    lists: list[tuple[object, int, bool | None]] = [
        (None, 0, None),
        ([], 0, True),
        (chain, 4, True),
        ([*chain, native_commit("f" * 40)], 5, None),
    ]

    for commits, count, complete in lists:
        body = native_push([native_change(MAIN, A, E)], commits=commits)
        data = one(said("data-center", "repo:refs_changed", body, "prj", "repo"))

        assert (len(data["commits"]), data["commits_complete"]) == (count, complete)


def test_the_listed_commits_of_several_refs_go_to_the_one_they_lead_to() -> None:
    body = native_push(
        [native_change(NEXT, A, B), native_change(MAIN, A, D)], commits=[native_commit(D, C), native_commit(C, A)]
    )
    found = said("data-center", "repo:refs_changed", body, "prj", "repo")

    assert [[commit["id"] for commit in data["commits"]] for _, data in told(found)] == [[], [D, C]]
    assert [data["commits_complete"] for _, data in told(found)] == [None, True]


def test_a_commit_without_a_full_hash_is_left_out() -> None:
    native = native_push(
        [native_change(MAIN, A, B)], commits=[native_commit("cafe"), native_commit(B, A, "f00d"), None]
    )
    cloud = cloud_push(
        [{**cloud_change(MAIN, A, B), "commits": [{"hash": "cafe"}, {"hash": B, "parents": [{"hash": A}]}, None]}]
    )
    listed = [
        one(said("data-center", "repo:refs_changed", native))["commits"],
        one(said("cloud", "repo:push", cloud))["commits"],
    ]

    assert [[(commit["id"], commit["parents"]) for commit in commits] for commits in listed] == [[(B, [A])]] * 2


def test_a_ref_whose_id_has_no_prefix_is_what_the_sender_calls_it() -> None:
    kinds = {"BRANCH": "branch", "TAG": "tag", "NOTE": "unknown", None: "unknown", 7: "unknown"}
    changes = [{"ref": {"id": f"r{position}", "type": kind}, "toHash": A} for position, kind in enumerate(kinds)]
    found = said("data-center", "repo:refs_changed", native_push(changes))

    assert [data["ref"]["type"] for _, data in told(found)] == list(kinds.values())


def test_the_commit_of_a_tag_is_told_only_where_it_can_be_no_other() -> None:
    alone = native_push([native_change(V1, None, A)], toCommit={"id": B})
    beside = native_push([native_change(V1, None, A), native_change(MAIN, C, D)], toCommit={"id": B})
    deleted = native_push([native_change(V1, A, None)], toCommit={"id": B})

    tags = [
        told(said("data-center", "repo:refs_changed", body, "prj", "repo"))[0][1]["tag"]
        for body in (alone, beside, deleted)
    ]

    assert tags == [
        {"message": None, "tagger": None, "timestamp": None, "target": B},
        {"message": None, "tagger": None, "timestamp": None, "target": None},
        None,
    ]


def test_clone_urls_are_those_that_are_given() -> None:
    https, ssh = "https://bitbucket.example.com/scm/prj/repo.git", "ssh://git@bitbucket.example.com:7999/prj/repo.git"
    links: list[tuple[Any, tuple[str | None, str | None]]] = [
        ([{"name": "http", "href": https}, {"name": "ssh", "href": ssh}], (https, ssh)),
        ([{"name": "https", "href": https}], (https, None)),
        ([{"name": "ssh", "href": ssh}], (None, ssh)),
        ([], (None, None)),
        (None, (None, None)),
        ([None, {"href": https}], (None, None)),
    ]

    for clone, urls in links:
        body = native_push([native_change(MAIN, A, B)])
        body["repository"] = {**SERVER_REPOSITORY, "links": {"clone": clone, "self": [{"href": "https://b/browse"}]}}
        repository = one(said("data-center", "repo:refs_changed", body, "prj", "repo"))["repository"]

        assert (repository["clone_urls"]["https"], repository["clone_urls"]["ssh"]) == urls
        assert (repository["id"], repository["url"]) == ("11", "https://b/browse")


SERVER_ACTORS: list[tuple[Any, Json | None]] = [
    (
        {"name": "jane", "displayName": "Jane", "emailAddress": "j@x", "id": 7, "slug": "j", "type": "NORMAL"},
        {"name": "jane", "display_name": "Jane", "email": "j@x", "id": "7", "type": "user"},
    ),
    (
        {"name": "key", "displayName": "Access Key", "id": 8, "type": "SERVICE", "emailAddress": None},
        {"name": "key", "display_name": "Access Key", "email": None, "id": "8", "type": "service"},
    ),
    (None, None),
    ({}, None),
    ("jane", None),
]


CLOUD_ACTORS: list[tuple[Any, Json | None]] = [
    (
        {"nickname": "jane", "display_name": "Jane", "uuid": "{7}", "account_id": "5:7", "type": "user"},
        {"name": "jane", "display_name": "Jane", "email": None, "id": "{7}", "type": "user"},
    ),
    (
        {"username": "team", "display_name": "Team", "uuid": "{8}", "type": "team"},
        {"name": "team", "display_name": "Team", "email": None, "id": "{8}", "type": "team"},
    ),
    (
        {"display_name": "Bot", "uuid": "{9}", "account_id": "5:9", "type": "app_user"},
        {"name": None, "display_name": "Bot", "email": None, "id": "{9}", "type": "app"},
    ),
    (
        {"display_name": "Old", "account_id": "5:1"},
        {"name": None, "display_name": "Old", "email": None, "id": "5:1", "type": None},
    ),
    (None, None),
    ({}, None),
]


def test_an_actor_may_lack_nearly_everything() -> None:
    native = [
        one(
            said("data-center", "repo:refs_changed", native_push([native_change(MAIN, A, B)], actor=who), "prj", "repo")
        )
        for who, _ in SERVER_ACTORS
    ]
    cloud = [
        one(said("cloud", "repo:push", cloud_push([cloud_change(MAIN, A, B)], actor=who), "prj", "repo"))
        for who, _ in CLOUD_ACTORS
    ]

    assert [data["actor"] for data in native] == [actor for _, actor in SERVER_ACTORS]
    assert [data["actor"] for data in cloud] == [actor for _, actor in CLOUD_ACTORS]


def cloud_said(change: Json) -> Any:  # noqa: ANN401 - the data of any event
    return told(said("cloud", "repo:push", cloud_push([change]), "prj", "repo"))[0]


def test_a_commit_of_cloud_is_told_with_its_message_and_its_authors_time() -> None:
    commit = {
        "hash": B,
        "message": "m\n",
        "date": "2017-08-01T07:58:37+00:00",
        "author": {"raw": "Jane <j@x>"},
        "parents": [{"hash": A}],
    }

    assert cloud_said({**cloud_change(MAIN, A, B), "commits": [commit]})[1]["commits"] == [
        {
            "id": B,
            "message": "m\n",
            "author": {"name": "Jane", "email": "j@x"},
            "timestamp": "2017-08-01T07:58:37Z",
            "parents": [A],
        }
    ]


def test_a_deleted_tag_points_at_nothing() -> None:
    for dialect, key in PUSH_KEYS.items():
        assert one(said(dialect, key, pushed(dialect, (V1, A, None)), "prj", "repo"))["tag"] is None


def test_a_native_change_may_name_its_ref_by_the_id_alone() -> None:
    found = said("data-center", "repo:refs_changed", native_push([server_change(MAIN, A, B)]), "prj", "repo")

    assert one(found)["ref"] == {"id": MAIN, "name": "main", "type": "branch"}


def test_closed_alone_does_not_mean_deleted() -> None:
    assert cloud_said({**cloud_change(MAIN, A, B), "closed": True, "created": True})[0] == "ref.updated"
    assert cloud_said({**cloud_change(MAIN, A, None), "closed": False})[0] == "ref.deleted"
    assert cloud_said({**cloud_change(MAIN, None, A), "created": False})[0] == "ref.created"


def test_cloud_says_whether_a_push_was_forced_and_its_commits_cut() -> None:
    flags = [(True, True), (False, False), (None, None), ("yes", 1)]
    found = [cloud_said({**cloud_change(MAIN, A, B), "forced": forced, "truncated": cut})[1] for forced, cut in flags]

    assert [(data["forced"], data["commits_complete"]) for data in found] == [
        (True, False),
        (False, True),
        *[(None, None)] * 2,
    ]


def test_what_is_neither_branch_nor_tag_stays_opaque() -> None:
    for kind in ("named_branch", "bookmark", None, 7):
        side = {"type": kind, "name": "default", "target": {"hash": A}}
        ref = cloud_said({"old": None, "new": side})[1]["ref"]

        assert ref == {"id": "default", "name": "default", "type": "unknown"}


def test_an_annotated_tag_of_cloud_has_a_message_and_a_lightweight_one_none() -> None:
    annotated = {
        "message": "one\n",
        "date": "2017-08-01T07:58:37+00:00",
        "tagger": {"raw": "Jane <j@x>", "type": "author"},
    }
    lightweight = {"message": None, "date": None, "tagger": None}
    change = cloud_change(V1, None, A)
    tags = [cloud_said({**change, "new": {**change["new"], **about}})[1]["tag"] for about in (annotated, lightweight)]

    assert tags == [
        {
            "message": "one\n",
            "tagger": {"name": "Jane", "email": "j@x"},
            "timestamp": "2017-08-01T07:58:37Z",
            "target": A,
        },
        {"message": None, "tagger": None, "timestamp": None, "target": A},
    ]


AUTHORS: dict[Any, Json | None] = {
    "Jane Doe <jane@example.com>": {"name": "Jane Doe", "email": "jane@example.com"},
    "  Jane  <jane@example.com>\n": {"name": "Jane", "email": "jane@example.com"},
    "<jane@example.com>": {"name": None, "email": "jane@example.com"},
    "Jane <>": {"name": "Jane", "email": None},
    "Jane": {"name": "Jane", "email": None},
    "": None,
    None: None,
    7: None,
}


def test_an_author_is_read_from_what_git_wrote() -> None:
    def author(raw: object) -> Any:  # noqa: ANN401 - a JSON value
        commit = {
            "hash": B,
            "message": "m",
            "date": DATE,
            "author": {"raw": raw, "type": "author"},
            "parents": [{"hash": A}],
        }
        (found,) = cloud_said({**cloud_change(MAIN, A, B), "commits": [commit]})[1]["commits"]
        return found["author"]

    assert {raw: author(raw) for raw in AUTHORS} == AUTHORS


@pytest.mark.parametrize("raw", [" " * 2_000 + "y", "x" + " " * 30_000 + "y <j@x>", "<" * 30_000])
def test_an_author_that_somebody_made_up_does_not_stop_the_gateway(raw: str) -> None:
    """Whoever may push a commit chooses its author's name, and all hooks wait while it is read."""
    commit = {"hash": B, "author": {"raw": raw}}
    started = time.perf_counter()
    data = cloud_said({**cloud_change(MAIN, A, B), "commits": [commit]})[1]

    assert time.perf_counter() - started < 0.2
    assert [found["id"] for found in data["commits"]] == [B]
