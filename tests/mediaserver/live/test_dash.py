"""The MPD of a run: from real windows with real inits, over discontinuities and to the end."""

from __future__ import annotations

import asyncio
import gzip
from fractions import Fraction

import pytest

from mediaserver.live.dash import DashManifest
from mediaserver.live.output import RenditionOutput, TextOutput
from mediaserver.live.timeline import StreamTimeline
from tests.transcoder.manifests.columns import CONFIG, Columns
from tests.transcoder.manifests.strict_mpd import ReadMpd, read_mpd
from transcoder.cmaf.init import init_segment
from transcoder.codecs import track_from_config
from transcoder.ladder import Rendition
from transcoder.media import Codec, Kind

# x264's own records for 320x180 (High, level 1.2), and a sound of 48 kHz in stereo.
AVCC = bytes.fromhex("0164000cffe100176764000cacb40a0cfcf0800000030080000019478a155001000468ef0fcbfdf8f800")
VIDEO = track_from_config(1, Codec.H264, AVCC)
AUDIO = track_from_config(2, Codec.AAC, bytes.fromhex("1190"))
UNIX_S = 1_700_000_000.0


def rendition(name: str, **more: object) -> Rendition:
    kind = Kind.AUDIO if name.startswith("audio") else Kind.VIDEO
    fields = {"kind": kind, "codec": Codec.AAC if kind is Kind.AUDIO else Codec.H264} | more
    return Rendition(name=name, passthrough=True, source_track_id=1, **fields)  # type: ignore[arg-type]


class Rig:
    def __init__(self, *names: str) -> None:
        self.columns = Columns(*names)
        self.outputs: dict[str, RenditionOutput] = {}
        for name, window in self.columns.windows.items():
            window.set_init(init_segment(AUDIO if name.startswith("audio") else VIDEO))
            self.outputs[name] = RenditionOutput(rendition(name), window, lambda: ())
        self.manifest = DashManifest(
            CONFIG, StreamTimeline(origin_s=100.0, program_origin_s=UNIX_S), segment_target_s=2.0
        )
        self.texts: list[TextOutput] = []

    def text(self, now_s: float = 110.0) -> str | None:
        rendered = self.manifest.get(self.outputs, {"720p": Fraction(25)}, now_s, self.texts)
        return None if rendered is None else rendered.body.decode()

    def mpd(self, now_s: float = 110.0) -> ReadMpd:
        text = self.text(now_s)
        assert text is not None
        return read_mpd(text)


def test_nothing_to_play_is_no_mpd() -> None:
    assert Rig("720p", "audio").text() is None


def test_what_a_player_needs_to_know_of_the_renditions() -> None:
    rig = Rig("720p", "audio")
    rig.columns.segment()
    rig.columns.part("720p", 0.25)
    mpd = rig.mpd()
    assert mpd.start_s == UNIX_S
    assert mpd.attributes["publishTime"] == "2023-11-14T22:13:30.000Z"
    picture, sound = (each.representations[0] for each in mpd.periods[0].sets)
    assert picture.attributes["codecs"] == "avc1.64000c"
    assert (picture.attributes["width"], picture.attributes["height"]) == ("320", "180")
    assert sound.attributes["codecs"] == "mp4a.40.2"
    assert [each.url for each in picture.segments] == ["720p/e-0.m4s", "720p/e-1.m4s"]
    opened = rig.outputs["720p"].window.open_segment
    assert opened is not None
    assert opened.init is not None
    assert picture.template["initialization"] == f"720p/{opened.init.name}"
    for each in (picture, sound):
        # A segment can be asked for as soon as its first part is there.
        segment = each.segments[-1]
        length_s = segment.duration / int(each.template["timescale"])
        assert float(each.template["availabilityTimeOffset"]) == pytest.approx(length_s - 0.25)


def test_it_is_written_once_for_each_change_that_it_shows() -> None:
    rig = Rig("720p", "audio")
    rig.columns.segment()
    first = rig.manifest.get(rig.outputs, {}, 102.0)
    assert rig.manifest.get(rig.outputs, {}, 103.0) is first
    rig.columns.part("720p", 0.25)
    second = rig.manifest.get(rig.outputs, {}, 103.0)
    assert first is not None
    assert second is not None
    assert second.etag != first.etag
    rig.columns.part("720p", 0.25)
    assert rig.manifest.get(rig.outputs, {}, 103.0) is second
    assert rig.manifest.renders == 2
    assert gzip.decompress(second.gzip) == second.body


def test_segments_appear_in_order_and_what_was_said_stays_true() -> None:
    rig = Rig("720p", "audio")
    told: dict[str, tuple[object, object]] = {}
    for _ in range(40):
        rig.columns.segment()
        for name in ("720p", "audio"):
            rig.columns.part(name, 2.0)
        for each in rig.mpd().periods[0].representations.values():
            for segment in each.segments:
                seen = (segment.start, segment.duration)
                assert told.setdefault(segment.url, seen) == seen
        for name, window in rig.columns.windows.items():
            window.end_segment(rig.columns.at_s[name])
    assert len(rig.mpd().periods[0].representations["720p"].segments) < 20


def test_another_size_after_an_interruption_is_another_period() -> None:
    rig = Rig("720p", "audio")
    rig.columns.segment()
    rig.mpd()
    larger = init_segment(track_from_config(1, Codec.H264, AVCC, frame_rate=Fraction(50)))
    other = larger.replace(b"avc1", b"avc3")
    rig.columns.interrupt(away_s=3.25, **{"720p": other})
    rig.columns.segment()
    mpd = rig.mpd()
    assert [(period.id, period.start) for period in mpd.periods] == [("0", 0), ("1", 2)]
    before, after = (period.representations["720p"] for period in mpd.periods)
    assert before.template["initialization"] != after.template["initialization"]
    assert after.template["presentationTimeOffset"] == "180000"
    assert after.segments[0].start == Fraction(21, 4)
    assert [one.id for one in mpd.periods[0].sets] == [one.id for one in mpd.periods[1].sets]
    # The sound went on as it was: that can be said, of the pictures it cannot.
    assert [one.values("SupplementalProperty") for one in mpd.periods[1].sets] == [[], ["0"]]


def test_a_name_that_only_gets_what_another_has_is_left_out_of_what_follows() -> None:
    rig = Rig("720p", "480p")
    rig.columns.segment()
    rig.mpd()
    rig.outputs["720p"].listed = False
    rig.columns.interrupt()
    rig.columns.segment()
    assert [list(period.representations) for period in rig.mpd().periods] == [["720p", "480p"], ["480p"]]


def test_every_sound_is_a_set_the_first_is_the_main_one() -> None:
    rig = Rig("720p", "audio", "audio-4", "audio-6")
    for name, language in (("audio", "en"), ("audio-4", "de"), ("audio-6", "en")):
        output = rig.outputs[name]
        output.rendition = rendition(name, language=language, label=f"{language} {name}")
    rig.columns.segment()
    sets = rig.mpd().periods[0].sets
    assert [one.id for one in sets] == ["1", "100", "104", "106"]
    assert [one.values("Role") for one in sets] == [["main"], ["main"], ["dub"], ["alternate"]]
    assert [one.attributes.get("lang") for one in sets] == [None, "en", "de", "en"]


def test_captions_in_the_pictures_are_told() -> None:
    rig = Rig("720p", "audio")
    rig.columns.segment()
    window = rig.columns.windows["720p"]
    rig.texts = [TextOutput(channel, "en", window, lambda: ()) for channel in ("CC1", "TEXT")]
    pictures, sounds = rig.mpd().periods[0].sets
    assert pictures.values("Accessibility") == ["CC1=eng"]
    assert sounds.values("Accessibility") == []


def test_the_end_is_static_and_lists_what_is_left() -> None:
    rig = Rig("720p", "audio")
    for _ in range(3):
        rig.columns.segment()
    for output in rig.outputs.values():
        output.window.end()
    mpd = rig.mpd()
    assert mpd.attributes["type"] == "static"
    assert mpd.attributes["mediaPresentationDuration"] == "PT6S"
    assert len(mpd.periods[0].representations["audio"].segments) == 3


def test_an_init_that_is_none_is_not_offered() -> None:
    rig = Rig("720p", "audio")
    rig.columns.interrupt(audio=b"nonsense")
    rig.columns.segment()
    assert list(rig.mpd().periods[0].representations) == ["720p"]


def test_the_clock_is_the_streams_own() -> None:
    assert Rig("audio").manifest.clock_ms(101.5) == 1_700_000_001_500


async def until_held(output: RenditionOutput) -> None:
    while not output.waiting:  # noqa: ASYNC110 - there is no event to wait for
        await asyncio.sleep(0)


class TestNews:
    """Whoever has the newest MPD is held where the next segments are due, and only there."""

    def rig(self) -> Rig:
        rig = Rig("720p", "audio")
        rig.columns.segment()
        rig.columns.segment()
        return rig

    async def wait(self, rig: Rig, now_s: float) -> None:
        """Fails where it is held for longer than it takes the loop to turn."""
        async with asyncio.timeout(0):
            await rig.manifest.wait_news(rig.outputs, now_s)

    @pytest.mark.parametrize("now_s", [4.3, 4.9, 5.6])
    async def test_in_the_middle_of_a_segment_nobody_is_held(self, now_s: float) -> None:
        rig = self.rig()
        for name in rig.outputs:
            rig.columns.part(name, 0.25)
        await self.wait(rig, now_s)

    async def test_before_the_next_segment_the_answer_waits_for_all_renditions(self) -> None:
        rig = self.rig()
        for name in rig.outputs:
            rig.columns.part(name, 1.75)
        held = asyncio.create_task(rig.manifest.wait_news(rig.outputs, 5.9))
        for name, output in rig.outputs.items():
            await until_held(output)
            assert not held.done()
            output.window.end_segment(6.0)
            rig.columns.part(name, 0.25)
            output.notify()
        await held

    async def test_between_two_segments_too(self) -> None:
        held = asyncio.create_task(self.rig_and_wait())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await held

    async def rig_and_wait(self) -> None:
        rig = self.rig()
        await rig.manifest.wait_news(rig.outputs, 4.1)

    async def test_a_source_that_is_overdue_holds_nobody(self) -> None:
        await self.wait(self.rig(), 5.0)

    async def test_without_media_there_is_nothing_to_wait_for(self) -> None:
        await self.wait(Rig("720p"), 0.0)

    async def test_a_server_that_stops_lets_go(self) -> None:
        rig = self.rig()
        held = asyncio.create_task(rig.manifest.wait_news(rig.outputs, 4.1))
        await until_held(rig.outputs["720p"])
        for output in rig.outputs.values():
            output.stop()
        await held


class TestMedia:
    """Who opens the MPD where there is no media near the live edge waits until there is some."""

    async def test_with_media_nobody_waits(self) -> None:
        rig = Rig("720p", "audio")
        rig.columns.segment()
        async with asyncio.timeout(0):
            await rig.manifest.wait_media(rig.outputs, 3.9)
            await Rig("720p").manifest.wait_media({}, 100.0)

    async def test_in_a_hole_the_answer_comes_with_the_media(self) -> None:
        rig = Rig("720p", "audio")
        rig.columns.segment()
        rig.columns.segment(gap=("720p", "audio"))
        waiting = asyncio.create_task(rig.manifest.wait_media(rig.outputs, 4.1))
        output = rig.outputs["720p"]
        await until_held(output)
        rig.columns.part("720p", 0.25, gap=True)
        output.notify()
        await until_held(output)
        rig.columns.part("720p", 0.25)
        output.notify()
        await waiting

    async def test_what_is_over_is_not_waited_for(self) -> None:
        rig = Rig("720p")
        rig.columns.segment()
        rig.outputs["720p"].window.end()
        async with asyncio.timeout(0):
            await rig.manifest.wait_media(rig.outputs, 100.0)
