"""A synthetic broadcast: picture, burnt-in clock and a beep each second, as encoded access units.

The caller paces it: each :meth:`TestPattern.render` draws one frame with the wall clock it is given,
encodes it and answers what is ready to send. Nothing is kept back: a frame comes out with its own call
(unless B-frames were asked for).
"""

from __future__ import annotations

import os
from array import array
from dataclasses import dataclass
from fractions import Fraction
from math import pi, sin
from typing import Any, Final, cast

from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.codec.context import Flags
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame

from transcoder.engine.elementary import ElementaryStream
from transcoder.engine.testpicture import TestPicture
from transcoder.media import VIDEO_TIMESCALE, AccessUnit, Codec, Track

VIDEO_TRACK_ID: Final = 1
AUDIO_TRACK_ID: Final = 2

SAMPLE_RATE: Final = 48_000
AAC_FRAME_SAMPLES: Final = 1024
BEEP_HZ: Final = 1_000
BEEP_SAMPLES: Final = SAMPLE_RATE // 10
_BEEP_LEVEL: Final = 0.25
_FADE_SAMPLES: Final = 240
_RESYNC_SAMPLES: Final = SAMPLE_RATE // 25

# Limited range and BT.709 for matrix, primaries and transfer (H.273 value 1).
_LIMITED_RANGE: Final = 1
_BT709: Final = 1

_ENCODERS: Final[dict[Codec, tuple[str, dict[str, str]]]] = {
    Codec.H264: ("libx264", {"preset": "superfast", "sc_threshold": "0", "forced-idr": "1"}),
    Codec.H265: ("libx265", {"preset": "ultrafast", "forced-idr": "1", "x265-params": "log-level=none"}),
    Codec.AV1: ("libsvtav1", {"preset": "12", "svtav1-params": "pred-struct=1:rc=2:rtc=1:lookahead=0:scd=0"}),
    Codec.VP9: ("libvpx-vp9", {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternConfig:
    """What is broadcast. Raises ValueError where an encoder could not do it."""

    width: int = 1280
    height: int = 720
    fps: Fraction = Fraction(30)
    video_bitrate_bps: int = 2_500_000
    codec: Codec = Codec.H264
    gop_s: float = 2.0
    """From one sync picture to the next, exactly; rounded to whole frames."""
    b_frames: int = 0
    """Only with H.264 and H.265; each delays the picture by a frame."""
    audio: bool = True
    audio_bitrate_bps: int = 128_000

    def __post_init__(self) -> None:
        if self.width % 2 or self.height % 2 or not (64 <= self.width <= 7680 and 64 <= self.height <= 4320):
            raise ValueError(f"size {self.width}x{self.height}: even numbers from 64x64 to 7680x4320")
        if not 1 <= self.fps <= 240:
            raise ValueError(f"{self.fps} frames a second: from 1 to 240")
        if self.codec not in _ENCODERS:
            raise ValueError(f"codec {self.codec.value}: one of {', '.join(c.value for c in _ENCODERS)}")
        if self.gop_frames < 1 or not 0 <= self.b_frames <= 8:
            raise ValueError("a group of pictures has at least one frame and at most 8 B-frames in a row")

    @property
    def gop_frames(self) -> int:
        return round(self.gop_s * self.fps)


class TestPattern:
    """The encoded test pattern. Blocks while it encodes, so that shells call it from a thread."""

    __test__ = False

    def __init__(self, config: PatternConfig) -> None:
        self.config = config
        self._encoder = _open_video(config)
        self._video = _video_stream(config, self._encoder)
        self._sound = _Sound(config.audio_bitrate_bps) if config.audio else None
        # With B-frames, dts lies before pts: the timeline starts late enough for it never to be negative.
        self._lead = config.b_frames + 1 if config.b_frames else 0
        self._gop: int | None = None
        strides = _new_frame(config).planes
        label = f"mediaserver test pattern   {config.width}x{config.height} {float(config.fps):g} fps"
        self._picture = TestPicture(
            config.width,
            config.height,
            (strides[0].line_size, strides[1].line_size, strides[2].line_size),
            label,
        )

    @property
    def tracks(self) -> tuple[Track, ...]:
        """The picture's track, and the sound's if there is one."""
        tracks = (self._video.track, self._sound.stream.track if self._sound else None)
        return tuple(track for track in tracks if track is not None)

    def render(self, index: int, unix_s: float, arrival_s: float) -> list[AccessUnit]:
        """Draw frame ``index`` (it never goes back; a skipped number is a dropped frame), with its sound.

        ``unix_s`` is the wall clock now: it is what the picture shows, and the beep follows it.
        """
        config = self.config
        frame = _new_frame(config)
        luma, blue, red = (memoryview(plane) for plane in frame.planes)
        self._picture.paint((luma, blue, red), unix_s, index)
        frame.pts = index + self._lead
        gop = index // config.gop_frames
        frame.pict_type = PictureType.NONE if gop == self._gop else PictureType.I
        self._gop = gop
        units = [self._video_unit(packet, arrival_s) for packet in self._encoder.encode(frame)]
        if self._sound is not None:
            media_s = float((index + self._lead) / config.fps)
            units += self._sound.until(media_s, unix_s, arrival_s)
        return units

    def close(self) -> None:
        """End the encoder in order (SVT-AV1 complains on stderr otherwise)."""
        self._encoder.encode(None)

    def _video_unit(self, packet: Packet[Any], arrival_s: float) -> AccessUnit:
        if packet.pts is None or packet.dts is None:
            raise ValueError("the video encoder left a packet without a time")
        frame_ticks = VIDEO_TIMESCALE / self.config.fps
        dts = round(packet.dts * frame_ticks)
        return AccessUnit(
            track_id=VIDEO_TRACK_ID,
            codec=self.config.codec,
            timescale=VIDEO_TIMESCALE,
            pts=round(packet.pts * frame_ticks),
            dts=dts,
            duration=round((packet.dts + 1) * frame_ticks) - dts,
            sync=packet.is_keyframe,
            payload=self._video.payload(bytes(packet)),
            arrival_s=arrival_s,
        )


class _Sound:
    """A beep of 1 kHz for the first 100 ms of each second of the wall clock, as AAC."""

    def __init__(self, bitrate_bps: int) -> None:
        self._encoder = AudioCodecContext.create("aac", "w")
        self._encoder.sample_rate = SAMPLE_RATE
        self._encoder.layout = "stereo"
        self._encoder.format = "fltp"
        self._encoder.bit_rate = bitrate_bps
        self._encoder.time_base = Fraction(1, SAMPLE_RATE)
        self._encoder.flags |= Flags.global_header
        self._encoder.open()
        self.stream = ElementaryStream(AUDIO_TRACK_ID, Codec.AAC, extradata=self._encoder.extradata or b"")
        self._beep = _beep()
        self._fed_samples = 0
        self._sent_samples = 0
        self._wall_offset: int | None = None

    def until(self, media_s: float, unix_s: float, arrival_s: float) -> list[AccessUnit]:
        """The frames that begin at or before ``media_s`` of the media timeline, which is ``unix_s`` now."""
        self._follow_wall(round((unix_s - media_s) * SAMPLE_RATE))
        units: list[AccessUnit] = []
        while self._sent_samples <= media_s * SAMPLE_RATE:
            for packet in self._encoder.encode(self._next_frame()):
                # The encoder's first packet only primes the decoder (ISO 14496-3: the frame before the
                # first overlaps with it) and lies before zero.
                if packet.pts is None or packet.pts < 0:
                    continue
                self._sent_samples = packet.pts + AAC_FRAME_SAMPLES
                units.append(
                    AccessUnit(
                        track_id=AUDIO_TRACK_ID,
                        codec=Codec.AAC,
                        timescale=SAMPLE_RATE,
                        pts=packet.pts,
                        dts=packet.pts,
                        duration=AAC_FRAME_SAMPLES,
                        sync=True,
                        payload=self.stream.payload(bytes(packet)),
                        arrival_s=arrival_s,
                    )
                )
        return units

    def _follow_wall(self, offset: int) -> None:
        """Place the beep on the wall clock, but do not let each frame's jitter cut it up."""
        if self._wall_offset is None or abs(offset - self._wall_offset) > _RESYNC_SAMPLES:
            self._wall_offset = offset

    def _next_frame(self) -> AudioFrame:
        start = (self._fed_samples + (self._wall_offset or 0)) % SAMPLE_RATE
        second = self._beep[4 * start : 4 * (start + AAC_FRAME_SAMPLES)]
        rest = 4 * AAC_FRAME_SAMPLES - len(second)
        samples = second + self._beep[:rest]
        frame = AudioFrame("fltp", "stereo", AAC_FRAME_SAMPLES)
        for plane in frame.planes:
            plane.update(samples)
        frame.sample_rate = SAMPLE_RATE
        frame.time_base = Fraction(1, SAMPLE_RATE)
        frame.pts = self._fed_samples
        self._fed_samples += AAC_FRAME_SAMPLES
        return frame


def _beep() -> bytes:
    """One second of 32-bit float samples: the beep, faded at both ends, and silence."""
    samples = array("f", bytes(4 * SAMPLE_RATE))
    for position in range(BEEP_SAMPLES):
        fade = min(1.0, position / _FADE_SAMPLES, (BEEP_SAMPLES - position) / _FADE_SAMPLES)
        samples[position] = _BEEP_LEVEL * fade * sin(2 * pi * BEEP_HZ * position / SAMPLE_RATE)
    return samples.tobytes()


def _new_frame(config: PatternConfig) -> VideoFrame:
    frame = VideoFrame(config.width, config.height, "yuv420p")
    frame.color_range = _LIMITED_RANGE
    frame.colorspace = _BT709
    return frame


def _open_video(config: PatternConfig) -> VideoCodecContext:
    name, options = _ENCODERS[config.codec]
    if config.codec is Codec.AV1:
        # SVT-AV1 writes its banner to stderr unless its own variable says "errors only".
        os.environ.setdefault("SVT_LOG", "1")
    encoder = cast(VideoCodecContext, VideoCodecContext.create(name, "w"))
    encoder.width = config.width
    encoder.height = config.height
    encoder.pix_fmt = "yuv420p"
    encoder.framerate = config.fps
    encoder.time_base = 1 / config.fps
    encoder.bit_rate = config.video_bitrate_bps
    encoder.gop_size = config.gop_frames
    encoder.color_range = _LIMITED_RANGE
    encoder.colorspace = encoder.color_primaries = encoder.color_trc = _BT709
    encoder.flags |= Flags.global_header
    encoder.thread_count = 1
    options = dict(options)
    if config.codec is Codec.H264:
        # A steady rate: no picture takes longer than half a second to send over a line of that rate.
        options |= {"maxrate": str(config.video_bitrate_bps), "bufsize": str(config.video_bitrate_bps // 2)}
    if config.codec in (Codec.H264, Codec.H265):
        if config.b_frames:
            encoder.max_b_frames = config.b_frames
            options |= {"rc-lookahead": str(config.b_frames + 1)} if config.codec is Codec.H264 else {}
        else:
            options |= {"tune": "zerolatency"}
    encoder.options = options
    encoder.open()
    return encoder


def _video_stream(config: PatternConfig, encoder: VideoCodecContext) -> ElementaryStream:
    # SVT-AV1's extradata is not the sequence header that it then sends; libvpx has none.
    tells_truly = config.codec in (Codec.H264, Codec.H265)
    stream = ElementaryStream(
        VIDEO_TRACK_ID,
        config.codec,
        extradata=(encoder.extradata or b"") if tells_truly else b"",
        width=config.width,
        height=config.height,
        frame_rate=config.fps,
    )
    if stream.track is None:
        # The first picture tells it: ask one that is thrown away.
        frame = _new_frame(config)
        frame.pts = 0
        taster = _open_video(config)
        for packet in [*taster.encode(frame), *taster.encode(None)]:
            stream.payload(bytes(packet))
    return stream
