"""Sources made at test time by PyAV's encoders: tracks and units as a door would push them."""

from __future__ import annotations

import io
import subprocess
from array import array
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import pairwise

import av

from transcoder.codecs import track_from_config
from transcoder.engine.pipeline import Pipeline
from transcoder.framing import Progress
from transcoder.ladder import Ladder
from transcoder.media import VIDEO_TIMESCALE, AccessUnit, Codec, Track, rescale

_CODECS = {
    "h264": Codec.H264,
    "hevc": Codec.H265,
    "av1": Codec.AV1,
    "vp9": Codec.VP9,
    "aac": Codec.AAC,
    "mp3": Codec.MP3,
    "opus": Codec.OPUS,
    "flac": Codec.FLAC,
    "ac3": Codec.AC3,
    "eac3": Codec.EAC3,
}


@dataclass(frozen=True, slots=True)
class Clip:
    """One track and its units in decoding order."""

    track: Track
    units: tuple[AccessUnit, ...]

    @property
    def presented(self) -> list[int]:
        return sorted(unit.pts for unit in self.units)


@cache
def ffmpeg(*arguments: str, container: str = "mp4", start_s: float = 1.0) -> dict[str, Clip]:
    """Run Debian's ffmpeg on lavfi sources; clips by ``video`` and ``audio``, from ``start_s`` on."""
    flags = ("-movflags", "frag_keyframe+empty_moov+default_base_moof") if container == "mp4" else ()
    data = subprocess.run(
        ("ffmpeg", "-v", "error", "-nostdin", *arguments, *flags, "-f", container, "-"),
        check=True,
        capture_output=True,
    ).stdout
    return demux(data, start_s)


def demux(data: bytes, start_s: float = 1.0) -> dict[str, Clip]:
    """Every track of a file in memory."""
    clips = {}
    with av.open(io.BytesIO(data)) as container:
        for number, stream in enumerate(container.streams, 1):
            codec = _CODECS[
                stream.codec_context.name.removeprefix("lib")
                .replace("dav1d", "av1")
                .replace("mp3float", "mp3")
            ]
            container.seek(0)
            packets = [packet for packet in container.demux(stream) if packet.size]
            clips[stream.type] = _clip(number, codec, stream, packets, start_s)
    return clips


def _clip(number: int, codec: Codec, stream: object, packets: list[av.Packet], start_s: float) -> Clip:
    context = stream.codec_context  # type: ignore[attr-defined]
    config = context.extradata or b""
    if codec is Codec.OPUS:
        config = _dops(config)
    if codec is Codec.MP3:
        config = bytes(packets[0])[:4]
    timescale = VIDEO_TIMESCALE if stream.type == "video" else context.sample_rate  # type: ignore[attr-defined]
    track = plain_track(number, codec, config, stream, timescale)
    start = round(start_s * timescale)
    units = []
    for packet in packets:
        base = packet.time_base.denominator
        units.append(
            AccessUnit(
                number,
                codec,
                timescale,
                start + rescale(packet.pts, base, timescale),
                start + rescale(packet.pts if packet.dts is None else packet.dts, base, timescale),
                rescale(packet.duration or 0, base, timescale),
                packet.is_keyframe,
                bytes(packet),
                0.0,
            )
        )
    return Clip(track, tuple(units))


def plain_track(number: int, codec: Codec, config: bytes, stream: object, timescale: int) -> Track:
    """The track as the container tells it: independent of our own parsers."""
    context = stream.codec_context  # type: ignore[attr-defined]
    if stream.type == "video":  # type: ignore[attr-defined]
        return Track(
            track_id=number,
            codec=codec,
            timescale=timescale,
            config=config,
            width=context.width,
            height=context.height,
            sample_aspect=context.sample_aspect_ratio or Fraction(1),
            frame_rate=stream.average_rate,  # type: ignore[attr-defined]
        )
    return Track(
        track_id=number,
        codec=codec,
        timescale=timescale,
        config=b"" if codec in (Codec.MP3, Codec.AC3, Codec.EAC3) else config,
        sample_rate=context.sample_rate,
        channels=context.channels,
    )


def _dops(head: bytes) -> bytes:
    """``dOps`` (big endian) from an OpusHead (RFC 7845 5.1, little endian)."""
    return bytes((0, head[9])) + head[10:12][::-1] + head[12:16][::-1] + head[16:18][::-1] + head[18:]


def decode_video(track: Track, units: Iterable[AccessUnit]) -> list[av.VideoFrame]:
    """What a player sees of a rendition."""
    context = av.CodecContext.create(track.codec.value, "r")
    context.extradata = track.config
    frames = []
    for unit in [*units, None]:
        packet = None
        if unit is not None:
            packet = av.Packet(unit.payload)
            packet.pts, packet.dts, packet.time_base = unit.pts, unit.dts, Fraction(1, unit.timescale)
        frames += context.decode(packet)
    return frames


def decode_audio(track: Track, units: Iterable[AccessUnit]) -> tuple[array, int]:
    """All channels of a track laid over each other, and the pts of the first sample."""
    context = av.CodecContext.create({Codec.MP3: "mp3float"}.get(track.codec, track.codec.value), "r")
    if track.codec in (Codec.AAC, Codec.FLAC):
        context.extradata = track.config
    to_float = av.AudioResampler("fltp")
    samples, first_pts = array("f"), None
    for unit in units:
        packet = av.Packet(unit.payload)
        packet.pts, packet.dts, packet.time_base = unit.pts, unit.dts, Fraction(1, unit.timescale)
        for frame in context.decode(packet):
            first_pts = frame.pts if first_pts is None else first_pts
            (floats,) = to_float.resample(frame)
            planes = [array("f", bytes(plane)[: 4 * frame.samples]) for plane in floats.planes]
            samples.extend(max(values, key=abs) for values in zip(*planes, strict=True))
    return samples, first_pts or 0


def gaps(units: list[AccessUnit]) -> set[int]:
    """Distances between decoding times."""
    return {after.dts - before.dts for before, after in pairwise(units)}


@dataclass(slots=True)
class Outcome:
    """What a pipeline made: by rendition."""

    tracks: dict[str, list[Track]]
    units: dict[str, list[AccessUnit]]
    said: list[str]
    failures: list[str]
    progress: Progress

    def syncs(self, rendition: str) -> list[int]:
        return [unit.pts for unit in self.units[rendition] if unit.sync]

    def pictures(self, rendition: str) -> list[av.VideoFrame]:
        return decode_video(self.tracks[rendition][-1], self.units[rendition])


def transcode(
    ladder: Ladder, clips: Iterable[Clip], cuts_s: Iterable[float] = (), items: Iterable[object] = ()
) -> Outcome:
    """Run a pipeline in this process over whole clips (or over ``items``, in their order)."""
    clips = list(clips)
    tracks, units, said, failures = defaultdict(list), defaultdict(list), [], []
    pipeline = Pipeline(
        ladder,
        tuple(clip.track for clip in clips),
        max_lag_s=None,
        cores=2,
        on_track=lambda name, track: tracks[name].append(track),
        on_unit=lambda name, unit: units[name].append(unit),
        say=said.append,
        fail=failures.append,
    )
    pipeline.start()
    for cut_s in cuts_s:
        pipeline.cut(cut_s)
    for item in items or sorted((unit for clip in clips for unit in clip.units), key=lambda unit: unit.dts_s):
        match item:
            case AccessUnit():
                pipeline.feed(item)
            case Track():
                pipeline.set_track(item)
    pipeline.finish()
    return Outcome(tracks, units, said, failures, pipeline.progress())


__all__ = [
    "Clip",
    "Outcome",
    "decode_audio",
    "decode_video",
    "demux",
    "ffmpeg",
    "gaps",
    "track_from_config",
    "transcode",
]
