"""H.264: the decoder configuration record (ISO 14496-15 5.3.3) and its access units."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from transcoder.codecs import nal
from transcoder.codecs.avc_sps import Sps, Vui, parse_sps
from transcoder.codecs.error import CodecError

__all__ = [
    "AvcConfig",
    "NalType",
    "Sps",
    "Vui",
    "clean",
    "config_from_annexb",
    "is_sync",
    "length_size",
    "parse_sps",
    "rfc6381",
]


class NalType(IntEnum):
    """nal_unit_type values that we act on (H.264 table 7-1)."""

    SLICE = 1
    PARTITION_C = 4
    IDR = 5
    SEI = 6
    SPS = 7
    PPS = 8
    ACCESS_UNIT_DELIMITER = 9
    END_OF_STREAM = 11
    FILLER = 12
    SPS_EXTENSION = 13


def _classify(first_byte: int) -> int:
    kind = first_byte & 0x1F
    if kind == NalType.IDR:
        return nal.SYNC_PICTURE
    if NalType.SLICE <= kind <= NalType.PARTITION_C:
        return nal.PICTURE
    # A sample's borders are in the file (ISO 14496-15), so delimiters say nothing, and filler only feeds a
    # constant-rate channel. Types 0 and 24 to 31 are not H.264's: RTP uses them.
    if kind in (NalType.ACCESS_UNIT_DELIMITER, NalType.FILLER) or kind == 0 or kind >= 24:
        return nal.DROP
    return nal.KEEP


_CLASSES: Final = nal.class_table(_classify)
_EXTENDED_PROFILES: Final = frozenset({100, 110, 122, 144, 244})


@dataclass(frozen=True, slots=True)
class AvcConfig:
    """AVCDecoderConfigurationRecord: the body of ``avcC``."""

    profile_idc: int
    constraint_flags: int
    level_idc: int
    length_size: int
    """Bytes of each NAL unit's length: 1, 2 or 4."""
    sps: tuple[bytes, ...]
    """NAL units, header included."""
    pps: tuple[bytes, ...]

    @classmethod
    def parse(cls, data: bytes) -> AvcConfig:
        """Parse the record. Raises :class:`CodecError`."""
        if len(data) < 7 or data[0] != 1:
            raise CodecError("not an H.264 configuration record")
        length_size = (data[4] & 3) + 1
        if length_size == 3:
            # 5.3.3.1.2: "The value of this field shall be one of 0, 1, or 3".
            raise CodecError("H.264 NAL unit lengths of 3 bytes are not allowed")
        sps, position = _parameter_sets(data, 6, data[5] & 0x1F)
        if position >= len(data):
            raise CodecError("H.264 configuration record has no picture parameter set")
        pps, _ = _parameter_sets(data, position + 1, data[position])
        if not sps or not pps:
            raise CodecError("H.264 configuration record lacks a parameter set")
        return cls(data[1], data[2], data[3], length_size, sps, pps)

    @classmethod
    def of_parameter_sets(cls, sps: Sequence[bytes], pps: Sequence[bytes]) -> AvcConfig:
        """The record for these NAL units, with 4-byte lengths. Raises :class:`CodecError`."""
        if not sps or not pps or len(sps[0]) < 5:
            raise CodecError("H.264 needs a sequence and a picture parameter set")
        return cls(sps[0][1], sps[0][2], sps[0][3], 4, tuple(sps), tuple(pps))

    def serialize(self) -> bytes:
        """The record as ``avcC`` carries it."""
        parts = [
            bytes((1, self.profile_idc, self.constraint_flags, self.level_idc)),
            bytes((0xFC | (self.length_size - 1), 0xE0 | len(self.sps))),
            *_with_lengths(self.sps),
            bytes((len(self.pps),)),
            *_with_lengths(self.pps),
        ]
        if self.profile_idc in _EXTENDED_PROFILES:
            first = self.first_sps()
            depths = (0xF8 | (first.bit_depth - 8), 0xF8 | (first.bit_depth_chroma - 8))
            parts.append(bytes((0xFC | first.chroma_format_idc, *depths, 0)))
        return b"".join(parts)

    def first_sps(self) -> Sps:
        """The first sequence parameter set, parsed. Raises :class:`CodecError`."""
        return parse_sps(self.sps[0])


def _parameter_sets(data: bytes, position: int, count: int) -> tuple[tuple[bytes, ...], int]:
    units = []
    for _ in range(count):
        start = position + 2
        position = start + int.from_bytes(data[position:start], "big")
        if position > len(data) or position == start:
            raise CodecError("H.264 parameter set passes the end of its record")
        units.append(data[start:position])
    return tuple(units), position


def _with_lengths(units: Iterable[bytes]) -> list[bytes]:
    return [piece for unit in units for piece in (len(unit).to_bytes(2, "big"), unit)]


def config_from_annexb(data: bytes) -> bytes:
    """``avcC`` from the parameter sets in an Annex B stream (an encoder's extradata or first picture)."""
    sps, pps = [], []
    for unit in nal.split_annexb(data):
        kind = unit[0] & 0x1F
        if kind == NalType.SPS and unit not in sps:
            sps.append(unit)
        elif kind == NalType.PPS and unit not in pps:
            pps.append(unit)
    return AvcConfig.of_parameter_sets(sps[:31], pps[:255]).serialize()


def rfc6381(record: AvcConfig) -> str:
    """RFC 6381 3.3: ``avc1.`` and the three bytes after the SPS header in hex."""
    return f"avc1.{record.sps[0][1:4].hex()}"


def length_size(config: bytes) -> int:
    """Bytes of each NAL unit's length, from a record that was parsed before."""
    return (config[4] & 3) + 1


def clean(payload: bytes, length_size: int) -> bytes:
    """See :func:`transcoder.codecs.clean`."""
    return nal.clean(payload, length_size, _CLASSES)


def is_sync(payload: bytes, length_size: int) -> bool:
    """Whether the access unit is an IDR picture.

    A recovery point before a non-IDR I picture is no sync point here: pictures that follow it may refer
    to what came before, and ISO 14496-15 5.3.2 calls only IDR pictures sync samples.
    """
    return nal.first_picture(payload, length_size, _CLASSES) == nal.SYNC_PICTURE
