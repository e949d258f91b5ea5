"""The composition root: opens everything in order, closes it in reverse.

Nothing else makes a journal, a key or a server; nothing imports this module but the command line. A stop is heard at
once by readiness, while hooks go on being served for the grace; then the listening ends, what is in flight is
finished, and the journal is committed and closed.
"""

import asyncio
import contextlib
import gc
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import structlog
from aiohttp import web
from pydantic import SecretStr

from gateway.edges import disk, keys, sockets
from gateway.edges.journal import Journal, Retention
from gateway.edges.kafka import KafkaConfig
from gateway.edges.metrics import Metrics
from gateway.edges.publish import Publisher
from gateway.edges.settings import Kafka, Listen, Settings
from gateway.errors import GatewayError, StartError
from gateway.secrets import Keyring
from gateway.web import create_app
from gateway.web.listener import Runner
from gateway.web.parts import Health, Limits, Parts

_BACKLOG = 1024
_DISK_SECONDS = 1.0
_PRUNE_SECONDS = 60.0
_SLICE_SECONDS = 0.01

log = structlog.get_logger()


class Service:
    """A running gateway."""

    def __init__(self, parts: Parts, settings: Settings, listening: str) -> None:
        self.parts = parts
        self.settings = settings
        self.listening = listening
        self._hurry = asyncio.Event()

    def stop(self) -> None:
        """Begin to stop; asked a second time, waste no more time on grace."""
        if self.parts.health.stopping.is_set():
            self._hurry.set()
        self.parts.health.stopping.set()

    async def until_stopped(self) -> None:
        """Serve until asked to stop and the grace is over, or until the journal cannot be written any more."""
        await self.parts.health.stopping.wait()
        if not self.parts.health.journal_writes:
            log.error("stopping", because="the journal cannot be written; the next start recovers it")
            return
        log.info("stopping", grace_seconds=self.settings.shutdown_grace)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._hurry.wait(), self.settings.shutdown_grace)


@contextlib.asynccontextmanager
async def running(
    settings: Settings, *, reread: Callable[[], Settings] | None = None, publish_kept: bool = False
) -> AsyncIterator[Service]:
    """A gateway that accepts deliveries inside the block. Raises `StartError`.

    `reread` gives the settings as they stand now, for passwords that change; `publish_kept` publishes what was kept
    while there was no Kafka, too.
    """
    data_dir = settings.data_dir
    keys.make_data_dir(data_dir)
    if kind := disk.network_file_system(data_dir):
        raise StartError(f"the data directory {data_dir} lies on {kind}: a journal needs a local disk")
    metrics, health = Metrics(), Health()
    async with contextlib.AsyncExitStack() as stack:
        publishes = bool(settings.kafka.bootstrap_servers)
        journal = await Journal.open(data_dir, on_commit=metrics.committed, on_broken=health.broke, publishes=publishes)
        stack.push_async_callback(journal.close)
        if publishes and publish_kept:
            await journal.make_kept_due()
        publisher = await _publish(stack, journal, metrics, reread or (lambda: settings)) if publishes else None
        parts = _parts(settings, journal, metrics, health, publisher)
        _look_at_disk(parts, settings)
        stack.push_async_callback(_in_background(_watching(parts, settings), _pruning(journal, settings)))
        listening = await _listen(stack, parts, settings)
        stack.callback(health.stopping.set)
        yield Service(parts, settings, listening)


async def serve(
    settings: Settings,
    announce: Callable[[Service], None],
    *,
    reread: Callable[[], Settings] | None = None,
    publish_kept: bool = False,
) -> int:
    """Run until a signal; the exit code."""
    async with running(settings, reread=reread, publish_kept=publish_kept) as service:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, service.stop)
        _calm_collector()
        announce(service)
        await service.until_stopped()
    return 0 if service.parts.health.journal_writes else 1


def _calm_collector() -> None:
    """Look for cycles seldom: what is there by now stays, and a delivery makes hundreds of objects but no cycle.

    Measured: a tenth of the CPU time of a delivery.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def keyring(settings: Settings) -> Keyring:
    """Every live secret, the master keys made if there are none yet. Raises `StartError`."""
    return Keyring(keys.master_keys(_secret(settings.master_keys), settings.data_dir), settings.webhook_secrets)


def _secret(value: SecretStr | None) -> str | None:
    return None if value is None else value.get_secret_value()


async def _publish(
    stack: contextlib.AsyncExitStack, journal: Journal, metrics: Metrics, reread: Callable[[], Settings]
) -> Publisher:
    """Start publishing; at the end what is left is flushed for a while."""
    settings = reread()

    def current() -> KafkaConfig:
        try:
            return kafka_config(reread().kafka)
        except StartError as error:
            log.warning("settings_not_reread", mistakes=list(error.lines))
            return kafka_config(settings.kafka)

    publisher = Publisher(
        journal,
        current,
        metrics,
        public_url=settings.public_url,
        mode=settings.kafka.content_mode,
    )
    journal.subscribe(publisher.accepted)
    await publisher.learn()
    end = _in_background(publisher.run())

    async def flush() -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(publisher.flushed(), settings.shutdown_timeout)
        await end()
        await publisher.abandon()

    stack.push_async_callback(flush)
    return publisher


def kafka_config(kafka: Kafka) -> KafkaConfig:
    """Kafka's settings as its edge takes them."""
    return KafkaConfig(
        bootstrap_servers=kafka.bootstrap_servers,
        security_protocol=kafka.security_protocol,
        sasl_mechanism=kafka.sasl_mechanism,
        sasl_username=kafka.sasl_username,
        sasl_password=_secret(kafka.sasl_password),
        ssl_cafile=kafka.ssl_cafile,
        ssl_certfile=kafka.ssl_certfile,
        ssl_keyfile=kafka.ssl_keyfile,
        client_id=kafka.client_id,
        compression=None if kafka.compression == "none" else kafka.compression,
        create_topics=kafka.create_topics,
        partitions=kafka.partitions,
        replication_factor=kafka.replication_factor,
        max_request_bytes=kafka.max_request_bytes,
    )


def _parts(
    settings: Settings, journal: Journal, metrics: Metrics, health: Health, publisher: Publisher | None
) -> Parts:
    limits = settings.limits
    return Parts(
        journal=journal,
        metrics=metrics,
        health=health,
        keyring=keyring(settings),
        hosts=settings.host_table(),
        proxies=settings.trusted_proxies,
        limits=Limits(body_bytes=limits.body_bytes, in_flight_bytes=limits.in_flight_bytes),
        public_url=settings.public_url,
        topics=settings.kafka.topic,
        dead_letters=settings.kafka.dead_letter_topic,
        admin_token=keys.admin_token(_secret(settings.admin_token), settings.data_dir),
        publisher=publisher,
    )


async def _listen(stack: contextlib.AsyncExitStack, parts: Parts, settings: Settings) -> str:
    """Open the public address and the socket in the data directory; what is listened on, as text."""
    prefix = urlsplit(settings.public_url).path
    local = sockets.bind_unix(settings.data_dir / sockets.NAME, 0o600)
    stack.callback((settings.data_dir / sockets.NAME).unlink, missing_ok=True)
    admin = await _runner(stack, create_app(parts, local=True), "", settings)
    await web.SockSite(admin, local).start()
    public = await _runner(stack, create_app(parts), prefix, settings)
    await _start(public, settings.listen)
    address = public.addresses[0]
    return f"unix:{address}" if isinstance(address, str) else _host_port(*address[:2])


async def _runner(stack: contextlib.AsyncExitStack, app: web.Application, prefix: str, settings: Settings) -> Runner:
    runner = Runner(app, prefix=prefix, shutdown_timeout=settings.shutdown_timeout)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    return runner


async def _start(runner: Runner, listen: Listen) -> None:
    """Listen where the settings say, or on the socket that was passed on. Raises `StartError`."""
    try:
        await _site(runner, listen).start()
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise StartError(f"cannot listen on {listen}: {reason}") from None


def _site(runner: Runner, listen: Listen) -> web.BaseSite:
    if (passed := sockets.passed_on()) is not None:
        return web.SockSite(runner, passed, backlog=_BACKLOG)
    if listen.kind == "unix":
        return web.SockSite(runner, sockets.bind_unix(Path(listen.path), 0o666), backlog=_BACKLOG)
    return web.TCPSite(runner, listen.host, listen.port, backlog=_BACKLOG)


def _host_port(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _in_background(*work: Coroutine[Any, Any, None]) -> Callable[[], Coroutine[Any, Any, None]]:
    """Start work that ends with the service; what ends it."""
    tasks = [asyncio.ensure_future(one) for one in work]

    async def end() -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    return end


def _look_at_disk(parts: Parts, settings: Settings) -> int:
    free = disk.free_bytes(settings.data_dir)
    has_room = free >= settings.limits.disk_free
    if has_room is not parts.health.disk_has_room:
        log.warning("disk_room", has_room=has_room, free_bytes=free, reserve_bytes=settings.limits.disk_free)
    parts.health.disk_has_room = has_room
    return free


async def _watching(parts: Parts, settings: Settings) -> None:
    while True:
        try:
            free = _look_at_disk(parts, settings)
            parts.metrics.measured(journal_bytes=await parts.journal.used_bytes(), free_bytes=free)
            if parts.publisher is not None:
                parts.metrics.backlog(parts.publisher.waiting, await parts.journal.oldest_due())
        except (GatewayError, OSError) as error:
            log.warning("disk_not_seen", reason=str(error))
        await asyncio.sleep(_DISK_SECONDS)


async def _pruning(journal: Journal, settings: Settings) -> None:
    kept = settings.retention
    retention = Retention(int(kept.deliveries * 1000), int(kept.identities * 1000), kept.bytes)
    while True:
        pause = _PRUNE_SECONDS
        try:
            if await journal.prune(time.time_ns() // 1_000_000, retention):
                pause = _SLICE_SECONDS
        except GatewayError as error:
            log.warning("pruning_failed", reason=error.detail)
        await asyncio.sleep(pause)
