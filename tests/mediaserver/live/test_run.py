"""One run of a stream: what stays over publications, and what goes on without one."""

from mediaserver.live.run import StreamRun
from mediaserver.settings import LiveSettings
from tests.mediaserver.live.conftest import AUDIO, VIDEO
from transcoder.ladder import plan
from transcoder.manifests.window import WindowCheckpoint
from transcoder.source import SourceProfile

TRACKS = {1: VIDEO, 2: AUDIO}


def profile(frame_s: float = 0.04) -> SourceProfile:
    return SourceProfile(
        tracks=TRACKS,
        frame_durations_s={1: frame_s, 2: 1024 / 48_000},
        first_dts_s=0.0,
        first_arrival_s=100.0,
    )


def make_run(checkpoint: WindowCheckpoint | None = None, **settings: object) -> StreamRun:
    ladder = plan(TRACKS, "passthrough")
    run = StreamRun.begin(
        LiveSettings(**settings), ladder, profile(), checkpoint, now_s=101.0, unix_s=1_000_001.0
    )
    run.open_windows(ladder, profile(), 101.0)
    return run


def test_program_time_counts_from_the_first_arrival() -> None:
    assert make_run().timeline.program_origin_s == 1_000_000.0


def test_numbers_begin_above_those_of_the_run_before() -> None:
    run = make_run(WindowCheckpoint(41, 3))
    assert {output.window.next_msn for output in run.outputs.values()} == {41}
    assert run.checkpoint() == WindowCheckpoint(41, 3)


def test_two_runs_never_share_a_name() -> None:
    names = {make_run().outputs["source"].window.epoch for _ in range(20)}
    assert len(names) == 20


def test_the_target_duration_leaves_room_for_sources_with_sync_points_four_seconds_apart() -> None:
    assert make_run().config.target_duration_s == 4
    assert make_run(segment_target_s=3.0).config.target_duration_s == 6


def test_gap_parts_come_on_time_and_make_segments_in_all_renditions() -> None:
    run = make_run()
    run.timeline.end_s = 10.0
    packager = run.stand_in_packager(110.0)
    packager.advance(12.25, 110.0)
    assert packager.published_s == 12.25
    for output in run.outputs.values():
        assert [segment.gap for segment in output.window.segments] == [True]
        assert [part.gap for part in output.window.open_segment.parts] == [True]


def test_no_name_of_a_run_ever_vanishes() -> None:
    run = make_run()
    for output in run.outputs.values():
        output.window.set_init(b"init")
        output.window.add_part(b"part", duration_s=0.2, independent=True, now_s=1.0, program_time_s=0.0)
    sound_only = plan({2: AUDIO}, "auto")
    assert [rendition.name for rendition in run.missing(sound_only)] == ["source"]
    opened = run.open_windows(sound_only, profile(), 102.0)
    assert set(opened.windows) == {"source", "audio"}
    assert opened.followers == {}
    assert run.outputs["source"].listed
    assert {output.window.last_msn for output in run.outputs.values()} == {0}


def test_a_name_that_the_next_ladder_has_not_gets_what_the_nearest_has() -> None:
    run = make_run()
    other = plan({1: VIDEO, 2: AUDIO}, ["360p"])
    opened = run.open_windows(other, profile(), 102.0)
    (rung,) = other.video
    assert opened.followers == {rung.name: ("source",)}
    assert not run.outputs["source"].listed
    assert run.outputs[rung.name].listed
    run.open_windows(plan(TRACKS, "passthrough"), profile(), 103.0)
    assert run.outputs["source"].listed


def test_the_end_is_told_to_all_renditions() -> None:
    run = make_run()
    run.end()
    assert all(output.window.ended for output in run.outputs.values())
