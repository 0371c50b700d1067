"""The only module that knows Prometheus: reads the parts' ``statistics()`` when somebody scrapes.

Nothing is counted here and nothing is kept: a label's values are the names of streams that exist at that
moment, so no request for a name that does not exist can add a series.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from mediaserver.live.states import StreamState

if TYPE_CHECKING:
    from ingest.rtmp.server import ServerStatistics
    from mediaserver.live.stream import LiveStream
    from mediaserver.web.app import WebStatistics
    from mediaserver.web.listener import ListenerStatistics

PREFIX: Final = "mediaserver"


class Metrics:
    """One page of metrics. Each ``watch_…`` adds a part to it."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        self._registry.register(_Source(_loop_metrics))

    def expose(self) -> tuple[bytes, str]:
        """The page and its content type."""
        return generate_latest(self._registry), CONTENT_TYPE_LATEST

    def watch_streams(self, streams: Callable[[], Iterable[LiveStream]]) -> None:
        """States, viewers, input, and what went wrong on the way to the playlists."""
        self._registry.register(_Source(lambda: _stream_metrics(streams())))

    def watch_rtmp(self, statistics: Callable[[], ServerStatistics]) -> None:
        """Publishers' connections."""
        self._registry.register(_Source(lambda: _rtmp_metrics(statistics())))

    def watch_web(self, web: Callable[[], WebStatistics], listener: Callable[[], ListenerStatistics]) -> None:
        """Answers by class, bytes to viewers, connections."""
        self._registry.register(_Source(lambda: _web_metrics(web(), listener())))


class _Source(Collector):
    def __init__(self, read: Callable[[], Iterable[Metric]]) -> None:
        self._read = read

    def collect(self) -> Iterable[Metric]:
        return self._read()


def _gauge(name: str, text: str, labels: Iterable[str] = ()) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{PREFIX}_{name}", text, labels=list(labels))


def _counter(name: str, text: str, labels: Iterable[str] = ()) -> CounterMetricFamily:
    return CounterMetricFamily(f"{PREFIX}_{name}", text, labels=list(labels))


def _loop_metrics() -> Iterator[Metric]:
    """What only the process itself can count: a leak of tasks shows nowhere else."""
    tasks = _gauge("loop_tasks", "Tasks of the event loop, this request's own among them.")
    with suppress(RuntimeError):  # Read outside of the event loop, as no server does.
        tasks.add_metric([], len(asyncio.all_tasks()))
    yield tasks


def _stream_metrics(streams: Iterable[LiveStream]) -> Iterator[Metric]:
    states: Counter[StreamState] = Counter()
    viewers = _gauge("stream_viewers", "Sessions that asked for a playlist lately.", ["stream"])
    waiting = _gauge("stream_waiting_requests", "Requests held until a part is there.", ["stream"])
    input_bps = _gauge("stream_input_bps", "What the publisher sends, bits per second.", ["stream"])
    dropped = _counter("stream_dropped_units", "Units that did not fit any segment.", ["stream"])
    gaps = _counter("stream_gap_segments", "Segments without media, of this publication.", ["stream"])
    long_segments = _counter(
        "stream_overlong_segments", "Segments longer than the target duration.", ["stream", "rendition"]
    )
    long_parts = _counter(
        "stream_overlong_parts", "Parts longer than the part target.", ["stream", "rendition"]
    )
    restarts = _counter("worker_restarts", "Times the live worker was replaced.", ["stream"])
    lost = _counter("worker_dropped_units", "Units that were never decoded.", ["stream"])
    speed = _gauge("worker_rung_speed", "Encoding speed, 1.0 is real time.", ["stream", "rendition"])
    for stream in streams:
        seen = stream.statistics()
        states[seen.state] += 1
        if seen.state is StreamState.OFFLINE:
            continue
        labels = [stream.name]
        viewers.add_metric(labels, seen.viewers)
        waiting.add_metric(labels, seen.waiting_requests)
        input_bps.add_metric(labels, seen.input_bps)
        dropped.add_metric(labels, seen.dropped_units)
        gaps.add_metric(labels, seen.gap_segments)
        for output in stream.renditions:
            window = output.window.statistics()
            long_segments.add_metric([stream.name, output.rendition.name], window.overlong_segments)
            long_parts.add_metric([stream.name, output.rendition.name], window.overlong_parts)
        transcoding = stream.broadcast.transcoding if stream.broadcast is not None else None
        if transcoding is not None:
            at_work = transcoding.worker.statistics()
            restarts.add_metric(labels, at_work.restarts)
            lost.add_metric(labels, at_work.dropped + transcoding.dropped_units)
            for rung in at_work.rungs:
                speed.add_metric([stream.name, rung.rendition], rung.speed)
    by_state = _gauge("streams", "Streams by state.", ["state"])
    for state in StreamState:
        by_state.add_metric([state.value], states[state])
    yield by_state
    yield from (viewers, waiting, input_bps, dropped, gaps, long_segments, long_parts, restarts, lost, speed)


def _rtmp_metrics(seen: ServerStatistics) -> Iterator[Metric]:
    open_now = _gauge("rtmp_connections", "Open RTMP connections.")
    open_now.add_metric([], len(seen.connections))
    ended = _counter("rtmp_accepted", "RTMP connections since the start.")
    ended.add_metric([], seen.accepted)
    refused = _counter("rtmp_refused", "Publishers that were refused, by why.", ["reason"])
    refused.add_metric(["limit"], seen.turned_away)
    refused.add_metric(["not_allowed"], seen.refused)
    refused.add_metric(["protocol"], seen.failed)
    yield from (open_now, ended, refused)


def _web_metrics(web: WebStatistics, listener: ListenerStatistics) -> Iterator[Metric]:
    requests = _counter("http_requests", "Answers by class of status.", ["status"])
    for status in ("2xx", "3xx", "4xx", "5xx"):
        requests.add_metric([status], web.requests.get(status, 0))
    sent = _counter("http_live_bytes", "Bytes of live media handed to viewers.", ["kind"])
    sent.add_metric(["playlist"], web.playlist_bytes)
    sent.add_metric(["media"], web.media_bytes)
    connections = _gauge("http_connections", "Open HTTP connections.")
    connections.add_metric([], listener.connections)
    unsent = _gauge("http_unsent_bytes", "Bytes that readers have not taken yet.")
    unsent.add_metric([], listener.unsent_bytes)
    closed = _counter("http_closed", "HTTP connections closed by us, by why.", ["reason"])
    closed.add_metric(["stalled"], listener.stalled_closed)
    closed.add_metric(["limit"], listener.refused)
    yield from (requests, sent, connections, unsent, closed)
