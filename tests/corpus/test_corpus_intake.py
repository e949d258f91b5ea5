"""Real payloads from public repositories, read by the gateway and counted by hand from the raw JSON.

What a payload has to become is worked out here without the gateway's readers: the ref changes of a push, and number,
state and sides of a pull request. The payloads lie beside the repository and are not part of it.
"""

import hmac
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest

from gateway.authenticate import Proof, authenticate
from gateway.delivery import Delivery, DialectName, Hosts, Scope
from gateway.dialects import which
from gateway.intake import Intake, intake
from gateway.secrets import Keyring, MasterKey

CORPUS = Path(__file__).resolve().parents[2].parent / "shared" / "corpus"
INDEX: list[dict[str, Any]] = json.loads((CORPUS / "index.json").read_bytes()) if CORPUS.is_dir() else []

pytestmark = pytest.mark.skipif(not INDEX, reason=f"the collection of real payloads is not at {CORPUS}")

KEYRING = Keyring((MasterKey(b"a master key of the corpus' test"),))
HOSTS = Hosts()
SERVER, CLOUD = "bitbucket.example.com", "bitbucket.org"

Json = dict[str, Any]
RefChange = tuple[str, str | None, str | None]


class Payload(NamedTuple):
    """A body as it would be posted, under one of the event keys its source may have meant."""

    file: str
    dialect: DialectName
    event_key: str
    body: bytes


def payloads() -> Iterator[Payload]:
    for entry in INDEX:
        body = (CORPUS / entry["file"]).read_bytes()
        form, _, member = entry["form"].partition(": .")
        if form == "headers":
            continue
        if form == "wrapped":
            body = orjson.dumps(json.loads(body)[member])
        dialect: DialectName = "data-center" if form == "invalid" else entry["dialect"]
        for event_key in ["repo:ref_changed"] if form == "invalid" else alternatives(entry["event_key"]):
            yield Payload(entry["file"], dialect, event_key, body)


def alternatives(event_key: str) -> list[str]:
    """The keys behind `pullrequest:created|updated`; `(…)` is none."""
    if event_key.startswith("("):
        return [""]
    first, *others = event_key.split("|")
    return [first, *(first.rpartition(":")[0] + ":" + other for other in others)]


def delivered(payload: Payload, *names: str) -> Delivery:
    """The payload, posted with a right proof to the URL of those names below its host."""
    scope = Scope.of(CLOUD if payload.dialect in {"cloud", "legacy-post"} else SERVER, *names)
    headers = {"content-type": "application/json; charset=utf-8"}
    if payload.event_key:
        headers["x-event-key"] = payload.event_key
    if payload.dialect == "post-webhooks-app":
        headers["x-bitbucket-type"] = "server"
    if payload.dialect in {"data-center", "cloud"}:
        digest = hmac.digest(KEYRING.secret(scope).encode(), payload.body, "sha256")
        headers["x-hub-signature"] = f"sha256={digest.hex()}"
    return Delivery(
        id="d",
        scope=scope,
        dialect=which(HOSTS.get(scope.hostname), headers),
        event_key=payload.event_key,
        headers=headers,
        body=payload.body,
        received_at=0,
        token=KEYRING.token(scope),
    )


def taken(payload: Payload, *names: str) -> Intake:
    delivery = delivered(payload, *names)
    found = intake(delivery, HOSTS.get(delivery.scope.hostname), KEYRING, "bitbucket.{family}")
    assert delivery.dialect == payload.dialect
    assert isinstance(found, Intake)
    return found


def at(document: object, *path: str) -> Any:  # noqa: ANN401 - a JSON value
    for name in path:
        document = document.get(name) if isinstance(document, dict) else None
    return document


def full_hash(text: object) -> str | None:
    """Forty hex digits that are not all zeros."""
    return text.lower() if isinstance(text, str) and re.fullmatch("(?!0{40})[0-9a-fA-F]{40}", text) else None


CHANGES = {"post-receive": ("refChanges",), "data-center": ("changes",), "cloud": ("push", "changes")}
PUSH_KEYS = {("post-receive", ""), ("data-center", "repo:refs_changed"), ("cloud", "repo:push")}
PREFIXES = {"branch": "refs/heads/", "tag": "refs/tags/"}


def ref_change(dialect: str, element: object) -> RefChange | None:
    """What one element of a push says, or `None` where it has no ref name or no full hash."""
    if dialect == "cloud":
        name = at(element, "new", "name") or at(element, "old", "name")
        kind = at(element, "new", "type") or at(element, "old", "type")
        ref, before, after = (
            PREFIXES.get(kind, "") + (name or ""),
            at(element, "old", "target", "hash"),
            at(element, "new", "target", "hash"),
        )
    else:
        ref = at(element, "ref", "id") or at(element, "refId")
        before, after = at(element, "fromHash"), at(element, "toHash")
    what = (ref, full_hash(before), full_hash(after))
    return what if ref and any(what[1:]) else None


def ref_changes(dialect: str, document: Json) -> tuple[set[RefChange], int] | None:
    """The distinct changes of a push and how many elements are none; `None` where there is no list of changes."""
    elements = at(document, *CHANGES[dialect])
    if not isinstance(elements, list):
        return None
    read = [ref_change(dialect, element) for element in elements]
    return {what for what in read if what is not None}, read.count(None)


VERBS = {
    ("data-center", "pr:opened"): ("opened", None),
    ("data-center", "pr:modified"): (None, None),
    ("data-center", "pr:from_ref_updated"): ("source_updated", None),
    ("data-center", "pr:merged"): ("merged", "MERGED"),
    ("data-center", "pr:declined"): ("declined", "DECLINED"),
    ("data-center", "pr:reviewer:approved"): ("approved", None),
    ("data-center", "pr:comment:added"): ("comment.added", None),
    ("cloud", "pullrequest:created"): ("opened", None),
    ("cloud", "pullrequest:updated"): ("updated", None),
    ("cloud", "pullrequest:fulfilled"): ("merged", "MERGED"),
    ("cloud", "pullrequest:rejected"): ("declined", "DECLINED"),
    ("cloud", "pullrequest:approved"): ("approved", None),
    ("cloud", "pullrequest:comment_created"): ("comment.added", None),
}
"""Event keys of pull requests: what they become (an edit may be either of two), and the state they claim."""

NAMES = {
    "data-center": ("pullRequest", ("fromRef", "id"), ("toRef", "id")),
    "cloud": ("pullrequest", ("source", "branch", "name"), ("destination", "branch", "name")),
}


def verb(payload: Payload, document: Json) -> str | None:
    """What a payload about a pull request has to become; `None` is `unknown`."""
    found, state = VERBS[payload.dialect, payload.event_key]
    pull_request = at(document, NAMES[payload.dialect][0])
    lacks_comment = found == "comment.added" and not at(document, "comment")
    if not pull_request or lacks_comment or at(document, "eventKey") not in (None, payload.event_key):
        return None
    if state is not None and at(pull_request, "state") not in (None, state):
        return None
    if found is not None:
        return found
    was = at(document, "previousTarget", "id")
    return "retargeted" if was and was != at(pull_request, "toRef", "id") else "updated"


def repository_key(payload: Payload, document: Json) -> str | None:
    """The key that the payload's own repository has."""
    source = at(document, "repository") or at(document, "pullRequest", "toRef", "repository")
    if payload.dialect == "cloud":
        name = at(source, "full_name")
        return f"{CLOUD}/{name}".lower() if name else None
    project, slug = at(source, "project", "key"), at(source, "slug")
    return f"{SERVER}/{project}/{slug}".lower() if project and slug else None


ALL = list(payloads())
PUSHES = [payload for payload in ALL if (payload.dialect, payload.event_key) in PUSH_KEYS]
PULL_REQUESTS = [payload for payload in ALL if (payload.dialect, payload.event_key) in VERBS]
OTHERS = [payload for payload in ALL if payload not in PUSHES and payload not in PULL_REQUESTS]


def named(payload: Payload) -> str:
    return f"{payload.file}-{payload.event_key}"


def test_the_collection_has_pushes_of_every_dialect_and_pull_requests_of_every_key() -> None:
    assert {(payload.dialect, payload.event_key) for payload in PUSHES} == PUSH_KEYS
    assert {(payload.dialect, payload.event_key) for payload in PULL_REQUESTS} == VERBS.keys()
    assert OTHERS


@pytest.mark.parametrize("payload", PUSHES, ids=named)
def test_every_distinct_ref_change_of_a_push_is_an_event(payload: Payload) -> None:
    document = json.loads(payload.body.decode("utf-8-sig"))
    expected = ref_changes(payload.dialect, document)
    found = taken(payload, "prj", "repo")
    data = [orjson.loads(draft.data) for draft in found.drafts if draft.type != "unknown"]
    unknown = [draft for draft in found.drafts if draft.type == "unknown"]

    assert expected is not None
    changes, unreadable = expected
    assert (len(data), len(unknown)) == (len(changes), unreadable)
    assert {(one["ref"]["id"], one["before"], one["after"]) for one in data} == changes
    assert found.outcome == ("unknown" if unreadable and not changes else "accepted")
    for draft in found.drafts:
        if draft.move is not None:
            came, went = draft.move.before is None, draft.move.after is None
            assert draft.type == ("ref.created" if came else "ref.deleted" if went else "ref.updated")


@pytest.mark.parametrize("payload", PULL_REQUESTS, ids=named)
def test_a_pull_request_is_told_as_it_stands_in_the_raw_json(payload: Payload) -> None:
    document = json.loads(payload.body.decode("utf-8-sig"))
    expected, found = verb(payload, document), taken(payload, "prj", "repo")
    (draft,) = found.drafts
    data = orjson.loads(draft.data)

    assert draft.type == ("unknown" if expected is None else f"pull_request.{expected}")
    if expected is None:
        assert (found.outcome, data["payload"]) == ("unknown", document)
        return
    name, source, target = NAMES[payload.dialect]
    raw, told = document[name], data["pull_request"]
    state = {"OPEN": "open", "MERGED": "merged", "DECLINED": "declined", "SUPERSEDED": "superseded"}.get(
        raw.get("state")
    )
    prefix = "refs/heads/" if payload.dialect == "cloud" else ""

    assert told["id"] == (str(raw["id"]) if "id" in raw else None)
    assert draft.subject == (f"pull-requests/{raw['id']}" if "id" in raw else None)
    assert (told["state"], told["title"]) == (state, raw.get("title"))
    assert len(told["reviewers"]) == len(raw.get("reviewers") or [])
    assert [told["source"]["ref"], told["target"]["ref"]] == [
        prefix + ref if (ref := at(raw, *path)) else None for path in (source, target)
    ]


@pytest.mark.parametrize("payload", PUSHES + PULL_REQUESTS, ids=named)
def test_at_the_url_of_a_whole_host_the_payload_names_its_repository(payload: Payload) -> None:
    document = json.loads(payload.body.decode("utf-8-sig"))
    key, found = repository_key(payload, document), taken(payload)
    at_its_own = taken(payload, "prj", "repo")

    if key is None:
        assert (found.outcome, found.key) == ("unknown", SERVER if payload.dialect != "cloud" else CLOUD)
        return
    assert [draft.type for draft in found.drafts] == [draft.type for draft in at_its_own.drafts]
    assert at_its_own.key.endswith("/prj/repo")
    if at_its_own.reason is None:
        assert (found.key, at_its_own.drafts[0].claimed_key if at_its_own.drafts else key) == (key, key)


@pytest.mark.parametrize("payload", OTHERS, ids=named)
def test_everything_else_is_unknown_or_a_dead_letter(payload: Payload) -> None:
    found = taken(payload, "prj", "repo")

    try:
        document = json.loads(payload.body.decode("utf-8-sig"))
    except ValueError:
        assert found.outcome == "dead_letter"
        return
    (draft,) = found.drafts
    data = orjson.loads(draft.data)
    assert (found.outcome, draft.type) == ("unknown", "unknown")
    assert (data["event_key"], data["payload"]) == (payload.event_key or None, document)


DATES = {"createdDate", "updatedDate", "closedDate", "authorTimestamp", "committerTimestamp"}


def with_dates(document: object, *, as_text: bool) -> Any:  # noqa: ANN401 - a JSON value
    """The document with its times in whole seconds: as integers, or as Data Center 10 writes them."""
    if isinstance(document, list):
        return [with_dates(item, as_text=as_text) for item in document]
    if not isinstance(document, dict):
        return document
    return {name: written(name, item, as_text=as_text) for name, item in document.items()}


def written(name: str, item: object, *, as_text: bool) -> Any:  # noqa: ANN401 - a JSON value
    if name not in DATES or not isinstance(item, int):
        return with_dates(item, as_text=as_text)
    moment = datetime.fromtimestamp(item // 1000, UTC)
    form = "%Y-%m-%dT%H:%M:%S.000Z" if name.endswith("Timestamp") else "%Y-%m-%dT%H:%M:%S+0000"
    return moment.strftime(form) if as_text else item // 1000 * 1000


def test_data_center_10_writes_its_dates_as_text_and_means_the_same() -> None:
    dated = [
        payload for payload in PUSHES + PULL_REQUESTS if payload.dialect == "data-center" and b"Date" in payload.body
    ]
    said = []
    for payload in dated:
        document = json.loads(payload.body)
        old, new = (
            taken(payload._replace(body=orjson.dumps(with_dates(document, as_text=as_text))), "prj", "repo")
            for as_text in (False, True)
        )
        if old.outcome == "accepted":
            said.append(old)
            assert [draft.data for draft in new.drafts] == [draft.data for draft in old.drafts]

    assert sum(b'"created_at":"20' in draft.data for found in said for draft in found.drafts) > 20


SIGNED = "jenkinsci__generic-webhook-trigger-plugin/src/test/resources/hmac/hmac-bitbucket-server"


def captured() -> tuple[dict[str, str], bytes]:
    """A delivery of Bitbucket Server 6.5.1 with all its headers; its secret stands in the test it was captured for."""
    lines = (CORPUS / f"{SIGNED}-headers.txt").read_text().splitlines()
    pairs = (line.partition(":") for line in lines if line.strip())
    return {name.lower(): value.strip() for name, _, value in pairs}, (CORPUS / f"{SIGNED}-payload.json").read_bytes()


@pytest.mark.parametrize(
    ("secret", "ending", "is_right"),
    [("this is secret", b"", True), ("this is secret", b"\n", False), ("other", b"", False)],
)
def test_a_captured_signature_is_right_for_its_bytes_and_its_secret(
    secret: str, ending: bytes, *, is_right: bool
) -> None:
    headers, body = captured()
    scope = Scope(SERVER, "prj", "repo")
    delivery = Delivery(
        id="d",
        scope=scope,
        dialect=which(HOSTS.get(SERVER), headers),
        event_key=headers["x-event-key"],
        headers=headers,
        body=body + ending,
        received_at=0,
    )
    proof = authenticate(delivery, Keyring(KEYRING.masters, {f"{SERVER}/**": [secret]}), HOSTS.get(SERVER))

    assert (proof == Proof("signature", "explicit")) is is_right
    assert delivery.dialect == "data-center"
