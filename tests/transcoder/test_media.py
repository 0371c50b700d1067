from __future__ import annotations

import dataclasses
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcoder.media import VIDEO_TIMESCALE, AccessUnit, Codec, Kind, MediaTime, Track, rescale


def test_every_codec_is_either_picture_or_sound() -> None:
    pictures = {codec for codec in Codec if codec.kind is Kind.VIDEO}
    assert pictures == {Codec.H264, Codec.H265, Codec.AV1, Codec.VP9}
    sounds = {Codec.AAC, Codec.MP3, Codec.OPUS, Codec.FLAC, Codec.AC3, Codec.EAC3}
    assert {codec for codec in Codec if codec.kind is Kind.AUDIO} == sounds


@pytest.mark.parametrize("rate", [24, 25, 30, 50, 60, Fraction(24000, 1001), Fraction(30000, 1001)])
def test_video_timescale_holds_common_frame_rates_within_half_a_tick_in_a_thousand(rate: Fraction) -> None:
    ticks = VIDEO_TIMESCALE / Fraction(rate)
    assert abs(ticks - round(ticks)) <= Fraction(1, 2)
    assert abs(ticks - round(ticks)) / ticks < Fraction(1, 1000)


@pytest.mark.parametrize(
    ("ticks", "from_timescale", "to_timescale", "wanted"),
    [
        (1, 1, 90_000, 90_000),
        (1001, 30_000, 90_000, 3003),
        (1024, 44_100, 90_000, 2090),  # 2089.79
        (1, 2, 1, 1),  # half up
        (-1, 2, 1, 0),  # half up, below zero too
        (7, 48_000, 48_000, 7),
    ],
)
def test_rescale_rounds_to_the_nearest(
    ticks: int, from_timescale: int, to_timescale: int, wanted: int
) -> None:
    assert rescale(ticks, from_timescale, to_timescale) == wanted
    assert MediaTime(ticks, from_timescale).to(to_timescale) == wanted


@given(st.integers(-(1 << 62), 1 << 62), st.integers(1, 1_000_000), st.integers(1, 1_000_000))
def test_rescale_is_exact_to_half_a_tick(ticks: int, from_timescale: int, to_timescale: int) -> None:
    error = rescale(ticks, from_timescale, to_timescale) - Fraction(ticks * to_timescale, from_timescale)
    assert -Fraction(1, 2) < error <= Fraction(1, 2)


def test_seconds() -> None:
    assert MediaTime(45_000, 90_000).seconds == 0.5
    unit = AccessUnit(1, Codec.H264, 90_000, 135_000, 90_000, 3000, True, b"\0", 0.0)
    assert (unit.pts_s, unit.dts_s) == (1.5, 1.0)


def test_tracks_are_values() -> None:
    track = Track(track_id=1, codec=Codec.H264, timescale=90_000, width=1280, height=720)
    assert track == dataclasses.replace(track)
    assert track.kind is Kind.VIDEO
    assert track.sample_aspect == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        track.width = 1  # type: ignore[misc]
