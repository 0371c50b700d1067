"""What is kept ready for the moment when nothing comes from the publisher: a poster, and loops made of it."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from mediaserver.live.interlude import Interlude
from mediaserver.live.posters import Posters
from mediaserver.live.run import StreamRun
from mediaserver.settings import LiveSettings
from transcoder.ladder import Rendition
from transcoder.media import AccessUnit, Track
from transcoder.standin import StandIn

log = logging.getLogger(__name__)

Still = Callable[[Track, AccessUnit], Awaitable[bytes]]


class Slates(Protocol):
    """Makes what stands in for a publisher who is away."""

    async def make(
        self,
        poster: bytes | None,
        notice: str,
        renditions: Sequence[Rendition],
        *,
        picture_s: float,
        loop_s: float,
    ) -> Mapping[str, StandIn]: ...


class Standby:
    """Of one stream. Whatever fails here costs a picture or a slate, never the stream."""

    def __init__(
        self,
        stream: str,
        settings: LiveSettings,
        *,
        make_still: Still,
        slates: Slates | None,
        posters: Posters | None = None,
    ) -> None:
        self.poster: bytes | None = None
        """JPEG."""
        self.poster_etag: str | None = None
        self._stream = stream
        self._settings = settings
        self._make_still = make_still
        self._slates = slates
        self._posters = posters
        self._at_hand: dict[str, tuple[Rendition, StandIn]] = {}
        """By name, each with the format that it was made for."""

    async def take_still(self, track: Track, unit: AccessUnit) -> None:
        """A new poster."""
        try:
            still = await self._make_still(track, unit)
        except Exception as failure:
            log.warning("stream %s: no poster: %s", self._stream, failure)
            return
        self._show(still)
        if self._posters is not None:
            await self._posters.keep(self._stream, still)

    async def load_poster(self) -> None:
        """The one that an earlier process kept."""
        still = None if self._posters is None else await self._posters.load(self._stream)
        if still is not None and self.poster is None:
            self._show(still)

    def _show(self, still: bytes) -> None:
        self.poster = still
        self.poster_etag = f'"{hashlib.sha256(still).hexdigest()[:24]}"'

    async def stand_ins(self, run: StreamRun, renditions: Sequence[Rendition]) -> Mapping[str, StandIn]:
        """For these renditions, as far as they can be made; those at hand are as good as new ones."""
        unmade = [each for each in renditions if each.name not in self._fitting([each])]
        made = await self._make(run, unmade)
        self._at_hand |= {each.name: (each, made[each.name]) for each in unmade if each.name in made}
        return self._fitting(renditions)

    def _fitting(self, renditions: Sequence[Rendition]) -> dict[str, StandIn]:
        """What is at hand for these, in the format that they have now: a publisher may return in another."""
        fitting = {}
        for rendition in renditions:
            made_for, stand_in = self._at_hand.get(rendition.name, (None, None))
            if stand_in is not None and made_for == rendition:
                fitting[rendition.name] = stand_in
        return fitting

    def interlude(
        self, run: StreamRun, now_s: float, changed: Callable[[], None], *, patience_s: float | None = None
    ) -> Interlude:
        """Go on with a run's windows without a publisher, from now until it is stopped.

        A slate is waited for no longer than ``patience_s``: until the first part is due, where it is None.
        """
        packager = run.stand_in_packager(now_s)
        renditions = [output.rendition for output in run.outputs.values()]

        def noted() -> None:
            run.note_tracks(packager.renditions)
            changed()

        return Interlude(
            packager,
            run.timeline,
            part_s=run.config.part_target_s,
            patience_s=run.config.part_target_s if patience_s is None else patience_s,
            # Of the last poster; those at hand are of an earlier one.
            stand_ins=lambda: self._make(run, renditions),
            at_hand=self._fitting(renditions),
            changed=noted,
        )

    def forget_loops(self) -> None:
        """Another run has other renditions."""
        self._at_hand = {}

    async def forget_poster(self) -> None:
        """Nothing is on air any more."""
        self.poster = self.poster_etag = None
        if self._posters is not None:
            await self._posters.forget(self._stream)

    async def _make(self, run: StreamRun, renditions: Sequence[Rendition]) -> Mapping[str, StandIn]:
        if not renditions or self._slates is None or not self._settings.slate:
            return {}
        try:
            return await self._slates.make(
                self.poster,
                self._settings.slate_text,
                renditions,
                picture_s=run.config.part_target_s,
                loop_s=self._settings.segment_target_s,
            )
        except Exception as failure:
            log.warning("stream %s: no slate: %s", self._stream, failure)
            return {}
