"""One encoded video rendition: scales from the rung above, encodes with x264.

Why no ``tune=zerolatency``: it switches on sliced threads, which cut every picture into as many slices as
there are cores. Measured on 720p and 360p of our bench's source at equal PSNR, 2, 4 and 8 slices cost up to
2, 5 and 7% more bits, and more work in all. What it does for delay (no lookahead, no B-pictures, no frame of
VFR delay) is asked for below, one by one; and the cores are kept busy by the rungs working beside each
other, each with one thread. Only where one core cannot encode a picture in time (above 1080p30) does a rung
get slices. ``bench/ladder.py`` compares both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import av
from av.codec.context import Flags
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter

from transcoder.codecs import avc, nal
from transcoder.engine.picture import TIME_BASE, Picture, mark
from transcoder.ladder import Rendition
from transcoder.media import VIDEO_TIMESCALE, AccessUnit, Codec, Track

PIXEL_FORMAT: Final = "yuv420p"
FALLBACK_FRAME_RATE: Final = Fraction(30)
VBV_PEAK: Final = 1.07
"""Highest rate over the buffer's length, as a multiple of the rung's bitrate."""
VBV_BUFFER_S: Final = 1.0
HIGH_PROFILE_FROM: Final = 720
"""Short side from which 8x8 transforms are worth a High decoder."""
ONE_CORE_PIXELS_PER_S: Final = 1920 * 1080 * 40

TrackSink = Callable[[str, Track], None]
UnitSink = Callable[[str, AccessUnit], None]


@dataclass(slots=True)
class Cost:
    """What a rendition has cost so far."""

    units_out: int = 0
    media_s: float = 0.0
    busy_s: float = 0.0


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
        "profile": "high" if min(rendition.width, rendition.height) >= HIGH_PROFILE_FROM else "main",
        "forced-idr": "1",
        "x264-params": ":".join(f"{name}={value}" for name, value in parameters.items()),
    }


def encoder_threads(rendition: Rendition, cores: int, rungs: int) -> int:
    """1, or as many slices as are needed and there are cores for."""
    rate = rendition.frame_rate or FALLBACK_FRAME_RATE
    needed = -(-rendition.width * rendition.height * rate // ONE_CORE_PIXELS_PER_S)
    return max(1, min(int(needed), cores - rungs + 1))


class Rung:
    """Pictures in, units out. Lives in one thread."""

    def __init__(self, rendition: Rendition, *, threads: int, on_track: TrackSink, on_unit: UnitSink) -> None:
        self.rendition = rendition
        self.cost = Cost()
        self._threads = threads
        self._on_track = on_track
        self._on_unit = on_unit
        self._reformatter = VideoReformatter()
        self._encoder: VideoCodecContext | None = None
        self._format: tuple[int, ...] = ()
        self._waiting: dict[int, Picture] = {}

    def scale(self, picture: Picture, *, turned: bool) -> Picture:
        """The picture in this rung's size, 8 bit 4:2:0, limited range; it is also the next rung's source."""
        width, height = self.rendition.width, self.rendition.height
        if turned:
            width, height = height, width
        frame = picture.frame
        if not _fits(frame, width, height):
            frame = self._reformatter.reformat(
                frame,
                width,
                height,
                PIXEL_FORMAT,
                interpolation=Interpolation.BICUBIC,
                dst_color_range=ColorRange.MPEG,
                threads=1,
            )
        mark(frame, is_cut=picture.is_cut)
        return Picture(frame, picture.is_cut, picture.duration, picture.arrival_s)

    def encode(self, picture: Picture) -> None:
        """Encode a scaled picture; what comes out goes to the sinks."""
        frame = picture.frame
        described = (
            frame.width,
            frame.height,
            frame.color_primaries,
            frame.color_trc,
            frame.colorspace,
        )
        if self._encoder is None or described != self._format:
            self.flush()
            self._format = described
            self._encoder = self._open(frame)
            # A new encoder begins with an IDR whether it is told so or not.
        if frame.pts is None:
            return
        self._waiting[frame.pts] = picture
        for packet in self._encoder.encode(frame):
            self._emit(packet)

    def flush(self) -> None:
        """Let out what the encoder holds, and close it."""
        if self._encoder is None:
            return
        for packet in self._encoder.encode(None):
            self._emit(packet)
        self._encoder = None
        self._waiting.clear()

    def _open(self, frame: VideoFrame) -> VideoCodecContext:
        rendition = self.rendition
        encoder = av.CodecContext.create("libx264", "w")
        encoder.width, encoder.height, encoder.pix_fmt = frame.width, frame.height, PIXEL_FORMAT
        encoder.time_base = TIME_BASE
        encoder.framerate = rendition.frame_rate or FALLBACK_FRAME_RATE
        encoder.sample_aspect_ratio = Fraction(1)
        encoder.bit_rate = rendition.bitrate_bps
        encoder.thread_count = self._threads
        encoder.color_range = ColorRange.MPEG
        encoder.color_primaries = frame.color_primaries
        encoder.color_trc = frame.color_trc
        encoder.colorspace = frame.colorspace
        encoder.flags |= Flags.global_header
        encoder.options = encoder_options(rendition)
        if self._threads > 1:
            encoder.options["x264-params"] += ":sliced-threads=1"
        encoder.open()
        self._on_track(
            rendition.name,
            Track(
                track_id=rendition.source_track_id,
                codec=Codec.H264,
                timescale=VIDEO_TIMESCALE,
                config=avc.config_from_annexb(encoder.extradata or b""),
                width=frame.width,
                height=frame.height,
                frame_rate=rendition.frame_rate,
            ),
        )
        return encoder

    def _emit(self, packet: av.Packet[Any]) -> None:
        if packet.pts is None or packet.dts is None:
            return
        picture = self._waiting.pop(packet.pts, None)
        duration = picture.duration if picture else 0
        self.cost.units_out += 1
        self._on_unit(
            self.rendition.name,
            AccessUnit(
                track_id=self.rendition.source_track_id,
                codec=Codec.H264,
                timescale=VIDEO_TIMESCALE,
                pts=packet.pts,
                dts=packet.dts,
                duration=duration,
                sync=packet.is_keyframe,
                payload=nal.from_annexb(bytes(packet)),
                arrival_s=picture.arrival_s if picture else 0.0,
            ),
        )


def _fits(frame: VideoFrame, width: int, height: int) -> bool:
    """Whether it can be encoded as it is. An unspecified range is limited (H.264 E.2.1)."""
    return (frame.width, frame.height, frame.format.name) == (
        width,
        height,
        PIXEL_FORMAT,
    ) and frame.color_range != ColorRange.JPEG
