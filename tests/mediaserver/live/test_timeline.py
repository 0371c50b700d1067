from mediaserver.live.timeline import StreamTimeline
from transcoder.source import SourceProfile


def profile(*, first_dts_s: float, first_arrival_s: float) -> SourceProfile:
    return SourceProfile(
        tracks={}, frame_durations_s={}, first_dts_s=first_dts_s, first_arrival_s=first_arrival_s
    )


def test_a_publication_begins_when_it_arrived() -> None:
    timeline = StreamTimeline(origin_s=100.0, program_origin_s=1_000.0)
    assert timeline.offset_s(profile(first_dts_s=7.0, first_arrival_s=100.0)) == -7.0
    assert timeline.offset_s(profile(first_dts_s=0.0, first_arrival_s=130.0)) == 30.0


def test_a_publication_begins_after_all_that_was_before_it() -> None:
    timeline = StreamTimeline(origin_s=100.0, program_origin_s=1_000.0)
    timeline.end_s = 45.0
    assert timeline.offset_s(profile(first_dts_s=0.0, first_arrival_s=130.0)) == 45.0


def test_program_time_counts_from_the_origin() -> None:
    timeline = StreamTimeline(origin_s=100.0, program_origin_s=1_000.0)
    assert timeline.program_time_s(timeline.at(160.0)) == 1_060.0
