from __future__ import annotations

from fractions import Fraction

import pytest

from transcoder.codecs import CodecError
from transcoder.codecs.picture import UNDESCRIBED, Colour, check_size, frame_rate, sample_aspect


@pytest.mark.parametrize(
    ("width", "height", "aspect"),
    [
        (64, 45, Fraction(64, 45)),
        (0, 1, Fraction(1)),  # H.264 E.2.1: unspecified
        (1, 0, Fraction(1)),
        (16, 1, Fraction(16)),
        (17, 1, Fraction(1)),
        (1, 65_535, Fraction(1)),
    ],
)
def test_strange_sample_aspects_are_square(width: int, height: int, aspect: Fraction) -> None:
    assert sample_aspect(width, height) == aspect


@pytest.mark.parametrize(
    ("numerator", "denominator", "rate"),
    [
        (50, 2, Fraction(25)),
        (240, 1, Fraction(240)),
        (0, 1, None),
        (1, 0, None),
        (1000, 1, None),
        (1, 20, None),
    ],
)
def test_what_cannot_be_a_frame_rate(numerator: int, denominator: int, rate: Fraction | None) -> None:
    assert frame_rate(numerator, denominator) == rate


@pytest.mark.parametrize("size", [(0, 1), (1, 0), (16_385, 16), (16, 65_536), (-2, 2)])
def test_sizes_that_no_decoder_takes(size: tuple[int, int]) -> None:
    with pytest.raises(CodecError):
        check_size(*size)
    check_size(16_384, 1)


def test_colour() -> None:
    assert not UNDESCRIBED.known
    assert Colour(full_range=True).known
    # H.273 table 3: 16 is SMPTE ST 2084, 18 is ARIB STD-B67.
    assert [Colour(9, transfer, 9).video_range for transfer in (1, 14, 16, 18)] == ["SDR", "SDR", "PQ", "HLG"]
