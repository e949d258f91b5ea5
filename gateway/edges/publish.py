"""Publishing: carries out the relay's orders, from the journal into Kafka, and keeps what Kafka acknowledged.

One session serves all topics until it breaks; then everything that was out is left to its fate, and sending resumes at
the first event the journal does not know as acknowledged. A topic that refuses gets sessions of its own until the
common one is replaced, so nobody else notices. Kafka being away is said once, counted, and waited out for ever.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Iterable, Sequence

import structlog
from msgspec import Struct

from gateway.batch import record
from gateway.edges.journal import Due, Journal, Publication
from gateway.edges.kafka import ALL_REASONS, Contact, KafkaConfig, Pages, Refusal, Session, open_session
from gateway.edges.metrics import Metrics
from gateway.errors import GatewayError
from gateway.message import ContentMode
from gateway.relay import Relay, Send

SILENT_SECONDS = 10.0
"""After how long without an acknowledgement Kafka is said to be away."""

UNACKNOWLEDGED_SECONDS = 60.0
"""After how long without an acknowledgement a session is left behind."""

_Task = asyncio.Task[Refusal | None]

log = structlog.get_logger()


class _Trip(Struct):
    """An order on its way: by which session, since when, the page it became, and what Kafka has of it."""

    order: Send
    session: Session
    started: float
    page: Due
    published: list[Publication] = []


class Publisher:
    """Publishes what the journal says is due. Used from one event loop: `learn`, then `run` until it is cancelled.

    `configure` is asked before each session, so that changed passwords and certificates are used.
    """

    def __init__(
        self,
        journal: Journal,
        configure: Callable[[], KafkaConfig],
        metrics: Metrics,
        *,
        public_url: str,
        mode: ContentMode,
    ) -> None:
        self._journal = journal
        self._configure = configure
        self._metrics = metrics
        metrics.know_reasons(ALL_REASONS)
        self._pages = Pages(lambda entry, limit: record(entry, limit, public_url, mode))
        self._relay = Relay()
        self._contact = Contact(self._connected, lambda: self.waiting)
        self._waiting: dict[str, int] = {}
        self._own: dict[str, Session] = {}
        self._left: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()

    async def learn(self) -> None:
        """Ask the journal how every topic stands; once, before `run`."""
        for backlog in await self._journal.backlogs():
            self._relay.grew(backlog.topic, backlog.head, backlog.cursor)
            self._waiting[backlog.topic] = backlog.waiting

    def accepted(self, topics: Sequence[str], last_sequence: int) -> None:
        """New events of these topics are on the disk, up to that sequence."""
        for topic in topics:
            self._relay.grew(topic, last_sequence)
            self._waiting[topic] = self._waiting.get(topic, 0) + 1
        self._idle.clear()
        self._wake.set()

    @property
    def waiting(self) -> int:
        """How many events Kafka has not acknowledged."""
        return sum(self._waiting.values())

    def blocked(self) -> dict[str, str]:
        """The topics that refuse, and why."""
        return dict(self._relay.blocked())

    @property
    def is_connected(self) -> bool:
        """Whether Kafka is there, as far as it has shown."""
        return self._contact.is_made

    async def run(self) -> None:
        """Publish for ever; ends by being cancelled."""
        while True:
            try:
                session = await open_session(self._configure())
            except Refusal as error:
                await self._away(error)
                continue
            self._pages.forget_limits()
            self._contact.opened()
            try:
                refusal = await self._drive(session)
            finally:
                for left in (session, *self._own.values()):
                    self._leave(left)
                self._own.clear()
            await self._away(refusal)

    async def flushed(self) -> None:
        """Wait until nothing is left to send that Kafka would take; at once where it is away."""
        if self.is_connected:
            await self._idle.wait()

    async def abandon(self) -> None:
        """Wait, briefly, for the sessions that were left behind."""
        await asyncio.gather(*self._left, return_exceptions=True)

    async def _away(self, refusal: Refusal) -> None:
        self._metrics.publish_failed(refusal.reason)
        self._contact.lost(refusal)
        await asyncio.sleep(self._contact.pause())

    def _connected(self, is_connected: bool) -> None:  # noqa: FBT001 - it is called with nothing else
        self._metrics.kafka_connected(connected=is_connected)
        if not is_connected:
            self._idle.set()

    def _leave(self, session: Session) -> None:
        task = asyncio.ensure_future(session.abandon())
        self._left.add(task)
        task.add_done_callback(self._left.discard)

    async def _drive(self, session: Session) -> Refusal:
        """Carry out orders until the session breaks; why it did."""
        out: dict[_Task, Send] = {}
        try:
            while True:
                self._wake.clear()
                for order in self._relay.orders(time.monotonic()):
                    out[asyncio.ensure_future(self._carry_out(session, order))] = order
                (self._idle.clear if out else self._idle.set)()
                for task in await self._something_happens(out):
                    out.pop(task)
                    if (refusal := task.result()) is not None:
                        return refusal
        finally:
            for task, order in out.items():
                task.cancel()
                self._relay.interrupted(order.topic)
            await asyncio.gather(*out, return_exceptions=True)

    async def _something_happens(self, out: Iterable[_Task]) -> set[_Task]:
        """Wait for an order to be done, something to be accepted, or a hold to end; the orders that are done."""
        woken = asyncio.ensure_future(self._wake.wait())
        wakes_at = self._relay.wakes_at()
        patience = None if wakes_at is None else max(0.0, wakes_at - time.monotonic())
        try:
            done, _ = await asyncio.wait([woken, *out], timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        finally:
            woken.cancel()
        return {task for task in out if task in done}

    async def _carry_out(self, common: Session, order: Send) -> Refusal | None:
        """Send a page of a topic; the refusal if it broke the common session."""
        trip = _Trip(order, self._own.get(order.topic, common), time.monotonic(), Due([], order.after))
        refusal = await self._travel(trip)
        if not await self._keep(trip):
            refusal = refusal or Refusal("journal", "what Kafka acknowledged could not be kept")
        if trip.published or refusal is None:
            self._metrics.recorded(order.topic, len(trip.published), time.monotonic() - trip.started)
        if refusal is not None:
            return self._refused(trip, refusal, is_common=trip.session is common)
        self._contact.heard()
        self._relay.acknowledged(order.topic, trip.page.read_to)
        return None

    async def _travel(self, trip: _Trip) -> Refusal | None:
        """Read a page and send it; why that failed."""
        try:
            await self._read_and_send(trip)
        except Refusal as refusal:
            return refusal
        except TimeoutError:
            return Refusal("timeout", f"not acknowledged within {UNACKNOWLEDGED_SECONDS:g} s")
        except GatewayError as error:
            return Refusal("journal", error.detail)
        except Exception as error:  # noqa: BLE001 - a defect may hold a topic, but not end publishing
            return Refusal("defect", f"the gateway failed to send it: {error!r}")
        return None

    async def _read_and_send(self, trip: _Trip) -> None:
        order = trip.order
        if order.alone:
            trip.session = self._own[order.topic] = await open_session(self._configure())
        await trip.session.topic(order.topic)
        head = self._relay.cursors()[order.topic][1]
        trip.page = await self._journal.due(order.topic, order.after, head)
        # That a held topic is silent tells nothing of Kafka.
        answer = contextlib.nullcontext() if order.alone else self._contact.expecting(SILENT_SECONDS)
        with answer:
            async with asyncio.timeout(UNACKNOWLEDGED_SECONDS):
                await self._pages.send(
                    trip.session,
                    order.topic,
                    trip.page.entries,
                    lambda *place: trip.published.append(Publication(*place)),
                )

    def _refused(self, trip: _Trip, refusal: Refusal, *, is_common: bool) -> Refusal | None:
        """Hold the topic where it is to blame; else the common session is broken, for that reason."""
        topic = trip.order.topic
        kafka_goes_on = self._contact.is_made and self._contact.heard_at > trip.started
        others_go_on = kafka_goes_on and not refusal.is_of_the_connection
        if is_common and not refusal.is_of_the_topic and not others_go_on:
            self._relay.interrupted(topic)
            return refusal
        if not is_common:
            self._leave(self._own.pop(topic))
        if refusal.is_of_the_topic:
            self._contact.heard()
        self._metrics.publish_failed(refusal.reason)
        self._metrics.topic_blocked(topic, blocked=True)
        seconds = self._relay.refused(topic, refusal.reason, time.monotonic(), random.random())  # noqa: S311
        log.warning("topic_held", topic=topic, reason=refusal.reason, words=refusal.words, seconds=round(seconds, 1))
        return None

    async def _keep(self, trip: _Trip) -> bool:
        """Put what Kafka acknowledged on the disk; whether that went well."""
        order, known = trip.order, {each.sequence for each in trip.published}
        missing = next((entry.sequence for entry in trip.page.entries if entry.sequence not in known), None)
        cursor = trip.page.read_to if missing is None else missing - 1
        if not known and cursor <= order.after:
            return True
        self._waiting[order.topic] -= len(known)
        try:
            await self._journal.acknowledge(order.topic, cursor, trip.published, time.time_ns() // 1_000_000)
        except GatewayError:
            self._waiting[order.topic] += len(known)
            return False
        return True
