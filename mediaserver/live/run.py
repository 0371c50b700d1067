"""One run of a stream, from its first playable moment to the end of its playlists: windows and timeline."""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from mediaserver.live.archive_load import LoadedRun
from mediaserver.live.dash import DashManifest
from mediaserver.live.output import Fetch, PlaylistOutput, RenditionOutput, TextOutput
from mediaserver.live.timeline import StreamTimeline
from mediaserver.settings import LiveSettings
from transcoder.captions import webvtt
from transcoder.cutter import choose_part_target
from transcoder.ladder import FRAME_RATE_LIMIT, Ladder, Rendition
from transcoder.manifests.config import WindowConfig
from transcoder.manifests.dateranges import DateRangeLog, DateRanges
from transcoder.manifests.duration import US_PER_S
from transcoder.manifests.hls import Report
from transcoder.manifests.window import MediaWindow, WindowCheckpoint
from transcoder.media import Kind
from transcoder.packager import PackagerConfig, RenditionPackager, StandInPackager
from transcoder.source import SourceProfile
from transcoder.text_packager import TextPackager

PASSTHROUGH_GOP_S = 4
"""A source whose sync points are at most this far apart is passed through."""
AAC_FRAME_SAMPLES = 1024
CAPTIONS = "captions"
MOST_TEXTS = 8
"""CEA-608 has four channels, CEA-708 in practice two services."""


@dataclass(frozen=True, slots=True)
class WindowPlan:
    """Where the renditions of a publication go, so that no playlist of the run is left without media."""

    windows: Mapping[str, MediaWindow]
    """All of the run, by name."""
    followers: Mapping[str, tuple[str, ...]]
    """Renditions that the publication has, each with earlier names that get the same from now on."""


class StreamRun:
    """The windows under one epoch. Publications come and go within it; numbers and names only go forward."""

    def __init__(
        self,
        settings: LiveSettings,
        config: WindowConfig,
        timeline: StreamTimeline,
        epoch: str,
        checkpoint: WindowCheckpoint | None = None,
        *,
        fetch: Fetch | None = None,
    ) -> None:
        self.outputs: dict[str, RenditionOutput] = {}
        """Best first."""
        self.texts: dict[str, TextOutput] = {}
        """Words, by rendition name."""
        self.frame_rates: dict[str, Fraction] = {}
        self.date_ranges = DateRangeLog(epoch, config.can_skip_until_us / US_PER_S)
        self.config = config
        self.timeline = timeline
        self.epoch = epoch
        self.started_at: float | None = None
        """Unix time at which it went live, before a restart of the server too; None before."""
        self.dash = DashManifest(config, timeline, segment_target_s=settings.segment_target_s)
        self._settings = settings
        self._checkpoint = checkpoint
        self._fetch = fetch

    @classmethod
    def begin(
        cls,
        settings: LiveSettings,
        ladder: Ladder,
        profile: SourceProfile,
        checkpoint: WindowCheckpoint | None,
        *,
        now_s: float,
        unix_s: float,
        fetch: Fetch | None = None,
    ) -> StreamRun:
        """For a first publication. ``now_s`` is the monotonic clock in seconds, ``unix_s`` the wall clock."""
        timeline = StreamTimeline(
            origin_s=profile.first_arrival_s,
            program_origin_s=unix_s - (now_s - profile.first_arrival_s),
        )
        config = _window_config(settings, ladder, profile)
        return cls(settings, config, timeline, secrets.token_hex(4), checkpoint, fetch=fetch)

    @classmethod
    def restored(
        cls, settings: LiveSettings, loaded: LoadedRun, *, now_s: float, fetch: Fetch | None
    ) -> StreamRun | None:
        """What an earlier process had on air; None where nothing of it can be played any more."""
        epoch = secrets.token_hex(4)
        found = None if loaded.run.ended else loaded.restore(epoch, now_s)
        if found is None:
            return None
        run = cls(settings, loaded.run.config, found.timeline, epoch, fetch=fetch)
        # Who wrote it may not have known.
        run.started_at = loaded.run.started_at or loaded.run.program_origin_s
        for name, window in found.windows.items():
            stored = loaded.renditions[name]
            output = run.outputs[name] = run._make_output(stored.rendition, window)
            output.track = stored.track
            if stored.frame_rate is not None:
                run.frame_rates[name] = stored.frame_rate
        for name, window in found.texts.items():
            text = loaded.run.texts[name]
            run.texts[name] = run._make_text(name, text.channel, text.language, window)
        return run

    def open_windows(self, ladder: Ladder, profile: SourceProfile, now_s: float) -> WindowPlan:
        """Windows of the ladder's renditions, made or taken up again. No name of the run ever vanishes."""
        checkpoint = self.checkpoint()
        previous, self.outputs = self.outputs, {}
        for rendition in ladder.renditions:
            output = previous.pop(rendition.name, None)
            if output is None:
                output = self._make_output(rendition, self._make_window(rendition, checkpoint))
            else:
                _break(output.window, now_s)
            output.rendition = rendition
            output.listed = True
            self.outputs[rendition.name] = output
        followers: dict[str, tuple[str, ...]] = {}
        for name, output in previous.items():
            _break(output.window, now_s)
            self.outputs[name] = output
            nearest = _nearest(output.rendition, ladder)
            output.listed = nearest is None
            if nearest is not None:
                followers[nearest.name] = (*followers.get(nearest.name, ()), name)
        for text in self.texts.values():
            _break(text.window, now_s)
        self.frame_rates = _frame_rates(ladder, profile)
        return WindowPlan(self._windows(), followers)

    def open_text(self, channel: str, language: str | None, ahead: WindowCheckpoint) -> TextOutput | None:
        """Words begin that were not there before, at the segment after ``ahead``; None: enough is enough."""
        if len(self.texts) >= MOST_TEXTS:
            return None
        name = CAPTIONS if not self.texts else f"{CAPTIONS}-{(language or channel).lower()}"
        while name in self.texts:
            name += "-2"
        window = MediaWindow(
            self.config,
            self.epoch,
            ahead.next_msn,
            ahead.discontinuity_sequence,
            content_type=webvtt.CONTENT_TYPE,
            extension=webvtt.EXTENSION,
        )
        output = self.texts[name] = self._make_text(name, channel, language, window)
        return output

    def _make_text(self, name: str, channel: str, language: str | None, window: MediaWindow) -> TextOutput:
        return TextOutput(
            channel,
            language,
            window,
            self._reports_for(name),
            date_ranges=self._date_ranges_now,
            fetch=self._fetch,
        )

    def _quiet_texts(self, config: PackagerConfig) -> list[TextPackager]:
        """Text without words, so that its playlists go on with the others."""
        return [TextPackager(output.window, config) for output in self.texts.values()]

    @property
    def playlists(self) -> list[PlaylistOutput]:
        """Every one that somebody may wait for."""
        return [*self.outputs.values(), *self.texts.values()]

    def missing(self, ladder: Ladder) -> list[Rendition]:
        """Renditions of a kind for which the ladder has nothing: something must stand in for them."""
        kinds = {rendition.kind for rendition in ladder.renditions}
        return [output.rendition for output in self.outputs.values() if output.rendition.kind not in kinds]

    def stand_in_packager(self, now_s: float) -> StandInPackager:
        """What goes on with the windows from where they are, while nobody publishes."""
        for output in self.outputs.values():
            output.window.end_segment(now_s)
        for text in self.texts.values():
            text.window.end_segment(now_s)
        config = self.packager_config(0.0)
        texts = self._quiet_texts(config)
        return StandInPackager(config, self._windows(), self.timeline.end_s, now_s, texts=texts)

    def packager_config(self, offset_s: float) -> PackagerConfig:
        """For a publication whose times lie ``offset_s`` before those of the run's timeline."""
        return PackagerConfig(
            part_target_s=self.config.part_target_s,
            segment_target_s=self._settings.segment_target_s,
            max_segment_s=self.config.target_duration_s,
            offset_s=offset_s,
            program_origin_s=self.timeline.program_origin_s,
        )

    def checkpoint(self) -> WindowCheckpoint | None:
        """Above all numbers that this run has used."""
        if not self.outputs:
            return self._checkpoint
        made = [output.window.checkpoint() for output in self.outputs.values()]
        return WindowCheckpoint(
            max(each.next_msn for each in made), max(each.discontinuity_sequence for each in made)
        )

    def note_tracks(self, packagers: Mapping[str, RenditionPackager]) -> None:
        """The renditions' formats as they are packaged now."""
        for name, packager in packagers.items():
            self.outputs[name].track = packager.track or self.outputs[name].track

    def scroll_date_ranges(self, now_s: float) -> None:
        """Let go of what lies before all that is listed."""
        if self.date_ranges.is_empty:
            return
        oldest_ms = [
            segment.program_time_ms
            for output in self.outputs.values()
            if (segment := next(iter(output.window.segments), None)) is not None
            and segment.program_time_ms is not None
        ]
        if oldest_ms:
            self.date_ranges.scroll(min(oldest_ms) / 1000, now_s)

    def end(self) -> None:
        """EXT-X-ENDLIST everywhere."""
        for output in self.playlists:
            output.window.end()
            output.notify()

    @property
    def linger_s(self) -> float:
        """How long the ended playlists and their media stay fetchable."""
        return max((output.window.linger_s for output in self.outputs.values()), default=0.0)

    def _windows(self) -> dict[str, MediaWindow]:
        return {name: output.window for name, output in self.outputs.items()}

    def _make_output(self, rendition: Rendition, window: MediaWindow) -> RenditionOutput:
        return RenditionOutput(
            rendition,
            window,
            self._reports_for(rendition.name),
            date_ranges=self._date_ranges_now,
            fetch=self._fetch,
        )

    def _date_ranges_now(self) -> DateRanges:
        return self.date_ranges.at(time.monotonic())

    def _make_window(self, rendition: Rendition, checkpoint: WindowCheckpoint | None) -> MediaWindow:
        content_type = "video/mp4" if rendition.kind is Kind.VIDEO else "audio/mp4"
        if checkpoint is None:
            return MediaWindow(self.config, self.epoch, content_type=content_type)
        return MediaWindow.continued(self.config, self.epoch, checkpoint, content_type=content_type)

    def _reports_for(self, name: str) -> Callable[[], list[Report]]:
        def reports() -> list[Report]:
            return [
                Report(f"../{other}/media.m3u8", position)
                for other, output in (*self.outputs.items(), *self.texts.items())
                if other != name and (position := output.window.position) is not None
            ]

        return reports


def _break(window: MediaWindow, now_s: float) -> None:
    """Another publication goes on here: what it sends has nothing to do with what was there."""
    if window.is_playable:
        window.end_segment(now_s)
        window.discontinuity()


def _nearest(rendition: Rendition, ladder: Ladder) -> Rendition | None:
    """What viewers of an earlier rendition get instead: the best of the ladder that is not above it."""
    if rendition.kind is Kind.AUDIO:
        return next(iter(ladder.audio), None)
    side = min(rendition.width, rendition.height)
    not_above = [each for each in ladder.video if min(each.width, each.height) <= side]
    return next(iter(not_above), ladder.video[-1] if ladder.video else None)


def _window_config(settings: LiveSettings, ladder: Ladder, profile: SourceProfile) -> WindowConfig:
    target_duration_s = max(PASSTHROUGH_GOP_S, math.ceil(2 * settings.segment_target_s))
    part_target_s = choose_part_target(settings.part_target_s, _frame_durations(ladder, profile))
    return WindowConfig(
        target_duration_s=target_duration_s,
        part_target_s=min(part_target_s, float(target_duration_s)),
        window_s=settings.window_s,
    )


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
