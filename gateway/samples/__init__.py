"""Sample payloads: one of every event key that the dialects understand, as Bitbucket would send it.

All people, projects and commits in them are invented. Beside each body `NAME.json` lies `NAME.events.json`, the events
it has to become: written from the contract and the vendors' pages, not from what the code answers.
"""

from collections.abc import Mapping
from importlib import resources

from msgspec import Struct

from gateway.delivery import DialectName
from gateway.errors import StartError

_LEDGER = "bitbucket.example.com/pay/ledger"
_STOREFRONT = "stash.example.com/web/storefront"
_BOOKING = "bitbucket.org/fjordline/booking-api"


class Sample(Struct, frozen=True):
    """A payload with what its sender says around it; `key` is the repository, `hostname/project/repo`."""

    name: str
    dialect: DialectName
    event_key: str
    key: str

    def body(self) -> bytes:
        """The bytes to send, byte for byte those of the file."""
        return resources.files(__name__).joinpath(f"{self.name}.json").read_bytes()


_TABLE = (
    Sample("post-receive-push", "post-receive", "", _STOREFRONT),
    Sample("data-center-repo-refs-changed", "data-center", "repo:refs_changed", _LEDGER),
    Sample("data-center-pr-opened", "data-center", "pr:opened", _LEDGER),
    Sample("data-center-pr-modified", "data-center", "pr:modified", _LEDGER),
    Sample("data-center-pr-modified-retargeted", "data-center", "pr:modified", _LEDGER),
    Sample("data-center-pr-from-ref-updated", "data-center", "pr:from_ref_updated", _LEDGER),
    Sample("data-center-pr-comment-added", "data-center", "pr:comment:added", _LEDGER),
    Sample("data-center-pr-reviewer-approved", "data-center", "pr:reviewer:approved", _LEDGER),
    Sample("data-center-pr-merged", "data-center", "pr:merged", _LEDGER),
    Sample("data-center-pr-declined", "data-center", "pr:declined", _LEDGER),
    Sample("data-center-10-repo-refs-changed", "data-center", "repo:refs_changed", _LEDGER),
    Sample("cloud-repo-push", "cloud", "repo:push", _BOOKING),
    Sample("cloud-pullrequest-created", "cloud", "pullrequest:created", _BOOKING),
    Sample("cloud-pullrequest-updated", "cloud", "pullrequest:updated", _BOOKING),
    Sample("cloud-pullrequest-comment-created", "cloud", "pullrequest:comment_created", _BOOKING),
    Sample("cloud-pullrequest-approved", "cloud", "pullrequest:approved", _BOOKING),
    Sample("cloud-pullrequest-fulfilled", "cloud", "pullrequest:fulfilled", _BOOKING),
    Sample("cloud-pullrequest-rejected", "cloud", "pullrequest:rejected", _BOOKING),
)

SAMPLES: Mapping[str, Sample] = {entry.name: entry for entry in _TABLE}
"""Every sample by its name, each dialect's in the order in which the story happens."""


def sample(name: str) -> Sample:
    """The sample of that name. Raises `StartError` with the known names where there is none."""
    try:
        return SAMPLES[name]
    except KeyError:
        raise StartError(f"there is no sample {name!r}; known are:", *(f"  {known}" for known in SAMPLES)) from None
