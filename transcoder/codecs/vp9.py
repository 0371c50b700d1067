"""VP9: uncompressed frame header (VP9 6.2), configuration record (VP Codec ISO Media binding)."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from transcoder.codecs.bits import BitReader
from transcoder.codecs.error import CodecError
from transcoder.codecs.picture import UNSPECIFIED, Colour, check_size

_RECORD_BYTES: Final = 8
_FULL_BOX_HEADER: Final = b"\x01\x00\x00\x00"
_SYNC_CODE: Final = 0x498342
_SRGB: Final = 7
_COLLOCATED_420: Final = 1

# H.273 code points by color_space (VP9 7.2.2): BT.601, BT.709, SMPTE 170M and 240M, BT.2020.
_COLOURS: Final = {
    1: (6, 6, 6),
    2: (1, 1, 1),
    3: (6, 6, 6),
    4: (7, 7, 7),
    5: (9, 14, 9),
    _SRGB: (1, 13, 0),
}

# VP9 levels: level times ten, luma samples a second, luma samples of a picture, longest side.
_LEVELS: Final = (
    (10, 829_440, 36_864, 512),
    (11, 2_764_800, 73_728, 768),
    (20, 4_608_000, 122_880, 960),
    (21, 9_216_000, 245_760, 1344),
    (30, 20_736_000, 552_960, 2048),
    (31, 36_864_000, 983_040, 2752),
    (40, 83_558_400, 2_228_224, 4160),
    (41, 160_432_128, 2_228_224, 4160),
    (50, 311_951_360, 8_912_896, 8384),
    (51, 588_251_136, 8_912_896, 8384),
    (52, 1_176_502_272, 8_912_896, 8384),
    (60, 1_176_502_272, 35_651_584, 16_832),
    (61, 2_353_004_544, 35_651_584, 16_832),
    (62, 4_706_009_088, 35_651_584, 16_832),
)
_ASSUMED_FRAME_RATE: Final = Fraction(30)


@dataclass(frozen=True, slots=True)
class KeyFrame:
    """What the uncompressed header of a key frame tells."""

    profile: int
    bit_depth: int
    subsampling_x: int
    subsampling_y: int
    colour: Colour
    width: int
    height: int

    @property
    def chroma_format_idc(self) -> int:
        """As H.264 counts: 1 4:2:0, 2 4:2:2, 3 4:4:4."""
        return 3 - self.subsampling_x - self.subsampling_y


def parse_key_frame(payload: bytes) -> KeyFrame:
    """Parse the header of a frame that is a key frame. Raises :class:`CodecError`."""
    if not is_sync(payload):
        raise CodecError("not a VP9 key frame")
    reader = BitReader(payload[:32])
    profile = _skip_to_key_frame(reader)
    if reader.bits(24) != _SYNC_CODE:
        raise CodecError("VP9 key frame without its sync code")
    bit_depth = (12 if reader.flag() else 10) if profile >= 2 else 8
    color_space = reader.bits(3)
    subsampling_x = subsampling_y = 1
    full_range = True
    if color_space == _SRGB:
        subsampling_x = subsampling_y = 0
        if not profile & 1:
            raise CodecError("VP9 RGB needs profile 1 or 3")
        reader.skip(1)
    else:
        full_range = reader.flag()
        if profile & 1:
            subsampling_x, subsampling_y = reader.bits(1), reader.bits(1)
            reader.skip(1)
    width, height = reader.bits(16) + 1, reader.bits(16) + 1
    check_size(width, height)
    points = _COLOURS.get(color_space, (UNSPECIFIED,) * 3)
    return KeyFrame(
        profile, bit_depth, subsampling_x, subsampling_y, Colour(*points, full_range), width, height
    )


def _skip_to_key_frame(reader: BitReader) -> int:
    """frame_marker, profile and frame flags up to the sync code (6.2): answers the profile."""
    reader.skip(2)
    profile = reader.bits(1) | reader.bits(1) << 1
    if profile == 3:
        reader.skip(1)  # reserved_zero
    reader.skip(4)  # show_existing_frame, frame_type, show_frame, error_resilient_mode
    return profile


@dataclass(frozen=True, slots=True)
class Vp9Config:
    """VPCodecConfigurationRecord: what ``vpcC`` holds after its FullBox header. It tells no size."""

    profile: int
    level: int
    """Times ten; 0 unknown."""
    bit_depth: int
    chroma_subsampling: int
    """0 and 1 4:2:0 (chroma between or on the luma samples), 2 4:2:2, 3 4:4:4."""
    colour: Colour

    @classmethod
    def parse(cls, data: bytes) -> Vp9Config:
        """Parse the record, with or without the FullBox header. Raises :class:`CodecError`."""
        body = data[len(_FULL_BOX_HEADER) :] if data.startswith(_FULL_BOX_HEADER) else data
        if len(body) < _RECORD_BYTES or body[0] > 3:
            raise CodecError("not a VP9 configuration record")
        bit_depth, chroma = body[2] >> 4, body[2] >> 1 & 7
        if bit_depth not in (8, 10, 12) or chroma > 3:
            raise CodecError("VP9 configuration record with an unknown bit depth or chroma format")
        colour = Colour(body[3], body[4], body[5], bool(body[2] & 1))
        return cls(body[0], body[1], bit_depth, chroma, colour)

    @classmethod
    def of_key_frame(cls, frame: KeyFrame, frame_rate: Fraction | None = None) -> Vp9Config:
        """The record for a stream that begins with this key frame."""
        chroma = _COLLOCATED_420 if frame.chroma_format_idc == 1 else frame.chroma_format_idc
        return cls(
            frame.profile, level(frame.width, frame.height, frame_rate), frame.bit_depth, chroma, frame.colour
        )

    @property
    def chroma_format_idc(self) -> int:
        """As H.264 counts: 1 4:2:0, 2 4:2:2, 3 4:4:4."""
        return max(1, self.chroma_subsampling)

    def serialize(self) -> bytes:
        """The record, without the FullBox header."""
        colour = self.colour
        mixed = self.bit_depth << 4 | self.chroma_subsampling << 1 | colour.full_range
        points = (colour.primaries, colour.transfer, colour.matrix)
        return bytes((self.profile, self.level, mixed, *points, 0, 0))


def level(width: int, height: int, frame_rate: Fraction | None = None) -> int:
    """The lowest level, times ten, that holds such pictures; 62 for what none holds."""
    samples = width * height
    rate = frame_rate or _ASSUMED_FRAME_RATE
    for value, samples_per_s, picture_samples, side in _LEVELS:
        if samples <= picture_samples and samples * rate <= samples_per_s and max(width, height) <= side:
            return value
    return _LEVELS[-1][0]


def rfc6381(record: Vp9Config, width: int = 0, height: int = 0, frame_rate: Fraction | None = None) -> str:
    """VP Codec ISO Media binding: profile, level, bit depth; then chroma and colour, all or none.

    A record that does not know its level gets the one that the size needs: strings have no "unknown".
    """
    known_level = record.level or level(width, height, frame_rate)
    short = f"vp09.{record.profile:02}.{known_level:02}.{record.bit_depth:02}"
    colour = record.colour
    points = (colour.primaries, colour.transfer, colour.matrix)
    is_plain = record.chroma_format_idc == 1 and points in ((UNSPECIFIED,) * 3, (1, 1, 1))
    if is_plain and not colour.full_range:
        return short
    described = ".".join(f"{point:02}" for point in points)
    return f"{short}.{record.chroma_subsampling:02}.{described}.{colour.full_range:02d}"


def clean(payload: bytes) -> bytes:
    """A frame or superframe as it is. Raises :class:`CodecError` if it is none.

    VP9 7.2: "frame_marker shall be equal to 2".
    """
    if not payload or payload[0] >> 6 != 2:
        raise CodecError("not a VP9 frame")
    return payload


def is_sync(payload: bytes) -> bool:
    """Whether the (first) frame is a key frame: show_existing_frame 0 and frame_type 0 (6.2)."""
    if not payload or payload[0] >> 6 != 2:
        return False
    # Profile 3 has one more bit, a reserved zero, before the two flags.
    flags = payload[0] >> 1 if payload[0] & 0x30 == 0x30 else payload[0] >> 2
    return flags & 3 == 0
