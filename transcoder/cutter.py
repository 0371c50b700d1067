"""Where segments begin, and how long a part may be. Pure.

One cutter for each publication watches the leading track (the picture; the sound where there is none) and
says at which instants all renditions cut. Everything downstream, the packager as well as the encoders in
the worker, only obeys these instants.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, floor

from transcoder.media import AccessUnit

SEGMENT_MIN_SHARE = 0.75
"""A sync point this share of the segment target after the last cut is taken: with sync points 1.6 s apart,
1.6 s segments are nearer to a target of 2 s than 3.2 s ones."""

REGULAR_GOPS = 4
"""So many equal distances between sync points in a row are taken for a fixed keyframe interval."""

PART_MIN_SHARE = 0.85
PART_JITTER_S = 0.002
"""RTMP counts milliseconds: the lengths of n frames differ by up to two of them."""


HOLE_S = 1.0

FIRST_SYNC_PATIENCE_S = 10.0
"""A picture track that has no sync point for so long from its start on cannot be played by anybody."""


def is_hole(distance_s: float, frame_s: float) -> bool:
    """Whether two units so far apart have a hole in the source between them, or just a long frame."""
    return distance_s > HOLE_S and distance_s > 3 * frame_s > 0


@dataclass(frozen=True, slots=True)
class LongGop:
    """The source has no sync point for longer than a segment may last: it cannot be passed through."""

    elapsed_s: float
    never_began: bool = False
    """There has not been any sync point at all: it cannot be decoded either."""


class _FirstSync:
    """Waits for the first sync point, for a while."""

    def __init__(self) -> None:
        self._began_s: float | None = None

    def missing(self, unit: AccessUnit) -> list[float] | LongGop:
        """What to answer to a unit while there was no sync point yet."""
        if self._began_s is None:
            self._began_s = unit.dts_s
        waited_s = unit.dts_s - self._began_s
        return LongGop(waited_s, never_began=True) if waited_s > FIRST_SYNC_PATIENCE_S else []


class SyncCutter:
    """Cuts at the source's own sync points, because the source itself is passed through.

    No segment may outlast ``max_segment_s``. An encoder that puts sync points wherever the scene changes
    may leave any distance up to that after a sync point, so with an irregular source every sync point is
    taken; once the distances have been equal for a while, they are trusted and segments near the target.
    Nothing is cut before ``not_before_s``: until there, the stream has been published already.
    """

    def __init__(self, *, target_s: float, max_segment_s: float, not_before_s: float = 0.0) -> None:
        self._first_sync = _FirstSync()
        self._not_before_s = not_before_s
        self._min_s = target_s * SEGMENT_MIN_SHARE
        self._max_s = max_segment_s
        self._last_cut_s: float | None = None
        self._last_sync_s: float | None = None
        self._soon = False
        self._gops_s: deque[float] = deque(maxlen=REGULAR_GOPS)
        self._last_dts_s: float | None = None
        self._frame_s = 0.0
        self._holes_s = 0.0
        """Since the last cut: time in which there was nothing, so that no segment gets longer by it."""

    def cut_soon(self) -> None:
        """The next sync point is a cut, however early: a format has changed."""
        self._soon = True

    def cut_was_made(self, time_s: float) -> None:
        """The sound went on without pictures, and had to be cut at ``time_s``."""
        self._last_cut_s = time_s
        self._holes_s = 0.0

    def see(self, unit: AccessUnit) -> list[float] | LongGop:
        """Take the leader's next unit; answer the cut instants (pts, seconds) that it makes known."""
        self._measure(unit.dts_s)
        if not unit.sync or unit.pts_s < self._not_before_s:
            if self._last_cut_s is None:
                return self._first_sync.missing(unit)
            elapsed_s = unit.pts_s - self._last_cut_s - self._holes_s
            return LongGop(elapsed_s) if elapsed_s > self._max_s + 0.25 else []
        now_s = unit.pts_s
        if self._last_sync_s is not None:
            self._gops_s.append(now_s - self._last_sync_s)
        self._last_sync_s = now_s
        if self._last_cut_s is None or self._soon or self._takes(now_s - self._last_cut_s):
            self._soon = False
            self._last_cut_s = now_s
            self._holes_s = 0.0
            return [now_s]
        return []

    def _measure(self, dts_s: float) -> None:
        """An encoder that stood still is no encoder without sync points."""
        if self._last_dts_s is not None:
            distance_s = dts_s - self._last_dts_s
            if is_hole(distance_s, self._frame_s):
                self._holes_s += distance_s - self._frame_s
            else:
                self._frame_s = distance_s
        self._last_dts_s = dts_s

    def _takes(self, elapsed_s: float) -> bool:
        if elapsed_s >= self._min_s:
            return True
        regular = len(self._gops_s) == REGULAR_GOPS and max(self._gops_s) - min(self._gops_s) < 0.05
        # When irregular, the next sync point may be max_segment_s away: what elapsed would come on top.
        # A segment rounds to its target duration until half a second above it.
        return not regular and elapsed_s >= 0.45


class GridCutter:
    """Cuts every ``target_s`` of media, because the encoders put a sync point wherever we ask for one.

    Each instant is announced one segment ahead, so that no rendition ever waits for another. ``not_before_s``
    is as for :class:`SyncCutter`.
    """

    def __init__(self, *, target_s: float, not_before_s: float = 0.0) -> None:
        self._first_sync = _FirstSync()
        self._target_s = target_s
        self._not_before_s = not_before_s
        self._next_s: float | None = None

    def cut_soon(self) -> None:
        """The next cut that is announced is soon enough: cuts that were announced stay."""

    def cut_was_made(self, time_s: float) -> None:
        """The sound went on without pictures, and had to be cut at ``time_s``."""
        self._next_s = time_s

    def see(self, unit: AccessUnit) -> list[float] | LongGop:
        """Take the leader's next unit; answer the cut instants (pts, seconds) that it makes known."""
        if self._next_s is None:
            if not unit.sync:
                return self._first_sync.missing(unit)
            first_s = max(unit.pts_s, self._not_before_s)
            self._next_s = first_s + self._target_s
            return [first_s, self._next_s]
        if unit.pts_s < self._next_s:
            return []
        # After a hole in the source the grid starts anew at the picture behind it.
        behind = unit.pts_s >= self._next_s + self._target_s
        self._next_s = (unit.pts_s if behind else self._next_s) + self._target_s
        return [self._next_s]


def choose_part_target(wanted_s: float, frame_durations_s: Iterable[float]) -> float:
    """The shortest part target from ``wanted_s`` up that whole frames of every track fill well enough.

    A part must be at most the part target and at least 85% of it (RFC 8216bis 4.4.4.9), and it holds whole
    frames: 15 pictures a second fill 0.2 s or 0.267 s, never 0.25 s. The target is the same in all
    renditions. Where nothing up to four seconds fits, the longest frame decides.
    """
    durations = [duration for duration in frame_durations_s if duration > 0]
    wanted_ms = ceil(wanted_s * 1000)
    for target_ms in range(wanted_ms, max(4_000, wanted_ms) + 1):
        target_s = target_ms / 1000
        if all(_filled(target_s, duration) >= PART_MIN_SHARE * target_s for duration in durations):
            return target_s
    return max([wanted_s, *durations])


def _filled(target_s: float, frame_s: float) -> float:
    # A frame that fits exactly (24 pictures a second in 0.25 s) may be a millisecond longer on the wire.
    return floor((target_s - PART_JITTER_S) / frame_s + 1e-9) * frame_s
