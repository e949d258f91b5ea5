"""`POST /repo-syncer/repos/{hostname}[/{project}[/{repo}]]`: where Bitbucket speaks.

The order is the law: an address, limits, bytes, proof, and only then what the bytes say. The answer 202 is sent when
everything the delivery means is synced to the disk, and never for anything that is not. Refusals say a code and no
more than the sender already knew; why a proof failed is for operators.
"""

import random
import time
from collections.abc import Mapping

import orjson
import structlog
from aiohttp import web

from gateway.authenticate import Refused
from gateway.delivery import HOOKS_PATH, Delivery, Scope
from gateway.dialects import EVENT_KEY_HEADER, which
from gateway.errors import Code, GatewayError
from gateway.intake import PING_KEY, PING_MAX_BYTES, intake, is_ping
from gateway.origin import origin
from gateway.web.body import Hold, InFlight, read_body
from gateway.web.parts import PARTS, Parts
from gateway.web.problems import BASIC, challenge

IN_FLIGHT: web.AppKey[InFlight] = web.AppKey("in_flight", InFlight)

_PING = orjson.dumps(
    {
        "outcome": "ping",
        "proof": "none: Bitbucket does not sign this request; a real event will show whether the secret is right",
    }
)
_CHANCE = random.Random()  # noqa: S311 - an id must be new, not secret; the kernel's chance costs a system call
_EVENT_KEY_LENGTH = 200
_MAX_SEGMENTS = 3
_FORM = "application/x-www-form-urlencoded"
_REFUSALS = {
    Code.UNAUTHENTICATED: "this address asks for a signature, a token or a password",
    Code.FORBIDDEN: "the signature, token or password is not right for this address",
}

log = structlog.get_logger()


async def receive(request: web.Request) -> web.Response:
    """Take a delivery, or say why not."""
    started = time.perf_counter()
    parts = request.app[PARTS]
    try:
        with Hold(request.app[IN_FLIGHT]) as hold:
            return await _receive(request, parts, hold)
    except GatewayError as error:
        parts.metrics.refused(error.code)
        return challenge(error, BASIC)
    finally:
        parts.metrics.answered(time.perf_counter() - started)


async def _receive(request: web.Request, parts: Parts, hold: Hold) -> web.Response:
    scope = parts.hosts.resolve(_scope(request))
    headers = _headers(request)
    event_key = headers.get(EVENT_KEY_HEADER, "")[:_EVENT_KEY_LENGTH]
    host = parts.hosts.get(scope.hostname)
    dialect = which(host, headers)
    may_be_ping = event_key == PING_KEY and (request.content_length or 0) <= PING_MAX_BYTES
    if not may_be_ping:
        _check_media_type(headers, may_be_form=dialect == "legacy-post")
    body = await read_body(request, parts.limits, hold)
    if is_ping(event_key, body):
        return web.Response(status=202, body=_PING, content_type="application/json")
    if may_be_ping:
        _check_media_type(headers, may_be_form=False)
    now = time.time_ns() // 1_000_000
    delivery = Delivery(
        id=f"{now:012x}{_CHANCE.getrandbits(64):016x}",
        scope=scope,
        dialect=dialect,
        event_key=event_key,
        headers=headers,
        body=body,
        received_at=now,
        token=request.query.get("token") if request.query_string else None,
        peer=origin(request.remote, headers, parts.proxies) if host.trusted_networks else None,
    )
    taken = intake(delivery, host, parts.keyring, parts.topics, parts.dead_letters)
    if isinstance(taken, Refused):
        log.warning("refused", scope=str(scope), code=taken.code.value, reason=taken.reason, dialect=dialect)
        raise GatewayError(taken.code, _REFUSALS[taken.code])
    if not parts.health.can_accept():
        raise GatewayError(Code.UNAVAILABLE, "nothing can be put on the disk at the moment")
    receipt = await parts.journal.accept(taken)
    parts.metrics.delivered(dialect, receipt.outcome, scope.hostname, now)
    parts.metrics.published(receipt.families, receipt.gaps)
    answer = {"delivery": receipt.delivery, "outcome": receipt.outcome, "events": receipt.event_ids}
    return web.Response(status=202, body=orjson.dumps(answer), content_type="application/json")


def _scope(request: web.Request) -> Scope:
    path = request.rel_url.path_safe[len(HOOKS_PATH) :]
    if path.removesuffix("/").count("/") >= _MAX_SEGMENTS:
        raise GatewayError(Code.NOT_FOUND, "there is nothing at this address")
    return Scope.from_path(path)


def _headers(request: web.Request) -> Mapping[str, str]:
    """Lower-case names; repeated ones joined; bytes that are no UTF-8 replaced."""
    found: dict[str, str] = {}
    for name, given in request.headers.items():
        low = name.lower()
        value = given if given.isascii() else given.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        found[low] = f"{found[low]}, {value}" if low in found else value
    return found


def _check_media_type(headers: Mapping[str, str], *, may_be_form: bool) -> None:
    coding = headers.get("content-encoding", "identity").strip().lower()
    if coding != "identity":
        raise GatewayError(Code.UNSUPPORTED_MEDIA_TYPE, "no content coding is understood, send the bytes as they are")
    given = headers.get("content-type")
    if given is None or (may_be_form and given.lower().startswith(_FORM)):
        return
    kind = given.partition(";")[0].strip().lower()
    if kind not in {"application/json", "text/json"} and not kind.endswith("+json"):
        raise GatewayError(Code.UNSUPPORTED_MEDIA_TYPE, "the body must be JSON: set Content-Type: application/json")
