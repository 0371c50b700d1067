"""Enhanced RTMP v2's audio and video bodies: ModEx, several tracks in one message, FourCCs.

"When parsing a video message, the bitstream MUST be processed completely to ensure all payload data has been
handled": every track of a message becomes a tag of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ingest.rtmp.amf0 import AmfError, AmfLimits, decode_all
from ingest.rtmp.opus_head import dops_from_opus_head
from ingest.rtmp.tags import (
    AUDIO_FOURCC,
    FRAME_COMMAND,
    FRAME_KEY,
    MOST_NANOSECONDS,
    VIDEO_FOURCC,
    WITH_COMPOSITION_TIME,
    AudioPacketType,
    Bytes,
    Config,
    FlvError,
    Frame,
    MultichannelConfig,
    MultitrackType,
    SequenceEnd,
    Skipped,
    Tag,
    Unsupported,
    VideoMetadata,
    VideoPacketType,
    signed24,
    uint,
)
from transcoder.media import Codec

MOST_MOD_EX: Final = 15
MOST_TRACKS: Final = 256
"""Of one message: a track's number has eight bits."""
_TIMESTAMP_OFFSET_NANO: Final = 0


@dataclass(frozen=True, slots=True)
class _Head:
    """Everything in front of the tracks."""

    packet_type: int
    at: int
    """Where the FourCC stands, or what a multitrack packet has instead."""
    offset_ns: int


@dataclass(frozen=True, slots=True)
class _Part:
    """One track's share of a message."""

    track: int
    fourcc: bytes
    body: bytes


def parse_video(body: Bytes) -> tuple[Tag, ...]:
    """A video body whose first bit is set. Raises :class:`FlvError`."""
    frame_type = body[0] >> 4 & 0x07
    head = _mod_ex(body, VideoPacketType.MOD_EX)
    # "If VideoPacketType is not Metadata and VideoFrameType is Command, the payload is a single UI8".
    if head.packet_type != VideoPacketType.METADATA and frame_type == FRAME_COMMAND:
        return (Skipped("video command frame"),)

    def tag(packet_type: int, part: _Part) -> Tag:
        return _video_tag(packet_type, part, keyframe=frame_type == FRAME_KEY, offset_ns=head.offset_ns)

    return _tags(body, head, VideoPacketType.MULTITRACK, tag)


def parse_audio(body: Bytes) -> tuple[Tag, ...]:
    """An audio body of SoundFormat 9. Raises :class:`FlvError`."""
    head = _mod_ex(body, AudioPacketType.MOD_EX)

    def tag(packet_type: int, part: _Part) -> Tag:
        return _audio_tag(packet_type, part, offset_ns=head.offset_ns)

    return _tags(body, head, AudioPacketType.MULTITRACK, tag)


def _mod_ex(body: Bytes, mod_ex: int) -> _Head:
    """Walk the ModEx loop. Kinds that we do not know are passed over by their size."""
    packet_type, at, offset_ns = body[0] & 0x0F, 1, 0
    for _ in range(MOST_MOD_EX + 1):
        if packet_type != mod_ex:
            return _Head(packet_type, at, offset_ns)
        # "modExDataSize = UI8 + 1; if modExDataSize == 256 then modExDataSize = UI16 + 1"
        size = uint(body, at, 1) + 1
        at += 1
        if size == 256:
            size = uint(body, at, 2) + 1
            at += 2
        data_at = at
        at += size
        kinds = uint(body, at, 1)
        at += 1
        # "modExData must be at least 3 bytes, storing values up to 999,999 ns."
        if kinds >> 4 == _TIMESTAMP_OFFSET_NANO and size >= 3:
            told_ns = uint(body, data_at, 3)
            offset_ns = told_ns if told_ns <= MOST_NANOSECONDS else 0
        packet_type = kinds & 0x0F
    raise FlvError(f"more than {MOST_MOD_EX} ModEx in one tag")


def _tags(
    body: Bytes, head: _Head, multitrack: int, make_tag: Callable[[int, _Part], Tag]
) -> tuple[Tag, ...]:
    if head.packet_type != multitrack:
        part = _Part(0, _fourcc(body, head.at), bytes(memoryview(body)[head.at + 4 :]))
        return (make_tag(head.packet_type, part),)
    kinds = uint(body, head.at, 1)
    kind, packet_type = kinds >> 4, kinds & 0x0F
    # "This fetch MUST not result in a VideoPacketType.Multitrack"
    if packet_type == multitrack:
        raise FlvError("a multitrack packet inside a multitrack packet")
    match kind:
        case MultitrackType.ONE_TRACK:
            parts: tuple[_Part, ...] = (_one_track(body, head.at + 1),)
        case MultitrackType.MANY_TRACKS:
            parts = _many_tracks(body, head.at + 5, _fourcc(body, head.at + 1))
        case MultitrackType.MANY_TRACKS_MANY_CODECS:
            parts = _many_tracks(body, head.at + 1, None)
        case _:
            return (Skipped(f"unknown multitrack type {kind}"),)
    return tuple(make_tag(packet_type, part) for part in parts)


def _one_track(body: Bytes, at: int) -> _Part:
    """FourCC and track id; the rest of the message is the track's."""
    return _Part(uint(body, at + 4, 1), _fourcc(body, at), bytes(memoryview(body)[at + 5 :]))


def _many_tracks(body: Bytes, at: int, fourcc: bytes | None) -> tuple[_Part, ...]:
    """Tracks one after the other, each with its size; ``fourcc`` None: each with its own too."""
    view = memoryview(body)
    parts: list[_Part] = []
    while at < len(body):
        if len(parts) == MOST_TRACKS:
            raise FlvError(f"more than {MOST_TRACKS} tracks in one tag")
        own = fourcc
        if own is None:
            own = _fourcc(body, at)
            at += 4
        track, size = uint(body, at, 1), uint(body, at + 1, 3)
        at += 4
        part = bytes(view[at : at + size])
        if len(part) < size:
            raise FlvError(f"track {track} of {size} bytes is cut off at {len(part)}")
        parts.append(_Part(track, own, part))
        at += size
    return tuple(parts)


def _video_tag(packet_type: int, part: _Part, *, keyframe: bool, offset_ns: int) -> Tag:
    codec = VIDEO_FOURCC.get(part.fourcc)
    if codec is None:
        return Unsupported(f"video codec {_printable(part.fourcc)} is not taken", part.track)
    match packet_type:
        case VideoPacketType.SEQUENCE_START:
            config = _bare_vpcc(part.body) if codec is Codec.VP9 else part.body
            return Config(codec, config, part.track)
        case VideoPacketType.CODED_FRAMES if codec in WITH_COMPOSITION_TIME:
            composition_ms = signed24(part.body, 0)
            return Frame(codec, part.body[3:], composition_ms, keyframe, offset_ns, part.track)
        case VideoPacketType.CODED_FRAMES | VideoPacketType.CODED_FRAMES_X:
            return Frame(codec, part.body, 0, keyframe, offset_ns, part.track)
        case VideoPacketType.SEQUENCE_END:
            return SequenceEnd(codec, part.track)
        case VideoPacketType.METADATA:
            try:
                return VideoMetadata(codec, tuple(decode_all(part.body, _METADATA_LIMITS)), part.track)
            except AmfError as error:
                raise FlvError(f"video metadata: {error}") from error
        case VideoPacketType.MPEG2TS_SEQUENCE_START:
            return Unsupported("AV1 with an MPEG-2 TS descriptor is not taken", part.track)
        case other:
            return Skipped(f"unknown video packet type {other}", part.track)


_METADATA_LIMITS: Final = AmfLimits(depth=4, values=256)
"""``colorInfo`` is an object of three objects with some twenty numbers in all."""


def _audio_tag(packet_type: int, part: _Part, *, offset_ns: int) -> Tag:
    codec = AUDIO_FOURCC.get(part.fourcc)
    if codec is None:
        return Unsupported(f"audio codec {_printable(part.fourcc)} is not taken", part.track)
    match packet_type:
        case AudioPacketType.SEQUENCE_START:
            config = dops_from_opus_head(part.body) if codec is Codec.OPUS else part.body
            return Config(codec, config, part.track)
        case AudioPacketType.CODED_FRAMES:
            return Frame(codec, part.body, offset_ns=offset_ns, track=part.track)
        case AudioPacketType.SEQUENCE_END:
            return SequenceEnd(codec, part.track)
        case AudioPacketType.MULTICHANNEL_CONFIG:
            return MultichannelConfig(codec, uint(part.body, 1, 1), part.track)
        case other:
            return Skipped(f"unknown audio packet type {other}", part.track)


def _fourcc(body: Bytes, at: int) -> bytes:
    fourcc = bytes(body[at : at + 4])
    if len(fourcc) < 4:
        raise FlvError(f"enhanced tag of {len(body)} bytes ends before its FourCC")
    return fourcc


def _printable(fourcc: bytes) -> str:
    return ascii(fourcc.decode("latin-1"))


def _bare_vpcc(config: bytes) -> bytes:
    """Some senders keep the box's version and flags (1, 0, 0, 0) in front of the VP9 record."""
    if config[:4] == b"\x01\0\0\0" and len(config) >= 12:
        return config[4:]
    return config
