"""What audio and video messages carry: FLV tag bodies (FLV 10.1, annex E) and enhanced RTMP v1 and v2.

Legacy: H.264 (CodecID 7), AAC (SoundFormat 10) and MP3 (2 and 14). Enhanced, by FourCC: ``avc1 hvc1 av01
vp09`` and ``mp4a Opus .mp3``. Of several tracks in one message only a single default track (OneTrack, id 0)
is taken; everything else becomes :class:`Skipped` with a reason, which costs the publisher nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from ingest.rtmp.amf0 import AmfError, Value, decode_all
from transcoder.media import Codec

Bytes = bytes | bytearray


class FlvError(ValueError):
    """A tag that ends too early or contradicts itself."""


@dataclass(frozen=True, slots=True)
class Config:
    """A sequence header. ``config`` is as ``Track.config`` wants it, but not yet checked."""

    codec: Codec
    config: bytes


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


@dataclass(frozen=True, slots=True)
class SequenceEnd:
    codec: Codec


@dataclass(frozen=True, slots=True)
class VideoMetadata:
    """Enhanced RTMP metadata packet, such as ``colorInfo``."""

    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something that we do not carry. ``reason`` is the same for every message of its kind."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unsupported:
    """A codec that we do not carry at all: the track will never play."""

    reason: str


Tag = Config | Frame | SequenceEnd | VideoMetadata | Skipped | Unsupported

VIDEO_FOURCC: Final = {b"avc1": Codec.H264, b"hvc1": Codec.H265, b"av01": Codec.AV1, b"vp09": Codec.VP9}
AUDIO_FOURCC: Final = {b"mp4a": Codec.AAC, b"Opus": Codec.OPUS, b".mp3": Codec.MP3}
_FOURCC_OF: Final = {codec: fourcc for fourcc, codec in (VIDEO_FOURCC | AUDIO_FOURCC).items()}

_LEGACY_VIDEO_NAMES: Final = {
    1: "JPEG", 2: "Sorenson H.263", 3: "Screen video", 4: "On2 VP6", 5: "On2 VP6 with alpha",
    6: "Screen video 2", 8: "H.263", 9: "MPEG-4 part 2", 12: "H.265 as CodecID 12",
}  # fmt: skip
_LEGACY_AUDIO_NAMES: Final = {
    0: "PCM", 1: "ADPCM", 3: "PCM", 4: "Nellymoser", 5: "Nellymoser", 6: "Nellymoser", 7: "G.711 A-law",
    8: "G.711 mu-law", 11: "Speex", 15: "device-specific sound",
}  # fmt: skip


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


_MOST_MOD_EX: Final = 16
_FRAME_KEY: Final = 1
_FRAME_COMMAND: Final = 5
_CODEC_ID_AVC: Final = 7
_SOUND_FORMAT_EX: Final = 9
_SOUND_FORMAT_AAC: Final = 10
_SOUND_FORMATS_MP3: Final = (2, 14)
_WITH_COMPOSITION_TIME: Final = frozenset({Codec.H264, Codec.H265})


def parse_video(body: Bytes) -> Tag:
    """A video message's payload. Raises :class:`FlvError`."""
    if not body:
        return Skipped("empty video message")
    if body[0] & 0x80:
        return _parse_video_ex(body)
    frame_type, codec_id = body[0] >> 4, body[0] & 0x0F
    if frame_type == _FRAME_COMMAND:
        return Skipped("video command frame")
    if codec_id != _CODEC_ID_AVC:
        name = _LEGACY_VIDEO_NAMES.get(codec_id, f"CodecID {codec_id}")
        hint = "; send it by enhanced RTMP (FourCC hvc1)" if codec_id == 12 else ""
        return Unsupported(f"video codec {name} is not taken{hint}")
    if len(body) < 5:
        raise FlvError(f"AVC video tag of {len(body)} bytes")
    match body[1]:
        case 0:
            return Config(Codec.H264, bytes(memoryview(body)[5:]))
        case 1:
            payload = bytes(memoryview(body)[5:])
            return Frame(Codec.H264, payload, _signed24(body, 2), frame_type == _FRAME_KEY)
        case 2:
            return SequenceEnd(Codec.H264)
        case other:
            raise FlvError(f"AVCPacketType {other}")


def _parse_video_ex(body: Bytes) -> Tag:
    frame_type = body[0] >> 4 & 0x07
    packet_type, at, offset_ns = _mod_ex(body, body[0] & 0x0F, VideoPacketType.MOD_EX)
    # "If VideoPacketType is not Metadata and VideoFrameType is Command, the payload is a single UI8".
    if packet_type != VideoPacketType.METADATA and frame_type == _FRAME_COMMAND:
        return Skipped("video command frame")
    one_track = packet_type == VideoPacketType.MULTITRACK
    if one_track:
        if isinstance(entered := _enter_multitrack(body, at), Skipped):
            return entered
        packet_type, at = entered
    fourcc = _fourcc(body, at)
    at += 4
    if one_track:
        if body[at : at + 1] != b"\0":
            return Skipped(_OTHER_TRACK)
        at += 1
    codec = VIDEO_FOURCC.get(fourcc)
    if codec is None:
        return Unsupported(f"video codec {_printable(fourcc)} is not taken")
    rest = memoryview(body)[at:]
    match packet_type:
        case VideoPacketType.SEQUENCE_START:
            config = bytes(rest)
            return Config(codec, _bare_vpcc(config) if codec is Codec.VP9 else config)
        case VideoPacketType.CODED_FRAMES:
            composition_ms = 0
            # SI24 composition time only for AVC and HEVC (and VVC).
            if codec in _WITH_COMPOSITION_TIME:
                composition_ms = _signed24(body, at)
                rest = rest[3:]
            return Frame(codec, bytes(rest), composition_ms, frame_type == _FRAME_KEY, offset_ns)
        case VideoPacketType.CODED_FRAMES_X:
            return Frame(codec, bytes(rest), 0, frame_type == _FRAME_KEY, offset_ns)
        case VideoPacketType.SEQUENCE_END:
            return SequenceEnd(codec)
        case VideoPacketType.METADATA:
            try:
                return VideoMetadata(tuple(decode_all(bytes(rest))))
            except AmfError as error:
                raise FlvError(f"video metadata: {error}") from error
        case VideoPacketType.MPEG2TS_SEQUENCE_START:
            return Unsupported("AV1 with an MPEG-2 TS descriptor is not taken")
        case other:
            return Skipped(f"unknown video packet type {other}")


def parse_audio(body: Bytes) -> Tag:
    """An audio message's payload. Raises :class:`FlvError`."""
    if not body:
        return Skipped("empty audio message")
    sound_format = body[0] >> 4
    if sound_format == _SOUND_FORMAT_EX:
        return _parse_audio_ex(body)
    if sound_format in _SOUND_FORMATS_MP3:
        return Frame(Codec.MP3, bytes(memoryview(body)[1:]))
    if sound_format != _SOUND_FORMAT_AAC:
        name = _LEGACY_AUDIO_NAMES.get(sound_format, f"SoundFormat {sound_format}")
        return Unsupported(f"audio codec {name} is not taken")
    if len(body) < 2:
        raise FlvError(f"AAC audio tag of {len(body)} bytes")
    payload = bytes(memoryview(body)[2:])
    match body[1]:
        case 0:
            return Config(Codec.AAC, payload)
        case 1:
            return Frame(Codec.AAC, payload)
        case other:
            raise FlvError(f"AACPacketType {other}")


def _parse_audio_ex(body: Bytes) -> Tag:
    packet_type, at, offset_ns = _mod_ex(body, body[0] & 0x0F, AudioPacketType.MOD_EX)
    one_track = packet_type == AudioPacketType.MULTITRACK
    if one_track:
        if isinstance(entered := _enter_multitrack(body, at), Skipped):
            return entered
        packet_type, at = entered
    fourcc = _fourcc(body, at)
    at += 4
    if one_track:
        if body[at : at + 1] != b"\0":
            return Skipped(_OTHER_TRACK)
        at += 1
    codec = AUDIO_FOURCC.get(fourcc)
    if codec is None:
        return Unsupported(f"audio codec {_printable(fourcc)} is not taken")
    rest = bytes(memoryview(body)[at:])
    match packet_type:
        case AudioPacketType.SEQUENCE_START:
            return Config(codec, dops_from_opus_head(rest) if codec is Codec.OPUS else rest)
        case AudioPacketType.CODED_FRAMES:
            return Frame(codec, rest, offset_ns=offset_ns)
        case AudioPacketType.SEQUENCE_END:
            return SequenceEnd(codec)
        case AudioPacketType.MULTICHANNEL_CONFIG:
            return Skipped("multichannel configuration: the codec's own is used")
        case other:
            return Skipped(f"unknown audio packet type {other}")


_OTHER_TRACK: Final = "a track other than 0: only one track a kind is taken"


def _mod_ex(body: Bytes, packet_type: int, mod_ex: int) -> tuple[int, int, int]:
    """Walk the ModEx loop: the packet type after it, where it ends, and the nanosecond offset if given."""
    at = 1
    offset_ns = 0
    for _ in range(_MOST_MOD_EX):
        if packet_type != mod_ex:
            break
        # "modExDataSize = UI8 + 1; if modExDataSize == 256 then modExDataSize = UI16 + 1"
        size = _uint(body, at, 1) + 1
        at += 1
        if size == 256:
            size = _uint(body, at, 2) + 1
            at += 2
        data_at = at
        at += size
        kinds = _uint(body, at, 1)
        at += 1
        if kinds >> 4 == 0 and size >= 3:  # TimestampOffsetNano is UI24
            offset_ns = _uint(body, data_at, 3)
        packet_type = kinds & 0x0F
    else:
        raise FlvError(f"more than {_MOST_MOD_EX - 1} ModEx in one tag")
    return packet_type, at, offset_ns


def _enter_multitrack(body: Bytes, at: int) -> tuple[int, int] | Skipped:
    """The real packet type of a OneTrack message, and where its FourCC stands."""
    kinds = _uint(body, at, 1)
    if kinds >> 4:
        return Skipped("several tracks in one message: send one track a message, with id 0")
    return kinds & 0x0F, at + 1


def _fourcc(body: Bytes, at: int) -> bytes:
    fourcc = bytes(body[at : at + 4])
    if len(fourcc) < 4:
        raise FlvError(f"enhanced tag of {len(body)} bytes ends before its FourCC")
    return fourcc


def _printable(fourcc: bytes) -> str:
    return ascii(fourcc.decode("latin-1"))


def _uint(body: Bytes, at: int, size: int) -> int:
    field = body[at : at + size]
    if len(field) < size:
        raise FlvError(f"tag of {len(body)} bytes cut off at byte {at}")
    return int.from_bytes(field, "big")


def _signed24(body: Bytes, at: int) -> int:
    value = _uint(body, at, 3)
    return value - (value >> 23 << 24)


def _bare_vpcc(config: bytes) -> bytes:
    """Some senders keep the box's version and flags (1, 0, 0, 0) in front of the VP9 record."""
    if config[:4] == b"\x01\0\0\0" and len(config) >= 12:
        return config[4:]
    return config


def dops_from_opus_head(head: bytes) -> bytes:
    """``dOps`` body (Opus in ISO BMFF 4.3.2, big endian) from an identification header (RFC 7845 5.1)."""
    if head[:8] != b"OpusHead" or len(head) < 19:
        raise FlvError("Opus sequence start without a whole OpusHead")
    return b"\0" + head[9:10] + head[11:9:-1] + head[15:11:-1] + head[17:15:-1] + head[18:]


def opus_head_from_dops(dops: bytes) -> bytes:
    """The reverse of :func:`dops_from_opus_head`. Raises :class:`FlvError`."""
    if len(dops) < 11:
        raise FlvError(f"dOps of {len(dops)} bytes")
    return b"OpusHead\x01" + dops[1:2] + dops[3:1:-1] + dops[7:3:-1] + dops[9:7:-1] + dops[10:]


def serialize_video(tag: Config | Frame | SequenceEnd) -> bytes:
    """A video message's payload: legacy for H.264, enhanced for the others."""
    keyframe = not isinstance(tag, Frame) or tag.keyframe
    frame_type = _FRAME_KEY if keyframe else 2
    if tag.codec is Codec.H264:
        head = bytes((frame_type << 4 | _CODEC_ID_AVC,))
        match tag:
            case Config():
                return head + bytes(4) + tag.config
            case Frame():
                return head + b"\x01" + _signed24_bytes(tag.composition_ms) + tag.payload
            case SequenceEnd():
                return head + b"\x02" + bytes(3)
    fourcc = _FOURCC_OF[tag.codec]
    match tag:
        case Config():
            return _ex_head(frame_type, VideoPacketType.SEQUENCE_START) + fourcc + tag.config
        case SequenceEnd():
            return _ex_head(frame_type, VideoPacketType.SEQUENCE_END) + fourcc
        case Frame() if tag.codec in _WITH_COMPOSITION_TIME and tag.composition_ms:
            head = _ex_head(frame_type, VideoPacketType.CODED_FRAMES) + fourcc
            return head + _signed24_bytes(tag.composition_ms) + tag.payload
        case Frame() if tag.codec in _WITH_COMPOSITION_TIME:
            return _ex_head(frame_type, VideoPacketType.CODED_FRAMES_X) + fourcc + tag.payload
        case Frame():
            return _ex_head(frame_type, VideoPacketType.CODED_FRAMES) + fourcc + tag.payload


def serialize_audio(tag: Config | Frame | SequenceEnd) -> bytes:
    """An audio message's payload: legacy for AAC and MP3, enhanced for Opus."""
    if tag.codec is Codec.AAC:
        # E.4.2.1: for AAC "SoundType should be 1 (stereo) and SoundRate should be 3 (44 kHz)", always.
        match tag:
            case Config():
                return b"\xaf\x00" + tag.config
            case Frame():
                return b"\xaf\x01" + tag.payload
    if tag.codec is Codec.MP3 and isinstance(tag, Frame):
        return b"\x2f" + tag.payload
    fourcc = _FOURCC_OF[tag.codec]
    match tag:
        case Config():
            head = opus_head_from_dops(tag.config) if tag.codec is Codec.OPUS else tag.config
            return bytes((_SOUND_FORMAT_EX << 4 | AudioPacketType.SEQUENCE_START,)) + fourcc + head
        case Frame():
            return bytes((_SOUND_FORMAT_EX << 4 | AudioPacketType.CODED_FRAMES,)) + fourcc + tag.payload
        case SequenceEnd():
            return bytes((_SOUND_FORMAT_EX << 4 | AudioPacketType.SEQUENCE_END,)) + fourcc


def _ex_head(frame_type: int, packet_type: int) -> bytes:
    return bytes((0x80 | frame_type << 4 | packet_type,))


def _signed24_bytes(value: int) -> bytes:
    return (value & 0xFFFFFF).to_bytes(3, "big")
