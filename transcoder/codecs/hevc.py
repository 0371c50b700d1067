"""H.265: the decoder configuration record (ISO 14496-15 8.3.3) and its access units."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from transcoder.codecs import nal
from transcoder.codecs.error import CodecError
from transcoder.codecs.hevc_sps import ProfileTierLevel, Sps, parse_sps

__all__ = [
    "HevcConfig",
    "NalArray",
    "NalType",
    "ProfileTierLevel",
    "Sps",
    "clean",
    "complete_config",
    "config_from_annexb",
    "is_sync",
    "length_size",
    "nal_type",
    "parse_sps",
    "rfc6381",
]


class NalType(IntEnum):
    """nal_unit_type values that we act on (H.265 table 7-1)."""

    LAST_PICTURE = 9
    BLA_W_LP = 16
    CRA = 21
    LAST_RESERVED_IRAP = 23
    VPS = 32
    SPS = 33
    PPS = 34
    ACCESS_UNIT_DELIMITER = 35
    FILLER = 38
    PREFIX_SEI = 39
    SUFFIX_SEI = 40


_PARAMETER_SETS: Final = (NalType.VPS, NalType.SPS, NalType.PPS)


def nal_type(unit: bytes) -> int:
    """nal_unit_type of a NAL unit (H.265 7.3.1.2)."""
    return unit[0] >> 1 & 0x3F


def _classify(first_byte: int) -> int:
    kind = first_byte >> 1 & 0x3F
    if NalType.BLA_W_LP <= kind <= NalType.CRA:
        return nal.SYNC_PICTURE
    if kind <= NalType.LAST_PICTURE:
        return nal.PICTURE
    # Delimiters say nothing in a file, filler feeds constant-rate channels, reserved picture types and
    # 48 to 63 are nobody's.
    if kind in (NalType.ACCESS_UNIT_DELIMITER, NalType.FILLER) or kind < NalType.VPS or kind >= 48:
        return nal.DROP
    return nal.KEEP


_CLASSES: Final = nal.class_table(_classify)


@dataclass(frozen=True, slots=True)
class NalArray:
    """NAL units of one type in the record."""

    kind: int
    units: tuple[bytes, ...]
    complete: bool = True
    """array_completeness: no other units of this type are in the stream."""


@dataclass(frozen=True, slots=True)
class HevcConfig:
    """HEVCDecoderConfigurationRecord: the body of ``hvcC``."""

    profile: ProfileTierLevel
    chroma_format_idc: int
    bit_depth: int
    bit_depth_chroma: int
    temporal_layers: int
    temporal_id_nesting: bool
    length_size: int
    """Bytes of each NAL unit's length: 1, 2 or 4."""
    arrays: tuple[NalArray, ...]
    min_spatial_segmentation: int = 0
    parallelism: int = 0
    average_frame_rate: int = 0
    """Pictures in 256 seconds; 0 unspecified."""
    constant_frame_rate: int = 0

    @classmethod
    def parse(cls, data: bytes) -> HevcConfig:
        """Parse the record. Raises :class:`CodecError`."""
        # Version 0 was written by encoders of the draft's days; the fields are the same.
        if len(data) < 23 or data[0] > 1:
            raise CodecError("not an H.265 configuration record")
        length_size = (data[21] & 3) + 1
        if length_size == 3:
            raise CodecError("H.265 NAL unit lengths of 3 bytes are not allowed")
        profile = ProfileTierLevel(
            data[1] >> 6,
            bool(data[1] & 0x20),
            data[1] & 0x1F,
            int.from_bytes(data[2:6], "big"),
            data[6:12],
            data[12],
        )
        arrays, position = [], 23
        for _ in range(data[22]):
            if position + 3 > len(data):
                raise CodecError("H.265 configuration record ends in the middle of an array")
            header, count = data[position], int.from_bytes(data[position + 1 : position + 3], "big")
            position += 3
            units = []
            for _ in range(count):
                start = position + 2
                position = start + int.from_bytes(data[position:start], "big")
                if position > len(data) or position - start < 2:
                    raise CodecError("H.265 parameter set passes the end of its record")
                units.append(data[start:position])
            arrays.append(NalArray(header & 0x3F, tuple(units), bool(header & 0x80)))
        record = cls(
            profile,
            data[16] & 3,
            8 + (data[17] & 7),
            8 + (data[18] & 7),
            max(1, data[21] >> 3 & 7),
            bool(data[21] & 4),
            length_size,
            tuple(arrays),
            int.from_bytes(data[13:15], "big") & 0xFFF,
            data[15] & 3,
            int.from_bytes(data[19:21], "big"),
            data[21] >> 6,
        )
        if not all(record.units(kind) for kind in _PARAMETER_SETS):
            raise CodecError("H.265 configuration record lacks a parameter set")
        return record

    @classmethod
    def of_parameter_sets(cls, units: Iterable[bytes]) -> HevcConfig:
        """The record for these VPS, SPS and PPS NAL units, with 4-byte lengths. Raises CodecError."""
        by_kind: dict[int, list[bytes]] = {kind: [] for kind in _PARAMETER_SETS}
        for unit in units:
            found = by_kind.get(nal_type(unit))
            if found is not None and unit not in found:
                found.append(unit)
        if not all(by_kind.values()):
            raise CodecError("H.265 needs a video, a sequence and a picture parameter set")
        sps = parse_sps(by_kind[NalType.SPS][0])
        return cls(
            sps.profile,
            sps.chroma_format_idc,
            sps.bit_depth,
            sps.bit_depth_chroma,
            sps.temporal_layers,
            sps.temporal_id_nesting,
            4,
            tuple(NalArray(kind, tuple(found)) for kind, found in by_kind.items()),
        )

    def serialize(self) -> bytes:
        """The record as ``hvcC`` carries it."""
        profile = self.profile
        parts = [
            bytes((1, profile.profile_space << 6 | profile.high_tier << 5 | profile.profile_idc)),
            profile.compatibility_flags.to_bytes(4, "big"),
            profile.constraint_flags,
            bytes((profile.level_idc,)),
            (0xF000 | self.min_spatial_segmentation).to_bytes(2, "big"),
            bytes((0xFC | self.parallelism, 0xFC | self.chroma_format_idc)),
            bytes((0xF8 | (self.bit_depth - 8) & 7, 0xF8 | (self.bit_depth_chroma - 8) & 7)),
            self.average_frame_rate.to_bytes(2, "big"),
            bytes(
                (
                    self.constant_frame_rate << 6
                    | (self.temporal_layers & 7) << 3
                    | self.temporal_id_nesting << 2
                    | (self.length_size - 1),
                    len(self.arrays),
                )
            ),
        ]
        for array in self.arrays:
            parts.append(bytes((array.complete << 7 | array.kind,)) + len(array.units).to_bytes(2, "big"))
            for unit in array.units:
                parts += (len(unit).to_bytes(2, "big"), unit)
        return b"".join(parts)

    def units(self, kind: int) -> tuple[bytes, ...]:
        """All NAL units of a type."""
        return tuple(unit for array in self.arrays if array.kind == kind for unit in array.units)

    def first_sps(self) -> Sps:
        """The first sequence parameter set, parsed. Raises :class:`CodecError`."""
        return parse_sps(self.units(NalType.SPS)[0])


def config_from_annexb(data: bytes) -> bytes:
    """``hvcC`` from the parameter sets in an Annex B stream (an encoder's extradata or first picture)."""
    return HevcConfig.of_parameter_sets(nal.split_annexb(data)).serialize()


def complete_config(config: bytes) -> bytes:
    """The record with every array marked complete, as the sample entry ``hvc1`` asks.

    ISO 14496-15 8.4.1.1.1: for 'hvc1', array_completeness is 1 for all types of parameter sets; encoders
    that think of 'hev1' write 0.
    """
    record = HevcConfig.parse(config)
    if all(array.complete for array in record.arrays):
        return config
    marked = bytearray(config)
    position = 23
    for array in record.arrays:
        if array.kind in _PARAMETER_SETS:
            marked[position] |= 0x80
        position += 3 + sum(2 + len(unit) for unit in array.units)
    return bytes(marked)


def rfc6381(record: HevcConfig) -> str:
    """ISO 14496-15 E.3: profile, compatibility (reversed hex), tier and level, constraints.

    Trailing constraint bytes that are zero may be left out, and are.
    """
    profile = record.profile
    space = ("", "A", "B", "C")[profile.profile_space]
    compatibility = int(f"{profile.compatibility_flags:032b}"[::-1], 2)
    tier = "H" if profile.high_tier else "L"
    constraints = [f"{byte:X}" for byte in profile.constraint_flags.rstrip(b"\0")]
    head = f"hvc1.{space}{profile.profile_idc}.{compatibility:X}.{tier}{profile.level_idc}"
    return ".".join((head, *constraints))


def length_size(config: bytes) -> int:
    """Bytes of each NAL unit's length, from a record that was parsed before."""
    return (config[21] & 3) + 1


def clean(payload: bytes, length_size: int) -> bytes:
    """See :func:`transcoder.codecs.clean`."""
    return nal.clean(payload, length_size, _CLASSES)


def is_sync(payload: bytes, length_size: int) -> bool:
    """Whether the access unit is an IRAP picture: IDR, BLA or CRA (ISO 14496-15 8.4.3)."""
    return nal.first_picture(payload, length_size, _CLASSES) == nal.SYNC_PICTURE
