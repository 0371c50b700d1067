"""Real H.264 with captions in it: x264's pictures, with an SEI message put before each."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av

from tests.transcoder.captions.vectors import (
    CR,
    EDM,
    ENM,
    EOC,
    NULL,
    RCL,
    ROW_14,
    ROW_15,
    RU2,
    cc_data,
    chars,
    escaped,
    pairs,
    sei_message,
)

RATE = 30
WIDTH, HEIGHT = 320, 180


def pop_on(text: str) -> bytes:
    """The commands and characters of one caption of up to two lines, as an encoder sends them: doubled."""
    rows = text.split("\n")
    data = RCL * 2 + ENM * 2
    for place, row in zip((ROW_14, ROW_15)[-len(rows) :], rows, strict=True):
        data += place * 2 + chars(row)
    return data + EOC * 2


def rolled_up(text: str) -> bytes:
    return RU2 * 2 + CR * 2 + ROW_15 * 2 + chars(text)


def schedule(captions: Iterable[tuple[float, str | None]], frames: int) -> list[tuple[int, int]]:
    """One byte pair for each picture: a pop-on caption is *shown* at its time; None takes it away."""
    line = [(NULL[0], NULL[1])] * frames
    for shown_s, text in captions:
        data = pairs(EDM * 2 if text is None else pop_on(text))
        # The first EOC (or EDM) goes with the picture of that time; the second follows.
        first = round(shown_s * RATE) - (len(data) - 2)
        line[first : first + len(data)] = data
    return line


def write_captioned(
    path: Path, line: list[tuple[int, int]], *, b_frames: int = 2, gop_s: float = 1.0, sound: bool = False
) -> None:
    """A file (its container by the name) whose picture n, in the order of showing, carries ``line[n]``.

    The picture is grey: 16 + 2 x (n modulo 100), so that n can be read from a screen.
    """
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.options = {
            "preset": "veryfast",
            "bf": str(b_frames),
            "g": str(round(gop_s * RATE)),
            "sc_threshold": "0",
            "x264-params": "force-cfr=1",
        }
        audio = container.add_stream("aac", rate=48_000, layout="mono") if sound else None
        for number in range(len(line)):
            frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
            for plane, value in zip(frame.planes, (16 + number % 100 * 2, 128, 128), strict=True):
                plane.update(bytes((value,)) * plane.buffer_size)
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            for packet in stream.encode(frame):
                container.mux(_captioned(packet, line))
            if audio is not None:
                for packet in _silence(audio, number):
                    container.mux(packet)
        for packet in stream.encode(None):
            container.mux(_captioned(packet, line))


def _captioned(packet: av.Packet, line: list[tuple[int, int]]) -> av.Packet:
    number = round(packet.pts * packet.time_base * RATE)
    sei = b"\x00\x00\x00\x01\x06" + escaped(sei_message(cc_data([(0, *line[number]), (1, 0x80, 0x80)])))
    out = av.Packet(sei + bytes(packet))
    out.pts, out.dts, out.time_base, out.duration = packet.pts, packet.dts, packet.time_base, packet.duration
    out.stream, out.is_keyframe = packet.stream, packet.is_keyframe
    return out


def _silence(audio: av.AudioStream, number: int) -> list[av.Packet]:
    """The sound of one picture's time."""
    samples = 48_000 // RATE
    frame = av.AudioFrame(format="fltp", layout="mono", samples=samples)
    frame.planes[0].update(bytes(frame.planes[0].buffer_size))
    frame.sample_rate, frame.pts, frame.time_base = 48_000, number * samples, Fraction(1, 48_000)
    return audio.encode(frame)
