"""The multivariant playlist from what renditions are at this moment."""

from dataclasses import replace
from fractions import Fraction

from mediaserver.live.multivariant import multivariant_text
from mediaserver.live.output import RenditionOutput, TextOutput
from tests.e2e.playlists import variants
from tests.mediaserver.live.conftest import AUDIO, VIDEO
from tests.transcoder.manifests.strict_playlist import read_multivariant
from transcoder.ladder import Rendition
from transcoder.manifests.config import WindowConfig
from transcoder.manifests.window import MediaWindow
from transcoder.media import Codec, Kind, Track

CONFIG = WindowConfig(target_duration_s=4, part_target_s=0.25, window_s=30)


def output(
    name: str, track: Track | None, *, parts: int = 8, size: int = 10_000, bitrate_bps: int | None = None
) -> RenditionOutput:
    kind = Kind.AUDIO if name.startswith("audio") else Kind.VIDEO
    rendition = Rendition(
        name=name,
        kind=kind,
        codec=Codec.AAC if kind is Kind.AUDIO else Codec.H264,
        passthrough=bitrate_bps is None,
        width=track.width if track else 0,
        height=track.height if track else 0,
        bitrate_bps=bitrate_bps,
        source_track_id=1,
    )
    window = MediaWindow(CONFIG, "e")
    window.set_init(b"init")
    for _ in range(parts):
        window.add_part(bytes(size), duration_s=0.25, independent=True, now_s=0.0, program_time_s=0.0)
    window.end_segment(0.0)
    made = RenditionOutput(rendition, window, lambda: [])
    made.track = track
    return made


def test_bandwidth_is_picture_and_sound_together_as_measured() -> None:
    text = multivariant_text(
        [output("source", VIDEO), output("audio", AUDIO, size=1_000)], {"source": Fraction(25)}
    )
    source = variants(text)["source/media.m3u8"]
    assert int(source["BANDWIDTH"]) == int(source["AVERAGE-BANDWIDTH"]) == (10_000 + 1_000) * 8 * 4
    assert source["CODECS"] == "avc1.64000c,mp4a.40.2"
    assert source["AUDIO"] == "audio"
    assert source["FRAME-RATE"] == "25.000"


def test_before_anything_was_measured_the_encoders_target_counts() -> None:
    fresh = output("720p", VIDEO, parts=1, bitrate_bps=2_500_000)
    fresh.window.bandwidth.__init__(4.0, 30.0)
    (variant,) = variants(multivariant_text([fresh], {})).values()
    assert int(variant["BANDWIDTH"]) > 2_500_000
    assert "AVERAGE-BANDWIDTH" not in variant


def test_a_rendition_without_a_part_is_not_listed() -> None:
    text = multivariant_text([output("source", VIDEO), output("720p", None, parts=0)], {})
    assert list(variants(text)) == ["source/media.m3u8"]


def test_sound_alone_is_a_variant() -> None:
    (sound,) = variants(multivariant_text([output("audio", AUDIO)], {})).values()
    assert sound["CODECS"] == "mp4a.40.2"
    assert "RESOLUTION" not in sound
    assert "AUDIO" not in sound


def test_nothing_to_play_is_no_playlist() -> None:
    assert multivariant_text([], {}) is None
    assert multivariant_text([output("source", None, parts=0)], {}) is None


HE_AAC = replace(AUDIO, config=bytes.fromhex("2b09880800"))
"""HE-AAC: SBR over AAC-LC of 24 kHz (ISO 14496-3 1.6.2.1, explicit hierarchical signalling)."""


def test_variants_name_the_codecs_of_all_their_sounds_and_the_rate_of_the_largest() -> None:
    outputs = [
        output("source", VIDEO),
        output("audio", AUDIO, size=1_000),
        output("audio-4", HE_AAC, size=3_000),
    ]
    text = multivariant_text(outputs, {})
    assert text is not None
    source = variants(text)["source/media.m3u8"]
    assert source["CODECS"] == "avc1.64000c,mp4a.40.2,mp4a.40.5"
    assert int(source["BANDWIDTH"]) == (10_000 + 3_000) * 8 * 4
    _, media = read_multivariant(text)
    assert [(each["NAME"], each["DEFAULT"], each["AUTOSELECT"]) for each in media] == [
        ("audio", "YES", "YES"),
        ("audio-4", "NO", "YES"),
    ]


def test_several_sounds_without_a_picture_are_alternatives_not_qualities() -> None:
    text = multivariant_text([output("audio", AUDIO), output("audio-4", AUDIO)], {})
    assert text is not None
    ((attributes, uri),), media = read_multivariant(text)
    assert (uri, attributes["AUDIO"], attributes["CODECS"]) == ("audio/media.m3u8", "audio", "mp4a.40.2")
    assert [each["URI"] for each in media] == ["audio/media.m3u8", "audio-4/media.m3u8"]


def text_output(channel: str, language: str | None) -> TextOutput:
    window = MediaWindow(CONFIG, "e", content_type="text/vtt", extension="vtt")
    window.add_part(b"WEBVTT", duration_s=0.25, independent=True, now_s=0.0, program_time_s=0.0)
    return TextOutput(channel, language, window, lambda: [])


def test_words_are_offered_to_all_variants() -> None:
    texts = {
        "captions": text_output("CC1", None),
        "captions-cc3": text_output("CC3", None),
        "captions-de": text_output("TEXT", "de"),
        "captions-text": text_output("TEXT", None),
    }
    text = multivariant_text([output("source", VIDEO), output("720p", VIDEO)], {}, texts)
    assert text is not None
    found, media = read_multivariant(text)
    assert {attributes["SUBTITLES"] for attributes, _ in found} == {"subtitles"}
    assert [(each["NAME"], each.get("LANGUAGE"), each["URI"]) for each in media] == [
        ("Captions", None, "captions/media.m3u8"),
        ("CC3", None, "captions-cc3/media.m3u8"),
        ("de", "de", "captions-de/media.m3u8"),
        ("Captions 2", None, "captions-text/media.m3u8"),
    ]
