"""What is measured of a stream, with made-up units and a clock of the test's own."""

from __future__ import annotations

import pytest

from mediaserver.live.measures import LATENESS_BOUNDS_S, REMEMBERED_UNITS, StreamMeasures
from transcoder.media import AccessUnit, Codec

START_S = 1_000.0


def picture(
    number: int, *, fps: int = 25, track: int = 1, gop: int = 50, size: int = 1_000, delay_s: float = 0.0
) -> AccessUnit:
    tick = number * 90_000 // fps
    arrival_s = START_S + number / fps + delay_s
    return AccessUnit(track, Codec.H264, 90_000, tick, tick, 0, number % gop == 0, b"v" * size, arrival_s)


def watch(measures: StreamMeasures, pictures: range, **how: int) -> None:
    for number in pictures:
        unit = picture(number, **how)
        measures.saw(unit, unit.arrival_s)


def test_nothing_is_known_before_anything_came() -> None:
    seen = StreamMeasures().snapshot(START_S)
    assert (seen.input_bps, dict(seen.fps), seen.keyframe_interval_s, seen.latency_s) == (0.0, {}, None, None)
    assert not seen.renditions
    assert not seen.bytes_out


def test_rates_and_keyframe_interval() -> None:
    measures = StreamMeasures()
    for number in range(250):
        watch(measures, range(number, number + 1))
        watch(measures, range(number, number + 1), track=3)
    seen = measures.snapshot(START_S + 10)
    assert seen.input_bps == pytest.approx(2 * 25 * 1_000 * 8, rel=0.1)
    assert seen.fps[1] == pytest.approx(25, rel=0.1)
    assert seen.fps[3] == pytest.approx(25, rel=0.1)
    assert seen.keyframe_interval_s == 2.0


def test_only_the_first_video_track_leads() -> None:
    measures = StreamMeasures()
    sound = AccessUnit(2, Codec.AAC, 48_000, 0, 0, 1024, True, b"a", START_S)
    measures.saw(sound, START_S)
    watch(measures, range(101))
    watch(measures, range(101), track=3, gop=25)
    assert measures.snapshot(START_S + 4).keyframe_interval_s == 2.0
    assert 2 not in measures.snapshot(START_S + 4).fps


def test_latency_is_from_the_last_frames_arrival() -> None:
    measures = StreamMeasures()
    measures.began(offset_s=100.0)
    watch(measures, range(26))
    # The part ends with the picture of 0.96 s, which is over at 1.0 s.
    measures.part_added("source", 0.24, 101.0, START_S + 1.0)
    assert measures.snapshot(START_S + 1.2).latency_s == pytest.approx(0.24)
    measures.part_added("720p", 0.24, 100.76, START_S + 1.2)
    seen = measures.snapshot(START_S + 1.2)
    assert seen.renditions["720p"].latency_s == pytest.approx(0.48)
    assert seen.latency_s == pytest.approx(0.24)


def test_a_part_of_no_source_has_no_latency() -> None:
    measures = StreamMeasures()
    measures.began(0.0)
    watch(measures, range(26))
    measures.part_added("source", 0.25, 1.0, START_S + 1)
    measures.ended()
    measures.part_added("source", 0.25, 1.25, START_S + 1.25)
    assert measures.snapshot(START_S + 1.3).latency_s is None
    assert measures.snapshot(START_S + 1.3).renditions["source"].parts == 2


def test_a_constant_delay_is_no_lateness() -> None:
    measures = StreamMeasures()
    for number in range(40):
        measures.part_added("source", 0.25, number * 0.25, START_S + number * 0.25 + 3.0)
    seen = measures.snapshot(START_S + 13).renditions["source"]
    assert seen.part_lateness_s == pytest.approx(0.0)
    assert seen.lateness_counts[0] == seen.parts == 40


def test_a_late_part_is_seen_for_ten_seconds_and_counted_for_ever() -> None:
    measures = StreamMeasures()
    for number in range(100):
        late_s = 0.3 if number == 20 else 0.0
        measures.part_added("source", 0.25, number * 0.25, START_S + number * 0.25 + late_s)
    soon, later = (measures.snapshot(START_S + at_s).renditions["source"] for at_s in (6, 25))
    assert soon.part_lateness_s == pytest.approx(0.3)
    assert later.part_lateness_s == pytest.approx(0.0)
    by_bound = dict(zip(LATENESS_BOUNDS_S, later.lateness_counts, strict=False))
    assert (by_bound[0.25], by_bound[0.5], later.lateness_counts[-1]) == (99, 100, 100)
    assert later.lateness_sum_s == pytest.approx(0.3)


def test_a_new_source_has_its_own_delay() -> None:
    measures = StreamMeasures()
    measures.part_added("source", 0.25, 0.0, START_S)
    measures.began(5.0)
    measures.part_added("source", 0.25, 0.25, START_S + 2.0)
    assert measures.snapshot(START_S + 2).renditions["source"].part_lateness_s == 0.0


def test_memory_is_bounded_whatever_the_timestamps() -> None:
    measures = StreamMeasures()
    watch(measures, range(3 * REMEMBERED_UNITS), fps=1_000)
    assert len(measures._source.times_s) <= REMEMBERED_UNITS
    # Back to the beginning: what lies after it is forgotten.
    measures.saw(picture(0), START_S + 100)
    assert len(measures._source.times_s) == 1


def test_bytes_by_kind() -> None:
    measures = StreamMeasures()
    measures.viewer_bytes("playlist", 10)
    measures.viewer_bytes("media", 5)
    measures.viewer_bytes("playlist", 1)
    measures.new_run()
    assert dict(measures.snapshot(0.0).bytes_out) == {"playlist": 11, "media": 5}
