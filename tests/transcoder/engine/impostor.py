"""A child that speaks the protocol and does no work, for tests: ``python impostor.py HOW``."""

from __future__ import annotations

import os
import sys
import threading
import time
from dataclasses import replace
from fractions import Fraction

from transcoder import framing
from transcoder.media import Codec, Track

AVCC = bytes.fromhex(  # made by x264: High, 426x240
    "01640015ffe1001967640015acd941b1fe4e10000003001000000303c0f162d96001000668ebe3cb22c0fdf8f800"
)
MADE = Track(
    track_id=1,
    codec=Codec.H264,
    timescale=90_000,
    config=AVCC,
    width=426,
    height=240,
    frame_rate=Fraction(30),
)
how = sys.argv[1]
taken = 0


def say(message: framing.Message, payload: bytes = b"") -> None:
    data = framing.serialize(message, payload) + payload
    while data:
        data = data[os.write(1, data) :]


def report() -> None:
    while True:
        time.sleep(0.1)
        say(framing.Progress(taken, 0, 0, 0, 0, ()))


def unit(number: int) -> framing.Unit:
    return framing.Unit("240p", 1, Codec.H264, 90_000, 3000 * number, 3000 * number, 3000, True, 0.0)


if how == "orphan" and not os.fork():
    os.setsid()
    time.sleep(20)
    os._exit(0)
say(framing.Ready())
match how:
    case "silent":
        threading.Thread(target=report, daemon=True).start()
    case "huge":
        os.write(1, (200).to_bytes(4, "big") + (60 << 20).to_bytes(4, "big"))
        while True:
            os.write(1, bytes(1 << 16))
    case "units":
        say(framing.RenditionTrack("240p", MADE))
        for number in range(1 << 40):
            say(unit(number), bytes(1 << 20))
    case "tracks":
        for number in range(1 << 40):
            say(framing.RenditionTrack("240p", replace(MADE, width=number % 4000)))
    case "reports":
        while True:
            say(framing.Progress(0, 0, 0, 0, 0, ()))
    case "lines":
        while True:
            os.write(2, b"help\n" * 1000)
    case "one endless line":
        while True:
            os.write(2, b"x" * 65536)
reader = framing.FrameReader()
while data := os.read(0, 1 << 18):
    taken += sum(isinstance(message, framing.Unit) for message, _ in reader.feed(data))
