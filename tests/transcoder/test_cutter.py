from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcoder.cutter import GridCutter, LongGop, SyncCutter, choose_part_target
from transcoder.media import VIDEO_TIMESCALE, AccessUnit, Codec


def picture(time_s: float, *, sync: bool = False, delay_s: float = 0.0) -> AccessUnit:
    pts = round(time_s * VIDEO_TIMESCALE)
    return AccessUnit(
        track_id=1,
        codec=Codec.H264,
        timescale=VIDEO_TIMESCALE,
        pts=pts,
        dts=pts - round(delay_s * VIDEO_TIMESCALE),
        duration=0,
        sync=sync,
        payload=b"",
        arrival_s=time_s,
    )


def pictures(sync_times_s: list[float], fps: int = 25) -> Iterator[AccessUnit]:
    """Pictures at ``fps``, a sync unit nearest to each given time."""
    sync_frames = {round(time_s * fps) for time_s in sync_times_s}
    for frame in range(max(sync_frames) + 1):
        yield picture(frame / fps, sync=frame in sync_frames)


def cuts_of(cutter: SyncCutter | GridCutter, units: Iterator[AccessUnit]) -> list[float]:
    cuts: list[float] = []
    for unit in units:
        seen = cutter.see(unit)
        if isinstance(seen, LongGop):
            raise AssertionError(seen)
        cuts += seen
    return cuts


def every(gop_s: float, until_s: float) -> list[float]:
    return [n * gop_s for n in range(int(until_s / gop_s) + 1)]


def test_two_second_gops_are_segments() -> None:
    assert cuts_of(SyncCutter(target_s=2, max_segment_s=4), pictures(every(2.0, 10))) == [0, 2, 4, 6, 8, 10]


def test_one_second_gops_pair_up_once_they_are_known_to_be_regular() -> None:
    cuts = cuts_of(SyncCutter(target_s=2, max_segment_s=4), pictures(every(1.0, 20)))
    assert [later - earlier for earlier, later in pairwise(cuts[-5:])] == [2, 2, 2, 2]


def test_four_second_gops_are_segments() -> None:
    assert cuts_of(SyncCutter(target_s=2, max_segment_s=4), pictures(every(4.0, 16))) == [0, 4, 8, 12, 16]


def test_ten_second_gops_are_reported_before_the_segment_outlasts_the_target_duration() -> None:
    cutter = SyncCutter(target_s=2, max_segment_s=4)
    for frame in range(250):
        seen = cutter.see(picture(frame / 25, sync=frame == 0))
        if isinstance(seen, LongGop):
            assert 4 < seen.elapsed_s < 4.5
            return
    pytest.fail("a ten second GOP went unnoticed")


@given(
    st.lists(
        st.floats(min_value=0.1, max_value=4.0), min_size=5, max_size=30, unique_by=lambda v: round(v, 1)
    )
)
def test_no_segment_rounds_above_the_target_duration(gops_s: list[float]) -> None:
    times_s = [0.0]
    for gop_s in gops_s:
        times_s.append(times_s[-1] + gop_s)
    cutter = SyncCutter(target_s=2, max_segment_s=4)
    cuts: list[float] = []
    for time_s in times_s:
        seen = cutter.see(picture(time_s, sync=True))
        assert not isinstance(seen, LongGop)
        cuts += seen
    # Distances that were equal four times are trusted; a source that then changes its mind may exceed,
    # so the distances here differ.
    assert all(later - earlier < 4.5 for earlier, later in pairwise(cuts))


@pytest.mark.parametrize("cutter", [SyncCutter(target_s=2, max_segment_s=4), GridCutter(target_s=2)])
def test_no_sync_point_at_all_is_told_after_ten_seconds(cutter: SyncCutter | GridCutter) -> None:
    for frame in range(300):
        seen = cutter.see(picture(frame / 25))
        if isinstance(seen, LongGop):
            assert seen.never_began
            assert 10 < frame / 25 < 10.1
            return
        assert seen == []
    pytest.fail("a source without sync points went unnoticed")


def test_what_was_published_already_is_not_cut_again() -> None:
    cutter = SyncCutter(target_s=2, max_segment_s=4, not_before_s=3.5)
    assert cuts_of(cutter, pictures(every(2.0, 8))) == [4, 6, 8]


def test_grid_announces_each_cut_one_segment_ahead() -> None:
    cutter = GridCutter(target_s=2)
    assert cutter.see(picture(0.5, sync=False)) == []
    assert cutter.see(picture(1.0, sync=True)) == [1.0, 3.0]
    assert cutter.see(picture(2.9)) == []
    assert cutter.see(picture(3.0)) == [5.0]


def test_grid_starts_anew_behind_a_hole() -> None:
    cutter = GridCutter(target_s=2)
    cutter.see(picture(0.0, sync=True))
    assert cutter.see(picture(17.3)) == [19.3]


def test_an_encoder_that_stood_still_is_not_one_without_sync_points() -> None:
    """It was paused for ten seconds, or its network was away, and goes on where it was in its GOP."""
    cutter = SyncCutter(target_s=2, max_segment_s=4)
    units = [picture(n / 25, sync=n == 0) for n in range(25)]
    units += [picture(11 + n / 25, sync=n == 50) for n in range(75)]
    assert cuts_of(cutter, iter(units)) == [0, 13]
    assert isinstance([cutter.see(picture(13 + n / 25)) for n in range(25, 135)][-1], LongGop)


def test_slow_pictures_are_no_holes() -> None:
    cutter = SyncCutter(target_s=2, max_segment_s=4)
    assert cutter.see(picture(0.0, sync=True)) == [0]
    assert isinstance([cutter.see(picture(1.5 * n)) for n in range(1, 4)][-1], LongGop)


@pytest.mark.parametrize("fps", [5, 10, 12, 15, 24, 25, 29.97, 30, 48, 50, 59.94, 60, 120])
@pytest.mark.parametrize("audio_s", [0.0, 1024 / 48000, 1024 / 44100, 1152 / 44100, 1024 / 8000, 0.02])
def test_parts_of_whole_frames_fill_85_percent_of_the_part_target(fps: float, audio_s: float) -> None:
    target_s = choose_part_target(0.25, [1 / fps, audio_s])
    assert 0.25 <= target_s <= 0.55
    for frame_s in (1 / fps, audio_s):
        if frame_s:
            assert int((target_s + 1e-9) / frame_s) * frame_s >= 0.85 * target_s


def test_part_target_stays_as_wanted_for_common_sources() -> None:
    assert choose_part_target(0.25, [1 / 30, 1024 / 48000]) == 0.25
    assert choose_part_target(0.25, [1 / 25, 1024 / 44100]) == 0.25
    assert choose_part_target(0.25, [1 / 60, 1024 / 48000]) == 0.25


def test_one_picture_a_second_makes_parts_of_a_second() -> None:
    assert 1.0 <= choose_part_target(0.25, [1.0]) < 1.1


def test_slideshow_has_the_longest_frame_as_its_part_target() -> None:
    assert choose_part_target(0.25, [10.0]) == 10.0
