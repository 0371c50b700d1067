"""One encoded audio rendition: anything that decodes becomes AAC-LC, stereo, on an unbroken timeline.

Times: FFmpeg's AAC encoder answers with the samples' own times, its first frame before the first sample
(1,024 samples of priming). Since a decoder that is given a frame puts out sound for that frame's own
time, the pts stay as they are; only frames that end before the sound began are left out.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Final

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.codec.context import Flags
from av.error import FFmpegError
from av.filter import Graph

from transcoder.engine.decode import AudioDecoder
from transcoder.engine.rung import Cost, TrackSink, UnitSink
from transcoder.ladder import AUDIO_BITRATE_BPS, Rendition
from transcoder.media import AccessUnit, Codec, Track, rescale

FRAME_SAMPLES: Final = 1024
"""Samples of an AAC-LC frame (ISO 14496-3 4.5.1.1)."""
_JUMP_S: Final = 2.0
"""A hole above this is left a hole; below it is filled with silence."""
_STRETCH: Final = "flags=res:min_comp=0.004:comp_duration=1:max_soft_comp=0.01:min_hard_comp=0.03"
"""Follow the source's stamps: up to 30 ms off by stretching one percent, beyond by silence or a trim.
4 ms are let pass, because stamps in whole milliseconds always waver. ``flags=res``: a resampler that is
put in only when the first stretch is due starts its clock anew, and the output would jump."""


class SoundRendition:
    """Units of one sound track in, AAC units out. Lives in one thread."""

    def __init__(self, rendition: Rendition, track: Track, *, on_track: TrackSink, on_unit: UnitSink) -> None:
        self.rendition = rendition
        self.cost = Cost()
        self._on_track = on_track
        self._on_unit = on_unit
        self._decoder = AudioDecoder(track)
        self._graph: Graph | None = None
        self._graph_format: tuple[object, ...] = ()
        self._encoder: AudioCodecContext | None = None
        self._expected_s: float | None = None
        self._first_pts: int | None = None
        self._next_pts = 0
        self._arrival_s = 0.0

    @property
    def damaged(self) -> int:
        return self._decoder.damage.units

    def set_track(self, track: Track) -> None:
        """The source's new format. Raises :class:`UndecodableTrack`."""
        damage = self._decoder.damage
        self._decoder = AudioDecoder(track)
        self._decoder.damage = damage

    def push(self, unit: AccessUnit) -> None:
        """Decode, resample and encode one unit."""
        self._arrival_s = unit.arrival_s
        if self._expected_s is not None and abs(unit.pts_s - self._expected_s) > _JUMP_S:
            self._drain_graph()
        for frame in self._decoder.decode(unit):
            self._resample(frame)
            self._expected_s = unit.pts_s + frame.samples / frame.sample_rate

    def flush(self) -> None:
        """Encode what is held."""
        self._drain_graph()
        if self._encoder is not None:
            self._encode(self._encoder, None)
            self._encoder = None

    def _resample(self, frame: AudioFrame) -> None:
        described = (frame.sample_rate, frame.format.name, frame.layout.name, frame.time_base)
        if self._graph is None or described != self._graph_format:
            self._drain_graph()
            self._graph_format = described
            self._graph = self._make_graph(frame)
        try:
            self._graph.push(frame)
        except FFmpegError as error:
            self._decoder.damage.note(error)
            self._graph = None
            return
        self._encode_ready(self._graph)

    def _make_graph(self, frame: AudioFrame) -> Graph:
        graph = Graph()
        rate = self.rendition.sample_rate
        source = graph.add_abuffer(
            sample_rate=frame.sample_rate,
            format=frame.format.name,
            layout=frame.layout.name,
            time_base=frame.time_base,
        )
        resample = graph.add("aresample", f"{rate}:async=1:{_STRETCH}")
        shape = graph.add("aformat", f"sample_fmts=fltp:sample_rates={rate}:channel_layouts=stereo")
        graph.link_nodes(source, resample, shape, graph.add("abuffersink")).configure()
        graph.set_audio_frame_size(FRAME_SAMPLES)
        return graph

    def _drain_graph(self) -> None:
        if self._graph is None:
            return
        graph, self._graph = self._graph, None
        try:
            graph.push(None)
        except FFmpegError:
            return
        self._encode_ready(graph)

    def _encode_ready(self, graph: Graph) -> None:
        while True:
            try:
                frame = graph.pull()
            except (BlockingIOError, EOFError):
                return
            if not isinstance(frame, AudioFrame) or frame.pts is None:
                return
            if self._encoder is None:
                self._encoder = self._open()
                self._first_pts = frame.pts
            self.cost.media_s += frame.samples / self.rendition.sample_rate
            self._encode(self._encoder, frame)

    def _encode(self, encoder: AudioCodecContext, frame: AudioFrame | None) -> None:
        try:
            packets = encoder.encode(frame)
        except FFmpegError as error:
            # Some bitstreams decode to infinities, which the encoder refuses for as long as it looks back
            # on one; a new encoder starts with a clean past.
            self._decoder.damage.note(error)
            self._encoder = None
        else:
            self._emit(packets)

    def _open(self) -> AudioCodecContext:
        encoder = av.CodecContext.create("aac", "w")
        encoder.sample_rate = self.rendition.sample_rate
        encoder.layout = "stereo"
        encoder.format = "fltp"
        encoder.bit_rate = self.rendition.bitrate_bps or AUDIO_BITRATE_BPS
        encoder.time_base = Fraction(1, self.rendition.sample_rate)
        encoder.flags |= Flags.global_header
        encoder.open()
        self._on_track(
            self.rendition.name,
            Track(
                track_id=self.rendition.source_track_id,
                codec=Codec.AAC,
                timescale=self.rendition.sample_rate,
                config=encoder.extradata or b"",
                sample_rate=self.rendition.sample_rate,
                channels=self.rendition.channels,
                language=self._decoder.track.language,
                name=self._decoder.track.name,
            ),
        )
        return encoder

    def _emit(self, packets: list[av.Packet[Any]]) -> None:
        for packet in packets:
            if packet.pts is None or self._first_pts is None:
                continue
            pts = rescale(packet.pts, packet.time_base.denominator, self.rendition.sample_rate)
            if pts + FRAME_SAMPLES <= self._first_pts or pts < max(0, self._next_pts):
                continue
            self._next_pts = pts + FRAME_SAMPLES
            self.cost.units_out += 1
            self._on_unit(
                self.rendition.name,
                AccessUnit(
                    track_id=self.rendition.source_track_id,
                    codec=Codec.AAC,
                    timescale=self.rendition.sample_rate,
                    pts=pts,
                    dts=pts,
                    duration=FRAME_SAMPLES,
                    sync=True,
                    payload=bytes(packet),
                    arrival_s=self._arrival_s,
                ),
            )
