"""Native webhooks of Bitbucket Server 5.4 and later, and Data Center.

What the vendor leaves out: a forced flag, the object of an annotated tag, the commits of all refs but one (and all
commits before 8.x; five at most since), a top-level `repository` in pull request events, often `description`. Times are
integers up to 9 and strings from 10 on. Vendor: Data Center "Event payload".
"""

from collections.abc import Callable, Mapping

from gateway.dialects.changes import Move, push_events, reachable, ref_from_id
from gateway.dialects.reading import (
    Json,
    Path,
    at,
    commit_hash,
    commit_prefix,
    filled,
    flag,
    identifier,
    instant,
    items,
    link,
    mapping,
    mappings,
    number,
    text,
)
from gateway.dialects.row import Body, Dialect, Row
from gateway.dialects.server import actor, commit, other_repository, repository, repository_names
from gateway.event import (
    Actor,
    Comment,
    Commit,
    Event,
    PullRequest,
    PullRequestChange,
    RefChange,
    Reviewer,
    Side,
    Tag,
    pull_request_event,
)

_COMMITS_LIMIT = 5
_STATES = {"OPEN": "open", "MERGED": "merged", "DECLINED": "declined"}
_PREVIOUS = (
    ("title", ("previousTitle",), ("title",)),
    ("description", ("previousDescription",), ("description",)),
    ("target", ("previousTarget", "id"), ("toRef", "id")),
)
"""What an edit may have changed: its name, where the old value stands, and where in the pull request the new one."""
_REVIEWS = {"APPROVED": "approved", "NEEDS_WORK": "changes_requested"}


def push(body: Body) -> list[Event]:
    """Every ref of a push; the listed commits go to the ref they lead to."""
    changes = items(body.payload, "changes")
    commits = [found for entry in mappings(body.payload, "commits") if (found := commit(entry))]
    listed = isinstance(body.payload.get("commits"), list)
    who = actor(mapping(body.payload, "actor"))
    alone = len(changes) == 1

    def change(_: Json, move: Move) -> RefChange:
        assert move.ref is not None  # noqa: S101 - push_events asks for readable moves only
        mine = commits if alone else reachable(commits, move)
        return RefChange(
            repository=body.repository,
            actor=who,
            occurred_at=body.occurred_at,
            ref=move.ref,
            before=move.before,
            after=move.after,
            forced=None,
            commits=mine,
            commits_complete=_complete(commits, known=listed and (alone or bool(mine))),
            tag=_tag(body.payload, move, alone=alone),
        )

    return push_events(body.event_key, changes, _move, change)


def _move(source: Json) -> Move:
    ref_id = filled(mapping(source, "ref"), "id") or filled(source, "refId")
    return Move(
        ref=ref_from_id(ref_id, filled(mapping(source, "ref"), "type")) if ref_id else None,
        before=commit_hash(source, "fromHash"),
        after=commit_hash(source, "toHash"),
    )


def _complete(commits: list[Commit], *, known: bool) -> bool | None:
    return True if known and len(commits) < _COMMITS_LIMIT else None


def _tag(payload: Json, move: Move, *, alone: bool) -> Tag | None:
    if move.ref is None or move.ref.type != "tag" or move.after is None:
        return None
    return Tag(None, None, None, target=commit_hash(mapping(payload, "toCommit"), "id") if alone else None)


def pull_request(verb: str) -> Callable[[Body], list[Event]]:
    """The reader of events that tell nothing beside the pull request."""

    def read(body: Body) -> list[Event]:
        return [pull_request_event(verb, _change(body))]

    return read


def modified(body: Body) -> list[Event]:
    """Title, description or target changed; a changed target makes it `retargeted`."""
    now = mapping(body.payload, "pullRequest")
    previous = {
        name: _text_at(body.payload, was)
        for name, was, current in _PREVIOUS
        if was[0] in body.payload and (_text_at(body.payload, was) or None) != (_text_at(now, current) or None)
    }
    return [pull_request_event("retargeted" if previous.get("target") else "updated", _change(body, previous=previous))]


def _text_at(source: Json, path: Path) -> str | None:
    found = at(source, path)
    return found if isinstance(found, str) else None


def source_updated(body: Body) -> list[Event]:
    """The source branch moved."""
    was = commit_hash(body.payload, "previousFromHash")
    return [pull_request_event("source_updated", _change(body, previous={"source_commit": was} if was else {}))]


def approved(body: Body) -> list[Event]:
    """A reviewer approved."""
    reviewer = actor(mapping(mapping(body.payload, "participant"), "user"))
    return [pull_request_event("approved", _change(body, reviewer=reviewer))]


def comment_added(body: Body) -> list[Event]:
    """Somebody commented."""
    return [pull_request_event("comment.added", _change(body, comment=_comment(body.payload)))]


def _change(
    body: Body,
    *,
    previous: Mapping[str, str | None] | None = None,
    reviewer: Actor | None = None,
    comment: Comment | None = None,
) -> PullRequestChange:
    return PullRequestChange(
        repository=body.repository,
        actor=actor(mapping(body.payload, "actor")),
        occurred_at=body.occurred_at,
        pull_request=_pull_request(mapping(body.payload, "pullRequest"), body.hostname),
        previous=previous or None,
        reviewer=reviewer,
        comment=comment,
    )


def _pull_request(source: Json, hostname: str) -> PullRequest:
    return PullRequest(
        id=identifier(source, "id"),
        title=text(source, "title"),
        description=text(source, "description"),
        state=_STATES.get(filled(source, "state") or ""),  # type: ignore[arg-type]
        draft=flag(source, "draft"),
        url=link(source, "self"),
        author=actor(mapping(mapping(source, "author"), "user")),
        source=_side(mapping(source, "fromRef"), hostname),
        target=_side(mapping(source, "toRef"), hostname),
        reviewers=[_reviewer(entry) for entry in mappings(source, "reviewers")],
        merge_commit=commit_prefix(mapping(mapping(source, "properties"), "mergeCommit"), "id"),
        created_at=instant(source.get("createdDate")),
        updated_at=instant(source.get("updatedDate")),
        closed_at=instant(source.get("closedDate")),
    )


def _side(source: Json, hostname: str) -> Side:
    return Side(
        ref=filled(source, "id"),
        name=filled(source, "displayId"),
        commit=commit_prefix(source, "latestCommit"),
        repository=other_repository(mapping(source, "repository"), hostname),
    )


def _reviewer(source: Json) -> Reviewer:
    status = _REVIEWS.get(filled(source, "status") or "")
    return Reviewer(actor(mapping(source, "user")), status or "none")  # type: ignore[arg-type]


def _comment(payload: Json) -> Comment:
    source = mapping(payload, "comment")
    return Comment(
        id=identifier(source, "id"),
        text=text(source, "text"),
        author=actor(mapping(source, "author")),
        created_at=instant(source.get("createdDate")),
        updated_at=instant(source.get("updatedDate")),
        parent_id=identifier(payload, "commentParentId"),
        path=filled(mapping(source, "anchor"), "path"),
        line=number(mapping(source, "anchor"), "line"),
        resolved=flag(source, "threadResolved"),
    )


_DATE = ("date",)
_TARGET = ("pullRequest", "toRef", "repository")
_PULL_REQUEST = (("pullRequest",),)
_STATE = ("pullRequest", "state")

EVENTS: Mapping[str, Row] = {
    "repo:refs_changed": Row(push, listed=(("changes",),), dated=_DATE),
    "pr:opened": Row(pull_request("opened"), about=_PULL_REQUEST, repository=_TARGET, dated=_DATE),
    "pr:modified": Row(modified, about=_PULL_REQUEST, repository=_TARGET, dated=_DATE),
    "pr:from_ref_updated": Row(source_updated, about=_PULL_REQUEST, repository=_TARGET, dated=_DATE),
    "pr:merged": Row(
        pull_request("merged"), about=_PULL_REQUEST, repository=_TARGET, dated=_DATE, given=((_STATE, "MERGED"),)
    ),
    "pr:declined": Row(
        pull_request("declined"), about=_PULL_REQUEST, repository=_TARGET, dated=_DATE, given=((_STATE, "DECLINED"),)
    ),
    "pr:reviewer:approved": Row(
        approved,
        about=_PULL_REQUEST,
        repository=_TARGET,
        dated=_DATE,
        given=((("participant", "status"), "APPROVED"), (("participant", "approved"), True)),
    ),
    "pr:comment:added": Row(comment_added, about=(("pullRequest",), ("comment",)), repository=_TARGET, dated=_DATE),
}

DIALECT = Dialect(
    events=EVENTS,
    repository_names=repository_names,
    repository=repository,
    event_key_field=("eventKey",),
    request_id_header="x-request-id",
)
