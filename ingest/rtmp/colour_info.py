"""``colorInfo`` of enhanced RTMP's video metadata ("Metadata Frame"), as ISO BMFF will say it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Final

from ingest.rtmp.amf0 import Value
from transcoder.hdr import ContentLight, Hdr, MasteringDisplay

_CHROMATICITY_STEPS: Final = 50_000
_LUMINANCE_STEPS: Final = 10_000
_MOST_LUMINANCE: Final = 10_000.0
"""cd/m2: where PQ (SMPTE ST 2084) ends."""
_UNSPECIFIED: Final = (0, 2)
"""H.273: reserved, and unspecified."""


def told(values: Sequence[Value]) -> tuple[bool, Hdr | None]:
    """Whether a metadata packet speaks of colour at all, and what it says.

    "To reset to the original color state you can send colorInfo with a value of Undefined […] or an empty
    object": then None. Fields that cannot be are as if they had not been sent: the picture plays on.
    """
    for at, value in enumerate(values):
        if value == "colorInfo":
            return True, _hdr(values[at + 1] if at + 1 < len(values) else None)
        if isinstance(value, dict) and "colorInfo" in value:  # the pair as one object
            return True, _hdr(value["colorInfo"])
    return False, None


def _hdr(info: Value) -> Hdr | None:
    if not isinstance(info, dict) or not info:
        return None
    config = _object(info, "colorConfig")
    hdr = Hdr(
        primaries=_code_point(config, "colorPrimaries"),
        transfer=_code_point(config, "transferCharacteristics"),
        matrix=_code_point(config, "matrixCoefficients"),
        mastering=_mastering(_object(info, "hdrMdcv")),
        light=_light(_object(info, "hdrCll")),
    )
    return None if hdr == Hdr() else hdr


def _object(values: Mapping[str, Value], name: str) -> Mapping[str, Value]:
    value = values.get(name)
    return value if isinstance(value, dict) else {}


def _code_point(config: Mapping[str, Value], name: str) -> int | None:
    value = _number(config, name, 255)
    return None if value is None or int(value) in _UNSPECIFIED else int(value)


def _mastering(values: Mapping[str, Value]) -> MasteringDisplay | None:
    points = {}
    for name in ("red", "green", "blue", "whitePoint"):
        x, y = _number(values, f"{name}X", 1), _number(values, f"{name}Y", 1)
        if x is None or y is None:
            return None
        points[name] = round(x * _CHROMATICITY_STEPS), round(y * _CHROMATICITY_STEPS)
    most = _number(values, "maxLuminance", _MOST_LUMINANCE)
    least = _number(values, "minLuminance", _MOST_LUMINANCE)
    # Encoders that know no display send an object of zeros.
    if not most or least is None or least >= most or points["whitePoint"] == (0, 0):
        return None
    return MasteringDisplay(
        red=points["red"],
        green=points["green"],
        blue=points["blue"],
        white_point=points["whitePoint"],
        max_luminance=round(most * _LUMINANCE_STEPS),
        min_luminance=round(least * _LUMINANCE_STEPS),
    )


def _light(values: Mapping[str, Value]) -> ContentLight | None:
    content, average = _number(values, "maxCLL", 65_535), _number(values, "maxFall", 65_535)
    if not content and not average:
        return None
    return ContentLight(max_content=round(content or 0), max_frame_average=round(average or 0))


def _number(values: Mapping[str, Value], name: str, most: float) -> float | None:
    value = values.get(name)
    return value if isinstance(value, float) and isfinite(value) and 0 <= value <= most else None
