"""Tries an encoder for real: a few pictures in, an IDR where one was asked for."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from av.video.frame import VideoFrame

from transcoder.encoders import Encoder
from transcoder.engine.encoder import EncoderFailed, Opener, PictureEncoder
from transcoder.engine.picture import TIME_BASE, mark
from transcoder.ladder import Rendition
from transcoder.media import VIDEO_TIMESCALE, Codec, Kind

PICTURES: Final = 8
_CUT_AT: Final = 4
_SAMPLE: Final = Rendition(
    name="try",
    kind=Kind.VIDEO,
    codec=Codec.H264,
    passthrough=False,
    width=640,
    height=360,
    frame_rate=Fraction(30),
    bitrate_bps=800_000,
    source_track_id=1,
)


def why_not(encoder: Encoder, open_encoder: Opener = PictureEncoder) -> str:
    """Why it cannot be used here; empty where it can."""
    try:
        return _try(encoder, open_encoder)
    except EncoderFailed as error:
        return str(error)


def _try(encoder: Encoder, open_encoder: Opener) -> str:
    opened = open_encoder(encoder, _SAMPLE, _picture(0), 1)
    packets = [packet for number in range(PICTURES) for packet in opened.encode(_picture(number))]
    packets += opened.encode(None)
    if len(packets) != PICTURES:
        return f"{len(packets)} of {PICTURES} pictures came out"
    cuts = [number for number, packet in enumerate(packets) if packet.is_keyframe]
    return "" if cuts == [0, _CUT_AT] else "no IDR pictures where they were asked for"


def _picture(number: int) -> VideoFrame:
    frame = VideoFrame(_SAMPLE.width, _SAMPLE.height, "yuv420p")
    for plane in frame.planes:
        plane.update(bytes((64 + 8 * number,)) * plane.buffer_size)
    frame.pts, frame.time_base = number * VIDEO_TIMESCALE // 30, TIME_BASE
    mark(frame, is_cut=number in (0, _CUT_AT))
    return frame
