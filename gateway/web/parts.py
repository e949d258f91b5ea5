"""What the handlers work with: put together by the service, never made here."""

import asyncio
from collections.abc import Sequence

from aiohttp import web
from msgspec import Struct

from gateway.delivery import Hosts, Network
from gateway.edges.journal import Journal
from gateway.edges.metrics import Metrics
from gateway.edges.publish import Publisher
from gateway.secrets import Keyring


class Limits(Struct, frozen=True):
    """How much a request may take: bytes of one body, bytes of all bodies in flight, seconds until a body is there."""

    body_bytes: int
    in_flight_bytes: int
    body_seconds: float = 15.0


class Health:
    """Whether deliveries can be accepted durably, told by the service and read by the probes."""

    def __init__(self) -> None:
        self.disk_has_room = True
        self.journal_writes = True
        self.stopping = asyncio.Event()

    def broke(self) -> None:
        """The journal cannot be written until a restart."""
        self.journal_writes = False
        self.stopping.set()

    def can_accept(self) -> bool:
        """Whether what is answered 202 would be on the disk."""
        return self.disk_has_room and self.journal_writes

    def is_ready(self) -> bool:
        """Whether new senders should come here."""
        return self.can_accept() and not self.stopping.is_set()


class Parts(Struct, frozen=True):
    """Everything a handler may use."""

    journal: Journal
    metrics: Metrics
    health: Health
    keyring: Keyring
    hosts: Hosts
    proxies: Sequence[Network]
    limits: Limits
    public_url: str
    topics: str
    dead_letters: str
    admin_token: str
    publisher: Publisher | None = None


PARTS: web.AppKey[Parts] = web.AppKey("parts", Parts)
LOCAL: web.AppKey[bool] = web.AppKey("local", bool)
"""Whether the app listens on the socket in the data directory, whose file mode is the whole authorisation."""
