"""Pull requests of Data Center and Cloud, and what each vendor leaves out of them."""

from bodies import (
    CLOUD_REPOSITORY,
    HOSTS,
    MAIN,
    NEXT,
    UNDERSTOOD,
    V1,
    A,
    B,
    C,
    Json,
    cloud,
    cloud_change,
    cloud_pull_request,
    cloud_push,
    native,
    native_pull_request,
    one,
    said,
)

PULL_REQUEST_KEYS = ["id", "title", "description", "state", "draft", "url", "author", "source", "target", "reviewers"]
PULL_REQUEST_KEYS += ["merge_commit", "created_at", "updated_at", "closed_at"]


CHANGE_KEYS = ["repository", "actor", "occurred_at", "pull_request", "previous", "reviewer", "reviewers_added"]
CHANGE_KEYS += ["reviewers_removed", "comment"]


def test_every_event_of_a_pull_request_has_its_type_and_the_fields_of_the_contract() -> None:
    for dialect, event_key, body, verb in UNDERSTOOD:
        found = said(dialect, event_key, body)
        data = one(found)

        assert (found.key, [(event.type, event.subject) for event in found.events]) == (
            f"{HOSTS[dialect]}/prj/repo",
            [(f"pull_request.{verb}", "pull-requests/12")],
        )
        assert found.dated
        assert list(data) == CHANGE_KEYS
        assert list(data["pull_request"]) == PULL_REQUEST_KEYS
        assert [list(data["pull_request"][side]) for side in ("source", "target")] == [
            ["ref", "name", "commit", "repository"]
        ] * 2
        assert data["pull_request"]["id"] == "12"
        assert data["pull_request"]["source"]["ref"] == NEXT
        assert data["pull_request"]["target"]["repository"]["key"] == found.key
        assert (data["reviewer"] is not None, data["comment"] is not None) == (
            verb == "approved",
            verb == "comment.added",
        )


def test_a_native_pull_request_is_told_whole() -> None:
    jane = {"name": "jane", "type": "NORMAL"}
    pull_request = native_pull_request(
        description="d", draft=True, author={"user": jane, "role": "AUTHOR"}, links={"self": [{"href": "https://b/12"}]}
    )
    data = one(
        said("data-center", "pr:opened", native("pr:opened", pull_request, actor={"name": "bot", "type": "SERVICE"}))
    )
    found = data["pull_request"]

    assert (data["actor"]["name"], data["actor"]["type"], found["author"]["name"]) == ("bot", "service", "jane")
    assert (found["title"], found["description"], found["draft"], found["url"]) == ("t", "d", True, "https://b/12")
    assert (found["source"]["name"], found["source"]["commit"], found["target"]["commit"]) == ("next", B, A)


def test_a_pull_request_of_cloud_is_told_whole() -> None:
    pull_request = cloud_pull_request(
        description="d", draft=False, author={"nickname": "jane"}, links={"html": {"href": "https://b/12"}}
    )
    data = one(said("cloud", "pullrequest:updated", cloud(pull_request, actor={"username": "team", "type": "team"})))
    found = data["pull_request"]

    assert (data["actor"]["name"], data["actor"]["type"], found["author"]["name"]) == ("team", "team", "jane")
    assert (found["title"], found["description"], found["draft"], found["url"]) == ("t", "d", False, "https://b/12")
    assert (found["created_at"], found["updated_at"]) == ("2017-08-01T07:58:37Z", "2017-08-01T07:58:37.139413Z")
    assert data["occurred_at"] == found["updated_at"]


def test_the_description_of_cloud_may_stand_in_its_summary() -> None:
    texts: list[tuple[Json, str | None]] = [
        ({"description": "d", "summary": {"raw": "s"}}, "d"),
        ({"description": "", "summary": {"raw": "s"}}, ""),
        ({"summary": {"raw": "s"}}, "s"),
        ({"description": None, "summary": None}, None),
    ]
    found = [one(said("cloud", "pullrequest:updated", cloud(cloud_pull_request(**about)))) for about, _ in texts]

    assert [data["pull_request"]["description"] for data in found] == [description for _, description in texts]


def test_states_of_a_pull_request() -> None:
    states = {
        "OPEN": "open",
        "MERGED": "merged",
        "DECLINED": "declined",
        "OPEN|MERGED|DECLINED": None,
        "": None,
        None: None,
    }
    found = {
        state: (
            one(said("data-center", "pr:opened", native("pr:opened", native_pull_request(state=state))))[
                "pull_request"
            ]["state"],
            one(said("cloud", "pullrequest:updated", cloud(cloud_pull_request(state=state))))["pull_request"]["state"],
        )
        for state in states
    }

    assert found == {state: (told_as, told_as) for state, told_as in states.items()}
    superseded = one(said("cloud", "pullrequest:updated", cloud(cloud_pull_request(state="SUPERSEDED"))))
    assert superseded["pull_request"]["state"] == "superseded"


def test_a_deleted_fork_has_neither_repository_nor_commit() -> None:
    gone = {"branch": {"name": "next"}, "commit": None, "repository": None}
    data = one(said("cloud", "pullrequest:rejected", cloud(cloud_pull_request(state="DECLINED", source=gone))))

    assert data["pull_request"]["source"] == {"ref": NEXT, "name": "next", "commit": None, "repository": None}


def test_a_cut_hash_is_passed_on_and_the_id_of_a_pull_request_is_text() -> None:
    merged = cloud_pull_request(id="12", state="MERGED", merge_commit={"hash": C[:12]})
    pull_request = one(said("cloud", "pullrequest:fulfilled", cloud(merged)))["pull_request"]

    assert (pull_request["id"], pull_request["merge_commit"], pull_request["source"]["commit"]) == (
        "12",
        C[:12],
        B[:12],
    )


def test_a_native_merge_tells_its_commit_and_its_dates_in_either_type() -> None:
    numbers = {"createdDate": 1530818490000, "updatedDate": 1530818491000, "closedDate": 1530818492000}
    texts = {
        "createdDate": "2018-07-05T19:21:30+0000",
        "updatedDate": "2018-07-05T19:21:31+0000",
        "closedDate": "2018-07-05T19:21:32+0000",
    }
    merged = {"state": "MERGED", "properties": {"mergeCommit": {"id": C, "displayId": C[:11]}}}
    old, new = (
        one(said("data-center", "pr:merged", native("pr:merged", native_pull_request(**merged, **dates))))
        for dates in (numbers, texts)
    )

    assert old == new
    assert old["pull_request"]["merge_commit"] == C
    assert [old["pull_request"][at] for at in ("created_at", "updated_at", "closed_at")] == [
        "2018-07-05T19:21:30Z",
        "2018-07-05T19:21:31Z",
        "2018-07-05T19:21:32Z",
    ]


def test_a_pull_request_may_lack_links_and_description_and_come_from_a_tag() -> None:
    source = {**native_pull_request()["fromRef"], "id": V1, "displayId": "v1"}
    pull_request = native_pull_request(fromRef=source, links={"self": [None]})
    data = one(said("data-center", "pr:opened", native("pr:opened", pull_request)))["pull_request"]

    assert (data["url"], data["description"], data["draft"]) == (None, None, None)
    assert (data["source"]["ref"], data["source"]["name"]) == (V1, "v1")


def test_only_what_changed_is_told_as_previous() -> None:
    now = native_pull_request(description="d")
    edits: list[tuple[Json, Json | None]] = [
        ({"previousTitle": "was", "previousDescription": "d", "previousTarget": {"id": MAIN}}, {"title": "was"}),
        ({"previousTitle": "t", "previousDescription": None}, {"description": None}),
        ({"previousDescription": "was"}, {"description": "was"}),
        ({"previousTitle": "t", "previousDescription": "d", "previousTarget": {"id": V1}}, {"target": V1}),
        ({"previousTitle": "t", "previousDescription": "d", "previousTarget": {"id": MAIN}}, None),
        ({}, None),
    ]
    found = [one(said("data-center", "pr:modified", native("pr:modified", now, **edit))) for edit, _ in edits]
    moved = one(said("data-center", "pr:from_ref_updated", native("pr:from_ref_updated", previousFromHash=C)))

    assert [data["previous"] for data in found] == [previous for _, previous in edits]
    assert moved["previous"] == {"source_commit": C}


def test_an_absent_description_was_an_empty_one() -> None:
    body = native("pr:modified", native_pull_request(), previousTitle="was", previousDescription=None)

    assert one(said("data-center", "pr:modified", body))["previous"] == {"title": "was"}


def test_what_the_reviewers_said() -> None:
    users = [{"name": name} for name in "abcd"]
    statuses = ["APPROVED", "NEEDS_WORK", "UNAPPROVED", None]
    reviewers = [{"user": user, "status": status} for user, status in zip(users, statuses, strict=True)]
    data = one(said("data-center", "pr:opened", native("pr:opened", native_pull_request(reviewers=reviewers))))

    assert [(reviewer["user"]["name"], reviewer["status"]) for reviewer in data["pull_request"]["reviewers"]] == [
        ("a", "approved"),
        ("b", "changes_requested"),
        ("c", "none"),
        ("d", "none"),
    ]


def test_what_the_reviewers_of_cloud_said_stands_with_the_participants() -> None:
    reviewers = [{"nickname": name, "uuid": f"{{{name}}}"} for name in "abcd"]
    participants = [
        {"user": {"uuid": "{a}"}, "role": "REVIEWER", "approved": True, "state": "approved"},
        {"user": {"uuid": "{b}"}, "role": "REVIEWER", "approved": False, "state": "changes_requested"},
        {"user": {"uuid": "{c}"}, "role": "REVIEWER", "approved": True},
        {"user": {"uuid": "{author}"}, "role": "PARTICIPANT", "approved": True, "state": None},
    ]
    pull_request = cloud_pull_request(reviewers=reviewers, participants=participants)
    data = one(said("cloud", "pullrequest:updated", cloud(pull_request)))

    assert [(reviewer["user"]["name"], reviewer["status"]) for reviewer in data["pull_request"]["reviewers"]] == [
        ("a", "approved"),
        ("b", "changes_requested"),
        ("c", "approved"),
        ("d", "none"),
    ]


def test_nobody_is_given_the_word_of_another_who_has_no_id_either() -> None:
    participants = [{"user": {"nickname": "b"}, "role": "REVIEWER", "approved": True, "state": "approved"}]
    pull_request = cloud_pull_request(reviewers=[{"nickname": "a"}], participants=participants)
    data = one(said("cloud", "pullrequest:updated", cloud(pull_request)))

    assert [reviewer["status"] for reviewer in data["pull_request"]["reviewers"]] == ["none"]


def test_comments_of_both_kinds() -> None:
    native_comment = {
        "id": 3,
        "text": "x",
        "author": {"name": "jane"},
        "createdDate": 1530818490000,
        "updatedDate": 1530818491000,
        "threadResolved": False,
    }
    cloud_comment = {
        "id": 4,
        "content": {"raw": "y"},
        "user": {"nickname": "jane"},
        "created_on": "2017-08-01T07:58:37+00:00",
        "updated_on": None,
        "parent": {"id": 3},
        "inline": {"path": "a.py", "from": 7, "to": None},
    }
    body = native("pr:comment:added", comment=native_comment, commentParentId=2)
    here = one(said("data-center", "pr:comment:added", body))["comment"]
    there = one(said("cloud", "pullrequest:comment_created", cloud(comment=cloud_comment)))["comment"]

    assert {**here, "author": here["author"]["name"]} == {
        "id": "3",
        "text": "x",
        "author": "jane",
        "created_at": "2018-07-05T19:21:30Z",
        "updated_at": "2018-07-05T19:21:31Z",
        "parent_id": "2",
        "path": None,
        "line": None,
        "resolved": False,
    }
    assert {**there, "author": there["author"]["name"]} == {
        "id": "4",
        "text": "y",
        "author": "jane",
        "created_at": "2017-08-01T07:58:37Z",
        "updated_at": None,
        "parent_id": "3",
        "path": "a.py",
        "line": 7,
        "resolved": None,
    }


def test_where_a_comment_of_cloud_stands_and_whether_it_is_resolved() -> None:
    comments: list[tuple[Json, tuple[object, ...]]] = [
        (
            {"inline": {"path": "a.py", "from": None, "to": 9}, "updated_on": "2017-08-01T07:58:37+00:00"},
            ("a.py", 9, None),
        ),
        ({"inline": {"path": "a.py", "from": 7, "to": 9}, "resolution": None}, ("a.py", 9, False)),
        ({"inline": {"path": "a.py", "from": None, "to": None}, "resolution": {"type": "x"}}, ("a.py", None, True)),
        ({}, (None, None, None)),
    ]
    found = [
        one(said("cloud", "pullrequest:comment_created", cloud(comment={"id": 4, **about})))["comment"]
        for about, _ in comments
    ]

    assert [(comment["path"], comment["line"], comment["resolved"]) for comment in found] == [
        stands for _, stands in comments
    ]
    assert [comment["updated_at"] for comment in found] == ["2017-08-01T07:58:37Z", None, None, None]


def test_a_repository_of_cloud_is_named_by_its_full_name_and_cloned_from_it() -> None:
    body = cloud_push([cloud_change(MAIN, A, B)])
    body["repository"] = {**CLOUD_REPOSITORY, "links": {"html": {"href": "https://bitbucket.org/Prj/Repo"}}}

    assert one(said("cloud", "repo:push", body))["repository"] == {
        "key": "bitbucket.org/prj/repo",
        "hostname": "bitbucket.org",
        "project": "Prj",
        "repo": "Repo",
        "name": "The repo",
        "id": "{11}",
        "url": "https://bitbucket.org/Prj/Repo",
        "clone_urls": {"https": "https://bitbucket.org/Prj/Repo.git", "ssh": "git@bitbucket.org:Prj/Repo.git"},
    }
