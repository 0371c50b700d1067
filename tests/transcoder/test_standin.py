"""What stands in for missing media repeats along the timeline, and begins anew at every cut."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from transcoder.codecs import track_from_config
from transcoder.media import AccessUnit, Codec
from transcoder.standin import StandIn, StandInFeed

# x264's own record for 320x180, High, level 1.2.
AVCC = bytes.fromhex("0164000cffe100176764000cacb40a0cfcf0800000030080000019478a155001000468ef0fcbfdf8f800")
VIDEO = track_from_config(1, Codec.H264, AVCC)
AUDIO = track_from_config(2, Codec.AAC, bytes.fromhex("1190"))
QUARTER = 22_500


def still() -> StandIn:
    units = tuple(
        AccessUnit(
            1, Codec.H264, 90_000, n * QUARTER, n * QUARTER, QUARTER, n == 0, b"idr" if n == 0 else b"skip", 0
        )
        for n in range(8)
    )
    return StandIn(VIDEO, units, 8 * QUARTER)


def silence() -> StandIn:
    return StandIn(AUDIO, (AccessUnit(2, Codec.AAC, 48_000, 0, 0, 1024, True, b"-", 0),), 1024)


def test_the_loop_begins_again_when_it_is_over() -> None:
    units = list(StandInFeed(still(), 10.0).until(14.5))
    assert [unit.pts / 90_000 for unit in units] == [10 + n / 4 for n in range(18)]
    assert [unit.pts_s for unit in units if unit.sync] == [10, 12, 14]


def test_nothing_is_given_twice_and_nothing_ahead_of_time() -> None:
    feed = StandInFeed(silence(), 0.0)
    first = list(feed.until(0.1))
    assert all(unit.pts_s < 0.1 for unit in first)
    assert list(feed.until(0.1)) == []
    assert next(iter(feed.until(0.2))).pts == first[-1].pts + 1024


def test_a_picture_begins_exactly_at_a_cut_and_can_be_decoded_there() -> None:
    feed = StandInFeed(still(), 0.0)
    list(feed.until(1.0))
    feed.cut_at(1.1)
    units = list(feed.until(2.0))
    assert [round(unit.pts_s, 3) for unit in units] == [1.0, 1.1, 1.35, 1.6, 1.85]
    assert [unit.sync for unit in units] == [False, True, False, False, False]


def test_a_cut_that_is_told_too_late_never_turns_time_back() -> None:
    feed = StandInFeed(still(), 0.0)
    before = list(feed.until(2.0))
    feed.cut_at(0.5)
    after = list(feed.until(3.0))
    assert after[0].pts > before[-1].pts
    assert after[0].sync


def test_sound_takes_no_notice_of_cuts() -> None:
    feed = StandInFeed(silence(), 0.0)
    feed.cut_at(0.05)
    assert [unit.pts for unit in feed.until(0.1)] == [0, 1024, 2048, 3072, 4096]


@given(
    cuts=st.lists(st.floats(0, 20), max_size=12).map(sorted),
    steps=st.lists(st.floats(0, 20), max_size=12).map(sorted),
)
def test_time_only_goes_forward_and_every_timely_cut_has_a_sync_unit(
    cuts: list[float], steps: list[float]
) -> None:
    feed = StandInFeed(still(), 0.0)
    for cut_s in cuts:
        feed.cut_at(cut_s)
    units = [unit for step_s in [*steps, 21.0] for unit in feed.until(step_s)]
    assert all(a.pts < b.pts for a, b in pairwise(units))
    syncs = {unit.pts for unit in units if unit.sync}
    for cut_s in cuts:
        assert any(0 <= pts - round(cut_s * 90_000) <= len(cuts) for pts in syncs)
