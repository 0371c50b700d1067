"""Dates in playlists and manifests."""

from __future__ import annotations

from datetime import UTC, datetime


def date_time(unix_ms: int) -> str:
    """ISO 8601 (RFC 8216bis 4.4.4.6), which is an xs:dateTime too, in UTC, to the millisecond."""
    seconds, milliseconds = divmod(unix_ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{milliseconds:03d}Z"
