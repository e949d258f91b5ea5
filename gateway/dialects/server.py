"""The objects of Stash, Bitbucket Server and Data Center, which several dialects hold.

Absent over the versions: `links` (up to 5.x), mail of service users, `public` of personal projects, `description`.
Vendor: Data Center "Event payload"; the objects are those of its REST API.
"""

from gateway.delivery import RepositoryKey
from gateway.dialects.reading import Json, commit_hash, filled, identifier, instant, link, mapping, mappings, text
from gateway.dialects.row import claim
from gateway.event import Actor, CloneUrls, Commit, Person, Repository

_ACTOR_TYPES = {"NORMAL": "user", "SERVICE": "service"}


def repository_names(source: Json) -> tuple[str | None, str | None]:
    """Project key and slug as the server spells them."""
    return filled(mapping(source, "project"), "key"), filled(source, "slug")


def repository(source: Json, key: RepositoryKey) -> Repository:
    """A repository object; the clone URL named `http` is the https one (the server's own naming)."""
    clone = {filled(entry, "name"): filled(entry, "href") for entry in mappings(mapping(source, "links"), "clone")}
    project, repo = repository_names(source)
    return Repository(
        key=str(key),
        hostname=key.hostname,
        project=project or key.project,
        repo=repo or key.repo,
        name=text(source, "name"),
        id=identifier(source, "id"),
        url=link(source, "self"),
        clone_urls=CloneUrls(https=clone.get("https") or clone.get("http"), ssh=clone.get("ssh")),
    )


def other_repository(source: Json, hostname: str) -> Repository | None:
    """A repository that a payload mentions beside its own, a fork for instance."""
    key = claim(hostname, repository_names(source))
    return None if key is None else repository(source, key)


def actor(source: Json) -> Actor | None:
    """A user object; `None` where there is none."""
    if not source:
        return None
    return Actor(
        name=filled(source, "name"),
        display_name=filled(source, "displayName"),
        email=filled(source, "emailAddress"),
        id=identifier(source, "id"),
        type=_ACTOR_TYPES.get(filled(source, "type") or ""),  # type: ignore[arg-type]
    )


def commit(source: Json) -> Commit | None:
    """A commit object; `None` where its id is not a full hash."""
    commit_id = commit_hash(source, "id")
    if commit_id is None:
        return None
    author = mapping(source, "author")
    return Commit(
        id=commit_id,
        message=text(source, "message"),
        author=Person(filled(author, "name"), filled(author, "emailAddress")) if author else None,
        timestamp=instant(source.get("authorTimestamp")),
        parents=[parent for entry in mappings(source, "parents") if (parent := commit_hash(entry, "id"))],
    )
