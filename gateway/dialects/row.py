"""The shape every dialect has: what its headers are called, how it names a repository, and a row per event key."""

from collections.abc import Callable, Mapping

from msgspec import Struct

from gateway.delivery import RepositoryKey
from gateway.dialects.reading import Json, Path
from gateway.event import Event, Repository


class Body(Struct, frozen=True):
    """A body on its way through a row: the payload, and what is already known of it."""

    payload: Json
    event_key: str
    repository: Repository
    occurred_at: str | None

    @property
    def hostname(self) -> str:
        """The host of the URL; no name a payload gives is believed."""
        return self.repository.hostname


class Row(Struct, frozen=True):
    """How an event key is read.

    `about` are the objects, `listed` the lists without which there is nothing to tell. `repository` is where the
    payload names the repository. `dated` is where the body's own date stands (`()`: nowhere), which is both
    `occurred_at` and the evidence that equal bytes are one fact. `given` lists what a body must say wherever it says
    anything.
    """

    read: Callable[[Body], list[Event]]
    about: tuple[Path, ...] = ()
    listed: tuple[Path, ...] = ()
    repository: Path = ("repository",)
    dated: Path = ()
    given: tuple[tuple[Path, object], ...] = ()


class Dialect(Struct, frozen=True):
    """What one dialect is made of.

    `events` has a row per event key; the key of what sends none is empty. `event_key_field` is where the body repeats
    the key. `request_id_header` names what stays the same when the sender repeats a request, `hook_id_header` what
    names the hook; `None` is what the vendor does not send. `repository_names` gives project and slug of a repository
    object as the sender spells them, `repository` reads such an object under the key it is known by.
    """

    events: Mapping[str, Row]
    repository_names: Callable[[Json], tuple[str | None, str | None]]
    repository: Callable[[Json, RepositoryKey], Repository]
    event_key_field: Path | None = None
    request_id_header: str | None = None
    hook_id_header: str | None = None


def claim(hostname: str, names: tuple[str | None, str | None]) -> RepositoryKey | None:
    """The key a payload's project and slug make on that host, or `None` where they make none."""
    project, repo = names
    return RepositoryKey.claimed(hostname, project, repo) if project and repo else None
