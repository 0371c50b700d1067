"""Pictures and sound of a file in a codec that RTMP cannot carry, made into H.264 and AAC."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Final

from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.codec.context import Flags
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from transcoder.engine.elementary import ElementaryStream
from transcoder.media import VIDEO_TIMESCALE, AccessUnit, Codec, Track

_GOP_S: Final = 2
_FASTEST_FPS: Final = 60
_SOUND_RATE: Final = 48_000
_AAC_FRAME_SAMPLES: Final = 1024
_SOUND_BITRATE_BPS: Final = 128_000
_DEFAULT_FPS: Final = Fraction(30)


class ReencodedPicture:
    """One video stream, decoded and encoded again as H.264 with a sync picture every two seconds."""

    def __init__(self, track_id: int, stream: VideoStream) -> None:
        self._stream = stream
        self._track_id = track_id
        self._rate = stream.average_rate or stream.guessed_rate or _DEFAULT_FPS
        self._width, self._height = stream.width // 2 * 2, stream.height // 2 * 2
        encoder = VideoCodecContext.create("libx264", "w")
        encoder.width, encoder.height, encoder.pix_fmt = self._width, self._height, "yuv420p"
        encoder.framerate = self._rate
        encoder.time_base = Fraction(1, VIDEO_TIMESCALE)
        encoder.gop_size = round(_GOP_S * self._rate)
        encoder.options = {"preset": "veryfast", "crf": "21", "forced-idr": "1", "tune": "zerolatency"}
        if stream.sample_aspect_ratio:
            encoder.sample_aspect_ratio = stream.sample_aspect_ratio
        encoder.flags |= Flags.global_header
        encoder.open()
        self._encoder = encoder
        self._out = ElementaryStream(
            track_id, Codec.H264, extradata=encoder.extradata or b"", frame_rate=self._rate
        )
        self._last_pts: int | None = None
        self._next_sync_pts: int | None = None

    @property
    def track(self) -> Track | None:
        return self._out.track

    def units(self, packet: Packet[Any]) -> Iterator[AccessUnit]:
        """What comes out for one packet; the demuxer's empty last one flushes."""
        for frame in self._stream.codec_context.decode(packet):
            yield from self._encode(frame)
        if packet.dts is None and not packet.size:
            yield from map(self._unit, self._encoder.encode(None))

    def _encode(self, frame: VideoFrame) -> Iterator[AccessUnit]:
        if frame.pts is None or frame.time_base is None:
            return
        pts = round(frame.pts * frame.time_base * VIDEO_TIMESCALE)
        # Faster than 60 fps is more than players ask for; a picture that steps back has no place.
        if self._last_pts is not None and pts - self._last_pts < VIDEO_TIMESCALE // (_FASTEST_FPS + 1):
            return
        self._last_pts = pts
        made = frame.reformat(width=self._width, height=self._height, format="yuv420p")
        made.pts = pts
        made.time_base = Fraction(1, VIDEO_TIMESCALE)
        is_sync = self._next_sync_pts is None or pts >= self._next_sync_pts
        made.pict_type = PictureType.I if is_sync else PictureType.NONE
        if is_sync:
            self._next_sync_pts = pts + _GOP_S * VIDEO_TIMESCALE
        yield from map(self._unit, self._encoder.encode(made))

    def _unit(self, packet: Packet[Any]) -> AccessUnit:
        return AccessUnit(
            track_id=self._track_id,
            codec=Codec.H264,
            timescale=VIDEO_TIMESCALE,
            pts=packet.pts or 0,
            dts=packet.dts or 0,
            duration=round(VIDEO_TIMESCALE / self._rate),
            sync=packet.is_keyframe,
            payload=self._out.payload(bytes(packet)),
            arrival_s=0.0,
        )


class ReencodedSound:
    """One audio stream, decoded and encoded again as stereo AAC at 48 kHz."""

    def __init__(self, track_id: int, stream: AudioStream) -> None:
        self._stream = stream
        self._track_id = track_id
        encoder = AudioCodecContext.create("aac", "w")
        encoder.sample_rate = _SOUND_RATE
        encoder.layout = "stereo"
        encoder.format = "fltp"
        encoder.bit_rate = _SOUND_BITRATE_BPS
        encoder.time_base = Fraction(1, _SOUND_RATE)
        encoder.flags |= Flags.global_header
        encoder.open()
        self._encoder = encoder
        self._resampler = AudioResampler("fltp", "stereo", _SOUND_RATE, frame_size=_AAC_FRAME_SAMPLES)
        self._out = ElementaryStream(track_id, Codec.AAC, extradata=encoder.extradata or b"")
        self._start: int | None = None
        self._fed_samples = 0

    @property
    def track(self) -> Track | None:
        return self._out.track

    def units(self, packet: Packet[Any]) -> Iterator[AccessUnit]:
        """What comes out for one packet; the demuxer's empty last one flushes."""
        for frame in self._stream.codec_context.decode(packet):
            if self._start is None and frame.pts is not None and frame.time_base is not None:
                self._start = round(frame.pts * frame.time_base * _SOUND_RATE)
            for piece in self._resampler.resample(frame):
                yield from self._encode(piece)
        if packet.dts is None and not packet.size:
            for piece in self._resampler.resample(None):
                yield from self._encode(piece)
            yield from self._encode(None)

    def _encode(self, frame: AudioFrame | None) -> Iterator[AccessUnit]:
        if frame is not None:
            frame.pts = (self._start or 0) + self._fed_samples
            frame.time_base = Fraction(1, _SOUND_RATE)
            self._fed_samples += frame.samples
        for packet in self._encoder.encode(frame):
            if packet.pts is None or packet.pts < (self._start or 0):
                continue  # primes the decoder; lies before the sound's first sample
            yield AccessUnit(
                track_id=self._track_id,
                codec=Codec.AAC,
                timescale=_SOUND_RATE,
                pts=packet.pts,
                dts=packet.pts,
                duration=_AAC_FRAME_SAMPLES,
                sync=True,
                payload=self._out.payload(bytes(packet)),
                arrival_s=0.0,
            )
