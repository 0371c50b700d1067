"""How our metrics are named and made: the prefix, and one short way to each kind of Prometheus family."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

PREFIX: Final = "mediaserver"


def gauge(name: str, text: str, labels: Iterable[str] = ()) -> GaugeMetricFamily:
    """A value that goes up and down."""
    return GaugeMetricFamily(f"{PREFIX}_{name}", text, labels=list(labels))


def counter(name: str, text: str, labels: Iterable[str] = ()) -> CounterMetricFamily:
    """A count since something began; its samples end in ``_total``."""
    return CounterMetricFamily(f"{PREFIX}_{name}", text, labels=list(labels))


def histogram(name: str, text: str, labels: Iterable[str] = ()) -> HistogramMetricFamily:
    """Counts by upper bound; fill it with :func:`buckets`."""
    return HistogramMetricFamily(f"{PREFIX}_{name}", text, labels=list(labels))


def buckets(bounds: Sequence[float], cumulative: Sequence[int]) -> list[tuple[str, float]]:
    """``cumulative`` has one count for each bound, and one for all."""
    names = [*(f"{bound:g}" for bound in bounds), "+Inf"]
    return list(zip(names, map(float, cumulative), strict=True))
