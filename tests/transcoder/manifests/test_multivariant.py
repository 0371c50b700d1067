"""The multivariant playlist against literals, and the rules that its caller may break."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from tests.transcoder.manifests.strict_playlist import read_multivariant
from transcoder.manifests.multivariant import (
    NO_CAPTIONS,
    AudioRendition,
    CaptionRendition,
    SubtitleRendition,
    Variant,
    distinct,
    render,
)

SOURCE = Variant(
    name="source",
    uri="source/media.m3u8",
    codecs=("avc1.64001f", "mp4a.40.2"),
    bandwidth_bps=3_128_000,
    average_bandwidth_bps=2_900_000,
    width=1280,
    height=720,
    frame_rate=Fraction(30000, 1001),
    audio_group="audio",
)
LOW = Variant(
    name="360p",
    uri="360p/media.m3u8",
    codecs=("avc1.4d401e", "mp4a.40.2"),
    bandwidth_bps=1_000_000,
    width=640,
    height=360,
    frame_rate=Fraction(30),
    audio_group="audio",
    video_range="SDR",
)
SOUND = AudioRendition(group="audio", name="Main", uri="audio/media.m3u8", language="en", channels=2)


def test_whole_playlist() -> None:
    assert render([SOURCE, LOW], [SOUND]) == (
        "#EXTM3U\n"
        "#EXT-X-VERSION:6\n"
        "#EXT-X-INDEPENDENT-SEGMENTS\n"
        '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="Main",LANGUAGE="en",DEFAULT=YES,AUTOSELECT=YES,'
        'CHANNELS="2",URI="audio/media.m3u8"\n'
        "#EXT-X-STREAM-INF:BANDWIDTH=3128000,AVERAGE-BANDWIDTH=2900000,"
        'CODECS="avc1.64001f,mp4a.40.2",RESOLUTION=1280x720,FRAME-RATE=29.970,AUDIO="audio"\n'
        "source/media.m3u8\n"
        '#EXT-X-STREAM-INF:BANDWIDTH=1000000,CODECS="avc1.4d401e,mp4a.40.2",RESOLUTION=640x360,'
        'FRAME-RATE=30.000,VIDEO-RANGE=SDR,AUDIO="audio"\n'
        "360p/media.m3u8\n"
    )


def test_sound_alone_is_a_variant_without_picture() -> None:
    variant = Variant(name="audio", uri="audio/media.m3u8", codecs=("mp4a.40.2",), bandwidth_bps=130_000)
    assert render([variant]) == (
        "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-INDEPENDENT-SEGMENTS\n"
        '#EXT-X-STREAM-INF:BANDWIDTH=130000,CODECS="mp4a.40.2"\naudio/media.m3u8\n'
    )


def test_picture_alone_names_no_audio_group() -> None:
    ((attributes, _),), media = read_multivariant(render([replace(SOURCE, audio_group=None)]))
    assert "AUDIO" not in attributes
    assert media == []


def test_frame_rate_is_rounded_to_three_decimals() -> None:
    for rate, text in [
        (Fraction(24000, 1001), "23.976"),
        (Fraction(60000, 1001), "59.940"),
        (Fraction(25), "25.000"),
        (Fraction(15, 2), "7.500"),
        (Fraction(2, 3), "0.667"),
    ]:
        ((attributes, _),), _ = read_multivariant(render([replace(SOURCE, frame_rate=rate)], [SOUND]))
        assert attributes["FRAME-RATE"] == text


def test_codecs_lists_every_format_once() -> None:
    ((attributes, _),), _ = read_multivariant(
        render([replace(SOURCE, codecs=("hvc1.1.6.L93.B0", "opus", "opus"))], [SOUND])
    )
    assert attributes["CODECS"] == "hvc1.1.6.L93.B0,opus"


def test_a_name_cannot_break_out_of_its_quotes() -> None:
    hostile = replace(SOUND, name='a",URI="http://evil/\r\n#EXT-X-ENDLIST', language='e"n\n')
    _, (media,) = read_multivariant(render([SOURCE], [hostile]))
    assert media["URI"] == "audio/media.m3u8"
    assert media["NAME"] == "a',URI='http://evil/  #EXT-X-ENDLIST"


def test_a_default_rendition_is_always_autoselect() -> None:
    _, (media,) = read_multivariant(render([SOURCE], [replace(SOUND, autoselect=False)]))
    assert (media["DEFAULT"], media["AUTOSELECT"]) == ("YES", "YES")


def test_two_renditions_of_sound() -> None:
    second = replace(SOUND, name="Deutsch", language="de", uri="audio2/media.m3u8", default=False)
    _, media = read_multivariant(render([SOURCE], [SOUND, second]))
    assert [(m["NAME"], m["DEFAULT"], m["AUTOSELECT"]) for m in media] == [
        ("Main", "YES", "YES"),
        ("Deutsch", "NO", "YES"),
    ]


@pytest.mark.parametrize(
    ("variants", "audio"),
    [
        ([], []),
        ([SOURCE], []),
        ([SOURCE], [replace(SOUND, group="other")]),
        ([replace(SOURCE, bandwidth_bps=0)], [SOUND]),
        ([replace(SOURCE, codecs=())], [SOUND]),
        ([replace(SOURCE, uri="")], [SOUND]),
        ([replace(SOURCE, uri="a\nb")], [SOUND]),
        ([replace(SOURCE, uri="#x")], [SOUND]),
        ([SOURCE], [SOUND, SOUND]),
        ([SOURCE], [SOUND, replace(SOUND, name="Other")]),
        ([SOURCE], [replace(SOUND, uri='a"b')]),
    ],
)
def test_what_only_the_caller_can_keep_is_checked(
    variants: list[Variant], audio: list[AudioRendition]
) -> None:
    with pytest.raises(ValueError):
        render(variants, audio)


class TestText:
    """4.4.6.1: SUBTITLES and CLOSED-CAPTIONS."""

    SUBTITLES = (
        SubtitleRendition(group="subs", name="CC1", uri="captions/media.m3u8", is_transcript=True),
        SubtitleRendition(group="subs", name="Deutsch", uri="captions-de/media.m3u8", language="de"),
    )

    def variant(self, **more: object) -> Variant:
        return Variant(name="source", uri="source/media.m3u8", codecs=("avc1",), bandwidth_bps=1, **more)  # type: ignore[arg-type]

    def test_subtitles(self) -> None:
        text = render([self.variant(subtitle_group="subs")], subtitles=self.SUBTITLES)
        assert text.splitlines()[3:6] == [
            '#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="subs",NAME="CC1",DEFAULT=NO,AUTOSELECT=YES,FORCED=NO'
            ',CHARACTERISTICS="public.accessibility.transcribes-spoken-dialog'
            ',public.accessibility.describes-music-and-sound",URI="captions/media.m3u8"',
            '#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="subs",NAME="Deutsch",LANGUAGE="de",DEFAULT=NO'
            ',AUTOSELECT=YES,FORCED=NO,URI="captions-de/media.m3u8"',
            '#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS="avc1",SUBTITLES="subs"',
        ]
        read_multivariant(text)

    def test_captions_in_the_video(self) -> None:
        captions = [CaptionRendition(group="cc", name="CC1", instream_id="CC1", language="en")]
        text = render([self.variant(captions="cc")], captions=captions)
        assert (
            '#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID="cc",NAME="CC1",LANGUAGE="en",DEFAULT=NO'
            ',AUTOSELECT=YES,INSTREAM-ID="CC1"\n' in text
        )
        assert text.endswith('CODECS="avc1",CLOSED-CAPTIONS="cc"\nsource/media.m3u8\n')
        read_multivariant(text)

    def test_a_service_needs_version_7(self) -> None:
        captions = [CaptionRendition(group="cc", name="Digital", instream_id="SERVICE3")]
        text = render([self.variant(captions="cc")], captions=captions)
        assert "#EXT-X-VERSION:7\n" in text
        read_multivariant(text)

    def test_no_captions(self) -> None:
        text = render([self.variant(captions=NO_CAPTIONS)])
        assert "CLOSED-CAPTIONS=NONE\n" in text
        read_multivariant(text)

    def test_none_is_for_all_variants_or_for_no_one(self) -> None:
        with pytest.raises(ValueError, match="no captions"):
            render([self.variant(captions=NO_CAPTIONS), self.variant()])

    def test_unknown_groups_are_refused(self) -> None:
        for group in ({"subtitle_group": "x"}, {"captions": "x"}):
            with pytest.raises(ValueError, match="unknown group"):
                render([self.variant(**group)])

    def test_a_wrong_instream_id_is_refused(self) -> None:
        for wrong in ("CC5", "SERVICE0", "SERVICE64", "cc1", 'CC1"'):
            with pytest.raises(ValueError, match="INSTREAM-ID"):
                render([self.variant()], captions=[CaptionRendition(group="c", name="n", instream_id=wrong)])

    def test_names_alike_in_one_group_are_refused(self) -> None:
        twice = [self.SUBTITLES[0], self.SUBTITLES[0]]
        with pytest.raises(ValueError, match="same name"):
            render([self.variant()], subtitles=twice)

    def test_distinct_names(self) -> None:
        assert distinct(["English", "English", "", 'a"b', "English", ""]) == [
            "English",
            "English 2",
            "Track",
            "a'b",
            "English 3",
            "Track 2",
        ]
