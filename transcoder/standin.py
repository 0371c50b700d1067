"""What stands in for media that does not come: a still as the picture, silence as the sound. Pure.

An encoder makes one short loop of each rendition, once; a :class:`StandInFeed` repeats it along the timeline.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

from transcoder.media import AccessUnit, Kind, Track


@dataclass(frozen=True, slots=True)
class StandIn:
    """One loop. Its first unit is a sync unit with pts and dts 0; every unit's duration is known."""

    track: Track
    units: tuple[AccessUnit, ...]
    loop_ticks: int
    """Length of the loop: the sum of the durations."""


class StandInFeed:
    """Units of a stand-in without end, from ``start_s`` on the publication's timeline.

    A picture begins at every cut, and is a sync unit there; the one before it is as much shorter.
    """

    def __init__(self, stand_in: StandIn, start_s: float) -> None:
        self.track = stand_in.track
        self._units = stand_in.units
        self._next = 0
        self._ticks = self._earliest = round(start_s * self.track.timescale)
        self._cuts: deque[int] = deque()

    def cut_at(self, time_s: float) -> None:
        """A segment begins at ``time_s``. To be said before :meth:`until` has reached it."""
        if self.track.kind is Kind.VIDEO:
            self._cuts.append(round(time_s * self.track.timescale))

    @property
    def next_s(self) -> float:
        """Where the next unit begins, if no cut comes before."""
        return self._ticks / self.track.timescale

    def until(self, time_s: float) -> Iterator[AccessUnit]:
        """The units that begin before ``time_s`` and have not been given yet."""
        end = round(time_s * self.track.timescale)
        while True:
            cut = self._cuts[0] if self._cuts and self._cuts[0] <= self._ticks else None
            begins = self._ticks if cut is None else max(cut, self._earliest)
            if begins >= end:
                return
            if cut is not None:
                self._cuts.popleft()
                self._next = 0
            unit = self._units[self._next]
            self._next = (self._next + 1) % len(self._units)
            self._ticks = begins + unit.duration
            self._earliest = begins + 1
            yield replace(unit, pts=begins, dts=begins, arrival_s=0.0)
