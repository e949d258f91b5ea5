"""Who may ask: an API token as a bearer, or the mode of the socket's file.

Checked before a request is routed, so that nobody without a token learns which addresses exist.
"""

import hmac

from aiohttp import web

from gateway.delivery import HOOKS_PATH
from gateway.errors import Code, GatewayError
from gateway.web.parts import LOCAL, PARTS
from gateway.web.problems import Handler

_API = "/api/v1/"
_REPOSITORIES = HOOKS_PATH.removesuffix("repos/")


@web.middleware
async def authorize(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Ask for a token where one is needed. Raises `GatewayError`: `unauthenticated`, `forbidden`."""
    path = request.rel_url.path_safe  # as the router reads it: /%61pi is /api
    is_hook = request.method == "POST" and path.startswith(HOOKS_PATH)
    if not is_hook and path.startswith((_API, _REPOSITORIES)) and not request.app[LOCAL]:
        _check(request.headers.get("Authorization"), request.app[PARTS].admin_token)
    return await handler(request)


def _check(header: str | None, expected: str) -> None:
    scheme, _, token = (header or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise GatewayError(Code.UNAUTHENTICATED, "this address asks for an API token: Authorization: Bearer …")
    if not hmac.compare_digest(token.strip().encode("utf-8", "surrogateescape"), expected.encode()):
        raise GatewayError(Code.FORBIDDEN, "this API token is not known")
