"""What audio and video messages say, as typed records; and the FourCCs and packet types of the wire."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from ingest.rtmp.amf0 import Value
from transcoder.media import Codec

Bytes = bytes | bytearray


class FlvError(ValueError):
    """A tag that ends too early or contradicts itself."""


@dataclass(frozen=True, slots=True)
class Config:
    """A sequence header. ``config`` is as ``Track.config`` wants it, but not yet checked."""

    codec: Codec
    config: bytes
    track: int = 0
    """The publisher's number of the track within its kind, here and below; 0 is the default one."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One coded picture or audio frame."""

    codec: Codec
    payload: bytes
    composition_ms: int = 0
    """Presentation minus decoding time; signed. Always 0 for sound."""
    keyframe: bool = True
    """What the publisher says; the bitstream decides."""
    offset_ns: int = 0
    """Enhanced RTMP's TimestampOffsetNano: 0 to 999,999 ns after the message's timestamp."""
    track: int = 0


@dataclass(frozen=True, slots=True)
class SequenceEnd:
    codec: Codec
    track: int = 0


@dataclass(frozen=True, slots=True)
class VideoMetadata:
    """Enhanced RTMP's metadata packet: names and values, ``colorInfo`` among them."""

    codec: Codec
    values: tuple[Value, ...]
    track: int = 0


@dataclass(frozen=True, slots=True)
class MultichannelConfig:
    """How many channels, and where they stand. Every codec that we carry says it itself, and is believed."""

    codec: Codec
    channels: int
    track: int = 0


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something that we do not carry. ``reason`` is the same for every message of its kind."""

    reason: str
    track: int = 0


@dataclass(frozen=True, slots=True)
class Unsupported:
    """A codec that we do not carry at all: the track will never play."""

    reason: str
    track: int = 0


Tag = Config | Frame | SequenceEnd | VideoMetadata | MultichannelConfig | Skipped | Unsupported
Sent = Config | Frame | SequenceEnd | VideoMetadata
"""What our own publisher writes."""

VIDEO_FOURCC: Final = {b"avc1": Codec.H264, b"hvc1": Codec.H265, b"av01": Codec.AV1, b"vp09": Codec.VP9}
AUDIO_FOURCC: Final = {
    b"mp4a": Codec.AAC,
    b"Opus": Codec.OPUS,
    b".mp3": Codec.MP3,
    b"fLaC": Codec.FLAC,
    b"ac-3": Codec.AC3,
    b"ec-3": Codec.EAC3,
}
FOURCC_OF: Final = {codec: fourcc for fourcc, codec in (VIDEO_FOURCC | AUDIO_FOURCC).items()}


class VideoPacketType(IntEnum):
    """Enhanced RTMP v2, "Enhanced Video"."""

    SEQUENCE_START = 0
    CODED_FRAMES = 1
    SEQUENCE_END = 2
    CODED_FRAMES_X = 3
    METADATA = 4
    MPEG2TS_SEQUENCE_START = 5
    MULTITRACK = 6
    MOD_EX = 7


class AudioPacketType(IntEnum):
    """Enhanced RTMP v2, "Enhanced Audio". The numbers differ from video's."""

    SEQUENCE_START = 0
    CODED_FRAMES = 1
    SEQUENCE_END = 2
    MULTICHANNEL_CONFIG = 4
    MULTITRACK = 5
    MOD_EX = 7


class MultitrackType(IntEnum):
    """Enhanced RTMP v2, AvMultitrackType."""

    ONE_TRACK = 0
    MANY_TRACKS = 1
    MANY_TRACKS_MANY_CODECS = 2


FRAME_KEY: Final = 1
FRAME_INTER: Final = 2
FRAME_COMMAND: Final = 5
CODEC_ID_AVC: Final = 7
CODEC_ID_HEVC: Final = 12
"""Never standardized; many encoders and servers of the years before enhanced RTMP use it."""
SOUND_FORMAT_EX: Final = 9
SOUND_FORMAT_AAC: Final = 10
SOUND_FORMATS_MP3: Final = (2, 14)
WITH_COMPOSITION_TIME: Final = frozenset({Codec.H264, Codec.H265})
"""SI24 composition time stands only before AVC's and HEVC's frames."""
MOST_NANOSECONDS: Final = 999_999


def uint(body: Bytes, at: int, size: int) -> int:
    """An unsigned field. Raises :class:`FlvError` past the end."""
    field = body[at : at + size]
    if len(field) < size:
        raise FlvError(f"tag of {len(body)} bytes cut off at byte {at}")
    return int.from_bytes(field, "big")


def signed24(body: Bytes, at: int) -> int:
    """SI24. Raises :class:`FlvError` past the end."""
    value = uint(body, at, 3)
    return value - (value >> 23 << 24)
