"""Captions and cue points in data messages."""

from __future__ import annotations

import pytest

from ingest.publication import CuePoint, TimedText
from ingest.rtmp.amf0 import Value
from ingest.rtmp.spoken import MOST_ATTRIBUTES, TEXT_CHARACTERS, spoken


@pytest.mark.parametrize("handler", ["onTextData", "onCaption", "onCaptionInfo"])
def test_text(handler: str) -> None:
    said: dict[str, Value] = {"text": " Good evening.\x07\nAnd welcome ", "language": "eng", "trackid": 99.0}
    assert spoken(handler, (said,), 3.5) == TimedText(
        time_s=3.5, text="Good evening.\nAnd welcome", language="en"
    )


def test_text_with_a_duration() -> None:
    for duration, kept in ((2.5, 2.5), (0.0, None), (1e9, None), (float("nan"), None), ("2", None)):
        said: dict[str, Value] = {"text": "x", "duration": duration}
        assert spoken("onTextData", (said,), 0.0) == TimedText(time_s=0.0, text="x", duration_s=kept)


@pytest.mark.parametrize("said", [(), (5.0,), ({},), ({"text": 5.0},), ({"text": " \n"},), ("text",)])
def test_text_that_says_nothing(said: tuple[Value, ...]) -> None:
    assert spoken("onTextData", said, 0.0) is None


def test_long_text_is_cut() -> None:
    remark = spoken("onTextData", ({"text": "x" * 100_000},), 0.0)
    assert isinstance(remark, TimedText)
    assert len(remark.text) == TEXT_CHARACTERS


def test_a_cue_point() -> None:
    """FLV 10.1, onCuePoint: name, time, type, parameters. The message's own time counts."""
    said: dict[str, Value] = {
        "name": "ad",
        "time": 12.0,
        "type": "navigation",
        "parameters": {"id": "a1", "length": 30.0, "live": True, "odd": {}, "bad": float("inf"), "no": None},
    }
    assert spoken("onCuePoint", (said,), 7.0) == CuePoint(
        time_s=7.0, name="ad", kind="navigation", attributes={"id": "a1", "length": 30.0, "live": True}
    )
    assert spoken("onCuePoint", ({"name": "ad"},), 7.0) == CuePoint(
        time_s=7.0, name="ad", kind="event", attributes={}
    )


def test_cue_points_that_are_none_and_that_are_too_much() -> None:
    assert spoken("onCuePoint", ({"type": "event"},), 0.0) is None
    assert spoken("onCuePoint", ({"name": "\x00"},), 0.0) is None
    many: dict[str, Value] = {f"k{n}": float(n) for n in range(1000)}
    remark = spoken("onCuePoint", ({"name": "n" * 9999, "parameters": many},), 0.0)
    assert isinstance(remark, CuePoint)
    assert (len(remark.name), len(remark.attributes)) == (128, MOST_ATTRIBUTES)
