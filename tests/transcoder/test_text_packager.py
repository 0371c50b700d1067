"""WebVTT parts and segments on time, with the cues that belong into them."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction

import pytest

from tests.transcoder.manifests.strict_playlist import read_media
from transcoder.captions.cue import Cue, Placement, Span, plain_line
from transcoder.captions.webvtt import Piece, document, timestamp
from transcoder.codecs import track_from_config
from transcoder.cutter import GridCutter, SyncCutter
from transcoder.manifests.config import WindowConfig
from transcoder.manifests.hls import render
from transcoder.manifests.segment import Media
from transcoder.manifests.window import MediaWindow
from transcoder.media import AccessUnit, Codec
from transcoder.packager import Packager, PackagerConfig
from transcoder.text_packager import TextPackager

WINDOW = WindowConfig(target_duration_s=4, part_target_s=0.25, window_s=30)
CONFIG = PackagerConfig(
    part_target_s=0.25,
    segment_target_s=2.0,
    max_segment_s=4.0,
    offset_s=100.0,
    program_origin_s=1_700_000_000.0,
)


def cue(text: str, start_s: float, end_s: float | None, cue_id: int = 0) -> Cue:
    return Cue(start_s=start_s, end_s=end_s, lines=(plain_line(text),), channel="CC1", cue_id=cue_id)


class Texts:
    """A text packager whose clock goes with the media."""

    def __init__(self, offset_s: float = 100.0) -> None:
        self.window = MediaWindow(WINDOW, "e", content_type="text/vtt", extension="vtt")
        config = PackagerConfig(
            part_target_s=0.25,
            segment_target_s=2.0,
            max_segment_s=4.0,
            offset_s=offset_s,
            program_origin_s=CONFIG.program_origin_s,
        )
        self.packager = TextPackager(self.window, config)

    def cut(self, time_s: float, *, discontinuity: bool = False) -> None:
        self.packager.cut_at(time_s, time_s, discontinuity=discontinuity)

    def to(self, time_s: float) -> None:
        self.packager.advance(time_s, time_s)

    def body(self, name: str) -> str:
        media = self.window.lookup(name)
        assert isinstance(media, Media), name
        return b"".join(media.chunks).decode()

    def cues(self, name: str) -> list[tuple[str, str, str]]:
        """(start, end, text) of each."""
        return re.findall(r"^(\S+) --> (\S+).*\n((?:.+\n)+)", self.body(name), re.MULTILINE)


class TestParts:
    def test_they_come_on_time_without_any_words(self) -> None:
        texts = Texts()
        texts.cut(0.0)
        texts.to(0.24)
        assert texts.window.position is None
        texts.to(0.25)
        assert texts.body("e-0.0.vtt") == ("WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:01:40.000,MPEGTS:9000000\n")
        texts.to(0.76)
        assert texts.window.position is not None
        assert texts.window.position.part == 2

    def test_segments_are_those_of_the_other_renditions(self) -> None:
        texts = Texts()
        texts.cut(0.0)
        texts.to(1.9)
        texts.cut(1.92)
        texts.to(2.5)
        texts.cut(3.84, discontinuity=True)
        texts.to(4.2)
        playlist = read_media(render(texts.window))
        assert [float(segment.duration) for segment in playlist.segments] == [1.92, 1.92]
        assert [len(segment.parts) for segment in playlist.segments] == [8, 8]
        assert playlist.segments[0].program_time == "2023-11-14T22:15:00.000Z"
        assert playlist.segments[1].program_time == "2023-11-14T22:15:01.920Z"
        assert texts.window.open_segment is not None
        assert texts.window.open_segment.discontinuity
        assert 'URI="e-2.0.vtt"' in render(texts.window)
        assert "EXT-X-MAP" not in render(texts.window)

    def test_the_decode_time_is_that_of_the_other_renditions(self) -> None:
        texts = Texts()
        texts.cut(0.5)
        texts.to(1.0)
        segment = texts.window.open_segment
        assert segment is not None
        assert (segment.decode_time, segment.duration_ticks, segment.timescale) == (9_045_000, 45_000, 90_000)

    def test_over_a_hole_in_the_source_a_segment_is_no_longer_than_it_may_be(self) -> None:
        texts = Texts()
        for time_s in (0.0, 2.0, 4.0):
            texts.cut(time_s)
        texts.to(5.0)
        texts.cut(12.0)
        texts.to(12.5)
        texts.packager.level(13.0, 13.0)
        segments = list(texts.window.segments)
        assert len(segments) == 4
        assert max(segment.duration_us for segment in segments) < 4_500_000
        assert segments[-1].program_time_ms - segments[0].program_time_ms == 12_000

    def test_levelling_closes_the_last_part(self) -> None:
        texts = Texts()
        texts.cut(0.0)
        texts.to(0.6)
        texts.packager.level(0.6, 0.6)
        playlist = read_media(render(texts.window))
        assert [float(part.duration) for part in playlist.segments[0].parts] == [0.25, 0.25, 0.1]

    def test_a_cut_that_was_known_before_its_time(self) -> None:
        texts = Texts()
        texts.cut(0.0)
        texts.cut(2.0)
        texts.to(2.1)
        texts.cut(4.0)
        texts.to(4.3)
        playlist = read_media(render(texts.window))
        assert [float(segment.duration) for segment in playlist.segments] == [2.0, 2.0]

    def test_nothing_before_the_first_cut(self) -> None:
        texts = Texts()
        texts.to(3.0)
        texts.cut(4.0)
        texts.to(4.25)
        assert texts.window.position is not None
        assert texts.cues("e-0.0.vtt") == []


class TestCues:
    def test_a_cue_with_an_end_has_the_same_times_wherever_it_stands(self) -> None:
        texts = Texts()
        texts.cut(0.0)
        texts.packager.add(cue("hello", 1.9, 2.3))
        texts.to(2.0)
        texts.cut(2.0)
        texts.to(2.5)
        told = [("00:01:41.900", "00:01:42.300", "hello\n")]
        assert texts.cues("e-0.vtt") == told
        assert texts.cues("e-0.7.vtt") == texts.cues("e-1.0.vtt") == texts.cues("e-1.1.vtt") == told

    def test_one_that_is_still_shown_goes_on_piece_by_piece_without_a_hole(self) -> None:
        texts = Texts()
        texts.cut(0.0)
        texts.packager.add(cue("now", 0.1, None, 1))
        texts.to(0.5)
        texts.packager.add(cue("now", 0.1, 0.6, 1))
        texts.to(1.0)
        assert texts.cues("e-0.0.vtt") == [("00:01:40.100", "00:01:40.250", "now\n")]
        assert texts.cues("e-0.1.vtt") == [("00:01:40.250", "00:01:40.500", "now\n")]
        assert texts.cues("e-0.2.vtt") == [("00:01:40.500", "00:01:40.600", "now\n")]
        assert texts.cues("e-0.3.vtt") == []

    def test_a_segment_has_exactly_the_cues_of_its_parts(self) -> None:
        texts = Texts()
        texts.cut(0.0)
        texts.packager.add(cue("long", 0.0, 1.5))
        texts.packager.add(cue("now", 0.1, None, 1))
        texts.to(1.0)
        texts.cut(1.0)
        texts.to(1.1)
        parts = [each for part in range(4) for each in texts.cues(f"e-0.{part}.vtt")]
        assert texts.cues("e-0.vtt") == list(dict.fromkeys(parts))
        assert texts.body("e-0.vtt").count("WEBVTT") == 1

    def test_one_that_came_and_went_within_a_part_is_whole(self) -> None:
        texts = Texts()
        texts.cut(0.0)
        texts.packager.add(cue("blink", 0.05, None, 1))
        texts.packager.add(cue("blink", 0.05, 0.2, 1))
        texts.to(0.5)
        assert texts.cues("e-0.0.vtt") == [("00:01:40.050", "00:01:40.200", "blink\n")]

    def test_the_next_one_does_not_begin_before_what_was_written_of_the_one_before(self) -> None:
        texts = Texts()
        texts.cut(0.0)
        texts.packager.add(cue("one", 0.0, None, 1))
        texts.to(0.5)
        texts.packager.add(cue("one", 0.0, 0.45, 1))
        texts.packager.add(cue("two", 0.45, None, 2))
        texts.to(0.75)
        assert texts.cues("e-0.2.vtt") == [("00:01:40.500", "00:01:40.750", "two\n")]

    def test_what_is_over_before_it_is_told_is_dropped_and_counted(self) -> None:
        texts = Texts()
        texts.cut(0.0)
        texts.to(1.0)
        texts.packager.add(cue("late", 0.1, 0.3))
        texts.to(2.0)
        assert texts.packager.dropped_cues == 1

    def test_so_many_cues_are_kept_and_no_more(self) -> None:
        texts = Texts()
        texts.cut(0.0)
        for number in range(1000):
            texts.packager.add(cue(f"c{number}", 0.0, None, number + 1))
        texts.to(0.25)
        assert len(texts.cues("e-0.0.vtt")) == 64
        assert texts.packager.dropped_cues == 936

    def test_captions_that_wait_for_their_order_hold_the_part_back_a_little(self) -> None:
        texts = Texts()
        settled = [0.2]
        texts.packager = TextPackager(texts.window, CONFIG, settled=lambda: settled[0])
        texts.cut(0.0)
        texts.to(0.3)
        assert texts.window.position is None
        settled[0] = 0.27
        texts.to(0.34)
        assert texts.window.position is not None
        texts.to(0.8)  # nothing settles any more: the picture stays away
        assert texts.window.position.part == 1


class TestText:
    def test_markup_is_escaped_and_style_kept(self) -> None:
        lines = ((Span("a < b & "), Span("so", italic=True, underline=True)), plain_line("--> second"))
        text = document(0, [Piece(0, 1500, lines, Placement())]).decode()
        assert text == (
            "WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:0\n\n"
            "00:00:00.000 --> 00:00:01.500\n"
            "a &lt; b &amp; <i><u>so</u></i>\n--&gt; second\n"
        )

    def test_no_line_can_end_its_cue(self) -> None:
        text = document(
            0, [Piece(0, 1, (plain_line("a\n\nb"), plain_line(" "), plain_line("c")), Placement())]
        )
        assert text.decode().endswith("--> 00:00:00.001\na  b\nc\n")

    def test_a_place(self) -> None:
        text = document(0, [Piece(0, 1, (plain_line("x"),), Placement(10.0, 26.67))]).decode()
        assert "00:00:00.001 line:10% position:26.67% align:start\n" in text

    @pytest.mark.parametrize(
        ("start_ms", "mpegts"),
        [(0, 0), (1, 90), (95_443_717, 8_589_934_530), (95_443_718, 28), (2 * 95_443_718, 56)],
    )
    def test_the_map_wraps_at_33_bits_and_the_cue_times_go_on(self, start_ms: int, mpegts: int) -> None:
        # RFC 8216bis 3.1.4: "the WebVTT Segment SHOULD have an X-TIMESTAMP-MAP header that maps the current
        # WebVTT time to the new (low valued) PES timestamp".
        head = document(start_ms, []).decode().splitlines()[1]
        assert head == f"X-TIMESTAMP-MAP=LOCAL:{timestamp(start_ms)},MPEGTS:{mpegts}"

    def test_hours_take_as_many_digits_as_they_need(self) -> None:
        assert timestamp(360_000_000 + 61_001) == "100:01:01.001"


AVCC = bytes.fromhex("0164000cffe100176764000cacb40a0cfcf0800000030080000019478a155001000468ef0fcbfdf8f800")
VIDEO = track_from_config(1, Codec.H264, AVCC)


def picture(number: int) -> AccessUnit:
    tick = 3600
    return AccessUnit(1, Codec.H264, 90_000, number * tick, number * tick, 0, number % 25 == 0, b"v", 0.0)


@pytest.mark.parametrize("cutter", ["sync", "grid"])
@pytest.mark.parametrize("moment", [0, 1, 5, 6, 7, 24, 25, 26, 49, 50, 51, 56, 57, 74, 75, 76, 99, 100, 101])
def test_words_that_begin_at_any_moment_have_the_numbers_of_the_pictures(cutter: str, moment: int) -> None:
    cut = SyncCutter(target_s=1, max_segment_s=4) if cutter == "sync" else GridCutter(target_s=1)
    windows = {"source": MediaWindow(WINDOW, "e", first_msn=40, discontinuity_sequence=3)}
    windows["source"].discontinuity()
    packager = Packager(CONFIG, cut, leader=VIDEO, windows=windows, passthrough={1: "source"})
    packager.set_source_track(VIDEO, 0.0)
    text: MediaWindow | None = None
    for number in range(250):
        if number == 75:
            packager.set_source_track(replace(VIDEO, sample_aspect=Fraction(4, 3)), number / 25)
        packager.push_source(picture(number), number / 25)
        if number == moment:
            ahead = packager.ahead
            text = MediaWindow(WINDOW, "e", ahead.next_msn, ahead.discontinuity_sequence, extension="vtt")
            packager.add_text(TextPackager(text, CONFIG))
    assert text is not None
    pictures = {each.msn: each for each in read_media(render(windows["source"])).segments}
    words = read_media(render(text)).segments
    assert len(words) >= 3
    for each in words:
        other = pictures[each.msn]
        assert (each.program_time, each.duration) == (other.program_time, other.duration)
        assert each.discontinuity_number == other.discontinuity_number
