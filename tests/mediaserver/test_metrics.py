"""The metrics page, read back by Prometheus' own parser."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from ingest.rtmp.limits import Limit
from ingest.rtmp.server import ServerStatistics
from mediaserver.live.archive import ArchiveStatistics
from mediaserver.live.states import StreamState
from mediaserver.loop_lag import LoopLag
from mediaserver.metrics import Metrics
from mediaserver.web.app import WebStatistics
from mediaserver.web.hooks import HookStatistics
from mediaserver.web.listener import ListenerStatistics
from tests.mediaserver.web.fakes import FakeRegistry
from transcoder.encoders import Encoder
from transcoder.media import AccessUnit, Codec
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
            state=WorkerState.RUNNING,
            pid=os.getpid(),
            restarts=2,
            units_in=10,
            units_out=10,
            dropped=3,
            damaged=0,
            waiting=0,
            lag_s=0.5,
            given_up=frozenset({"480p", "360p"}),
            rungs=(
                RungSpeed("720p", 10, 1.5, Encoder.SOFTWARE),
                RungSpeed("480p", 5, 0.5, None),
            ),
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
    assert not [key for key in seen if ("stream", "later") in key[1]]


def test_what_a_worker_does_and_costs() -> None:
    registry = FakeRegistry()
    registry.add("show").broadcast = FakeBroadcast(FakeTranscoding(FakeWorker()))  # type: ignore[assignment]
    metrics = Metrics()
    metrics.watch_streams(registry.all)
    seen = samples(metrics)
    show = (("stream", "show"),)
    assert seen["mediaserver_worker_running", show] == 1
    assert seen["mediaserver_worker_pid", show] == os.getpid()
    assert seen["mediaserver_worker_resident_memory_bytes", show] > 1 << 20
    assert seen["mediaserver_worker_cpu_seconds_total", show] > 0
    assert seen["mediaserver_worker_restarts_total", show] == 2
    assert seen["mediaserver_worker_dropped_units_total", show] == 7
    assert seen["mediaserver_worker_lag_seconds", show] == 0.5

    def rung(name: str, **labels: str) -> tuple[tuple[str, str], ...]:
        return tuple(sorted({"stream": "show", "rendition": name, **labels}.items()))

    assert seen["mediaserver_worker_rung_speed", rung("720p")] == 1.5
    assert seen["mediaserver_worker_rung_encoder_info", rung("720p", encoder=Encoder.SOFTWARE.value)] == 1
    given_up = {
        name: seen["mediaserver_worker_rung_given_up", rung(name)] for name in ("720p", "480p", "360p")
    }
    assert given_up == {"720p": 0, "480p": 1, "360p": 1}


def test_what_is_measured_of_a_stream() -> None:
    registry = FakeRegistry()
    live = registry.add("show")
    now_s = time.monotonic()
    for number in range(51):
        tick = number * 3_600
        live.measures.saw(
            AccessUnit(1, Codec.H264, 90_000, tick, tick, 0, tick % 180_000 == 0, b"v", now_s), now_s
        )
    live.measures.part_added("720p", 0.25, 2.0, now_s)
    live.measures.part_added("720p", 0.25, 2.25, now_s + 0.45)
    live.measures.viewer_bytes("media", 70)
    live.viewers.seen("session-1", now_s, "dash")
    metrics = Metrics()
    metrics.watch_streams(registry.all)
    seen = samples(metrics)
    show, rung = (("stream", "show"),), (("rendition", "720p"), ("stream", "show"))
    assert seen["mediaserver_stream_keyframe_interval_seconds", show] == 2.0
    assert seen["mediaserver_stream_input_fps", (("stream", "show"), ("track", "1"))] > 0
    assert seen["mediaserver_stream_part_lateness_seconds_count", rung] == 2
    assert seen["mediaserver_stream_part_lateness_seconds_bucket", (("le", "0.1"), *rung)] == 1
    assert seen["mediaserver_stream_part_lateness_seconds_bucket", (("le", "+Inf"), *rung)] == 2
    assert 0.19 < seen["mediaserver_stream_part_lateness_max_seconds", rung] < 0.21
    assert seen["mediaserver_stream_sent_bytes_total", (("kind", "media"), ("stream", "show"))] == 70
    assert seen["mediaserver_stream_viewers_by_protocol", (("protocol", "dash"), ("stream", "show"))] == 1
    assert seen["mediaserver_stream_latency_seconds", show] >= 0


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
    metrics.watch_rtmp(lambda: ServerStatistics((), 5, 1, 2, 3, {Limit.AMF: 4}))
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
    assert seen["mediaserver_rtmp_limited_total", (("limit", "amf"),)] == 4
    assert seen["mediaserver_rtmp_limited_total", (("limit", "tracks"),)] == 0
    assert seen["mediaserver_http_requests_total", (("status", "2xx"),)] == 7
    assert seen["mediaserver_http_requests_total", (("status", "5xx"),)] == 0
    assert seen["mediaserver_http_live_bytes_total", (("kind", "media"),)] == 20
    assert seen["mediaserver_http_connections", ()] == 4
    assert seen["mediaserver_http_closed_total", (("reason", "stalled"),)] == 1
    assert seen["mediaserver_http_rate_limited_total", ()] == 6
    assert seen["mediaserver_relay_hook_calls_total", (("answer", "refused"),)] == 2


async def test_the_server_itself() -> None:
    metrics = Metrics("1.2.3")
    lag = LoopLag()
    lag.saw(0.03, 100.0)
    lag.saw(0.3, 101.0)
    metrics.watch_loop(lag.statistics)
    metrics.watch_readiness(lambda: {"state": True, "storage": False})
    metrics.watch_store(lambda: ArchiveStatistics(1, 2, 3, 4, 5, 6, 7, 8))
    seen = samples(metrics)
    assert seen["mediaserver_build_info", (("version", "1.2.3"),)] == 1
    assert seen["mediaserver_event_loop_lag_seconds_bucket", (("le", "0.05"),)] == 1
    assert seen["mediaserver_event_loop_lag_seconds_count", ()] == 2
    assert seen["mediaserver_event_loop_lag_max_seconds", ()] == 0.3
    assert seen["mediaserver_tasks", ()] >= 1
    assert seen["mediaserver_ready", (("check", "storage"),)] == 0
    assert seen["mediaserver_store_failures_total", ()] == 6
    assert seen["mediaserver_store_waiting_segments", ()] == 2


def test_the_process_itself() -> None:
    seen = samples(Metrics())
    assert seen["process_resident_memory_bytes", ()] > 1 << 20
    assert seen["process_open_fds", ()] > 0
