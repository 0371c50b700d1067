"""What audio and video messages carry: FLV tag bodies (FLV 10.1, annex E) and enhanced RTMP v1 and v2.

Legacy: H.264 (CodecID 7), H.265 (CodecID 12), AAC (SoundFormat 10) and MP3 (2 and 14); the enhanced forms are
in ``enhanced``, writing in ``flv_writer``. A message may hold several tracks: reading one answers a tuple.
What we do not carry becomes :class:`Skipped` or :class:`Unsupported` with a reason.
"""

from __future__ import annotations

from typing import Final

from ingest.rtmp import enhanced
from ingest.rtmp.flv_writer import serialize_audio, serialize_together, serialize_video
from ingest.rtmp.opus_head import dops_from_opus_head, opus_head_from_dops
from ingest.rtmp.tags import (
    AUDIO_FOURCC,
    CODEC_ID_AVC,
    CODEC_ID_HEVC,
    FRAME_COMMAND,
    FRAME_KEY,
    SOUND_FORMAT_AAC,
    SOUND_FORMAT_EX,
    SOUND_FORMATS_MP3,
    VIDEO_FOURCC,
    Bytes,
    Config,
    FlvError,
    Frame,
    MultichannelConfig,
    Sent,
    SequenceEnd,
    Skipped,
    Tag,
    Unsupported,
    VideoMetadata,
    signed24,
)
from transcoder.media import Codec

__all__ = [
    "AUDIO_FOURCC",
    "VIDEO_FOURCC",
    "Config",
    "FlvError",
    "Frame",
    "MultichannelConfig",
    "Sent",
    "SequenceEnd",
    "Skipped",
    "Tag",
    "Unsupported",
    "VideoMetadata",
    "dops_from_opus_head",
    "opus_head_from_dops",
    "parse_audio",
    "parse_video",
    "serialize_audio",
    "serialize_together",
    "serialize_video",
]

_LEGACY_VIDEO: Final = {CODEC_ID_AVC: Codec.H264, CODEC_ID_HEVC: Codec.H265}
_LEGACY_VIDEO_NAMES: Final = {
    1: "JPEG", 2: "Sorenson H.263", 3: "Screen video", 4: "On2 VP6", 5: "On2 VP6 with alpha",
    6: "Screen video 2", 8: "H.263", 9: "MPEG-4 part 2",
}  # fmt: skip
_LEGACY_AUDIO_NAMES: Final = {
    0: "PCM", 1: "ADPCM", 3: "PCM", 4: "Nellymoser", 5: "Nellymoser", 6: "Nellymoser", 7: "G.711 A-law",
    8: "G.711 mu-law", 11: "Speex", 15: "device-specific sound",
}  # fmt: skip


def parse_video(body: Bytes) -> tuple[Tag, ...]:
    """A video message's payload. Raises :class:`FlvError`."""
    if not body:
        return (Skipped("empty video message"),)
    return enhanced.parse_video(body) if body[0] & 0x80 else (_legacy_video(body),)


def _legacy_video(body: Bytes) -> Tag:
    frame_type, codec_id = body[0] >> 4, body[0] & 0x0F
    if frame_type == FRAME_COMMAND:
        return Skipped("video command frame")
    codec = _LEGACY_VIDEO.get(codec_id)
    if codec is None:
        name = _LEGACY_VIDEO_NAMES.get(codec_id, f"CodecID {codec_id}")
        return Unsupported(f"video codec {name} is not taken")
    if len(body) < 5:
        raise FlvError(f"{codec.name} video tag of {len(body)} bytes")
    payload = bytes(memoryview(body)[5:])
    match body[1]:
        case 0:
            return Config(codec, payload)
        case 1:
            return Frame(codec, payload, signed24(body, 2), frame_type == FRAME_KEY)
        case 2:
            return SequenceEnd(codec)
        case other:
            raise FlvError(f"AVCPacketType {other}")


def parse_audio(body: Bytes) -> tuple[Tag, ...]:
    """An audio message's payload. Raises :class:`FlvError`."""
    if not body:
        return (Skipped("empty audio message"),)
    return enhanced.parse_audio(body) if body[0] >> 4 == SOUND_FORMAT_EX else (_legacy_audio(body),)


def _legacy_audio(body: Bytes) -> Tag:
    sound_format = body[0] >> 4
    if sound_format in SOUND_FORMATS_MP3:
        return Frame(Codec.MP3, bytes(memoryview(body)[1:]))
    if sound_format != SOUND_FORMAT_AAC:
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
