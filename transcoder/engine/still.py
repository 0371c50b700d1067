"""A JPEG of one sync unit, for posters."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

import av
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter

from transcoder.engine.decode import VideoDecoder
from transcoder.engine.picture import TIME_BASE, Straightener
from transcoder.media import VIDEO_TIMESCALE, AccessUnit, Track, rescale

_QUALITY: Final = 4
"""mjpeg's quantiser, 1 to 31: about 40 KB at 640 x 360."""


class NoPicture(ValueError):
    """The unit could not be decoded by itself."""


def jpeg(track: Track, unit: AccessUnit, max_width: int) -> bytes:
    """Decode the unit alone, upright and in square pixels.

    Raises :class:`NoPicture` and :class:`~transcoder.engine.decode.UndecodableTrack`.
    """
    try:
        return _jpeg(track, unit, max_width)
    except FFmpegError as error:
        raise NoPicture(str(error)) from error


def _jpeg(track: Track, unit: AccessUnit, max_width: int) -> bytes:
    decoder = VideoDecoder(track, threads=1)
    frames = decoder.decode(unit) + decoder.flush()
    if not frames:
        raise NoPicture(decoder.damage.last or "no picture came out")
    frame = frames[0]
    frame.pts = rescale(unit.pts, unit.timescale, VIDEO_TIMESCALE)
    frame.time_base = TIME_BASE
    straightener = Straightener()
    upright = straightener.push(frame) + straightener.flush()
    if not upright:
        raise NoPicture("no picture came out of the filters")
    aspect = 1 / track.sample_aspect if straightener.turned else track.sample_aspect
    return _encode(upright[0], aspect, max_width)


def _encode(frame: VideoFrame, sample_aspect: Fraction, max_width: int) -> bytes:
    shape = Fraction(frame.width, frame.height) * (sample_aspect if sample_aspect > 0 else 1)
    width = max(2, min(max_width, round(frame.height * shape)) // 2 * 2)
    height = max(2, round(width / shape / 2) * 2)
    scaled = VideoReformatter().reformat(
        frame,
        width,
        height,
        "yuvj420p",
        interpolation=Interpolation.BICUBIC,
        dst_color_range=ColorRange.JPEG,
        threads=1,
    )
    encoder = av.CodecContext.create("mjpeg", "w")
    if not isinstance(encoder, VideoCodecContext):
        raise NoPicture("no JPEG encoder")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuvj420p"
    encoder.color_range = ColorRange.JPEG
    encoder.time_base = TIME_BASE
    encoder.thread_count = 1
    encoder.qmin = encoder.qmax = _QUALITY
    packets = encoder.encode(scaled) + encoder.encode(None)
    return b"".join(bytes(packet) for packet in packets)
