"""A stream's series: what comes in, how its parts come, what its worker does, who watches."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from prometheus_client.core import Metric

from mediaserver.live.measures import LATENESS_BOUNDS_S
from mediaserver.live.states import StreamState
from mediaserver.metrics_families import buckets, counter, gauge, histogram
from mediaserver.process_usage import usage_of

if TYPE_CHECKING:
    from mediaserver.live.measures import StreamMeasured
    from mediaserver.live.stream import LiveStream, StreamStatistics
    from transcoder.livejob import WorkerStatistics

RENDITION = ("stream", "rendition")


def stream_metrics(streams: Iterable[LiveStream]) -> Iterator[Metric]:
    """The series of every stream that is not offline, and how many streams are in each state."""
    now_s = time.monotonic()
    states: Counter[StreamState] = Counter()
    source, delivery, renditions, workers = _Source(), _Delivery(), _Renditions(), _Workers()
    for stream in streams:
        seen = stream.statistics()
        states[seen.state] += 1
        if seen.state is StreamState.OFFLINE:
            continue
        measured = stream.measures.snapshot(now_s)
        source.add(stream, seen, measured)
        delivery.add(stream, seen, measured, stream.viewers.by_protocol(now_s))
        renditions.add(stream, seen, measured)
        workers.add(stream)
    by_state = gauge("streams", "Streams by state.", ["state"])
    for state in StreamState:
        by_state.add_metric([state.value], states[state])
    yield by_state
    for part in (source, delivery, renditions, workers):
        yield from vars(part).values()


class _Source:
    """What the publisher sends."""

    def __init__(self) -> None:
        self.input = gauge("stream_input_bps", "What the publisher sends, bits per second.", ["stream"])
        self.fps = gauge("stream_input_fps", "Pictures a second as they arrive.", ["stream", "track"])
        self.keyframes = gauge(
            "stream_keyframe_interval_seconds", "Between the last two sync pictures, media time.", ["stream"]
        )
        self.corrections = counter(
            "stream_timestamp_corrections", "Timestamps of this publication that were corrected.", ["stream"]
        )

    def add(self, stream: LiveStream, seen: StreamStatistics, measured: StreamMeasured) -> None:
        self.input.add_metric([stream.name], seen.input_bps)
        for track_id, fps in measured.fps.items():
            self.fps.add_metric([stream.name, str(track_id)], fps)
        if measured.keyframe_interval_s is not None:
            self.keyframes.add_metric([stream.name], measured.keyframe_interval_s)
        corrections = stream.publication.corrections if stream.publication is not None else None
        if corrections is not None:
            self.corrections.add_metric([stream.name], corrections())


class _Delivery:
    """Who watches, and what they got."""

    def __init__(self) -> None:
        self.viewers = gauge("stream_viewers", "Sessions that asked for a playlist lately.", ["stream"])
        self.by_protocol = gauge(
            "stream_viewers_by_protocol", "The same, by protocol.", ["stream", "protocol"]
        )
        self.waiting = gauge("stream_waiting_requests", "Requests held until a part is there.", ["stream"])
        self.sent = counter("stream_sent_bytes", "Bytes handed to viewers.", ["stream", "kind"])
        self.latency = gauge(
            "stream_latency_seconds",
            "From the arrival of the last frame in the newest listed part until now.",
            ["stream"],
        )

    def add(
        self,
        stream: LiveStream,
        seen: StreamStatistics,
        measured: StreamMeasured,
        by_protocol: Mapping[str, int],
    ) -> None:
        self.viewers.add_metric([stream.name], seen.viewers)
        for protocol, count in by_protocol.items():
            self.by_protocol.add_metric([stream.name, protocol], count)
        self.waiting.add_metric([stream.name], seen.waiting_requests)
        for kind, count in measured.bytes_out.items():
            self.sent.add_metric([stream.name, kind], count)
        if measured.latency_s is not None and seen.state is StreamState.LIVE:
            self.latency.add_metric([stream.name], measured.latency_s)


class _Renditions:
    """How segments and parts come."""

    def __init__(self) -> None:
        self.dropped = counter("stream_dropped_units", "Units that did not fit any segment.", ["stream"])
        self.gaps = counter("stream_gap_segments", "Segments without media, of this publication.", ["stream"])
        self.long_segments = counter(
            "stream_overlong_segments", "Segments longer than the target duration.", RENDITION
        )
        self.long_parts = counter("stream_overlong_parts", "Parts longer than the part target.", RENDITION)
        self.lateness = histogram(
            "stream_part_lateness_seconds",
            "How much later a part came than the most punctual one of the last half minute.",
            RENDITION,
        )
        self.latest = gauge(
            "stream_part_lateness_max_seconds", "The most of the last ten seconds.", RENDITION
        )

    def add(self, stream: LiveStream, seen: StreamStatistics, measured: StreamMeasured) -> None:
        self.dropped.add_metric([stream.name], seen.dropped_units)
        self.gaps.add_metric([stream.name], seen.gap_segments)
        for output in stream.renditions:
            labels = [stream.name, output.rendition.name]
            window = output.window.statistics()
            self.long_segments.add_metric(labels, window.overlong_segments)
            self.long_parts.add_metric(labels, window.overlong_parts)
            parts = measured.renditions.get(output.rendition.name)
            if parts is None:
                continue
            counts = buckets(LATENESS_BOUNDS_S, parts.lateness_counts)
            self.lateness.add_metric(labels, counts, parts.lateness_sum_s)
            self.latest.add_metric(labels, parts.part_lateness_s)


class _Workers:
    """What the child that encodes does, and what it takes of the machine."""

    def __init__(self) -> None:
        self.running = gauge("worker_running", "1 while the live worker encodes.", ["stream"])
        self.pid = gauge("worker_pid", "Its process.", ["stream"])
        self.memory = gauge("worker_resident_memory_bytes", "Memory of its process.", ["stream"])
        self.cpu = counter("worker_cpu_seconds", "Processor time of its process.", ["stream"])
        self.restarts = counter("worker_restarts", "Times the live worker was replaced.", ["stream"])
        self.lost = counter("worker_dropped_units", "Units that were never decoded.", ["stream"])
        self.lag = gauge("worker_lag_seconds", "Age of the oldest unit not yet decoded.", ["stream"])
        self.speed = gauge("worker_rung_speed", "Encoding speed, 1.0 is real time.", RENDITION)
        self.given_up = gauge(
            "worker_rung_given_up", "1 while the machine is too slow for this rung.", RENDITION
        )
        self.encoder = gauge(
            "worker_rung_encoder_info", "Which encoder makes this rung.", [*RENDITION, "encoder"]
        )

    def add(self, stream: LiveStream) -> None:
        transcoding = stream.broadcast.transcoding if stream.broadcast is not None else None
        if transcoding is None:
            return
        at_work = transcoding.worker.statistics()
        labels = [stream.name]
        self.running.add_metric(labels, at_work.state.value == "running")
        self.restarts.add_metric(labels, at_work.restarts)
        self.lost.add_metric(labels, at_work.dropped + transcoding.dropped_units)
        self.lag.add_metric(labels, at_work.lag_s)
        if at_work.pid is not None:
            self.pid.add_metric(labels, at_work.pid)
            if (usage := usage_of(at_work.pid)) is not None:
                self.memory.add_metric(labels, usage.resident_bytes)
                self.cpu.add_metric(labels, usage.cpu_s)
        self._add_rungs(stream.name, at_work)

    def _add_rungs(self, stream: str, at_work: WorkerStatistics) -> None:
        for rung in at_work.rungs:
            labels = [stream, rung.rendition]
            self.speed.add_metric(labels, rung.speed)
            self.given_up.add_metric(labels, rung.rendition in at_work.given_up)
            if rung.encoder is not None:
                self.encoder.add_metric([*labels, rung.encoder.value], 1)
        for name in at_work.given_up - {rung.rendition for rung in at_work.rungs}:
            self.given_up.add_metric([stream, name], 1)
