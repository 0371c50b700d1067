"""Playlists as the end-to-end tests look at them: in seconds, read by the strict reader of our unit tests.

So whatever a test fetches is held against the specification too, on its way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.transcoder.manifests.strict_playlist import StrictPart, read_media, read_multivariant


@dataclass(frozen=True)
class Part:
    uri: str
    duration_s: float
    independent: bool
    gap: bool


@dataclass(frozen=True)
class Segment:
    msn: int
    uri: str
    duration_s: float
    parts: tuple[Part, ...]
    discontinuity: bool
    gap: bool
    program_time: str | None


@dataclass(frozen=True)
class MediaPlaylist:
    text: str
    target_duration_s: int
    part_target_s: float
    server_control: dict[str, str]
    first_msn: int
    discontinuity_sequence: int
    skipped: int
    maps: tuple[str, ...]
    segments: tuple[Segment, ...]
    """With their parts; those that a delta update skips are not here."""
    open_parts: tuple[Part, ...]
    hint: str | None
    reports: dict[str, tuple[int, int]]
    ended: bool

    @property
    def last_msn(self) -> int:
        """Of the newest finished segment."""
        return self.first_msn + self.skipped + len(self.segments) - 1

    @property
    def parts(self) -> list[Part]:
        return [part for segment in self.segments for part in segment.parts] + list(self.open_parts)

    @property
    def position(self) -> tuple[int, int]:
        """msn and part index of the newest part."""
        if self.open_parts:
            return self.last_msn + 1, len(self.open_parts) - 1
        return self.last_msn, len(self.segments[-1].parts) - 1


def read(text: str) -> MediaPlaylist:
    """Parse a media playlist. Raises AssertionError for one that breaks the specification."""
    strict = read_media(text, long_frames=True)
    return MediaPlaylist(
        text,
        strict.target_duration,
        float(strict.part_target),
        strict.server_control,
        strict.media_sequence,
        strict.discontinuity_sequence,
        strict.skipped,
        tuple(re.findall(r'#EXT-X-MAP:URI="([^"]+)"', text)),
        tuple(
            Segment(
                segment.msn,
                segment.uri,
                float(segment.duration),
                _parts(segment.parts),
                segment.discontinuity,
                segment.gap,
                segment.program_time,
            )
            for segment in strict.segments
        ),
        _parts(strict.open_parts),
        strict.hint,
        strict.reports,
        strict.ended,
    )


def _parts(strict: tuple[StrictPart, ...] | list[StrictPart]) -> tuple[Part, ...]:
    return tuple(Part(part.uri, float(part.duration), part.independent, part.gap) for part in strict)


def variants(text: str) -> dict[str, dict[str, str]]:
    """A multivariant playlist's variants by URI."""
    return {uri: attributes for attributes, uri in read_multivariant(text)[0]}
