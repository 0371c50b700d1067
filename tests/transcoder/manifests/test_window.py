"""The window: sequence numbers, what a name leads to, and how long (RFC 8216bis 6.2.1, 6.2.2, 6.2.6)."""

from __future__ import annotations

import math

import pytest

from tests.transcoder.manifests.live import CONFIG, Live
from transcoder.manifests.config import WindowConfig
from transcoder.manifests.segment import Media, Pending, Position
from transcoder.manifests.window import MediaWindow, WindowCheckpoint, WindowError


class TestSequences:
    def test_media_sequence_rises_by_one_for_each_removed_segment(self) -> None:
        live = Live()
        seen: list[str] = []
        for _ in range(60):
            live.segment()
            playlist = live.playlist()
            seen += [uri for uri in playlist.uris if uri not in seen]
            assert seen[playlist.media_sequence] == playlist.uris[0]

    def test_segments_and_part_tags_are_removed_in_order(self) -> None:
        live = Live()
        first_tag = (-1, -1)
        for _ in range(300):
            live.parts(1)
            if len(live.playlist().open_parts) == 8:
                live.end()
            oldest = live.playlist().tagged_parts()[0].uri.split("-")[1].split(".")
            assert (int(oldest[0]), int(oldest[1])) >= first_tag
            first_tag = (int(oldest[0]), int(oldest[1]))

    def test_first_msn_and_discontinuity_sequence_are_the_callers(self) -> None:
        window = MediaWindow(CONFIG, "e", first_msn=500, discontinuity_sequence=7)
        live = Live(window=window)
        live.segment()
        playlist = live.playlist()
        assert (playlist.media_sequence, playlist.discontinuity_sequence) == (500, 7)
        assert playlist.uris == ["e-500.m4s"]

    def test_discontinuity_sequence_bumps_when_it_scrolls_out(self) -> None:
        live = Live()
        live.segments(3)
        live.window.discontinuity()
        live.segments(12)
        assert live.playlist().segments[3].discontinuity
        live.segments(3)
        playlist = live.playlist()
        assert playlist.media_sequence == 3
        assert (playlist.segments[0].discontinuity, playlist.discontinuity_sequence) == (True, 0)
        live.segment()
        playlist = live.playlist()
        assert playlist.media_sequence == 4
        assert (playlist.segments[0].discontinuity, playlist.discontinuity_sequence) == (False, 1)

    def test_discontinuity_number_of_a_segment_never_changes(self) -> None:
        live = Live()
        numbers: dict[int, int] = {}
        for index in range(80):
            if index % 3 == 0:
                live.window.discontinuity()
            live.segment()
            for segment in live.playlist().segments:
                assert numbers.setdefault(segment.msn, segment.discontinuity_number) == (
                    segment.discontinuity_number
                )
        assert live.window.discontinuity_sequence > 0

    def test_discontinuity_twice_before_a_segment_is_one(self) -> None:
        live = Live()
        live.segment()
        live.window.discontinuity()
        live.window.discontinuity()
        live.segment()
        assert live.playlist().segments[1].discontinuity_number == 1

    def test_discontinuity_while_a_segment_is_open_waits_for_the_next(self) -> None:
        live = Live()
        live.parts(2)
        live.window.discontinuity()
        live.parts(2)
        live.end()
        live.segment()
        assert [segment.discontinuity for segment in live.playlist().segments] == [False, True]

    def test_live_playlist_never_falls_below_three_target_durations(self) -> None:
        for parts in (1, 4, 8, 16):
            live = Live(WindowConfig(4, 0.25, 0))
            reached = False
            for _ in range(400 // parts):
                live.segment(parts)
                duration = live.playlist().duration
                assert duration >= 12 or not reached
                reached = reached or duration >= 12
            assert live.window.first_msn > 0

    def test_window_is_bounded(self) -> None:
        live = Live()
        live.segments(200)
        assert 30 <= live.playlist().duration < 32.01
        assert live.window.statistics().fetchable < 200


class TestRestart:
    def test_sequences_never_go_back_over_a_restart(self) -> None:
        live = Live()
        live.segments(3)
        live.window.discontinuity()
        live.segments(20)
        live.parts(2)
        before = live.playlist()
        checkpoint = live.window.checkpoint()
        assert checkpoint == WindowCheckpoint(next_msn=24, discontinuity_sequence=1)
        again = Live(window=MediaWindow.continued(CONFIG, "f", checkpoint))
        again.segment()
        after = again.playlist()
        assert after.media_sequence == 24 > before.segments[-1].msn
        assert after.discontinuity_sequence >= before.discontinuity_sequence
        assert after.segments[0].discontinuity
        assert after.segments[0].discontinuity_number == before.segments[-1].discontinuity_number + 1

    def test_names_never_come_back_over_a_restart(self) -> None:
        live = Live()
        live.segments(2)
        live.parts(2)
        again = Live(window=MediaWindow.continued(CONFIG, "f", live.window.checkpoint()))
        again.segment()
        assert not set(live.names) & set(again.names)

    def test_the_number_of_an_open_segment_is_never_used_again(self) -> None:
        live = Live()
        live.parts(1)
        assert live.window.checkpoint().next_msn == 1

    def test_negative_sequences_are_refused(self) -> None:
        with pytest.raises(WindowError):
            MediaWindow(CONFIG, "e", first_msn=-1)


class TestLookup:
    def test_what_is_listed_is_fetchable_at_once(self) -> None:
        live = Live()
        for _ in range(200):
            live.parts(1)
            if live.window.open_segment and len(live.window.open_segment.parts) == 8:
                live.end()
            playlist = live.playlist()
            names = [part.uri for part in playlist.tagged_parts()] + playlist.uris
            assert all(live.is_fetchable(name) for name in names)
            assert live.is_fetchable("e-i0.mp4")

    def test_a_segment_is_the_same_bytes_objects_as_its_parts(self) -> None:
        live = Live()
        live.segment()
        segment = live.window.lookup("e-0.m4s")
        assert isinstance(segment, Media)
        for index, chunk in enumerate(segment.chunks):
            part = live.window.lookup(f"e-0.{index}.m4s")
            assert isinstance(part, Media)
            assert part.chunks[0] is chunk
        assert segment.size == sum(map(len, segment.chunks))

    def test_media_says_type_size_and_a_strong_tag_of_its_own(self) -> None:
        window = MediaWindow(CONFIG, "e", content_type="audio/mp4")
        live = Live(window=window)
        live.segment(parts=2)
        found = [window.lookup(name) for name in ("e-i0.mp4", "e-0.0.m4s", "e-0.1.m4s", "e-0.m4s")]
        assert [media.size for media in found if isinstance(media, Media)] == [4, 3, 3, 6]
        tags = [media.etag for media in found if isinstance(media, Media)]
        assert tags == ['"e-i0.mp4"', '"e-0.0.m4s"', '"e-0.1.m4s"', '"e-0.m4s"']
        assert {media.content_type for media in found if isinstance(media, Media)} == {"audio/mp4"}

    def test_hint_is_pending_and_unknown_is_none(self) -> None:
        live = Live()
        live.segment()
        live.parts(2)
        assert live.window.lookup("e-1.2.m4s") == Pending(1, 2)
        unknown = [
            "e-1.3.m4s",
            "e-2.0.m4s",
            "e-1.m4s",
            "e-9.m4s",
            "f-0.m4s",
            "e-i1.mp4",
            "",
            "e-0.0.mp4",
            "../e",
        ]
        assert [live.window.lookup(name) for name in unknown] == [None] * len(unknown)

    def test_hint_becomes_media(self) -> None:
        live = Live()
        live.parts(1)
        live.parts(1)
        assert isinstance(live.window.lookup("e-0.1.m4s"), Media)

    def test_a_withdrawn_hint_is_none(self) -> None:
        live = Live()
        live.parts(3)
        assert live.window.lookup("e-0.3.m4s") == Pending(0, 3)
        live.end()
        assert live.window.lookup("e-0.3.m4s") is None
        assert live.window.lookup("e-1.0.m4s") == Pending(1, 0)

    def test_a_hint_that_becomes_a_gap_is_none(self) -> None:
        live = Live()
        live.parts(1)
        live.parts(1, gap=True)
        assert live.window.lookup("e-0.1.m4s") is None

    def test_nothing_is_pending_after_the_end(self) -> None:
        live = Live()
        live.parts(1)
        live.window.end()
        assert live.window.hint is None
        assert live.window.lookup("e-0.1.m4s") is None
        assert live.window.lookup("e-1.0.m4s") is None

    def test_unknown_names_leave_no_trace(self) -> None:
        live = Live()
        live.segment()
        before = live.window.statistics()
        for index in range(5000):
            live.window.lookup(f"x-{index}.m4s")
        assert live.window.statistics() == before


class TestRetention:
    def test_part_tags_vanish_three_target_durations_from_the_end_and_stay_fetchable_as_long_again(
        self,
    ) -> None:
        live = Live()
        gone_at: dict[str, float] = {}
        listed: set[str] = set()
        for _ in range(200):
            live.parts(1)
            if live.window.open_segment and len(live.window.open_segment.parts) == 8:
                live.end()
            playlist = live.playlist()
            now = {part.uri for part in playlist.tagged_parts()}
            assert sum(part.duration for part in playlist.tagged_parts()) <= 12
            for uri in listed - now:
                gone_at.setdefault(uri, live.now_s)
            listed |= now
            for uri, at_s in gone_at.items():
                assert live.is_fetchable(uri) or live.now_s - at_s > 12
        assert len(gone_at) > 100
        assert not live.is_fetchable(live.names[0])

    def test_part_tags_near_the_end_stay(self) -> None:
        live = Live()
        live.segments(30)
        # 12 s = six whole segments of 2 s.
        assert [len(segment.parts) for segment in live.playlist().segments][-7:] == [0, 8, 8, 8, 8, 8, 8]

    def test_part_tags_of_one_segment_go_together(self) -> None:
        live = Live()
        for _ in range(100):
            live.parts(1)
            if live.window.open_segment and len(live.window.open_segment.parts) == 8:
                live.end()
            assert {len(segment.parts) for segment in live.playlist().segments} <= {0, 8}

    def test_removed_segment_stays_fetchable_for_its_availability_duration(self) -> None:
        live = Live()
        appeared: dict[str, float] = {}
        longest: dict[str, float] = {}
        length = {}
        for index in range(120):
            live.segment(parts=4 + index * 7 % 9)
            playlist = live.playlist()
            for segment in playlist.segments:
                appeared.setdefault(segment.uri, live.now_s)
                length[segment.uri] = float(segment.duration)
                longest[segment.uri] = max(longest.get(segment.uri, 0.0), float(playlist.duration))
            for uri, at_s in appeared.items():
                if live.now_s <= at_s + length[uri] + longest[uri]:
                    assert live.is_fetchable(uri), uri
        gone = [uri for uri in appeared if not live.is_fetchable(uri)]
        assert len(gone) > 80

    def test_removed_segment_is_let_go_in_the_end(self) -> None:
        live = Live()
        live.segments(20)
        removed = live.playlist().media_sequence
        assert removed > 0
        live.pass_time(100)
        assert not live.is_fetchable("e-0.m4s")
        assert live.is_fetchable(f"e-{removed}.m4s")

    def test_init_stays_as_long_as_a_segment_that_needs_it(self) -> None:
        live = Live()
        live.segments(3)
        live.window.set_init(b"new")
        live.window.discontinuity()
        while live.is_fetchable("e-2.m4s"):
            assert live.is_fetchable("e-i0.mp4")
            live.segment()
        assert not live.is_fetchable("e-i0.mp4")
        assert live.is_fetchable("e-i1.mp4")

    def test_an_init_that_no_segment_used_is_let_go(self) -> None:
        live = Live()
        live.segment()
        live.window.set_init(b"second")
        live.window.set_init(b"third")
        live.segment()
        assert not live.is_fetchable("e-i1.mp4")
        assert live.playlist().segments[1].map_uri == "e-i2.mp4"

    def test_an_ended_window_keeps_all_it_lists(self) -> None:
        live = Live()
        live.segments(20)
        live.window.end()
        live.pass_time(3600)
        playlist = live.playlist()
        assert all(live.is_fetchable(uri) for uri in playlist.uris)
        assert live.window.linger_s == float(playlist.duration)

    def test_a_burst_of_media_keeps_to_the_clock_and_not_to_media_time(self) -> None:
        live = Live()
        live.segment()
        for _ in range(40):  # 80 s of media within an instant
            for _ in range(8):
                live.window.add_part(b"x", duration_s=0.25, independent=True, now_s=live.now_s)
            live.end()
        assert live.window.first_msn > 20
        assert live.is_fetchable("e-0.m4s")
        live.pass_time(40)
        assert not live.is_fetchable("e-0.m4s")

    def test_memory_is_flat_over_an_hour(self) -> None:
        live = Live()
        live.segments(100)
        after_minutes = live.window.statistics().fetchable
        live.segments(1800)
        assert live.window.statistics().fetchable == after_minutes


class TestVersion:
    def test_version_grows_with_all_that_a_client_may_see(self) -> None:
        live = Live()
        versions = [live.window.version]
        for step in (
            lambda: live.parts(1),
            live.end,
            lambda: live.parts(1, gap=True),
            lambda: live.window.add_gap_segment(1, live.now_s, live.unix_s),
            live.window.end,
        ):
            step()
            versions.append(live.window.version)
        assert versions == sorted(set(versions))

    def test_version_stands_while_nothing_can_be_seen(self) -> None:
        live = Live()
        live.segment()
        before = live.window.version
        live.end()
        live.window.discontinuity()
        live.window.set_init(b"other")
        live.pass_time(100)
        live.window.lookup("e-0.m4s")
        assert live.window.version == before

    def test_ending_twice_is_ending_once(self) -> None:
        live = Live()
        live.parts(1)
        live.window.end()
        before = live.window.version
        live.window.end()
        assert live.window.version == before


class TestMisuse:
    def test_a_part_before_its_init_is_refused(self) -> None:
        with pytest.raises(WindowError, match="init"):
            MediaWindow(CONFIG, "e").add_part(b"x", duration_s=0.25, independent=True, now_s=0.0)

    @pytest.mark.parametrize("duration_s", [0.0, -1.0, math.nan, math.inf])
    def test_a_part_without_a_length_is_refused_and_nothing_changes(self, duration_s: float) -> None:
        live = Live()
        before = live.window.statistics()
        with pytest.raises(WindowError):
            live.window.add_part(b"x", duration_s=duration_s, independent=True, now_s=0.0)
        with pytest.raises(WindowError):
            live.window.add_gap_part(duration_s=duration_s, now_s=0.0)
        with pytest.raises(WindowError):
            live.window.add_gap_segment(duration_s, 0.0)
        assert live.window.statistics() == before

    def test_a_part_without_bytes_is_refused(self) -> None:
        with pytest.raises(WindowError):
            Live().window.add_part(b"", duration_s=0.25, independent=True, now_s=0.0)

    def test_nothing_comes_after_the_end(self) -> None:
        live = Live()
        live.segment()
        live.window.end()
        with pytest.raises(WindowError, match="ended"):
            live.parts(1)
        with pytest.raises(WindowError, match="ended"):
            live.parts(1, gap=True)

    def test_ending_a_segment_that_has_no_part_does_nothing(self) -> None:
        live = Live()
        live.end()
        live.segment()
        live.end()
        live.end()
        assert live.playlist().uris == ["e-0.m4s"]

    @pytest.mark.parametrize(
        "settings", [(0, 0.25, 30), (4, 0, 30), (4, -1, 30), (4, 4.5, 30), (4, 0.25, -1), (4, 0.25, math.nan)]
    )
    def test_impossible_settings_are_refused(self, settings: tuple[int, float, float]) -> None:
        with pytest.raises(ValueError):
            WindowConfig(*settings)


def test_position_orders_by_segment_then_part() -> None:
    assert Position(3, 9) < Position(4, 0) < Position(4, 1)


def test_position_is_none_before_the_first_part() -> None:
    window = MediaWindow(CONFIG, "e")
    assert window.position is None
    assert not window.is_playable
    assert window.hint == Position(0, 0)


def test_statistics_count_what_is_held() -> None:
    live = Live()
    live.segment(parts=2)
    live.parts(1)
    statistics = live.window.statistics()
    assert (statistics.segments, statistics.next_msn, statistics.listed_s) == (1, 2, 0.75)
    assert (statistics.fetchable, statistics.listed_bytes) == (5, 9)


@pytest.mark.parametrize(
    ("duration_s", "segments"), [(0.3, 1), (4.2, 1), (4.499, 1), (4.5, 2), (8.4, 2), (9, 3)]
)
def test_a_gap_is_one_segment_as_long_as_it_rounds_to_the_target_duration(
    duration_s: float, segments: int
) -> None:
    """A segment of 4.2 s is one where its media came, so it must be one where it did not."""
    window = MediaWindow(WindowConfig(target_duration_s=4, part_target_s=0.25, window_s=60), "e")
    window.add_gap_segment(duration_s, 0.0, 0.0)
    assert window.next_msn == segments
    assert window.statistics().overlong_segments == 0


class TestTextWindows:
    """WebVTT (RFC 8216bis 3.1.4): no init segment, another extension, a segment that is not its parts."""

    def test_names_carry_the_extension_and_no_init_is_needed(self) -> None:
        window = MediaWindow(CONFIG, "e", content_type="text/vtt", extension="vtt")
        window.add_part(b"one", duration_s=0.25, independent=True, now_s=1.0)
        assert window.part_name(Position(0, 0)) == "e-0.0.vtt"
        media = window.lookup("e-0.0.vtt")
        assert isinstance(media, Media)
        assert media.content_type == "text/vtt"
        assert isinstance(window.lookup("e-0.1.vtt"), Pending)

    def test_a_whole_segment_of_its_own(self) -> None:
        window = MediaWindow(CONFIG, "e", content_type="text/vtt", extension="vtt")
        window.add_part(b"header a", duration_s=0.25, independent=True, now_s=1.0)
        window.add_part(b"header b", duration_s=0.25, independent=True, now_s=1.25)
        window.end_segment(1.25, b"header a b")
        media = window.lookup("e-0.vtt")
        assert isinstance(media, Media)
        assert b"".join(media.chunks) == b"header a b"
        assert media.size == window.statistics().listed_bytes == 10
