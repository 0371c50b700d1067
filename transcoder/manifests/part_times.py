"""Times as a playlist writes them: microseconds that do not drift, program times that do not go back."""

from __future__ import annotations

import math

from transcoder.manifests.duration import US_PER_S, microseconds
from transcoder.manifests.segment import Segment


class PartTimes:
    """One window's rounding."""

    def __init__(self, part_target_us: int) -> None:
        self._part_target_us = part_target_us
        self._rounding_us = 0.0

    def rounded_us(self, duration_s: float) -> int:
        """Whole microseconds; what rounding took from one part the next gets, so that nothing drifts.

        RFC 8216bis 4.4.4.9: "The duration of a Partial Segment MUST be less than or equal to the Part Target
        Duration": a part that keeps to it does not break it by a carried microsecond.
        """
        wanted_us = duration_s * US_PER_S + self._rounding_us
        rounded_us = max(1, math.floor(wanted_us + 0.5))
        limit_us = self._part_target_us
        if rounded_us > limit_us and microseconds(duration_s) <= limit_us:
            rounded_us = limit_us
        self._rounding_us = max(-1.0, min(1.0, wanted_us - rounded_us))
        return rounded_us


def program_time_ms(
    previous: Segment | None, program_time_s: float | None, *, discontinuity: bool
) -> int | None:
    """EXT-X-PROGRAM-DATE-TIME of the segment after ``previous``, as unix milliseconds."""
    expected = None
    if previous is not None and previous.program_time_ms is not None:
        expected = previous.program_time_ms + (previous.duration_us + 500) // 1000
    if program_time_s is None:
        return None if discontinuity else expected
    time_ms = math.floor(program_time_s * 1000 + 0.5)
    # RFC 8216bis 6.2.1: the server "MUST NOT add any EXT-X-PROGRAM-DATE-TIME tag to a Playlist that would
    # cause the mapping between program date and Media Segment to become ambiguous", small (sub-second)
    # overlaps excepted: a wall clock that was set back goes on from where it was.
    if expected is not None and time_ms <= expected - 1000:
        return expected
    return time_ms
