"""One stream name on air: its state, its runs over publications, and what viewers ask of it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ingest.publication import CuePoint, Publication
from mediaserver.live.archive import Archive, LoadedRun
from mediaserver.live.broadcast import Broadcast, BroadcastConfig
from mediaserver.live.interlude import Interlude
from mediaserver.live.measures import StreamMeasures
from mediaserver.live.multivariant import multivariant_text
from mediaserver.live.output import PlaylistOutput, PlaylistRefused, RenditionOutput, TextOutput
from mediaserver.live.part_watch import PartWatch
from mediaserver.live.posters import Posters
from mediaserver.live.records import StreamRecord
from mediaserver.live.run import StreamRun, WindowPlan
from mediaserver.live.standby import Slates, Standby, Still
from mediaserver.live.states import StreamEvent, StreamState, advance
from mediaserver.live.transcoding import WorkerFactory
from mediaserver.live.viewers import Viewers
from mediaserver.settings import LiveSettings, TranscoderSettings
from transcoder.ladder import Ladder, Rendition
from transcoder.manifests.rendered import RenderedPlaylist
from transcoder.manifests.window import Media, WindowCheckpoint
from transcoder.media import AccessUnit, Track
from transcoder.packager import PackagerConfig
from transcoder.source import SourceProfile
from transcoder.standin import StandIn

log = logging.getLogger(__name__)

LATE_RENDITION_S = 3.0
"""A rendition that has nothing this long after the first one could be played is not waited for."""
MASTER_PATIENCE_S = 5.0
RESTORED_PATIENCE_S = 2.0
"""Players that come back after a restart are better off with a slate a little later than with more gaps."""
VIEWER_TIMEOUT_S = 15.0
"""A player asks for a playlist at least every target duration or two."""


@dataclass(frozen=True, slots=True)
class StreamStatistics:
    """A picture of a stream for the API, metrics and tests."""

    state: StreamState
    started_at: float | None
    viewers: int
    input_bps: float
    dropped_units: int
    gap_segments: int
    waiting_requests: int


class LiveStream:
    """The stage of one stream name. Publications come and go; windows and viewers stay."""

    def __init__(
        self,
        name: str,
        settings: LiveSettings,
        *,
        make_worker: WorkerFactory,
        make_still: Still,
        slates: Slates | None = None,
        record: StreamRecord | None = None,
        checkpoint: WindowCheckpoint | None = None,
        archive: Archive | None = None,
        posters: Posters | None = None,
        transcoder: TranscoderSettings | None = None,
    ) -> None:
        self.name = name
        self.record = record
        """What the operator set; None for a stream that is only on air (``access.open_publish``)."""
        self.state = StreamState.OFFLINE
        self.started_at: float | None = None
        """Unix time at which this run went live."""
        self.publication: Publication | None = None
        self.viewers = Viewers(VIEWER_TIMEOUT_S)
        self._grace_ends_s: float | None = None
        self.measures = StreamMeasures()
        self._watch = PartWatch(self.measures)
        self._settings = settings
        self._make_worker = make_worker
        self.standby = Standby(name, settings, make_still=make_still, slates=slates, posters=posters)
        self._transcoder_settings = transcoder or TranscoderSettings()
        self._archive = archive
        self._fetch = archive.media if archive is not None else None
        self._checkpoint = checkpoint
        self._broadcast: Broadcast | None = None
        self._run: StreamRun | None = None
        self._offset_s: float | None = None
        self._first_playable_s: float | None = None
        self._state_changed = asyncio.Event()
        self._master: RenderedPlaylist | None = None
        self._master_text = ""
        self._on_air = asyncio.Lock()
        self._closed = False
        self._aftermath: asyncio.Task[None] | None = None
        self._interlude: Interlude | None = None
        self._is_silent = False

    # What viewers ask

    async def master_playlist(self) -> RenderedPlaylist | None:
        """The multivariant playlist; waits for a stream that is just starting. None: nothing to play."""
        if not await self._wait_started() or self._run is None:
            return None
        text = multivariant_text(self.renditions, self._run.frame_rates, self._run.texts)
        if text is None:
            return None
        if self._master is None or text != self._master_text:
            self._master, self._master_text = RenderedPlaylist(text), text
        return self._master

    async def dash_manifest(self, known: str | None = None) -> RenderedPlaylist | None:
        """The MPD; waits for a stream that is just starting. None: nothing to play.

        ``known`` is the If-None-Match of a player: one that has the newest MPD is held for a moment where the
        next is about to come.
        """
        if not await self._wait_started() or (run := self._run) is None:
            return None
        if known is None:
            await run.dash.wait_media(run.outputs, time.monotonic())
        rendered = run.dash.get(run.outputs, run.frame_rates, time.monotonic(), run.texts.values())
        if rendered is None or known not in (rendered.etag, rendered.gzip_etag):
            return rendered
        await run.dash.wait_news(run.outputs, time.monotonic())
        return run.dash.get(run.outputs, run.frame_rates, time.monotonic(), run.texts.values())

    @property
    def clock_ms(self) -> int | None:
        """Unix time by the run's own clock, which DASH players set theirs by; None without a run."""
        return None if self._run is None else self._run.dash.clock_ms(time.monotonic())

    async def media_playlist(
        self, rendition: str, *, msn: int | None, part: int | None, skip: str | None
    ) -> RenderedPlaylist:
        """A rendition's media playlist. Raises :class:`PlaylistRefused`."""
        return await self._output(rendition).playlist(msn, part, skip)

    async def media(self, rendition: str, name: str) -> Media:
        """An init, segment or part. Raises :class:`PlaylistRefused`."""
        return await self._output(rendition).media(name)

    def _output(self, rendition: str) -> PlaylistOutput:
        run = self._run
        output = (run.outputs.get(rendition) or run.texts.get(rendition)) if run else None
        if output is None:
            raise PlaylistRefused(404, "there is no such rendition")
        return output

    @property
    def renditions(self) -> list[RenditionOutput]:
        """Best first."""
        return list(self._run.outputs.values()) if self._run else []

    @property
    def poster(self) -> bytes | None:
        """A picture of what was last on air (JPEG)."""
        return self.standby.poster

    @property
    def poster_etag(self) -> str | None:
        return self.standby.poster_etag

    @property
    def part_target_s(self) -> float:
        return self._run.config.part_target_s if self._run else self._settings.part_target_s

    @property
    def broadcast(self) -> Broadcast | None:
        return self._broadcast

    @property
    def is_idle(self) -> bool:
        """Nobody publishes, and no media is left to fetch."""
        return self.publication is None and self._run is None

    @property
    def grace_left_s(self) -> float | None:
        """How long it goes on without a publisher; None while there is one, or nothing goes on."""
        if self.publication is not None or self.state is not StreamState.INTERRUPTED:
            return None
        return None if self._grace_ends_s is None else max(0.0, self._grace_ends_s - time.monotonic())

    async def wait_state(self, *states: StreamState) -> None:
        """Until the stream is in one of ``states``. The caller brings the deadline."""
        while self.state not in states:
            await self._state_changed.wait()

    def statistics(self) -> StreamStatistics:
        packager = self._broadcast.packager if self._broadcast else None
        renditions = list(packager.renditions.values()) if packager else []
        now_s = time.monotonic()
        return StreamStatistics(
            state=self.state,
            started_at=self.started_at,
            viewers=self.viewers.count(now_s),
            input_bps=self.measures.input_bps(now_s) if self.publication else 0.0,
            dropped_units=sum(rendition.dropped_units for rendition in renditions),
            gap_segments=sum(rendition.gap_segments for rendition in renditions),
            waiting_requests=sum(output.waiting for output in self.renditions),
        )

    def checkpoint(self) -> WindowCheckpoint | None:
        """What must survive this process so that sequence numbers never go back."""
        return self._run.checkpoint() if self._run else self._checkpoint

    async def restore(self, loaded: LoadedRun) -> bool:
        """Go on with what an earlier process had on air. False: nothing of it can be played any more."""
        run = StreamRun.restored(self._settings, loaded, now_s=time.monotonic(), fetch=self._fetch)
        if run is None:
            return False
        self._run = run
        self.started_at = run.started_at
        # The archive keeps what the run has taken up from now on.
        self._notify()
        await self.standby.load_poster()
        self._enter(StreamEvent.RESTORED)
        self._begin_interlude(patience_s=RESTORED_PATIENCE_S)
        self._aftermath = asyncio.create_task(self._run_aftermath())
        return True

    # A publication's way

    async def carry(self, publication: Publication) -> None:
        """Put a publication on air until it ends; then the grace time begins."""
        if self.publication is None or self.publication.ended:
            # Otherwise somebody has come since, in the place of this one.
            self.publication = publication
        async with self._on_air:
            if self._closed:
                publication.kick("the stream is closed here")
                if self.publication is publication:
                    self.publication = None
                return
            await self._stop_aftermath()
            if self.state is not StreamState.INTERRUPTED:
                self._enter(StreamEvent.PUBLISHED)
                self._forget_run()
            self._offset_s = None
            self._broadcast = Broadcast(
                publication,
                self,
                BroadcastConfig(
                    self._ladder_setting,
                    self._settings.poster_interval_s,
                    give_up=self._settings.give_up,
                    encoder=self._transcoder_settings.encoder,
                    hang_s=self._transcoder_settings.hang_s,
                    restarts_per_minute=self._transcoder_settings.restarts_per_minute,
                ),
                make_worker=self._make_worker,
                take_still=self._take_still,
            )
            try:
                await self._broadcast.run()
            except Exception:
                log.exception("stream %s: publication %s failed", self.name, publication.publication_id)
                publication.kick("the server failed to carry this stream")
            finally:
                self._is_silent = False
                publication.close("over")
                self._broadcast = None
                self.measures.ended()
                if self.publication is publication:
                    self.publication = None
                self._enter(StreamEvent.PUBLISHER_LEFT)
                self._aftermath = asyncio.create_task(self._run_aftermath())

    async def close(self, reason: str = "the server is stopping") -> None:
        """For good: end what is on air, take nobody in any more. Who waits is told to come back."""
        self._closed = True
        if self.publication is not None:
            self.publication.kick(reason)
        async with self._on_air:
            await self._stop_aftermath()
            self._stop_interlude()
        for output in self._run.playlists if self._run else ():
            output.stop()

    async def forget(self) -> None:
        """Nothing that was on air may be fetched any more, now or after a restart. While nobody publishes."""
        self._forget_run()
        await self.standby.forget_poster()

    @property
    def is_live(self) -> bool:
        """See :class:`mediaserver.live.broadcast.Stage`."""
        return self.state is StreamState.LIVE

    @property
    def is_silent(self) -> bool:
        """The publisher was on air, and has sent nothing for a while: somebody else may have its place."""
        return self._is_silent

    def interrupt(self) -> None:
        """See :class:`mediaserver.live.broadcast.Stage`."""
        self._enter(StreamEvent.SILENT)
        self._is_silent = True
        self.measures.ended()
        self._begin_interlude()
        self._offset_s = None

    @property
    def texts(self) -> Sequence[TextOutput]:
        """See :class:`mediaserver.live.broadcast.Stage`."""
        return list(self._run.texts.values()) if self._run else ()

    def open_text(self, channel: str, language: str | None, ahead: WindowCheckpoint) -> TextOutput | None:
        """See :class:`mediaserver.live.broadcast.Stage`."""
        return self._run.open_text(channel, language, ahead) if self._run else None

    def cue_point(self, cue_point: CuePoint) -> None:
        """See :class:`mediaserver.live.broadcast.Stage`."""
        if self._run is not None and self._offset_s is not None:
            media_s = cue_point.time_s + self._offset_s
            self._run.date_ranges.add_cue_point(
                cue_point.name,
                cue_point.kind,
                cue_point.attributes,
                unix_s=self._run.timeline.program_time_s(media_s),
                now_s=time.monotonic(),
            )

    def missing(self, ladder: Ladder) -> Sequence[Rendition]:
        """See :class:`mediaserver.live.broadcast.Stage`."""
        return self._run.missing(ladder) if self._run else ()

    async def stand_ins(self, missing: Sequence[Rendition]) -> Mapping[str, StandIn]:
        """See :class:`mediaserver.live.broadcast.Stage`."""
        return await self.standby.stand_ins(self._run, missing) if self._run else {}

    def open_windows(self, ladder: Ladder, profile: SourceProfile) -> WindowPlan:
        """See :class:`mediaserver.live.broadcast.Stage`."""
        self._is_silent = False
        self._stop_interlude()
        if self.state is StreamState.INTERRUPTED:
            self._enter(StreamEvent.RESUMED)
        now_s = time.monotonic()
        if self._run is None:
            self.standby.forget_loops()
            self._run = StreamRun.begin(
                self._settings,
                ladder,
                profile,
                self._checkpoint,
                now_s=now_s,
                unix_s=time.time(),
                fetch=self._fetch,
            )
            self._first_playable_s = None
        return self._run.open_windows(ladder, profile, now_s)

    def packager_config(self, profile: SourceProfile) -> PackagerConfig:
        """See :class:`mediaserver.live.broadcast.Stage`."""
        if self._run is None:
            raise RuntimeError("windows come first")
        if self._offset_s is None:
            self._offset_s = self._run.timeline.offset_s(profile)
            self.measures.began(self._offset_s)
        return self._run.packager_config(self._offset_s)

    def saw(self, unit: AccessUnit) -> None:
        """See :class:`mediaserver.live.broadcast.Stage`."""
        self.measures.saw(unit, time.monotonic())

    def changed(self) -> None:
        """See :class:`mediaserver.live.broadcast.Stage`."""
        packager = self._broadcast.packager if self._broadcast else None
        if packager is not None and self._run is not None and self._offset_s is not None:
            self._run.note_tracks(packager.renditions)
            timeline = self._run.timeline
            timeline.end_s = max(timeline.end_s, packager.published_s + self._offset_s)
        self._notify()
        if self.state is StreamState.STARTING:
            self._maybe_playable()

    # Inside

    def _notify(self) -> None:
        if self._run is not None and self._archive is not None:
            self._archive.sync(self.name, self._run)
        if self._run is not None:
            now_s = time.monotonic()
            windows = ((name, output.window) for name, output in self._run.outputs.items())
            self._watch.look(windows, self._run.timeline.program_origin_s, now_s)
            self._run.scroll_date_ranges(now_s)
            for output in self._run.playlists:
                output.notify()

    def _begin_interlude(self, patience_s: float | None = None) -> None:
        if self._run is not None:
            self._interlude = self.standby.interlude(
                self._run, time.monotonic(), self._notify, patience_s=patience_s
            )

    def _stop_interlude(self) -> None:
        if self._interlude is not None:
            self._interlude.stop()
            self._interlude = None

    @property
    def _ladder_setting(self) -> str | Sequence[str]:
        if self.record is not None and self.record.ladder is not None:
            return self.record.ladder
        return self._settings.ladder

    async def _wait_started(self) -> bool:
        """Whether the stream is not just starting, or no longer is within a player's patience."""
        try:
            async with asyncio.timeout(MASTER_PATIENCE_S):
                await self.wait_state(*(state for state in StreamState if state is not StreamState.STARTING))
        except TimeoutError:
            return False
        return True

    def _enter(self, event: StreamEvent) -> None:
        before, self.state = self.state, advance(self.state, event)
        log.info("stream %s: %s -> %s", self.name, before, self.state)
        changed, self._state_changed = self._state_changed, asyncio.Event()
        changed.set()

    def _maybe_playable(self) -> None:
        playable = [output.window.is_playable for output in self.renditions]
        if not any(playable):
            return
        now_s = time.monotonic()
        if self._first_playable_s is None:
            self._first_playable_s = now_s
        if all(playable) or now_s - self._first_playable_s > LATE_RENDITION_S:
            self.started_at = time.time()
            if self._run is not None:
                self._run.started_at = self.started_at
            self._enter(StreamEvent.PLAYABLE)

    async def _take_still(self, track: Track, unit: AccessUnit) -> None:
        await self.standby.take_still(track, unit)
        if self._run is not None:
            await self.standby.stand_ins(self._run, [output.rendition for output in self.renditions])

    async def _run_aftermath(self) -> None:
        """Nobody publishes: the windows go on for the grace time, then the playlists end and go."""
        run = self._run
        if run is not None and self.state is StreamState.INTERRUPTED:
            try:
                if self._interlude is None:
                    self._begin_interlude()
            except Exception:
                log.exception("stream %s: its playlists stand still until it ends", self.name)
            self._grace_ends_s = time.monotonic() + self._settings.grace_s
            await asyncio.sleep(self._settings.grace_s)
            self._stop_interlude()
            run.end()
            self._notify()
            self._enter(StreamEvent.GRACE_OVER)
            await asyncio.sleep(run.linger_s)
        self._forget_run()
        await self.standby.forget_poster()

    def _forget_run(self) -> None:
        """What follows starts a new run under new names; its numbers go on."""
        self._checkpoint = self.checkpoint()
        if self._run is not None and self._archive is not None:
            self._archive.forget(self.name, self._run.epoch)
        for output in self._run.playlists if self._run else ():
            output.give_up()
        self._run = None
        self._watch.new_run()

    async def _stop_aftermath(self) -> None:
        if self._aftermath is not None:
            self._aftermath.cancel()
            await asyncio.gather(self._aftermath, return_exceptions=True)
            self._aftermath = None
