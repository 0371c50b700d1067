"""All renditions that one packager writes: cut together, filled together, levelled together. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from transcoder.manifests.window import MediaWindow, WindowCheckpoint
from transcoder.media import AccessUnit, Track
from transcoder.rendition_packager import MAX_LAG_SEGMENTS, PackagerConfig, RenditionPackager
from transcoder.standin import StandIn, StandInFeed

LAST_SEGMENT_S = 0.02
"""How long the last segment lasts at least where a rendition has nothing for it."""


class TextRendition(Protocol):
    """A rendition of words beside picture and sound."""

    def cut_at(self, time_s: float, now_s: float, *, discontinuity: bool = False) -> None: ...

    def advance(self, published_s: float, now_s: float) -> None: ...

    def level(self, end_s: float, now_s: float) -> None: ...


class RenditionSet:
    """Renditions by name. A follower is a name that gets whatever another rendition gets."""

    def __init__(
        self,
        config: PackagerConfig,
        windows: Mapping[str, MediaWindow],
        *,
        followers: Mapping[str, Sequence[str]] | None = None,
        texts: Iterable[TextRendition] = (),
    ) -> None:
        self.renditions = {name: RenditionPackager(window, config) for name, window in windows.items()}
        self._followers = dict(followers or {})
        self._texts = list(texts)
        self._feeds: dict[str, StandInFeed] = {}
        self._discontinuity_due = False

    @property
    def ahead(self) -> WindowCheckpoint:
        """What the segment of the next cut that is not known yet is numbered after."""
        return next(iter(self.renditions.values())).ahead

    def add_text(self, text: TextRendition) -> None:
        """A rendition of words begins, at the next cut that is not known yet."""
        self._texts.append(text)

    def set_track(self, name: str, track: Track, now_s: float) -> bool:
        """The format of a rendition. True: another than before, so that a cut should come soon."""
        changed = [
            self.renditions[each].set_track(track, now_s)
            for each in (name, *self._followers.get(name, ()))
            if each in self.renditions
        ]
        self._discontinuity_due |= any(changed)
        return any(changed)

    def push(self, name: str, unit: AccessUnit, now_s: float) -> None:
        """Take a unit of a rendition, for it and its followers."""
        for each in (name, *self._followers.get(name, ())):
            if (rendition := self.renditions.get(each)) is not None:
                rendition.push(unit, now_s)

    def stand_in(self, name: str, stand_in: StandIn, from_s: float, now_s: float) -> None:
        """From ``from_s`` on, where a cut should be, a rendition goes on with what stands in for it."""
        rendition = self.renditions[name]
        self._feeds[name] = StandInFeed(stand_in, from_s)
        rendition.set_track(stand_in.track, now_s)
        rendition.resume()
        self._discontinuity_due = True

    def withhold(self, name: str, now_s: float) -> None:
        """A rendition gets nothing for a while: gap parts, on time."""
        if (rendition := self.renditions.get(name)) is not None:
            rendition.withhold(now_s)

    def resume(self, name: str) -> None:
        """A withheld rendition gets media again."""
        if (rendition := self.renditions.get(name)) is not None:
            rendition.resume()

    def cut(self, time_s: float, now_s: float, *, max_lag_segments: int = MAX_LAG_SEGMENTS) -> None:
        """A segment begins at ``time_s`` in all of them, behind a discontinuity where one has changed."""
        discontinuity = self._discontinuity_due
        self._discontinuity_due = False
        for rendition in self.renditions.values():
            rendition.cut_at(time_s, now_s, discontinuity=discontinuity, max_lag_segments=max_lag_segments)
        for feed in self._feeds.values():
            feed.cut_at(time_s)
        for text in self._texts:
            text.cut_at(time_s, now_s, discontinuity=discontinuity)

    @property
    def stand_ins_end_s(self) -> float:
        """Where the longest of the stand-ins' newest units ends; 0 without any."""
        return max((feed.next_s for feed in self._feeds.values()), default=0.0)

    def advance(self, to_s: float, now_s: float) -> None:
        """The publication has come to ``to_s``: what follows it by itself goes on as far."""
        for name, feed in self._feeds.items():
            for unit in feed.until(to_s):
                self.renditions[name].push(unit, now_s)
        for rendition in self.renditions.values():
            rendition.fill(to_s, now_s)
        for text in self._texts:
            text.advance(to_s, now_s)

    def finish(self, end_s: float, now_s: float) -> None:
        """The publication is over at ``end_s``: close what is open, and level all with gaps.

        A segment that one has begun, all have: numbers must not drift apart over interruptions.
        """
        begun_s = [each.newest_cut_s for each in self.renditions.values() if each.newest_cut_s is not None]
        end_s = max([end_s, *(time_s + LAST_SEGMENT_S for time_s in begun_s)])
        for rendition in self.renditions.values():
            rendition.level(end_s, now_s)
        for text in self._texts:
            text.level(end_s, now_s)
