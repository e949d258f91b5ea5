"""What a request of the API may ask, checked by marshmallow; unknown parameters are errors, not ignored."""

from collections.abc import Mapping
from typing import Any, NoReturn

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from gateway.errors import Code, GatewayError

MAX_LIMIT = 500
_GLOB = r"[A-Za-z0-9_.*?\[\]!-]{1,100}"


class EventsQuery(Schema):
    """`GET /api/v1/events`."""

    class Meta:
        """Nothing else is understood."""

        unknown = RAISE

    after = fields.String(metadata={"description": "a cursor, or 0 for the oldest kept"})
    limit = fields.Integer(validate=validate.Range(1, MAX_LIMIT), metadata={"description": "how many at most"})
    type = fields.String(
        validate=validate.Regexp(f"^{_GLOB}$"), metadata={"description": "a glob over event types: ref.*"}
    )
    repository = fields.String(validate=validate.Length(1, 600), metadata={"description": "hostname[/project[/repo]]"})
    follow = fields.Boolean(metadata={"description": "go on when there is no more (NDJSON)"})


def refuse(error: ValidationError, *_: object, **__: object) -> NoReturn:
    """Tell which parameter is wrong and what is allowed."""
    raise GatewayError(Code.BAD_REQUEST, "; ".join(_lines(error.messages_dict)))


def _lines(messages: Mapping[str, Any]) -> list[str]:
    of_places = (place for place in messages.values() if isinstance(place, Mapping))
    return [f"{name}: {' '.join(map(str, texts))}" for place in of_places for name, texts in place.items()]
