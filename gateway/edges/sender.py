"""Posts a payload as Bitbucket would: the sender's half of a webhook, for demonstrations and trials.

What a dialect sends is a row of a table; composing a request is pure, and only `post` touches the network. Nothing
goes out that the vendor does not send, aiohttp's own headers included. Vendor: "Event payload" (Data Center), "Event
payloads" (Cloud), "POST service webhook for Bitbucket Server"; fixed values are those of recorded requests.
"""

import base64
import hmac
import re
from collections.abc import Mapping
from urllib.parse import quote, urlencode
from uuid import NAMESPACE_URL, uuid5

import aiohttp
from msgspec import Struct
from yarl import URL

from gateway.delivery import DialectName
from gateway.errors import Code, GatewayError
from gateway.intake import PING_KEY

PATIENCE = 20.0
"""Seconds until an answer is given up; Data Center's own `plugin.webhooks.socket.timeout`."""

PING_BODY = b'{"test": true}'

_EVENT_KEY = re.compile(r"[!-~]{1,255}")
_USER = re.compile(r"^([a-z]+://)?.*@", re.IGNORECASE)
_URL_SAFE = "%/:?=&+~!$,;'@()*[]"
_OWN_HEADERS = ("Accept", "Accept-Encoding", "User-Agent")


class Outgoing(Struct, frozen=True):
    """A request to be posted, every header told. The URL may hold a token and is therefore never shown."""

    url: str
    headers: Mapping[str, str]
    body: bytes


class Answer(Struct, frozen=True):
    """What came back."""

    status: int
    body: bytes


class _Manner(Struct, frozen=True):
    """How a dialect sends: headers that never change, the names of those that do, and what proof it can give."""

    fixed: Mapping[str, str]
    names_event: bool = True
    request_id: str | None = None
    hook_id: str | None = None
    attempt: str | None = None
    proofs: tuple[str, ...] = ("query",)
    form_field: str | None = None


_MANNERS: Mapping[DialectName, _Manner] = {
    "post-receive": _Manner(
        {"Content-Type": "application/json", "X-Atlassian-Token": "no-check"},
        names_event=False,
    ),
    "data-center": _Manner(
        {
            "Accept": "*/*",
            "Content-Type": "application/json; charset=UTF-8",
            "User-Agent": "Atlassian HttpClient 2.0.0 / Bitbucket-6.5.1 (6005001) / Default",
        },
        request_id="X-Request-Id",
        proofs=("signature", "basic"),
    ),
    "cloud": _Manner(
        {
            "Accept": "*/*",
            "Accept-Encoding": "gzip, deflate",
            "Content-Type": "application/json",
            "User-Agent": "Bitbucket-Webhooks/2.0",
        },
        request_id="X-Request-UUID",
        hook_id="X-Hook-UUID",
        attempt="X-Attempt-Number",
        proofs=("signature",),
    ),
    "post-webhooks-app": _Manner(
        {"Content-Type": "application/json; charset=UTF-8", "X-Bitbucket-Type": "server"},
    ),
    "legacy-post": _Manner(
        {"Content-Type": "application/x-www-form-urlencoded"},
        names_event=False,
        form_field="payload",
    ),
}


def request_of(  # noqa: PLR0913 - all that tells one request of a dialect from another
    dialect: DialectName,
    event_key: str,
    body: bytes,
    *,
    url: str,
    secret: str | None = None,
    token: str | None = None,
    request_id: str,
    hook_id: str | None = None,
    attempt: int = 1,
) -> Outgoing:
    """The request with which that dialect delivers `body`, proven with whatever of `secret` and `token` it can send.

    A hook without a `hook_id` gets one made of its URL. Raises `GatewayError(bad_request)` where the dialect names its
    event and `event_key` is not the name of one, or where it can send nothing of the proof that was given.
    """
    manner = _MANNERS[dialect]
    changing = {
        "X-Event-Key": _checked(dialect, event_key) if manner.names_event else None,
        manner.request_id: request_id,
        manner.hook_id: hook_id or str(uuid5(NAMESPACE_URL, url)),
        manner.attempt: str(attempt),
    }
    headers = {**manner.fixed, **{name: value for name, value in changing.items() if name and value}}
    sent = urlencode({manner.form_field: body}).encode() if manner.form_field else body
    plain = Outgoing(_address(url), headers, sent)
    is_ping = dialect == "data-center" and event_key == PING_KEY
    return plain if is_ping else _proven(plain, dialect, secret=secret, token=token)


def ping(url: str) -> Outgoing:
    """Data Center's connection test: unsigned, without a date, an actor or a repository."""
    headers = {**_MANNERS["data-center"].fixed, "X-Event-Key": PING_KEY}
    return Outgoing(_address(url), headers, PING_BODY)


def _address(url: str) -> str:
    """The URL as it stands; only what no request line can hold is percent-encoded."""
    return quote(url.partition("#")[0], safe=_URL_SAFE)


def _checked(dialect: DialectName, event_key: str) -> str:
    if not _EVENT_KEY.fullmatch(event_key):
        detail = f"a {dialect} request names its event, and {event_key[:80]!r} is no event key such as 'repo:push'"
        raise GatewayError(Code.BAD_REQUEST, detail)
    return event_key


def _proven(plain: Outgoing, dialect: DialectName, *, secret: str | None, token: str | None) -> Outgoing:
    proofs = _MANNERS[dialect].proofs
    if secret and "signature" in proofs:
        digest = hmac.digest(secret.encode(), plain.body, "sha256").hex()
        return _with_header(plain, "X-Hub-Signature", f"sha256={digest}")
    if token and "basic" in proofs:
        return _with_header(plain, "Authorization", "Basic " + base64.b64encode(f"gateway:{token}".encode()).decode())
    if token and "query" in proofs:
        joint = "&" if "?" in plain.url else "?"
        return Outgoing(f"{plain.url}{joint}token={quote(token, safe='')}", plain.headers, plain.body)
    if secret or token:
        able = "sign, give a token" if secret else "send a token, give the secret it signs with"
        raise GatewayError(Code.BAD_REQUEST, f"a {dialect} hook cannot {able}")
    return plain


def _with_header(plain: Outgoing, name: str, value: str) -> Outgoing:
    return Outgoing(plain.url, {**plain.headers, name: value}, plain.body)


_NO_ADDRESS = "{place} is not an address to post to: http:// or https://, and a host"
_FAILURES: tuple[tuple[type[Exception], Code, str], ...] = (
    (TimeoutError, Code.UNAVAILABLE, "{place} gave no answer within {patience:g} s"),
    (aiohttp.ClientConnectorCertificateError, Code.UNAVAILABLE, "the certificate of {place} is not believed here"),
    (aiohttp.ClientSSLError, Code.UNAVAILABLE, "no TLS could be agreed on with {place}: does it speak https?"),
    (aiohttp.ClientConnectorError, Code.UNAVAILABLE, "nothing can be reached at {place}: is a gateway running there?"),
    (aiohttp.NonHttpUrlClientError, Code.BAD_REQUEST, _NO_ADDRESS),
    (ValueError, Code.BAD_REQUEST, _NO_ADDRESS),
    (aiohttp.ClientError, Code.UNAVAILABLE, "the connection to {place} broke before there was an answer"),
)
"""Which sentence a failure becomes; the first type that fits decides."""


async def post(outgoing: Outgoing, *, patience: float = PATIENCE) -> Answer:
    """Sends a request and waits at most `patience` seconds for the whole answer; redirects are not followed.

    Raises `GatewayError`: `bad_request` for what is no address, `unavailable` where no answer came.
    """
    timeout = aiohttp.ClientTimeout(total=patience)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, skip_auto_headers=_OWN_HEADERS) as session,
            session.post(
                URL(outgoing.url, encoded=True), data=outgoing.body, headers=outgoing.headers, allow_redirects=False
            ) as response,
        ):
            return Answer(response.status, await response.read())
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        code, sentence = next((code, text) for kind, code, text in _FAILURES if isinstance(error, kind))
        raise GatewayError(code, sentence.format(place=_place(outgoing.url), patience=patience)) from None


def _place(url: str) -> str:
    """The URL without what may be secret: its query, and all before the last `@`."""
    return _USER.sub(r"\1", url.partition("?")[0])
