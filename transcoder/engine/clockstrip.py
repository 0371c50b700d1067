"""The clock that a machine reads: black and white blocks along the top edge of the test pattern.

Two rows of 28 blocks over the full width; each row is 1/24 of the picture's height (45 x 30 samples at
1280x720, 22 x 15 at 640x360). Reading left to right, upper row first, white is 1:

    48 bits  unix time in milliseconds at which the picture was drawn, most significant bit first
     8 bits  CRC-8 of those six bytes (polynomial x^8 + x^2 + x + 1, initial value 0xFF)

A reader samples the middle of each block, so it works at any scale and survives low bit rates; the initial
value makes sure that a black picture is no valid clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

COLUMNS: Final = 28
ROWS: Final = 2
ROW_HEIGHT_DIVISOR: Final = 24
"""The height of one row of blocks is the picture's height divided by this."""
TIME_BITS: Final = 48


class StripError(ValueError):
    """The blocks hold no clock: the checksum does not match, or there are not 56 of them."""


def crc8(data: bytes) -> int:
    """CRC-8 with polynomial 0x07 and initial value 0xFF, no reflection."""
    register = 0xFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = ((register << 1) ^ 0x07) & 0xFF if register & 0x80 else register << 1
    return register


def strip_bits(unix_ms: int) -> tuple[tuple[bool, ...], tuple[bool, ...]]:
    """The two rows of blocks for a time in milliseconds since 1970; True is white."""
    time_bytes = unix_ms.to_bytes(TIME_BITS // 8, "big")
    word = int.from_bytes(time_bytes + bytes([crc8(time_bytes)]), "big")
    bits = tuple(bool(word >> shift & 1) for shift in reversed(range(COLUMNS * ROWS)))
    return bits[:COLUMNS], bits[COLUMNS:]


def read_bits(bits: Sequence[bool]) -> int:
    """Milliseconds since 1970 from the 56 blocks, upper row first. Raises :class:`StripError`."""
    if len(bits) != COLUMNS * ROWS:
        raise StripError(f"{len(bits)} blocks instead of {COLUMNS * ROWS}")
    word = 0
    for bit in bits:
        word = word << 1 | bit
    data = word.to_bytes(COLUMNS * ROWS // 8, "big")
    if crc8(data[:-1]) != data[-1]:
        raise StripError("checksum of the clock strip does not match")
    return int.from_bytes(data[:-1], "big")


def read_luma(luma: bytes | memoryview, stride: int, width: int, height: int) -> int:
    """Milliseconds since 1970 from the luma plane of a decoded picture. Raises :class:`StripError`."""
    row_height = height / ROW_HEIGHT_DIVISOR
    bits = [
        luma[int((row + 0.5) * row_height) * stride + int((column + 0.5) * width / COLUMNS)] >= 0x80
        for row in range(ROWS)
        for column in range(COLUMNS)
    ]
    return read_bits(bits)
