"""SegmentTimeline: exact ticks, runs written once, and what is announced of a segment that still grows."""

from __future__ import annotations

from tests.transcoder.manifests.columns import Columns
from transcoder.manifests.dash_timeline import Entry, timeline


def entries(columns: Columns, name: str = "720p") -> list[Entry]:
    window = columns.windows[name]
    segments = list(window.segments)
    if window.open_segment is not None:
        segments.append(window.open_segment)
    return timeline(segments, is_open=window.open_segment is not None, nominal_s=2.0)


def test_equal_segments_are_one_entry() -> None:
    columns = Columns("720p")
    for _ in range(3):
        columns.segment()
    assert entries(columns) == [Entry(0, 180_000, 2)]


def test_sound_keeps_its_own_clock_and_whole_frames() -> None:
    columns = Columns("audio")
    for frames in (94, 94, 93, 94):
        columns.one("audio", length_s=frames * 1024 / 48_000)
    assert entries(columns, "audio") == [
        Entry(0, 94 * 1024, 1),
        Entry(188 * 1024, 93 * 1024),
        Entry(281 * 1024, 94 * 1024),
    ]


def test_the_open_segment_is_announced_as_long_as_those_before_it() -> None:
    columns = Columns("720p", segment_s=1.6)
    columns.segment()
    columns.segment()
    columns.part("720p", 0.25)
    assert entries(columns) == [Entry(0, 144_000, 2)]


def test_the_first_segment_is_announced_as_long_as_the_settings_want_it() -> None:
    columns = Columns("720p")
    columns.part("720p", 0.25)
    assert entries(columns) == [Entry(0, 180_000)]


def test_of_lengths_that_hardly_differ_the_longest_is_announced() -> None:
    columns = Columns("audio")
    for frames in (94, 93):
        columns.one("audio", length_s=frames * 1024 / 48_000)
    columns.begin("audio", length_s=0.5)
    assert entries(columns, "audio")[-1] == Entry(187 * 1024, 94 * 1024)


def test_of_irregular_lengths_the_shortest_so_that_no_segment_is_skipped() -> None:
    columns = Columns("720p")
    for length_s in (3.0, 1.0, 2.0):
        columns.one("720p", length_s=length_s)
    columns.part("720p", 0.25)
    assert entries(columns)[-1] == Entry(540_000, 90_000)


def test_an_open_segment_is_never_announced_shorter_than_it_is() -> None:
    columns = Columns("720p")
    columns.begin("720p", length_s=3.0)
    assert entries(columns) == [Entry(0, 270_000)]


def test_a_hole_in_the_source_is_none_in_the_timeline() -> None:
    columns = Columns("720p")
    columns.segment()
    columns.at_s["720p"] += 1.5
    columns.segment()
    assert entries(columns) == [Entry(0, 315_000), Entry(315_000, 180_000)]


def test_gap_parts_at_the_end_of_a_segment_count_as_time() -> None:
    columns = Columns("720p")
    columns.part("720p", 1.0)
    columns.part("720p", 0.5, gap=True)
    columns.windows["720p"].end_segment(1.5)
    assert entries(columns) == [Entry(0, 135_000)]


def test_composition_offsets_move_what_viewers_see() -> None:
    columns = Columns("720p")
    for _ in range(2):
        columns.part("720p", 2.0, composition_offset=7_200)
        columns.windows["720p"].end_segment(2)
    assert entries(columns) == [Entry(7_200, 180_000, 1)]
