"""The track that an init segment describes: for what is listed still, after its publisher has left. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from transcoder.cmaf.reader import BoxError, Init, read_init
from transcoder.codecs import CodecError, track_from_config
from transcoder.media import Codec, Track

_ENTRIES: Final = {
    "avc1": Codec.H264,
    "avc3": Codec.H264,
    "hvc1": Codec.H265,
    "hev1": Codec.H265,
    "av01": Codec.AV1,
    "vp09": Codec.VP9,
    "Opus": Codec.OPUS,
}
_AAC_OBJECT_TYPE: Final = 0x40
"""ISO 14496-1 table 5: Audio ISO/IEC 14496-3."""


def described_track(data: bytes) -> Track | None:
    """None for bytes that are no init segment of ours, and for formats that are not put into segments."""
    try:
        init = read_init(data)
        codec = _codec(init)
        if codec is None:
            return None
        track = track_from_config(1, codec, init.config, timescale=init.timescale)
    except (BoxError, CodecError):
        return None
    if init.width:
        track = replace(track, width=init.width, height=init.height, sample_aspect=init.sample_aspect)
    return track


def _codec(init: Init) -> Codec | None:
    if init.entry == "mp4a":
        return Codec.AAC if init.object_type == _AAC_OBJECT_TYPE else None
    return _ENTRIES.get(init.entry)
