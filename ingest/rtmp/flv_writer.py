"""Audio and video messages' payloads, written: for our own publisher and for the tests.

Legacy where the old format can say it (H.264, AAC and MP3 of the default track), enhanced otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ingest.rtmp.amf0 import encode_all
from ingest.rtmp.opus_head import opus_head_from_dops
from ingest.rtmp.tags import (
    CODEC_ID_AVC,
    FOURCC_OF,
    FRAME_INTER,
    FRAME_KEY,
    SOUND_FORMAT_EX,
    WITH_COMPOSITION_TIME,
    AudioPacketType,
    Config,
    Frame,
    MultitrackType,
    Sent,
    SequenceEnd,
    VideoMetadata,
    VideoPacketType,
)
from transcoder.media import Codec, Kind

_TIMESTAMP_OFFSET_NANO: Final = 0


def serialize_video(tag: Sent) -> bytes:
    """A video message's payload: legacy for H.264 where it can, enhanced otherwise."""
    if tag.codec is Codec.H264 and _is_legacy(tag):
        head = bytes((_frame_type(tag) << 4 | CODEC_ID_AVC,))
        match tag:
            case Config():
                return head + bytes(4) + tag.config
            case Frame():
                return head + b"\x01" + _signed24(tag.composition_ms) + tag.payload
            case SequenceEnd():
                return head + b"\x02" + bytes(3)
    return _enhanced(tag)


def serialize_audio(tag: Sent) -> bytes:
    """An audio message's payload: legacy for AAC and MP3 where it can, enhanced otherwise."""
    if _is_legacy(tag):
        # E.4.2.1: for AAC "SoundType should be 1 (stereo) and SoundRate should be 3 (44 kHz)", always.
        match tag:
            case Config(codec=Codec.AAC):
                return b"\xaf\x00" + tag.config
            case Frame(codec=Codec.AAC):
                return b"\xaf\x01" + tag.payload
            case Frame(codec=Codec.MP3):
                return b"\x2f" + tag.payload
    return _enhanced(tag)


def serialize_together(tags: Sequence[Sent]) -> bytes:
    """Several tracks of one kind in one message, at one timestamp: ManyTracks, or ManyTracksManyCodecs.

    Raises ValueError where they are not of one kind and one packet type.
    """
    packet_types = {_packet_type(tag) for tag in tags}
    kinds = {tag.codec.kind for tag in tags}
    if len(packet_types) != 1 or len(kinds) != 1:
        raise ValueError("tracks of one message have one kind and one packet type")
    many_codecs = len({tag.codec for tag in tags}) > 1
    kind = MultitrackType.MANY_TRACKS_MANY_CODECS if many_codecs else MultitrackType.MANY_TRACKS
    parts = [bytes((kind << 4 | packet_types.pop(),))]
    if not many_codecs:
        parts.append(FOURCC_OF[tags[0].codec])
    for tag in tags:
        body = _body(tag)
        parts += (
            FOURCC_OF[tag.codec] if many_codecs else b"",
            bytes((tag.track,)),
            len(body).to_bytes(3, "big"),
            body,
        )
    return _head(tags[0], _multitrack(tags[0])) + b"".join(parts)


def _is_legacy(tag: Sent) -> bool:
    return not tag.track and not isinstance(tag, VideoMetadata) and not _offset_ns(tag)


def _enhanced(tag: Sent) -> bytes:
    packet_type, fourcc, body = _packet_type(tag), FOURCC_OF[tag.codec], _body(tag)
    if not tag.track:
        return _head(tag, packet_type) + fourcc + body
    one = bytes((MultitrackType.ONE_TRACK << 4 | packet_type,))
    return _head(tag, _multitrack(tag)) + one + fourcc + bytes((tag.track,)) + body


def _head(tag: Sent, packet_type: int) -> bytes:
    """The first byte, and a ModEx where the time has nanoseconds."""
    offset_ns = _offset_ns(tag)
    mod_ex = b""
    if offset_ns:
        mod_ex = b"\x02" + offset_ns.to_bytes(3, "big")
        mod_ex += bytes((_TIMESTAMP_OFFSET_NANO << 4 | packet_type,))
        packet_type = VideoPacketType.MOD_EX  # the same number for sound
    if tag.codec.kind is Kind.AUDIO:
        return bytes((SOUND_FORMAT_EX << 4 | packet_type,)) + mod_ex
    return bytes((0x80 | _frame_type(tag) << 4 | packet_type,)) + mod_ex


def _multitrack(tag: Sent) -> int:
    return VideoPacketType.MULTITRACK if tag.codec.kind is Kind.VIDEO else AudioPacketType.MULTITRACK


def _packet_type(tag: Sent) -> int:
    match tag:
        case Config():
            return VideoPacketType.SEQUENCE_START  # 0, 1 and 2 mean the same for both kinds
        case SequenceEnd():
            return VideoPacketType.SEQUENCE_END
        case VideoMetadata():
            return VideoPacketType.METADATA
        case Frame() if tag.codec in WITH_COMPOSITION_TIME and not tag.composition_ms:
            return VideoPacketType.CODED_FRAMES_X
        case Frame():
            return VideoPacketType.CODED_FRAMES


def _body(tag: Sent) -> bytes:
    match tag:
        case Config(codec=Codec.OPUS):
            return opus_head_from_dops(tag.config)
        case Config():
            return tag.config
        case SequenceEnd():
            return b""
        case VideoMetadata():
            return encode_all(tag.values)
        case Frame() if tag.codec in WITH_COMPOSITION_TIME and tag.composition_ms:
            return _signed24(tag.composition_ms) + tag.payload
        case Frame():
            return tag.payload


def _frame_type(tag: Sent) -> int:
    return FRAME_INTER if isinstance(tag, Frame) and not tag.keyframe else FRAME_KEY


def _offset_ns(tag: Sent) -> int:
    return tag.offset_ns if isinstance(tag, Frame) else 0


def _signed24(value: int) -> bytes:
    return (value & 0xFFFFFF).to_bytes(3, "big")
