"""The server's own series: is it ready, how late is its event loop, what is in its store."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from prometheus_client.core import Metric

from mediaserver.loop_lag import BOUNDS_S
from mediaserver.metrics_families import buckets, counter, gauge, histogram

if TYPE_CHECKING:
    from mediaserver.live.archive import ArchiveStatistics
    from mediaserver.loop_lag import LoopLagStatistics


def loop_metrics(seen: LoopLagStatistics) -> Iterator[Metric]:
    """The event loop: how late it is, and how many tasks it has."""
    lag = histogram("event_loop_lag_seconds", "How late a timer of the event loop fires.")
    lag.add_metric([], buckets(BOUNDS_S, seen.counts), seen.sum_s)
    most = gauge("event_loop_lag_max_seconds", "The most of the last ten seconds.")
    most.add_metric([], seen.recent_s)
    tasks = gauge("tasks", "asyncio tasks that have not ended.")
    tasks.add_metric([], len(asyncio.all_tasks()))
    yield from (lag, most, tasks)


def readiness_metrics(answers: Mapping[str, bool]) -> Iterator[Metric]:
    """What ``/readyz`` says, check by check."""
    ready = gauge("ready", "1 where this check of /readyz says ok.", ["check"])
    for name, is_good in answers.items():
        ready.add_metric([name], is_good)
    yield ready


def store_metrics(seen: ArchiveStatistics) -> Iterator[Metric]:
    """The object store behind the windows."""
    objects = counter("store_objects", "Objects written to the store.")
    objects.add_metric([], seen.stored_objects)
    written = counter("store_bytes", "Bytes written to the store.")
    written.add_metric([], seen.stored_bytes)
    deleted = counter("store_deleted_objects", "Objects deleted because their time was over.")
    deleted.add_metric([], seen.deleted_objects)
    failures = counter("store_failures", "Calls of the store that failed; they are tried again.")
    failures.add_metric([], seen.failures)
    loads = counter("store_loads", "Objects read from the store for viewers.")
    loads.add_metric([], seen.loads)
    waiting = gauge("store_waiting_segments", "Segments that are in memory only until they are stored.")
    waiting.add_metric([], seen.waiting_segments)
    cache = gauge("store_cache_bytes", "Stored objects that are held in memory.")
    cache.add_metric([], seen.cache_bytes)
    yield from (objects, written, deleted, failures, loads, waiting, cache)
