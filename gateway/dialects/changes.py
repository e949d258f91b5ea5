"""What pushes of all dialects have in common: refs by their ids, and which commits belong to which ref."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from msgspec import Struct

from gateway.dialects.reading import Json
from gateway.event import Commit, Event, Ref, RefChange, ref_event, unknown_event

_PREFIXES: tuple[tuple[str, Literal["branch", "tag"]], ...] = (("refs/heads/", "branch"), ("refs/tags/", "tag"))
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_KINDS: dict[str, Literal["branch", "tag"]] = {"branch": "branch", "tag": "tag"}


def ref_from_id(ref_id: str, kind: str | None = None) -> Ref:
    """The ref of an id such as `refs/tags/v1`; the prefix decides, the sender's word only where there is none."""
    for prefix, of_kind in _PREFIXES:
        if ref_id.startswith(prefix):
            return Ref(ref_id, ref_id[len(prefix) :], of_kind)
    return Ref(ref_id, ref_id, _KINDS.get((kind or "").lower(), "unknown"))


def ref_from_name(name: str, kind: str | None) -> Ref:
    """The ref of a bare name such as `v1` and what the sender calls it; neither branch nor tag stays opaque."""
    for prefix, of_kind in _PREFIXES:
        if (kind or "").lower() == of_kind:
            return Ref(prefix + name, name, of_kind)
    return Ref(name, name, "unknown")


class Move(Struct, frozen=True):
    """One element of a push: which ref, from where, to where."""

    ref: Ref | None
    before: str | None
    after: str | None

    def is_readable(self) -> bool:
        """Whether it names a ref as git allows one (no control characters) and at least one full hash."""
        return (
            self.ref is not None
            and (self.before is not None or self.after is not None)
            and not _CONTROL.search(self.ref.id)
        )


def push_events(
    event_key: str,
    elements: Iterable[object],
    read: Callable[[Json], Move],
    change: Callable[[Json, Move], RefChange],
) -> list[Event]:
    """One event per distinct (ref, before, after) of a push; an element that cannot be read is an `unknown` one."""
    events: list[Event] = []
    seen: set[tuple[str, str | None, str | None]] = set()
    for position, element in enumerate(elements):
        move = read(element) if isinstance(element, dict) else Move(None, None, None)
        if move.ref is None or not move.is_readable():
            events.append(unknown_event(event_key, f"element {position} names no ref or no commit", element))
            continue
        what = (move.ref.id, move.before, move.after)
        if what not in seen:
            seen.add(what)
            events.append(ref_event(change(element, move)))  # type: ignore[arg-type]
    return events


def reachable(commits: Sequence[Commit], move: Move) -> list[Commit]:
    """Those of the listed commits that lead from `before` to `after`, in the order in which they were listed."""
    by_id = {commit.id: commit for commit in commits}
    wanted: set[str] = set()
    waiting = [move.after]
    while waiting:
        commit = by_id.get(waiting.pop() or "")
        if commit is not None and commit.id != move.before and commit.id not in wanted:
            wanted.add(commit.id)
            waiting.extend(commit.parents)
    return [commit for commit in commits if commit.id in wanted]
