"""The packager against real windows: what lands where, and when."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcoder.codecs import track_from_config
from transcoder.cutter import GridCutter, SyncCutter
from transcoder.manifests.config import WindowConfig
from transcoder.manifests.window import MediaWindow, Part
from transcoder.media import AccessUnit, Codec, Track
from transcoder.packager import Packager, PackagerConfig

# x264's own record for 320x180, High, level 1.2.
AVCC = bytes.fromhex("0164000cffe100176764000cacb40a0cfcf0800000030080000019478a155001000468ef0fcbfdf8f800")
VIDEO = track_from_config(1, Codec.H264, AVCC)
AUDIO = track_from_config(2, Codec.AAC, bytes.fromhex("1190"))  # AAC-LC, 48 kHz, stereo
FPS = 25


def picture(frame: int, *, gop: int = 50, delay: int = 0) -> AccessUnit:
    tick = 90_000 // FPS
    return AccessUnit(
        1, Codec.H264, 90_000, (frame + delay) * tick, frame * tick, 0, frame % gop == 0, b"v" * 100, 0.0
    )


def sound(frame: int) -> AccessUnit:
    return AccessUnit(2, Codec.AAC, 48_000, frame * 1024, frame * 1024, 1024, True, b"a" * 50, 0.0)


def interleaved(seconds: float, *, gop: int = 50, start_frame: int = 0) -> list[AccessUnit]:
    units = [picture(n, gop=gop) for n in range(start_frame, round(seconds * FPS))]
    units += [sound(n) for n in range(round(start_frame / FPS * 46.875), round(seconds * 46.875))]
    return sorted(units, key=lambda unit: unit.dts_s)


class Rig:
    def __init__(self, cutter: SyncCutter | GridCutter | None = None, *, offset_s: float = 0.0) -> None:
        window_config = WindowConfig(target_duration_s=4, part_target_s=0.25, window_s=30)
        self.windows = {name: MediaWindow(window_config, "e") for name in ("source", "audio", "720p")}
        self.packager = Packager(
            PackagerConfig(
                part_target_s=0.25,
                segment_target_s=2,
                max_segment_s=4,
                offset_s=offset_s,
                program_origin_s=1_000_000,
            ),
            cutter or SyncCutter(target_s=2, max_segment_s=4),
            leader=VIDEO,
            windows=self.windows,
            passthrough={1: "source", 2: "audio"},
        )
        self.packager.set_source_track(VIDEO, 0.0)
        self.packager.set_source_track(AUDIO, 0.0)

    def push(self, units: list[AccessUnit]) -> list[float]:
        return [cut for unit in units for cut in self.packager.push_source(unit, unit.dts_s)]

    def durations(self, name: str) -> list[float]:
        return [segment.duration_us / 1e6 for segment in self.windows[name].segments]


def test_renditions_cut_at_the_same_instants() -> None:
    rig = Rig()
    assert rig.push(interleaved(9)) == [0, 2, 4, 6, 8]
    assert rig.durations("source") == [2, 2, 2, 2]
    # Sound cuts at its first frame behind each instant: never more than one frame off.
    total_s = 0.0
    for video_s, audio_s in zip((2, 4, 6, 8), rig.durations("audio"), strict=True):
        total_s += audio_s
        assert 0 <= total_s - video_s < 1024 / 48_000
    assert rig.windows["source"].next_msn == rig.windows["audio"].next_msn


def test_parts_are_whole_frames_between_85_and_100_percent_of_the_part_target() -> None:
    rig = Rig()
    rig.push(interleaved(9))
    for name in ("source", "audio"):
        for segment in rig.windows[name].segments:
            for part in segment.parts[:-1]:
                assert 0.85 * 250_000 <= part.duration_us <= 250_000
            assert segment.parts[-1].duration_us <= 250_000


def test_a_segment_starts_with_an_independent_part() -> None:
    rig = Rig()
    rig.push(interleaved(9))
    for segment in rig.windows["source"].segments:
        assert [part.independent for part in segment.parts] == [True] + [False] * (len(segment.parts) - 1)


def test_program_time_is_that_of_the_first_picture_shown() -> None:
    rig = Rig(offset_s=5.0)
    rig.push([picture(n, delay=2) for n in range(60)])
    first = next(iter(rig.windows["source"].segments))
    assert first.program_time_ms == (1_000_000 + 5) * 1000 + 80


def test_decode_times_carry_the_offset_of_the_stream_timeline() -> None:
    rig = Rig(offset_s=100.0)
    rig.push(interleaved(3))
    first = next(iter(rig.windows["source"].segments))
    data = first.parts[0].data
    tfdt = data.index(b"tfdt")
    assert int.from_bytes(data[tfdt + 8 : tfdt + 16], "big") == 100 * 90_000


def test_sound_waits_for_the_picture_to_tell_the_cut_but_not_for_ever() -> None:
    rig = Rig()
    rig.push(interleaved(2.5))
    before = rig.windows["audio"].position
    rig.push([sound(n) for n in range(118, 130)])  # a quarter of a second of sound without pictures
    assert rig.windows["audio"].position == before
    rig.push([sound(n) for n in range(130, 260)])
    assert rig.windows["audio"].position > before


def test_sound_goes_on_in_segments_while_the_picture_stays_away() -> None:
    rig = Rig()
    rig.push(interleaved(4))
    rig.push([sound(n) for n in range(188, 1_000)])
    for window in (rig.windows["audio"], rig.windows["source"]):
        statistics = window.statistics()
        assert statistics.overlong_segments == 0
        assert window.last_msn >= 4
    assert [segment.gap for segment in rig.windows["source"].segments][-1]
    assert not any(segment.gap for segment in rig.windows["audio"].segments)
    assert abs(rig.windows["audio"].next_msn - rig.windows["source"].next_msn) <= 1
    rig.push([unit for unit in interleaved(24, start_frame=500) if unit.pts_s > 19.2])
    assert not list(rig.windows["source"].segments)[-1].gap
    assert rig.packager.long_gop is None
    rig.packager.finish(24.0)
    assert rig.windows["audio"].next_msn == rig.windows["source"].next_msn


def test_units_before_the_first_cut_are_dropped_and_counted() -> None:
    rig = Rig()
    rig.push([picture(n) for n in range(40, 60)])
    assert rig.packager.renditions["source"].dropped_units == 10


def test_a_rendition_that_never_comes_gets_gaps_in_place_of_its_segments() -> None:
    rig = Rig()
    rig.push(interleaved(13))
    missing = list(rig.windows["720p"].segments)
    assert missing
    assert all(segment.gap for segment in missing)
    assert [segment.duration_us for segment in missing] == [2_000_000] * len(missing)
    rig.packager.finish(13.0)
    assert len({window.next_msn for window in rig.windows.values()}) == 1


def test_a_rendition_that_comes_late_joins_at_the_next_cut() -> None:
    rig = Rig()
    rig.push(interleaved(4.5))
    rig.packager.set_rendition_track("720p", VIDEO, 4.5)
    for frame in range(55, 160):
        rig.packager.push_rendition("720p", picture(frame), frame / FPS)
    window = rig.windows["720p"]
    segments = list(window.segments)
    assert [segment.gap for segment in segments] == [True, True]
    assert window.open_segment is not None
    assert window.open_segment.msn == 2


def test_a_new_format_is_a_discontinuity_with_a_new_init() -> None:
    rig = Rig()
    rig.push(interleaved(3))
    other = track_from_config(
        1, Codec.H264, AVCC.replace(bytes.fromhex("0164000c"), bytes.fromhex("0164000d"))
    )
    assert other != VIDEO
    rig.packager.set_source_track(other, 3.0)
    rig.push(interleaved(7, start_frame=100))
    segments = list(rig.windows["source"].segments)
    assert segments[-1].discontinuity
    assert segments[-1].init is not segments[0].init
    # RFC 8216bis 6.2.4: discontinuity sequences match in all renditions.
    breaks = {
        name: [segment.msn for segment in window.segments if segment.discontinuity]
        for name, window in rig.windows.items()
        if name != "720p"
    }
    assert breaks["source"] == breaks["audio"]


def test_a_format_that_changes_again_before_the_cut_is_one_discontinuity() -> None:
    rig = Rig()
    rig.push(interleaved(3))
    for level in ("0d", "0e"):
        changed = AVCC.replace(bytes.fromhex("0164000c"), bytes.fromhex("016400" + level))
        rig.packager.set_source_track(track_from_config(1, Codec.H264, changed), 3.0)
    rig.push(interleaved(7, start_frame=100))
    assert sum(segment.discontinuity for segment in rig.windows["audio"].segments) == 1


def test_a_changed_picture_is_cut_at_its_first_sync_point_however_early() -> None:
    rig = Rig()
    rig.push(interleaved(4.5))
    changed = AVCC.replace(bytes.fromhex("0164000c"), bytes.fromhex("0164000d"))
    rig.packager.set_source_track(track_from_config(1, Codec.H264, changed), 4.5)
    cuts = rig.push([picture(n, gop=5) for n in range(115, 130)])
    assert cuts[0] == 4.6


def test_a_hole_in_the_source_makes_no_endless_part() -> None:
    rig = Rig()
    rig.push(interleaved(3))
    rig.push([unit for unit in interleaved(20) if unit.dts_s >= 16])
    statistics = rig.windows["source"].statistics()
    assert statistics.overlong_parts == 0
    assert statistics.overlong_segments == 0


def test_ten_second_gops_are_told() -> None:
    rig = Rig()
    rig.push(interleaved(6, gop=250))
    assert rig.packager.long_gop is not None


def test_grid_cuts_an_encoded_leader() -> None:
    rig = Rig(GridCutter(target_s=2))
    assert rig.push(interleaved(5, gop=250)) == [0, 2, 4, 6]
    rig.packager.set_rendition_track("720p", VIDEO, 0.0)
    for frame in range(120):
        rig.packager.push_rendition("720p", picture(frame, gop=50), frame / FPS)
    assert rig.durations("720p") == [2, 2]


@pytest.mark.parametrize("jitter_ms", [(33, 33, 34), (16, 17, 17), (41, 42, 42)])
def test_millisecond_timestamps_never_make_a_part_too_long(jitter_ms: tuple[int, ...]) -> None:
    rig = Rig()
    dts_ms = 0
    for frame in range(300):
        ticks = dts_ms * 90
        unit = AccessUnit(1, Codec.H264, 90_000, ticks, ticks, 0, frame % 60 == 0, b"v", 0.0)
        rig.packager.push_source(unit, unit.dts_s)
        dts_ms += jitter_ms[frame % 3]
    assert rig.windows["source"].statistics().overlong_parts == 0


@given(st.lists(st.integers(min_value=16, max_value=240), min_size=40, max_size=200))
def test_uneven_frames_never_make_a_part_too_long(distances_ms: list[int]) -> None:
    rig = Rig()
    dts_ms = 0
    for frame, distance_ms in enumerate(distances_ms):
        unit = AccessUnit(1, Codec.H264, 90_000, dts_ms * 90, dts_ms * 90, 0, frame % 10 == 0, b"v", 0.0)
        rig.packager.push_source(unit, unit.dts_s)
        dts_ms += distance_ms
    rig.packager.finish(dts_ms / 1000)
    assert rig.windows["source"].statistics().overlong_parts == 0
    samples_ms = sum(part.duration_us for part in rig_parts(rig)) / 1000
    assert samples_ms == pytest.approx(dts_ms, abs=250)


def rig_parts(rig: Rig) -> list[Part]:
    return [part for segment in rig.windows["source"].segments for part in segment.parts]


def test_decode_times_follow_each_other_without_gap_or_overlap() -> None:
    rig = Rig()
    rig.push(interleaved(9))
    times = []
    for segment in rig.windows["audio"].segments:
        for part in segment.parts:
            at = part.data.index(b"tfdt")
            times.append((int.from_bytes(part.data[at + 8 : at + 16], "big"), part.duration_us))
    for (start, duration_us), (following, _) in pairwise(times):
        assert abs((following - start) / 48_000 - duration_us / 1e6) < 2e-6


def test_a_track_that_was_not_announced_is_dropped() -> None:
    rig = Rig()
    rig.packager.push_rendition("720p", picture(0), 0.0)
    assert rig.packager.renditions["720p"].dropped_units == 1
    rig.packager.push_rendition("unknown", picture(0), 0.0)
    rig.packager.set_rendition_track("unknown", Track(track_id=1, codec=Codec.H264, timescale=1), 0.0)


def test_sound_that_waited_keeps_its_format_when_another_is_announced() -> None:
    """44.1 kHz frames ahead of the picture must not land behind the new format's init segment."""
    rig = Rig()
    rig.push(interleaved(4))
    ahead = [sound(n) for n in range(188, 200)]
    rig.push(ahead)
    rig.packager.set_source_track(track_from_config(2, Codec.AAC, bytes.fromhex("1210")), 4.3)
    rig.push([picture(n) for n in range(100, 200)])
    assert sum(rig.durations("audio")) == pytest.approx(200 * 1024 / 48_000)


@pytest.mark.parametrize("lead_s", [0.3, 0.6, 0.75])
def test_a_picture_that_comes_behind_its_sound_is_not_taken_for_one_that_stays_away(lead_s: float) -> None:
    """Hardware encoders send sound at once and the picture when it is ready; their GOPs may last 4 s."""
    rig = Rig()
    units = interleaved(20, gop=100)
    units.sort(key=lambda unit: unit.dts_s - (lead_s if unit.track_id == 2 else 0))
    assert rig.push(units) == [0, 4, 8, 12, 16]
    assert rig.packager.renditions["source"].gap_segments == 0
