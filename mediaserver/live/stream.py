"""One stream name on air: its state, its windows over publications, and what viewers ask of it."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import math
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from ingest.publication import Publication
from mediaserver.live.broadcast import Broadcast, BroadcastConfig
from mediaserver.live.multivariant import multivariant_text
from mediaserver.live.output import PlaylistRefused, RenditionOutput
from mediaserver.live.rate import RateMeter
from mediaserver.live.records import StreamRecord
from mediaserver.live.states import StreamEvent, StreamState, advance
from mediaserver.live.timeline import StreamTimeline
from mediaserver.live.transcoding import WorkerFactory
from mediaserver.live.viewers import Viewers
from mediaserver.settings import LiveSettings
from transcoder.cutter import choose_part_target
from transcoder.ladder import FRAME_RATE_LIMIT, Ladder, Rendition
from transcoder.manifests.config import WindowConfig
from transcoder.manifests.hls import Report
from transcoder.manifests.rendered import RenderedPlaylist
from transcoder.manifests.window import Media, MediaWindow, WindowCheckpoint
from transcoder.media import AccessUnit, Kind, Track
from transcoder.packager import PackagerConfig
from transcoder.source import SourceProfile

log = logging.getLogger(__name__)

PASSTHROUGH_GOP_S = 4
"""A source whose sync points are at most this far apart is passed through."""
LATE_RENDITION_S = 3.0
"""A rendition that has nothing this long after the first one could be played is not waited for."""
MASTER_PATIENCE_S = 5.0
VIEWER_TIMEOUT_S = 15.0
"""A player asks for a playlist at least every target duration or two."""
AAC_FRAME_SAMPLES = 1024

Still = Callable[[Track, AccessUnit], Awaitable[bytes]]


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
        record: StreamRecord | None = None,
        checkpoint: WindowCheckpoint | None = None,
    ) -> None:
        self.name = name
        self.record = record
        """What the operator set; None for a stream that is only on air (``access.open_publish``)."""
        self.state = StreamState.OFFLINE
        self.started_at: float | None = None
        """Unix time at which this run went live."""
        self.publication: Publication | None = None
        self.viewers = Viewers(VIEWER_TIMEOUT_S)
        self.poster: bytes | None = None
        self.poster_etag: str | None = None
        self._settings = settings
        self._make_worker = make_worker
        self._make_still = make_still
        self._checkpoint = checkpoint
        self._broadcast: Broadcast | None = None
        self._outputs: dict[str, RenditionOutput] = {}
        self._config: WindowConfig | None = None
        self._timeline: StreamTimeline | None = None
        self._offset_s: float | None = None
        self._epoch = ""
        self._first_playable_s: float | None = None
        self._frame_rates: dict[str, Fraction] = {}
        self._state_changed = asyncio.Event()
        self._master: RenderedPlaylist | None = None
        self._master_text = ""
        self._on_air = asyncio.Lock()
        self._aftermath: asyncio.Task[None] | None = None
        self._input = RateMeter()
        self._input_bytes_seen = 0

    # What viewers ask

    async def master_playlist(self) -> RenderedPlaylist | None:
        """The multivariant playlist; waits for a stream that is just starting. None: nothing to play."""
        if not await self._wait_started() or not self._outputs:
            return None
        text = multivariant_text(list(self._outputs.values()), self._frame_rates)
        if text is None:
            return None
        if self._master is None or text != self._master_text:
            self._master, self._master_text = RenderedPlaylist(text), text
        return self._master

    async def media_playlist(
        self, rendition: str, *, msn: int | None, part: int | None, skip: str | None
    ) -> RenderedPlaylist:
        """A rendition's media playlist. Raises :class:`PlaylistRefused`."""
        return await self._output(rendition).playlist(msn, part, skip)

    async def media(self, rendition: str, name: str) -> Media:
        """An init, segment or part. Raises :class:`PlaylistRefused`."""
        return await self._output(rendition).media(name)

    def _output(self, rendition: str) -> RenditionOutput:
        output = self._outputs.get(rendition)
        if output is None:
            raise PlaylistRefused(404, "there is no such rendition")
        return output

    @property
    def renditions(self) -> list[RenditionOutput]:
        """Best first."""
        return list(self._outputs.values())

    @property
    def part_target_s(self) -> float:
        return self._config.part_target_s if self._config else self._settings.part_target_s

    @property
    def broadcast(self) -> Broadcast | None:
        return self._broadcast

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
            input_bps=8 * self._input.per_second(now_s) if self.publication else 0.0,
            dropped_units=sum(rendition.dropped_units for rendition in renditions),
            gap_segments=sum(rendition.gap_segments for rendition in renditions),
            waiting_requests=sum(output.waiting for output in self._outputs.values()),
        )

    def checkpoint(self) -> WindowCheckpoint | None:
        """What must survive this process so that sequence numbers never go back."""
        if not self._outputs:
            return self._checkpoint
        made = [output.window.checkpoint() for output in self._outputs.values()]
        return WindowCheckpoint(
            max(each.next_msn for each in made), max(each.discontinuity_sequence for each in made)
        )

    # A publication's way

    async def carry(self, publication: Publication) -> None:
        """Put a publication on air until it ends; then the grace time begins."""
        self.publication = publication
        async with self._on_air:
            await self._stop_aftermath()
            self._enter(StreamEvent.PUBLISHED)
            self._offset_s = None
            self._input_bytes_seen = 0
            self._broadcast = Broadcast(
                publication,
                self,
                BroadcastConfig(self._ladder_setting, self._settings.poster_interval_s),
                make_worker=self._make_worker,
                take_still=self._take_still,
            )
            try:
                await self._broadcast.run()
            except Exception:
                log.exception("stream %s: publication %s failed", self.name, publication.publication_id)
                publication.kick("the server failed to carry this stream")
            finally:
                publication.close("over")
                self._broadcast = None
                if self.publication is publication:
                    self.publication = None
                self._enter(StreamEvent.PUBLISHER_LEFT)
                self._aftermath = asyncio.create_task(self._run_aftermath())

    async def close(self) -> None:
        """The server stops: end what is on air, close the playlists."""
        if self.publication is not None:
            self.publication.kick("the server is stopping")
        async with self._on_air:
            await self._stop_aftermath()
        for output in self._outputs.values():
            output.stop()

    def open_windows(self, ladder: Ladder, profile: SourceProfile) -> Mapping[str, MediaWindow]:
        """See :class:`mediaserver.live.broadcast.Stage`."""
        if self.state is StreamState.STARTING:
            self._start_run(ladder, profile)
        checkpoint = self.checkpoint()
        previous, self._outputs = self._outputs, {}
        for rendition in ladder.renditions:
            output = previous.pop(rendition.name, None)
            if output is not None:
                output.rendition = rendition
                output.window.end_segment(time.monotonic())
                output.window.discontinuity()
            else:
                output = RenditionOutput(
                    rendition, self._make_window(rendition, checkpoint), self._reports_for(rendition.name)
                )
            self._outputs[rendition.name] = output
        for given_up in previous.values():
            given_up.closed = True
            given_up.notify()
        self._frame_rates = _frame_rates(ladder, profile)
        return {name: output.window for name, output in self._outputs.items()}

    def packager_config(self, profile: SourceProfile) -> PackagerConfig:
        """See :class:`mediaserver.live.broadcast.Stage`."""
        if self._timeline is None or self._config is None:
            raise RuntimeError("windows come first")
        if self._offset_s is None:
            self._offset_s = self._timeline.offset_s(profile)
        return self._timeline.packager_config(
            offset_s=self._offset_s,
            part_target_s=self._config.part_target_s,
            segment_target_s=self._settings.segment_target_s,
            max_segment_s=self._config.target_duration_s,
        )

    def changed(self) -> None:
        """See :class:`mediaserver.live.broadcast.Stage`."""
        packager = self._broadcast.packager if self._broadcast else None
        if packager is not None:
            for name, output in self._outputs.items():
                output.track = packager.renditions[name].track or output.track
            if self._timeline is not None and self._offset_s is not None:
                end_s = packager.published_s + self._offset_s
                self._timeline.end_s = max(self._timeline.end_s, end_s)
        for output in self._outputs.values():
            output.notify()
        if self.state is StreamState.STARTING:
            self._maybe_playable()
        if self.publication is not None:
            arrived = self.publication.bytes_in - self._input_bytes_seen
            self._input_bytes_seen = self.publication.bytes_in
            self._input.add(arrived, time.monotonic())

    # Inside

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

    def _start_run(self, ladder: Ladder, profile: SourceProfile) -> None:
        """New windows under a new epoch; sequence numbers go on from the last run's."""
        self._checkpoint = self.checkpoint()
        self._outputs = {}
        self._epoch = secrets.token_hex(4)
        self._first_playable_s = None
        self._offset_s = None
        self._config = self._window_config(ladder, profile)
        now_s = time.monotonic()
        self._timeline = StreamTimeline(
            origin_s=profile.first_arrival_s,
            program_origin_s=time.time() - (now_s - profile.first_arrival_s),
        )

    def _window_config(self, ladder: Ladder, profile: SourceProfile) -> WindowConfig:
        settings = self._settings
        target_duration_s = max(PASSTHROUGH_GOP_S, math.ceil(2 * settings.segment_target_s))
        part_target_s = choose_part_target(settings.part_target_s, _frame_durations(ladder, profile))
        return WindowConfig(
            target_duration_s=target_duration_s,
            part_target_s=min(part_target_s, float(target_duration_s)),
            window_s=settings.window_s,
        )

    def _make_window(self, rendition: Rendition, checkpoint: WindowCheckpoint | None) -> MediaWindow:
        if self._config is None:
            raise RuntimeError("the run has not started")
        content_type = "video/mp4" if rendition.kind is Kind.VIDEO else "audio/mp4"
        if checkpoint is None:
            return MediaWindow(self._config, self._epoch, content_type=content_type)
        return MediaWindow.continued(self._config, self._epoch, checkpoint, content_type=content_type)

    def _reports_for(self, name: str) -> Callable[[], list[Report]]:
        def reports() -> list[Report]:
            return [
                Report(f"../{other}/media.m3u8", output.window.position)
                for other, output in self._outputs.items()
                if other != name and output.window.position is not None
            ]

        return reports

    def _maybe_playable(self) -> None:
        playable = [output.window.is_playable for output in self._outputs.values()]
        if not any(playable):
            return
        now_s = time.monotonic()
        if self._first_playable_s is None:
            self._first_playable_s = now_s
        if all(playable) or now_s - self._first_playable_s > LATE_RENDITION_S:
            self.started_at = time.time()
            self._enter(StreamEvent.PLAYABLE)

    async def _take_still(self, track: Track, unit: AccessUnit) -> None:
        try:
            self.poster = await self._make_still(track, unit)
        except Exception as failure:
            log.warning("stream %s: no poster: %s", self.name, failure)
            return
        self.poster_etag = f'"{hashlib.sha256(self.poster).hexdigest()[:24]}"'

    async def _run_aftermath(self) -> None:
        """Nobody publishes: time goes on in gaps for the grace time, then the playlists end and go."""
        if self.state is StreamState.INTERRUPTED:
            await self._fill_gaps(self._settings.grace_s)
            for output in self._outputs.values():
                output.window.end()
                output.notify()
            self._enter(StreamEvent.GRACE_OVER)
            await asyncio.sleep(max((o.window.linger_s for o in self._outputs.values()), default=0.0))
        self._checkpoint = self.checkpoint()
        self._outputs = {}
        self.poster = self.poster_etag = None

    async def _fill_gaps(self, grace_s: float) -> None:
        """Gap parts on time, so that players keep asking and the window slides."""
        timeline, config = self._timeline, self._config
        if timeline is None or config is None:
            return
        until_s = time.monotonic() + grace_s
        segment_s = 0.0
        while time.monotonic() < until_s:
            await asyncio.sleep(timeline.end_s + config.part_target_s - timeline.at(time.monotonic()))
            now_s = time.monotonic()
            program_time_s = timeline.program_time_s(timeline.end_s)
            segment_s += config.part_target_s
            for output in self._outputs.values():
                output.window.add_gap_part(
                    duration_s=config.part_target_s, now_s=now_s, program_time_s=program_time_s
                )
                if segment_s >= self._settings.segment_target_s:
                    output.window.end_segment(now_s)
                output.notify()
            if segment_s >= self._settings.segment_target_s:
                segment_s = 0.0
            timeline.end_s += config.part_target_s

    async def _stop_aftermath(self) -> None:
        if self._aftermath is not None:
            self._aftermath.cancel()
            await asyncio.gather(self._aftermath, return_exceptions=True)
            self._aftermath = None


def _frame_durations(ladder: Ladder, profile: SourceProfile) -> list[float]:
    """How long a frame of each rendition is, in seconds."""
    durations = []
    for rendition in ladder.renditions:
        frame_s = profile.frame_durations_s[rendition.source_track_id]
        if rendition.passthrough:
            durations.append(frame_s)
        elif rendition.kind is Kind.AUDIO:
            durations.append(AAC_FRAME_SAMPLES / rendition.sample_rate)
        elif frame_s > 0:
            durations.append(frame_s * math.ceil(1 / frame_s / FRAME_RATE_LIMIT - 1e-3))
    return durations


def _frame_rates(ladder: Ladder, profile: SourceProfile) -> dict[str, Fraction]:
    """What FRAME-RATE says: as told by the bitstream, else as measured to a hundredth."""
    rates = {}
    for rendition in ladder.video:
        frame_s = profile.frame_durations_s[rendition.source_track_id]
        if rendition.frame_rate:
            rates[rendition.name] = rendition.frame_rate
        elif frame_s > 0:
            rates[rendition.name] = Fraction(round(100 / frame_s), 100)
    return rates
