"""The doors' series: RTMP, HTTP, the relays' hook, and the limits that peers ran into."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client.core import Metric

from ingest.rtmp.limits import Limit
from mediaserver.metrics_families import counter, gauge

if TYPE_CHECKING:
    from ingest.rtmp.server import ServerStatistics
    from mediaserver.web.app import WebStatistics
    from mediaserver.web.listener import ListenerStatistics


def rtmp_metrics(seen: ServerStatistics) -> Iterator[Metric]:
    """Publishers' connections."""
    open_now = gauge("rtmp_connections", "Open RTMP connections.")
    open_now.add_metric([], len(seen.connections))
    accepted = counter("rtmp_accepted", "RTMP connections since the start.")
    accepted.add_metric([], seen.accepted)
    refused = counter("rtmp_refused", "Publishers that were refused, by why.", ["reason"])
    refused.add_metric(["limit"], seen.turned_away)
    refused.add_metric(["not_allowed"], seen.refused)
    refused.add_metric(["protocol"], seen.failed)
    limited = counter("rtmp_limited", "How often peers ran into a limit, by which.", ["limit"])
    # With those that nobody has run into yet: what appears with its first count is no increase to Prometheus.
    for limit in Limit:
        limited.add_metric([limit.value], seen.limited.get(limit, 0))
    yield from (open_now, accepted, refused, limited)


def web_metrics(web: WebStatistics, listener: ListenerStatistics) -> Iterator[Metric]:
    """Answers, bytes, connections, limits."""
    requests = counter("http_requests", "Answers by class of status.", ["status"])
    for status in ("2xx", "3xx", "4xx", "5xx"):
        requests.add_metric([status], web.requests.get(status, 0))
    sent = counter("http_live_bytes", "Bytes of live media handed to viewers.", ["kind"])
    sent.add_metric(["playlist"], web.playlist_bytes)
    sent.add_metric(["media"], web.media_bytes)
    connections = gauge("http_connections", "Open HTTP connections.")
    connections.add_metric([], listener.connections)
    unsent = gauge("http_unsent_bytes", "Bytes that readers have not taken yet.")
    unsent.add_metric([], listener.unsent_bytes)
    closed = counter("http_closed", "HTTP connections closed by us, by why.", ["reason"])
    closed.add_metric(["stalled"], listener.stalled_closed)
    closed.add_metric(["limit"], listener.refused)
    limited = counter("http_rate_limited", "Requests above http.max_requests_per_address_s.")
    limited.add_metric([], web.rate_limited)
    hook = counter("relay_hook_calls", "What nginx-rtmp asked, by answer.", ["answer"])
    hook.add_metric(["accepted"], web.hook.accepted)
    hook.add_metric(["refused"], web.hook.refused)
    hook.add_metric(["not_a_relay"], web.hook.foreign)
    yield from (requests, sent, connections, unsent, closed, limited, hook)
