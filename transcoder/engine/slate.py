"""A loop that stands in for a publisher who is away: the last picture, dark and out of focus, with a notice.

H.264 for a video rendition: one IDR picture and then pictures that repeat it. AAC silence for sound.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import hypot
from typing import Final

import av
from av.codec.context import Flags
from av.error import FFmpegError
from av.filter import Graph
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter

from transcoder.codecs import avc, nal
from transcoder.engine.notice import NoticeWriter, bleach, lay
from transcoder.engine.picture import TIME_BASE
from transcoder.engine.skips import SkipWriter
from transcoder.ladder import AUDIO_BITRATE_BPS, Rendition
from transcoder.media import VIDEO_TIMESCALE, AccessUnit, Codec, Kind, Track

FRAME_SAMPLES: Final = 1024
GROUND_SIDE: Final = 96
"""Shorter side at which the ground is made: of the picture only light and colour are left."""
BLUR: Final = "gblur=sigma=5:steps=2"
POSTER_PIXELS: Final = 3840 * 2160
_QUALITY: Final = 23
_LAYOUTS: Final = {1: "mono", 2: "stereo"}

_DARK: Final = bytes(min(255, 20 + round(max(0, luma - 16) * 0.26)) for luma in range(256))
_PALE: Final = bytes(128 + round((chroma - 128) * 0.3) for chroma in range(256))


class SlateFailed(ValueError):
    """No slate for this rendition; the sentence says why."""


def loop(
    rendition: Rendition, ground: VideoFrame, notice: NoticeWriter, *, picture_s: float, loop_s: float
) -> tuple[Track, list[AccessUnit]]:
    """One loop of a rendition, from time 0. Raises :class:`SlateFailed`."""
    try:
        if rendition.kind is Kind.AUDIO:
            return _silence(rendition, loop_s)
        return _pictures(rendition, ground, notice, picture_s, loop_s)
    except (FFmpegError, ValueError) as error:
        raise SlateFailed(f"{rendition.name}: {error}") from error


def ground_of(poster: bytes, renditions: Sequence[Rendition]) -> VideoFrame:
    """What lies behind the notice: the poster, or where there is none that can be read, a dim light."""
    sizes = [(each.width, each.height) for each in renditions if each.kind is Kind.VIDEO] or [(16, 9)]
    width, height = sizes[0]
    scale = GROUND_SIDE / max(1, min(width, height))
    small = max(16, round(width * scale / 2) * 2), max(16, round(height * scale / 2) * 2)
    frame = _poster(poster) if poster else None
    return _light(*small) if frame is None else _blurred(frame, *small)


def _poster(jpeg: bytes) -> VideoFrame | None:
    try:
        decoder = av.CodecContext.create("mjpeg", "r")
        decoder.thread_count = 1
        decoder.options = {"max_pixels": str(POSTER_PIXELS)}
        frames = decoder.decode(av.Packet(jpeg))
    except (FFmpegError, ValueError):
        return None
    return frames[0] if frames and isinstance(frames[0], VideoFrame) else None


def _blurred(frame: VideoFrame, width: int, height: int) -> VideoFrame:
    small = VideoReformatter().reformat(
        frame,
        width,
        height,
        "yuv420p",
        interpolation=Interpolation.AREA,
        dst_color_range=ColorRange.MPEG,
        threads=1,
    )
    graph = Graph()
    graph.threads = 1
    source = graph.add(
        "buffer", video_size=f"{width}x{height}", pix_fmt="yuv420p", time_base="1/25", pixel_aspect="1/1"
    )
    name, _, options = BLUR.partition("=")
    graph.link_nodes(source, graph.add(name, options), graph.add("buffersink")).configure()
    small.pts, small.time_base = 0, Fraction(1, 25)
    graph.push(small)
    soft = graph.vpull()
    for plane, table in zip(soft.planes, (_DARK, _PALE, _PALE), strict=True):
        plane.update(bytes(plane).translate(table))
    return soft


def _light(width: int, height: int) -> VideoFrame:
    """A dark ground, a little lighter in the middle."""
    frame = VideoFrame(width, height, "yuv420p")
    luma = frame.planes[0]
    rows = []
    for y in range(height):
        distances = (hypot(2 * x / width - 1, 2 * y / height - 1) for x in range(width))
        row = bytes(round(46 - 20 * min(1.0, distance)) for distance in distances)
        rows.append(row + bytes(luma.line_size - width))
    luma.update(b"".join(rows))
    for plane, level in zip(frame.planes[1:], (132, 125), strict=True):
        plane.update(bytes((level,)) * plane.buffer_size)
    return frame


def _pictures(
    rendition: Rendition, ground: VideoFrame, notice: NoticeWriter, picture_s: float, loop_s: float
) -> tuple[Track, list[AccessUnit]]:
    # 4:2:0 has no odd sizes; a source that is passed through may have.
    width, height = (max(16, side // 2 * 2) for side in (rendition.width, rendition.height))
    frame = VideoReformatter().reformat(
        ground, width, height, "yuv420p", interpolation=Interpolation.BICUBIC, threads=1
    )
    patches = notice.patches(width, height)
    for plane, write in zip(frame.planes, (lay, bleach, bleach), strict=True):
        samples = bytearray(plane)
        write(samples, plane.line_size, patches)
        plane.update(bytes(samples))
    rate = 1 / Fraction(picture_s).limit_denominator(1000)
    encoder = _encoder(width, height, rate)
    frame.pts, frame.time_base = 0, TIME_BASE
    packets = encoder.encode(frame) + encoder.encode(None)
    if len(packets) != 1 or not packets[0].is_keyframe:
        raise SlateFailed("the encoder made no IDR picture")
    config = avc.config_from_annexb(encoder.extradata or b"")
    track = Track(
        track_id=rendition.source_track_id,
        codec=Codec.H264,
        timescale=VIDEO_TIMESCALE,
        config=config,
        width=width,
        height=height,
        frame_rate=rate,
    )
    skips = SkipWriter.of(config)
    ticks = max(1, round(picture_s * VIDEO_TIMESCALE))
    payloads = [nal.from_annexb(bytes(packets[0]))]
    payloads += [skips.picture(number) for number in range(1, max(1, round(loop_s / picture_s)))]
    return track, [
        AccessUnit(track.track_id, Codec.H264, VIDEO_TIMESCALE, at, at, ticks, number == 0, payload, 0.0)
        for number, payload in enumerate(payloads)
        for at in (number * ticks,)
    ]


def _encoder(width: int, height: int, rate: Fraction) -> VideoCodecContext:
    encoder = av.CodecContext.create("libx264", "w")
    if not isinstance(encoder, VideoCodecContext):
        raise SlateFailed("no H.264 encoder")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base = TIME_BASE
    encoder.framerate = rate
    encoder.sample_aspect_ratio = Fraction(1)
    encoder.color_range = ColorRange.MPEG
    encoder.color_primaries = encoder.color_trc = encoder.colorspace = 1  # BT.709 (H.264 table E-3)
    encoder.thread_count = 1
    encoder.flags |= Flags.global_header
    encoder.options = {
        "preset": "superfast",
        "profile": "main",
        "crf": str(_QUALITY),
        # What SkipWriter can go on from: CAVLC, one slice, no weights, pictures in coding order.
        "x264-params": "cabac=0:bframes=0:weightp=0:ref=1:slices=1:rc-lookahead=0:aud=0:repeat-headers=0",
    }
    encoder.open()
    return encoder


def _silence(rendition: Rendition, loop_s: float) -> tuple[Track, list[AccessUnit]]:
    encoder = av.CodecContext.create("aac", "w")
    rate = rendition.sample_rate
    channels = min(2, max(1, rendition.channels))
    encoder.sample_rate = rate
    encoder.layout = _LAYOUTS[channels]
    encoder.format = "fltp"
    encoder.bit_rate = AUDIO_BITRATE_BPS
    encoder.time_base = Fraction(1, rate)
    encoder.flags |= Flags.global_header
    encoder.open()
    packets = []
    for number in range(4):
        frame = av.AudioFrame("fltp", _LAYOUTS[channels], FRAME_SAMPLES)
        frame.sample_rate, frame.pts, frame.time_base = rate, number * FRAME_SAMPLES, Fraction(1, rate)
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        packets += encoder.encode(frame)
    if len(packets) < 3:
        raise SlateFailed("the encoder made no silence")
    # The first frames prime a decoder; from then on one is like the other.
    payload = bytes(packets[-1])
    track = Track(
        track_id=rendition.source_track_id,
        codec=Codec.AAC,
        timescale=rate,
        config=encoder.extradata or b"",
        sample_rate=rate,
        channels=channels,
        language=rendition.language,
        name=rendition.label,
    )
    count = max(1, round(loop_s * rate / FRAME_SAMPLES))
    return track, [
        AccessUnit(track.track_id, Codec.AAC, rate, at, at, FRAME_SAMPLES, True, payload, 0.0)
        for at in range(0, count * FRAME_SAMPLES, FRAME_SAMPLES)
    ]
