"""The dialects Bitbucket speaks, and the one sentence that turns a body of any of them into events.

Which dialect a delivery is in is decided by host and headers, never by the body, which nobody has authenticated yet.
A room knows what its vendor sends; whose event it is, what contradicts what and what is `unknown` is decided here,
the same way for all.
"""

from collections.abc import Mapping

from msgspec import Struct

from gateway.delivery import Delivery, DialectName, Host
from gateway.dialects import cloud, data_center, post_receive
from gateway.dialects.reading import Json, at, instant, mapping, mapping_at
from gateway.dialects.row import Body, Dialect, Row, claim
from gateway.event import Event, unknown_event

EVENT_KEY_HEADER = "x-event-key"
TYPE_HEADER = "x-bitbucket-type"


DIALECTS: Mapping[DialectName, Dialect] = {
    "post-receive": post_receive.DIALECT,
    "data-center": data_center.DIALECT,
    "cloud": cloud.DIALECT,
}


def which(host: Host, headers: Mapping[str, str]) -> DialectName:
    """The dialect of a delivery to that host with those (lower-case) headers.

    Cloud always names its event; only its retired POST services do not. Under a server, `X-Bitbucket-Type` is sent by
    the Post Webhooks app alone, an event key by native webhooks, and neither by the Post-Receive plugin.
    """
    names_event = EVENT_KEY_HEADER in headers
    if host.is_cloud:
        return "cloud" if names_event else "legacy-post"
    if TYPE_HEADER in headers:
        return "post-webhooks-app"
    return "data-center" if names_event else "post-receive"


class Normalized(Struct, frozen=True):
    """What a body says: for which repository or scope, which one it claims to be about, and the events.

    `reason` tells why all of it is `unknown`; `dated` whether the body bears its own date.
    """

    key: str
    events: list[Event]
    claimed_key: str | None = None
    reason: str | None = None
    dated: bool = False


def normalize(delivery: Delivery, payload: object) -> Normalized:
    """The events of an authentic body. Never raises: what cannot be understood is one `unknown` event."""
    room = DIALECTS.get(delivery.dialect)
    row = None if room is None else room.events.get(delivery.event_key)
    if room is None or row is None:
        return _unknown(delivery, payload, "this event key is not in the table of its dialect")
    source = mapping({"body": payload}, "body")
    if reason := _objection(room, row, delivery.event_key, source):
        return _unknown(delivery, payload, reason)
    named = mapping_at(source, row.repository)
    claimed = claim(delivery.scope.hostname, room.repository_names(named))
    key = delivery.scope.repository or claimed
    if key is None:
        return _unknown(delivery, payload, "the body names no repository")
    if not delivery.scope.contains(key):
        return _unknown(delivery, payload, "the repository is outside the scope of this URL")
    occurred_at = instant(at(source, row.dated)) if row.dated else None
    return Normalized(
        key=str(key),
        events=row.read(Body(source, delivery.event_key, room.repository(named, key), occurred_at)),
        claimed_key=str(claimed) if claimed is not None and claimed != key else None,
        dated=occurred_at is not None,
    )


def _unknown(delivery: Delivery, payload: object, reason: str) -> Normalized:
    event = unknown_event(delivery.event_key, reason, payload)
    return Normalized(key=str(delivery.scope), events=[event], reason=reason)


def _objection(room: Dialect, row: Row, event_key: str, payload: Json) -> str | None:
    """Why the body cannot be what the unsigned event key says; what is absent contradicts nothing."""
    for path in row.about:
        if not mapping_at(payload, path):
            return f"the body has no {'.'.join(path)}"
    for path in row.listed:
        if not isinstance(at(payload, path), list):
            return f"the body has no list of {'.'.join(path)}"
    if room.event_key_field is not None and at(payload, room.event_key_field) not in (None, event_key):
        return "the event key of the header is not that of the body"
    for path, expected in row.given:
        if at(payload, path) not in (None, expected):
            return f"the body's {'.'.join(path)} contradicts the event key"
    return None
