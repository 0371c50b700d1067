"""One run of a stream, from its first playable moment to the end of its playlists: windows and timeline."""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Mapping
from fractions import Fraction

from mediaserver.live.output import RenditionOutput
from mediaserver.live.timeline import StreamTimeline
from mediaserver.settings import LiveSettings
from transcoder.cutter import choose_part_target
from transcoder.ladder import FRAME_RATE_LIMIT, Ladder, Rendition
from transcoder.manifests.config import WindowConfig
from transcoder.manifests.hls import Report
from transcoder.manifests.window import MediaWindow, WindowCheckpoint
from transcoder.media import Kind
from transcoder.packager import PackagerConfig
from transcoder.source import SourceProfile

PASSTHROUGH_GOP_S = 4
"""A source whose sync points are at most this far apart is passed through."""
AAC_FRAME_SAMPLES = 1024


class StreamRun:
    """The windows under one epoch. Publications come and go within it; numbers and names only go forward.

    ``now_s`` is the monotonic clock in seconds, ``unix_s`` the wall clock, both of this moment.
    """

    def __init__(
        self,
        settings: LiveSettings,
        ladder: Ladder,
        profile: SourceProfile,
        checkpoint: WindowCheckpoint | None,
        *,
        now_s: float,
        unix_s: float,
    ) -> None:
        self.outputs: dict[str, RenditionOutput] = {}
        """Best first."""
        self.frame_rates: dict[str, Fraction] = {}
        self.config = _window_config(settings, ladder, profile)
        self.timeline = StreamTimeline(
            origin_s=profile.first_arrival_s,
            program_origin_s=unix_s - (now_s - profile.first_arrival_s),
        )
        self._settings = settings
        self._epoch = secrets.token_hex(4)
        self._checkpoint = checkpoint
        self._gap_s = 0.0

    def open_windows(self, ladder: Ladder, profile: SourceProfile, now_s: float) -> Mapping[str, MediaWindow]:
        """Windows of the ladder's renditions, made or taken up again; others are given up."""
        checkpoint = self.checkpoint()
        previous, self.outputs = self.outputs, {}
        for rendition in ladder.renditions:
            output = previous.pop(rendition.name, None)
            if output is None:
                window = self._make_window(rendition, checkpoint)
                output = RenditionOutput(rendition, window, self._reports_for(rendition.name))
            elif output.window.is_playable:
                output.rendition = rendition
                output.window.end_segment(now_s)
                output.window.discontinuity()
            self.outputs[rendition.name] = output
        for given_up in previous.values():
            given_up.give_up()
        self.frame_rates = _frame_rates(ladder, profile)
        return {name: output.window for name, output in self.outputs.items()}

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

    def gap_due_in_s(self, now_s: float) -> float:
        """Seconds until the next gap part must be there, while nobody publishes."""
        return self.timeline.end_s + self.config.part_target_s - self.timeline.at(now_s)

    def add_gap_part(self, now_s: float) -> None:
        """Time goes on without media, in all renditions: players keep asking, the windows slide."""
        part_s = self.config.part_target_s
        self._gap_s += part_s
        ends_segment = self._gap_s >= self._settings.segment_target_s
        for output in self.outputs.values():
            output.window.add_gap_part(
                duration_s=part_s,
                now_s=now_s,
                program_time_s=self.timeline.program_time_s(self.timeline.end_s),
            )
            if ends_segment:
                output.window.end_segment(now_s)
            output.notify()
        self._gap_s = 0.0 if ends_segment else self._gap_s
        self.timeline.end_s += part_s

    def end(self) -> None:
        """EXT-X-ENDLIST everywhere."""
        for output in self.outputs.values():
            output.window.end()
            output.notify()

    @property
    def linger_s(self) -> float:
        """How long the ended playlists and their media stay fetchable."""
        return max((output.window.linger_s for output in self.outputs.values()), default=0.0)

    def _make_window(self, rendition: Rendition, checkpoint: WindowCheckpoint | None) -> MediaWindow:
        content_type = "video/mp4" if rendition.kind is Kind.VIDEO else "audio/mp4"
        if checkpoint is None:
            return MediaWindow(self.config, self._epoch, content_type=content_type)
        return MediaWindow.continued(self.config, self._epoch, checkpoint, content_type=content_type)

    def _reports_for(self, name: str) -> Callable[[], list[Report]]:
        def reports() -> list[Report]:
            return [
                Report(f"../{other}/media.m3u8", position)
                for other, output in self.outputs.items()
                if other != name and (position := output.window.position) is not None
            ]

        return reports


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
