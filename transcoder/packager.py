"""Access units in, parts and segments out: the one place that makes them. Pure.

A :class:`Packager` serves one publication. It tells all renditions where to cut, and they write into their
windows, which outlive it. A :class:`StandInPackager` goes on with the same windows while nobody publishes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from transcoder.cutter import GridCutter, LongGop, SyncCutter
from transcoder.manifests.window import MediaWindow, WindowCheckpoint
from transcoder.media import AccessUnit, Kind, Track
from transcoder.rendition_packager import MAX_LAG_SEGMENTS, PackagerConfig, RenditionPackager
from transcoder.rendition_set import RenditionSet, TextRendition
from transcoder.standin import StandIn

__all__ = ["Packager", "PackagerConfig", "RenditionPackager", "StandInPackager"]

MAX_AUDIO_LEAD_S = 0.5
"""Sound waits this long for the picture to tell where to cut; then it goes on without."""

SEGMENT_ROUNDING_S = 0.3
"""A segment rounds to its target duration until half a second above it; the rest is for one frame more."""


class Packager:
    """All renditions of one publication.

    ``leader`` is the source track that the cutter watches. Source units come in through
    :meth:`push_source`, which answers the cuts that they made known; the worker's units through
    :meth:`push_rendition`. ``passthrough`` names the rendition of a source track; ``followers`` the windows
    that get what a rendition gets.
    """

    def __init__(
        self,
        config: PackagerConfig,
        cutter: SyncCutter | GridCutter,
        *,
        leader: Track,
        windows: Mapping[str, MediaWindow],
        passthrough: Mapping[int, str],
        followers: Mapping[str, Sequence[str]] | None = None,
        texts: Iterable[TextRendition] = (),
    ) -> None:
        self._set = RenditionSet(config, windows, followers=followers, texts=texts)
        self._config = config
        self._cutter = cutter
        self._leader = leader
        self._passthrough = dict(passthrough)
        self._waiting: dict[int, deque[AccessUnit]] = {
            track_id: deque() for track_id in passthrough if track_id != leader.track_id
        }
        self._leader_dts_s: float | None = None
        self._last_cut_s: float | None = None
        self.published_s = 0.0
        """How far the publication has come (pts, seconds): the leader, or sound that went on without it."""
        self.long_gop: LongGop | None = None

    @property
    def renditions(self) -> Mapping[str, RenditionPackager]:
        """By name. Read only."""
        return self._set.renditions

    @property
    def ahead(self) -> WindowCheckpoint:
        """What the segment of the next cut that is not known yet is numbered after."""
        return self._set.ahead

    def add_text(self, text: TextRendition) -> None:
        """A rendition of words begins, at the next cut that is not known yet."""
        self._set.add_text(text)

    def stand_in(self, name: str, stand_in: StandIn, from_s: float, now_s: float) -> None:
        """The source has nothing for this window: something else goes in its place, from the start on."""
        self._set.stand_in(name, stand_in, from_s, now_s)

    def withhold(self, name: str, now_s: float) -> None:
        """A rendition gets nothing for a while: gap parts, on time."""
        self._set.withhold(name, now_s)

    def resume(self, name: str) -> None:
        """A withheld rendition gets media again, from the next cut on."""
        self._set.resume(name)

    def set_source_track(self, track: Track, now_s: float) -> None:
        """A source track's format, for the rendition that passes it through."""
        if (name := self._passthrough.get(track.track_id)) is not None:
            # What waits for the leader is still of the old format.
            waiting = self._waiting.get(track.track_id, ())
            while waiting:
                self._push_passthrough(waiting.popleft(), now_s)
            self.set_rendition_track(name, track, now_s)

    def set_rendition_track(self, name: str, track: Track, now_s: float) -> None:
        """The format of a rendition. Another than before is a discontinuity in all of them, at one cut."""
        if self._set.set_track(name, track, now_s):
            self._cutter.cut_soon()

    def push_source(self, unit: AccessUnit, now_s: float) -> Sequence[float]:
        """Take a unit of the source; answer newly known cuts (seconds on the publication's timeline).

        Sets :attr:`long_gop` where the source cannot be passed through any longer.
        """
        cuts: list[float] = []
        if unit.track_id == self._leader.track_id:
            seen = self._cutter.see(unit)
            if isinstance(seen, LongGop):
                self.long_gop = seen
                seen = []
            for cut_s in seen:
                self._cut(cut_s, now_s, max_lag_segments=MAX_LAG_SEGMENTS)
            cuts += seen
            self._leader_dts_s = unit.dts_s
            self._published(unit.pts_s, now_s)
            self._push_passthrough(unit, now_s)
        elif (waiting := self._waiting.get(unit.track_id)) is not None:
            waiting.append(unit)
        for waiting in self._waiting.values():
            self._release(waiting, cuts, now_s)
        return cuts

    def push_rendition(self, name: str, unit: AccessUnit, now_s: float) -> None:
        """Take a unit from the worker."""
        self._set.push(name, unit, now_s)

    def finish(self, now_s: float) -> None:
        """The publication is over: close what is open, and level all renditions with gaps."""
        for waiting in self._waiting.values():
            while waiting:
                self._push_passthrough(waiting.popleft(), now_s)
        self._set.finish(self.published_s, now_s)

    def _published(self, to_s: float, now_s: float) -> None:
        if to_s > self.published_s:
            self.published_s = to_s
            self._set.advance(to_s, now_s)

    def _cut(self, time_s: float, now_s: float, *, max_lag_segments: int) -> None:
        self._set.cut(time_s, now_s, max_lag_segments=max_lag_segments)
        self._last_cut_s = time_s

    def _release(self, waiting: deque[AccessUnit], cuts: list[float], now_s: float) -> None:
        """A track goes on as far as the leader has come: until there, every cut is known.

        Where the picture stays away, sound goes on alone, and the cuts that it needs are added to ``cuts``.
        """
        while waiting:
            unit = waiting[0]
            known = self._leader_dts_s is not None and unit.pts_s <= self._leader_dts_s
            if not known and waiting[-1].pts_s - unit.pts_s < MAX_AUDIO_LEAD_S:
                return
            waiting.popleft()
            if not known and unit.codec.kind is Kind.AUDIO:
                if self._outlasts_segment(unit):
                    self._cut(unit.pts_s, now_s, max_lag_segments=1)
                    self._cutter.cut_was_made(unit.pts_s)
                    cuts.append(unit.pts_s)
                self._published(unit.pts_s, now_s)
            self._push_passthrough(unit, now_s)

    def _outlasts_segment(self, unit: AccessUnit) -> bool:
        """Whether the open segment would get too long with this unit."""
        if self._last_cut_s is None:
            return False
        # As late as may be: an encoder whose picture comes a little behind its sound has a sync point for us.
        return unit.pts_s - self._last_cut_s > self._config.max_segment_s + SEGMENT_ROUNDING_S

    def _push_passthrough(self, unit: AccessUnit, now_s: float) -> None:
        if (name := self._passthrough.get(unit.track_id)) is not None:
            self._set.push(name, unit, now_s)


class StandInPackager:
    """Goes on with the windows of a stream while nobody publishes, on the stream's own timeline.

    Gap parts at first; stand-ins take their place behind a discontinuity as soon as there are any.
    """

    def __init__(
        self,
        config: PackagerConfig,
        windows: Mapping[str, MediaWindow],
        start_s: float,
        now_s: float,
        *,
        texts: Iterable[TextRendition] = (),
    ) -> None:
        self._set = RenditionSet(config, windows, texts=texts)
        self._config = config
        self._next_cut_s = start_s
        self.published_s = start_s
        for name in windows:
            self._set.withhold(name, now_s)

    @property
    def renditions(self) -> Mapping[str, RenditionPackager]:
        """By name. Read only."""
        return self._set.renditions

    def use(self, stand_ins: Mapping[str, StandIn], now_s: float) -> None:
        """From here on these renditions have something to show."""
        for name, stand_in in stand_ins.items():
            if name in self._set.renditions:
                self._set.stand_in(name, stand_in, self.published_s, now_s)
        self._next_cut_s = self.published_s

    def advance(self, to_s: float, now_s: float) -> None:
        """Time has come to ``to_s``."""
        while self._next_cut_s < to_s:
            self._set.cut(self._next_cut_s, now_s)
            self._next_cut_s += self._config.segment_target_s
        self._set.advance(to_s, now_s)
        self.published_s = max(self.published_s, to_s)

    def finish(self, now_s: float) -> None:
        """Somebody publishes again, or the stream is over."""
        self.published_s = max(self.published_s, self._set.stand_ins_end_s)
        self._set.finish(self.published_s, now_s)
