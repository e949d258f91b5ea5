"""The gateway over HTTP: the table of routes. Only this folder knows aiohttp's server, marshmallow and apispec."""

from aiohttp import web
from aiohttp_apispec import setup_aiohttp_apispec, validation_middleware

from gateway.delivery import HOOKS_PATH
from gateway.web.authorize import authorize
from gateway.web.body import InFlight
from gateway.web.events import events
from gateway.web.health import livez, metrics, readyz
from gateway.web.parts import LOCAL, PARTS, Parts
from gateway.web.problems import problems
from gateway.web.receive import IN_FLIGHT, receive
from gateway.web.schemas import refuse


def create_app(parts: Parts, *, local: bool = False) -> web.Application:
    """The application; `local` is the one on the socket in the data directory, which asks for no token."""
    app = web.Application(middlewares=[problems, authorize], client_max_size=0)
    app[PARTS] = parts
    app[LOCAL] = local
    app[IN_FLIGHT] = InFlight(parts.limits.in_flight_bytes)
    app.router.add_post(HOOKS_PATH + "{scope:.+}", receive)
    app.router.add_get("/livez", livez)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metrics)
    app.add_subapp("/api/v1", _api())
    return app


def _api() -> web.Application:
    api = web.Application(middlewares=[validation_middleware])
    api.router.add_get("/events", events, allow_head=False)
    setup_aiohttp_apispec(app=api, url=None, swagger_path=None, error_callback=refuse)
    return api
