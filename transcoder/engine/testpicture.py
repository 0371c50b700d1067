"""What the test pattern shows: a still background, moving shapes, a wall clock and a frame counter.

Drawn straight into the planes of a yuv420p picture (BT.709, limited range): the background is made once,
a frame is three copies and some slice assignments, well under a millisecond.
"""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random
from typing import Final

from transcoder.engine.clockstrip import COLUMNS, ROW_HEIGHT_DIVISOR, strip_bits
from transcoder.engine.font import text_rows, width_of

_BLACK: Final = 16
_WHITE: Final = 235
_PANEL: Final = 20
_INK: Final = 225
_DIM_INK: Final = 140
_NEUTRAL: Final = 128

# Colour bars of 75% amplitude, BT.709 limited range: (Y, Cb, Cr) of ITU-R BT.709-6 3.4 and 3.5.
_BARS: Final = (
    (180, 128, 128),
    (168, 44, 136),
    (145, 147, 44),
    (133, 63, 52),
    (63, 193, 204),
    (51, 109, 212),
    (28, 212, 120),
)
_BEEP_S: Final = 0.1
_SNOW: Final = bytes(40 + value * 170 // 255 for value in range(256))


class TestPicture:
    """The painter for one picture size. Not thread safe; one per stream."""

    __test__ = False

    def __init__(self, width: int, height: int, strides: tuple[int, int, int], label: str) -> None:
        """``strides`` are the line sizes in bytes of the Y, Cb and Cr planes that will be painted."""
        self._width = width
        self._height = height
        self._strides = strides
        self._digit_scale = max(1, int(width * 0.68) // width_of("00:00:00.000", 1))
        self._small_scale = max(1, self._digit_scale // 3)
        self._luma = bytearray([_BLACK]) * (strides[0] * height)
        self._blue = bytearray([_NEUTRAL]) * (strides[1] * height // 2)
        self._red = bytearray([_NEUTRAL]) * (strides[2] * height // 2)
        self._block_edges = [round(column * width / COLUMNS) for column in range(COLUMNS + 1)]
        self._ramp = self._moving_ramp()
        self._snow = Random(1).randbytes(1 << 16).translate(_SNOW)
        radius = max(4, height // 18) // 2 * 2
        self._ball = [
            (line, int((radius * radius - line * line) ** 0.5)) for line in range(-radius, radius, 1)
        ]
        self._ball_radius = radius
        self._paint_background(label)

    def paint(
        self, planes: tuple[memoryview, memoryview, memoryview], unix_s: float, frame_number: int
    ) -> None:
        """Paint one picture into three writable planes. ``unix_s`` is the wall clock that it shows."""
        luma, blue, red = planes
        luma[: len(self._luma)] = self._luma
        blue[: len(self._blue)] = self._blue
        red[: len(self._red)] = self._red
        unix_ms = int(unix_s * 1000)
        self._paint_strip(luma, unix_ms)
        self._paint_clock(luma, unix_ms, frame_number)
        self._paint_ramp(luma, frame_number)
        self._paint_second(luma, unix_ms)
        self._paint_snow(luma, frame_number)
        self._paint_ball(luma, blue, red, frame_number)

    def _line(self, fraction: float) -> int:
        return int(self._height * fraction) // 2 * 2

    def _paint_background(self, label: str) -> None:
        width, height = self._width, self._height
        luma_stride, chroma_stride = self._strides[0], self._strides[1]
        for line in range(height):
            self._luma[line * luma_stride : line * luma_stride + width] = (
                bytes([26 + 22 * line // height]) * width
            )
        for plane, tint in ((self._blue, 138), (self._red, 124)):
            plane[:] = bytes([tint]) * len(plane)
        top, bottom = self._line(0.14), self._line(0.34)
        for index, (y, cb, cr) in enumerate(_BARS):
            left = width * index // len(_BARS) // 2 * 2
            right = width if index == len(_BARS) - 1 else width * (index + 1) // len(_BARS) // 2 * 2
            _fill(self._luma, luma_stride, left, top, right, bottom, y)
            _fill(self._blue, chroma_stride, left // 2, top // 2, right // 2, bottom // 2, cb)
            _fill(self._red, chroma_stride, left // 2, top // 2, right // 2, bottom // 2, cr)
        panel = (0, self._line(0.39), width, self._line(0.39) + self._panel_height())
        _fill(self._luma, luma_stride, *panel, _PANEL)
        for plane in (self._blue, self._red):
            _fill(plane, chroma_stride, 0, panel[1] // 2, width // 2, panel[3] // 2, _NEUTRAL)
        text = label.upper()
        left = (width - width_of(text, self._small_scale)) // 2
        line = self._line(0.39) + self._panel_height() + 3 * self._small_scale
        self._write(memoryview(self._luma), text, left, line, self._small_scale, _DIM_INK, None)

    def _panel_height(self) -> int:
        return (11 * self._digit_scale + 11 * self._small_scale) // 2 * 2

    def _write(
        self,
        luma: memoryview,
        text: str,
        left: int,
        top: int,
        scale: int,
        ink: int,
        paper: int | None = _PANEL,
    ) -> None:
        """Write a line of text; without ``paper`` the luma of its first line shows through."""
        stride = self._strides[0]
        left = max(0, left)
        ground = luma[top * stride + left] if paper is None else paper
        for row, samples in enumerate(text_rows(text, scale, ink, ground)):
            samples = samples[: self._width - left]
            for line in range(top + row * scale, min(top + (row + 1) * scale, self._height)):
                start = line * stride + left
                luma[start : start + len(samples)] = samples

    def _paint_clock(self, luma: memoryview, unix_ms: int, frame_number: int) -> None:
        moment = datetime.fromtimestamp(unix_ms // 1000, UTC)
        clock = f"{moment:%H:%M:%S}.{unix_ms % 1000:03d}"
        scale, small = self._digit_scale, self._small_scale
        top = self._line(0.39) + 2 * scale
        self._write(luma, clock, (self._width - width_of(clock, scale)) // 2, top, scale, _INK)
        line = f"UTC {moment:%Y-%m-%d}   FRAME {frame_number:08d}"
        left = (self._width - width_of(line, small)) // 2
        self._write(luma, line, left, top + 8 * scale + 2 * small, small, _INK)

    def _paint_strip(self, luma: memoryview, unix_ms: int) -> None:
        stride, edges = self._strides[0], self._block_edges
        for row, bits in enumerate(strip_bits(unix_ms)):
            samples = b"".join(
                (b"\xeb" if bit else b"\x10") * (edges[column + 1] - edges[column])
                for column, bit in enumerate(bits)
            )
            first = round(row * self._height / ROW_HEIGHT_DIVISOR)
            last = round((row + 1) * self._height / ROW_HEIGHT_DIVISOR)
            for line in range(first, last):
                luma[line * stride : line * stride + self._width] = samples

    def _moving_ramp(self) -> bytes:
        """A triangle wave of luma, two widths long, of which a frame shows one width."""
        period = max(2, self._width // 2)
        wave = [40 + 340 * min(x, period - x) // period for x in range(period)]
        return bytes(wave[x % period] for x in range(3 * self._width))

    def _paint_ramp(self, luma: memoryview, frame_number: int) -> None:
        """A band of grey that wanders 4 samples (at 720 lines) a frame: judder and tearing show here."""
        period = max(2, self._width // 2)
        shift = frame_number * max(1, self._height // 180) % period
        samples = self._ramp[shift : shift + self._width]
        stride = self._strides[0]
        for line in range(self._line(0.93), self._height):
            luma[line * stride : line * stride + self._width] = samples

    def _paint_second(self, luma: memoryview, unix_ms: int) -> None:
        """A bar that fills once a second; the block at its left is white while the beep sounds."""
        stride, width = self._strides[0], self._width
        filled = width * (unix_ms % 1000) // 1000
        samples = bytes([_DIM_INK]) * filled + bytes([_PANEL]) * (width - filled)
        for line in range(self._line(0.90), self._line(0.92)):
            luma[line * stride : line * stride + width] = samples
        if unix_ms % 1000 < _BEEP_S * 1000:
            side = self._height // 10
            top = self._line(0.76)
            _fill(luma, stride, side, top, 2 * side, top + side, _WHITE)

    def _paint_snow(self, luma: memoryview, frame_number: int) -> None:
        """A window of noise that is new in each frame: the encoder needs all of its bit rate for it.

        Without it the picture would be so simple that lower rungs had more bits than the source.
        """
        side = self._height // 10
        width = min(4 * side, self._width // 4)
        stride, top, left = self._strides[0], self._line(0.76), self._width - side - width
        spare = len(self._snow) - width
        for line in range(side):
            place = (frame_number * 7919 + line * 10_007) % spare
            start = (top + line) * stride + left
            luma[start : start + width] = self._snow[place : place + width]

    def _paint_ball(self, luma: memoryview, blue: memoryview, red: memoryview, frame_number: int) -> None:
        radius = self._ball_radius
        span_x = max(1, self._width - 2 * radius)
        low, high = self._line(0.70) + radius, self._line(0.89) - radius
        step = frame_number * max(2, self._width // 240)
        centre_x = (radius + _bounce(step, span_x)) // 2 * 2
        centre_y = (low + _bounce(step // 3, max(1, high - low))) // 2 * 2
        stride, chroma_stride = self._strides[0], self._strides[1]
        for offset, half in self._ball:
            start = (centre_y + offset) * stride + centre_x - half
            luma[start : start + 2 * half] = bytes([170]) * (2 * half)
            if offset % 2 == 0:
                start = (centre_y + offset) // 2 * chroma_stride + (centre_x - half) // 2
                blue[start : start + half] = b"\x40" * half
                red[start : start + half] = b"\xa8" * half


def _bounce(position: int, span: int) -> int:
    """A triangle wave: ``position`` reflected at 0 and ``span``."""
    phase = position % (2 * span)
    return min(phase, 2 * span - phase)


def _fill(
    plane: bytearray | memoryview, stride: int, left: int, top: int, right: int, bottom: int, value: int
) -> None:
    samples = bytes([value]) * (right - left)
    for line in range(top, bottom):
        plane[line * stride + left : line * stride + right] = samples
