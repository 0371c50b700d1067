from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transcoder.codecs.bitwriter import BitWriter
from transcoder.codecs import CodecError
from transcoder.codecs.bits import BitReader


def test_reads_most_significant_bit_first() -> None:
    reader = BitReader(b"\xa5\x0f")
    assert [reader.bits(count) for count in (1, 3, 4, 8)] == [1, 2, 5, 15]
    assert reader.remaining == 0


@pytest.mark.parametrize(
    ("bits", "value"),
    [("1", 0), ("010", 1), ("011", 2), ("00100", 3), ("00101", 4), ("00111", 6), ("0001000", 7)],
)
def test_unsigned_exp_golomb_codes_of_h264_table_9_2(bits: str, value: int) -> None:
    data = int(bits.ljust(8, "0"), 2).to_bytes(1, "big")
    assert BitReader(data).unsigned_golomb() == value


@pytest.mark.parametrize(("code", "value"), [(0, 0), (1, 1), (2, -1), (3, 2), (4, -2), (5, 3), (6, -3)])
def test_signed_exp_golomb_mapping_of_h264_table_9_3(code: int, value: int) -> None:
    assert BitReader(BitWriter().ue(code).rbsp()).signed_golomb() == value


@given(st.lists(st.integers(0, (1 << 32) - 2), max_size=20))
def test_exp_golomb_round_trip(values: list[int]) -> None:
    writer = BitWriter()
    for value in values:
        writer.ue(value)
    reader = BitReader(writer.rbsp())
    assert [reader.unsigned_golomb() for _ in values] == values


@given(st.lists(st.tuples(st.integers(1, 64), st.integers(0, (1 << 64) - 1)), max_size=20))
def test_fixed_length_round_trip(fields: list[tuple[int, int]]) -> None:
    writer = BitWriter()
    for count, value in fields:
        writer.u(count, value & ((1 << count) - 1))
    reader = BitReader(writer.rbsp())
    assert [reader.bits(count) for count, _ in fields] == [v & ((1 << c) - 1) for c, v in fields]


def test_the_end_is_a_codec_error() -> None:
    for read in (
        lambda: BitReader(b"").bits(1),
        lambda: BitReader(b"\xff").bits(9),
        lambda: BitReader(b"\xff").skip(9),
        lambda: BitReader(bytes(20)).unsigned_golomb(),
        lambda: BitReader(bytes(2)).unsigned_golomb(),
        lambda: BitReader(b"\x08").unsigned_golomb(at_most=6),
    ):
        with pytest.raises(CodecError):
            read()


def test_align() -> None:
    reader = BitReader(b"\x80\x01")
    reader.bits(3)
    reader.align()
    reader.align()
    assert reader.bits(8) == 1
