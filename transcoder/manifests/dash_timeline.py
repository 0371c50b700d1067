"""The SegmentTimeline of one Representation (ISO/IEC 23009-1 5.3.9.6): exact ticks. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from transcoder.manifests.dash_periods import own_ticks, presentation_ticks
from transcoder.manifests.segment import Segment

RECENT: Final = 4
"""Segments that tell how long the next one will be."""
REGULAR_S: Final = 0.1
"""Lengths that differ by less are one length: whole frames of sound do not fit a segment exactly."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An ``S`` element: ``repeat`` more segments of the same length follow the first."""

    time: int
    duration: int
    repeat: int = 0


def timeline(segments: Sequence[Segment], *, is_open: bool, nominal_s: float) -> list[Entry]:
    """Entries for segments that follow each other. ``is_open`` tells that the last one still grows.

    A segment lasts until the next one begins, whatever its own samples say: a hole in the source must not
    become one in the timeline. How long the open one will be can only be expected: as long as those before
    it, or ``nominal_s`` where there are none.
    """
    entries: list[Entry] = []
    for index, segment in enumerate(segments):
        time = presentation_ticks(segment)
        if index + 1 < len(segments):
            duration = presentation_ticks(segments[index + 1]) - time
        elif is_open:
            duration = max(_expected_ticks(segments, nominal_s), own_ticks(segment))
        else:
            duration = own_ticks(segment)
        _append(entries, time, max(1, duration))
    return entries


def _append(entries: list[Entry], time: int, duration: int) -> None:
    if entries:
        last = entries[-1]
        if last.duration == duration and last.time + duration * (last.repeat + 1) == time:
            entries[-1] = Entry(last.time, duration, last.repeat + 1)
            return
    entries.append(Entry(time, duration))


def _expected_ticks(segments: Sequence[Segment], nominal_s: float) -> int:
    """The length that is announced for the last of ``segments``, while it grows.

    A player that has it looks for what comes where it should have ended. Announced too long, it may miss a
    short segment; too short, it finds the same one again and loads it twice, which it survives. So of lengths
    that are alike the longest is told, of others the shortest.
    """
    timescale = segments[-1].timescale
    recent = [
        presentation_ticks(after) - presentation_ticks(segment)
        for segment, after in pairwise(segments[-RECENT - 1 :])
    ]
    if not recent:
        return round(nominal_s * timescale)
    regular = max(recent) - min(recent) <= REGULAR_S * timescale
    return max(recent) if regular else min(recent)
