"""Bodies as each vendor writes them, small and of the tests' own, and what they are read as."""

from collections.abc import Callable
from typing import Any

import msgspec

from gateway.delivery import Delivery, DialectName, Scope
from gateway.dialects import Normalized, normalize

A, B, C, D, E = ("a" * 40, "b" * 40, "c" * 40, "d" * 40, "e" * 40)
MAIN, NEXT, V1 = "refs/heads/main", "refs/heads/next", "refs/tags/v1"


ZEROS = "0" * 40


Json = dict[str, Any]


Move = tuple[str | None, str | None, str | None]


HOSTS: dict[DialectName, str] = {
    "post-receive": "stash.example.com",
    "data-center": "bitbucket.example.com",
    "cloud": "bitbucket.org",
}


PUSH_KEYS: dict[DialectName, str] = {"post-receive": "", "data-center": "repo:refs_changed", "cloud": "repo:push"}


SERVER_REPOSITORY = {
    "slug": "Repo",
    "id": 11,
    "name": "The repo",
    "project": {"key": "PRJ", "id": 1, "name": "Project"},
}


CLOUD_REPOSITORY = {"full_name": "Prj/Repo", "name": "The repo", "uuid": "{11}", "type": "repository"}


DATE = "2017-09-19T09:45:32+1000"


def said(dialect: DialectName, event_key: str, payload: object, *names: str) -> Normalized:
    """What a payload says to the URL of those names below its host."""
    scope = Scope(HOSTS[dialect], *names)
    headers = {"x-event-key": event_key} if event_key else {}
    delivery = Delivery(
        id="d", scope=scope, dialect=dialect, event_key=event_key, headers=headers, body=b"", received_at=0
    )
    return normalize(delivery, payload)


def told(found: Normalized) -> list[tuple[str, Any]]:
    """Type and data of every event."""
    return [(event.type, msgspec.to_builtins(event.data)) for event in found.events]


def one(found: Normalized) -> Any:  # noqa: ANN401 - the data of any event
    """The data of the only event."""
    (event,) = found.events
    return msgspec.to_builtins(event.data)


def server_change(ref: str | None, before: str | None, after: str | None) -> Json:
    return {"refId": ref, "fromHash": before or ZEROS, "toHash": after or ZEROS, "type": "UPDATE"}


def native_change(ref: str | None, before: str | None, after: str | None) -> Json:
    kind = "TAG" if (ref or "").startswith("refs/tags/") else "BRANCH"
    name = ref and ref.split("/", 2)[-1]
    return {**server_change(ref, before, after), "ref": {"id": ref, "displayId": name, "type": kind}}


def cloud_change(ref: str | None, before: str | None, after: str | None) -> Json:
    def side(commit: str | None) -> Json | None:
        kind, name = ("tag", (ref or "")[10:]) if (ref or "").startswith("refs/tags/") else ("branch", (ref or "")[11:])
        return {"type": kind, "name": name or None, "target": {"hash": commit}} if commit else None

    return {"old": side(before), "new": side(after), "created": False, "closed": False, "forced": False}


def post_receive_push(changes: list[Any], **more: object) -> Json:
    return {"repository": SERVER_REPOSITORY, "refChanges": changes, **more}


def native_push(changes: list[Any], **more: object) -> Json:
    envelope = {"eventKey": "repo:refs_changed", "date": DATE, "actor": {"name": "jane", "id": 7}}
    return {**envelope, "repository": SERVER_REPOSITORY, "changes": changes, **more}


def cloud_push(changes: list[Any], **more: object) -> Json:
    actor = {"nickname": "jane", "uuid": "{7}", "type": "user"}
    return {"actor": actor, "repository": CLOUD_REPOSITORY, "push": {"changes": changes}, **more}


CHANGE: dict[DialectName, Callable[..., Json]] = {
    "post-receive": server_change,
    "data-center": native_change,
    "cloud": cloud_change,
}


PUSH: dict[DialectName, Callable[..., Json]] = {
    "post-receive": post_receive_push,
    "data-center": native_push,
    "cloud": cloud_push,
}


def pushed(dialect: DialectName, *moves: Move) -> Json:
    return PUSH[dialect]([CHANGE[dialect](*move) for move in moves])


def native_pull_request(**more: object) -> Json:
    target = {"id": MAIN, "displayId": "main", "latestCommit": A, "repository": SERVER_REPOSITORY}
    source = {**target, "id": NEXT, "displayId": "next", "latestCommit": B}
    return {
        "id": 12,
        "version": 1,
        "title": "t",
        "state": "OPEN",
        "fromRef": source,
        "toRef": target,
        "reviewers": [],
        **more,
    }


def native(event_key: str, pull_request: object = None, **more: object) -> Json:
    return {"eventKey": event_key, "date": DATE, "pullRequest": pull_request or native_pull_request(), **more}


def cloud_pull_request(**more: object) -> Json:
    source = {"branch": {"name": "next"}, "commit": {"hash": B[:12]}, "repository": CLOUD_REPOSITORY}
    target = {"branch": {"name": "main"}, "commit": {"hash": A[:12]}, "repository": CLOUD_REPOSITORY}
    dates = {"created_on": "2017-08-01T07:58:37+00:00", "updated_on": "2017-08-01T07:58:37.139413+00:00"}
    return {"id": 12, "title": "t", "state": "OPEN", "source": source, "destination": target, **dates, **more}


def cloud(pull_request: object = None, **more: object) -> Json:
    return {"repository": CLOUD_REPOSITORY, "pullrequest": pull_request or cloud_pull_request(), **more}


COMMENT = {"id": 3, "text": "x"}


UNDERSTOOD: list[tuple[DialectName, str, Json, str]] = [
    ("data-center", "pr:opened", native("pr:opened"), "opened"),
    ("data-center", "pr:modified", native("pr:modified", previousTitle="was"), "updated"),
    ("data-center", "pr:modified", native("pr:modified", previousTarget={"id": V1}), "retargeted"),
    ("data-center", "pr:from_ref_updated", native("pr:from_ref_updated", previousFromHash=C), "source_updated"),
    ("data-center", "pr:merged", native("pr:merged", native_pull_request(state="MERGED")), "merged"),
    ("data-center", "pr:declined", native("pr:declined", native_pull_request(state="DECLINED")), "declined"),
    (
        "data-center",
        "pr:reviewer:approved",
        native("pr:reviewer:approved", participant={"user": {"name": "r"}}),
        "approved",
    ),
    ("data-center", "pr:comment:added", native("pr:comment:added", comment=COMMENT), "comment.added"),
    ("cloud", "pullrequest:created", cloud(), "opened"),
    ("cloud", "pullrequest:updated", cloud(), "updated"),
    ("cloud", "pullrequest:fulfilled", cloud(cloud_pull_request(state="MERGED")), "merged"),
    ("cloud", "pullrequest:rejected", cloud(cloud_pull_request(state="DECLINED")), "declined"),
    ("cloud", "pullrequest:approved", cloud(approval={"user": {"nickname": "r"}, "date": DATE}), "approved"),
    (
        "cloud",
        "pullrequest:comment_created",
        cloud(comment={"id": 3, "content": {"raw": "x"}, "created_on": DATE}),
        "comment.added",
    ),
]
