"""Windows of a run that a lost process left in the object store, as they go on in this one. Pure.

What players may have seen of numbers is never given to other media: where the store has nothing under a
number, there is a gap, in all renditions from the same instant to the same instant, up to now.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from transcoder.manifests.config import WindowConfig
from transcoder.manifests.segment import Init, Segment
from transcoder.manifests.stored import StoredSegment, StoredWindow
from transcoder.manifests.window import MediaWindow, WindowCheckpoint

KeyOf = Callable[[str, str], str]
"""The key of a rendition's name."""


@dataclass(frozen=True, slots=True)
class Restored:
    """The windows of a run, level with each other."""

    windows: Mapping[str, MediaWindow]
    end_time_s: float
    """Unix time, on the run's own timeline, up to which they are filled."""


def restore(
    stored: Mapping[str, StoredWindow],
    config: WindowConfig,
    epoch: str,
    *,
    inits: Mapping[str, Mapping[str, bytes]],
    key_of: KeyOf,
    program_now_s: float,
    now_s: float,
) -> Restored | None:
    """Go on with ``stored`` under the new ``epoch``; None where nothing of it is listed any more.

    ``inits`` has the bytes of every init that is named, by rendition. ``program_now_s`` is the unix time of
    this moment on the run's own timeline, ``now_s`` this moment on the monotonic clock.
    """
    if not any(window.segments for window in stored.values()):
        return None
    program_now_ms = max(_newest_end_ms(stored), round(program_now_s * 1000))
    plan = _Plan(stored, config, program_now_ms)
    windows = {}
    for name, window in stored.items():
        made = _take_up(
            name,
            window if window.segments else plan.empty(window),
            config,
            epoch,
            inits=inits.get(name, {}),
            key_of=key_of,
            closed_s=lambda end_ms: now_s - max(0, program_now_ms - (end_ms or program_now_ms)) / 1000,
            now_s=now_s,
        )
        plan.fill(made, now_s)
        windows[name] = made
    if all(window.first_msn >= plan.tail_msn for window in windows.values()):
        return None
    return Restored(windows, plan.end_ms / 1000)


def checkpoint(stored: Mapping[str, StoredWindow]) -> WindowCheckpoint:
    """Above all that players had seen when this was written, for a run that is not taken up again."""
    return WindowCheckpoint(
        max((window.next_msn for window in stored.values()), default=0),
        max(
            (window.newest_discontinuity + len(window.later_discontinuities) for window in stored.values()),
            default=0,
        ),
    )


class _Plan:
    """From which instant to which each number goes that some rendition does not have.

    Numbers mean the same instants in all renditions: what one of them has tells for the others. Above all of
    them, the time up to now is divided among as many numbers as can have been used meanwhile.
    """

    def __init__(self, stored: Mapping[str, StoredWindow], config: WindowConfig, now_ms: int) -> None:
        self._known: dict[int, StoredSegment] = {}
        self._longest_us = config.target_duration_us
        for window in stored.values():
            for index, segment in enumerate(window.segments):
                known = self._known.get(window.first_msn + index)
                if known is None or known.program_time_ms is None:
                    self._known[window.first_msn + index] = segment
        self._breaks = {msn for msn, segment in self._known.items() if segment.discontinuity}
        self._breaks.update(msn for window in stored.values() for msn in window.later_discontinuities)
        self._discontinuity = max(
            window.newest_discontinuity for window in stored.values() if window.segments
        )
        self.tail_msn = max(self._known) + 1
        """The first number of the missing time."""
        self._tail_start_ms = _newest_end_ms(stored)
        # A playlist of gaps alone says nothing by being long: what is older is a jump of the program time.
        longest_ms = 2 * config.keep_us // 1000
        self._tail_start_ms = max(self._tail_start_ms, now_ms - longest_ms)
        # The segment that was open when this was written, and one more that may have been begun since.
        seen_msn = max(window.next_msn for window in stored.values())
        self._tail_count = max(1, seen_msn + 1 - self.tail_msn, self._count(config, now_ms))
        part_ms = config.part_target_us // 1000
        self.end_ms = max(now_ms, self._tail_start_ms + self._tail_count * part_ms)

    def _count(self, config: WindowConfig, now_ms: int) -> int:
        """As many segments as the missing time can have had: none was shorter than the shortest we know."""
        lengths = sorted(each.duration_us for each in self._known.values() if not each.gap)
        typical_us = lengths[len(lengths) // 4] if lengths else config.target_duration_us
        typical_us = min(max(typical_us, config.part_target_us), config.target_duration_us)
        return math.ceil((now_ms - self._tail_start_ms) * 1000 / typical_us)

    def empty(self, window: StoredWindow) -> StoredWindow:
        """A window that the store has nothing of begins where the missing time does."""
        return StoredWindow(
            first_msn=self.tail_msn,
            discontinuity_sequence=self._discontinuity,
            segments=(),
            next_msn=window.next_msn,
            later_discontinuities=(),
            init=window.init,
            longest_us=window.longest_us,
            content_type=window.content_type,
            extension=window.extension,
        )

    def fill(self, window: MediaWindow, now_s: float) -> None:
        """Gaps from the window's end to now; what comes after them begins with a discontinuity."""
        for msn, start_ms, duration_ms in self._gaps(window):
            if msn in self._breaks:
                window.discontinuity()
            window.add_gap_segment(duration_ms / 1000, now_s, start_ms / 1000)
        window.discontinuity()

    def _gaps(self, window: MediaWindow) -> Iterator[tuple[int, float, float]]:
        """Number, start and length (milliseconds) of each."""
        for msn in range(window.next_msn, self.tail_msn):
            known = self._known[msn]
            start_ms = known.program_time_ms if known.program_time_ms is not None else self._tail_start_ms
            yield msn, start_ms, min(known.duration_us, self._longest_us) / 1000
        each_ms = (self.end_ms - self._tail_start_ms) / self._tail_count
        for index in range(self._tail_count):
            yield self.tail_msn + index, self._tail_start_ms + index * each_ms, each_ms


def _take_up(
    name: str,
    stored: StoredWindow,
    config: WindowConfig,
    epoch: str,
    *,
    inits: Mapping[str, bytes],
    key_of: KeyOf,
    closed_s: Callable[[int | None], float],
    now_s: float,
) -> MediaWindow:
    known = {each: Init(each, inits[each]) for each in sorted(stored.init_names)}
    segments = []
    previous: Init | None = None
    for index, each in enumerate(stored.segments):
        init = known[each.init] if each.init is not None else None
        segment = Segment(
            msn=stored.first_msn + index,
            name=each.name,
            init=init,
            map_changed=not index or init is not previous,
            discontinuity=each.discontinuity,
            program_time_ms=each.program_time_ms,
            duration_us=each.duration_us,
            size_bytes=each.size_bytes,
            decode_time=each.decode_time,
            composition_offset=each.composition_offset,
            duration_ticks=each.duration_ticks,
            timescale=each.timescale,
            closed_s=closed_s(each.end_ms),
            stored_key=None if each.gap else key_of(name, each.name),
        )
        previous = init
        segments.append(segment)
    window = MediaWindow.restored(
        config,
        epoch,
        WindowCheckpoint(stored.first_msn, stored.discontinuity_sequence),
        segments,
        init=known[stored.init] if stored.init is not None else None,
        longest_us=stored.longest_us,
        now_s=now_s,
        content_type=stored.content_type,
        extension=stored.extension,
    )
    for init in known.values():
        window.mark_stored(init, key_of(name, init.name))
    return window


def _newest_end_ms(stored: Mapping[str, StoredWindow]) -> int:
    ends = [
        segment.end_ms
        for window in stored.values()
        for segment in window.segments[-1:]
        if segment.end_ms is not None
    ]
    return max(ends, default=0)
