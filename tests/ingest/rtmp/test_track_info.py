"""What onMetaData says of the tracks."""

from __future__ import annotations

from fractions import Fraction

import pytest

from ingest.rtmp.amf0 import EcmaArray, Value
from ingest.rtmp.track_info import TrackInfo, frame_rate, language, tracks_told
from transcoder.media import Kind


@pytest.mark.parametrize(
    ("told", "understood"),
    [
        (30.0, Fraction(30)),
        (29.97, Fraction(30_000, 1001)),
        (29.970029, Fraction(30_000, 1001)),
        (23.976, Fraction(24_000, 1001)),
        (59.94, Fraction(60_000, 1001)),
        (12.5, Fraction(25, 2)),
        (240.0, Fraction(240)),
        (0.0, None),
        (1e9, None),
        (float("nan"), None),
        ("30", None),
    ],
)
def test_frame_rates_that_encoders_tell(told: float | str, understood: Fraction | None) -> None:
    assert frame_rate(told) == understood


@pytest.mark.parametrize(
    ("told", "understood"),
    [
        ("de", "de"),
        ("DE", "de"),
        ("ger", "de"),
        ("deu", "de"),
        ("pt_BR", "pt-BR"),
        ("zh-Hant-TW", "zh-Hant-TW"),
        ("gsw", "gsw"),
        ("und", None),
        ("", None),
        ("Deutsch (AT)", None),
        ("d\u00e9", None),
        (7.0, None),
        ("x" * 100, None),
    ],
)
def test_languages(told: Value, understood: str | None) -> None:
    assert language(told) == understood


def test_maps_of_tracks() -> None:
    told = tracks_told(
        {
            "framerate": 25.0,
            "language": "eng",
            "audioTrackIdInfoMap": {
                "1": {"language": "fre", "name": "Fran\u00e7ais\x07", "channels": 2.0},
                "2": {"title": "Commentary"},
                "3": {"channels": 1.0},
                "x": {"language": "de"},
                "300": {"language": "de"},
                "4": "de",
            },
            "videoTrackIdInfoMap": EcmaArray({"1": {"framerate": 29.97, "width": 640.0}}),
        }
    )
    assert told == {
        (Kind.VIDEO, 0): TrackInfo(frame_rate=Fraction(25)),
        (Kind.VIDEO, 1): TrackInfo(frame_rate=Fraction(30_000, 1001)),
        (Kind.AUDIO, 0): TrackInfo(language="en"),
        (Kind.AUDIO, 1): TrackInfo(language="fr", name="Fran\u00e7ais"),
        (Kind.AUDIO, 2): TrackInfo(name="Commentary"),
    }


def test_a_map_can_speak_of_the_default_track_too() -> None:
    told = tracks_told({"language": "en", "audioTrackIdInfoMap": {"0": {"name": "Stadium"}}})
    assert told == {(Kind.AUDIO, 0): TrackInfo("en", "Stadium")}


@pytest.mark.parametrize(
    "odd", [None, 5.0, "x", [], {"1": None}, {"9" * 5000: {"name": "x"}}, {"\u00b2": {"name": "x"}}]
)
def test_maps_that_are_none(odd: Value) -> None:
    assert tracks_told({"audioTrackIdInfoMap": odd, "videoTrackIdInfoMap": odd}) == {}


def test_names_are_short() -> None:
    [info] = tracks_told({"audioTrackIdInfoMap": {"1": {"name": "a" * 1000}}}).values()
    assert info.name == "a" * 64
