"""Signed posts of a Data Center, complete with request line and headers, made before anything is measured.

Every body has about 2 KB, is distinct, and moves one branch on from where the body before it left that branch: each is
one new event without a gap. The branches take turns, so that two moves of one branch are never in flight together and
need not keep their order on different connections.
"""

import hashlib
import hmac
import itertools
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec

from gateway.delivery import Scope

HOSTNAME = "bb.example.com"
REPOSITORIES = 50
BRANCHES = 20
MESSAGE = "Read the retry limit from the settings, it was a constant"
FIRST_MS = 1_767_225_600_000
FIRST_DATE = datetime(2026, 1, 1)  # noqa: DTZ001 - Bitbucket writes its zone without a colon
PEOPLE = (("jdoe", "Jane Doe", 101), ("mmuster", "Max Muster", 102))


def signed_posts(secret: Callable[[Scope], str], count: int) -> list[bytes]:
    """That many requests for `repo:refs_changed`, each signed with the secret of its repository."""
    scopes = [Scope.of(HOSTNAME, "prj", f"repo-{number}") for number in range(1, REPOSITORIES + 1)]
    secrets = {scope: secret(scope).encode() for scope in scopes}
    turns = itertools.islice(itertools.cycle(itertools.product(range(BRANCHES), scopes)), count)
    heads: dict[tuple[int, Scope], str] = {}
    posts = []
    for number, (branch, scope) in enumerate(turns):
        before = heads.get((branch, scope), "0" * 40)
        after = heads[branch, scope] = hashlib.sha256(number.to_bytes(8)).hexdigest()[:40]
        body = msgspec.json.encode(_push(scope, f"feature/{branch}", before, after, number))
        posts.append(_post(scope, secrets[scope], body))
    return posts


def _post(scope: Scope, secret: bytes, body: bytes) -> bytes:
    head = (
        f"POST {scope.path()} HTTP/1.1",
        "Host: gateway.example.com",
        "Content-Type: application/json; charset=utf-8",
        "User-Agent: Atlassian HttpClient 4.2.0 / Bitbucket-9.4.0 (9004000) / Default",
        "Accept: */*",
        "X-Event-Key: repo:refs_changed",
        f"X-Request-Id: {uuid.uuid4()}",
        f"X-Hub-Signature: sha256={hmac.digest(secret, body, 'sha256').hex()}",
        f"Content-Length: {len(body)}",
    )
    return "\r\n".join((*head, "", "")).encode("ascii") + body


def _push(scope: Scope, branch: str, before: str, after: str, number: int) -> dict[str, object]:
    created = before == "0" * 40
    commits = [_commit(after, before, number), _commit(before, "f" * 40, number - 1)]
    return {
        "eventKey": "repo:refs_changed",
        "date": f"{(FIRST_DATE + timedelta(seconds=number)).isoformat()}+0000",
        "actor": {**_person(0), "active": True, "slug": "jdoe", "type": "NORMAL"},
        "repository": {
            "slug": scope.repo,
            "id": 84,
            "name": scope.repo,
            "hierarchyId": "9d1f0d0a3e0b4c5d8f21",
            "scmId": "git",
            "state": "AVAILABLE",
            "statusMessage": "Available",
            "forkable": True,
            "project": {"key": "PRJ", "id": 7, "name": "Project", "public": False, "type": "NORMAL"},
            "public": False,
            "archived": False,
        },
        "changes": [
            {
                "ref": {"id": f"refs/heads/{branch}", "displayId": branch, "type": "BRANCH"},
                "refId": f"refs/heads/{branch}",
                "fromHash": before,
                "toHash": after,
                "type": "ADD" if created else "UPDATE",
            }
        ],
        "commits": commits[:1] if created else commits,
        "toCommit": commits[0],
    }


def _person(which: int) -> dict[str, object]:
    name, display_name, number = PEOPLE[which]
    return {"name": name, "emailAddress": f"{name}@example.com", "id": number, "displayName": display_name}


def _commit(commit: str, parent: str, number: int) -> dict[str, object]:
    return {
        "id": commit,
        "displayId": commit[:11],
        "author": _person(0),
        "authorTimestamp": FIRST_MS + number,
        "committer": _person(1),
        "committerTimestamp": FIRST_MS + number,
        "message": MESSAGE,
        "parents": [{"id": parent, "displayId": parent[:11]}],
    }
