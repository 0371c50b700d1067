"""Which segments make a DASH Period, decided once and never taken back. Pure.

ISO/IEC 23009-1 5.4.1 lets an update only add to what an MPD said: a Period that players have seen keeps its
id, its start and its Representations. So a :class:`PeriodPlan` goes over the sequence numbers of all
renditions, column by column, and opens a new Period where the next column does not continue the last one: at
a discontinuity, where a rendition has a gap, where one comes back. Within a Period no rendition has a hole:
its segments can be counted by ``$Number$``, and no player looks for one that is not there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from transcoder.manifests.duration import US_PER_S
from transcoder.manifests.segment import Init, Segment
from transcoder.manifests.window import MediaWindow

SUFFIX: Final = ".m4s"
NEVER_MS: Final = 1 << 62
PATIENCE_S: Final = 1.0
"""Media of a rendition that can be played, while it waits for the others to begin the same Period."""


@dataclass(frozen=True, slots=True)
class Member:
    """A rendition in a Period: one init, and segments named by ``prefix``, number and ``.m4s``."""

    init: Init
    prefix: str


@dataclass(slots=True)
class Period:
    """From column ``first_msn`` to the one where the next Period begins."""

    id: str
    first_msn: int
    start_ms: int
    """On the stream's timeline. What the media's own times are counted from in this Period, too."""
    members: Mapping[str, Member]
    ended_at: dict[str, int] = field(default_factory=dict)
    """Members whose media stopped before the Period did, and the first number that they have not."""


class PeriodPlan:
    """The Periods of one run. ``listed`` names the renditions that a new Period may have."""

    def __init__(self) -> None:
        self.periods: deque[Period] = deque()
        self._next_msn: int | None = None
        self._looked_at: dict[str, int] = {}
        self._number: int | None = None
        """Discontinuity Sequence Number of the newest Period."""
        self._broken = False
        """The open Period no longer says what there is: the next column begins another one."""
        self.is_waiting = False
        """The next Period could be opened by now, and will be with the next parts."""

    def update(self, windows: Mapping[str, MediaWindow], listed: frozenset[str]) -> None:
        """Take in what the windows have now. Costs what is new since the last call."""
        if not windows:
            return
        oldest_msn = min(window.first_msn for window in windows.values())
        if self._next_msn is None or self._next_msn < oldest_msn:
            self._next_msn = oldest_msn
        self.is_waiting = False
        self._look_back(windows, listed)
        while self._plan(self._next_msn, windows, listed):
            self._next_msn += 1
        while len(self.periods) > 1 and self.periods[1].first_msn <= oldest_msn:
            self.periods.popleft()

    def segments(self, period: Period, name: str, window: MediaWindow) -> list[Segment]:
        """What ``window`` still lists of a member, in order and without a hole."""
        member = period.members[name]
        following = next((each for each in self.periods if each.first_msn > period.first_msn), None)
        end_msn = self._next_msn if following is None else following.first_msn
        end_msn = min(end_msn or 0, period.ended_at.get(name, end_msn or 0))
        found: list[Segment] = []
        for segment in _from(window, period.first_msn):
            if segment.msn >= end_msn or not _continues(segment, member, period):
                break
            found.append(segment)
        return found

    def _look_back(self, windows: Mapping[str, MediaWindow], listed: frozenset[str]) -> None:
        """Segments that came after their column was planned: a rendition was late."""
        period = self.periods[-1] if self.periods else None
        for name, window in windows.items():
            since_msn = self._looked_at.get(name, 0)
            for segment in _from(window, since_msn):
                if self._next_msn is None or segment.msn >= self._next_msn:
                    break
                self._looked_at[name] = segment.msn + 1
                if period is not None and segment.msn >= period.first_msn:
                    self._judge(name, segment, period, listed)

    def _judge(self, name: str, segment: Segment, period: Period, listed: frozenset[str]) -> None:
        member = period.members.get(name)
        if member is None:
            self._broken |= name in listed and _member(segment) is not None
        elif not _continues(segment, member, period) and name not in period.ended_at:
            period.ended_at[name] = segment.msn
            self._broken = True

    def _plan(self, msn: int, windows: Mapping[str, MediaWindow], listed: frozenset[str]) -> bool:
        """Whether the column could be planned. False: too little of it is known."""
        begun = {
            name: segment
            for name, window in windows.items()
            for segment in _from(window, msn)
            if segment.msn == msn
        }
        if not begun:
            return any(window.next_msn > msn for window in windows.values())
        period = self.periods[-1] if self.periods else None
        usable = {name: member for name, each in begun.items() if (member := _member(each)) is not None}
        if not usable.keys() & listed:
            self._broken = True
        elif period is None or self._breaks(period, begun, usable.keys() & listed):
            late = any(windows[name].next_msn <= msn for name in listed if name in windows)
            longest_us = max(segment.duration_us for segment in begun.values())
            ended = all(window.ended for window in windows.values())
            if late and longest_us < PATIENCE_S * US_PER_S and not ended:
                # A Representation cannot join a Period later: who is a little late is waited for.
                self.is_waiting = True
                return False
            self._open(msn, begun, {name: usable[name] for name in usable if name in listed}, windows)
        for name in begun:
            self._looked_at[name] = msn + 1
        return True

    def _breaks(self, period: Period, begun: Mapping[str, Segment], usable: set[str]) -> bool:
        if self._broken or not usable <= period.members.keys():
            return True
        return any(
            segment.discontinuity
            or (name in period.members and not _continues(segment, period.members[name], period))
            for name, segment in begun.items()
        )

    def _open(
        self,
        msn: int,
        begun: Mapping[str, Segment],
        members: Mapping[str, Member],
        windows: Mapping[str, MediaWindow],
    ) -> None:
        number = max(_discontinuity_number(windows[name], msn) for name in begun)
        previous = self.periods[-1] if self.periods else None
        # A process that took the stream up again does not know when the oldest Period began, nor with which
        # segment: its id and its start must not depend on them.
        start_ms = 0
        if previous is not None:
            # Time without media belongs to the Period that follows it. dash.js finds its way out of a hole at
            # the beginning of one; whoever joins in a hole at the end waits there for ever.
            start_ms = min(earliest_ms(begun[name]) for name in members)
            start_ms = max(min(start_ms, self._media_end_ms(previous, windows)), previous.start_ms + 1)
        name = f"{number}" if number != self._number else f"{number}-{msn}"
        self._number = number
        self.periods.append(Period(name, msn, start_ms, dict(members)))
        self._broken = False

    def _media_end_ms(self, period: Period, windows: Mapping[str, MediaWindow]) -> int:
        """Where the last of what is known of a Period ends; never where what is known of it has gone."""
        ends = [
            -(-(presentation_ticks(segment) + own_ticks(segment)) * 1000 // segment.timescale)
            for name in period.members
            if name in windows
            for segment in self.segments(period, name, windows[name])[-1:]
        ]
        return max(ends, default=NEVER_MS)


def presentation_ticks(segment: Segment) -> int:
    """Earliest presentation time of a segment that has media, in its timescale."""
    return (segment.decode_time or 0) + segment.composition_offset


def own_ticks(segment: Segment) -> int:
    """The length of one segment by itself; gap parts in it count as time that passes."""
    if any(part.gap for part in segment.parts):
        return max(segment.duration_ticks, segment.duration_us * segment.timescale // US_PER_S)
    return segment.duration_ticks


def earliest_ms(segment: Segment) -> int:
    """The same in whole milliseconds, rounded down."""
    return presentation_ticks(segment) * 1000 // segment.timescale


def _from(window: MediaWindow, msn: int) -> Iterator[Segment]:
    yield from window.newest_segments(max(0, msn - window.first_msn))
    if window.open_segment is not None and window.open_segment.msn >= msn:
        yield window.open_segment


def _member(segment: Segment) -> Member | None:
    """What a Period must say of a rendition whose first segment this is; None for a gap."""
    ending = f"{segment.msn}{SUFFIX}"
    if segment.init is None or segment.decode_time is None or not segment.timescale:
        return None
    return Member(segment.init, segment.name[: -len(ending)]) if segment.name.endswith(ending) else None


def _continues(segment: Segment, member: Member, period: Period) -> bool:
    found = _member(segment)
    broken = segment.discontinuity and segment.msn > period.first_msn
    return (
        found is not None
        and found.init.name == member.init.name
        and found.prefix == member.prefix
        and (not broken)
    )


def _discontinuity_number(window: MediaWindow, msn: int) -> int:
    """The Discontinuity Sequence Number (RFC 8216bis 4.4.4.3) of a listed segment."""
    number = window.discontinuity_sequence
    for segment in _from(window, 0):
        number += segment.discontinuity
        if segment.msn >= msn:
            break
    return number
