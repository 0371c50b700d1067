"""Caption bytes in coded pictures: cc_data() of ATSC A/53 part 4 section 6.2.3.

H.264 and H.265 carry it in SEI messages (user_data_registered_itu_t_t35), AV1 in metadata OBUs.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from itertools import islice
from typing import Final, NamedTuple

from transcoder.codecs import avc, hevc, nal
from transcoder.codecs.av1_sequence import obus
from transcoder.codecs.error import CodecError
from transcoder.media import AccessUnit, Codec, Track

_ATSC: Final = b"\xb5\x00\x31GA94\x03"
"""itu_t_t35_country_code (USA), provider code (ATSC), user_identifier, user_data_type_code of cc_data."""
_T35_SEI: Final = 4
_METADATA_OBU: Final = 5
_METADATA_T35: Final = 4
MOST_PAIRS: Final = 64
"""In one picture: cc_count goes to 31, and a picture of two fields may bring two of them."""


class CcType(IntEnum):
    """cc_type (CTA-708 4.3)."""

    FIELD_1 = 0
    FIELD_2 = 1
    DTVCC_DATA = 2
    DTVCC_START = 3


_TYPES: Final = tuple(CcType)


class CcPair(NamedTuple):
    """One cc_data_pkt that is valid."""

    kind: CcType
    first: int
    second: int


def cc_pairs(track: Track, unit: AccessUnit) -> list[CcPair]:
    """The caption bytes of one picture, in their order; none for codecs without. Never raises."""
    try:
        return list(islice((pair for data in _t35(track, unit) for pair in _pairs(data)), MOST_PAIRS))
    except CodecError:
        return []


def _t35(track: Track, unit: AccessUnit) -> Iterator[bytes]:
    match track.codec:
        case Codec.H264:
            kinds = frozenset((avc.NalType.SEI,))
            for body in _nal_units(unit.payload, avc.length_size(track.config), 0x1F, 0, kinds):
                yield from _sei_t35(nal.unescape(body[1:]))
        case Codec.H265:
            sei = frozenset((hevc.NalType.PREFIX_SEI, hevc.NalType.SUFFIX_SEI))
            for body in _nal_units(unit.payload, hevc.length_size(track.config), 0x3F, 1, sei):
                yield from _sei_t35(nal.unescape(body[2:]))
        case Codec.AV1:
            for obu in obus(unit.payload):
                # metadata_type is a leb128 (AV1 5.8.1), and this one takes one byte.
                if obu.kind == _METADATA_OBU and unit.payload[obu.body : obu.body + 1] == bytes(
                    (_METADATA_T35,)
                ):
                    yield unit.payload[obu.body + 1 : obu.end]


def _nal_units(payload: bytes, size: int, mask: int, shift: int, kinds: frozenset[int]) -> Iterator[bytes]:
    """The NAL units of these types. The others, most of the picture, are not copied."""
    position, end = 0, len(payload)
    for _ in range(nal.MOST_UNITS):
        start = position + size
        if start >= end:
            return
        position = start + int.from_bytes(payload[position:start], "big")
        if position > end:
            return
        if position > start and payload[start] >> shift & mask in kinds:
            yield payload[start:position]


def _sei_t35(rbsp: bytes) -> Iterator[bytes]:
    """The messages of one SEI NAL unit that are ITU-T T.35 (H.264 7.3.2.3, H.265 7.3.5)."""
    position, end = 0, len(rbsp)
    while position < end:
        kind, position = _sei_number(rbsp, position)
        length, position = _sei_number(rbsp, position)
        if position + length > end:
            return
        if kind == _T35_SEI:
            yield rbsp[position : position + length]
        position += length


def _sei_number(rbsp: bytes, position: int) -> tuple[int, int]:
    value = 0
    while position < len(rbsp):
        byte = rbsp[position]
        position += 1
        value += byte
        if byte != 0xFF:
            break
    return value, position


def _pairs(t35: bytes) -> Iterator[CcPair]:
    """cc_data() (CTA-708 table 2): flags and cc_count, em_data, then three bytes for each packet."""
    start = len(_ATSC)
    if not t35.startswith(_ATSC) or len(t35) < start + 2 or not t35[start] & 0x40:
        return
    count = t35[start] & 0x1F
    data = t35[start + 2 : start + 2 + 3 * count]
    for at in range(0, len(data) - 2, 3):
        if data[at] & 4:
            yield CcPair(_TYPES[data[at] & 3], data[at + 1], data[at + 2])
