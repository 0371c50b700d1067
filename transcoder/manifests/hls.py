"""The text of a media playlist (RFC 8216bis section 4).

Finished segments keep their lines; only the head and the live edge are written anew for each version.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from transcoder.manifests.attributes import quoted
from transcoder.manifests.config import WindowConfig
from transcoder.manifests.dateranges import NONE, DateRanges
from transcoder.manifests.dates import date_time
from transcoder.manifests.duration import exact, short
from transcoder.manifests.reload import Skip
from transcoder.manifests.segment import Part, Position, Segment
from transcoder.manifests.window import MediaWindow


@dataclass(frozen=True, slots=True)
class Report:
    """Where another rendition of the same stream stands at this moment (EXT-X-RENDITION-REPORT)."""

    uri: str
    """Its media playlist, relative to the one that carries the report."""
    position: Position


def render(
    window: MediaWindow,
    *,
    skip: Skip | None = None,
    reports: Sequence[Report] = (),
    date_ranges: DateRanges = NONE,
) -> str:
    """The playlist of this moment, or a delta update of it where ``skip`` asks and something can be skipped.

    A window without a part gives a playlist without segments, which players do not take: ask
    ``window.is_playable`` first.
    """
    skipped = skipped_segments(window) if skip is not None else 0
    lines = [_version(skip if skipped else None), _constants(window.config)]
    lines.append(f"#EXT-X-MEDIA-SEQUENCE:{window.first_msn}\n")
    lines.append(f"#EXT-X-DISCONTINUITY-SEQUENCE:{window.discontinuity_sequence}\n")
    first = not skipped
    if skipped:
        lines.append(_skip_line(skip, skipped, date_ranges))
    if not (skipped and skip is Skip.V2):
        # 6.2.5.1: only "v2" skips them; "All tags that were not skipped MUST remain".
        lines.append(date_ranges.older)
    lines.append(date_ranges.newer)
    for segment in window.newest_segments(skipped):
        if segment.text is None:
            segment.text = _finished(segment)
        lines.append(_scope(segment, first) + segment.text)
        first = False
    if window.open_segment is not None:
        lines.append(_scope(window.open_segment, first) + _begun(window.open_segment))
    hint = window.hint
    if hint is None:
        lines.append("#EXT-X-ENDLIST\n")
    else:
        lines.append(f'#EXT-X-PRELOAD-HINT:TYPE=PART,URI="{window.part_name(hint)}"\n')
        lines.extend(_report(report) for report in reports)
    return "".join(lines)


def skipped_segments(window: MediaWindow) -> int:
    """How many of the oldest segments a delta update leaves out; 0 once the stream has ended.

    RFC 8216bis 6.2.5.1: those "that are further from the end of the last (Parent) Media Segment in the
    Playlist than the Skip Boundary". The distance is counted from that end to the end of the segment in
    question, so nothing that crosses the boundary is left out.
    """
    if window.ended:
        return 0
    boundary_us = window.config.can_skip_until_us
    distance_us = window.duration_us
    count = 0
    for segment in window.segments:
        distance_us -= segment.duration_us
        if distance_us <= boundary_us:
            break
        count += 1
    return count


def _version(skip: Skip | None) -> str:
    # RFC 8216bis 8: 6 for EXT-X-MAP without EXT-X-I-FRAMES-ONLY, 9 for EXT-X-SKIP, 10 for an EXT-X-SKIP that
    # replaces EXT-X-DATERANGE. 6.2.1: the version "SHOULD NOT be greater than what is required".
    number = 6 if skip is None else 9 if skip is Skip.YES else 10
    return f"#EXTM3U\n#EXT-X-VERSION:{number}\n"


@lru_cache(maxsize=64)
def _constants(config: WindowConfig) -> str:
    """The tags whose values never change, and that are the same in every rendition (6.2.1, 6.2.4)."""
    return (
        f"#EXT-X-TARGETDURATION:{config.target_duration_s}\n"
        "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES"
        f",PART-HOLD-BACK={short(config.part_hold_back_us)}"
        f",HOLD-BACK={short(config.hold_back_us)}"
        f",CAN-SKIP-UNTIL={short(config.can_skip_until_us)},CAN-SKIP-DATERANGES=YES\n"
        f"#EXT-X-PART-INF:PART-TARGET={short(config.part_target_us)}\n"
    )


def _skip_line(skip: Skip | None, skipped: int, date_ranges: DateRanges) -> str:
    text = f"#EXT-X-SKIP:SKIPPED-SEGMENTS={skipped}"
    if skip is Skip.V2:
        # 4.4.5.2: RECENTLY-REMOVED-DATERANGES is "REQUIRED if the Client requested an update that skips
        # EXT-X-DATERANGE tags", "a tab (0x9) delimited list of EXT-X-DATERANGE IDs", and may be empty.
        text += f",RECENTLY-REMOVED-DATERANGES={quoted(chr(9).join(date_ranges.recently_removed))}"
    return text + "\n"


def _scope(segment: Segment, first: bool) -> str:
    """The tags that also hold for what follows: the first listed segment must always say its EXT-X-MAP."""
    text = "#EXT-X-DISCONTINUITY\n" if segment.discontinuity else ""
    if segment.init is not None and (first or segment.map_changed):
        text += f'#EXT-X-MAP:URI="{segment.init.name}"\n'
    return text


def _begun(segment: Segment) -> str:
    # 4.4.4.9: tags applied to a Parent Segment "MUST appear before the first EXT-X-PART tag".
    text = ""
    if segment.program_time_ms is not None:
        text = f"#EXT-X-PROGRAM-DATE-TIME:{date_time(segment.program_time_ms)}\n"
    if segment.tagged:
        text += "".join(map(_part, segment.parts))
    return text


def _finished(segment: Segment) -> str:
    gap = "#EXT-X-GAP\n" if segment.gap else ""
    return f"{_begun(segment)}{gap}#EXTINF:{exact(segment.duration_us)},\n{segment.name}\n"


def _part(part: Part) -> str:
    flags = ",GAP=YES" if part.gap else ",INDEPENDENT=YES" if part.independent else ""
    return f'#EXT-X-PART:DURATION={exact(part.duration_us)},URI="{part.name}"{flags}\n'


def _report(report: Report) -> str:
    position = report.position
    return (
        f"#EXT-X-RENDITION-REPORT:URI={quoted(report.uri)}"
        f",LAST-MSN={position.msn},LAST-PART={position.part}\n"
    )
