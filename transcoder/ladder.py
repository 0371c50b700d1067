"""Which renditions a source gets, what is passed through and what is encoded. Pure.

A source that a browser can play as it is becomes the top rung untouched; only rungs below it cost an
encoder. No rung is above the source. A rung is named by its short side, so that a phone held upright
(1080 x 1920) has the same rungs as one held sideways.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil
from typing import Final

from transcoder.codecs import CodecError, aac, avc
from transcoder.media import Codec, Kind, Track

SOURCE: Final = "source"
AUDIO: Final = "audio"
FRAME_RATE_LIMIT: Final = 60
AUDIO_BITRATE_BPS: Final = 128_000
AUDIO_CHANNELS: Final = 2
WIDTH_LIMIT: Final = 8192
"""No decoder is opened above this and PIXELS_LIMIT: a hostile header must not cost gigabytes."""
PIXELS_LIMIT: Final = 8192 * 4608

BITRATES_BPS: Final = {1080: 5_000_000, 720: 2_500_000, 480: 1_200_000, 360: 800_000}
"""Rungs of the automatic ladder by short side, highest first."""

_RUNG_NAME: Final = re.compile(r"([1-9][0-9]{2,3})p")
_RUNG_LIMITS: Final = range(144, 2161)
_PASSABLE_PROFILES: Final = frozenset({66, 77, 100})
"""Baseline, Main, High (H.264 A.2): what every browser's decoder takes."""
_LOWEST_PASSED_SAMPLE_RATE: Final = 16_000
_AAC_LC, _HE_AAC, _HE_AAC_V2 = 2, 5, 29
"""Audio object types (ISO 14496-3 table 1.17) that every browser plays."""


class LadderError(ValueError):
    """No ladder can be made of this source with this setting. The sentence is for the operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendition:
    """One quality of one track, as viewers are offered it."""

    name: str
    """``source``, ``720p``, ``audio``, …: part of the media URLs."""
    kind: Kind
    codec: Codec
    passthrough: bool
    width: int = 0
    """In square pixels; even where encoded; 0 for sound."""
    height: int = 0
    frame_rate: Fraction | None = None
    """Pictures per second at most, where known."""
    bitrate_bps: int | None = None
    """What the encoder aims at; None where passed through: only measuring tells."""
    source_track_id: int
    sample_rate: int = 0
    channels: int = 0
    language: str | None = None
    """BCP 47, where the publisher tells."""
    label: str | None = None
    """What the publisher calls the track."""


@dataclass(frozen=True, slots=True)
class Ladder:
    """Best first."""

    video: tuple[Rendition, ...]
    audio: tuple[Rendition, ...]

    @property
    def renditions(self) -> tuple[Rendition, ...]:
        return self.video + self.audio

    @property
    def encoded(self) -> tuple[Rendition, ...]:
        return tuple(rendition for rendition in self.renditions if not rendition.passthrough)

    @property
    def needs_worker(self) -> bool:
        """Whether anything must be decoded and encoded."""
        return bool(self.encoded)


def plan(
    tracks: Mapping[int, Track], setting: str | Sequence[str] = "auto", *, long_gop: bool = False
) -> Ladder:
    """The ladder for a source: ``auto``, ``passthrough``, or the rungs to encode (``["720p", "480p"]``).

    ``long_gop`` tells that sync points are more than 4 s apart, which no playlist here can carry
    untouched. The first picture track leads: its sync points are where all renditions are cut. Where the
    source brings further picture tracks that browsers play (OBS's multitrack output), they are its ladder
    and nothing is encoded beside them, unless the setting lists rungs: those are made of the largest one.
    Every sound track becomes a rendition. Raises :class:`LadderError`.
    """
    video = [track for _, track in sorted(tracks.items()) if track.kind is Kind.VIDEO]
    audio = [track for _, track in sorted(tracks.items()) if track.kind is Kind.AUDIO]
    if not video and not audio:
        raise LadderError("the source has neither picture nor sound")
    wanted = _wanted(setting)
    return Ladder(
        video=_video(video, wanted, long_gop=long_gop) if video else (),
        audio=tuple(_audio(track, first=track is audio[0]) for track in audio),
    )


def give_up_order(ladder: Ladder, wanted: Sequence[str]) -> tuple[str, ...]:
    """The rungs that may be given up where the machine is too slow, in this order.

    Encoded pictures only, as the setting names them; and one quality of the picture always stays.
    """
    encoded = {rendition.name for rendition in ladder.encoded if rendition.kind is Kind.VIDEO}
    order = tuple(dict.fromkeys(name for name in wanted if name in encoded))
    return order[:-1] if len(order) == len(ladder.video) else order


def _wanted(setting: str | Sequence[str]) -> str | list[int]:
    if isinstance(setting, str):
        if setting not in ("auto", "passthrough"):
            raise LadderError(f"ladder {setting!r} is neither auto, passthrough nor a list of rungs")
        return setting
    sides = []
    for name in setting:
        match = _RUNG_NAME.fullmatch(name)
        if match is None or int(match[1]) not in _RUNG_LIMITS:
            raise LadderError(f"rung {name!r} is not a height from 144p to 2160p")
        sides.append(int(match[1]))
    if not sides:
        raise LadderError("the list of rungs is empty")
    return sorted(set(sides), reverse=True)


def _video(tracks: Sequence[Track], wanted: str | list[int], *, long_gop: bool) -> tuple[Rendition, ...]:
    leader, *further = tracks
    if isinstance(wanted, list):
        usable = [track for track in tracks if _has_sane_size(track)]
        return _of_one(max(usable or [leader], key=_pixels), wanted, long_gop=long_gop)
    ladder = _of_one(leader, wanted, long_gop=long_gop)
    passed = [track for track in further if _has_sane_size(track) and _browser_plays(track)]
    if not passed or not ladder[0].passthrough:
        return ladder
    names = {SOURCE}
    rungs = [ladder[0]]
    for track in passed:
        width, height = _square(track)
        name = f"{round(min(width, height))}p"
        name = f"{name}-{track.track_id}" if name in names else name
        names.add(name)
        rungs.append(replace(_source(track, width, height), name=name, label=track.name))
    return tuple(sorted(rungs, key=lambda rung: -rung.width * rung.height))


def _pixels(track: Track) -> int:
    return track.width * track.height


def _has_sane_size(track: Track) -> bool:
    return (
        min(track.width, track.height) >= 16
        and max(track.width, track.height) <= WIDTH_LIMIT
        and _pixels(track) <= PIXELS_LIMIT
    )


def _of_one(track: Track, wanted: str | list[int], *, long_gop: bool) -> tuple[Rendition, ...]:
    if track.width < 16 or track.height < 16:
        raise LadderError(f"a picture of {track.width} x {track.height} is too small")
    if not _has_sane_size(track):
        raise LadderError(f"a picture of {track.width} x {track.height} is too large")
    width, height = _square(track)
    short_side = round(min(width, height))
    passthrough = not long_gop and _browser_plays(track)
    if wanted == "passthrough" and not passthrough:
        raise LadderError(_why_not_passed(track, long_gop=long_gop))
    source = (_source(track, width, height),) if passthrough and isinstance(wanted, str) else ()
    if wanted == "passthrough":
        return source
    sides = [side for side in (wanted if isinstance(wanted, list) else BITRATES_BPS) if side <= short_side]
    if source and track.codec is Codec.H264:
        # The source is the H.264 rung of its own height; the others begin below it.
        sides = [side for side in sides if side < short_side]
    elif not sides:
        sides = [short_side]
    return source + tuple(_rung(track, width, height, side) for side in sides)


def _square(track: Track) -> tuple[Fraction, Fraction]:
    """The displayed size in square pixels: the larger side of an anamorphic sample is kept."""
    aspect = track.sample_aspect
    # H.264 E.2.1 calls 0 "unspecified"; ratios beyond 4 come from broken headers, not from cameras.
    if aspect <= 0 or not Fraction(1, 4) <= aspect <= 4:
        aspect = Fraction(1)
    if aspect >= 1:
        return track.width * aspect, Fraction(track.height)
    return Fraction(track.width), track.height / aspect


def _even(length: Fraction) -> int:
    """4:2:0 has half as many chroma samples as luma samples (H.264 table 6-1)."""
    return max(2, 2 * round(length / 2))


def _source(track: Track, width: Fraction, height: Fraction) -> Rendition:
    return Rendition(
        name=SOURCE,
        kind=Kind.VIDEO,
        codec=track.codec,
        passthrough=True,
        width=round(width),
        height=round(height),
        frame_rate=track.frame_rate,
        source_track_id=track.track_id,
    )


def _rung(track: Track, width: Fraction, height: Fraction, side: int) -> Rendition:
    scale = side / min(width, height)
    return Rendition(
        name=f"{side}p",
        kind=Kind.VIDEO,
        codec=Codec.H264,
        passthrough=False,
        width=_even(width * scale),
        height=_even(height * scale),
        frame_rate=_capped(track.frame_rate),
        bitrate_bps=_bitrate_bps(side),
        source_track_id=track.track_id,
    )


def _capped(frame_rate: Fraction | None) -> Fraction | None:
    """At most 60: every second, third, … picture of a faster source, so that motion stays even."""
    if frame_rate is None or frame_rate <= 0:
        return None
    return frame_rate / ceil(frame_rate / FRAME_RATE_LIMIT)


def _bitrate_bps(side: int) -> int:
    """The table's, or what lies on its curve: bits grow with pixels to the power of three quarters."""
    if side in BITRATES_BPS:
        return BITRATES_BPS[side]
    return max(200_000, 50_000 * int(100 * (side / 1080) ** 1.5))


def _browser_plays(track: Track) -> bool:
    if track.codec is not Codec.H264:
        # An extra rung beside H.264 ones, with honest CODECS: players that cannot take it leave it.
        return True
    try:
        sps = avc.AvcConfig.parse(track.config).first_sps()
    except CodecError:
        return False
    return (
        sps.profile_idc in _PASSABLE_PROFILES
        and sps.chroma_format_idc == 1
        and sps.bit_depth == 8
        and not sps.interlaced
    )


def _why_not_passed(track: Track, *, long_gop: bool) -> str:
    if long_gop:
        return "passthrough needs a keyframe at least every 4 s; set the encoder's interval to 2 s"
    return f"browsers cannot play this {track.codec.name} picture as it is; set the ladder to auto"


def _audio(track: Track, *, first: bool) -> Rendition:
    passthrough = _browser_hears(track)
    sample_rate = track.sample_rate if passthrough else _encoded_sample_rate(track.sample_rate)
    return Rendition(
        name=AUDIO if first else f"{AUDIO}-{track.track_id}",
        kind=Kind.AUDIO,
        codec=Codec.AAC,
        passthrough=passthrough,
        bitrate_bps=None if passthrough else AUDIO_BITRATE_BPS,
        source_track_id=track.track_id,
        sample_rate=sample_rate,
        channels=track.channels if passthrough else AUDIO_CHANNELS,
        language=track.language,
        label=track.name,
    )


def _browser_hears(track: Track) -> bool:
    if track.codec is not Codec.AAC:
        return False
    try:
        config = aac.AacConfig.parse(track.config)
    except CodecError:
        return False
    return (
        config.object_type in (_AAC_LC, _HE_AAC, _HE_AAC_V2)
        and 1 <= config.channels <= AUDIO_CHANNELS
        and config.sample_rate >= _LOWEST_PASSED_SAMPLE_RATE
    )


def _encoded_sample_rate(sample_rate: int) -> int:
    """44.1 kHz for its own family, 48 kHz for all others."""
    return 44_100 if sample_rate in (11_025, 22_050, 44_100, 88_200) else 48_000
