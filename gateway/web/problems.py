"""Errors as `application/problem+json` (RFC 9457), and the one table from codes to statuses.

The middleware is the only place where an error becomes an answer. What the gateway does not foresee is logged with
its cause and told as `internal`; no answer echoes a secret or an internal text.
"""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

import orjson
import structlog
from aiohttp import web

from gateway.errors import Code, GatewayError
from gateway.web.parts import PARTS

STATUS: Mapping[Code, HTTPStatus] = {
    Code.BAD_REQUEST: HTTPStatus.BAD_REQUEST,
    Code.UNAUTHENTICATED: HTTPStatus.UNAUTHORIZED,
    Code.FORBIDDEN: HTTPStatus.FORBIDDEN,
    Code.NOT_FOUND: HTTPStatus.NOT_FOUND,
    Code.METHOD_NOT_ALLOWED: HTTPStatus.METHOD_NOT_ALLOWED,
    Code.TOO_SLOW: HTTPStatus.REQUEST_TIMEOUT,
    Code.CURSOR_GONE: HTTPStatus.GONE,
    Code.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Code.UNSUPPORTED_MEDIA_TYPE: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    Code.BUSY: HTTPStatus.SERVICE_UNAVAILABLE,
    Code.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    Code.INTERNAL: HTTPStatus.INTERNAL_SERVER_ERROR,
}
RETRY_AFTER_SECONDS = "5"
BASIC = 'Basic realm="bitbucket-webhook-gateway", charset="UTF-8"'
BEARER = 'Bearer realm="bitbucket-webhook-gateway"'

_FRAMEWORK = {
    404: (Code.NOT_FOUND, "there is nothing at this address"),
    405: (Code.METHOD_NOT_ALLOWED, "this address does not take this method"),
    413: (Code.TOO_LARGE, "the body is too large"),
}

log = structlog.get_logger()

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def problem(error: GatewayError, *, headers: Mapping[str, str] | None = None) -> web.Response:
    """The answer that tells of an error."""
    status = STATUS[error.code]
    body = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "code": error.code.value,
        "detail": error.detail,
    }
    extra = {"Retry-After": RETRY_AFTER_SECONDS} if status is HTTPStatus.SERVICE_UNAVAILABLE else {}
    return web.Response(
        status=status,
        body=orjson.dumps(body),
        content_type="application/problem+json",
        headers={**extra, **(headers or {})},
    )


def challenge(error: GatewayError, scheme: str) -> web.Response:
    """The same, with `WWW-Authenticate` where it is about a missing proof."""
    return problem(error, headers={"WWW-Authenticate": scheme} if error.code is Code.UNAUTHENTICATED else None)


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every error into a problem; while stopping, let every answer close its connection.

    A sender that was told so does not use a connection again that is about to die.
    """
    response = await _answer(request, handler)
    if request.app[PARTS].health.stopping.is_set():
        response.force_close()
    return response


async def _answer(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except GatewayError as error:
        return challenge(error, BEARER)
    except web.HTTPException as error:
        return _from_framework(error)
    except ConnectionError:
        return problem(GatewayError(Code.BAD_REQUEST, "the connection was lost"))  # and nobody is there to read it
    except Exception as error:
        log.exception("request_failed", method=request.method, path=request.path, exc_info=error)
        return problem(GatewayError(Code.INTERNAL, "the gateway failed, its log tells why"))


def _from_framework(error: web.HTTPException) -> web.StreamResponse:
    if error.status not in _FRAMEWORK:
        raise error
    code, detail = _FRAMEWORK[error.status]
    allow = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else None
    return problem(GatewayError(code, detail), headers=allow)
