"""Hooks that speak as each vendor's do, and a journal in memory that listens.

A hook signs what it sends, or shows its token where it cannot sign; the memory recalls, decides and remembers as the
journal does, with two dictionaries for its tables. Nothing here knows how a decision is made.
"""

import hashlib
import hmac
import itertools
from datetime import UTC, datetime
from uuid import UUID

import orjson
from msgspec import Struct

from gateway.delivery import Delivery, DialectName, Hosts, Scope
from gateway.dialects import which
from gateway.identity import Decision, Known, Numbered, Recall, RefState, dead_letter, decide, recall, settle
from gateway.intake import Intake, Move, intake
from gateway.secrets import Keyring, MasterKey

SECOND = 1000
MINUTE = 60 * SECOND
DAY = 24 * 60 * MINUTE

KEYRING = Keyring((MasterKey(b"a master key of the tests of identity"),))
PUSH: dict[DialectName, str] = {"post-receive": "", "data-center": "repo:refs_changed", "cloud": "repo:push"}
"""The event key of a push, as each dialect names it."""

_ZEROS = "0" * 40
_requests = itertools.count(1)


class Hook(Struct, frozen=True):
    """A hook as an administrator set it up: what it speaks, the scope of its URL, and its id where it has one."""

    dialect: DialectName
    scope: str
    uuid: str = ""

    def push(self, at: int, *moves: Move, date: str | None = None, **how: str | int) -> Delivery:
        """A push as this hook tells it, `at` milliseconds; `date` is what Data Center writes into the body."""
        bodies = {
            "post-receive": plugin_push(*moves),
            "data-center": native_push(date, *moves),
            "cloud": cloud_push(*moves),
        }
        return self.post(at, bodies[self.dialect], **how)  # type: ignore[arg-type]

    def post(
        self, at: int, body: bytes, event_key: str | None = None, *, request: int | None = None, attempt: str = "1"
    ) -> Delivery:
        """Any body under any event key; each post is a request of its own unless `request` says which it is."""
        key = PUSH[self.dialect] if event_key is None else event_key
        scope = Scope.parse(self.scope)
        headers = {"content-type": "application/json", **self._headers(key, _request_id(request), attempt)}
        if self.dialect != "post-receive":
            secret = KEYRING.secret(scope).encode()
            headers["x-hub-signature"] = "sha256=" + hmac.digest(secret, body, "sha256").hex()
        return Delivery(
            id=f"{at:012x}{next(_requests):016x}",
            scope=scope,
            dialect=which(Hosts().get(scope.hostname), headers),
            event_key=key,
            headers=headers,
            body=body,
            received_at=at,
            token=KEYRING.token(scope) if self.dialect == "post-receive" else None,
        )

    def _headers(self, event_key: str, request_id: str, attempt: str) -> dict[str, str]:
        if self.dialect == "post-receive":
            return {"x-atlassian-token": "no-check"}
        if self.dialect == "data-center":
            return {"x-event-key": event_key, "x-request-id": request_id}
        return {
            "user-agent": "Bitbucket-Webhooks/2.0",
            "x-event-key": event_key,
            "x-request-uuid": request_id,
            "x-hook-uuid": self.uuid,
            "x-attempt-number": attempt,
        }


class Memory:
    """The journal's tables of identities and refs, and the events that came out."""

    def __init__(self) -> None:
        self.identities: dict[bytes, bytes] = {}
        self.refs: dict[tuple[str, str], RefState] = {}
        self.published: list[Numbered] = []

    def take(self, delivery: Delivery) -> Decision:
        """Accept a delivery: recall, settle, decide, remember."""
        taken = intake(delivery, Hosts().get(delivery.scope.hostname), KEYRING, "bitbucket.{family}")
        assert isinstance(taken, Intake), taken
        if taken.outcome == "dead_letter":
            return dead_letter(taken)
        wanted = recall(taken)
        known = self._known(taken.key, wanted)
        settled = settle(taken, wanted, known)
        if settled is not taken:
            wanted = recall(settled)
            known = self._known(settled.key, wanted)
        decision = decide(settled, wanted, known)
        self.published += decision.events
        self.identities |= decision.identities
        self.refs |= {(settled.key, ref): state for ref, state in decision.refs.items()}
        return decision

    def _known(self, repository: str, wanted: Recall) -> Known:
        keys = wanted.keys()
        return Known(
            identities={key: self.identities[key] for key in keys if key in self.identities},
            refs={ref: self.refs[repository, ref] for ref in wanted.refs if (repository, ref) in self.refs},
        )


def date(at: int) -> str:
    """A moment as Data Center writes it: whole seconds, and an offset without a colon."""
    return datetime.fromtimestamp(at // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%S%z")


def commit(name: str) -> str:
    """A commit hash that is the same for the same name."""
    return hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest()


def _request_id(number: int | None) -> str:
    return str(UUID(int=next(_requests) if number is None else 2**64 + number, version=4))


def _kind(move: Move) -> str:
    return "ADD" if move.before is None else "DELETE" if move.after is None else "UPDATE"


def _server_repository() -> dict[str, object]:
    project = {"key": "PAY", "id": 12, "name": "Payments", "public": False, "type": "NORMAL"}
    return {"slug": "ledger", "id": 42, "name": "Ledger", "scmId": "git", "state": "AVAILABLE", "project": project}


def plugin_push(*moves: Move, **rest: object) -> bytes:
    """A body of the Post-Receive plugin; `rest` replaces what stands at the top."""
    changes = [
        {"refId": move.ref, "fromHash": move.before or _ZEROS, "toHash": move.after or _ZEROS, "type": _kind(move)}
        for move in moves
    ]
    changesets = {"size": 0, "limit": 500, "isLastPage": True, "values": [], "start": 0}
    body = {"repository": _server_repository(), "refChanges": changes, "changesets": changesets}
    return orjson.dumps({**body, **rest})


def native_push(date: str | None, *moves: Move, **rest: object) -> bytes:
    """A `repo:refs_changed` of Data Center; without a date where that is `None`."""
    changes = [
        {
            "ref": {"id": move.ref, "displayId": move.ref.split("/", 2)[2], "type": _ref_type(move.ref).upper()},
            "refId": move.ref,
            "fromHash": move.before or _ZEROS,
            "toHash": move.after or _ZEROS,
            "type": _kind(move),
        }
        for move in moves
    ]
    body = {**_native("repo:refs_changed", date), "repository": _server_repository(), "changes": changes}
    return orjson.dumps({**body, **rest})


def native_pull_request(event_key: str, date: str | None, **rest: object) -> bytes:
    """A `pr:…` of Data Center."""
    side = {"displayId": "main", "latestCommit": commit("A"), "repository": _server_repository()}
    sides = {"fromRef": {**side, "id": "refs/heads/topic"}, "toRef": {**side, "id": "refs/heads/main"}}
    pull_request = {"id": 7, "version": 1, "title": "Pay in kroner", "state": "OPEN", **sides}
    return orjson.dumps({**_native(event_key, date), "pullRequest": pull_request, **rest})


def _native(event_key: str, date: str | None) -> dict[str, object]:
    user = {"name": "mira", "emailAddress": "mira@example.com", "id": 101, "displayName": "Mira", "type": "NORMAL"}
    return {"eventKey": event_key, **({} if date is None else {"date": date}), "actor": user}


def cloud_push(*moves: Move, **rest: object) -> bytes:
    """A `repo:push` of Cloud, which bears the dates of its commits and none of its own."""
    changes = [
        {
            "old": _cloud_ref(move.ref, move.before),
            "new": _cloud_ref(move.ref, move.after),
            "created": move.before is None,
            "closed": move.after is None,
            "forced": False,
        }
        for move in moves
    ]
    return orjson.dumps({**_cloud(), "push": {"changes": changes}, **rest})


def cloud_pull_request(**rest: object) -> bytes:
    """A `pullrequest:…` of Cloud, approved the day after it was opened."""
    pull_request = {
        "id": 7,
        "title": "Pets travel too",
        "created_on": "2026-04-09T08:02:14.339871+00:00",
        "updated_on": "2026-04-10T09:11:00+00:00",
        "source": {"branch": {"name": "feature/pets"}, "commit": {"hash": commit("A")[:12]}},
        "destination": {"branch": {"name": "main"}, "commit": {"hash": commit("B")[:12]}},
    }
    return orjson.dumps({**_cloud(), "pullrequest": pull_request, **rest})


def _cloud() -> dict[str, object]:
    actor = {"type": "user", "display_name": "Priya Raman", "nickname": "praman"}
    return {"actor": actor, "repository": {"type": "repository", "full_name": "fjordline/ferry", "name": "Ferry"}}


def _cloud_ref(ref: str, at: str | None) -> dict[str, object] | None:
    if at is None:
        return None
    target = {"type": "commit", "hash": at, "date": "2026-04-09T07:56:00+00:00", "parents": []}
    return {"type": _ref_type(ref), "name": ref.split("/", 2)[2], "target": target}


def _ref_type(ref: str) -> str:
    return "tag" if ref.startswith("refs/tags/") else "branch"
