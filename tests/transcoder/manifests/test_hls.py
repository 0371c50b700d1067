"""The text of media playlists, against literals written by hand from RFC 8216bis."""

from __future__ import annotations

from decimal import Decimal

from tests.transcoder.manifests.live import CONFIG, Live
from tests.transcoder.manifests.strict_playlist import merge, read_media
from transcoder.manifests.config import WindowConfig
from transcoder.manifests.hls import Report, render
from transcoder.manifests.reload import Skip
from transcoder.manifests.segment import Position
from transcoder.manifests.window import MediaWindow

HEAD = """\
#EXTM3U
#EXT-X-VERSION:6
#EXT-X-TARGETDURATION:4
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=0.75,HOLD-BACK=12.0,CAN-SKIP-UNTIL=24.0,CAN-SKIP-DATERANGES=YES
#EXT-X-PART-INF:PART-TARGET=0.25
"""


class TestWholePlaylists:
    def test_first_part(self) -> None:
        live = Live()
        live.parts(1)
        assert render(live.window) == HEAD + (
            "#EXT-X-MEDIA-SEQUENCE:0\n"
            "#EXT-X-DISCONTINUITY-SEQUENCE:0\n"
            '#EXT-X-MAP:URI="e-i0.mp4"\n'
            "#EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:20.000Z\n"
            '#EXT-X-PART:DURATION=0.250000,URI="e-0.0.m4s",INDEPENDENT=YES\n'
            '#EXT-X-PRELOAD-HINT:TYPE=PART,URI="e-0.1.m4s"\n'
        )

    def test_a_finished_and_an_open_segment_with_reports(self) -> None:
        live = Live()
        live.segment(parts=2)
        live.parts(1)
        reports = [
            Report("../720p/media.m3u8", Position(1, 0)),
            Report("../audio/media.m3u8", Position(0, 1)),
        ]
        assert render(live.window, reports=reports) == HEAD + (
            "#EXT-X-MEDIA-SEQUENCE:0\n"
            "#EXT-X-DISCONTINUITY-SEQUENCE:0\n"
            '#EXT-X-MAP:URI="e-i0.mp4"\n'
            "#EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:20.000Z\n"
            '#EXT-X-PART:DURATION=0.250000,URI="e-0.0.m4s",INDEPENDENT=YES\n'
            '#EXT-X-PART:DURATION=0.250000,URI="e-0.1.m4s"\n'
            "#EXTINF:0.500000,\n"
            "e-0.m4s\n"
            "#EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:20.500Z\n"
            '#EXT-X-PART:DURATION=0.250000,URI="e-1.0.m4s",INDEPENDENT=YES\n'
            '#EXT-X-PRELOAD-HINT:TYPE=PART,URI="e-1.1.m4s"\n'
            '#EXT-X-RENDITION-REPORT:URI="../720p/media.m3u8",LAST-MSN=1,LAST-PART=0\n'
            '#EXT-X-RENDITION-REPORT:URI="../audio/media.m3u8",LAST-MSN=0,LAST-PART=1\n'
        )

    def test_a_new_format_after_an_outage(self) -> None:
        window = MediaWindow(CONFIG, "q7", first_msn=41, discontinuity_sequence=3)
        live = Live(window=window)
        live.segment(parts=1)
        live.segment(parts=1, gap=True)
        window.set_init(b"other")
        window.discontinuity()
        live.parts(1)
        assert render(window) == HEAD + (
            "#EXT-X-MEDIA-SEQUENCE:41\n"
            "#EXT-X-DISCONTINUITY-SEQUENCE:3\n"
            '#EXT-X-MAP:URI="q7-i0.mp4"\n'
            "#EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:20.000Z\n"
            '#EXT-X-PART:DURATION=0.250000,URI="q7-41.0.m4s",INDEPENDENT=YES\n'
            "#EXTINF:0.250000,\n"
            "q7-41.m4s\n"
            "#EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:20.250Z\n"
            '#EXT-X-PART:DURATION=0.250000,URI="q7-42.0.m4s",GAP=YES\n'
            "#EXT-X-GAP\n"
            "#EXTINF:0.250000,\n"
            "q7-42.m4s\n"
            "#EXT-X-DISCONTINUITY\n"
            '#EXT-X-MAP:URI="q7-i1.mp4"\n'
            "#EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:20.500Z\n"
            '#EXT-X-PART:DURATION=0.250000,URI="q7-43.0.m4s",INDEPENDENT=YES\n'
            '#EXT-X-PRELOAD-HINT:TYPE=PART,URI="q7-43.1.m4s"\n'
        )

    def test_an_ended_stream(self) -> None:
        live = Live()
        live.segment(parts=1)
        live.parts(1)
        live.window.end()
        reports = [Report("../audio/media.m3u8", Position(1, 0))]
        assert render(live.window, reports=reports) == HEAD + (
            "#EXT-X-MEDIA-SEQUENCE:0\n"
            "#EXT-X-DISCONTINUITY-SEQUENCE:0\n"
            '#EXT-X-MAP:URI="e-i0.mp4"\n'
            "#EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:20.000Z\n"
            '#EXT-X-PART:DURATION=0.250000,URI="e-0.0.m4s",INDEPENDENT=YES\n'
            "#EXTINF:0.250000,\n"
            "e-0.m4s\n"
            "#EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:20.250Z\n"
            '#EXT-X-PART:DURATION=0.250000,URI="e-1.0.m4s",INDEPENDENT=YES\n'
            "#EXTINF:0.250000,\n"
            "e-1.m4s\n"
            "#EXT-X-ENDLIST\n"
        )

    def test_a_delta_update(self) -> None:
        # Target duration 1: the boundary is 6 s. Nine segments of 1 s: the oldest two end more than 6 s
        # before the end; the third ends exactly 6 s before it, which is not further than the boundary.
        live = Live(WindowConfig(target_duration_s=1, part_target_s=1.0, window_s=30))
        live.segments(9, parts=1)
        assert render(live.window, skip=Skip.YES) == (
            "#EXTM3U\n"
            "#EXT-X-VERSION:9\n"
            "#EXT-X-TARGETDURATION:1\n"
            "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=3.0,HOLD-BACK=3.0"
            ",CAN-SKIP-UNTIL=6.0,CAN-SKIP-DATERANGES=YES\n"
            "#EXT-X-PART-INF:PART-TARGET=1.0\n"
            "#EXT-X-MEDIA-SEQUENCE:0\n"
            "#EXT-X-DISCONTINUITY-SEQUENCE:0\n"
            "#EXT-X-SKIP:SKIPPED-SEGMENTS=2\n"
            "#EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:22.000Z\n"
            "#EXTINF:1.000000,\n"
            "e-2.m4s\n"
            "#EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:23.000Z\n"
            "#EXTINF:1.000000,\n"
            "e-3.m4s\n"
            "#EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:24.000Z\n"
            "#EXTINF:1.000000,\n"
            "e-4.m4s\n"
            "#EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:25.000Z\n"
            "#EXTINF:1.000000,\n"
            "e-5.m4s\n"
            "#EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:26.000Z\n"
            '#EXT-X-PART:DURATION=1.000000,URI="e-6.0.m4s",INDEPENDENT=YES\n'
            "#EXTINF:1.000000,\n"
            "e-6.m4s\n"
            "#EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:27.000Z\n"
            '#EXT-X-PART:DURATION=1.000000,URI="e-7.0.m4s",INDEPENDENT=YES\n'
            "#EXTINF:1.000000,\n"
            "e-7.m4s\n"
            "#EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:28.000Z\n"
            '#EXT-X-PART:DURATION=1.000000,URI="e-8.0.m4s",INDEPENDENT=YES\n'
            "#EXTINF:1.000000,\n"
            "e-8.m4s\n"
            '#EXT-X-PRELOAD-HINT:TYPE=PART,URI="e-9.0.m4s"\n'
        )


class TestConstants:
    """6.2.1, 6.2.4: what never changes, and is the same everywhere."""

    def test_target_duration_never_changes(self) -> None:
        live = Live()
        seen = set()
        for parts in (1, 8, 3, 12, 16, 8, 8, 8, 8, 8):
            live.segment(parts)
            live.window.discontinuity()
            seen.add(live.playlist().target_duration)
        live.window.end()
        assert seen | {live.playlist().target_duration} == {4}

    def test_server_control_identical_in_all_renditions_whatever_their_parts(self) -> None:
        video, audio = Live(), Live()
        for _ in range(5):
            video.parts(8)
            for _ in range(9):
                audio.part(0.213333, independent=True)
            video.end()
            audio.end()
        assert video.playlist().server_control == audio.playlist().server_control
        assert video.playlist().part_target == audio.playlist().part_target

    def test_server_control_identical_over_time_and_in_delta_updates(self) -> None:
        live = Live()
        live.segment()
        first = live.playlist().server_control
        live.segments(30)
        assert live.playlist().server_control == live.playlist(Skip.YES).server_control == first

    def test_part_hold_back_at_least_three_part_targets(self) -> None:
        for part_target_s in (0.2, 0.25, 1 / 3, 0.5004, 1.001):
            playlist = read_media(render(Live(WindowConfig(4, part_target_s, 30)).window))
            assert Decimal(playlist.server_control["PART-HOLD-BACK"]) >= 3 * playlist.part_target
            assert float(playlist.part_target) >= part_target_s

    def test_hold_back_at_least_three_target_durations(self) -> None:
        assert Live().playlist().server_control["HOLD-BACK"] == "12.0"

    def test_can_skip_until_at_least_six_target_durations(self) -> None:
        assert Live().playlist().server_control["CAN-SKIP-UNTIL"] == "24.0"

    def test_blocking_reload_is_offered(self) -> None:
        assert Live().playlist().server_control["CAN-BLOCK-RELOAD"] == "YES"

    def test_a_live_playlist_has_no_playlist_type(self) -> None:
        live = Live()
        live.segments(20)
        assert "PLAYLIST-TYPE" not in render(live.window)


class TestDurations:
    def test_segment_duration_is_the_sum_of_its_parts_to_the_last_digit(self) -> None:
        live = Live()
        for _ in range(7):
            live.part(1001 / 30000 * 7)
        live.end()
        (segment,) = live.playlist().segments
        assert sum(part.duration for part in segment.parts) == segment.duration

    def test_rounding_does_not_drift(self) -> None:
        live = Live(WindowConfig(4, 0.25, 1e5))
        part_s = 1024 / 48000 * 11
        for _ in range(1000):
            for _ in range(8):
                live.part(part_s)
            live.end()
        assert abs(float(live.playlist().duration) - 8000 * part_s) < 1e-5

    def test_no_part_exceeds_the_part_target_after_rounding(self) -> None:
        for part_s in (1 / 3, 0.2335669, 7 / 30, 1001 / 30000 * 7):
            live = Live(WindowConfig(4, part_s, 30))
            live.segments(12, parts=6)
            assert live.playlist().segments
            assert live.window.statistics().overlong_parts == 0

    def test_an_overlong_part_is_told_as_it_is_and_counted(self) -> None:
        live = Live()
        live.part(0.3)
        assert 'DURATION=0.300000,URI="e-0.0.m4s"' in render(live.window)
        assert live.window.statistics().overlong_parts == 1

    def test_an_overlong_segment_is_counted(self) -> None:
        live = Live()
        live.segment(parts=17)
        assert live.window.statistics().overlong_segments == 0  # 4.25 s rounds to 4
        live.segment(parts=18)
        assert live.window.statistics().overlong_segments == 1  # 4.5 s rounds to 5


class TestDeltaUpdates:
    """6.2.5.1."""

    def test_skip_boundary_counts_from_the_end(self) -> None:
        # Fourteen long segments, then short ones: from the start one would skip another number.
        live = Live()
        live.segments(8, parts=14)
        live.segments(20, parts=4)
        full, delta = live.playlist(), live.playlist(Skip.YES)
        remaining = delta.duration
        assert remaining >= 24
        assert remaining - delta.segments[0].duration <= 24
        assert full.duration - remaining == sum(s.duration for s in full.segments[: delta.skipped])

    def test_skip_keeps_every_tag_that_was_not_skipped(self) -> None:
        live = Live()
        for index in range(25):
            if index in (9, 14, 20):
                live.window.discontinuity()
                live.window.set_init(b"init %d" % index)
            live.segment()
        live.parts(3)
        full, delta = render(live.window).splitlines(), render(live.window, skip=Skip.YES).splitlines()
        start = delta.index("#EXT-X-SKIP:SKIPPED-SEGMENTS=2") + 1
        assert delta[start:] == full[-len(delta[start:]) :]

    def test_skip_removes_segments_with_their_tags(self) -> None:
        live = Live()
        live.segments(16)
        full, delta = live.playlist(), live.playlist(Skip.YES)
        assert delta.skipped == 2
        text = render(live.window, skip=Skip.YES)
        for segment in full.segments[:2]:
            assert segment.uri not in text
            assert segment.program_time is not None
            assert segment.program_time not in text
        assert "EXT-X-MAP" not in text

    def test_a_client_that_merges_a_delta_has_the_full_playlist(self) -> None:
        live = Live()
        live.segments(12)
        live.window.discontinuity()
        live.segments(6)
        old = live.playlist()
        live.segments(3)
        live.parts(2)
        merged = merge(old, live.playlist(Skip.YES))
        assert merged == live.playlist()

    def test_skip_does_not_change_the_discontinuity_sequence(self) -> None:
        live = Live()
        live.segment()
        live.window.discontinuity()
        live.segments(15)
        assert live.playlist(Skip.YES).discontinuity_sequence == live.playlist().discontinuity_sequence == 0

    def test_skip_v2_lists_removed_dateranges_and_states_version_10(self) -> None:
        live = Live()
        live.segments(20)
        playlist = live.playlist(Skip.V2)
        assert (playlist.version, playlist.removed_dateranges) == (10, "")
        assert playlist.skipped == live.playlist(Skip.YES).skipped

    def test_skip_yes_states_version_9_and_the_full_playlist_6(self) -> None:
        live = Live()
        live.segments(20)
        assert (live.playlist().version, live.playlist(Skip.YES).version) == (6, 9)

    def test_nothing_beyond_the_boundary_gives_the_full_playlist(self) -> None:
        live = Live()
        live.segments(12)
        assert render(live.window, skip=Skip.YES) == render(live.window)

    def test_an_ended_playlist_is_never_a_delta(self) -> None:
        live = Live()
        live.segments(20)
        live.window.end()
        assert render(live.window, skip=Skip.YES) == render(live.window)

    def test_every_default_window_has_something_to_skip_once_it_is_full(self) -> None:
        live = Live(WindowConfig(4, 0.25, 0))
        live.segments(40)
        assert live.playlist(Skip.YES).skipped > 0


class TestProgramDateTime:
    """6.2.1, 4.4.4.6."""

    def test_pdt_on_every_segment_and_before_the_open_parts(self) -> None:
        live = Live()
        live.segments(20)
        live.parts(1)
        playlist = live.playlist()
        assert all(segment.program_time for segment in playlist.segments)
        assert playlist.open_program_time == "2023-11-14T22:14:00.000Z"

    def test_pdt_after_each_discontinuity(self) -> None:
        live = Live()
        live.segment()
        live.unix_s += 75
        live.window.discontinuity()
        live.segment()
        assert live.playlist().segments[1].program_time == "2023-11-14T22:14:37.000Z"

    def test_pdt_goes_on_where_the_packager_does_not_say(self) -> None:
        live = Live()
        live.segment()
        live.window.add_part(b"x", duration_s=0.25, independent=True, now_s=live.now_s)
        assert live.playlist().open_program_time == "2023-11-14T22:13:22.000Z"

    def test_pdt_is_not_guessed_over_a_discontinuity(self) -> None:
        live = Live()
        live.segment()
        live.window.discontinuity()
        live.window.add_part(b"x", duration_s=0.25, independent=True, now_s=live.now_s)
        assert live.playlist().open_program_time is None

    def test_pdt_never_becomes_ambiguous_when_the_wall_clock_is_set_back(self) -> None:
        live = Live()
        live.segment()
        live.unix_s -= 3600
        live.window.discontinuity()
        live.segment()
        assert live.playlist().segments[1].program_time == "2023-11-14T22:13:22.000Z"

    def test_pdt_may_overlap_by_less_than_a_second(self) -> None:
        live = Live()
        live.segment()
        live.unix_s -= 0.75
        live.segment()
        assert live.playlist().segments[1].program_time == "2023-11-14T22:13:21.250Z"

    def test_pdt_rounds_up_into_the_next_second(self) -> None:
        live = Live()
        live.unix_s += 0.9997
        live.parts(1)
        assert live.playlist().open_program_time == "2023-11-14T22:13:21.000Z"


class TestGaps:
    """6.2.1: the absence of media."""

    def test_gap_part_is_marked_and_leads_to_nothing(self) -> None:
        live = Live()
        live.parts(2)
        live.parts(1, gap=True)
        (_, _, gap) = live.playlist().open_parts
        assert gap.gap
        assert live.window.lookup(gap.uri) is None

    def test_gap_segment_has_ext_x_gap_and_gap_parts_and_leads_to_nothing(self) -> None:
        live = Live()
        live.segment()
        live.window.add_gap_segment(2.0, live.now_s, live.unix_s)
        segment = live.playlist().segments[-1]
        assert segment.gap
        assert [str(part.duration) for part in segment.parts] == ["0.250000"] * 8
        assert all(part.gap for part in segment.parts)
        assert live.window.lookup(segment.uri) is None

    def test_gap_longer_than_the_target_duration_becomes_several_segments(self) -> None:
        live = Live()
        live.segment()
        live.window.add_gap_segment(9.0, live.now_s, live.unix_s)
        gaps = live.playlist().segments[1:]
        assert [str(segment.duration) for segment in gaps] == ["3.000000"] * 3
        assert [segment.program_time for segment in gaps] == [
            "2023-11-14T22:13:22.000Z",
            "2023-11-14T22:13:25.000Z",
            "2023-11-14T22:13:28.000Z",
        ]
        assert live.window.statistics().overlong_segments == 0

    def test_gap_segment_closes_what_is_open(self) -> None:
        live = Live()
        live.parts(3)
        live.window.add_gap_segment(1.1, live.now_s, live.unix_s)
        first, second = live.playlist().segments
        assert (first.gap, second.gap) == (False, True)
        assert (len(first.parts), len(second.parts)) == (3, 5)

    def test_gap_keeps_msn_and_position_going_on_time(self) -> None:
        live = Live()
        live.segment()
        for _ in range(30):
            live.segment(gap=True)
        assert live.window.last_msn == 30
        assert live.window.position == Position(30, 7)
        assert live.playlist().duration >= 12

    def test_gap_in_a_segment_that_has_media_too_is_no_gap_segment(self) -> None:
        live = Live()
        live.parts(2)
        live.parts(2, gap=True)
        live.end()
        (segment,) = live.playlist().segments
        assert not segment.gap
        assert live.is_fetchable(segment.uri)

    def test_gap_before_any_init_needs_no_map(self) -> None:
        window = MediaWindow(CONFIG, "e")
        window.add_gap_segment(1.0, 1.0, 1.7e9)
        window.set_init(b"init")
        window.discontinuity()
        window.add_part(b"x", duration_s=0.25, independent=True, now_s=2.0, program_time_s=1.7e9 + 1)
        playlist = read_media(render(window))
        assert playlist.segments[0].map_uri is None
        assert 'EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI="e-i0.mp4"\n' in render(window)


class TestHints:
    """6.2.6, 4.4.5.3."""

    def test_hint_is_the_next_part_of_the_open_segment(self) -> None:
        live = Live()
        live.parts(3)
        assert live.playlist().hint == "e-0.3.m4s"

    def test_hint_is_part_0_of_the_next_segment_when_one_just_ended(self) -> None:
        live = Live()
        live.segment()
        assert live.playlist().hint == "e-1.0.m4s"

    def test_hint_matches_the_uri_that_is_listed_later(self) -> None:
        live = Live()
        live.segment()
        for _ in range(20):
            hint = live.playlist().hint
            live.parts(1)
            assert live.playlist().tagged_parts()[-1].uri == hint
            if len(live.playlist().open_parts) == 8:
                live.end()

    def test_no_hint_and_no_report_after_the_end(self) -> None:
        live = Live()
        live.segment()
        live.window.end()
        text = render(live.window, reports=[Report("../a/media.m3u8", Position(0, 7))])
        assert read_media(text).hint is None
        assert "RENDITION-REPORT" not in text


class TestRenditionReports:
    def test_rendition_report_tells_last_msn_and_last_part_of_this_moment(self) -> None:
        video, audio = Live(), Live()
        video.segment()
        audio.segment()
        audio.parts(3)
        position = audio.window.position
        assert position is not None
        text = render(video.window, reports=[Report("../audio/media.m3u8", position)])
        assert read_media(text).reports == {"../audio/media.m3u8": (1, 2)}

    def test_rendition_report_names_the_last_part_of_a_segment_that_just_ended(self) -> None:
        live = Live()
        live.segment()
        assert live.window.position == Position(0, 7)


class TestMap:
    """4.4.4.5."""

    def test_map_is_said_again_only_when_the_init_changes(self) -> None:
        live = Live()
        live.segments(3)
        live.window.set_init(b"new")
        live.window.discontinuity()
        live.segments(3)
        assert render(live.window).count("EXT-X-MAP") == 2
        assert [s.map_uri for s in live.playlist().segments] == ["e-i0.mp4"] * 3 + ["e-i1.mp4"] * 3

    def test_map_stays_at_the_head_when_the_segment_that_brought_it_is_gone(self) -> None:
        live = Live()
        live.segments(25)
        assert live.playlist().media_sequence > 0
        assert live.playlist().segments[0].map_uri == "e-i0.mp4"

    def test_the_same_init_again_changes_nothing(self) -> None:
        live = Live()
        live.segment()
        assert live.window.set_init(b"init") == "e-i0.mp4"
        live.segment()
        assert render(live.window).count("EXT-X-MAP") == 1
