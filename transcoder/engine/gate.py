"""Which decoded pictures are encoded, and which of them begin a segment. Pure.

Time only moves forward, no more pictures a second than the rung may have, and the first picture at or
after each cut is always kept, because all renditions must start their segment on it.
"""

from __future__ import annotations

from collections import deque
from enum import Enum, auto
from fractions import Fraction

from transcoder.ladder import FRAME_RATE_LIMIT
from transcoder.media import VIDEO_TIMESCALE


class Verdict(Enum):
    """What becomes of a picture."""

    LATE = auto()
    """Not after the picture before it: dropped."""
    SURPLUS = auto()
    """Above the frame rate: dropped."""
    KEEP = auto()
    CUT = auto()
    """Kept, and coded so that a segment can start with it."""


class PictureGate:
    """Pictures of one track, in presentation order. Ticks are 1/90000 s."""

    def __init__(self, most_per_s: Fraction = Fraction(FRAME_RATE_LIMIT)) -> None:
        self._interval = Fraction(VIDEO_TIMESCALE) / most_per_s
        self._due = Fraction(0)
        """When the next picture is wanted: a grid, so that jitter does not add up."""
        self._last: int | None = None
        self._cuts: deque[int] = deque()

    def cut_at(self, ticks: int) -> None:
        """The first picture with pts >= ``ticks`` begins a segment. Saying it twice is saying it once."""
        if ticks not in self._cuts:
            self._cuts.append(ticks)

    def judge(self, pts: int) -> Verdict:
        """Decide on the picture at ``pts``. The first one of all is always a cut."""
        if self._last is not None and pts <= self._last:
            return Verdict.LATE
        is_cut = self._last is None
        while self._cuts and pts >= self._cuts[0]:
            self._cuts.popleft()
            is_cut = True
        # RTMP stamps are whole milliseconds: a picture may come a quarter of an interval early.
        early = pts < self._due - self._interval / 4
        if early and not is_cut:
            return Verdict.SURPLUS
        if not early or self._last is None:
            on_grid = pts - self._due < self._interval
            self._due = (self._due if on_grid else pts) + self._interval
        self._last = pts
        return Verdict.CUT if is_cut else Verdict.KEEP
