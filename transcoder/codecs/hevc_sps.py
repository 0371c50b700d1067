"""H.265 sequence parameter set (ITU-T H.265 7.3.2.2, 7.3.3, 7.3.4, 7.3.7 and annex E)."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from transcoder.codecs import nal
from transcoder.codecs.avc_sps import parse_aspect, parse_video_signal
from transcoder.codecs.bits import BitReader
from transcoder.codecs.error import CodecError
from transcoder.codecs.picture import LARGEST_SIDE, SQUARE, UNDESCRIBED, Colour, check_size, frame_rate

_LONGEST: Final = 8192
_MOST_REFERENCES: Final = 16


@dataclass(frozen=True, slots=True)
class ProfileTierLevel:
    """The general_ part of profile_tier_level() (7.3.3)."""

    profile_space: int
    high_tier: bool
    profile_idc: int
    compatibility_flags: int
    """32 bits, general_profile_compatibility_flag[0] the most significant."""
    constraint_flags: bytes
    """6 bytes, from general_progressive_source_flag on."""
    level_idc: int
    """30 times the level."""

    @property
    def progressive(self) -> bool:
        """False where general_interlaced_source_flag alone is set, without its progressive twin."""
        return self.constraint_flags[0] & 0xC0 != 0x40


@dataclass(frozen=True, slots=True)
class Sps:
    """A sequence parameter set."""

    sps_id: int
    profile: ProfileTierLevel
    temporal_layers: int
    temporal_id_nesting: bool
    chroma_format_idc: int
    """0 monochrome, 1 4:2:0, 2 4:2:2, 3 4:4:4."""
    bit_depth: int
    """Of luma."""
    bit_depth_chroma: int
    width: int
    """Samples, within the conformance window."""
    height: int
    sample_aspect: Fraction = SQUARE
    colour: Colour = UNDESCRIBED
    frame_rate: Fraction | None = None
    field_pictures: bool = False
    """field_seq_flag: each picture is a field."""

    @property
    def interlaced(self) -> bool:
        """Whether pictures may be interlaced."""
        return self.field_pictures or not self.profile.progressive


def parse_sps(unit: bytes) -> Sps:
    """Parse an SPS NAL unit (header included). Raises :class:`CodecError`.

    A VUI that breaks off is taken as far as it goes.
    """
    if len(unit) < 16 or unit[0] >> 1 & 0x3F != 33:
        raise CodecError("not an H.265 sequence parameter set")
    reader = BitReader(nal.unescape(unit[2:_LONGEST]))
    reader.skip(4)  # sps_video_parameter_set_id
    extra_layers = reader.bits(3)
    if extra_layers > 6:
        raise CodecError("H.265 sps_max_sub_layers_minus1 is 7, at most 6 is allowed")
    nesting = reader.flag()
    profile = _parse_profile(reader, extra_layers)
    sps_id = reader.unsigned_golomb(15)
    chroma_format_idc = reader.unsigned_golomb(3)
    separate_planes = chroma_format_idc == 3 and reader.flag()
    width = reader.unsigned_golomb(LARGEST_SIDE)
    height = reader.unsigned_golomb(LARGEST_SIDE)
    if reader.flag():
        crop_x = 2 if chroma_format_idc in (1, 2) and not separate_planes else 1
        crop_y = 2 if chroma_format_idc == 1 and not separate_planes else 1
        width -= crop_x * (reader.unsigned_golomb(width) + reader.unsigned_golomb(width))
        height -= crop_y * (reader.unsigned_golomb(height) + reader.unsigned_golomb(height))
    check_size(width, height)
    bit_depth = 8 + reader.unsigned_golomb(8)
    bit_depth_chroma = 8 + reader.unsigned_golomb(8)
    aspect, colour, rate, fields = SQUARE, UNDESCRIBED, None, False
    try:
        _skip_to_vui(reader, extra_layers)
        if reader.flag():
            aspect = parse_aspect(reader)
            if reader.flag():
                reader.skip(1)  # overscan_appropriate_flag
            colour = parse_video_signal(reader)
            if reader.flag():
                reader.unsigned_golomb(5)  # chroma_sample_loc_type_top_field
                reader.unsigned_golomb(5)
            reader.skip(1)  # neutral_chroma_indication_flag
            fields = reader.flag()
            reader.skip(1)  # frame_field_info_present_flag
            if reader.flag():
                for _ in range(4):  # default display window
                    reader.unsigned_golomb(LARGEST_SIDE)
            if reader.flag():
                units_in_tick, time_scale = reader.bits(32), reader.bits(32)
                rate = frame_rate(time_scale, units_in_tick * (2 if fields else 1))
    except CodecError:
        pass
    return Sps(
        sps_id,
        profile,
        extra_layers + 1,
        nesting,
        chroma_format_idc,
        bit_depth,
        bit_depth_chroma,
        width,
        height,
        aspect,
        colour,
        rate,
        fields,
    )


def _parse_profile(reader: BitReader, extra_layers: int) -> ProfileTierLevel:
    """profile_tier_level(1, extra_layers), 7.3.3."""
    profile = ProfileTierLevel(
        profile_space=reader.bits(2),
        high_tier=reader.flag(),
        profile_idc=reader.bits(5),
        compatibility_flags=reader.bits(32),
        constraint_flags=reader.bits(48).to_bytes(6, "big"),
        level_idc=reader.bits(8),
    )
    if extra_layers:
        present = [(reader.flag(), reader.flag()) for _ in range(extra_layers)]
        reader.skip(2 * (8 - extra_layers))
        for has_profile, has_level in present:
            reader.skip(88 * has_profile + 8 * has_level)
    return profile


def _skip_to_vui(reader: BitReader, extra_layers: int) -> None:
    """From log2_max_pic_order_cnt_lsb_minus4 up to vui_parameters_present_flag."""
    order_bits = reader.unsigned_golomb(12) + 4
    for _ in range(extra_layers + 1 if reader.flag() else 1):
        for _ in range(3):
            reader.unsigned_golomb()
    for _ in range(6):  # coding and transform block sizes and depths
        reader.unsigned_golomb(16)
    if reader.flag() and reader.flag():
        _skip_scaling_lists(reader)
    reader.skip(2)  # amp_enabled_flag, sample_adaptive_offset_enabled_flag
    if reader.flag():
        reader.skip(8)  # pcm sample bit depths
        reader.unsigned_golomb(16)
        reader.unsigned_golomb(16)
        reader.skip(1)
    earlier: list[int] = []
    for index in range(reader.unsigned_golomb(64)):
        earlier = _reference_set(reader, index, earlier)
    if reader.flag():
        reader.skip(reader.unsigned_golomb(32) * (order_bits + 1))  # long-term reference pictures
    reader.skip(2)  # sps_temporal_mvp_enabled_flag, strong_intra_smoothing_enabled_flag


def _skip_scaling_lists(reader: BitReader) -> None:
    """scaling_list_data(), 7.3.4."""
    for size in range(4):
        for _ in range(2 if size == 3 else 6):
            if not reader.flag():
                reader.unsigned_golomb(64)
                continue
            if size > 1:
                reader.signed_golomb()
            for _ in range(min(64, 1 << (4 + 2 * size))):
                reader.signed_golomb()


def _reference_set(reader: BitReader, index: int, earlier: list[int]) -> list[int]:
    """st_ref_pic_set(index), 7.3.7: the delta picture orders in the order of 7.4.8, which the next
    set may be predicted from."""
    if index and reader.flag():
        negative = reader.flag()
        distance = reader.unsigned_golomb(0x7FFF) + 1
        delta = -distance if negative else distance
        orders = []
        for reference in (*earlier, 0):
            used = reader.flag()
            if (used or reader.flag()) and reference + delta:
                orders.append(reference + delta)
    else:
        before, after = reader.unsigned_golomb(_MOST_REFERENCES), reader.unsigned_golomb(_MOST_REFERENCES)
        orders = []
        for count, sign in ((before, -1), (after, 1)):
            order = 0
            for _ in range(count):
                order += sign * (reader.unsigned_golomb(0x7FFF) + 1)
                reader.skip(1)  # used_by_curr_pic
                orders.append(order)
    if len(orders) > 2 * _MOST_REFERENCES:
        raise CodecError("H.265 reference picture set is too large")
    # 7.4.8: those before the picture come first, each side from the nearest to the farthest.
    return sorted(orders, key=lambda order: (order > 0, abs(order)))
