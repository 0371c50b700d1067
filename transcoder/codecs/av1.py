"""AV1: the decoder configuration record and temporal units (AV1 in ISOBMFF 2.3, 2.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from transcoder.codecs.av1_sequence import (
    ObuType,
    SequenceHeader,
    obus,
    parse_sequence_header,
    sequence_header_obu,
)
from transcoder.codecs.error import CodecError
from transcoder.codecs.picture import UNDESCRIBED, UNSPECIFIED

__all__ = [
    "Av1Config",
    "ObuType",
    "SequenceHeader",
    "clean",
    "config_from",
    "is_sync",
    "obus",
    "parse_sequence_header",
    "rfc6381",
    "sequence_header_obu",
    "sized_obu",
]

_RECORD_BYTES: Final = 4
_MARKER_VERSION_1: Final = 0x81


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
