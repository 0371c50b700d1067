"""Real bitstreams for tests: made by the encoders in PyAV, each kind once a run."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any

import av
from av.codec.context import Flags


@dataclass(frozen=True, slots=True)
class Packet:
    pts: int
    """In the encoder's time base: 1/frame_rate, or 1/sample_rate."""
    dts: int
    duration: int
    key: bool
    data: bytes


@dataclass(frozen=True, slots=True)
class Encoded:
    extradata: bytes
    packets: tuple[Packet, ...]


@cache
def video(
    encoder: str,
    *,
    width: int = 320,
    height: int = 180,
    frames: int = 40,
    rate: Fraction = Fraction(30),
    pixel_format: str = "yuv420p",
    global_header: bool = True,
    sample_aspect: Fraction | None = None,
    colour: tuple[int, int, int] | None = None,
    options: tuple[tuple[str, str], ...] = (),
    attributes: tuple[tuple[str, Any], ...] = (),
) -> Encoded:
    """A moving grey ramp."""
    context = av.CodecContext.create(encoder, "w")
    context.width, context.height, context.pix_fmt = width, height, pixel_format
    context.framerate, context.time_base = rate, 1 / rate
    if sample_aspect is not None:
        context.sample_aspect_ratio = sample_aspect
    if colour is not None:
        context.color_primaries, context.color_trc, context.colorspace = colour
    for name, value in attributes:
        setattr(context, name, value)
    if global_header:
        context.flags |= Flags.global_header
    context.options = dict(options)
    context.open()
    packets = []
    for index in range(frames):
        frame = av.VideoFrame(width, height, pixel_format)
        for plane in frame.planes:
            plane.update(_ramp(plane.buffer_size, index))
        frame.pts, frame.time_base = index, 1 / rate
        packets += context.encode(frame)
    packets += context.encode(None)
    return Encoded(
        context.extradata or b"",
        tuple(Packet(p.pts, p.dts, p.duration or 1, p.is_keyframe, bytes(p)) for p in packets),
    )


def _ramp(size: int, index: int) -> bytes:
    period = bytes((index * 5 + at) & 0x7F for at in range(251))
    return (period * (size // len(period) + 1))[:size]


@cache
def audio(
    encoder: str,
    *,
    sample_rate: int = 48_000,
    layout: str = "stereo",
    sample_format: str = "fltp",
    seconds: float = 1.0,
    options: tuple[tuple[str, str], ...] = (),
) -> Encoded:
    """Almost silence."""
    context = av.CodecContext.create(encoder, "w")
    context.sample_rate, context.layout, context.format = sample_rate, layout, sample_format
    context.time_base = Fraction(1, sample_rate)
    context.flags |= Flags.global_header
    context.options = dict(options)
    context.open()
    size = context.frame_size or 960
    packets = []
    for index in range(int(seconds * sample_rate) // size):
        frame = av.AudioFrame(sample_format, layout, size)
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        frame.sample_rate, frame.pts, frame.time_base = sample_rate, index * size, Fraction(1, sample_rate)
        packets += context.encode(frame)
    packets += context.encode(None)
    return Encoded(
        context.extradata or b"",
        tuple(Packet(p.pts, p.dts, p.duration or size, True, bytes(p)) for p in packets),
    )
