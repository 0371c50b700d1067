"""Lengths of media in whole microseconds, so that sums in a playlist agree to the last digit."""

from __future__ import annotations

import math
from typing import Final

US_PER_S: Final = 1_000_000


def microseconds(seconds: float) -> int:
    """The nearest whole number of microseconds. Raises ValueError for what is not a finite number."""
    if not math.isfinite(seconds):
        raise ValueError(f"a length of {seconds} s is not a number of seconds")
    return math.floor(seconds * US_PER_S + 0.5)


def microseconds_up(seconds: float) -> int:
    """The smallest whole number of microseconds that is not below ``seconds`` (within a float's error)."""
    return math.ceil(round(seconds * US_PER_S, 3))


def exact(duration_us: int) -> str:
    """A decimal-floating-point (RFC 8216bis 4.2) with all six decimals: ``2.002000``."""
    return f"{duration_us // US_PER_S}.{duration_us % US_PER_S:06d}"


def short(duration_us: int) -> str:
    """A decimal-floating-point (RFC 8216bis 4.2) without needless zeros: ``0.25``, ``12.0``."""
    text = exact(duration_us).rstrip("0")
    return text + "0" if text.endswith(".") else text
