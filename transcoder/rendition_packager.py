"""One rendition of a publication: units in, parts and segments into its window. Pure."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from transcoder.cmaf.fragment import ProducerTime, Sample, fragment
from transcoder.cmaf.init import init_segment
from transcoder.cutter import is_hole
from transcoder.manifests.window import MediaWindow, WindowCheckpoint
from transcoder.media import AccessUnit, Kind, Track

CUT_TOLERANCE_S = 0.0005
MAX_LAG_SEGMENTS = 3
"""A rendition that has not begun so many known segments is behind for good: gaps take their place."""
GAP_ROUNDING_S = 0.4
"""A gap segment rounds to the target duration as long as it is at most so much longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackagerConfig:
    """What is fixed for one publication."""

    part_target_s: float
    segment_target_s: float
    max_segment_s: float
    """The playlists' target duration."""
    offset_s: float
    """Added to the publication's times: the stream's own timeline goes on over publications."""
    program_origin_s: float
    """Unix time of the stream timeline's zero."""


@dataclass(frozen=True, slots=True)
class _Cut:
    time_s: float
    discontinuity: bool
    """The same in all renditions: RFC 8216bis 6.2.4 asks for matching discontinuity sequences."""


class RenditionPackager:
    """One rendition: collects units into parts and writes them into its window."""

    def __init__(self, window: MediaWindow, config: PackagerConfig) -> None:
        self.window = window
        self._config = config
        self._track: Track | None = None
        self._offset_ticks = 0
        self._cuts: deque[_Cut] = deque()
        self._waits_for_break = False
        """The format has changed: nothing may follow but behind a discontinuity."""
        self._segment_open = False
        self._held: AccessUnit | None = None
        self._samples: list[Sample] = []
        self._part_ticks = 0
        self._part_dts = 0
        self._media_end_s = 0.0
        """End of the newest part's media, on the publication's timeline."""
        self._part_is_first = False
        self._frame_ticks = 0
        self._sequence = 0
        self._withheld = False
        self._resuming = False
        self._longest_gap_s = config.max_segment_s + GAP_ROUNDING_S
        self.newest_cut_s: float | None = None
        """Where the newest segment begins: its cut, whether media came for it or not."""
        self._gap_from_s: float | None = None
        """Where the next gap part begins; None until the first cut is known."""
        self.dropped_units = 0
        self.gap_segments = 0

    @property
    def track(self) -> Track | None:
        return self._track

    @property
    def ahead(self) -> WindowCheckpoint:
        """Where the window will stand when all cuts that are known have been passed."""
        stands = self.window.checkpoint()
        due = self.window.discontinuity_due
        breaks = [cut.discontinuity for cut in self._cuts]
        if self._segment_open and self.window.open_segment is None:
            # It has begun, and the window learns of it with its first part.
            breaks.insert(0, False)
        numbers = stands.discontinuity_sequence + ((due or breaks[0]) + sum(breaks[1:]) if breaks else due)
        return WindowCheckpoint(stands.next_msn + len(breaks), numbers)

    def set_track(self, track: Track, now_s: float) -> bool:
        """Announce the format. True: it is another than before, so a discontinuity must follow."""
        if track == self._track:
            return False
        changed = self._track is not None
        if changed:
            self.end_segment(now_s)
            self._waits_for_break = True
        self._track = track
        self._offset_ticks = round(self._config.offset_s * track.timescale)
        self._frame_ticks = round(track.timescale / track.frame_rate) if track.frame_rate else 0
        self.window.set_init(init_segment(track))
        return changed

    def cut_at(
        self,
        time_s: float,
        now_s: float,
        *,
        discontinuity: bool = False,
        max_lag_segments: int = MAX_LAG_SEGMENTS,
    ) -> None:
        """The next segment starts at the first unit (sync unit, for pictures) with pts >= ``time_s``."""
        self._cuts.append(_Cut(time_s, discontinuity))
        while len(self._cuts) > max_lag_segments:
            if self._withheld:
                known = len(self._cuts)
                self._fill(self._cuts[1].time_s, now_s, stop_at_s=self._cuts[1].time_s)
                if len(self._cuts) == known:
                    # The media before the gap, or a cut at the same instant, has come as far already.
                    self._begin_gap_segment(now_s)
                continue
            self.end_segment(now_s)
            self._add_gap(self._cuts.popleft(), self._cuts[0].time_s, now_s)

    def push(self, unit: AccessUnit, now_s: float) -> None:
        """Take the next unit in decoding order."""
        if self._track is None:
            self.dropped_units += 1
            return
        self._settle(unit.dts, now_s)
        if self._withheld and not self._takes_up(unit, now_s):
            self.dropped_units += 1
            return
        if self._begins_segment(unit):
            self.end_segment(now_s)
            self._enter_segment(unit, now_s)
        elif not self._segment_open:
            self.dropped_units += 1
            return
        elif self._is_part_full():
            self._finish_part(now_s)
        self._held = unit

    def withhold(self, now_s: float) -> None:
        """Nothing will come for a while: from here on time goes on in gap parts, see :meth:`fill`."""
        self._resuming = False
        if self._withheld:
            return
        self._withheld = True
        self._settle(None, now_s)
        self._finish_part(now_s)
        self._gap_from_s = self._media_end_s if self._segment_open else None

    def resume(self) -> None:
        """Media comes again: it goes on at the first cut that a sync unit reaches."""
        self._resuming = self._withheld

    def fill(self, until_s: float, now_s: float) -> None:
        """Gap parts up to ``until_s``, where the rendition is withheld."""
        if self._withheld:
            # What is encoded comes a little later than its time: the cut at which it goes on waits for it.
            stop_at_s = self._cuts[0].time_s if self._resuming and self._cuts else math.inf
            self._fill(until_s, now_s, stop_at_s=stop_at_s)

    def _fill(self, until_s: float, now_s: float, *, stop_at_s: float) -> None:
        while self._gap_from_s is None or self._gap_from_s < stop_at_s - CUT_TOLERANCE_S:
            next_cut_s = self._cuts[0].time_s if self._cuts else math.inf
            if self._gap_from_s is None or next_cut_s <= self._gap_from_s + CUT_TOLERANCE_S:
                if next_cut_s is math.inf or next_cut_s >= stop_at_s:
                    return
                self._begin_gap_segment(now_s)
                continue
            latest_s = (self.newest_cut_s or 0.0) + self._longest_gap_s
            if self._gap_from_s >= latest_s - CUT_TOLERANCE_S:
                # The source stood still: its own segments leave that time out, and so do gaps.
                if next_cut_s is math.inf:
                    return
                self._gap_from_s = next_cut_s
                continue
            end_s = min(self._gap_from_s + self._config.part_target_s, next_cut_s, stop_at_s, latest_s)
            if end_s > until_s + 1e-9:
                return
            self._add_gap_part(self._gap_from_s, end_s, now_s)
            self._gap_from_s = end_s

    def _begin_gap_segment(self, now_s: float) -> None:
        cut = self._cuts.popleft()
        self.end_segment(now_s)
        self._gap_from_s = max(cut.time_s, self._gap_from_s or cut.time_s)
        if self._cuts and self._cuts[0].time_s <= self._gap_from_s + CUT_TOLERANCE_S:
            # No time is left for it, but its number is used in the other renditions.
            self._add_gap(cut, self._cuts[0].time_s, now_s)
            return
        self._pass(cut)
        self._segment_open = True
        self.gap_segments += 1

    def _add_gap_part(self, from_s: float, end_s: float, now_s: float) -> None:
        program_time_s = self._config.program_origin_s + self._config.offset_s + from_s
        self.window.add_gap_part(duration_s=end_s - from_s, now_s=now_s, program_time_s=program_time_s)

    def _takes_up(self, unit: AccessUnit, now_s: float) -> bool:
        """Whether media goes on with this unit, after the gap."""
        if not self._resuming or not self._begins_segment(unit):
            return False
        cut_s = self._cuts[0].time_s
        self._fill(cut_s, now_s, stop_at_s=cut_s)
        self._withheld = self._resuming = False
        return True

    def end_segment(self, now_s: float) -> None:
        """Close the open part and segment: at a cut, and when the publication ends."""
        self._settle(None, now_s)
        self._finish_part(now_s)
        if self._segment_open:
            self.window.end_segment(now_s)
            self._segment_open = False

    def level(self, end_s: float, now_s: float) -> None:
        """The publication is over at ``end_s``: close what is open; gaps for segments that never came."""
        if self._withheld:
            self._fill(end_s, now_s, stop_at_s=end_s)
        self.end_segment(now_s)
        while self._cuts and self._cuts[0].time_s < end_s - CUT_TOLERANCE_S:
            cut = self._cuts.popleft()
            self._add_gap(cut, min(self._cuts[0].time_s, end_s) if self._cuts else end_s, now_s)
        self._cuts.clear()

    def _settle(self, next_dts: int | None, now_s: float) -> None:
        """The unit in hand has got its duration, that of the way to the next one, and joins its part."""
        held = self._held
        if held is None or self._track is None:
            return
        self._held = None
        duration = held.duration or self._frame_ticks
        if next_dts is not None:
            distance = next_dts - held.dts
            timescale = self._track.timescale
            if distance > 0 and not is_hole(distance / timescale, duration / timescale):
                duration = distance
        duration = max(1, duration)
        self._frame_ticks = duration
        if self._is_part_full():
            # It turned out longer than the ones before it, and would make the part too long.
            self._finish_part(now_s)
        if not self._samples:
            self._part_dts = held.dts
        self._part_ticks += duration
        self._samples.append(
            Sample(
                duration=duration,
                cts_offset=held.pts - held.dts,
                sync=held.sync,
                payload=held.payload,
            )
        )

    def _begins_segment(self, unit: AccessUnit) -> bool:
        reached = [cut for cut in self._cuts if unit.pts_s >= cut.time_s - CUT_TOLERANCE_S]
        if not reached or (self._waits_for_break and not any(cut.discontinuity for cut in reached)):
            return False
        return unit.sync or unit.codec.kind is Kind.AUDIO

    def _enter_segment(self, unit: AccessUnit, now_s: float) -> None:
        cut = self._cuts.popleft()
        while self._cuts and unit.pts_s >= self._cuts[0].time_s - CUT_TOLERANCE_S:
            self._add_gap(cut, self._cuts[0].time_s, now_s)
            cut = self._cuts.popleft()
        self._pass(cut)
        self._segment_open = True
        self._part_is_first = True

    def _add_gap(self, cut: _Cut, end_s: float, now_s: float) -> None:
        self._pass(cut)
        program_time_s = self._config.program_origin_s + self._config.offset_s + cut.time_s
        # Over a hole in the source it is no longer than a segment may be: one cut is one number, everywhere.
        length_s = min(max(0.001, end_s - cut.time_s), self._longest_gap_s)
        self.window.add_gap_segment(length_s, now_s, program_time_s)
        self.gap_segments += 1

    def _pass(self, cut: _Cut) -> None:
        """The segment that is begun now is the one of this cut."""
        self.newest_cut_s = cut.time_s
        if cut.discontinuity:
            self.window.discontinuity()
            self._waits_for_break = False

    def _is_part_full(self) -> bool:
        """Cut before crossing: would one more frame be longer than the part target?"""
        timescale = self._track.timescale if self._track else 1
        return (self._part_ticks + self._frame_ticks) / timescale > self._config.part_target_s + 1e-6

    def _finish_part(self, now_s: float) -> None:
        track = self._track
        if not self._samples or track is None:
            return
        base = self._part_dts + self._offset_ticks
        # The picture is composed this much after it is decoded: what the clock shows is its pts.
        program_time_s = (
            self._config.program_origin_s + (base + self._samples[0].cts_offset) / track.timescale
        )
        first = self._part_is_first
        data = fragment(
            track,
            sequence_number=self._sequence,
            base_decode_time=base,
            samples=self._samples,
            producer_time=ProducerTime(program_time_s, base) if first else None,
            segment_start=first,
        )
        self._sequence += 1
        self.window.add_part(
            data,
            duration_s=self._part_ticks / track.timescale,
            independent=track.kind is Kind.AUDIO or any(sample.sync for sample in self._samples),
            now_s=now_s,
            program_time_s=program_time_s if first else None,
            decode_time=base,
            composition_offset=self._samples[0].cts_offset,
            duration_ticks=self._part_ticks,
            timescale=track.timescale,
        )
        self._media_end_s = (self._part_dts + self._part_ticks) / track.timescale
        self._part_is_first = False
        self._samples = []
        self._part_ticks = 0
