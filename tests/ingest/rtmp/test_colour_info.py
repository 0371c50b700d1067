"""colorInfo: enhanced RTMP v2, "Metadata Frame"."""

from __future__ import annotations

import pytest

from ingest.rtmp.amf0 import UNDEFINED, EcmaArray, Value
from ingest.rtmp.colour_info import told
from transcoder.hdr import ContentLight, Hdr, MasteringDisplay

P3_D65: dict[str, Value] = {
    "redX": 0.68,
    "redY": 0.32,
    "greenX": 0.265,
    "greenY": 0.69,
    "blueX": 0.15,
    "blueY": 0.06,
    "whitePointX": 0.3127,
    "whitePointY": 0.329,
    "maxLuminance": 1000.0,
    "minLuminance": 0.005,
}
PQ: dict[str, Value] = {
    "bitDepth": 10.0,
    "colorPrimaries": 9.0,
    "transferCharacteristics": 16.0,
    "matrixCoefficients": 9.0,
}
WHOLE: dict[str, Value] = {
    "colorConfig": PQ,
    "hdrCll": {"maxFall": 180.4, "maxCLL": 1000.0},
    "hdrMdcv": P3_D65,
}
HDR10 = Hdr(
    primaries=9,
    transfer=16,
    matrix=9,
    mastering=MasteringDisplay(
        red=(34_000, 16_000),
        green=(13_250, 34_500),
        blue=(7_500, 3_000),
        white_point=(15_635, 16_450),
        max_luminance=10_000_000,
        min_luminance=50,
    ),
    light=ContentLight(max_content=1000, max_frame_average=180),
)


def test_the_whole_of_it_in_the_boxes_own_steps() -> None:
    assert told(("colorInfo", WHOLE)) == (True, HDR10)
    assert told(("colorInfo", EcmaArray(WHOLE))) == (True, HDR10)
    assert told(({"colorInfo": WHOLE},)) == (True, HDR10)
    assert told(("other", 5.0, "colorInfo", WHOLE)) == (True, HDR10)


@pytest.mark.parametrize(
    "value", [UNDEFINED, {}, None, 5.0, {"colorConfig": {}}, {"hdrCll": {"maxCLL": 0.0}}]
)
def test_the_original_state(value: Value) -> None:
    """ "send colorInfo with a value of Undefined […] or an empty object" """
    assert told(("colorInfo", value)) == (True, None)
    assert told(("colorInfo",)) == (True, None)


def test_metadata_of_other_things_says_nothing_of_colour() -> None:
    assert told(()) == (False, None)
    assert told(("duration", 5.0)) == (False, None)


@pytest.mark.parametrize("code", [0.0, 2.0, -1.0, 256.0, 1e300, float("nan"), "9", None])
def test_code_points_that_are_none(code: Value) -> None:
    """0 is reserved, 2 is unspecified (H.273)."""
    info: Value = {"colorConfig": {**PQ, "transferCharacteristics": code}}
    assert told(("colorInfo", info)) == (True, Hdr(primaries=9, matrix=9))


@pytest.mark.parametrize(
    "change",
    [
        {"redX": 1.5},
        {"redX": None},
        {"maxLuminance": 0.0},
        {"maxLuminance": 20_000.0},
        {"minLuminance": 2000.0},
        {"whitePointX": 0.0, "whitePointY": 0.0},
    ],
)
def test_a_display_that_cannot_be_is_left_out_and_nothing_else(change: dict[str, Value]) -> None:
    info: Value = {"colorConfig": PQ, "hdrMdcv": {**P3_D65, **change}}
    assert told(("colorInfo", info)) == (True, Hdr(primaries=9, transfer=16, matrix=9))
