"""A real worker child with one thing wrong: started in the place of ``transcoder.worker``, for tests.

python crippled.py HOW live PARENT_PID
"""

from __future__ import annotations

import sys
import time

from transcoder import worker
from transcoder.encoders import Encoder
from transcoder.engine import encoder, hardware, pipeline, rung
from transcoder.engine.encoder import EncoderFailed, PictureEncoder

how, *arguments = sys.argv[1:]
BORN_S = time.monotonic()


def slow(real, names: tuple[str, ...], until_s: float, picture_s: float):
    """Encoding the named rungs takes ``picture_s`` a picture, for the child's first seconds."""

    def encode(self, picture) -> None:
        if self.rendition.name in names and time.monotonic() - BORN_S < until_s:
            time.sleep(picture_s)
        real(self, picture)

    return encode


class Device(PictureEncoder):
    """x264 that passes for hardware and gives up after ten pictures."""

    def __init__(self, wanted, rendition, frame, threads) -> None:
        super().__init__(Encoder.SOFTWARE, rendition, frame, threads)
        self.encoder = wanted
        self._left = 10 if wanted is not Encoder.SOFTWARE else 1 << 60

    def encode(self, frame):
        self._left -= frame is not None
        if self._left < 0:
            if how == "device dies":
                worker.leave(9)
            raise EncoderFailed("the device was unplugged")
        return super().encode(frame)


match how.partition("=")[::2]:
    case ("slow", settings):
        names, until_s, picture_s = settings.split(",")
        rung.Rung.encode = slow(rung.Rung.encode, tuple(names.split("+")), float(until_s), float(picture_s))
    case ("device fails" | "device dies", _):
        pipeline.Pipeline.__init__.__kwdefaults__["open_encoder"] = Device
        hardware.why_not.__defaults__ = (Device,)
        hardware.PICTURES = 5
    case ("device works", _):
        encoder._NAMES[Encoder.NVENC] = "libx264"
        encoder._DEVICE_OPTIONS[Encoder.NVENC] = {
            "preset": "veryfast",
            "tune": "zerolatency",
            "forced-idr": "1",
        }
worker.main(arguments)
