"""Access units in, parts and segments out: the one place that makes them. Pure.

A :class:`Packager` serves one publication. It owns a :class:`RenditionPackager` for each rendition, tells all
of them where to cut, and writes into their windows, which outlive it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from transcoder.cmaf.fragment import ProducerTime, Sample, fragment
from transcoder.cmaf.init import init_segment
from transcoder.cutter import GridCutter, LongGop, SyncCutter, is_hole
from transcoder.manifests.window import MediaWindow
from transcoder.media import AccessUnit, Kind, Track

CUT_TOLERANCE_S = 0.0005
MAX_LAG_SEGMENTS = 3
"""A rendition that has not begun so many known segments is behind for good: gaps take their place."""

MAX_AUDIO_LEAD_S = 0.5
"""Sound waits this long for the picture to tell where to cut; then it goes on without."""

SEGMENT_ROUNDING_S = 0.3
"""A segment rounds to its target duration until half a second above it; the rest is for one frame more."""


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
        self._part_is_first = False
        self._frame_ticks = 0
        self._sequence = 0
        self.dropped_units = 0
        self.gap_segments = 0

    @property
    def track(self) -> Track | None:
        return self._track

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
            self.end_segment(now_s)
            self._add_gap(self._cuts.popleft(), self._cuts[0].time_s, now_s)

    def push(self, unit: AccessUnit, now_s: float) -> None:
        """Take the next unit in decoding order."""
        if self._track is None:
            self.dropped_units += 1
            return
        self._settle(unit.dts, now_s)
        if self._begins_segment(unit):
            self.end_segment(now_s)
            self._enter_segment(unit, now_s)
        elif not self._segment_open:
            self.dropped_units += 1
            return
        elif self._is_part_full():
            self._finish_part(now_s)
        self._held = unit

    def end_segment(self, now_s: float) -> None:
        """Close the open part and segment: at a cut, and when the publication ends."""
        self._settle(None, now_s)
        self._finish_part(now_s)
        if self._segment_open:
            self.window.end_segment(now_s)
            self._segment_open = False

    def level(self, end_s: float, now_s: float) -> None:
        """The publication is over at ``end_s``: close what is open; gaps for segments that never came."""
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
        self.window.add_gap_segment(max(0.001, end_s - cut.time_s), now_s, program_time_s)
        self.gap_segments += 1

    def _pass(self, cut: _Cut) -> None:
        """The segment that is begun now is the one of this cut."""
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
            duration_ticks=self._part_ticks,
            timescale=track.timescale,
        )
        self._part_is_first = False
        self._samples = []
        self._part_ticks = 0


class Packager:
    """All renditions of one publication.

    ``leader`` is the source track that the cutter watches. Source units come in through
    :meth:`push_source`, which answers the cuts that they made known; the worker's units through
    :meth:`push_rendition`.
    """

    def __init__(
        self,
        config: PackagerConfig,
        cutter: SyncCutter | GridCutter,
        *,
        leader: Track,
        windows: Mapping[str, MediaWindow],
        passthrough: Mapping[int, str],
    ) -> None:
        self.renditions = {name: RenditionPackager(window, config) for name, window in windows.items()}
        self._config = config
        self._cutter = cutter
        self._leader = leader
        self._passthrough = dict(passthrough)
        self._waiting: deque[AccessUnit] = deque()
        self._discontinuity_due = False
        self._leader_dts_s: float | None = None
        self._last_cut_s: float | None = None
        self.published_s = 0.0
        """How far the publication has come (pts, seconds): the leader, or sound that went on without it."""
        self.long_gop: LongGop | None = None

    def set_source_track(self, track: Track, now_s: float) -> None:
        """A source track's format, for the rendition that passes it through."""
        if (name := self._passthrough.get(track.track_id)) is not None:
            # Sound that waits for the picture is still of the old format.
            waiting, self._waiting = self._waiting, deque()
            for unit in waiting:
                if unit.track_id == track.track_id:
                    self._push_passthrough(unit, now_s)
                else:
                    self._waiting.append(unit)
            self.set_rendition_track(name, track, now_s)

    def set_rendition_track(self, name: str, track: Track, now_s: float) -> None:
        """The format of a rendition. Another than before is a discontinuity in all of them, at one cut."""
        rendition = self.renditions.get(name)
        if rendition is not None and rendition.set_track(track, now_s):
            self._discontinuity_due = True
            self._cutter.cut_soon()

    def push_source(self, unit: AccessUnit, now_s: float) -> Sequence[float]:
        """Take a unit of the source; answer newly known cuts (seconds on the publication's timeline).

        Sets :attr:`long_gop` where the source cannot be passed through any longer.
        """
        if unit.track_id == self._leader.track_id:
            seen = self._cutter.see(unit)
            if isinstance(seen, LongGop):
                self.long_gop = seen
                seen = []
            for cut_s in seen:
                self._cut(cut_s, now_s, max_lag_segments=MAX_LAG_SEGMENTS)
            self._leader_dts_s = unit.dts_s
            self.published_s = max(self.published_s, unit.pts_s)
            self._push_passthrough(unit, now_s)
            return [*seen, *self._release(now_s)]
        if unit.track_id in self._passthrough:
            self._waiting.append(unit)
            return self._release(now_s)
        return []

    def push_rendition(self, name: str, unit: AccessUnit, now_s: float) -> None:
        """Take a unit from the worker."""
        if (rendition := self.renditions.get(name)) is not None:
            rendition.push(unit, now_s)

    def finish(self, now_s: float) -> None:
        """The publication is over: close what is open, and level all renditions with gaps."""
        while self._waiting:
            self._push_passthrough(self._waiting.popleft(), now_s)
        for rendition in self.renditions.values():
            rendition.level(self.published_s, now_s)

    def _cut(self, time_s: float, now_s: float, *, max_lag_segments: int) -> None:
        for rendition in self.renditions.values():
            rendition.cut_at(
                time_s, now_s, discontinuity=self._discontinuity_due, max_lag_segments=max_lag_segments
            )
        self._discontinuity_due = False
        self._last_cut_s = time_s

    def _release(self, now_s: float) -> list[float]:
        """Sound goes on as far as the picture has come: until there, every cut is known.

        Where the picture stays away, sound goes on alone; answers the cuts that had to be made for it.
        """
        cuts: list[float] = []
        while self._waiting:
            unit = self._waiting[0]
            known = self._leader_dts_s is not None and unit.pts_s <= self._leader_dts_s
            if not known and self._waiting[-1].pts_s - unit.pts_s < MAX_AUDIO_LEAD_S:
                break
            self._waiting.popleft()
            if not known and self._outlasts_segment(unit):
                self._cut(unit.pts_s, now_s, max_lag_segments=1)
                self._cutter.cut_was_made(unit.pts_s)
                cuts.append(unit.pts_s)
            if not known:
                self.published_s = max(self.published_s, unit.pts_s)
            self._push_passthrough(unit, now_s)
        return cuts

    def _outlasts_segment(self, unit: AccessUnit) -> bool:
        """Whether the open segment would get too long with this unit."""
        if self._last_cut_s is None:
            return False
        # As late as may be: an encoder whose picture comes a little behind its sound has a sync point for us.
        return unit.pts_s - self._last_cut_s > self._config.max_segment_s + SEGMENT_ROUNDING_S

    def _push_passthrough(self, unit: AccessUnit, now_s: float) -> None:
        if (name := self._passthrough.get(unit.track_id)) is not None:
            self.renditions[name].push(unit, now_s)
