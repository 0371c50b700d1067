"""What the object store knows of a window, so that a later process can go on with it. Pure.

:func:`snapshot` says what is safe to be listed by a process that has nothing but the store;
:func:`mediaserver.live.archive` keeps it beside the segments. :mod:`.restored` makes windows of it again.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import chain, takewhile

import msgspec

from transcoder.manifests.segment import Segment
from transcoder.manifests.window import MediaWindow


class StoredSegment(msgspec.Struct, frozen=True, array_like=True):
    """One listed segment; its number follows from its place. The fields are those of :class:`Segment`."""

    name: str
    init: str | None
    gap: bool
    """Nothing is stored: nothing of it can ever be fetched."""
    discontinuity: bool
    program_time_ms: int | None
    duration_us: int
    size_bytes: int
    decode_time: int | None
    composition_offset: int
    duration_ticks: int
    timescale: int

    @property
    def end_ms(self) -> int | None:
        """Unix time at which it ends, in milliseconds."""
        if self.program_time_ms is None:
            return None
        return self.program_time_ms + (self.duration_us + 500) // 1000


class StoredWindow(msgspec.Struct, frozen=True):
    """A window as far as the store has it. Every segment that is no gap can be fetched, and its init too."""

    first_msn: int
    discontinuity_sequence: int
    """Before the first of ``segments``, or of the whole window where there are none."""
    segments: tuple[StoredSegment, ...]
    next_msn: int
    """Above every number that players had seen when this was written."""
    later_discontinuities: tuple[int, ...]
    """Numbers of segments that were begun with a discontinuity, but are not stored."""
    init: str | None
    """The newest one, where it is stored."""
    longest_us: int
    content_type: str
    extension: str

    @property
    def names(self) -> set[str]:
        """Everything that the store must have."""
        media = {segment.name for segment in self.segments if not segment.gap}
        return media | self.init_names

    @property
    def init_names(self) -> set[str]:
        inits = {segment.init for segment in self.segments} | {self.init}
        return {name for name in inits if name is not None}

    @property
    def stored_msn(self) -> int:
        """The number after the last of ``segments``."""
        return self.first_msn + len(self.segments)

    @property
    def newest_discontinuity(self) -> int:
        """The Discontinuity Sequence Number of the last of ``segments``."""
        return self.discontinuity_sequence + sum(segment.discontinuity for segment in self.segments)

    def without(self, lost: Collection[str]) -> StoredWindow:
        """The same where the names ``lost`` cannot be fetched.

        The oldest segments leave the playlist by it; in its midst they become gaps.
        """
        if not lost:
            return self
        segments = [
            msgspec.structs.replace(each, gap=True, init=None) if each.init in lost
            else msgspec.structs.replace(each, gap=each.gap or each.name in lost)
            for each in self.segments
        ]  # fmt: skip
        first = next((index for index, each in enumerate(segments) if not each.gap), len(segments))
        discontinuities = sum(each.discontinuity for each in segments[:first])
        return msgspec.structs.replace(
            self,
            first_msn=self.first_msn + first,
            discontinuity_sequence=self.discontinuity_sequence + discontinuities,
            segments=tuple(segments[first:]),
            init=None if self.init in lost else self.init,
        )


def snapshot(window: MediaWindow) -> StoredWindow:
    """The listed segments from the oldest to the first one that is not stored yet."""
    safe = list(takewhile(_is_safe, window.segments))
    first_msn = window.first_msn
    later = window.since(first_msn + len(safe))
    begun = () if window.open_segment is None else (window.open_segment,)
    inits = [window.init, *(segment.init for segment in reversed(safe))]
    stored_inits = (init.name for init in inits if init is not None and window.is_stored(init))
    return StoredWindow(
        first_msn=first_msn,
        discontinuity_sequence=window.discontinuity_sequence,
        segments=tuple(map(_stored, safe)),
        next_msn=window.next_msn,
        later_discontinuities=tuple(each.msn for each in chain(later, begun) if each.discontinuity),
        init=next(stored_inits, None),
        longest_us=window.longest_us,
        content_type=window.content_type,
        extension=window.extension,
    )


def _is_safe(segment: Segment) -> bool:
    return segment.stored_key is not None or segment.gap


def _stored(segment: Segment) -> StoredSegment:
    return StoredSegment(
        name=segment.name,
        init=segment.init.name if segment.init is not None else None,
        gap=segment.gap,
        discontinuity=segment.discontinuity,
        program_time_ms=segment.program_time_ms,
        duration_us=segment.duration_us,
        size_bytes=segment.size_bytes,
        decode_time=segment.decode_time,
        composition_offset=segment.composition_offset,
        duration_ticks=segment.duration_ticks,
        timescale=segment.timescale,
    )
