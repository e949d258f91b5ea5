"""The shapes of `data` as the contract lists them, field by field."""

import re
from collections.abc import Mapping
from typing import Any

COMMON = {"repository", "actor", "occurred_at"}
REF_DATA = COMMON | {"ref", "before", "after", "forced", "commits", "commits_complete", "tag"}
PULL_REQUEST_DATA = COMMON | {"pull_request"}
PULL_REQUEST_MAY = {"previous", "reviewer", "reviewers_added", "reviewers_removed", "comment"}
REPOSITORY = {"key", "hostname", "project", "repo", "name", "id", "url", "clone_urls"}
ACTOR = {"name", "display_name", "email", "id", "type"}
PULL_REQUEST = {"id", "title", "description", "state", "draft", "url", "author", "source", "target", "reviewers"}
PULL_REQUEST |= {"merge_commit", "created_at", "updated_at", "closed_at"}
SIDE = {"ref", "name", "commit", "repository"}
COMMENT = {"id", "text", "author", "created_at", "updated_at", "parent_id", "path", "line", "resolved"}

HASH = re.compile(r"[0-9a-f]{40}")
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3}|\.\d{6})?Z")


def check_common(data: Mapping[str, Any]) -> None:
    check_repository(data["repository"])
    check_actor(data["actor"])
    check_instants(data, "occurred_at")


def check_repository(found: Mapping[str, Any] | None) -> None:
    if found is not None:
        assert set(found) == REPOSITORY
        assert set(found["clone_urls"]) == {"https", "ssh"}
        assert isinstance(found["id"], str | None)
        assert found["key"] == f"{found['hostname']}/{found['project']}/{found['repo']}".lower()


def check_actor(found: Mapping[str, Any] | None) -> None:
    if found is not None:
        assert set(found) == ACTOR
        assert isinstance(found["id"], str | None)
        assert found["type"] in {"user", "team", "app", "service", None}


def check_instants(found: Mapping[str, Any], *names: str) -> None:
    assert all(found[name] is None or INSTANT.fullmatch(found[name]) for name in names)


def check_ref(data: Mapping[str, Any]) -> None:
    assert set(data) == REF_DATA
    check_common(data)
    assert set(data["ref"]) == {"id", "name", "type"}
    assert data["ref"]["type"] in {"branch", "tag", "unknown"}
    assert data["forced"] in {True, False, None}
    assert data["commits_complete"] in {True, False, None}
    for commit in data["commits"]:
        assert set(commit) == {"id", "message", "author", "timestamp", "parents"}
        assert all(HASH.fullmatch(each) for each in (commit["id"], *commit["parents"]))
        assert commit["author"] is None or set(commit["author"]) == {"name", "email"}
        check_instants(commit, "timestamp")
    if data["tag"] is not None:
        assert set(data["tag"]) == {"message", "tagger", "timestamp", "target"}


def check_pull_request(data: Mapping[str, Any]) -> None:
    assert PULL_REQUEST_DATA <= set(data) <= PULL_REQUEST_DATA | PULL_REQUEST_MAY
    check_common(data)
    found = data["pull_request"]
    assert set(found) == PULL_REQUEST
    assert found["state"] in {"open", "merged", "declined", "superseded", "deleted", None}
    check_instants(found, "created_at", "updated_at", "closed_at")
    check_actor(found["author"])
    for side in (found["source"], found["target"]):
        assert set(side) == SIDE
        check_repository(side["repository"])
    for reviewer in found["reviewers"]:
        assert set(reviewer) == {"user", "status"}
        assert reviewer["status"] in {"approved", "changes_requested", "none"}
        check_actor(reviewer["user"])
    if data.get("comment") is not None:
        assert set(data["comment"]) == COMMENT
        check_instants(data["comment"], "created_at", "updated_at")
