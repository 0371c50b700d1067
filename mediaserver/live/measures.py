"""What is measured of one stream: what comes in, how late its parts are, how old what viewers get is. Pure.

Times are seconds. ``now_s`` and arrival times are of one monotonic clock; media times are of the stream's
timeline, which goes on over publications (a publication's own times plus its offset).
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from mediaserver.live.rate import RateMeter
from transcoder.media import AccessUnit, Kind

LATENESS_BOUNDS_S: Final = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0)
"""Upper bounds of the lateness histogram; above the last one there is a bucket more."""
BASELINE_SPAN_S: Final = 30
"""A part is late against the most punctual one of this time: a constant delay is no lateness."""
RECENT_SPAN_S: Final = 10
RATE_SPAN_S: Final = 5
ROUNDING_S: Final = 0.002
"""Of times that came as milliseconds."""
REMEMBERED_UNITS: Final = 2_048
"""Arrival times kept, of the leading track: half a minute of 60 pictures a second."""


@dataclass(frozen=True, slots=True)
class RenditionMeasured:
    """How one rendition's parts come."""

    parts: int
    """Since the run began."""
    part_lateness_s: float
    """The most of the last ten seconds."""
    lateness_sum_s: float
    lateness_counts: tuple[int, ...]
    """Parts up to each of :data:`LATENESS_BOUNDS_S`, then all: cumulative."""
    latency_s: float | None
    """From the arrival of the last frame in the newest part until now; None before there is one."""


@dataclass(frozen=True, slots=True)
class StreamMeasured:
    """A moment's view."""

    input_bps: float
    fps: Mapping[int, float]
    """Pictures a second as they arrive, by track id."""
    keyframe_interval_s: float | None
    """Between the last two sync pictures of the leading video track, in media time."""
    latency_s: float | None
    """Of the freshest rendition."""
    bytes_out: Mapping[str, int]
    """Handed to viewers since the start of the process: ``playlist`` and ``media``."""
    renditions: Mapping[str, RenditionMeasured]


class _Recent:
    """The least or the most of a value over the last ``span_s`` seconds, in buckets of one second."""

    def __init__(self, span_s: int, choose: Callable[[float, float], float]) -> None:
        self._span_s = span_s
        self._choose = choose
        self._buckets: deque[tuple[int, float]] = deque()

    def add(self, value: float, now_s: float) -> None:
        second = int(now_s)
        if self._buckets and self._buckets[-1][0] == second:
            value = self._choose(value, self._buckets.pop()[1])
        self._buckets.append((second, value))

    def value(self, now_s: float) -> float | None:
        while self._buckets and self._buckets[0][0] < int(now_s) - self._span_s:
            self._buckets.popleft()
        chosen: float | None = None
        for _, value in self._buckets:
            chosen = value if chosen is None else self._choose(chosen, value)
        return chosen


@dataclass(slots=True)
class _Rendition:
    delay: _Recent = field(default_factory=lambda: _Recent(BASELINE_SPAN_S, min))
    lateness: _Recent = field(default_factory=lambda: _Recent(RECENT_SPAN_S, max))
    parts: int = 0
    lateness_sum_s: float = 0.0
    counts: list[int] = field(default_factory=lambda: [0] * (len(LATENESS_BOUNDS_S) + 1))
    newest_arrival_s: float | None = None


@dataclass(slots=True)
class _Source:
    """What is known of the publication on air."""

    offset_s: float = 0.0
    bytes_in: RateMeter = field(default_factory=lambda: RateMeter(RATE_SPAN_S))
    frames: dict[int, RateMeter] = field(default_factory=dict)
    leader: int | None = None
    leader_is_video: bool = False
    last_sync_s: float | None = None
    keyframe_interval_s: float | None = None
    times_s: list[float] = field(default_factory=list)
    """Media times of the leader's units on the stream's timeline, rising; and when each arrived."""
    arrivals_s: list[float] = field(default_factory=list)

    def remember(self, time_s: float, arrival_s: float) -> None:
        times_s, arrivals_s = self.times_s, self.arrivals_s
        # A source may go back in time within the limits of its timeline; the list must stay sorted.
        while times_s and times_s[-1] >= time_s:
            times_s.pop()
            arrivals_s.pop()
        times_s.append(time_s)
        arrivals_s.append(arrival_s)
        if len(times_s) > REMEMBERED_UNITS:
            del times_s[: REMEMBERED_UNITS // 2], arrivals_s[: REMEMBERED_UNITS // 2]

    def last_arrival_s(self, from_s: float, until_s: float) -> float | None:
        """When the last unit that begins in this span of media time arrived."""
        last = bisect_left(self.times_s, until_s - ROUNDING_S) - 1
        return self.arrivals_s[last] if last >= 0 and self.times_s[last] >= from_s - ROUNDING_S else None


class StreamMeasures:
    """Told of every source unit and every part of one stream; answers :meth:`snapshot`.

    Its memory is bounded, and each call costs a few operations, whatever comes in.
    """

    def __init__(self) -> None:
        self._source = _Source()
        self._renditions: dict[str, _Rendition] = {}
        self._bytes_out: Counter[str] = Counter()

    def began(self, offset_s: float) -> None:
        """A publication whose times lie ``offset_s`` before those of the stream's timeline."""
        self._source = _Source(offset_s)
        self._forget_delays()

    def ended(self) -> None:
        """The publication is over; what the renditions get from now on is not its media."""
        self.began(0.0)

    def new_run(self) -> None:
        """Other playlists under the same name: their parts are counted from nothing."""
        self._renditions.clear()

    def saw(self, unit: AccessUnit, now_s: float) -> None:
        """One unit of the source, in decoding order."""
        source = self._source
        source.bytes_in.add(len(unit.payload), now_s)
        is_video = unit.codec.kind is Kind.VIDEO
        if is_video:
            source.frames.setdefault(unit.track_id, RateMeter(RATE_SPAN_S)).add(1, now_s)
        if source.leader is None or (is_video and not source.leader_is_video):
            source.leader, source.leader_is_video = unit.track_id, is_video
            source.times_s.clear()
            source.arrivals_s.clear()
        if unit.track_id != source.leader:
            return
        if is_video and unit.sync:
            if source.last_sync_s is not None:
                source.keyframe_interval_s = max(0.0, unit.dts_s - source.last_sync_s)
            source.last_sync_s = unit.dts_s
        source.remember(unit.dts_s + source.offset_s, unit.arrival_s)

    def part_added(self, rendition: str, duration_s: float, media_end_s: float, now_s: float) -> None:
        """A part that ends at ``media_end_s`` of the stream's timeline is now in the playlist."""
        seen = self._renditions.setdefault(rendition, _Rendition())
        delay_s = now_s - media_end_s
        seen.delay.add(delay_s, now_s)
        baseline_s = seen.delay.value(now_s)
        lateness_s = 0.0 if baseline_s is None else delay_s - baseline_s
        seen.lateness.add(lateness_s, now_s)
        seen.parts += 1
        seen.lateness_sum_s += lateness_s
        for index in range(bisect_left(LATENESS_BOUNDS_S, lateness_s), len(seen.counts)):
            seen.counts[index] += 1
        arrival_s = self._source.last_arrival_s(media_end_s - duration_s, media_end_s)
        if arrival_s is not None:
            seen.newest_arrival_s = arrival_s

    def viewer_bytes(self, kind: str, count: int) -> None:
        """``count`` bytes of a kind (a word of ours) were handed to viewers."""
        self._bytes_out[kind] += count

    def input_bps(self, now_s: float) -> float:
        """What the publisher sends, alone."""
        return 8 * self._source.bytes_in.per_second(now_s)

    def snapshot(self, now_s: float) -> StreamMeasured:
        """What is known at ``now_s``."""
        source = self._source
        renditions = {name: _measured(seen, now_s) for name, seen in self._renditions.items()}
        latencies = [seen.latency_s for seen in renditions.values() if seen.latency_s is not None]
        return StreamMeasured(
            input_bps=self.input_bps(now_s),
            fps=MappingProxyType({track: meter.per_second(now_s) for track, meter in source.frames.items()}),
            keyframe_interval_s=source.keyframe_interval_s,
            latency_s=min(latencies, default=None),
            bytes_out=MappingProxyType(dict(self._bytes_out)),
            renditions=MappingProxyType(renditions),
        )

    def _forget_delays(self) -> None:
        """A new baseline: another source has another delay, and that is nobody's lateness."""
        for seen in self._renditions.values():
            seen.delay = _Recent(BASELINE_SPAN_S, min)
            seen.newest_arrival_s = None


def _measured(seen: _Rendition, now_s: float) -> RenditionMeasured:
    return RenditionMeasured(
        parts=seen.parts,
        part_lateness_s=seen.lateness.value(now_s) or 0.0,
        lateness_sum_s=seen.lateness_sum_s,
        lateness_counts=tuple(seen.counts),
        latency_s=None if seen.newest_arrival_s is None else max(0.0, now_s - seen.newest_arrival_s),
    )
