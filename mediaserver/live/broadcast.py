"""One publication on air: from its units to the windows, through the packager and the live worker."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from ingest.publication import CuePoint, Item, Publication, PublicationEnd, TimedText, TrackUpdate, UnitQueue
from mediaserver.live.captions import Captions
from mediaserver.live.output import TextOutput
from mediaserver.live.run import WindowPlan
from mediaserver.live.transcoding import Transcoding, WorkerFactory
from transcoder.cutter import GridCutter, LongGop, SyncCutter
from transcoder.ladder import Ladder, LadderError, Rendition, plan
from transcoder.manifests.window import WindowCheckpoint
from transcoder.media import AccessUnit, Kind, Track
from transcoder.packager import Packager, PackagerConfig
from transcoder.source import SourceProbe, SourceProfile
from transcoder.standin import StandIn
from transcoder.supervisor import Cut, LiveJob

log = logging.getLogger(__name__)

SILENCE_S = 2.5
"""A publisher that sends nothing for so long is treated as one that has left, until it sends again: what
players hold lasts for about a second, and a stalled network mostly comes back before this."""


@dataclass(frozen=True, slots=True)
class BroadcastConfig:
    """The settings that a broadcast needs."""

    ladder: str | Sequence[str]
    """``auto``, ``passthrough`` or the names of rungs."""
    poster_interval_s: float
    give_up: Sequence[str] = ()
    """Rungs that are given up where the machine is too slow, the first one first."""
    encoder: str = "auto"
    hang_s: float = 3.0
    restarts_per_minute: int = 5


class Stage(Protocol):
    """What a broadcast needs of the stream that it is on: somewhere to put its media."""

    def open_windows(self, ladder: Ladder, profile: SourceProfile) -> WindowPlan:
        """The windows of the run, for the ladder's renditions and for those that it has no more."""

    @property
    def texts(self) -> Sequence[TextOutput]:
        """Renditions of words that the run has."""

    def open_text(self, channel: str, language: str | None, ahead: WindowCheckpoint) -> TextOutput | None:
        """One more, from the segment after ``ahead`` on; None where there are too many."""

    def cue_point(self, cue_point: CuePoint) -> None:
        """The publisher says something of a moment."""

    def missing(self, ladder: Ladder) -> Sequence[Rendition]:
        """Renditions of the run that are of a kind for which the ladder has nothing."""

    async def stand_ins(self, missing: Sequence[Rendition]) -> Mapping[str, StandIn]:
        """What goes into their windows; may lack some of them."""

    def packager_config(self, profile: SourceProfile) -> PackagerConfig:
        """Where on the stream's timeline the publication stands. The same until the next interruption."""

    @property
    def is_live(self) -> bool:
        """Whether there are viewers to be kept while the publisher is silent."""

    def interrupt(self) -> None:
        """The publisher is silent: the windows go on without it until they are opened again."""

    def saw(self, unit: AccessUnit) -> None:
        """A unit of the source has come, to be measured."""

    def changed(self) -> None:
        """Windows may have changed: wake who waits for them."""


class _Verdict(Enum):
    ENDED = "ended"
    LONG_GOP = "long_gop"
    """The source cannot be passed through any longer."""
    NEW_TRACK = "new_track"
    """A track has begun that was not there when the ladder was planned."""
    SILENT = "silent"
    """The publisher is there, and nothing comes."""


class Broadcast:
    """Runs one publication. Owned and awaited by its stream."""

    def __init__(
        self,
        publication: Publication,
        stage: Stage,
        config: BroadcastConfig,
        *,
        make_worker: WorkerFactory,
        take_still: Callable[[Track, AccessUnit], Coroutine[None, None, None]],
    ) -> None:
        self.publication = publication
        self.ladder: Ladder | None = None
        self.packager: Packager | None = None
        self.profile: SourceProfile | None = None
        self.captions: Captions | None = None
        self.transcoding: Transcoding | None = None
        self._stage = stage
        self._config = config
        self._make_worker = make_worker
        self._take_still = take_still
        self._new_from_s = 0.0
        """What is older on the publication's timeline has nothing to do here any more."""
        self._heard_s = 0.0
        """When the last unit came, on the monotonic clock."""
        self._still_due_s = 0.0
        self._still: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Until the publication ends. What the publisher sent wrong ends the publication, not us."""
        long_gop = False
        subscription = self.publication.subscribe()
        try:
            backlog: list[Item] | None = []
            while backlog is not None:
                verdict = await self._run_once(subscription, backlog, long_gop=long_gop)
                if verdict is _Verdict.ENDED:
                    return
                long_gop = long_gop or verdict is _Verdict.LONG_GOP
                # The units since the last sync point come once more, unless they are of another time.
                subscription.close()
                subscription = self.publication.subscribe()
                backlog = await self._sit_out_silence(subscription) if verdict is _Verdict.SILENT else []
        except LadderError as refusal:
            self.publication.kick(str(refusal))
        finally:
            subscription.close()
            if self._still is not None:
                self._still.cancel()
                await asyncio.gather(self._still, return_exceptions=True)

    async def _run_once(
        self, subscription: UnitQueue[Item], backlog: list[Item], *, long_gop: bool
    ) -> _Verdict:
        try:
            profile = await _probe(subscription, backlog)
            if profile is None:
                return _Verdict.ENDED
            ladder = plan(profile.tracks, self._config.ladder, long_gop=long_gop)
            log.info("stream %s: %s", self.publication.request.stream, _in_words(ladder))
            packager = await self._make_packager(ladder, profile)
            self.profile, self.ladder, self.packager = profile, ladder, packager
            async with AsyncExitStack() as stack:
                if ladder.needs_worker:
                    self.transcoding = await stack.enter_async_context(
                        self._make_transcoding(ladder, profile)
                    )
                verdict = await self._pump(packager, profile, subscription, backlog)
                if self.transcoding is not None:
                    await self.transcoding.drain()
            packager.finish(time.monotonic())
            self._stage.changed()
            return verdict
        finally:
            self.transcoding = None

    async def _sit_out_silence(self, subscription: UnitQueue[Item]) -> list[Item] | None:
        """What comes first after a silence, with the tracks' formats; None: the publisher has left."""
        formats: dict[int, Item] = {}
        while (item := subscription.take()) is not None:
            if isinstance(item, TrackUpdate):
                formats[item.track.track_id] = item
            elif isinstance(item, PublicationEnd):
                return None
        self._stage.interrupt()
        async for item in subscription:
            if isinstance(item, TrackUpdate):
                formats[item.track.track_id] = item
            elif isinstance(item, AccessUnit):
                log.info("stream %s: the publisher sends again", self.publication.request.stream)
                self._new_from_s = item.pts_s
                return [*formats.values(), item]
        return None

    async def _make_packager(self, ladder: Ladder, profile: SourceProfile) -> Packager:
        missing = self._stage.missing(ladder)
        stand_ins = await self._stage.stand_ins(missing) if missing else {}
        now_s = time.monotonic()
        opened = self._stage.open_windows(ladder, profile)
        config = self._stage.packager_config(profile)
        passthrough = {
            rendition.source_track_id: rendition.name
            for rendition in (*ladder.video, *ladder.audio)
            if rendition.passthrough
        }
        leader = profile.leader
        follows_source = leader.kind is Kind.VIDEO and leader.track_id in passthrough
        not_before_s = max(self._new_from_s, self.packager.published_s if self.packager else 0.0)
        cutter = (
            SyncCutter(
                target_s=config.segment_target_s,
                max_segment_s=config.max_segment_s,
                not_before_s=not_before_s,
            )
            if follows_source
            else GridCutter(target_s=config.segment_target_s, not_before_s=not_before_s)
        )
        packager = Packager(
            config,
            cutter,
            leader=leader,
            windows=opened.windows,
            passthrough=passthrough,
            followers=opened.followers,
        )
        self.captions = Captions(packager, config, self._stage.texts, self._stage.open_text)
        for rendition in missing:
            packager.withhold(rendition.name, now_s)
            if (stand_in := stand_ins.get(rendition.name)) is not None:
                packager.stand_in(rendition.name, stand_in, max(not_before_s, profile.first_dts_s), now_s)
        return packager

    def _make_transcoding(self, ladder: Ladder, profile: SourceProfile) -> Transcoding:
        if self.packager is None:
            raise RuntimeError("the packager comes first")
        job = LiveJob(
            stream=self.publication.request.stream,
            ladder=ladder,
            tracks=tuple(profile.tracks.values()),
            hang_s=self._config.hang_s,
            restarts_per_minute=self._config.restarts_per_minute,
            give_up=tuple(self._config.give_up),
            encoder=self._config.encoder,
        )
        return Transcoding(
            job,
            self.publication,
            self.packager,
            make_worker=self._make_worker,
            changed=self._stage.changed,
        )

    async def _pump(
        self,
        packager: Packager,
        profile: SourceProfile,
        subscription: UnitQueue[Item],
        backlog: list[Item],
    ) -> _Verdict:
        for item in backlog:
            self._take(packager, profile, item)
        self._heard_s = time.monotonic()
        while not isinstance(new := await self._next(subscription), PublicationEnd):
            if new is None:
                return _Verdict.SILENT
            if isinstance(new, AccessUnit) and new.track_id not in profile.tracks:
                log.info("stream %s: another %s has begun", self.publication.request.stream, new.codec.kind)
                return _Verdict.NEW_TRACK
            self._take(packager, profile, new)
            if packager.long_gop is not None:
                return self._give_up_passthrough(packager.long_gop)
        return _Verdict.ENDED

    async def _next(self, subscription: UnitQueue[Item]) -> Item | None:
        """The next item; None where the publisher has been silent while the stream is live.

        Words and formats are no sound: with nothing else the windows would stand still.
        """
        while True:
            try:
                async with asyncio.timeout(max(0.0, self._heard_s + SILENCE_S - time.monotonic())):
                    return await anext(subscription)
            except TimeoutError:
                self._heard_s = time.monotonic()
                if self._stage.is_live:
                    log.info("stream %s: the publisher is silent", self.publication.request.stream)
                    return None

    def _give_up_passthrough(self, long_gop: LongGop) -> _Verdict:
        elapsed_s = long_gop.elapsed_s
        log.warning(
            "stream %s: no sync point for %.1f s, so the source cannot be passed through",
            self.publication.request.stream,
            elapsed_s,
        )
        if long_gop.never_began:
            self.publication.kick(
                f"no keyframe came within {elapsed_s:.0f} s: set a keyframe interval of 2 s, "
                "and intra refresh off"
            )
            return _Verdict.ENDED
        if self._config.ladder == "passthrough":
            self.publication.kick(
                f"keyframes are more than {elapsed_s:.0f} s apart: set a keyframe interval of 2 s, "
                "or let the stream's ladder be auto"
            )
            return _Verdict.ENDED
        return _Verdict.LONG_GOP

    def _take(self, packager: Packager, profile: SourceProfile, item: Item) -> None:
        now_s = time.monotonic()
        if isinstance(item, TimedText):
            if self.captions is not None:
                self.captions.hear(item)
        elif isinstance(item, CuePoint):
            self._stage.cue_point(item)
        elif isinstance(item, TrackUpdate):
            if item.track.track_id in profile.tracks:
                packager.set_source_track(item.track, now_s)
                self._feed(item)
        elif isinstance(item, AccessUnit) and item.track_id in profile.tracks:
            self._heard_s = now_s
            self._stage.saw(item)
            for cut_s in packager.push_source(item, now_s):
                self._feed(Cut(cut_s))
            self._feed(item)
            self._stage.changed()
            if item.track_id == profile.leader.track_id and item.codec.kind is Kind.VIDEO:
                self._look(self.publication.tracks[item.track_id], item, now_s)

    def _feed(self, item: Item | Cut) -> None:
        if self.transcoding is not None:
            self.transcoding.feed(item)

    def _look(self, track: Track, unit: AccessUnit, now_s: float) -> None:
        """What else there is in a picture of the leader: captions, and a still from time to time."""
        if self.captions is not None:
            self.captions.see(track, unit)
        if not unit.sync or now_s < self._still_due_s:
            return
        if self._still is None or self._still.done():
            self._still_due_s = now_s + self._config.poster_interval_s
            self._still = asyncio.create_task(self._take_still(track, unit))


async def _probe(subscription: UnitQueue[Item], backlog: list[Item]) -> SourceProfile | None:
    """Read on into ``backlog`` until the source is known; None when it ended before."""
    probe = SourceProbe()
    for item in backlog:
        _show(probe, item)
    while (profile := probe.profile()) is None:
        item = await anext(subscription)
        if isinstance(item, PublicationEnd):
            return None
        backlog.append(item)
        _show(probe, item)
    return profile


def _show(probe: SourceProbe, item: Item) -> None:
    if isinstance(item, TrackUpdate):
        probe.set_track(item.track)
    elif isinstance(item, AccessUnit):
        probe.see(item)


def _in_words(ladder: Ladder) -> str:
    """For the log: ``source 1280x720 passed through, 480p encoded, …``."""
    return ", ".join(
        rendition.name
        + (f" {rendition.width}x{rendition.height}" if rendition.width else "")
        + (" passed through" if rendition.passthrough else " encoded")
        for rendition in ladder.renditions
    )
