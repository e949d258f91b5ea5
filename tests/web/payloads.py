"""The corpus of real payloads, and what a push of it says, counted from the raw JSON.

Nothing here is used by the gateway: refs and hashes are read as each vendor's page describes them.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from msgspec import Struct

CORPUS = Path(__file__).resolve().parents[2].parent / "shared" / "corpus"
CLOUD = "cloud"
FORMS = {"payload": None, "invalid": None, "wrapped: .payload": "payload", "wrapped: .data": "data"}
PUSHES = {("post-receive", ""), ("data-center", "repo:refs_changed"), (CLOUD, "repo:push")}

HASH = re.compile(r"[0-9a-f]{40}")
PLACES = {"branch": "refs/heads/", "tag": "refs/tags/"}

Moved = tuple[str, str | None, str | None]
"""A ref, and from where to where it moved."""


class Payload(Struct, frozen=True):
    """A file of the corpus as a hook would send it."""

    file: str
    dialect: str
    event_key: str
    body: bytes
    host: str

    @property
    def scope(self) -> str:
        return self.host if names_repository(parsed(self)) else f"{self.host}/corpus/nameless"

    @property
    def json(self) -> Any:  # noqa: ANN401 - JSON can be anything
        return json.loads(self.body)


@cache
def payloads() -> list[Payload]:
    """Every payload of the corpus."""
    index = CORPUS / "index.json"
    if not index.exists():
        return []
    entries = [entry for entry in json.loads(index.read_text()) if entry["form"] in FORMS]
    return [payload_of(number, entry) for number, entry in enumerate(entries)]


def payload_of(number: int, entry: Mapping[str, str]) -> Payload:
    raw = (CORPUS / entry["file"]).read_bytes()
    member = FORMS[entry["form"]]
    dialect = "data-center" if entry["dialect"] == "invalid" else entry["dialect"]
    event_key = entry["event_key"].partition("|")[0]
    if event_key.startswith("("):
        event_key = "" if dialect == "post-receive" else "repo:refs_changed"
    body = raw if member is None else json.dumps(json.loads(raw)[member]).encode()
    return Payload(entry["file"], dialect, event_key, body, f"{dialect}-{number}.example.com")


def names_repository(body: object) -> bool:
    """Whether a body says at its top which repository it is about, or is about a pull request, which does."""
    if not isinstance(body, dict) or "pullRequest" in body:
        return True
    named = body.get("repository") or {}
    return "full_name" in named or ("slug" in named and "project" in named)


def a_hash(value: object) -> str | None:
    text = str(value).lower()
    return text if HASH.fullmatch(text) and text != "0" * 40 else None


def moves(payload: Payload) -> set[Moved]:
    """The distinct ref changes of a push, read from the raw JSON as each vendor's page describes it."""
    return {move for move in READERS[payload.dialect](payload.json) if is_readable(move)}


def is_readable(move: Moved) -> bool:
    return bool(move[0] and (move[1] or move[2]))


def server_moves(name: str) -> Callable[[Any], Iterator[Moved]]:
    def read(body: Any) -> Iterator[Moved]:  # noqa: ANN401 - JSON can be anything
        for entry in body[name]:
            ref = entry["ref"]["id"] if "ref" in entry else entry["refId"]
            yield ref, a_hash(entry.get("fromHash")), a_hash(entry.get("toHash"))

    return read


def cloud_moves(body: Any) -> Iterator[Moved]:  # noqa: ANN401 - JSON can be anything
    for entry in body["push"]["changes"]:
        old, new = entry.get("old") or {}, entry.get("new") or {}
        either = new or old
        ref = PLACES.get(str(either.get("type")), "") + either.get("name", "")
        yield ref, a_hash(old.get("target", {}).get("hash")), a_hash(new.get("target", {}).get("hash"))


READERS = {"post-receive": server_moves("refChanges"), "data-center": server_moves("changes"), CLOUD: cloud_moves}


def is_push(payload: Payload) -> bool:
    return (payload.dialect, payload.event_key) in PUSHES and isinstance(parsed(payload), dict)


def parsed(payload: Payload) -> Any:  # noqa: ANN401 - JSON can be anything
    try:
        return payload.json
    except ValueError:
        return None
