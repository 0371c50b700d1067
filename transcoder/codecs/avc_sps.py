"""H.264 sequence parameter set (ITU-T H.264 7.3.2.1.1 and annex E)."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from transcoder.codecs import nal
from transcoder.codecs.bits import BitReader
from transcoder.codecs.error import CodecError
from transcoder.codecs.picture import (
    EXTENDED_SAR,
    LARGEST_SIDE,
    SAMPLE_ASPECTS,
    SQUARE,
    UNDESCRIBED,
    Colour,
    check_size,
    frame_rate,
    sample_aspect,
)

# Profiles whose parameter sets carry chroma_format_idc and what follows it (7.3.2.1.1).
_HIGH_PROFILES: Final = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
_LONGEST: Final = 4096
"""Bytes. With every scaling list and both HRDs a parameter set stays below 2 KiB."""


@dataclass(frozen=True, slots=True)
class Vui:
    """What annex E tells that we use. The defaults are what its absence means."""

    sample_aspect: Fraction = SQUARE
    colour: Colour = UNDESCRIBED
    frame_rate: Fraction | None = None
    """Half of the field rate time_scale / num_units_in_tick."""
    fixed_frame_rate: bool = False
    max_reorder_pictures: int | None = None


@dataclass(frozen=True, slots=True)
class Sps:
    """A sequence parameter set."""

    profile_idc: int
    constraint_flags: int
    """constraint_set0_flag (most significant) to constraint_set5_flag and two reserved bits."""
    level_idc: int
    sps_id: int
    chroma_format_idc: int
    """0 monochrome, 1 4:2:0, 2 4:2:2, 3 4:4:4."""
    bit_depth: int
    """Of luma."""
    bit_depth_chroma: int
    frame_mbs_only: bool
    """False where pictures may be fields: the material may be interlaced."""
    width: int
    """Samples, cropped."""
    height: int
    max_reference_pictures: int
    vui: Vui

    @property
    def interlaced(self) -> bool:
        """Whether pictures may be interlaced."""
        return not self.frame_mbs_only

    @property
    def sample_aspect(self) -> Fraction:
        return self.vui.sample_aspect

    @property
    def colour(self) -> Colour:
        return self.vui.colour

    @property
    def frame_rate(self) -> Fraction | None:
        return self.vui.frame_rate


def parse_sps(unit: bytes) -> Sps:
    """Parse an SPS NAL unit (header included). Raises :class:`CodecError`.

    A VUI that breaks off is taken as far as it goes: real encoders write such, and decoders forgive it.
    """
    if len(unit) < 5 or unit[0] & 0x1F != 7:
        raise CodecError("not an H.264 sequence parameter set")
    reader = BitReader(nal.unescape(unit[1:_LONGEST]))
    profile_idc = reader.bits(8)
    constraint_flags = reader.bits(8)
    level_idc = reader.bits(8)
    sps_id = reader.unsigned_golomb(31)
    chroma_format_idc, bit_depth, bit_depth_chroma, separate_planes = 1, 8, 8, False
    if profile_idc in _HIGH_PROFILES:
        chroma_format_idc = reader.unsigned_golomb(3)
        separate_planes = chroma_format_idc == 3 and reader.flag()
        bit_depth = 8 + reader.unsigned_golomb(6)
        bit_depth_chroma = 8 + reader.unsigned_golomb(6)
        reader.skip(1)  # qpprime_y_zero_transform_bypass_flag
        if reader.flag():
            _skip_scaling_lists(reader, 12 if chroma_format_idc == 3 else 8)
    reader.unsigned_golomb(12)  # log2_max_frame_num_minus4
    _skip_picture_order(reader)
    max_reference_pictures = reader.unsigned_golomb(16)
    reader.skip(1)  # gaps_in_frame_num_value_allowed_flag
    width_mbs = reader.unsigned_golomb(LARGEST_SIDE // 16 - 1) + 1
    height_map_units = reader.unsigned_golomb(LARGEST_SIDE // 16 - 1) + 1
    frame_mbs_only = reader.flag()
    if not frame_mbs_only:
        reader.skip(1)  # mb_adaptive_frame_field_flag
    reader.skip(1)  # direct_8x8_inference_flag
    units_high = 1 if frame_mbs_only else 2
    width, height = 16 * width_mbs, 16 * height_map_units * units_high
    if reader.flag():
        # 7.4.2.1.1: CropUnitX = SubWidthC, CropUnitY = SubHeightC * (2 - frame_mbs_only_flag); both
        # without the chroma factor where ChromaArrayType is 0.
        has_chroma = chroma_format_idc and not separate_planes
        crop_x = 2 if has_chroma and chroma_format_idc in (1, 2) else 1
        crop_y = (2 if has_chroma and chroma_format_idc == 1 else 1) * units_high
        width -= crop_x * (reader.unsigned_golomb(width) + reader.unsigned_golomb(width))
        height -= crop_y * (reader.unsigned_golomb(height) + reader.unsigned_golomb(height))
    check_size(width, height)
    vui = _parse_vui(reader) if reader.remaining and reader.flag() else Vui()
    return Sps(
        profile_idc,
        constraint_flags,
        level_idc,
        sps_id,
        chroma_format_idc,
        bit_depth,
        bit_depth_chroma,
        frame_mbs_only,
        width,
        height,
        max_reference_pictures,
        vui,
    )


def _skip_scaling_lists(reader: BitReader, count: int) -> None:
    """7.3.2.1.1.1."""
    for index in range(count):
        if not reader.flag():
            continue
        last = following = 8
        for _ in range(16 if index < 6 else 64):
            if following:
                following = (last + reader.signed_golomb()) % 256
            last = following or last


def _skip_picture_order(reader: BitReader) -> None:
    kind = reader.unsigned_golomb(2)
    if kind == 0:
        reader.unsigned_golomb(12)  # log2_max_pic_order_cnt_lsb_minus4
    elif kind == 1:
        reader.skip(1)  # delta_pic_order_always_zero_flag
        reader.signed_golomb()  # offset_for_non_ref_pic
        reader.signed_golomb()  # offset_for_top_to_bottom_field
        for _ in range(reader.unsigned_golomb(255)):
            reader.signed_golomb()


def _parse_vui(reader: BitReader) -> Vui:
    """E.1.1, field by field; what was read before an early end counts."""
    aspect, colour = SQUARE, UNDESCRIBED
    rate: Fraction | None = None
    fixed = False
    reorder: int | None = None
    try:
        aspect = parse_aspect(reader)
        if reader.flag():
            reader.skip(1)  # overscan_appropriate_flag
        colour = parse_video_signal(reader)
        if reader.flag():
            reader.unsigned_golomb(5)  # chroma_sample_loc_type_top_field
            reader.unsigned_golomb(5)
        if reader.flag():
            units_in_tick, time_scale = reader.bits(32), reader.bits(32)
            fixed = reader.flag()
            rate = frame_rate(time_scale, 2 * units_in_tick)
        has_nal_hrd = reader.flag()
        if has_nal_hrd:
            _skip_hrd(reader)
        has_vcl_hrd = reader.flag()
        if has_vcl_hrd:
            _skip_hrd(reader)
        if has_nal_hrd or has_vcl_hrd:
            reader.skip(1)  # low_delay_hrd_flag
        reader.skip(1)  # pic_struct_present_flag
        if reader.flag():
            reader.skip(1)  # motion_vectors_over_pic_boundaries_flag
            for _ in range(4):
                reader.unsigned_golomb()
            reorder = reader.unsigned_golomb(16)
    except CodecError:
        pass
    return Vui(aspect, colour, rate, fixed and rate is not None, reorder)


def parse_aspect(reader: BitReader) -> Fraction:
    """aspect_ratio_info_present_flag and what follows it: the same in H.264 E.1.1 and H.265 E.2.1."""
    if not reader.flag():
        return SQUARE
    idc = reader.bits(8)
    if idc == EXTENDED_SAR:
        return sample_aspect(reader.bits(16), reader.bits(16))
    return SAMPLE_ASPECTS[idc - 1] if 1 <= idc <= len(SAMPLE_ASPECTS) else SQUARE


def parse_video_signal(reader: BitReader) -> Colour:
    """video_signal_type_present_flag and what follows it: the same in H.264 E.1.1 and H.265 E.2.1."""
    if not reader.flag():
        return UNDESCRIBED
    reader.skip(3)  # video_format
    full_range = reader.flag()
    if not reader.flag():
        return Colour(full_range=full_range)
    return Colour(reader.bits(8), reader.bits(8), reader.bits(8), full_range)


def _skip_hrd(reader: BitReader) -> None:
    """E.1.2."""
    count = reader.unsigned_golomb(31) + 1
    reader.skip(8)  # bit_rate_scale, cpb_size_scale
    for _ in range(count):
        reader.unsigned_golomb()
        reader.unsigned_golomb()
        reader.skip(1)
    reader.skip(20)
