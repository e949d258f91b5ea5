"""What a size and a duration may be."""

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.edges.settings.units import MAX_BYTES, MAX_DAYS, duration, size, size_above_zero

SIZES = {
    "": 1,
    "B": 1,
    "kB": 10**3,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
"""IEC 80000-13 for the binary prefixes, SI for the others."""

DURATIONS = {"": 1.0, "s": 1.0, "ms": 0.001, "m": 60.0, "h": 3600.0, "d": 86_400.0}

QUANTITIES = st.builds("{}{}".format, st.integers(-1, 10**20), st.sampled_from([*SIZES, *DURATIONS]))
WRITTEN = st.one_of(st.text(max_size=12), QUANTITIES, st.integers(), st.floats(), st.booleans())


def read(unit: Callable[[object], float], written: object) -> float | None:
    try:
        return unit(written)
    except ValueError:
        return None


@given(st.integers(0, 10**6), st.sampled_from(sorted(SIZES)), st.sampled_from(["", " "]))
def test_a_size_is_a_whole_number_of_its_unit(number: int, unit: str, blank: str) -> None:
    assert size(f"{number}{blank if unit else ''}{unit}") == number * SIZES[unit]
    assert size(number) == number


@given(WRITTEN)
def test_whatever_is_written_is_a_size_in_bounds_or_refused(written: object) -> None:
    found = read(size, written)

    assert found is None or (type(found) is int and 0 <= found <= MAX_BYTES)


@pytest.mark.parametrize(
    "written", ["", " ", "MiB", "-1", "1.5GiB", "8mib", "8Mi", "8M", "1e3", "٣", "8MiB ", True, 1.0, None, []]
)
def test_what_is_no_size(written: object) -> None:
    with pytest.raises(ValueError, match=r"^is not a size; allowed: bytes, or "):
        size(written)


@given(st.integers(0, 36_500), st.sampled_from(sorted(DURATIONS)))
def test_a_duration_is_seconds(number: int, unit: str) -> None:
    assert math.isclose(duration(f"{number}{unit}"), number * DURATIONS[unit])
    assert duration(number) == number


@given(st.floats(0, 10**9))
def test_a_number_is_seconds_as_it_is(number: float) -> None:
    assert duration(number) == number


def test_durations_of_the_contract() -> None:
    written = ("14d", "400d", "3s", "500ms", "2h", "1m", "1.5h", "10", "0.25", 0)

    assert list(map(duration, written)) == [1_209_600, 34_560_000, 3, 0.5, 7200, 60, 5400, 10, 0.25, 0]


@given(WRITTEN)
def test_whatever_is_written_is_a_duration_in_bounds_or_refused(written: object) -> None:
    found = read(duration, written)

    assert found is None or (type(found) is float and 0 <= found <= MAX_DAYS * 86_400)


@pytest.mark.parametrize(
    "written", ["", "d", "-1s", "1w", "1D", "1,5h", "1h30m", ".5s", math.inf, math.nan, -0.5, False, None]
)
def test_what_is_no_duration(written: object) -> None:
    with pytest.raises(ValueError, match=r"^is not a duration; allowed: seconds, or "):
        duration(written)


def test_a_body_of_no_bytes_lets_nothing_through() -> None:
    with pytest.raises(ValueError, match="allowed: at least 1 byte"):
        size_above_zero(0)


def test_the_largest_size_and_the_longest_duration() -> None:
    assert size(2**63 - 1) == size("9223372036854775807B") == 2**63 - 1
    assert duration("36500d") == 36_500 * 86_400
    with pytest.raises(ValueError, match=r"^is too large; allowed: at most 9223372036854775807 bytes$"):
        size("8388608TiB")
    with pytest.raises(ValueError, match=r"^is too long; allowed: at most 36500d$"):
        duration("36500.1d")
