"""AV1: open bitstream units and the sequence header (AV1 5.3, 5.5)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from fractions import Fraction
from typing import Final

from transcoder.codecs.bits import BitReader
from transcoder.codecs.error import CodecError
from transcoder.codecs.picture import UNSPECIFIED, Colour, check_size, frame_rate

_SELECT: Final = 2
"""SELECT_SCREEN_CONTENT_TOOLS."""


class ObuType(IntEnum):
    """obu_type values that we act on (AV1 6.2.2)."""

    SEQUENCE_HEADER = 1
    TEMPORAL_DELIMITER = 2
    FRAME_HEADER = 3
    FRAME = 6
    TILE_LIST = 8
    PADDING = 15


@dataclass(frozen=True, slots=True)
class Obu:
    """Where one open bitstream unit lies in its temporal unit."""

    kind: int
    start: int
    body: int
    """Where its payload begins, after header and size."""
    end: int


@dataclass(frozen=True, slots=True)
class SequenceHeader:
    """sequence_header_obu(): what a decoder must know before the first frame."""

    profile: int
    level: int
    """seq_level_idx of operating point 0: 5 is level 3.1."""
    high_tier: bool
    width: int
    height: int
    bit_depth: int
    monochrome: bool
    subsampling_x: int
    subsampling_y: int
    chroma_sample_position: int
    colour: Colour
    frame_rate: Fraction | None = None
    """Where equal_picture_interval promises one."""

    @property
    def chroma_format_idc(self) -> int:
        """As H.264 counts: 0 monochrome, 1 4:2:0, 2 4:2:2, 3 4:4:4."""
        return 0 if self.monochrome else 3 - self.subsampling_x - self.subsampling_y


MOST_OBUS: Final = 4_096
"""In one temporal unit: one for each tile of the largest picture (AV1 A.3 allows 128), and to spare."""


def obus(unit: bytes) -> Iterator[Obu]:
    """Walk a temporal unit (AV1 5.3). Ends without an error at an OBU that passes the end.

    Raises :class:`CodecError` above :data:`MOST_OBUS`.
    """
    position, end = 0, len(unit)
    count = 0
    while position < end:
        count += 1
        if count > MOST_OBUS:
            raise CodecError(f"AV1 temporal unit of more than {MOST_OBUS} OBUs")
        header = unit[position]
        body = position + 2 if header & 4 else position + 1
        if header & 0x80 or body > end:
            return
        following = end
        if header & 2:
            size, shift = 0, 0
            while True:  # leb128(), AV1 4.10.5: at most 8 bytes
                if body >= end or shift > 49:
                    return
                byte = unit[body]
                body += 1
                size |= (byte & 0x7F) << shift
                if byte < 0x80:
                    break
                shift += 7
            following = body + size
            if following > end:
                return
        yield Obu(header >> 3 & 15, position, body, following)
        position = following


def sequence_header_obu(unit: bytes) -> bytes | None:
    """The first sequence header OBU of a temporal unit, whole; None if there is none."""
    for obu in obus(unit):
        if obu.kind == ObuType.SEQUENCE_HEADER:
            return unit[obu.start : obu.end]
    return None


def parse_sequence_header(unit: bytes) -> SequenceHeader:
    """Parse the first sequence header OBU of a temporal unit. Raises :class:`CodecError`."""
    for obu in obus(unit):
        if obu.kind == ObuType.SEQUENCE_HEADER:
            return _parse_sequence_header(BitReader(unit[obu.body : obu.end]))
    raise CodecError("AV1 sequence header is missing")


def _parse_sequence_header(reader: BitReader) -> SequenceHeader:
    profile = reader.bits(3)
    if profile > 2:
        raise CodecError(f"AV1 profile {profile} is reserved")
    reader.skip(1)  # still_picture
    reduced = reader.flag()
    level, high_tier, rate = 0, False, None
    if reduced:
        level = reader.bits(5)
    else:
        level, high_tier, rate = _parse_operating_points(reader)
    width_bits, height_bits = reader.bits(4) + 1, reader.bits(4) + 1
    width, height = reader.bits(width_bits) + 1, reader.bits(height_bits) + 1
    check_size(width, height)
    if not reduced and reader.flag():
        reader.skip(7)  # delta_frame_id_length_minus_2, additional_frame_id_length_minus_1
    reader.skip(3)  # use_128x128_superblock, enable_filter_intra, enable_intra_edge_filter
    if not reduced:
        _skip_tools(reader)
    reader.skip(3)  # enable_superres, enable_cdef, enable_restoration
    return _parse_colour(reader, profile, level, high_tier, width, height, rate)


def _parse_operating_points(reader: BitReader) -> tuple[int, bool, Fraction | None]:
    """Timing, decoder model and operating points (5.5.1): level and tier of point 0, frame rate."""
    rate = None
    delay_bits = 0
    if reader.flag():
        units_in_tick, time_scale = reader.bits(32), reader.bits(32)
        if reader.flag():
            rate = frame_rate(time_scale, units_in_tick * (reader.unsigned_golomb() + 1))
        if reader.flag():
            delay_bits = reader.bits(5) + 1
            reader.skip(32 + 5 + 5)
    has_display_delay = reader.flag()
    level, high_tier = 0, False
    for index in range(reader.bits(5) + 1):
        reader.skip(12)  # operating_point_idc
        point_level = reader.bits(5)
        point_tier = point_level > 7 and reader.flag()
        if index == 0:
            level, high_tier = point_level, point_tier
        if delay_bits and reader.flag():
            reader.skip(2 * delay_bits + 1)
        if has_display_delay and reader.flag():
            reader.skip(4)
    return level, high_tier, rate


def _skip_tools(reader: BitReader) -> None:
    """From enable_interintra_compound to order_hint_bits_minus_1 (5.5.1)."""
    reader.skip(4)
    order_hint = reader.flag()
    if order_hint:
        reader.skip(2)  # enable_jnt_comp, enable_ref_frame_mvs
    screen_content = _SELECT if reader.flag() else reader.bits(1)
    if screen_content and not reader.flag():
        reader.skip(1)  # seq_force_integer_mv
    if order_hint:
        reader.skip(3)


def _parse_colour(
    reader: BitReader,
    profile: int,
    level: int,
    high_tier: bool,
    width: int,
    height: int,
    rate: Fraction | None,
) -> SequenceHeader:
    """color_config() (5.5.2)."""
    high_depth = reader.flag()
    bit_depth = 10 if high_depth else 8
    if profile == 2 and high_depth and reader.flag():
        bit_depth = 12
    monochrome = profile != 1 and reader.flag()
    primaries = transfer = matrix = UNSPECIFIED
    if reader.flag():
        primaries, transfer, matrix = reader.bits(8), reader.bits(8), reader.bits(8)
    subsampling_x = subsampling_y = 1
    chroma_sample_position = 0
    if monochrome:
        full_range = reader.flag()
    elif (primaries, transfer, matrix) == (1, 13, 0):  # BT.709, sRGB, identity
        full_range, subsampling_x, subsampling_y = True, 0, 0
    else:
        full_range = reader.flag()
        if profile == 1:
            subsampling_x = subsampling_y = 0
        elif profile == 2 and bit_depth == 12:
            subsampling_x = reader.bits(1)
            subsampling_y = reader.bits(1) if subsampling_x else 0
        elif profile == 2:
            subsampling_y = 0
        if subsampling_x and subsampling_y:
            chroma_sample_position = reader.bits(2)
    return SequenceHeader(
        profile,
        level,
        high_tier,
        width,
        height,
        bit_depth,
        monochrome,
        subsampling_x,
        subsampling_y,
        chroma_sample_position,
        Colour(primaries, transfer, matrix, full_range),
        rate,
    )
