"""AV1: sequence header (AV1 5.5), configuration record and temporal units (AV1 in ISOBMFF 2.3, 2.4)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from fractions import Fraction
from typing import Final

from transcoder.codecs.bits import BitReader
from transcoder.codecs.error import CodecError
from transcoder.codecs.picture import UNDESCRIBED, UNSPECIFIED, Colour, check_size, frame_rate

_RECORD_BYTES: Final = 4
_MARKER_VERSION_1: Final = 0x81
_SELECT: Final = 2


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


def obus(unit: bytes) -> Iterator[Obu]:
    """Walk a temporal unit (AV1 5.3). Ends without an error at an OBU that passes the end."""
    position, end = 0, len(unit)
    while position < end:
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


@dataclass(frozen=True, slots=True)
class Av1Config:
    """AV1CodecConfigurationRecord: the body of ``av1C``."""

    profile: int
    level: int
    high_tier: bool
    bit_depth: int
    monochrome: bool
    subsampling_x: int
    subsampling_y: int
    chroma_sample_position: int
    config_obus: bytes
    """Usually one sequence header OBU; may be empty."""

    @classmethod
    def parse(cls, data: bytes) -> Av1Config:
        """Parse the record. Raises :class:`CodecError`."""
        if len(data) < _RECORD_BYTES or data[0] != _MARKER_VERSION_1:
            raise CodecError("not an AV1 configuration record")
        flags = data[2]
        return cls(
            data[1] >> 5,
            data[1] & 0x1F,
            bool(flags & 0x80),
            (8, 10, 8, 12)[(flags >> 6 & 1) | (flags >> 4 & 2)],
            bool(flags & 0x10),
            flags >> 3 & 1,
            flags >> 2 & 1,
            flags & 3,
            data[_RECORD_BYTES:],
        )

    @classmethod
    def of_sequence_header(cls, unit: bytes) -> Av1Config:
        """The record for the sequence header OBU in these bytes. Raises :class:`CodecError`."""
        header = parse_sequence_header(unit)
        return cls(
            header.profile,
            header.level,
            header.high_tier,
            header.bit_depth,
            header.monochrome,
            header.subsampling_x,
            header.subsampling_y,
            header.chroma_sample_position,
            sized_obu(sequence_header_obu(unit) or b""),
        )

    def serialize(self) -> bytes:
        """The record as ``av1C`` carries it."""
        flags = (
            self.high_tier << 7
            | (self.bit_depth > 8) << 6
            | (self.bit_depth == 12) << 5
            | self.monochrome << 4
            | self.subsampling_x << 3
            | self.subsampling_y << 2
            | self.chroma_sample_position
        )
        return bytes((_MARKER_VERSION_1, self.profile << 5 | self.level, flags, 0)) + self.config_obus

    def sequence_header(self) -> SequenceHeader | None:
        """The sequence header in the record, parsed; None if the record has none. Raises CodecError."""
        return parse_sequence_header(self.config_obus) if self.config_obus else None


def sized_obu(obu: bytes) -> bytes:
    """The OBU with obu_size in its header, as configOBUs needs it (AV1 in ISOBMFF 2.3.4)."""
    if not obu or obu[0] & 2:
        return obu
    header_bytes = 2 if obu[0] & 4 else 1
    size, groups = len(obu) - header_bytes, bytearray()
    while size > 0x7F:
        groups.append(size & 0x7F | 0x80)
        size >>= 7
    groups.append(size)
    return bytes((obu[0] | 2,)) + obu[1:header_bytes] + bytes(groups) + obu[header_bytes:]


def config_from(data: bytes) -> bytes:
    """``av1C`` from a record, or from a bare sequence header OBU (an encoder's extradata)."""
    if data[:1] == bytes((_MARKER_VERSION_1,)):
        Av1Config.parse(data)
        return data
    return Av1Config.of_sequence_header(data).serialize()


def rfc6381(record: Av1Config) -> str:
    """AV1 in ISOBMFF section 5: profile, level and tier, bit depth; then chroma and colour.

    The fields after the bit depth are optional, all or none of them: none where they would say 4:2:0 and
    what a player assumes anyway.
    """
    tier = "H" if record.high_tier else "M"
    short = f"av01.{record.profile}.{record.level:02}{tier}.{record.bit_depth:02}"
    colour = UNDESCRIBED
    if record.config_obus:
        try:
            colour = parse_sequence_header(record.config_obus).colour
        except CodecError:
            colour = UNDESCRIBED
    points = (colour.primaries, colour.transfer, colour.matrix)
    is_420 = not record.monochrome and record.subsampling_x == record.subsampling_y == 1
    if is_420 and not colour.full_range and points in ((UNSPECIFIED,) * 3, (1, 1, 1)):
        return short
    chroma = f"{record.subsampling_x}{record.subsampling_y}{record.chroma_sample_position}"
    described = ".".join(f"{point:02}" for point in points)
    return f"{short}.{record.monochrome:d}.{chroma}.{described}.{colour.full_range:d}"


# AV1 in ISOBMFF 2.4 wants no temporal delimiters and no padding in samples, and knows no tile lists.
_UNWANTED: Final = frozenset({ObuType.TEMPORAL_DELIMITER, ObuType.TILE_LIST, ObuType.PADDING})
_PICTURES: Final = frozenset({ObuType.FRAME, ObuType.FRAME_HEADER})


def clean(payload: bytes, config: bytes) -> bytes:
    """See :func:`transcoder.codecs.clean`. A key frame without a sequence header gets the record's:

    AV1 in ISOBMFF 2.5 asks for one before the first frame header of a sync sample, and encoders that
    send it out of band leave it out.
    """
    pieces: list[bytes] = []
    position = kept_from = 0
    has_picture = has_sequence = False
    for obu in obus(payload):
        if obu.kind in _UNWANTED:
            if obu.start > kept_from:
                pieces.append(payload[kept_from : obu.start])
            kept_from = obu.end
        elif obu.kind == ObuType.SEQUENCE_HEADER:
            has_sequence = True
        elif obu.kind in _PICTURES and obu.end > obu.body:
            if not has_picture and not has_sequence and _is_key_frame(payload[obu.body]):
                pieces.insert(0, config[_RECORD_BYTES:])
            has_picture = True
        position = obu.end
    if not has_picture:
        raise CodecError("AV1 temporal unit holds no frame")
    if not pieces and not kept_from and position == len(payload):
        return payload
    if position > kept_from:
        pieces.append(payload[kept_from:position])
    return b"".join(pieces)


def _is_key_frame(first_byte: int) -> bool:
    """show_existing_frame 0, frame_type KEY_FRAME, show_frame 1 (AV1 5.9.2)."""
    return first_byte & 0xF0 == 0x10


def is_sync(payload: bytes) -> bool:
    """Whether the temporal unit's first frame is a shown key frame (AV1 in ISOBMFF 2.5)."""
    for obu in obus(payload):
        if obu.kind in _PICTURES and obu.end > obu.body:
            return _is_key_frame(payload[obu.body])
    return False
