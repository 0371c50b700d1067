"""The metrics page: reads the parts' ``statistics()`` when somebody scrapes.

Prometheus is known only to this module and those that are named like it.

Nothing is counted here and nothing is kept: a label's values are the names of streams that exist at that
moment, so no request for a name that does not exist can add a series.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.core import Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from mediaserver.metrics_doors import rtmp_metrics, web_metrics
from mediaserver.metrics_families import gauge
from mediaserver.metrics_process import loop_metrics, readiness_metrics, store_metrics
from mediaserver.metrics_streams import stream_metrics

if TYPE_CHECKING:
    from ingest.rtmp.server import ServerStatistics
    from mediaserver.live.archive import ArchiveStatistics
    from mediaserver.live.stream import LiveStream
    from mediaserver.loop_lag import LoopLagStatistics
    from mediaserver.web.app import WebStatistics
    from mediaserver.web.listener import ListenerStatistics


class Metrics:
    """One page of metrics. Each ``watch_…`` adds a part to it; the page needs the running event loop."""

    def __init__(self, version: str = "") -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        self._add(lambda: _build_info(version))

    def expose(self) -> tuple[bytes, str]:
        """The page and its content type."""
        return generate_latest(self._registry), CONTENT_TYPE_LATEST

    def watch_streams(self, streams: Callable[[], Iterable[LiveStream]]) -> None:
        """States, viewers, input, and what went wrong on the way to the playlists."""
        self._add(lambda: stream_metrics(streams()))

    def watch_rtmp(self, statistics: Callable[[], ServerStatistics]) -> None:
        """Publishers' connections."""
        self._add(lambda: rtmp_metrics(statistics()))

    def watch_web(self, web: Callable[[], WebStatistics], listener: Callable[[], ListenerStatistics]) -> None:
        """Answers by class, bytes to viewers, connections, limits."""
        self._add(lambda: web_metrics(web(), listener()))

    def watch_loop(self, statistics: Callable[[], LoopLagStatistics]) -> None:
        """How late the event loop is."""
        self._add(lambda: loop_metrics(statistics()))

    def watch_readiness(self, answers: Callable[[], Mapping[str, bool]]) -> None:
        """What ``/readyz`` says."""
        self._add(lambda: readiness_metrics(answers()))

    def watch_store(self, statistics: Callable[[], ArchiveStatistics]) -> None:
        """The object store behind the windows."""
        self._add(lambda: store_metrics(statistics()))

    def _add(self, read: Callable[[], Iterable[Metric]]) -> None:
        self._registry.register(_Source(read))


class _Source(Collector):
    def __init__(self, read: Callable[[], Iterable[Metric]]) -> None:
        self._read = read

    def collect(self) -> Iterable[Metric]:
        return self._read()


def _build_info(version: str) -> Iterable[Metric]:
    build = gauge("build_info", "Which version runs.", ["version"])
    build.add_metric([version], 1)
    yield build
