"""The MPD of one run of a stream, from what its windows hold. Rendered once for each change that it shows."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from fractions import Fraction
from typing import Final

from mediaserver.live.captions import TEXT_CHANNEL
from mediaserver.live.dash_sets import Row, adaptation_sets
from mediaserver.live.output import PlaylistRefused, RenditionOutput, TextOutput
from mediaserver.live.timeline import StreamTimeline
from transcoder.cmaf.described import described_track
from transcoder.codecs import rfc6381
from transcoder.manifests import dash
from transcoder.manifests.config import WindowConfig
from transcoder.manifests.dash_periods import Period, PeriodPlan
from transcoder.manifests.dash_timeline import timeline as segment_timeline
from transcoder.manifests.duration import US_PER_S
from transcoder.manifests.rendered import RenderedPlaylist
from transcoder.manifests.segment import Init
from transcoder.manifests.window import MediaWindow
from transcoder.media import Track

UPDATE_S: Final = 0.5
"""How often players look for the next segment. dash.js rounds it up to a second."""
HOLD_S: Final = 0.6
"""A player that has the newest MPD is held for news that are due within this time; at most so long again."""
STALE_S: Final = 2.0
MEDIA_PATIENCE_S: Final = 5.0
EXPECTED_OVERHEAD: Final = 1.22
"""What an encoder makes of its target at its peak, boxes included, until it is measured."""

Key = tuple[object, ...]


class DashManifest:
    """Keeps the Periods that players have seen. ``now_s`` is the monotonic clock, in seconds."""

    def __init__(
        self,
        config: WindowConfig,
        timeline: StreamTimeline,
        *,
        segment_target_s: float,
    ) -> None:
        self._config = config
        self._timeline = timeline
        self._segment_target_s = segment_target_s
        self._plan = PeriodPlan()
        self._tracks: dict[bytes, Track | None] = {}
        """By the bytes of their inits."""
        self._told: dict[tuple[str, str], tuple[int, Fraction | None]] = {}
        """Bit rate and frame rate by Period and rendition: those of what is over do not change."""
        self._key: Key | None = None
        self._rendered: RenderedPlaylist | None = None
        self.renders = 0
        """How often text was written since the start."""

    def get(
        self,
        outputs: Mapping[str, RenditionOutput],
        frame_rates: Mapping[str, Fraction],
        now_s: float,
        texts: Iterable[TextOutput] = (),
    ) -> RenderedPlaylist | None:
        """The MPD of this moment; None while there is nothing to play.

        Of ``texts`` it tells those that are captions in the pictures: there players find them.
        """
        captions = [(text.channel, text.language) for text in texts if text.channel != TEXT_CHANNEL]
        key = (tuple(captions), *(_seen(output) for output in outputs.values()))
        if key != self._key or self._plan.is_waiting:
            self._key = key
            text = self._text(outputs, frame_rates, now_s, captions)
            self._rendered = None if text is None else RenderedPlaylist(text)
        return self._rendered

    def _text(
        self,
        outputs: Mapping[str, RenditionOutput],
        frame_rates: Mapping[str, Fraction],
        now_s: float,
        captions: Sequence[tuple[str, str | None]],
    ) -> str | None:
        listed = frozenset(name for name, output in outputs.items() if output.listed)
        self._plan.update({name: output.window for name, output in outputs.items()}, listed)
        ended = bool(outputs) and all(output.window.ended for output in outputs.values())
        ids = {period.id for period in self._plan.periods}
        self._told = {key: told for key, told in self._told.items() if key[0] in ids}
        periods: list[dash.Period] = []
        previous: Period | None = None
        end_ms = 0
        for period in self._plan.periods:
            rows = [
                row
                for name, output in outputs.items()
                if name in period.members and (row := self._row(period, output, frame_rates, live=not ended))
            ]
            if not rows:
                continue
            end_ms = max(end_ms, *(row.end_ms for row in rows))
            sets = adaptation_sets(rows, period, previous, captions)
            periods.append(dash.Period(id=period.id, start_ms=period.start_ms, sets=sets))
            previous = period
        if not periods:
            return None
        self.renders += 1
        part_s = self._config.part_target_us / US_PER_S
        start_ms = round(self._timeline.program_origin_s * 1000)
        return dash.render(
            dash.Manifest(
                # A process that takes the run up again knows when it began, and little else of it.
                id=f"{start_ms:x}",
                availability_start_ms=start_ms,
                publish_ms=self.clock_ms(now_s),
                periods=periods,
                update_s=UPDATE_S,
                depth_s=self._config.keep_us / US_PER_S,
                max_segment_s=float(self._config.target_duration_s),
                latency_ms=round(1000 * 5 * part_s),
                delay_s=1.5 * self._config.target_duration_s,
                end_ms=end_ms if ended else None,
            )
        )

    async def wait_news(self, outputs: Mapping[str, RenditionOutput], now_s: float) -> None:
        """Where the next segments are about to begin, until they have.

        A player looks once a second at most, and each segment that it learns of late costs it that much of
        its buffer. Whoever is told of a segment at once is back in time for the next.
        """
        listed = [output for output in outputs.values() if output.listed and output.window.is_playable]
        if not listed:
            return
        window = listed[0].window
        due_in_s = _next_begins_s(window) - now_s
        if not -HOLD_S < due_in_s < HOLD_S:
            return
        msn = window.next_msn
        with suppress(TimeoutError, PlaylistRefused):
            async with asyncio.timeout(HOLD_S + due_in_s if due_in_s > 0 else HOLD_S):
                for output in listed:
                    await output.wait_begun(msn)

    async def wait_media(self, outputs: Mapping[str, RenditionOutput], now_s: float) -> None:
        """Where there is no media near the live edge, for a while until there is.

        A player that joins in a hole at the end stays in it when media comes again. So it is after a restart,
        until the slate is there.
        """
        listed = [output for output in outputs.values() if output.listed]
        newest_s = max((_media_came_s(output.window) for output in listed), default=now_s)
        if now_s - newest_s < STALE_S:
            return
        with suppress(TimeoutError, PlaylistRefused):
            async with asyncio.timeout(MEDIA_PATIENCE_S):
                await listed[0].wait_media()

    def clock_ms(self, now_s: float) -> int:
        """Unix time by the stream's own clock, which no step of the wall clock moves."""
        return round(1000 * self._timeline.program_time_s(self._timeline.at(now_s)))

    def _row(
        self, period: Period, output: RenditionOutput, frame_rates: Mapping[str, Fraction], *, live: bool
    ) -> Row | None:
        """A rendition within a Period; None where nothing of it is left, or of it nothing is known."""
        name = output.rendition.name
        member = period.members[name]
        segments = self._plan.segments(period, name, output.window)
        track = self._track(member.init)
        if not segments or track is None:
            return None
        timescale = segments[0].timescale
        entries = segment_timeline(
            segments,
            is_open=segments[-1] is output.window.open_segment,
            nominal_s=self._segment_target_s,
        )
        key = (period.id, name)
        bandwidth_bps, frame_rate = self._told.get(key, (0, frame_rates.get(name)))
        if not bandwidth_bps or period is self._plan.periods[-1]:
            bandwidth_bps = _bandwidth_bps(output)
        self._told[key] = bandwidth_bps, frame_rate
        end_ticks = entries[-1].time + entries[-1].duration * (entries[-1].repeat + 1)
        longest_s = max(entry.duration for entry in entries) / timescale
        representation = dash.Representation(
            id=name,
            bandwidth_bps=bandwidth_bps,
            codecs=rfc6381(track),
            initialization=f"{name}/{member.init.name}",
            media=f"{name}/{member.prefix}$Number$.m4s",
            start_number=segments[0].msn,
            timescale=timescale,
            presentation_time_offset=period.start_ms * timescale // 1000,
            # What is listed has begun, and its first part is there.
            availability_time_offset_s=max(0.0, longest_s - self._config.part_target_s) if live else None,
            entries=entries,
            width=track.width,
            height=track.height,
            sample_aspect=track.sample_aspect,
            frame_rate=track.frame_rate or frame_rate,
            sample_rate=track.sample_rate,
            channels=track.channels,
        )
        return Row(output.rendition, track, representation, -(-end_ticks * 1000 // timescale))

    def _track(self, init: Init) -> Track | None:
        if init.data not in self._tracks:
            told = {member.init.data for each in self._plan.periods for member in each.members.values()}
            self._tracks = {data: track for data, track in self._tracks.items() if data in told}
            self._tracks[init.data] = described_track(init.data)
        return self._tracks[init.data]


def _bandwidth_bps(output: RenditionOutput) -> int:
    """Measured; before the first segment has ended, what is to be expected."""
    measured = output.window.bandwidth.peak_bps
    if measured is not None:
        return measured
    if output.rendition.bitrate_bps is not None:
        return round(output.rendition.bitrate_bps * EXPECTED_OVERHEAD)
    statistics = output.window.statistics()
    return max(64_000, round(statistics.listed_bytes * 8 / max(0.1, statistics.listed_s)))


def _next_begins_s(window: MediaWindow) -> float:
    """When the first part of the next segment is to be expected, on the monotonic clock."""
    newest = list(window.newest_segments(max(0, window.last_msn - window.first_msn)))
    if not newest:
        return math.inf
    ahead = 1 if window.open_segment is not None else 0
    return newest[-1].closed_s + ahead * newest[-1].duration_us / US_PER_S + window.config.part_target_s


def _media_came_s(window: MediaWindow) -> float:
    """When the newest segment with media was closed, or one is open now; on the monotonic clock."""
    if window.open_segment is not None and not window.open_segment.gap:
        return math.inf
    return max(
        (segment.closed_s for segment in window.newest_segments(0) if not segment.gap), default=math.inf
    )


def _seen(output: RenditionOutput) -> Key:
    """Changes with everything that an MPD says of a rendition."""
    window = output.window
    return (
        output.rendition.name,
        output.listed,
        window.first_msn,
        window.next_msn,
        window.last_msn,
        window.ended,
    )
