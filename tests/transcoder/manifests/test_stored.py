"""Bytes that the object store has leave memory, and what it has of a window is told so that it can go on."""

from __future__ import annotations

import pytest

from tests.transcoder.manifests.live import CONFIG, Live
from tests.transcoder.manifests.strict_playlist import read_media
from transcoder.manifests.hls import render
from transcoder.manifests.restored import Restored, checkpoint, restore
from transcoder.manifests.stored import StoredWindow, snapshot
from transcoder.manifests.window import Media, MediaWindow, Stored, WindowCheckpoint, WindowError


def store_all(window: MediaWindow, below: int = 10**9) -> None:
    """As the archive does it: inits first."""
    for segment in window.since(0):
        if segment.msn < below and not segment.gap and not window.is_stored(segment):
            assert segment.init is not None
            window.mark_stored(segment.init, f"key/{segment.init.name}")
            assert window.mark_stored(segment, f"key/{segment.name}")


def live_of(segments: int, *, stored: int | None = None) -> Live:
    live = Live()
    for _ in range(segments):
        live.segment()
        store_all(live.window, segments if stored is None else stored)
    return live


def go_on(*stored: StoredWindow, epoch: str = "f", away_s: float = 0.0, live: Live | None = None) -> Restored:
    """Restored as ``r0``, ``r1``, … at the moment at which ``live`` stands."""
    live = live or Live()
    restored = restore(
        {f"r{index}": window for index, window in enumerate(stored)},
        CONFIG,
        epoch,
        inits={
            f"r{index}": {name: b"init" for name in window.init_names} for index, window in enumerate(stored)
        },
        key_of=lambda rendition, name: f"key/{name}",
        program_now_s=live.unix_s + away_s,
        now_s=live.now_s + away_s,
    )
    assert restored is not None
    return restored


# Out of memory


def test_a_stored_segment_stays_in_memory_while_its_parts_can_be_fetched() -> None:
    live = live_of(1)
    for _ in range(11):
        # Tags for three target durations, parts for three more: 24 s.
        assert isinstance(live.window.lookup("e-0.m4s"), Media)
        live.segment()
        store_all(live.window)
    live.segments(3)
    assert live.window.lookup("e-0.0.m4s") is None
    assert live.window.lookup("e-0.m4s") == Stored("key/e-0.m4s", 24, '"e-0.m4s"', "video/mp4")


def test_without_a_store_everything_stays_in_memory() -> None:
    live = Live()
    live.segments(14)
    assert all(isinstance(live.window.lookup(segment.name), Media) for segment in live.window.segments)


def test_a_segment_that_is_stored_late_leaves_memory_at_once() -> None:
    live = Live()
    live.segments(14)
    before = live.window.statistics().memory_bytes
    store_all(live.window)
    assert isinstance(live.window.lookup(next(iter(live.window.segments)).name), Stored)
    assert live.window.statistics().memory_bytes < before


def test_the_bytes_themselves_are_let_go() -> None:
    live = live_of(16)
    oldest = next(iter(live.window.segments))
    assert oldest.stored_key is not None
    assert not any(part.data for part in oldest.parts)
    assert not oldest.gap
    assert oldest.size_bytes > 0


def test_leaving_memory_changes_no_playlist() -> None:
    kept, stored = Live(), Live()
    for _ in range(30):
        kept.segment()
        stored.segment()
        store_all(stored.window)
        assert render(kept.window) == render(stored.window)


def test_keys_of_what_is_over_are_told_once() -> None:
    live = live_of(60)
    departed = live.window.take_departed()
    assert departed == [f"key/e-{msn}.m4s" for msn in range(len(departed))]
    assert len(departed) > 20
    assert live.window.take_departed() == []
    assert live.window.lookup("e-0.m4s") is None


def test_what_is_over_before_it_was_stored_is_refused() -> None:
    live = Live()
    live.segments(1)
    oldest = next(iter(live.window.segments))
    live.segments(60)
    assert live.window.mark_stored(oldest, "key") is False
    assert live.window.take_departed() == []


def test_segments_since_a_number() -> None:
    live = live_of(5)
    assert [segment.msn for segment in live.window.since(3)] == [3, 4]
    assert [segment.msn for segment in live.window.since(5)] == []
    assert [segment.msn for segment in live.window.since(99)] == []
    live.segments(40)
    assert next(segment.msn for segment in live.window.since(0)) == live.window.first_msn


# What the store has


def test_a_snapshot_ends_before_the_first_segment_that_is_not_stored() -> None:
    live = live_of(6, stored=4)
    live.part()
    stored = snapshot(live.window)
    assert [segment.name for segment in stored.segments] == [f"e-{msn}.m4s" for msn in range(4)]
    assert stored.stored_msn == 4
    assert stored.next_msn == 7
    assert stored.names == {"e-i0.mp4", "e-0.m4s", "e-1.m4s", "e-2.m4s", "e-3.m4s"}


def test_gaps_need_no_storing() -> None:
    live = live_of(2)
    live.segment(gap=True)
    live.segment()
    store_all(live.window)
    stored = snapshot(live.window)
    assert [segment.gap for segment in stored.segments] == [False, False, True, False]
    assert "e-2.m4s" not in stored.names


def test_an_init_that_is_not_stored_is_not_named() -> None:
    live = live_of(2)
    live.window.set_init(b"another")
    assert snapshot(live.window).init == "e-i0.mp4"
    assert snapshot(Live().window).init is None


def test_discontinuities_that_are_not_stored_are_told() -> None:
    live = live_of(2)
    live.window.discontinuity()
    live.segment()
    live.window.discontinuity()
    live.part()
    assert snapshot(live.window).later_discontinuities == (2, 3)


def test_what_is_lost_at_the_old_end_leaves_the_playlist_and_within_it_becomes_a_gap() -> None:
    live = live_of(2)
    live.window.discontinuity()
    live.segments(4)
    store_all(live.window)
    stored = snapshot(live.window).without({"e-0.m4s", "e-1.m4s", "e-2.m4s", "e-4.m4s"})
    assert (stored.first_msn, stored.discontinuity_sequence) == (3, 1)
    assert [segment.gap for segment in stored.segments] == [False, True, False]


# Going on


def test_a_window_goes_on_with_what_is_stored() -> None:
    live = live_of(20)
    before = read_media(render(live.window))
    window = go_on(snapshot(live.window), live=live).windows["r0"]
    after = read_media(render(window))
    kept = [segment for segment in after.segments if not segment.gap]
    assert [segment.uri for segment in kept] == [segment.uri for segment in before.segments][-len(kept) :]
    assert {segment.map_uri for segment in kept} == {"e-i0.mp4"}
    assert {type(window.lookup(segment.uri)) for segment in kept} == {Stored}
    assert isinstance(window.lookup("e-i0.mp4"), Media)
    assert window.bandwidth.average_bps == live.window.bandwidth.average_bps


def test_the_same_format_keeps_its_init_and_another_gets_a_name_of_the_new_epoch() -> None:
    live = live_of(3)
    window = go_on(snapshot(live.window), live=live).windows["r0"]
    assert window.set_init(b"init") == "e-i0.mp4"
    assert window.set_init(b"other") == "f-i0.mp4"


def test_what_comes_next_begins_with_a_discontinuity() -> None:
    live = live_of(3)
    window = go_on(snapshot(live.window), live=live).windows["r0"]
    next_live = Live(window=window)
    next_live.segment()
    playlist = read_media(render(window))
    assert [segment.discontinuity for segment in playlist.segments[-2:]] == [False, True]


def test_numbers_that_were_seen_are_gaps_even_if_no_time_has_passed() -> None:
    live = live_of(5, stored=3)
    live.part()
    stored = snapshot(live.window)
    restored = go_on(stored)
    # 3 and 4 were closed, 5 was open, 6 may have been begun since this was written.
    window = restored.windows["r0"]
    assert window.next_msn == 7
    assert [segment.gap for segment in window.segments] == [False] * 3 + [True] * 4
    assert all(segment.duration_us > 0 for segment in window.segments)
    assert restored.end_time_s >= (stored.segments[-1].end_ms or 0) / 1000


def test_the_time_that_has_passed_is_in_the_playlist() -> None:
    live = live_of(15)
    stored = snapshot(live.window)
    window = go_on(stored, away_s=9.0, live=live).windows["r0"]
    gaps = [segment for segment in window.segments if segment.gap]
    assert sum(segment.duration_us for segment in gaps) == pytest.approx(9e6, abs=1000)
    assert len(gaps) >= 5
    assert window.duration_us >= CONFIG.keep_us


def test_what_is_no_longer_listed_stays_fetchable_as_long_as_in_the_lost_process() -> None:
    live = live_of(20)
    oldest = next(iter(live.window.segments))
    # First listed when it closed, for its own length and that of the longest playlist (6.2.2).
    until_s = oldest.closed_s + (oldest.duration_us + live.window.longest_us) / 1e6
    restored = go_on(snapshot(live.window), away_s=5.0, live=live).windows["r0"]
    assert restored.first_msn > oldest.msn
    assert isinstance(restored.lookup(oldest.name), Stored)
    restored.evict(until_s - 0.1)
    assert isinstance(restored.lookup(oldest.name), Stored)
    # The gaps have made the longest playlist a little longer.
    restored.evict(until_s + 3.0)
    assert restored.lookup(oldest.name) is None
    assert f"key/{oldest.name}" in restored.take_departed()


def test_a_long_absence_leaves_nothing() -> None:
    live = live_of(15)
    stored = snapshot(live.window)
    for away_s in (40.0, 1e4, 1e7):
        assert (
            restore(
                {"r0": stored},
                CONFIG,
                "f",
                inits={"r0": {"e-i0.mp4": b"init"}},
                key_of=lambda rendition, name: name,
                program_now_s=live.unix_s + away_s,
                now_s=5.0,
            )
            is None
        )
    assert checkpoint({"r0": stored}) == WindowCheckpoint(15, 0)


def test_nothing_stored_is_nothing_to_go_on_with() -> None:
    stored = snapshot(Live().window)
    assert (
        restore(
            {"r0": stored},
            CONFIG,
            "f",
            inits={},
            key_of=lambda rendition, name: name,
            program_now_s=1.0,
            now_s=1.0,
        )
        is None
    )


def test_renditions_are_levelled_at_the_same_instants() -> None:
    first, second = live_of(8), live_of(8, stored=5)
    windows = list(
        go_on(snapshot(first.window), snapshot(second.window), away_s=3, live=first).windows.values()
    )
    playlists = [read_media(render(window)) for window in windows]
    assert len({window.next_msn for window in windows}) == 1
    times = [{segment.msn: segment.program_time for segment in each.segments} for each in playlists]
    assert times[0] == times[1]
    assert [segment.gap for segment in playlists[1].segments][5:8] == [True] * 3


def test_discontinuities_of_one_rendition_are_in_all() -> None:
    lives = [live_of(3) for _ in range(2)]
    for live in lives:
        live.window.discontinuity()
        live.segments(2)
    store_all(lives[0].window)
    windows = list(go_on(*(snapshot(live.window) for live in lives)).windows.values())
    listed = [
        [(segment.msn, segment.discontinuity) for segment in read_media(render(window)).segments]
        for window in windows
    ]
    assert listed[0] == listed[1]
    assert (3, True) in listed[0]
    assert {window.checkpoint().discontinuity_sequence for window in windows} == {1}


def test_a_discontinuity_that_was_begun_is_counted() -> None:
    live = live_of(3)
    live.window.discontinuity()
    live.part()
    window = go_on(snapshot(live.window)).windows["r0"]
    assert window.checkpoint().discontinuity_sequence == 1


def test_segments_that_do_not_follow_each_other_are_refused() -> None:
    live = live_of(3)
    segments = list(live.window.segments)
    with pytest.raises(WindowError, match="does not follow"):
        MediaWindow.restored(
            CONFIG,
            "f",
            WindowCheckpoint(0, 0),
            [segments[0], segments[2]],
            init=None,
            longest_us=0,
            now_s=0.0,
        )


def test_a_restored_window_can_be_stored_and_restored_again() -> None:
    live = live_of(12)
    stored = snapshot(live.window)
    for epoch in "fgh":
        window = go_on(stored, epoch=epoch, live=live).windows["r0"]
        again = Live(window=window)
        again.now_s, again.unix_s = live.now_s, window_end_s(window)
        again.segments(2)
        store_all(window)
        stored = snapshot(window)
        assert stored.init == "e-i0.mp4"
        live = again
    names = {segment.name.partition("-")[0] for segment in stored.segments if not segment.gap}
    assert names == {"e", "f", "g", "h"}
    read_media(render(window))


def window_end_s(window: MediaWindow) -> float:
    newest = list(window.segments)[-1]
    assert newest.program_time_ms is not None
    return newest.program_time_ms / 1000 + newest.duration_us / 1e6
