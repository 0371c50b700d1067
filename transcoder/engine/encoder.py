"""Open H.264 encoders: x264, and those in hardware, all asked for the same picture after picture.

Why x264 without ``tune=zerolatency``: it switches on sliced threads, which cut every picture into as many
slices as there are cores. Measured on 720p and 360p of our bench's source at equal PSNR, 2, 4 and 8 slices
cost up to 2, 5 and 7% more bits, and more work in all. What it does for delay (no lookahead, no B-pictures,
no frame of VFR delay) is asked for below, one by one; and the cores are kept busy by the rungs working
beside each other, each with one thread. Only where one core cannot encode a picture in time (above 1080p30)
does a rung get slices. ``bench/ladder.py`` compares both.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any, Final

import av
from av.codec.codec import UnknownCodecError
from av.codec.context import Flags
from av.codec.hwaccel import HWAccel
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, VideoReformatter

from transcoder.codecs import avc
from transcoder.encoders import Encoder
from transcoder.engine.picture import TIME_BASE
from transcoder.ladder import Rendition

PIXEL_FORMAT: Final = "yuv420p"
FALLBACK_FRAME_RATE: Final = Fraction(30)
VBV_PEAK: Final = 1.07
"""Highest rate over the buffer's length, as a multiple of the rung's bitrate."""
VBV_BUFFER_S: Final = 1.0
HIGH_PROFILE_FROM: Final = 720
"""Short side from which 8x8 transforms are worth a High decoder."""
_NEVER: Final = 1 << 16
"""Pictures between IDRs that nobody asked for: we ask for each."""

_NAMES: Final = {
    Encoder.SOFTWARE: "libx264",
    Encoder.NVENC: "h264_nvenc",
    Encoder.QSV: "h264_qsv",
    Encoder.VAAPI: "h264_vaapi",
}
_FORMATS: Final = {Encoder.QSV: "nv12", Encoder.VAAPI: "nv12"}
_DEVICE_OPTIONS: Final = {
    Encoder.NVENC: {
        "preset": "p4",
        "tune": "ll",
        "rc": "vbr",
        "zerolatency": "1",
        "delay": "0",
        "forced-idr": "1",
        "no-scenecut": "1",
        "bf": "0",
        "a53cc": "0",
    },
    Encoder.QSV: {
        "preset": "veryfast",
        "async_depth": "1",
        "forced_idr": "1",
        "look_ahead": "0",
        "a53cc": "0",
        "bf": "0",
        "aud": "0",
    },
    Encoder.VAAPI: {"rc_mode": "VBR", "async_depth": "1", "bf": "0", "aud": "0"},
}


class EncoderFailed(Exception):
    """This encoder cannot be opened, or gave up; the sentence says why."""


class PictureEncoder:
    """One open encoder, for pictures of one size and colour. Lives in one thread."""

    def __init__(self, encoder: Encoder, rendition: Rendition, frame: VideoFrame, threads: int) -> None:
        """For pictures like ``frame``. Raises :class:`EncoderFailed`."""
        self.encoder = encoder
        self._format = _FORMATS.get(encoder, PIXEL_FORMAT)
        self._reformatter = VideoReformatter()
        try:
            self._context = _opened(encoder, rendition, frame, self._format, threads)
            self.config = avc.config_from_annexb(self._context.extradata or b"")
            """The body of ``avcC``."""
        except UnknownCodecError as error:
            raise EncoderFailed(f"this FFmpeg has no {_NAMES[encoder]}") from error
        except (FFmpegError, ValueError) as error:
            raise EncoderFailed(_in_a_line(error)) from error

    def encode(self, frame: VideoFrame | None) -> list[av.Packet[Any]]:
        """What comes out for a picture, or at the end for None. Raises :class:`EncoderFailed`."""
        try:
            if frame is not None and self._format != PIXEL_FORMAT:
                frame = self._converted(frame)
            return list(self._context.encode(frame))
        except (FFmpegError, ValueError) as error:
            raise EncoderFailed(_in_a_line(error)) from error

    def _converted(self, frame: VideoFrame) -> VideoFrame:
        made = self._reformatter.reformat(frame, format=self._format, threads=1)
        made.pts, made.time_base, made.pict_type = frame.pts, frame.time_base, frame.pict_type
        return made


Opener = Callable[[Encoder, Rendition, VideoFrame, int], PictureEncoder]


def encoder_options(rendition: Rendition) -> dict[str, str]:
    """x264's settings for a rung."""
    bitrate_bps = rendition.bitrate_bps or 1_000_000
    parameters = {
        # No delay: each picture's bits leave before the next picture comes.
        "bframes": 0,
        "rc-lookahead": 0,
        "sync-lookahead": 0,
        "mbtree": 0,
        "force-cfr": 1,
        # IDRs stand where segments begin and nowhere else; we force each of them.
        "scenecut": 0,
        "keyint": "infinite",
        "open-gop": 0,
        "aud": 0,
        "repeat-headers": 0,
        "vbv-maxrate": round(bitrate_bps * VBV_PEAK / 1000),
        "vbv-bufsize": round(bitrate_bps * VBV_BUFFER_S / 1000),
    }
    return {
        "preset": "veryfast",
        "profile": _profile(rendition),
        "forced-idr": "1",
        # Captions that FFmpeg's decoder left on a frame: we write them ourselves, into every rung.
        "a53cc": "0",
        "x264-params": ":".join(f"{name}={value}" for name, value in parameters.items()),
    }


def _device_options(encoder: Encoder, rendition: Rendition) -> dict[str, str]:
    bitrate_bps = rendition.bitrate_bps or 1_000_000
    return {
        **_DEVICE_OPTIONS[encoder],
        "profile": _profile(rendition),
        "maxrate": str(round(bitrate_bps * VBV_PEAK)),
        "bufsize": str(round(bitrate_bps * VBV_BUFFER_S)),
    }


def _profile(rendition: Rendition) -> str:
    return "high" if min(rendition.width, rendition.height) >= HIGH_PROFILE_FROM else "main"


def _opened(
    encoder: Encoder, rendition: Rendition, frame: VideoFrame, pixel_format: str, threads: int
) -> VideoCodecContext:
    if encoder is Encoder.VAAPI:
        context = av.CodecContext.create(_NAMES[encoder], "w", HWAccel("vaapi"))
    else:
        context = av.CodecContext.create(_NAMES[encoder], "w")
    if not isinstance(context, VideoCodecContext):
        raise ValueError(f"{_NAMES[encoder]} makes no pictures")
    context.width, context.height, context.pix_fmt = frame.width, frame.height, pixel_format
    context.time_base = TIME_BASE
    context.framerate = rendition.frame_rate or FALLBACK_FRAME_RATE
    context.sample_aspect_ratio = Fraction(1)
    if rendition.bitrate_bps:
        context.bit_rate = rendition.bitrate_bps
    context.color_range = ColorRange.MPEG
    context.color_primaries = frame.color_primaries
    context.color_trc = frame.color_trc
    context.colorspace = frame.colorspace
    context.flags |= Flags.global_header
    if encoder is Encoder.SOFTWARE:
        context.thread_count = threads
        context.options = encoder_options(rendition)
        if threads > 1:
            context.options["x264-params"] += ":sliced-threads=1"
    else:
        context.gop_size = _NEVER
        context.options = _device_options(encoder, rendition)
    context.open()
    return context


def _in_a_line(error: Exception) -> str:
    said = (error.strerror or "") if isinstance(error, FFmpegError) else str(error)
    return said[:200].replace("\n", " ") or type(error).__name__
