"""Webhooks of Bitbucket Cloud.

What the vendor leaves out: the event key in the body, a date of a push, clone links, mail addresses, more than 12
characters of a hash in pull requests, and more than five commits of a change (`truncated`). A deleted fork's
`repository` and `commit` are `null`. Vendor: Cloud "Event payloads".
"""

from collections.abc import Callable, Mapping

from gateway.delivery import RepositoryKey
from gateway.dialects.changes import Move, push_events, ref_from_name
from gateway.dialects.reading import (
    Json,
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
from gateway.dialects.row import Body, Dialect, Row, claim
from gateway.event import (
    Actor,
    CloneUrls,
    Comment,
    Commit,
    Event,
    Person,
    PullRequest,
    PullRequestChange,
    RefChange,
    Repository,
    Reviewer,
    Side,
    Tag,
    pull_request_event,
)

_ACTOR_TYPES = {"user": "user", "team": "team", "app_user": "app"}
_STATES = {"OPEN": "open", "MERGED": "merged", "DECLINED": "declined", "SUPERSEDED": "superseded"}
_REVIEWS = {"approved": "approved", "changes_requested": "changes_requested"}


def repository_names(source: Json) -> tuple[str | None, str | None]:
    """Workspace and slug, from `full_name`; `name` is only what is shown."""
    workspace, _, slug = (filled(source, "full_name") or "").partition("/")
    return workspace or None, slug or None


def repository(source: Json, key: RepositoryKey) -> Repository:
    """A repository object; clone URLs are built from `full_name`, since webhooks have none."""
    project, repo = repository_names(source)
    path = f"{project or key.project}/{repo or key.repo}"
    return Repository(
        key=str(key),
        hostname=key.hostname,
        project=project or key.project,
        repo=repo or key.repo,
        name=text(source, "name"),
        id=identifier(source, "uuid"),
        url=link(source, "html"),
        clone_urls=CloneUrls(https=f"https://{key.hostname}/{path}.git", ssh=f"git@{key.hostname}:{path}.git"),
    )


def push(body: Body) -> list[Event]:
    """Every ref of a push."""
    who = actor(mapping(body.payload, "actor"))

    def change(source: Json, move: Move) -> RefChange:
        assert move.ref is not None  # noqa: S101 - push_events asks for readable moves only
        truncated = flag(source, "truncated")
        return RefChange(
            repository=body.repository,
            actor=who,
            occurred_at=body.occurred_at,
            ref=move.ref,
            before=move.before,
            after=move.after,
            forced=flag(source, "forced"),
            commits=[found for entry in mappings(source, "commits") if (found := _commit(entry))],
            commits_complete=None if truncated is None else not truncated,
            tag=_tag(mapping(source, "new")) if move.ref.type == "tag" and move.after else None,
        )

    return push_events(body.event_key, items(mapping(body.payload, "push"), "changes"), _move, change)


def _move(source: Json) -> Move:
    old, new = mapping(source, "old"), mapping(source, "new")
    name = filled(new, "name") or filled(old, "name")
    return Move(
        ref=ref_from_name(name, filled(new, "type") or filled(old, "type")) if name else None,
        before=commit_hash(mapping(old, "target"), "hash"),
        after=commit_hash(mapping(new, "target"), "hash"),
    )


def _commit(source: Json) -> Commit | None:
    commit_id = commit_hash(source, "hash")
    if commit_id is None:
        return None
    return Commit(
        id=commit_id,
        message=text(source, "message"),
        author=_person(mapping(source, "author")),
        timestamp=instant(source.get("date")),
        parents=[parent for entry in mappings(source, "parents") if (parent := commit_hash(entry, "hash"))],
    )


def _person(source: Json) -> Person | None:
    raw = filled(source, "raw")
    if raw is None:
        return None
    name, bracket, mail = raw.strip().removesuffix(">").rpartition("<")
    return Person(name.strip() or None, mail.strip() or None) if bracket else Person(raw, None)


def _tag(source: Json) -> Tag:
    return Tag(
        message=text(source, "message"),
        tagger=_person(mapping(source, "tagger")),
        timestamp=instant(source.get("date")),
        target=commit_hash(mapping(source, "target"), "hash"),
    )


def actor(source: Json) -> Actor | None:
    """An account; users lost their `username` in 2019, teams have no `nickname`, nobody has a mail address."""
    if not source:
        return None
    return Actor(
        name=filled(source, "nickname") or filled(source, "username"),
        display_name=filled(source, "display_name"),
        email=None,
        id=identifier(source, "uuid") or identifier(source, "account_id"),
        type=_ACTOR_TYPES.get(filled(source, "type") or ""),  # type: ignore[arg-type]
    )


def pull_request(verb: str) -> Callable[[Body], list[Event]]:
    """The reader of events that tell nothing beside the pull request."""

    def read(body: Body) -> list[Event]:
        return [pull_request_event(verb, _change(body))]

    return read


def approved(body: Body) -> list[Event]:
    """A reviewer approved."""
    return [
        pull_request_event(
            "approved", _change(body, reviewer=actor(mapping(mapping(body.payload, "approval"), "user")))
        )
    ]


def comment_created(body: Body) -> list[Event]:
    """Somebody commented."""
    return [pull_request_event("comment.added", _change(body, comment=_comment(mapping(body.payload, "comment"))))]


def _change(body: Body, *, reviewer: Actor | None = None, comment: Comment | None = None) -> PullRequestChange:
    return PullRequestChange(
        repository=body.repository,
        actor=actor(mapping(body.payload, "actor")),
        occurred_at=body.occurred_at,
        pull_request=_pull_request(mapping(body.payload, "pullrequest"), body.hostname),
        reviewer=reviewer,
        comment=comment,
    )


def _pull_request(source: Json, hostname: str) -> PullRequest:
    description = text(source, "description")
    return PullRequest(
        id=identifier(source, "id"),
        title=text(source, "title"),
        description=text(mapping(source, "summary"), "raw") if description is None else description,
        state=_STATES.get(filled(source, "state") or ""),  # type: ignore[arg-type]
        draft=flag(source, "draft"),
        url=link(source, "html"),
        author=actor(mapping(source, "author")),
        source=_side(mapping(source, "source"), hostname),
        target=_side(mapping(source, "destination"), hostname),
        reviewers=_reviewers(source),
        merge_commit=commit_prefix(mapping(source, "merge_commit"), "hash"),
        created_at=instant(source.get("created_on")),
        updated_at=instant(source.get("updated_on")),
        closed_at=None,
    )


def _side(source: Json, hostname: str) -> Side:
    name = filled(mapping(source, "branch"), "name")
    of = mapping(source, "repository")
    key = claim(hostname, repository_names(of))
    return Side(
        ref=f"refs/heads/{name}" if name else None,
        name=name,
        commit=commit_prefix(mapping(source, "commit"), "hash"),
        repository=None if key is None else repository(of, key),
    )


def _reviewers(source: Json) -> list[Reviewer]:
    said = {}
    for entry in mappings(source, "participants"):
        status = filled(entry, "state") or ("approved" if flag(entry, "approved") else "")
        said[identifier(mapping(entry, "user"), "uuid")] = _REVIEWS.get(status, "none")
    said[None] = "none"
    users = mappings(source, "reviewers")
    return [Reviewer(actor(user), said.get(identifier(user, "uuid"), "none")) for user in users]  # type: ignore[arg-type]


def _comment(source: Json) -> Comment:
    inline = mapping(source, "inline")
    to_line = number(inline, "to")
    return Comment(
        id=identifier(source, "id"),
        text=text(mapping(source, "content"), "raw"),
        author=actor(mapping(source, "user")),
        created_at=instant(source.get("created_on")),
        updated_at=instant(source.get("updated_on")),
        parent_id=identifier(mapping(source, "parent"), "id"),
        path=filled(inline, "path"),
        line=number(inline, "from") if to_line is None else to_line,
        resolved=None if "resolution" not in source else bool(mapping(source, "resolution")),
    )


_PULL_REQUEST = (("pullrequest",),)
_UPDATED = ("pullrequest", "updated_on")
_STATE = ("pullrequest", "state")

EVENTS: Mapping[str, Row] = {
    "repo:push": Row(push, listed=(("push", "changes"),)),
    "pullrequest:created": Row(pull_request("opened"), about=_PULL_REQUEST, dated=("pullrequest", "created_on")),
    "pullrequest:updated": Row(pull_request("updated"), about=_PULL_REQUEST, dated=_UPDATED),
    "pullrequest:fulfilled": Row(
        pull_request("merged"), about=_PULL_REQUEST, dated=_UPDATED, given=((_STATE, "MERGED"),)
    ),
    "pullrequest:rejected": Row(
        pull_request("declined"), about=_PULL_REQUEST, dated=_UPDATED, given=((_STATE, "DECLINED"),)
    ),
    "pullrequest:approved": Row(
        approved,
        about=_PULL_REQUEST,
        dated=("approval", "date"),
        given=((("approval", "approved"), True), (("approval", "state"), "approved")),
    ),
    "pullrequest:comment_created": Row(
        comment_created, about=(("pullrequest",), ("comment",)), dated=("comment", "created_on")
    ),
}

DIALECT = Dialect(
    events=EVENTS,
    repository_names=repository_names,
    repository=repository,
    request_id_header="x-request-uuid",
    hook_id_header="x-hook-uuid",
)
