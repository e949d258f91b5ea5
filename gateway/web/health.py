"""`/livez`, `/readyz`, `/metrics`: open to whoever reaches the port, so they tell nothing that is secret."""

import orjson
from aiohttp import web

from gateway.edges.metrics import CONTENT_TYPE
from gateway.web.parts import PARTS, Parts


async def livez(_: web.Request) -> web.Response:
    """The process turns over; nothing else is asked."""
    return web.Response(text="ok\n")


async def readyz(request: web.Request) -> web.Response:
    """Whether deliveries can be accepted durably, and the parts that decide it."""
    parts = request.app[PARTS]
    health = parts.health
    body = {
        "ready": health.is_ready(),
        "journal": "ok" if health.journal_writes else "cannot be written",
        "disk": "ok" if health.disk_has_room else "free space below the reserve",
        "stopping": health.stopping.is_set(),
        "kafka": _kafka(parts),
        "master_key": parts.keyring.masters[0].fingerprint,
    }
    return web.Response(status=200 if body["ready"] else 503, body=orjson.dumps(body), content_type="application/json")


def _kafka(parts: Parts) -> dict[str, object]:
    """How Kafka stands; it never makes the gateway unready."""
    publisher = parts.publisher
    if publisher is None:
        return {"configured": False}
    return {
        "configured": True,
        "connected": publisher.is_connected,
        "waiting": publisher.waiting,
        "blocked": publisher.blocked(),
    }


async def metrics(request: web.Request) -> web.Response:
    """Prometheus' text format."""
    return web.Response(body=request.app[PARTS].metrics.render(), headers={"Content-Type": CONTENT_TYPE})
