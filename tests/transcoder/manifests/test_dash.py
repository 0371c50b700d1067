"""The text of an MPD, read back by a reader that knows the schema's order and types."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transcoder.manifests.strict_mpd import NAMESPACE, read_mpd
from transcoder.codecs.picture import Colour
from transcoder.manifests.dash import (
    AdaptationSet,
    Manifest,
    Period,
    Representation,
    date_time,
    duration,
    render,
)
from transcoder.manifests.dash_timeline import Entry
from transcoder.media import Kind

PICTURE = Representation(
    id="720p",
    bandwidth_bps=2_500_000,
    codecs="avc1.64001f",
    initialization="720p/e-i0.mp4",
    media="720p/e-$Number$.m4s",
    start_number=7,
    timescale=90_000,
    presentation_time_offset=0,
    availability_time_offset_s=1.75,
    entries=[Entry(900_000, 180_000, 2)],
    width=1280,
    height=720,
    frame_rate=Fraction(30_000, 1001),
)
SOUND = Representation(
    id="audio",
    bandwidth_bps=130_000,
    codecs="mp4a.40.2",
    initialization="audio/e-i0.mp4",
    media="audio/e-$Number$.m4s",
    start_number=7,
    timescale=48_000,
    presentation_time_offset=0,
    availability_time_offset_s=1.75,
    entries=[Entry(480_000, 96_256), Entry(576_256, 95_232)],
    sample_rate=48_000,
    channels=2,
)
PICTURES = AdaptationSet(id=1, kind=Kind.VIDEO, representations=[PICTURE])
SOUNDS = AdaptationSet(id=100, kind=Kind.AUDIO, representations=[SOUND], language="en", label="Commentary")
LIVE = Manifest(
    id="run",
    availability_start_ms=1_700_000_000_000,
    publish_ms=1_700_000_016_250,
    periods=[Period(id="0", start_ms=0, sets=[PICTURES, SOUNDS])],
    update_s=0.5,
    depth_s=30,
    max_segment_s=4,
    latency_ms=1500,
    delay_s=6,
)


def test_a_live_mpd_says_when_everything_is_there() -> None:
    mpd = read_mpd(render(LIVE))
    assert mpd.attributes["type"] == "dynamic"
    assert mpd.attributes["availabilityStartTime"] == "2023-11-14T22:13:20.000Z"
    assert mpd.attributes["publishTime"] == "2023-11-14T22:13:36.250Z"
    assert mpd.attributes["minimumUpdatePeriod"] == "PT0.5S"
    assert mpd.attributes["timeShiftBufferDepth"] == "PT30S"
    picture = mpd.periods[0].representations["720p"]
    assert picture.template["availabilityTimeOffset"] == "1.750"
    assert picture.template["availabilityTimeComplete"] == "false"
    assert [(each.start, each.url) for each in picture.segments] == [
        (10, "720p/e-7.m4s"),
        (12, "720p/e-8.m4s"),
        (14, "720p/e-9.m4s"),
    ]
    assert picture.attributes["frameRate"] == "30000/1001"
    assert picture.attributes["sar"] == "1:1"


def test_each_sound_is_a_set_with_language_and_label() -> None:
    mpd = read_mpd(render(LIVE))
    sound = mpd.periods[0].sets[1]
    assert (sound.attributes["lang"], sound.attributes["contentType"]) == ("en", "audio")
    assert [each.text for each in sound.element.findall(f"{NAMESPACE}Label")] == ["Commentary"]
    assert sound.representations[0].attributes["audioSamplingRate"] == "48000"


def test_reference_time_is_that_of_the_period() -> None:
    moved = replace(PICTURE, presentation_time_offset=450_000)
    period = Period(id="1", start_ms=5_000, sets=[replace(PICTURES, representations=[moved])])
    text = render(replace(LIVE, periods=[period]))
    read_mpd(text)
    assert 'wallClockTime="2023-11-14T22:13:25.000Z" presentationTime="450000"' in text


def test_periods_keep_their_places() -> None:
    def at(start_s: int, number: str) -> Period:
        offset = start_s * 90_000
        one = replace(PICTURE, presentation_time_offset=offset, entries=[Entry(offset, 180_000)])
        return Period(
            id=number, start_ms=start_s * 1000, sets=[replace(PICTURES, representations=[one], continues="0")]
        )

    mpd = read_mpd(render(replace(LIVE, periods=[at(10, "1"), at(20, "2")])))
    assert [(period.id, period.start) for period in mpd.periods] == [("1", 10), ("2", 20)]
    assert [each.start for period in mpd.periods for each in period.representations["720p"].segments] == [
        10,
        20,
    ]
    assert mpd.periods[1].sets[0].values("SupplementalProperty") == ["0"]


def test_captions_colour_and_other_formats_of_the_same_pictures() -> None:
    hdr = replace(
        PICTURES,
        captions=[("CC1", "en"), ("CC3", None), ("SERVICE3", "de-AT"), ("TEXT", "fr")],
        colour=Colour(primaries=9, transfer=16, matrix=9),
        switches_with=[2],
    )
    mpd = read_mpd(render(replace(LIVE, periods=[Period(id="0", start_ms=0, sets=[hdr])])))
    assert mpd.periods[0].sets[0].values("Accessibility") == ["CC1=eng;CC3=und", "3=lang:deu"]
    assert mpd.periods[0].sets[0].values("SupplementalProperty") == ["9", "16", "9", "2"]


def test_what_is_over_is_static_and_has_a_length() -> None:
    whole = replace(PICTURE, availability_time_offset_s=None)
    period = Period(id="0", start_ms=0, sets=[replace(PICTURES, representations=[whole])])
    mpd = read_mpd(render(replace(LIVE, end_ms=16_000, periods=[period])))
    assert mpd.attributes["type"] == "static"
    assert mpd.attributes["mediaPresentationDuration"] == "PT16S"


def test_without_a_period_there_is_no_mpd() -> None:
    with pytest.raises(ValueError, match="Period"):
        render(replace(LIVE, periods=[]))


@pytest.mark.parametrize("language", ["", "de\0", "französisch", "a" * 9, "en_US"])
def test_a_language_that_xml_does_not_take_is_left_out(language: str) -> None:
    text = render(
        replace(LIVE, periods=[Period(id="0", start_ms=0, sets=[replace(SOUNDS, language=language)])])
    )
    assert "lang" not in read_mpd(text).periods[0].sets[0].attributes


@given(label=st.text(min_size=1, max_size=30))
def test_any_label_leaves_the_document_well_formed(label: str) -> None:
    text = render(replace(LIVE, periods=[Period(id="0", start_ms=0, sets=[replace(SOUNDS, label=label)])]))
    read_mpd(text.encode("utf-8", "strict").decode())


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "PT0S"), (30, "PT30S"), (0.25, "PT0.25S"), (100, "PT100S"), (1.0004, "PT1S")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_date_times_have_milliseconds() -> None:
    assert date_time(1_700_000_000_007) == "2023-11-14T22:13:20.007Z"
