"""What a publisher says of a picture's colours and light beside its bitstream (enhanced RTMP, colorInfo).

Pure values, in the integers that ISO BMFF's boxes have, so that nothing is rounded twice.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class MasteringDisplay:
    """SMPTE ST 2086. Chromaticities in steps of 0.00002, luminances in steps of 0.0001 cd/m2."""

    red: tuple[int, int]
    green: tuple[int, int]
    blue: tuple[int, int]
    white_point: tuple[int, int]
    max_luminance: int
    min_luminance: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentLight:
    """CTA-861.3, in cd/m2."""

    max_content: int
    """The brightest sample's (MaxCLL)."""
    max_frame_average: int
    """MaxFALL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hdr:
    """All that was said. None: not said, so that the bitstream's own word counts."""

    primaries: int | None = None
    """H.273 code points, here and in the next two."""
    transfer: int | None = None
    matrix: int | None = None
    mastering: MasteringDisplay | None = None
    light: ContentLight | None = None
