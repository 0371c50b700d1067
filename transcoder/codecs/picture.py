"""What all video formats share: colour (ITU-T H.273), sample aspect, sane sizes and frame rates."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from transcoder.codecs.error import CodecError

LARGEST_SIDE: Final = 16_384
"""Samples. About where the highest levels of these formats end, and within a sample entry's 16 bits."""

UNSPECIFIED: Final = 2
_PQ: Final = 16
_HLG: Final = 18

SQUARE: Final = Fraction(1)

# H.264 table E-1 (H.265 has the same): aspect_ratio_idc from 1.
SAMPLE_ASPECTS: Final = tuple(
    Fraction(width, height)
    for width, height in (
        (1, 1),
        (12, 11),
        (10, 11),
        (16, 11),
        (40, 33),
        (24, 11),
        (20, 11),
        (32, 11),
        (80, 33),
        (18, 11),
        (15, 11),
        (64, 33),
        (160, 99),
        (4, 3),
        (3, 2),
        (2, 1),
    )
)
EXTENDED_SAR: Final = 255
_STRANGEST_ASPECT: Final = 16
_FASTEST_FRAME_RATE: Final = 480
"""Encoders with variable frame rate put their clock (1000, 90000) where the frame rate belongs."""


@dataclass(frozen=True, slots=True)
class Colour:
    """H.273 code points; 2 means unspecified."""

    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED
    matrix: int = UNSPECIFIED
    full_range: bool = False

    @property
    def known(self) -> bool:
        """Whether it says more than a decoder assumes anyway."""
        return self.full_range or (self.primaries, self.transfer, self.matrix) != (UNSPECIFIED,) * 3

    @property
    def video_range(self) -> str:
        """HLS' VIDEO-RANGE (RFC 8216bis 4.4.6.2): ``SDR``, ``HLG`` or ``PQ``."""
        return {_PQ: "PQ", _HLG: "HLG"}.get(self.transfer, "SDR")


UNDESCRIBED: Final = Colour()


def sample_aspect(width: int, height: int) -> Fraction:
    """Width over height of one sample.

    H.264 E.2.1: "When […] sar_width or sar_height is equal to 0 […] the sample aspect ratio shall be
    considered unspecified": then square, as for ratios that no camera makes.
    """
    if not width or not height:
        return SQUARE
    ratio = Fraction(width, height)
    return ratio if 1 / Fraction(_STRANGEST_ASPECT) <= ratio <= _STRANGEST_ASPECT else SQUARE


def check_size(width: int, height: int) -> None:
    """Raises :class:`CodecError` for pictures without samples, and for those that no decoder takes."""
    if not (0 < width <= LARGEST_SIDE and 0 < height <= LARGEST_SIDE):
        raise CodecError(f"pictures of {width}x{height} samples are not supported")


def frame_rate(numerator: int, denominator: int) -> Fraction | None:
    """Pictures per second, or None for what cannot be a frame rate (a bare clock, say)."""
    if not numerator or not denominator:
        return None
    rate = Fraction(numerator, denominator)
    return rate if Fraction(1, 10) <= rate <= _FASTEST_FRAME_RATE else None
