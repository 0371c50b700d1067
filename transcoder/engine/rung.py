"""One encoded video rendition: scales from the rung above, and has the pictures encoded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final

import av
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter

from transcoder.codecs import nal
from transcoder.encoders import Encoder
from transcoder.engine.captions import sei
from transcoder.engine.encoder import (
    FALLBACK_FRAME_RATE,
    PIXEL_FORMAT,
    EncoderFailed,
    Opener,
    PictureEncoder,
)
from transcoder.engine.picture import Picture, mark
from transcoder.ladder import Rendition
from transcoder.media import VIDEO_TIMESCALE, AccessUnit, Codec, Track

ONE_CORE_PIXELS_PER_S: Final = 1920 * 1080 * 40

TrackSink = Callable[[str, Track], None]
UnitSink = Callable[[str, AccessUnit], None]


@dataclass(slots=True)
class Cost:
    """What a rendition has cost so far."""

    units_out: int = 0
    media_s: float = 0.0
    busy_s: float = 0.0
    encoder: Encoder | None = None


def encoder_threads(rendition: Rendition, cores: int, rungs: int) -> int:
    """1, or as many slices as are needed and there are cores for."""
    rate = rendition.frame_rate or FALLBACK_FRAME_RATE
    needed = -(-rendition.width * rendition.height * rate // ONE_CORE_PIXELS_PER_S)
    return max(1, min(int(needed), cores - rungs + 1))


class Rung:
    """Pictures in, units out. Lives in one thread."""

    def __init__(
        self,
        rendition: Rendition,
        *,
        threads: int,
        encoders: Sequence[Encoder],
        open_encoder: Opener,
        on_track: TrackSink,
        on_unit: UnitSink,
        say: Callable[[str], None],
    ) -> None:
        """``encoders``: the first one is used, and after a failure the next."""
        self.rendition = rendition
        self.cost = Cost()
        self._threads = threads
        self._encoders = list(encoders)
        self._open_encoder = open_encoder
        self._on_track = on_track
        self._on_unit = on_unit
        self._say = say
        self._reformatter = VideoReformatter()
        self._encoder: PictureEncoder | None = None
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
        return replace(picture, frame=frame)

    def encode(self, picture: Picture) -> None:
        """Encode a scaled picture; what comes out goes to the sinks.

        Where a device fails, the next encoder goes on with this very picture, as an IDR.
        """
        frame = picture.frame
        if frame.pts is None:
            return
        described = (
            frame.width,
            frame.height,
            frame.color_primaries,
            frame.color_trc,
            frame.colorspace,
        )
        if described != self._format:
            self.flush()
            self._format = described
        while True:
            try:
                self._encode(picture)
                return
            except EncoderFailed as error:
                failed, self._encoder = self._encoders[0], None
                self._waiting.clear()
                if len(self._encoders) == 1:
                    raise
                del self._encoders[0]
                self._say(f"{self.rendition.name}: {failed} failed ({error}), {self._encoders[0]} goes on")

    def flush(self) -> None:
        """Let out what the encoder holds, and close it."""
        if self._encoder is None:
            return
        encoder, self._encoder = self._encoder, None
        try:
            packets = encoder.encode(None)
        except EncoderFailed as error:
            self._say(f"{self.rendition.name}: {encoder.encoder} did not finish ({error})")
        else:
            self._emit(packets, self._waiting)
        self._waiting.clear()

    def _encode(self, picture: Picture) -> None:
        frame = picture.frame
        encoder = self._encoder
        if encoder is None:
            # A new encoder begins with an IDR whether it is told so or not.
            encoder = self._encoder = self._open_encoder(
                self._encoders[0], self.rendition, frame, self._threads
            )
            self._announce(encoder, frame)
        if frame.pts is not None:
            self._waiting[frame.pts] = picture
        packets = encoder.encode(frame)
        for packet in packets:
            asked = self._waiting.get(packet.pts) if packet.pts is not None else None
            if asked is not None and asked.is_cut and not packet.is_keyframe:
                raise EncoderFailed("no IDR picture where one was asked for")
        self._emit(packets, self._waiting)

    def _announce(self, encoder: PictureEncoder, frame: VideoFrame) -> None:
        self.cost.encoder = encoder.encoder
        self._on_track(
            self.rendition.name,
            Track(
                track_id=self.rendition.source_track_id,
                codec=Codec.H264,
                timescale=VIDEO_TIMESCALE,
                config=encoder.config,
                width=frame.width,
                height=frame.height,
                sample_aspect=Fraction(1),
                frame_rate=self.rendition.frame_rate,
            ),
        )

    def _emit(self, packets: Sequence[av.Packet[Any]], waiting: dict[int, Picture]) -> None:
        for packet in packets:
            if packet.pts is None or packet.dts is None:
                continue
            picture = waiting.pop(packet.pts, None)
            self.cost.units_out += 1
            self._on_unit(
                self.rendition.name,
                AccessUnit(
                    track_id=self.rendition.source_track_id,
                    codec=Codec.H264,
                    timescale=VIDEO_TIMESCALE,
                    pts=packet.pts,
                    dts=packet.dts,
                    duration=picture.duration if picture else 0,
                    sync=packet.is_keyframe,
                    payload=(sei(picture.captions) if picture else b"") + nal.from_annexb(bytes(packet)),
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
