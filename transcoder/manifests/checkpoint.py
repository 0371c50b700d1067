"""A window as others see it: what a successor must know of it, and its figures."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WindowCheckpoint:
    """All that must outlive a window so that its successor goes on where players stand.

    RFC 8216bis 6.2.2: EXT-X-MEDIA-SEQUENCE and EXT-X-DISCONTINUITY-SEQUENCE "MUST NOT decrease or wrap".
    """

    next_msn: int
    discontinuity_sequence: int
    """The Discontinuity Sequence Number of the newest segment."""


@dataclass(frozen=True, slots=True)
class WindowStatistics:
    """A picture of a window, for logs, metrics and tests."""

    version: int
    first_msn: int
    next_msn: int
    discontinuity_sequence: int
    segments: int
    listed_s: float
    """Length of the playlist, the open segment's parts included."""
    fetchable: int
    """Names that lead to bytes now."""
    listed_bytes: int
    memory_bytes: int
    """Of those that can be fetched, as many as are held here and not by the object store alone."""
    overlong_segments: int
    """Segments that broke the target duration since the start: each can stop an Apple player."""
    overlong_parts: int
    """Parts that broke the part target since the start."""
