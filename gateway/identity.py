"""New fact or repeat? A fold over deliveries in the order in which they are accepted.

An event's id is a hash of its repository, its content and the number of its occurrence. Something is a repeat only on
evidence: the same request again, bytes that bear their own date again, an occurrence that another hook has reported
and this one has not, or the last change of a ref again from a sender that cannot be told apart. All else is the next
occurrence: in doubt, publish. Told what the journal remembers, `decide` gives back what happened and what is to be
remembered from then on; it asks nothing and knows no clock but the delivery's.

Every report of a hook that is no repeat moves that hook's cursor over the occurrences of a content, and every repeat
moves it to what was repeated. So a content has at least as many occurrences as any one hook has reported facts.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec
from msgspec import Struct

from gateway.delivery import Delivery
from gateway.intake import Draft, Intake, as_unknown

RECENT = 10 * 60 * 1000
"""How long, in milliseconds, another hook's report of an occurrence can be the same fact although the ref moved on."""

ATTEMPT_HEADER = "x-attempt-number"
_LATER_ATTEMPT = re.compile(r"[2-9]|[1-9][0-9]{1,8}")
_KEPT_TIMES = 100
_KEPT_HOOKS = 64

Outcome = Literal["accepted", "duplicate", "unknown", "dead_letter"]
Evidence = Literal["same_request", "same_dated_bytes", "last_change", "other_hook"]


class RefState(Struct, frozen=True):
    """Where a ref stands, and by which occurrence of which content it got there."""

    commit: str | None
    content: bytes
    occurrence: int


class Fingerprint(Struct, frozen=True, array_like=True):
    """Bytes that were seen for a repository: as which event, and which occurrences they were by each hook's word."""

    event_key: str
    accepted: bool
    told: dict[str, list[int]] = {}


class Occurrences(Struct, frozen=True, array_like=True):
    """How often a content occurred, when the latest ones did, and how far each hook has reported them.

    `hooks` are in the order in which they last spoke; `floor` is how far the ones had come that were forgotten.
    """

    count: int = 0
    hooks: dict[str, int] = {}
    recent: list[tuple[int, int]] = []
    floor: int = 0


class Recall(Struct, frozen=True):
    """What must be known to decide about a delivery: keys of identities, and refs of its repository."""

    fingerprint: bytes
    request: bytes | None
    contents: tuple[bytes, ...]
    refs: tuple[str, ...]

    def keys(self) -> list[bytes]:
        """The keys of all identities to look up."""
        request = () if self.request is None else (self.request,)
        return [self.fingerprint, *request, *self.contents]


class Known(Struct, frozen=True):
    """What the journal remembers of that: encoded identities by key, refs by id; what is missing was never seen."""

    identities: Mapping[bytes, bytes]
    refs: Mapping[str, RefState]


class Numbered(Struct, frozen=True):
    """A new event: its id, and whether its ref was not known to stand where it came from."""

    id: str
    gap: bool
    draft: Draft


class Decision(Struct, frozen=True):
    """What a delivery turned out to be, which events are new, and what to remember."""

    intake: Intake
    outcome: Outcome
    evidence: Evidence | None
    ids: tuple[str, ...]
    events: tuple[Numbered, ...]
    identities: Mapping[bytes, bytes]
    refs: Mapping[str, RefState]


def event_id(key: str, content: bytes, occurrence: int) -> str:
    """The id of an event: 32 hex digits, the same for ever."""
    return hashlib.sha256(b"\0".join((key.encode(), content, str(occurrence).encode()))).hexdigest()[:32]


def recall(taken: Intake) -> Recall:
    """What to look up before deciding."""
    delivery = taken.delivery
    request = None
    if (request_id := taken.request_id) and not (taken.dated and taken.outcome == "accepted"):
        url = str(delivery.scope)
        request = _key("request", url, delivery.dialect, request_id, delivery.event_key, taken.digest)
    return Recall(
        fingerprint=_key("bytes", taken.key, taken.digest),
        request=request,
        contents=tuple(_key("content", draft.key, draft.content) for draft in taken.drafts),
        refs=tuple({draft.move.ref: None for draft in taken.drafts if draft.move is not None}),
    )


def _key(*parts: str | bytes) -> bytes:
    """16 bytes that stand for these parts, each with its length before it so that no two lists of parts meet."""
    raw = [part if isinstance(part, bytes) else part.encode("utf-8", "surrogateescape") for part in parts]
    lengths = ",".join([str(len(part)) for part in raw]).encode()
    return hashlib.sha256(b"\0".join([lengths, *raw])).digest()[:16]


_encode = msgspec.msgpack.Encoder().encode
_fingerprint = msgspec.msgpack.Decoder(Fingerprint).decode
_occurrences = msgspec.msgpack.Decoder(Occurrences).decode
_numbers = msgspec.msgpack.Decoder(list[int]).decode


def settle(taken: Intake, wanted: Recall, known: Known) -> Intake:
    """The delivery as it is to be decided about: `unknown` where its bytes were accepted as another event before."""
    before = _seen(wanted, known)
    if before is None or not before.accepted or before.event_key == taken.delivery.event_key:
        return taken
    return as_unknown(taken, "the same bytes were accepted before under another event key")


def decide(taken: Intake, wanted: Recall, known: Known) -> Decision:
    """Which events of a settled delivery are new, with their ids (what an id promises: CloudEvents 1.0.2 §3.1.1)."""
    return _Fold(taken, wanted, known, _seen(wanted, known)).decide()


def dead_letter(taken: Intake) -> Decision:
    """What could not be read is no event and no repeat of anything; only its letter is kept."""
    letters = tuple(Numbered(taken.delivery.id, gap=False, draft=draft) for draft in taken.drafts)
    return Decision(taken, "dead_letter", None, (), letters, {}, {})


def _seen(wanted: Recall, known: Known) -> Fingerprint | None:
    seen = known.identities.get(wanted.fingerprint)
    return None if seen is None else _fingerprint(seen)


class _Fold:
    """One delivery's events, one after the other, over what is known."""

    def __init__(self, taken: Intake, wanted: Recall, known: Known, before: Fingerprint | None) -> None:
        self.taken = taken
        self.wanted = wanted
        self.known = known
        self.before = before
        self.hook = _key(*taken.hook)[:8].hex()
        self.now = taken.delivery.received_at
        self.evidence: Evidence | None = None
        self.identities: dict[bytes, bytes] = {}
        self.refs: dict[str, RefState] = {}

    def decide(self) -> Decision:
        """Number every event, then say what all of them together are."""
        taken = self.taken
        self.evidence, said = self._said_before()
        numbers, ids, new = [], [], []
        evidence = self.evidence
        for position, draft in enumerate(taken.drafts):
            number, repeats = self._number(position, draft, said.get(position))
            evidence = evidence or repeats
            ids.append(event_id(draft.key, draft.content, number))
            numbers.append(number)
            if repeats is None:
                new.append(Numbered(ids[-1], self._move(draft, number), draft))
        self._remember(numbers, new=bool(new))
        outcome: Outcome = "duplicate" if taken.drafts and not new else taken.outcome
        return Decision(taken, outcome, evidence, tuple(ids), tuple(new), self.identities, self.refs)

    def _said_before(self) -> tuple[Evidence | None, Mapping[int, int]]:
        """The occurrences that these events are known to be, by position, and by what evidence."""
        taken, wanted, known = self.taken, self.wanted, self.known
        if wanted.request is not None and (seen := known.identities.get(wanted.request)) is not None:
            return "same_request", dict(enumerate(_numbers(seen)))
        before = self.before
        if taken.dated and before is not None and before.told and before.event_key == taken.delivery.event_key:
            latest = next(reversed(before.told.values()))
            return "same_dated_bytes", dict(enumerate(before.told.get(self.hook, latest)))
        if _may_repeat_last_change(taken.delivery) and (last := self._last_changes()):
            return "last_change", last
        return None, {}

    def _last_changes(self) -> Mapping[int, int] | None:
        """Where every ref of the delivery last changed as it says: that occurrence, by position."""
        found = {}
        for position, draft in enumerate(self.taken.drafts):
            if draft.move is None:
                continue
            state = self.known.refs.get(draft.move.ref)
            if state is None or state.content != draft.content:
                return None
            found[position] = state.occurrence
        return found

    def _number(self, position: int, draft: Draft, said: int | None) -> tuple[int, Evidence | None]:
        """Which occurrence an event is, and by what evidence it is a repeat."""
        if self.taken.dated and draft.move is None and draft.type != "unknown":
            return said or 1, None if said is None else self.evidence
        key = self.wanted.contents[position]
        seen = self.identities.get(key) or self.known.identities.get(key)
        past = Occurrences() if seen is None else _occurrences(seen)
        cursor = past.hooks.get(self.hook, past.floor)
        if said is not None and not self._told_with_other_bytes(said, cursor):
            if said > cursor:
                self._report(key, past, said)
            return said, self.evidence
        told = min(self._told_by_others(draft, past, cursor), default=None)
        number = past.count + 1 if told is None else told
        self._report(key, past, number)
        return number, None if told is None else "other_hook"

    def _told_with_other_bytes(self, said: int, cursor: int) -> bool:
        """Whether this hook told that occurrence before, but not by these bytes, which are then another fact."""
        before = self.before
        return (
            self.evidence == "same_dated_bytes"
            and said <= cursor
            and before is not None
            and self.hook not in before.told
        )

    def _told_by_others(self, draft: Draft, past: Occurrences, cursor: int) -> Iterator[int]:
        """Occurrences this hook has not reported yet, that are recent or since which the ref has not moved."""
        for number, at in past.recent:
            if number > cursor and self.now - at < RECENT:
                yield number
        state = None if draft.move is None else self._ref(draft.move.ref)
        if state is not None and state.content == draft.content and state.occurrence > cursor:
            yield state.occurrence

    def _report(self, key: bytes, past: Occurrences, number: int) -> None:
        """Move this hook's cursor to an occurrence, which is a new one if it was not there before."""
        hooks = {hook: cursor for hook, cursor in past.hooks.items() if hook != self.hook}
        hooks[self.hook] = number
        floor = past.floor
        while len(hooks) > _KEPT_HOOKS:
            floor = max(floor, hooks.pop(next(iter(hooks))))
        recent = [(seen, at) for seen, at in past.recent if self.now - at < RECENT]
        if number > past.count:
            recent.append((number, self.now))
        self.identities[key] = _encode(Occurrences(max(number, past.count), hooks, recent[-_KEPT_TIMES:], floor))

    def _move(self, draft: Draft, number: int) -> bool:
        """Move the ref of a new event; whether there is a gap before it."""
        if draft.move is None:
            return False
        state = self._ref(draft.move.ref)
        self.refs[draft.move.ref] = RefState(draft.move.after, draft.content, number)
        return draft.move.before != (None if state is None else state.commit)

    def _ref(self, ref: str) -> RefState | None:
        return self.refs.get(ref) or self.known.refs.get(ref)

    def _remember(self, numbers: list[int], *, new: bool) -> None:
        """The bytes and the request, so that their repeats are recognised."""
        taken, before = self.taken, self.before
        if self.evidence == "same_request" and not new:
            return
        told = {} if before is None else before.told
        if taken.dated and (new or self.hook not in told):
            told = {hook: said for hook, said in told.items() if hook != self.hook}
            while len(told) >= _KEPT_HOOKS:
                told.pop(next(iter(told)))
            self._keep_fingerprint({**told, self.hook: numbers})
        elif before is None or not before.accepted:
            self._keep_fingerprint({})
        if self.wanted.request is not None:
            self.identities[self.wanted.request] = _encode(numbers)

    def _keep_fingerprint(self, told: dict[str, list[int]]) -> None:
        found = Fingerprint(self.taken.delivery.event_key, self.taken.outcome == "accepted", told)
        self.identities[self.wanted.fingerprint] = _encode(found)


def _may_repeat_last_change(delivery: Delivery) -> bool:
    """Whether a repeat may bear nothing of its own: the plugin's, and Cloud's where it says that it tries again."""
    if delivery.dialect == "post-receive":
        return True
    attempt = delivery.headers.get(ATTEMPT_HEADER, "")
    return delivery.dialect == "cloud" and bool(_LATER_ATTEMPT.fullmatch(attempt))
