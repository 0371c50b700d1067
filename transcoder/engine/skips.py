"""H.264 pictures that say "as before": a still picture's stream needs one real picture. Pure.

A P picture in which every macroblock is skipped repeats its reference exactly (ITU-T H.264 8.4.1.1: without
neighbours that move, a skipped macroblock's motion is zero) and is some ten bytes long, so that a loop of
any length costs what one picture costs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from transcoder.codecs import CodecError, avc, nal
from transcoder.codecs.bits import BitReader

_P_SLICE_ALL: Final = 5
"""slice_type: P, as are all slices of the picture (table 7-6)."""
_REFERENCE_SLICE: Final = 0x41
"""nal_ref_idc 2, nal_unit_type 1."""
_PLAIN_PROFILES: Final = frozenset({66, 77})
"""Baseline and Main: their parameter sets have nothing before log2_max_frame_num (7.3.2.1.1)."""


class NoSkips(ValueError):
    """The stream uses what this writer does not."""


@dataclass(frozen=True, slots=True)
class SkipWriter:
    """Writes the pictures after an IDR of a stream with these parameter sets."""

    frame_number_bits: int
    order_bits: int
    """Of pic_order_cnt_lsb; 0 where pictures are shown in the order that they are coded (type 2)."""
    order_delta: bool
    pps_id: int
    deblocking_control: bool
    macroblocks: int

    @classmethod
    def of(cls, config: bytes) -> SkipWriter:
        """From the body of ``avcC``. Raises :class:`NoSkips` and :class:`CodecError`."""
        record = avc.AvcConfig.parse(config)
        if len(record.sps) != 1 or len(record.pps) != 1 or record.length_size != 4:
            raise NoSkips("not one SPS and one PPS")
        frame_number_bits, order_bits, macroblocks = _sequence(record.sps[0])
        reader = BitReader(nal.unescape(record.pps[0][1:]))
        pps_id = reader.unsigned_golomb(255)
        reader.unsigned_golomb(31)  # seq_parameter_set_id
        if reader.flag():
            raise NoSkips("CABAC")
        order_delta = reader.flag()
        if reader.unsigned_golomb():
            raise NoSkips("slice groups")
        reader.unsigned_golomb(31)  # num_ref_idx_l0_default_active_minus1: each slice says its own
        reader.unsigned_golomb(31)
        if reader.flag():
            raise NoSkips("weighted prediction")
        reader.skip(2)  # weighted_bipred_idc
        for _ in range(3):
            reader.signed_golomb()  # pic_init_qp, pic_init_qs, chroma_qp_index_offset
        deblocking_control = reader.flag()
        reader.skip(1)  # constrained_intra_pred_flag
        if reader.flag():
            raise NoSkips("redundant pictures")
        return cls(frame_number_bits, order_bits, order_delta, pps_id, deblocking_control, macroblocks)

    def picture(self, number: int) -> bytes:
        """The ``number``-th picture after the IDR (from 1), as a length-prefixed access unit."""
        bits = _Bits()
        bits.golomb(0)  # first_mb_in_slice
        bits.golomb(_P_SLICE_ALL)
        bits.golomb(self.pps_id)
        bits.number(number % (1 << self.frame_number_bits), self.frame_number_bits)
        if self.order_bits:
            bits.number(2 * number % (1 << self.order_bits), self.order_bits)
            if self.order_delta:
                bits.golomb(0)
        bits.number(1, 1)  # num_ref_idx_active_override_flag: one reference
        bits.golomb(0)
        bits.number(0, 1)  # ref_pic_list_modification_flag_l0
        bits.number(0, 1)  # adaptive_ref_pic_marking_mode_flag
        bits.golomb(0)  # slice_qp_delta
        if self.deblocking_control:
            bits.golomb(1)  # disable_deblocking_filter_idc
        bits.golomb(self.macroblocks)  # mb_skip_run
        unit = bytes((_REFERENCE_SLICE,)) + escaped(bits.trailed())
        return len(unit).to_bytes(4, "big") + unit


def _sequence(sps: bytes) -> tuple[int, int, int]:
    """Bits of frame_num and of pic_order_cnt_lsb, and how many macroblocks a picture has."""
    reader = BitReader(nal.unescape(sps[1:]))
    if reader.bits(8) not in _PLAIN_PROFILES:
        raise NoSkips("a profile above Main")
    reader.skip(16)
    reader.unsigned_golomb(31)
    frame_number_bits = reader.unsigned_golomb(12) + 4
    order_type = reader.unsigned_golomb(2)
    if order_type == 1:
        raise NoSkips("picture order by cycles")
    order_bits = reader.unsigned_golomb(12) + 4 if order_type == 0 else 0
    reader.unsigned_golomb(16)
    reader.skip(1)
    width, height = reader.unsigned_golomb(8191) + 1, reader.unsigned_golomb(8191) + 1
    if not reader.flag():
        raise NoSkips("fields")
    return frame_number_bits, order_bits, width * height


class _Bits:
    """Writes most significant bit first."""

    def __init__(self) -> None:
        self._value = 0
        self._count = 0

    def number(self, value: int, count: int) -> None:
        self._value = self._value << count | value
        self._count += count

    def golomb(self, value: int) -> None:
        """ue(v), 9.1; 0 is also se(v)'s 0."""
        self.number(value + 1, 2 * (value + 1).bit_length() - 1)

    def trailed(self) -> bytes:
        """With rbsp_trailing_bits (7.3.2.11)."""
        self.number(1, 1)
        self.number(0, -self._count % 8)
        return self._value.to_bytes(self._count // 8, "big")


def escaped(data: bytes) -> bytes:
    """7.4.1: no 0x000000 to 0x000003 inside a NAL unit."""
    made = bytearray()
    for byte in data:
        if byte <= 3 and made[-2:] == b"\0\0":
            made.append(3)
        made.append(byte)
    return bytes(made)


__all__ = ["CodecError", "NoSkips", "SkipWriter", "escaped"]
