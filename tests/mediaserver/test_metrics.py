"""The metrics page, read back by Prometheus' own parser."""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from ingest.rtmp.server import ServerStatistics
from mediaserver.live.states import StreamState
from mediaserver.metrics import Metrics
from mediaserver.web.app import WebStatistics
from mediaserver.web.hooks import HookStatistics
from mediaserver.web.listener import ListenerStatistics
from tests.mediaserver.web.fakes import FakeRegistry
from transcoder.supervisor import RungSpeed, WorkerState, WorkerStatistics


def samples(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    body, content_type = metrics.expose()
    assert content_type.startswith("text/plain")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


@dataclass
class FakeWorker:
    def statistics(self) -> WorkerStatistics:
        return WorkerStatistics(
            state=next(iter(WorkerState)),
            pid=1,
            restarts=2,
            units_in=10,
            units_out=10,
            dropped=3,
            damaged=0,
            waiting=0,
            rungs=(RungSpeed("720p", 10, 1.5),),
        )


@dataclass
class FakeTranscoding:
    worker: FakeWorker
    dropped_units: int = 4


@dataclass
class FakeBroadcast:
    transcoding: FakeTranscoding


def test_streams_by_state_and_by_name() -> None:
    registry = FakeRegistry()
    live = registry.add("show")
    live.add_segment()
    live.viewers.seen("session-1", 0.0)
    live.broadcast = FakeBroadcast(FakeTranscoding(FakeWorker()))  # type: ignore[assignment]
    registry.add("later").state = StreamState.OFFLINE
    metrics = Metrics()
    metrics.watch_streams(registry.all)
    seen = samples(metrics)
    show = (("stream", "show"),)
    assert seen["mediaserver_streams", (("state", "live"),)] == 1
    assert seen["mediaserver_streams", (("state", "offline"),)] == 1
    assert seen["mediaserver_streams", (("state", "ended"),)] == 0
    assert seen["mediaserver_stream_viewers", show] == 1
    assert seen["mediaserver_stream_input_bps", show] == 1_000_000
    assert seen["mediaserver_worker_restarts_total", show] == 2
    assert seen["mediaserver_worker_dropped_units_total", show] == 7
    assert seen["mediaserver_worker_rung_speed", (("rendition", "720p"), ("stream", "show"))] == 1.5
    assert not [key for key in seen if ("stream", "later") in key[1]]


def test_a_stream_that_goes_takes_its_series_along() -> None:
    registry = FakeRegistry()
    registry.add("show")
    metrics = Metrics()
    metrics.watch_streams(registry.all)
    assert ("mediaserver_stream_viewers", (("stream", "show"),)) in samples(metrics)
    registry._streams.clear()
    assert not [key for key in samples(metrics) if ("stream", "show") in key[1]]


def test_doors() -> None:
    metrics = Metrics()
    metrics.watch_rtmp(lambda: ServerStatistics((), 5, 1, 2, 3))
    metrics.watch_web(
        lambda: WebStatistics(
            {"2xx": 7, "4xx": 1},
            playlist_bytes=10,
            media_bytes=20,
            hook=HookStatistics(3, 2, 1),
            rate_limited=6,
        ),
        lambda: ListenerStatistics(connections=4, unsent_bytes=9, stalled_closed=1, refused=0),
    )
    seen = samples(metrics)
    assert seen["mediaserver_rtmp_accepted_total", ()] == 5
    assert seen["mediaserver_rtmp_refused_total", (("reason", "protocol"),)] == 3
    assert seen["mediaserver_http_requests_total", (("status", "2xx"),)] == 7
    assert seen["mediaserver_http_requests_total", (("status", "5xx"),)] == 0
    assert seen["mediaserver_http_live_bytes_total", (("kind", "media"),)] == 20
    assert seen["mediaserver_http_connections", ()] == 4
    assert seen["mediaserver_http_closed_total", (("reason", "stalled"),)] == 1


def test_the_process_itself() -> None:
    assert samples(Metrics())["process_resident_memory_bytes", ()] > 1 << 20
