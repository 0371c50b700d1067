"""Reading playlists as a strict player would, independent of our own writer (RFC 8216bis 4.2)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise

_ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"\r\n]*"|[^",\s]+)(?:,|$)')


def attributes(text: str) -> dict[str, str]:
    """An attribute list. Fails on anything that the grammar does not know, and on a name used twice."""
    found: dict[str, str] = {}
    position = 0
    while position < len(text):
        match = _ATTRIBUTE.match(text, position)
        assert match, f"not an attribute list: {text!r}"
        assert match[1] not in found, f"{match[1]} twice in {text!r}"
        found[match[1]] = match[2].strip('"')
        position = match.end()
    return found


@dataclass
class Part:
    uri: str
    duration_s: float
    independent: bool
    gap: bool


@dataclass
class Segment:
    msn: int
    uri: str
    duration_s: float
    parts: list[Part]
    discontinuity: bool
    gap: bool
    program_time: str | None


@dataclass
class MediaPlaylist:
    text: str
    target_duration_s: int = 0
    part_target_s: float = 0.0
    server_control: dict[str, str] = field(default_factory=dict)
    first_msn: int = 0
    discontinuity_sequence: int = 0
    skipped: int = 0
    maps: list[str] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    """With their parts; those that a delta update skips are not here."""
    open_parts: list[Part] = field(default_factory=list)
    hints: list[dict[str, str]] = field(default_factory=list)
    reports: dict[str, tuple[int, int]] = field(default_factory=dict)
    ended: bool = False

    @property
    def last_msn(self) -> int:
        """Of the newest finished segment."""
        return self.first_msn + self.skipped + len(self.segments) - 1

    @property
    def parts(self) -> list[Part]:
        return [part for segment in self.segments for part in segment.parts] + self.open_parts

    @property
    def position(self) -> tuple[int, int]:
        """msn and part index of the newest part."""
        if self.open_parts:
            return self.last_msn + 1, len(self.open_parts) - 1
        return self.last_msn, len(self.segments[-1].parts) - 1


def read(text: str) -> MediaPlaylist:
    """Parse a media playlist."""
    lines = text.splitlines()
    assert lines[0] == "#EXTM3U"
    playlist = MediaPlaylist(text)
    parts: list[Part] = []
    duration_s, discontinuity, gap, program_time = 0.0, False, False, None
    for line in lines[1:]:
        tag, _, value = line.partition(":")
        match tag:
            case "#EXT-X-TARGETDURATION":
                playlist.target_duration_s = int(value)
            case "#EXT-X-PART-INF":
                playlist.part_target_s = float(attributes(value)["PART-TARGET"])
            case "#EXT-X-SERVER-CONTROL":
                playlist.server_control = attributes(value)
            case "#EXT-X-MEDIA-SEQUENCE":
                playlist.first_msn = int(value)
            case "#EXT-X-DISCONTINUITY-SEQUENCE":
                playlist.discontinuity_sequence = int(value)
            case "#EXT-X-SKIP":
                playlist.skipped = int(attributes(value)["SKIPPED-SEGMENTS"])
            case "#EXT-X-MAP":
                playlist.maps.append(attributes(value)["URI"])
            case "#EXT-X-PROGRAM-DATE-TIME":
                program_time = value
            case "#EXT-X-DISCONTINUITY":
                discontinuity = True
            case "#EXT-X-GAP":
                gap = True
            case "#EXTINF":
                duration_s = float(value.rstrip(","))
            case "#EXT-X-PART":
                part = attributes(value)
                parts.append(
                    Part(
                        part["URI"],
                        float(part["DURATION"]),
                        part.get("INDEPENDENT") == "YES",
                        part.get("GAP") == "YES",
                    )
                )
            case "#EXT-X-PRELOAD-HINT":
                playlist.hints.append(attributes(value))
            case "#EXT-X-RENDITION-REPORT":
                report = attributes(value)
                playlist.reports[report["URI"]] = (int(report["LAST-MSN"]), int(report["LAST-PART"]))
            case "#EXT-X-ENDLIST":
                playlist.ended = True
            case "#EXT-X-VERSION" | "#EXT-X-INDEPENDENT-SEGMENTS" | "#EXT-X-DATERANGE":
                pass
            case _:
                assert not line.startswith("#EXT"), f"unexpected tag: {line}"
                msn = playlist.first_msn + playlist.skipped + len(playlist.segments)
                playlist.segments.append(
                    Segment(msn, line, duration_s, parts, discontinuity, gap, program_time)
                )
                parts, duration_s, discontinuity, gap, program_time = [], 0.0, False, False, None
    playlist.open_parts = parts
    return playlist


def variants(text: str) -> dict[str, dict[str, str]]:
    """A multivariant playlist's variants by URI."""
    lines = text.splitlines()
    assert lines[0] == "#EXTM3U"
    return {
        uri: attributes(line.partition(":")[2])
        for line, uri in pairwise(lines)
        if line.startswith("#EXT-X-STREAM-INF")
    }
