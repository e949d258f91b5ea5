"""The Post-Receive WebHooks plugin of Stash and Bitbucket Server.

What the vendor leaves out: an event key, a request id, a signature, a date, and who pushed. One POST speaks of all
refs of a push; a ref has no type of its own. The list of changesets belongs to the whole push, is cut at 100 (or
500), and a full page says `isLastPage: true` all the same. Vendor: "POST service webhook for Bitbucket Server".
"""

from collections.abc import Mapping

from gateway.dialects.changes import Move, push_events, reachable, ref_from_id
from gateway.dialects.reading import Json, commit_hash, filled, flag, items, mapping, mappings, number
from gateway.dialects.row import Body, Dialect, Row
from gateway.dialects.server import commit, repository, repository_names
from gateway.event import Commit, Event, RefChange, Tag


def push(body: Body) -> list[Event]:
    """Every ref of a push."""
    changes = items(body.payload, "refChanges")
    commits = _commits(body.payload)
    complete = _complete(body.payload)
    alone = len(changes) == 1

    def change(_: Json, move: Move) -> RefChange:
        assert move.ref is not None  # noqa: S101 - push_events asks for readable moves only
        mine = commits if alone else reachable(commits, move)
        is_tag = move.ref.type == "tag" and move.after is not None
        return RefChange(
            repository=body.repository,
            actor=None,
            occurred_at=None,
            ref=move.ref,
            before=move.before,
            after=move.after,
            forced=None,
            commits=mine,
            commits_complete=None if is_tag and not mine else complete,
            tag=Tag(None, None, None, None) if is_tag else None,
        )

    return push_events(body.event_key, changes, _move, change)


def _move(source: Json) -> Move:
    ref_id = filled(source, "refId")
    return Move(
        ref=ref_from_id(ref_id) if ref_id else None,
        before=commit_hash(source, "fromHash"),
        after=commit_hash(source, "toHash"),
    )


def _commits(payload: Json) -> list[Commit]:
    entries = mappings(mapping(payload, "changesets"), "values")
    return [found for entry in entries if (found := commit(mapping(entry, "toCommit")))]


def _complete(payload: Json) -> bool | None:
    size, limit = number(mapping(payload, "changesets"), "size"), number(mapping(payload, "changesets"), "limit")
    if size is None or limit is None:
        return None
    if flag(mapping(payload, "changesets"), "isLastPage") is False:
        return False
    return True if size < limit else None


EVENTS: Mapping[str, Row] = {
    "": Row(push, listed=(("refChanges",),)),
}

DIALECT = Dialect(
    events=EVENTS,
    repository_names=repository_names,
    repository=repository,
)
