"""One family of errors with a closed set of codes.

A code says what went wrong in one word that never changes; the detail says it to a human. Neither ever carries
a secret or an internal text: what has no code is a defect of the gateway and is told as `internal`. Which HTTP
status belongs to a code is known to `web` alone.
"""

from enum import StrEnum


class Code(StrEnum):
    """The closed list of what can be refused or fail; also the label values of `refused_total`."""

    BAD_REQUEST = "bad_request"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    TOO_SLOW = "too_slow"
    CURSOR_GONE = "cursor_gone"
    TOO_LARGE = "too_large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    BUSY = "busy"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"


class GatewayError(Exception):
    """Something was refused or failed in a way the gateway foresees.

    `code` is for machines, `detail` for the person who can do something about it.
    """

    def __init__(self, code: Code, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class StartError(Exception):
    """The gateway cannot start or a command cannot run as configured; each line names one mistake and its remedy."""

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines
