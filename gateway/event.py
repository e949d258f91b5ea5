"""The vocabulary: what can happen in a repository, as frozen values.

One value per fact, the same for every dialect. The fields are the `data` of the published event, in the order in
which they are written; `None` is knowledge that the sender did not give, never a guess. Within `v1` fields are only
added and enumerations may grow.
"""

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct

TYPE_PREFIX = "org.bitbucket."

FAMILIES: Mapping[str, str] = {
    "ref": "refs",
    "pull_request": "pull-requests",
    "unknown": "unknown",
    "dead_letter": "dead-letter",
}
"""First word of an event type -> the family that names its topic."""


def family(event_type: str) -> str:
    """The family of `ref.updated` is `refs`."""
    return FAMILIES[event_type.partition(".")[0]]


class CloneUrls(Struct, frozen=True):
    """Where to clone from; a protocol that is switched off has no URL."""

    https: str | None
    ssh: str | None


class Repository(Struct, frozen=True):
    """A repository: its canonical key, and its names as Bitbucket spells them."""

    key: str
    hostname: str
    project: str | None
    repo: str | None
    name: str | None
    id: str | None
    url: str | None
    clone_urls: CloneUrls


class Actor(Struct, frozen=True):
    """Who did it. `name` is Data Center's user name, Cloud's nickname."""

    name: str | None
    display_name: str | None
    email: str | None
    id: str | None
    type: Literal["user", "team", "app", "service"] | None


class Person(Struct, frozen=True):
    """An author as git knows one."""

    name: str | None
    email: str | None


class Commit(Struct, frozen=True):
    """A commit of a push; `timestamp` is its author's."""

    id: str
    message: str | None
    author: Person | None
    timestamp: str | None
    parents: list[str]


class Ref(Struct, frozen=True):
    """A branch or tag: `refs/heads/main`, `main`, `branch`."""

    id: str
    name: str
    type: Literal["branch", "tag", "unknown"]


class Tag(Struct, frozen=True):
    """What is known of a tag; `target` is the commit it points at."""

    message: str | None
    tagger: Person | None
    timestamp: str | None
    target: str | None


class RefChange(Struct, frozen=True):
    """One ref moved from `before` to `after`; `None` is where it did not exist."""

    repository: Repository
    actor: Actor | None
    occurred_at: str | None
    ref: Ref
    before: str | None
    after: str | None
    forced: bool | None
    commits: list[Commit]
    commits_complete: bool | None
    tag: Tag | None


class Side(Struct, frozen=True):
    """The source or target of a pull request. Cloud cuts `commit` to 12; of a deleted fork it says nothing."""

    ref: str | None
    name: str | None
    commit: str | None
    repository: Repository | None


class Reviewer(Struct, frozen=True):
    """Somebody asked to review, and what they said so far."""

    user: Actor | None
    status: Literal["approved", "changes_requested", "none"]


class PullRequest(Struct, frozen=True):
    """A pull request as it stood when Bitbucket spoke."""

    id: str | None
    title: str | None
    description: str | None
    state: Literal["open", "merged", "declined", "superseded", "deleted"] | None
    draft: bool | None
    url: str | None
    author: Actor | None
    source: Side
    target: Side
    reviewers: list[Reviewer]
    merge_commit: str | None
    created_at: str | None
    updated_at: str | None
    closed_at: str | None


class Comment(Struct, frozen=True):
    """A comment; `path` and `line` where it stands in a file."""

    id: str | None
    text: str | None
    author: Actor | None
    created_at: str | None
    updated_at: str | None
    parent_id: str | None
    path: str | None
    line: int | None
    resolved: bool | None


class PullRequestChange(Struct, frozen=True):
    """Something happened to a pull request.

    `previous` holds what was before, of `title`, `description`, `target` and `source_commit` only what changed.
    """

    repository: Repository
    actor: Actor | None
    occurred_at: str | None
    pull_request: PullRequest
    previous: Mapping[str, str | None] | None = None
    reviewer: Actor | None = None
    reviewers_added: list[Actor] | None = None
    reviewers_removed: list[Actor] | None = None
    comment: Comment | None = None


class Unknown(Struct, frozen=True):
    """Authentic, but not understood: why, and the payload as it came."""

    event_key: str | None
    reason: str
    payload: Any


Data = RefChange | PullRequestChange | Unknown


class Event(Struct, frozen=True):
    """One fact, with what is known before it has an id: its type without the prefix, its subject, its data."""

    type: str
    subject: str | None
    data: Data


def ref_event(change: RefChange) -> Event:
    """The event of a ref change: the hashes decide what happened, not what the sender calls it."""
    verb = "created" if change.before is None else "deleted" if change.after is None else "updated"
    return Event(f"ref.{verb}", change.ref.id, change)


def pull_request_event(verb: str, change: PullRequestChange) -> Event:
    """The event `pull_request.{verb}`."""
    number = change.pull_request.id
    return Event(f"pull_request.{verb}", None if number is None else f"pull-requests/{number}", change)


def unknown_event(event_key: str, reason: str, payload: object) -> Event:
    """The event of what was not understood."""
    return Event("unknown", None, Unknown(event_key or None, reason, payload))
