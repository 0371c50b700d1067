"""Which renditions of a Period are a set between which players may switch. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from transcoder.codecs import CodecError, colour
from transcoder.codecs.picture import UNDESCRIBED, Colour
from transcoder.ladder import Rendition
from transcoder.manifests.dash import AdaptationSet, Representation
from transcoder.manifests.dash_periods import Period
from transcoder.media import Codec, Kind, Track

_FAMILIES: Final = {Codec.H264: 1, Codec.H265: 2, Codec.AV1: 3, Codec.VP9: 4}
_RANGES: Final = {"SDR": 0, "HLG": 10, "PQ": 20}
_FIRST_SOUND: Final = 100
NO_CAPTIONS: Final[Sequence[tuple[str, str | None]]] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """A rendition within a Period."""

    rendition: Rendition
    track: Track
    representation: Representation
    end_ms: int
    """Where its media ends, on the stream's timeline."""


def adaptation_sets(
    rows: Sequence[Row], period: Period, previous: Period | None, captions: Sequence[tuple[str, str | None]]
) -> list[AdaptationSet]:
    """Pictures of one format and colour are one set, best first; every sound is a set of its own."""
    groups: dict[int, list[Row]] = {}
    for row in rows:
        groups.setdefault(_set_id(row), []).append(row)
    pictures = [number for number in groups if number < _FIRST_SOUND]
    sounds = [row for row in rows if row.track.kind is Kind.AUDIO]
    return [
        AdaptationSet(
            id=number,
            kind=group[0].track.kind,
            representations=[row.representation for row in group],
            language=_language(group[0]),
            label=group[0].rendition.label,
            role=_role(group[0], sounds),
            captions=captions if number in pictures else (),
            colour=_colour(group[0].track),
            switches_with=[other for other in pictures if other != number] if number in pictures else (),
            continues=_continued(group, period, previous),
        )
        for number, group in groups.items()
    ]


def _set_id(row: Row) -> int:
    """Made of what the set is, so that it is the same in every Period and after a restart."""
    if row.track.kind is Kind.VIDEO:
        return _FAMILIES[row.track.codec] + _RANGES[_colour(row.track).video_range]
    suffix = row.rendition.name.rpartition("-")[2]
    return _FIRST_SOUND + (int(suffix) if suffix.isdecimal() else 0)


def _language(row: Row) -> str | None:
    return row.rendition.language if row.track.kind is Kind.AUDIO else None


def _role(row: Row, sounds: Sequence[Row]) -> str:
    if row.track.kind is Kind.VIDEO or row is sounds[0]:
        return "main"
    return "alternate" if _language(row) == _language(sounds[0]) else "dub"


def _colour(track: Track) -> Colour:
    try:
        return colour(track)
    except CodecError:
        return UNDESCRIBED


def _continued(group: Sequence[Row], period: Period, previous: Period | None) -> str | None:
    """The Period before, where every rendition of the set had the same init there."""
    if previous is None:
        return None
    for row in group:
        name = row.rendition.name
        before = previous.members.get(name)
        if before is None or before.init.name != period.members[name].init.name:
            return None
    return previous.id
