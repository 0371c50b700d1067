"""The words everything else speaks: Codec, Track, AccessUnit, MediaTime.

Pure: values only. Media flows through the program as these values; nothing here knows where it came from.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Final

from transcoder.hdr import Hdr

VIDEO_TIMESCALE: Final = 90_000
"""Ticks per second of every video track (RTP's clock, and a multiple of all common frame rates)."""


class Kind(StrEnum):
    """What a track carries."""

    VIDEO = "video"
    AUDIO = "audio"


class Codec(StrEnum):
    """A coding format that we carry. The value is FFmpeg's decoder name for it."""

    H264 = "h264"
    H265 = "hevc"
    AV1 = "av1"
    VP9 = "vp9"
    AAC = "aac"
    MP3 = "mp3"
    OPUS = "opus"
    FLAC = "flac"
    AC3 = "ac3"
    EAC3 = "eac3"

    @property
    def kind(self) -> Kind:
        """Whether units of this codec are pictures or sound."""
        return Kind.VIDEO if self in _VIDEO_CODECS else Kind.AUDIO


_VIDEO_CODECS: Final = frozenset({Codec.H264, Codec.H265, Codec.AV1, Codec.VP9})


@dataclass(frozen=True, slots=True)
class MediaTime:
    """An instant or a length on a media timeline: ``ticks`` of 1/``timescale`` second. Exact."""

    ticks: int
    timescale: int

    @property
    def seconds(self) -> float:
        """The same time in seconds."""
        return self.ticks / self.timescale

    def to(self, timescale: int) -> int:
        """Ticks of the same time in another timescale, rounded to the nearest (half up)."""
        return rescale(self.ticks, self.timescale, timescale)


def rescale(ticks: int, from_timescale: int, to_timescale: int) -> int:
    """Convert ticks between timescales without floats, rounded to the nearest (half up)."""
    if from_timescale == to_timescale:
        return ticks
    return (2 * ticks * to_timescale + from_timescale) // (2 * from_timescale)


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """One elementary stream and what a decoder must know before its first unit.

    ``config`` is the codec's configuration as ISO BMFF stores it, without the box header:
    the body of ``avcC`` (ISO 14496-15), ``hvcC``, ``av1C``, ``vpcC`` or ``dOps`` (RFC 7845 fields, big
    endian), or the bare AudioSpecificConfig for AAC (ISO 14496-3 1.6). MP3 has none.
    A change of any field is a change of format: it needs a new init segment. FLAC has its STREAMINFO block
    (RFC 9639 8.2) without the block's header; AC-3 and E-AC-3 have none.
    """

    track_id: int
    codec: Codec
    timescale: int
    config: bytes = b""
    width: int = 0
    """Displayed width of the coded picture in samples (cropped, before sample aspect); 0 for sound."""
    height: int = 0
    sample_aspect: Fraction = Fraction(1)
    """Width over height of one sample: not 1 when the picture is anamorphic."""
    frame_rate: Fraction | None = None
    """Nominal pictures per second, where the bitstream or the publisher tells."""
    hdr: Hdr | None = None
    """What the publisher says of the picture's colours beside the bitstream; it counts above that."""
    sample_rate: int = 0
    channels: int = 0
    language: str | None = None
    """BCP 47."""
    name: str | None = None

    @property
    def kind(self) -> Kind:
        return self.codec.kind


@dataclass(frozen=True, slots=True)
class AccessUnit:
    """One coded picture or audio frame. Immutable, and shared by all consumers without copying.

    Times are in ``timescale`` ticks on the publication's own continuous timeline, never negative.
    H.264 and H.265 payloads are length-prefixed NAL units (ISO 14496-15), AV1 is a temporal unit without
    its delimiter, VP9 a (super)frame, AAC a raw_data_block, MP3 one frame, Opus one packet.
    """

    track_id: int
    codec: Codec
    timescale: int
    pts: int
    dts: int
    duration: int
    """Ticks until the next unit in decoding order; 0 where only the next unit's arrival will tell."""
    sync: bool
    """True where a decoder can start: an IDR or clean random access picture, or any audio frame."""
    payload: bytes
    arrival_s: float
    """Monotonic clock at which its last byte was received, in seconds."""

    @property
    def pts_s(self) -> float:
        return self.pts / self.timescale

    @property
    def dts_s(self) -> float:
        return self.dts / self.timescale
