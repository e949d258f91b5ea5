"""Sizes and durations: `8MiB` is bytes, `14d` is seconds.

A function takes what a source gave and gives the value, or raises `ValueError` whose text goes on after the written
value: "is not a size; allowed: …".
"""

import math
import re
from collections.abc import Mapping
from decimal import Decimal

SIZE_UNITS: Mapping[str, int] = {
    "": 1,
    "B": 1,
    "kB": 1000,
    **{f"{prefix}B": 1000**power for power, prefix in enumerate("KMGT", 1)},
    **{f"{prefix}iB": 1024**power for power, prefix in enumerate("KMGT", 1)},
}
DURATION_UNITS: Mapping[str, Decimal] = {
    "ms": Decimal("0.001"),
    "": Decimal(1),
    "s": Decimal(1),
    "m": Decimal(60),
    "h": Decimal(3600),
    "d": Decimal(86_400),
}
MAX_BYTES = 2**63 - 1
"""What a 64-bit integer holds: sizes are compared with file sizes and SQLite's integers."""

MAX_DAYS = 36_500
"""A century: beyond any use, and within what timers and timestamps can be added to."""

_SIZE = re.compile(r"([0-9]{1,19}) ?([kKMGT]?i?B|)")
_DURATION = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?) ?(ms|[smhd]|)")


def size(value: object) -> int:
    """Bytes of `8MiB`, `512 KiB`, `10MB`, `100B`, or of a whole number. Raises `ValueError`."""
    found = _SIZE.fullmatch(str(value)) if isinstance(value, str | int) else None
    if found is None or found[2] not in SIZE_UNITS:
        raise ValueError("is not a size; allowed: bytes, or a whole number with B, KiB, MiB, GiB, TiB, kB, MB, GB, TB")
    count = int(found[1]) * SIZE_UNITS[found[2]]
    if count > MAX_BYTES:
        raise ValueError(f"is too large; allowed: at most {MAX_BYTES} bytes")
    return count


def size_above_zero(value: object) -> int:
    """Bytes, at least one. Raises `ValueError`."""
    count = size(value)
    if count == 0:
        raise ValueError("would let nothing through; allowed: at least 1 byte")
    return count


def duration(value: object) -> float:
    """Seconds of `14d`, `2h`, `1m`, `3s`, `500ms`, or of a number. Raises `ValueError`."""
    seconds = _seconds(value)
    if seconds is None:
        raise ValueError("is not a duration; allowed: seconds, or a number with ms, s, m, h, d")
    if not seconds <= MAX_DAYS * DURATION_UNITS["d"]:
        raise ValueError(f"is too long; allowed: at most {MAX_DAYS}d")
    return float(seconds)


def _seconds(value: object) -> Decimal | None:
    if isinstance(value, float):
        return Decimal(value) if value >= 0 and math.isfinite(value) else None
    found = _DURATION.fullmatch(str(value)) if isinstance(value, str | int) else None
    return None if found is None else Decimal(found[1]) * DURATION_UNITS[found[2]]
