"""What a child says, held to what was asked of it. Pure.

A child has read a stranger's bitstream: it may have been taken over, or have lost its mind. Whatever it
says either is a rendition that was asked for, in a sane format, at a possible time and in a possible
amount, or raises :class:`FramingError`, which replaces the child and costs nobody else anything.
"""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import Final

from transcoder import codecs
from transcoder.cmaf.init import init_segment
from transcoder.framing import FramingError
from transcoder.ladder import AUDIO_BITRATE_BPS, WIDTH_LIMIT, Ladder, Rendition
from transcoder.media import VIDEO_TIMESCALE, AccessUnit, Track

UNIT_LIMIT_BYTES: Final = 8 << 20
"""Of a unit that a child has made: eight seconds of the strongest rung."""
AHEAD_S: Final = 15.0
"""How much later than the newest decoding time that went in a unit may be that comes out: pictures are shown
up to ten seconds after they are decoded."""
LONGEST_UNIT_S: Final = 10.0
LARGEST_COMPOSITION: Final = (1 << 31) - 1
"""Signed 32 bits in ``trun`` (ISO 14496-12 8.8.8)."""
UNITS_PER_S: Final = 140
"""Above twice what any rendition has: 60 pictures, or 47 AAC frames, a second."""
BYTES_FACTOR: Final = 3
TRACKS_AT_ONCE: Final = 8
REPORTS_PER_S: Final = 20
_FIRST_S: Final = 5.0
"""Seconds of media that may come before any was counted in."""
_SAVED_S: Final = 30.0
"""Seconds of media that went in and may still come out: what a child and its pipe hold."""


class Allowance:
    """So much may come, and so much more for each second of media or time that passes."""

    def __init__(self, per_s: float, first_s: float = _FIRST_S, saved_s: float = _SAVED_S) -> None:
        self._per_s = per_s
        self._most = per_s * (first_s + saved_s)
        self._left = per_s * first_s

    def earn(self, seconds: float) -> None:
        self._left = min(self._most, self._left + self._per_s * max(0.0, seconds))

    def spend(self, amount: float) -> bool:
        """False: there is not so much left."""
        self._left -= amount
        return self._left >= 0


class Answers:
    """Everything that the children of one job have said so far."""

    def __init__(self, ladder: Ladder) -> None:
        self._encoded = {rendition.name: rendition for rendition in ladder.encoded}
        self._made: dict[str, Track] = {}
        """The format of each rendition that the children have announced."""
        self._last_dts = dict.fromkeys(self._encoded, -1)
        self.begin_anew(0.0)

    def begin_anew(self, now_s: float) -> None:
        """Another child begins, with nothing on its account."""
        renditions = tuple(self._encoded.values())
        bits_per_s = sum(each.bitrate_bps or AUDIO_BITRATE_BPS for each in renditions)
        self._units = Allowance(UNITS_PER_S * len(renditions))
        self._bytes = Allowance(BYTES_FACTOR * bits_per_s / 8 + UNIT_LIMIT_BYTES / _FIRST_S)
        self._tracks = Allowance(0.5 * len(renditions), first_s=2 * TRACKS_AT_ONCE)
        self._reports = Allowance(REPORTS_PER_S, first_s=5.0, saved_s=5.0)
        self._now_s = now_s
        self._newest_s: float | None = None

    def fed(self, unit: AccessUnit) -> None:
        """A unit went in: as much media may come out."""
        if self._newest_s is None:
            self._newest_s = unit.dts_s
        # A jump on the timeline is no licence to flood.
        seconds = min(10.0, max(0.0, unit.dts_s - self._newest_s))
        self._newest_s = max(self._newest_s, unit.dts_s)
        self._units.earn(seconds)
        self._bytes.earn(seconds)
        self._tracks.earn(seconds)

    def report(self, now_s: float) -> None:
        """A message about itself. Raises :class:`FramingError` where there are too many."""
        self._reports.earn(now_s - self._now_s)
        self._now_s = now_s
        if not self._reports.spend(1):
            raise FramingError("more reports than there is to report")

    def track(self, rendition: str, track: Track) -> Track:
        """The format of a rendition. Raises :class:`FramingError`."""
        asked = self._encoded.get(rendition)
        if asked is None:
            raise FramingError("a rendition that was not asked for")
        if not self._tracks.spend(1):
            raise FramingError(f"one format of {rendition} after the other")
        track = self._made[rendition] = checked_track(track, asked)
        return track

    def unit(self, rendition: str, unit: AccessUnit) -> bool:
        """False where it is not after one that has gone on already. Raises :class:`FramingError`."""
        last_dts = self._last_dts.get(rendition)
        if last_dts is None:
            raise FramingError("a unit of a rendition that was not asked for")
        _check_unit(unit, self._made.get(rendition))
        # A time that nobody can have meant moves the playlist's clock, or does not fit into a date at all.
        if self._newest_s is None or unit.dts_s > self._newest_s + AHEAD_S:
            raise FramingError("a unit of media that did not go in")
        if not self._units.spend(1) or not self._bytes.spend(len(unit.payload)):
            raise FramingError("more units than what went in can give")
        if unit.dts <= last_dts or unit.pts < unit.dts:
            # A new child can begin a little before where the old one ended: viewers never go back.
            return False
        self._last_dts[rendition] = unit.dts
        return True


def checked_track(track: Track, asked: Rendition) -> Track:
    """A format that can be one of what was asked for, under the names that we know.

    Raises :class:`FramingError`.
    """
    timescale = asked.sample_rate or VIDEO_TIMESCALE
    if (track.track_id, track.codec, track.timescale) != (asked.source_track_id, asked.codec, timescale):
        raise FramingError(f"another format than was asked for {asked.name}")
    sane = all(0 <= side <= WIDTH_LIMIT for side in (track.width, track.height))
    sound = (track.sample_rate, track.channels) == (asked.sample_rate, asked.channels)
    plain = track.sample_aspect == 1 and track.frame_rate == asked.frame_rate and track.hdr is None
    if not sane or not sound or not plain:
        raise FramingError(f"a strange format for {asked.name}")
    # What the tracks are called is not the child's to say.
    track = replace(track, language=asked.language, name=asked.label)
    check_describable(track)
    return track


def check_describable(track: Track) -> None:
    """Whether an init segment and a playlist can be written for it. Raises :class:`FramingError`."""
    try:
        codecs.rfc6381(track)
        init_segment(track)
    except (codecs.CodecError, ValueError, struct.error) as error:
        raise FramingError(f"a format that cannot be described: {error}") from error


def _check_unit(unit: AccessUnit, track: Track | None) -> None:
    if track is None:
        raise FramingError("a unit before its format")
    if (unit.track_id, unit.codec, unit.timescale) != (track.track_id, track.codec, track.timescale):
        raise FramingError("a unit of another format than was announced")
    if unit.dts < 0 or not 0 <= unit.duration <= LONGEST_UNIT_S * unit.timescale:
        raise FramingError("a unit at an impossible time")
    if unit.pts - unit.dts > LARGEST_COMPOSITION or not 0 < len(unit.payload) <= UNIT_LIMIT_BYTES:
        raise FramingError("an impossible unit")
