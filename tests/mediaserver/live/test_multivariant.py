"""The multivariant playlist from what renditions are at this moment."""

from fractions import Fraction

from mediaserver.live.multivariant import multivariant_text
from mediaserver.live.output import RenditionOutput
from tests.e2e.playlists import variants
from tests.mediaserver.live.conftest import AUDIO, VIDEO
from transcoder.ladder import Rendition
from transcoder.manifests.config import WindowConfig
from transcoder.manifests.window import MediaWindow
from transcoder.media import Codec, Kind, Track

CONFIG = WindowConfig(target_duration_s=4, part_target_s=0.25, window_s=30)


def output(
    name: str, track: Track | None, *, parts: int = 8, size: int = 10_000, bitrate_bps: int | None = None
) -> RenditionOutput:
    kind = Kind.AUDIO if name == "audio" else Kind.VIDEO
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
