from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcoder.manifests.duration import exact, microseconds, microseconds_up, short


def test_exact_has_six_decimals() -> None:
    assert [exact(us) for us in (0, 1, 250_000, 2_002_000, 12_000_000)] == [
        "0.000000",
        "0.000001",
        "0.250000",
        "2.002000",
        "12.000000",
    ]


def test_short_has_no_needless_zeros() -> None:
    assert [short(us) for us in (0, 250_000, 12_000_000, 333_334)] == ["0.0", "0.25", "12.0", "0.333334"]


@given(st.integers(0, 10**13))
def test_text_is_the_number(duration_us: int) -> None:
    assert Decimal(exact(duration_us)) * 1_000_000 == Decimal(short(duration_us)) * 1_000_000 == duration_us


def test_microseconds_rounds_to_the_nearest() -> None:
    assert [microseconds(s) for s in (0.25, 1 / 3, 2 / 3, 0.1)] == [250_000, 333_333, 666_667, 100_000]


def test_microseconds_up_never_falls_below_but_forgives_floats() -> None:
    assert [microseconds_up(s) for s in (0.25, 1 / 3, 0.1 + 0.2)] == [250_000, 333_334, 300_000]


@pytest.mark.parametrize("seconds", [math.nan, math.inf, -math.inf])
def test_what_is_no_length_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError):
        microseconds(seconds)
