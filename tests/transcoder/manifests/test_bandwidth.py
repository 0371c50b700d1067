"""Measured bit rates, against the definitions of RFC 8216bis 4.1 worked out by hand."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.transcoder.manifests.live import Live
from transcoder.manifests.bandwidth import BandwidthMeter


def measure(*segments: tuple[int, float], window_s: float = 30) -> BandwidthMeter:
    meter = BandwidthMeter(4, window_s)
    for size_bytes, duration_s in segments:
        meter.add_segment(size_bytes, duration_s)
    return meter


def test_nothing_measured() -> None:
    meter = measure()
    assert (meter.peak_bps, meter.average_bps) == (None, None)


def test_one_segment() -> None:
    meter = measure((250_000, 2.0))
    assert (meter.peak_bps, meter.average_bps) == (1_000_000, 1_000_000)


def test_peak_is_the_largest_set_of_half_to_one_and_a_half_target_durations() -> None:
    # Alone each is shorter than 2 s; 1+1 s of 300 kB is 1.2 Mbit/s; the 0.5 s burst alone does not count.
    meter = measure((100_000, 1.0), (150_000, 1.0), (150_000, 1.0), (50_000, 1.0), (90_000, 0.5))
    assert meter.peak_bps == 1_200_000
    assert meter.average_bps == 960_000


def test_a_segment_just_short_of_half_a_target_duration_counts() -> None:
    assert measure((100_000, 2.0), (300_000, 1.98), (100_000, 2.0)).peak_bps == 1_212_122


def test_a_segment_longer_than_one_and_a_half_target_durations_is_still_in_the_average() -> None:
    meter = measure((1_000_000, 8.0))
    assert (meter.peak_bps, meter.average_bps) == (1_000_000, 1_000_000)


def test_a_peak_leaves_with_its_segment() -> None:
    meter = measure((1_000_000, 2.0), *[(250_000, 2.0)] * 14)
    assert meter.peak_bps == 4_000_000
    for _ in range(3):  # the longest set that it opened ends two segments later
        meter.add_segment(250_000, 2.0)
    assert meter.peak_bps == 1_000_000


def test_no_length_is_not_counted() -> None:
    assert measure((100, 0.0)).peak_bps is None


SEGMENTS = st.tuples(st.integers(0, 1_000_000), st.sampled_from([0.5, 1.0, 1.5, 2.0, 3.0, 4.0]))


def rate(segments: list[tuple[int, float]]) -> float:
    return 8 * sum(size for size, _ in segments) / sum(duration for _, duration in segments)


@given(st.lists(SEGMENTS, min_size=1, max_size=20))
def test_peak_is_what_trying_all_sets_gives(segments: list[tuple[int, float]]) -> None:
    sets = [
        segments[start:end]
        for start in range(len(segments))
        for end in range(start + 1, len(segments) + 1)
        if 1.8 <= sum(duration for _, duration in segments[start:end]) <= 6
    ]
    expected = max(map(rate, [*sets, segments]))
    peak = measure(*segments, window_s=1e9).peak_bps
    assert peak is not None
    assert expected <= peak <= expected + 1.0001


def test_the_window_measures_its_segments_and_leaves_gaps_out() -> None:
    live = Live()
    live.segment()
    live.window.add_gap_segment(2.0, live.now_s, live.unix_s)
    assert live.window.bandwidth.average_bps == 8 * 3 * 8 / 2
