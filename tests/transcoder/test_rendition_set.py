"""Renditions that get nothing, something else, or what another one gets: all playlists go on together."""

from dataclasses import replace

import pytest

from tests.transcoder.test_packager import AUDIO, VIDEO, interleaved, picture
from tests.transcoder.test_standin import silence, still
from transcoder.cutter import GridCutter, SyncCutter
from transcoder.manifests.config import WindowConfig
from transcoder.manifests.window import MediaWindow, WindowCheckpoint
from transcoder.media import AccessUnit, Codec
from transcoder.packager import Packager, PackagerConfig, StandInPackager
from transcoder.rendition_packager import RenditionPackager

WINDOW = WindowConfig(target_duration_s=4, part_target_s=0.25, window_s=30)
CONFIG = PackagerConfig(
    part_target_s=0.25, segment_target_s=2, max_segment_s=4, offset_s=0.0, program_origin_s=1_000_000
)


def windows(*names: str) -> dict[str, MediaWindow]:
    return {name: MediaWindow(WINDOW, "e") for name in names}


def encoded(frame: int, *, gop: int = 50) -> AccessUnit:
    return picture(frame, gop=gop)


class Encoder:
    """A rendition that is told of cuts every two seconds, as an encoded rung is."""

    def __init__(self) -> None:
        self.window = MediaWindow(WINDOW, "e")
        self.packager = RenditionPackager(self.window, CONFIG)
        self.packager.set_track(VIDEO, 0.0)
        self._next_cut = 0

    def play(self, from_s: float, until_s: float, *, media: bool = True) -> None:
        for frame in range(round(from_s * 25), round(until_s * 25)):
            at_s = frame / 25
            while self._next_cut * 2 <= at_s + 2:
                self.packager.cut_at(self._next_cut * 2.0, at_s)
                self._next_cut += 1
            self.packager.fill(at_s, at_s)
            if media:
                self.packager.push(encoded(frame), at_s)

    @property
    def parts(self) -> list[tuple[float, bool]]:
        out, at_s = [], 0.0
        segments = [*self.window.segments]
        if self.window.open_segment is not None:
            segments.append(self.window.open_segment)
        for segment in segments:
            for part in segment.parts:
                out.append((round(at_s, 3), part.gap))
                at_s += part.duration_us / 1e6
        return out


def test_a_withheld_rendition_has_gap_parts_on_time() -> None:
    rung = Encoder()
    rung.play(0, 3)
    rung.packager.withhold(3.0)
    rung.play(3, 7, media=False)
    gaps = [at_s for at_s, gap in rung.parts if gap]
    assert gaps[0] <= 3.0
    assert gaps[-1] >= 6.5
    assert rung.window.next_msn == 4
    assert [segment.gap for segment in rung.window.segments] == [False, False, True]


def test_media_goes_on_at_a_cut_and_nothing_is_counted_twice() -> None:
    rung = Encoder()
    rung.play(0, 3)
    rung.packager.withhold(3.0)
    rung.play(3, 5, media=False)
    rung.packager.resume()
    rung.play(5, 9)
    assert [segment.gap for segment in rung.window.segments] == [False, False, True, False]
    assert [round(segment.duration_us / 1e6, 2) for segment in rung.window.segments] == [2, 2, 2, 2]
    assert not any(gap for at_s, gap in rung.parts if at_s >= 6)


def test_a_cut_waits_a_little_for_media_that_is_encoded_late() -> None:
    rung = Encoder()
    rung.packager.withhold(0.0)
    rung.play(0, 1, media=False)
    rung.packager.resume()
    # The pictures of two seconds on come, but half a second after their time.
    rung.play(1, 2.5, media=False)
    for frame in range(50, 75):
        rung.packager.push(encoded(frame), 3.0)
    assert [segment.gap for segment in rung.window.segments] == [True]
    assert not rung.window.open_segment.gap


def test_the_slate_takes_the_place_of_gaps_behind_a_discontinuity_in_all_renditions() -> None:
    made = windows("source", "audio")
    packager = StandInPackager(CONFIG, made, 10.0, 0.0)
    packager.advance(10.5, 0.0)
    packager.use({"source": still(), "audio": silence()}, 0.5)
    packager.advance(15.0, 5.0)
    packager.finish(5.0)
    for window in made.values():
        first, second, *_ = window.segments
        assert first.gap
        assert not first.discontinuity
        assert second.discontinuity
        assert not second.gap
        assert second.program_time_ms == 1_000_010_500
    assert {window.next_msn for window in made.values()} == {4}
    assert packager.published_s >= 15.0


def test_with_loops_at_hand_there_is_no_gap_at_all() -> None:
    made = windows("source", "audio")
    packager = StandInPackager(CONFIG, made, 10.0, 0.0)
    packager.use({"source": still(), "audio": silence()}, 0.0)
    packager.advance(14.0, 4.0)
    for window in made.values():
        assert not any(part.gap for segment in window.segments for part in segment.parts)


def test_one_without_a_loop_stays_a_gap_and_the_others_do_not_wait_for_it() -> None:
    made = windows("source", "audio")
    packager = StandInPackager(CONFIG, made, 0.0, 0.0)
    packager.use({"source": still()}, 0.0)
    packager.advance(6.0, 6.0)
    assert all(segment.gap for segment in made["audio"].segments)
    assert not any(segment.gap for segment in made["source"].segments)
    assert made["audio"].next_msn == made["source"].next_msn


def sound_only() -> tuple[Packager, dict[str, MediaWindow]]:
    made = windows("source", "audio")
    packager = Packager(CONFIG, GridCutter(target_s=2), leader=AUDIO, windows=made, passthrough={2: "audio"})
    packager.withhold("source", 0.0)
    packager.set_source_track(AUDIO, 0.0)
    return packager, made


def test_sound_alone_has_a_still_as_its_picture_in_step() -> None:
    packager, made = sound_only()
    packager.stand_in("source", still(), 0.0, 0.0)
    for unit in interleaved(7):
        if unit.codec is Codec.AAC:
            packager.push_source(unit, unit.dts_s)
    assert made["source"].next_msn == made["audio"].next_msn
    assert not any(segment.gap for segment in made["source"].segments)
    for window in made.values():
        assert [segment.discontinuity for segment in window.segments] == [True, False, False]


def test_sound_alone_without_a_still_marks_the_picture_as_gaps_on_time() -> None:
    packager, made = sound_only()
    for unit in interleaved(7):
        if unit.codec is Codec.AAC:
            packager.push_source(unit, unit.dts_s)
    assert all(segment.gap for segment in made["source"].segments)
    assert made["source"].next_msn == made["audio"].next_msn


def test_a_follower_gets_the_very_same_media() -> None:
    made = windows("source", "720p")
    packager = Packager(
        CONFIG,
        GridCutter(target_s=2),
        leader=VIDEO,
        windows=made,
        passthrough={1: "source"},
        followers={"source": ("720p",)},
    )
    packager.set_source_track(VIDEO, 0.0)
    for unit in interleaved(5):
        packager.push_source(unit, unit.dts_s)
    texts = [
        [(segment.msn, segment.duration_us, segment.chunks) for segment in window.segments]
        for window in made.values()
    ]
    assert texts[0] == texts[1]
    assert texts[0]


def numbers(packager: Packager) -> set[WindowCheckpoint]:
    return {rendition.window.checkpoint() for rendition in packager.renditions.values()}


def passed_through(cutter: SyncCutter | GridCutter) -> Packager:
    packager = Packager(
        CONFIG,
        cutter,
        leader=VIDEO,
        windows=windows("source", "audio", "720p"),
        passthrough={1: "source", 2: "audio"},
    )
    packager.set_source_track(VIDEO, 0.0)
    packager.set_source_track(AUDIO, 0.0)
    packager.set_rendition_track("720p", VIDEO, 0.0)
    return packager


@pytest.mark.parametrize("format_changed", [False, True])
def test_a_publication_that_ends_right_behind_a_cut_leaves_all_with_the_same_numbers(
    format_changed: bool,
) -> None:
    packager = passed_through(SyncCutter(target_s=2, max_segment_s=4))
    words = Words()
    packager.add_text(words)
    for unit in interleaved(4):
        packager.push_source(unit, unit.dts_s)
    if format_changed:
        packager.set_source_track(replace(AUDIO, config=bytes.fromhex("1188"), channels=1), 4.0)
    packager.push_source(picture(100), 4.0)
    packager.finish(4.0)
    assert numbers(packager) == {WindowCheckpoint(3, int(format_changed))}
    assert words.advanced_s > 4.0


def test_sound_that_has_passed_a_cut_takes_the_picture_with_it() -> None:
    packager = passed_through(GridCutter(target_s=2))
    for unit in interleaved(4.3):
        if unit.codec is Codec.AAC or unit.pts_s < 3.9:
            packager.push_source(unit, unit.dts_s)
    packager.finish(4.0)
    assert numbers(packager) == {WindowCheckpoint(3, 0)}


@pytest.mark.parametrize("withheld", [False, True])
def test_over_a_hole_in_the_source_gaps_are_as_many_as_segments(withheld: bool) -> None:
    packager = passed_through(SyncCutter(target_s=2, max_segment_s=4))
    if withheld:
        packager.withhold("720p", 0.0)
    for unit in interleaved(30):
        if not 5 < unit.pts_s < 12:
            packager.push_source(unit, unit.dts_s)
    packager.finish(30.0)
    assert len(numbers(packager)) == 1
    segments = packager.renditions["720p"].window.segments
    assert max(segment.duration_us for segment in segments) < 4_500_000
    assert [round(segment.program_time_ms / 1000) % 1000 for segment in segments][:4] == [0, 2, 4, 12]


def test_cuts_that_media_has_overtaken_use_up_their_numbers() -> None:
    rung = Encoder()
    rung.packager.cut_at(0.0, 0.0)
    rung.packager.push(replace(encoded(0), duration=9 * 90_000), 0.0)
    rung.packager.withhold(0.0)
    for time_s in (2.0, 4.0, 4.0, 6.0, 8.0):
        rung.packager.cut_at(time_s, 0.0)
    rung.packager.level(10.0, 0.0)
    assert rung.window.next_msn == 6


class Words:
    """A rendition of text that notes what it is told."""

    def __init__(self) -> None:
        self.cuts: list[float] = []
        self.advanced_s = 0.0

    def cut_at(self, time_s: float, now_s: float, *, discontinuity: bool = False) -> None:
        self.cuts.append(time_s)

    def advance(self, published_s: float, now_s: float) -> None:
        self.advanced_s = published_s

    def level(self, end_s: float, now_s: float) -> None:
        self.advanced_s = end_s


def test_text_that_begins_in_the_middle_is_numbered_like_the_others() -> None:
    made = windows("source", "audio")
    packager = Packager(
        CONFIG, GridCutter(target_s=2), leader=VIDEO, windows=made, passthrough={1: "source", 2: "audio"}
    )
    packager.set_source_track(VIDEO, 0.0)
    packager.set_source_track(AUDIO, 0.0)
    units = interleaved(9)
    for unit in (unit for unit in units if unit.dts_s < 3):
        packager.push_source(unit, unit.dts_s)
    # Segments 0 and 1 have begun, and the cut of segment 2 at four seconds is known.
    assert packager.ahead == WindowCheckpoint(3, 0)
    words = Words()
    packager.add_text(words)
    for unit in (unit for unit in units if unit.dts_s >= 3):
        packager.push_source(unit, unit.dts_s)
    assert words.cuts[0] == 6
    assert words.advanced_s == packager.published_s
