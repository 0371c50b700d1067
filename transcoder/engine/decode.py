"""Decoders, chosen by name, that take one access unit and answer frames; damage is counted, not raised."""

from __future__ import annotations

import os
from fractions import Fraction
from typing import Final

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.codec.context import Flags
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from transcoder.ladder import PIXELS_LIMIT, WIDTH_LIMIT
from transcoder.media import AccessUnit, Codec, Kind, Track

DECODERS: Final = {
    Codec.H264: "h264",
    Codec.H265: "hevc",
    Codec.AV1: "libdav1d",
    Codec.VP9: "vp9",
    Codec.AAC: "aac",
    Codec.MP3: "mp3float",
    Codec.OPUS: "opus",
    Codec.FLAC: "flac",
    Codec.AC3: "ac3",
    Codec.EAC3: "eac3",
}
"""The only decoders that this program ever opens."""

SLICE_THREADS: Final = 4


class UndecodableTrack(ValueError):
    """No decoder can be opened for this track: the peer's fault."""


def check_size(track: Track) -> None:
    """Refuse a picture above the limits before any decoder sees it. Raises :class:`UndecodableTrack`."""
    if not (0 < track.width <= WIDTH_LIMIT and 0 < track.height <= WIDTH_LIMIT):
        raise UndecodableTrack(f"picture size {track.width} x {track.height}")
    if track.width * track.height > PIXELS_LIMIT:
        raise UndecodableTrack(f"picture of {track.width * track.height} pixels")


class Damage:
    """Units that a decoder refused: counted, with the last reason."""

    def __init__(self) -> None:
        self.units = 0
        self.last = ""

    def note(self, error: Exception) -> None:
        """Count one."""
        self.units += 1
        self.last = str(error)[:200]

    @property
    def is_worth_a_line(self) -> bool:
        """At 1, 2, 4, 8, … units: a log that a stranger fills is no log."""
        return self.units & (self.units - 1) == 0


class VideoDecoder:
    """One picture track's decoder. Not thread-safe: lives in one thread."""

    def __init__(self, track: Track, *, threads: int | None = None) -> None:
        check_size(track)
        self.track = track
        self.damage = Damage()
        context = av.CodecContext.create(DECODERS[track.codec], "r")
        if not isinstance(context, VideoCodecContext):
            raise UndecodableTrack(f"{track.codec} is no picture")
        self._context = context
        self._context.thread_type = "SLICE"
        # Threads over frames would each hold a picture back; threads over slices cost no delay.
        self._context.thread_count = threads or min(SLICE_THREADS, os.cpu_count() or 1)
        # A new SPS inside the stream passes no check of ours: FFmpeg itself holds the limit.
        self._context.options = {"max_pixels": str(PIXELS_LIMIT)}
        if track.codec is Codec.AV1:
            # libdav1d holds pictures back in its threads unless told not to.
            self._context.flags |= Flags.low_delay
        if track.config and track.codec is not Codec.VP9:
            self._context.extradata = track.config
        try:
            self._context.open()
        except FFmpegError as error:
            raise UndecodableTrack(f"{track.codec}: {error}") from error

    def decode(self, unit: AccessUnit) -> list[VideoFrame]:
        """The pictures that come out, in presentation order, pts in the unit's timescale."""
        if not unit.payload:
            # FFmpeg takes an empty packet for the end of the stream, and nothing after it.
            self.damage.note(ValueError("an empty unit"))
            return []
        packet = av.Packet(unit.payload)
        packet.time_base = Fraction(1, unit.timescale)
        packet.pts, packet.dts, packet.duration = unit.pts, unit.dts, unit.duration
        packet.is_keyframe = unit.sync
        try:
            return self._context.decode(packet)
        except FFmpegError as error:
            self.damage.note(error)
            return []

    def flush(self) -> list[VideoFrame]:
        """What the decoder still holds. It takes nothing afterwards."""
        try:
            return self._context.decode(None)
        except FFmpegError as error:
            self.damage.note(error)
            return []


class AudioDecoder:
    """One sound track's decoder."""

    def __init__(self, track: Track) -> None:
        if track.kind is not Kind.AUDIO:
            raise UndecodableTrack(f"{track.codec} is no sound")
        self.track = track
        self.damage = Damage()
        context = av.CodecContext.create(DECODERS[track.codec], "r")
        if not isinstance(context, AudioCodecContext):
            raise UndecodableTrack(f"{track.codec} is no sound")
        self._context = context
        self._context.thread_count = 1
        config = opus_head(track.config) if track.codec is Codec.OPUS else track.config
        if config:
            self._context.extradata = config
        try:
            self._context.open()
        except (FFmpegError, ValueError) as error:
            raise UndecodableTrack(f"{track.codec}: {error}") from error

    def decode(self, unit: AccessUnit) -> list[AudioFrame]:
        """The samples that come out; pts in the unit's timescale."""
        if not unit.payload:  # As above: no end of the stream.
            self.damage.note(ValueError("an empty unit"))
            return []
        packet = av.Packet(unit.payload)
        packet.time_base = Fraction(1, unit.timescale)
        packet.pts = packet.dts = unit.pts
        packet.duration = unit.duration
        try:
            return self._context.decode(packet)
        except FFmpegError as error:
            self.damage.note(error)
            return []


def opus_head(dops: bytes) -> bytes:
    """FFmpeg's extradata for Opus (the ID header of RFC 7845 5.1, little endian) from a ``dOps`` body.

    Without the pre-skip: the decoder would take those samples off the first frame and leave its pts, and
    all that follows would come 6.5 ms early. A live source's stamps count them.
    """
    if len(dops) < 11:
        return b""
    version, channels, pre_skip = 1, dops[1], bytes(2)
    sample_rate, gain = dops[4:8], dops[8:10]
    return b"OpusHead" + bytes((version, channels)) + pre_skip + sample_rate[::-1] + gain[::-1] + dops[10:]
