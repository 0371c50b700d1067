"""Which rungs a source gets: DESIGN section 3 "Ladder", and INTERFACE's live.ladder."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import cache

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcoder.codecs import avc
from transcoder.ladder import Ladder, LadderError, give_up_order, plan
from transcoder.media import Codec, Track


@cache
def avc_config(profile: str = "high", pixel_format: str = "yuv420p", *, interlaced: bool = False) -> bytes:
    """A real encoder's avcC."""
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = 320, 192, pixel_format
    encoder.time_base = Fraction(1, 30)
    encoder.flags |= av.codec.context.Flags.global_header
    encoder.options = {"profile": profile, "x264-params": f"interlaced={int(interlaced)}"}
    encoder.open()
    return avc.config_from_annexb(encoder.extradata or b"")


def video(
    width: int = 1280,
    height: int = 720,
    codec: Codec = Codec.H264,
    frame_rate: Fraction | None = Fraction(30),
    sample_aspect: Fraction = Fraction(1),
    config: bytes | None = None,
) -> Track:
    if config is None:
        config = avc_config() if codec is Codec.H264 else b""
    return Track(
        track_id=1,
        codec=codec,
        timescale=90_000,
        config=config,
        width=width,
        height=height,
        frame_rate=frame_rate,
        sample_aspect=sample_aspect,
    )


def audio(
    config: bytes = b"\x12\x10", codec: Codec = Codec.AAC, rate: int = 44_100, channels: int = 2
) -> Track:
    return Track(track_id=2, codec=codec, timescale=rate, config=config, sample_rate=rate, channels=channels)


def names(ladder: Ladder) -> list[str]:
    return [rendition.name for rendition in ladder.video]


def of(track: Track, setting: str | list[str] = "auto", *, long_gop: bool = False) -> Ladder:
    return plan({track.track_id: track}, setting, long_gop=long_gop)


@pytest.mark.parametrize(
    ("height", "expected"),
    [
        (2160, ["source", "1080p", "720p", "480p", "360p"]),
        (1080, ["source", "720p", "480p", "360p"]),
        (720, ["source", "480p", "360p"]),
        (480, ["source", "360p"]),
        (360, ["source"]),
        (240, ["source"]),
    ],
)
def test_playable_h264_is_passed_through_and_rungs_lie_strictly_below(
    height: int, expected: list[str]
) -> None:
    ladder = of(video(height * 16 // 9, height))
    assert names(ladder) == expected
    assert ladder.video[0].passthrough
    assert not any(rendition.passthrough for rendition in ladder.video[1:])
    assert ladder.needs_worker == (len(expected) > 1)


@pytest.mark.parametrize("codec", [Codec.H265, Codec.AV1, Codec.VP9])
def test_other_codecs_are_an_extra_rung_above_h264_up_to_their_own_height(codec: Codec) -> None:
    ladder = of(video(codec=codec))
    assert names(ladder) == ["source", "720p", "480p", "360p"]
    assert ladder.video[0].codec is codec
    assert {rendition.codec for rendition in ladder.video[1:]} == {Codec.H264}


@pytest.mark.parametrize(
    "config",
    [
        avc_config("high10", "yuv420p10le"),
        avc_config("high422", "yuv422p"),
        avc_config("high444", "yuv444p"),
        avc_config(interlaced=True),
        b"\x01broken",
    ],
    ids=["10 bit", "4:2:2", "4:4:4", "interlaced", "broken"],
)
def test_h264_that_browsers_do_not_play_is_encoded_in_all_rungs(config: bytes) -> None:
    assert names(of(video(config=config))) == ["720p", "480p", "360p"]


@pytest.mark.parametrize("profile", ["baseline", "main", "high"])
def test_profiles_up_to_high_pass(profile: str) -> None:
    assert of(video(config=avc_config(profile))).video[0].passthrough


def test_sync_points_too_far_apart_are_encoded_in_all_rungs() -> None:
    assert names(of(video(), long_gop=True)) == ["720p", "480p", "360p"]
    assert names(of(video(codec=Codec.H265), long_gop=True)) == ["720p", "480p", "360p"]


def test_bitrates_are_the_issues() -> None:
    ladder = of(video(1920, 1080), ["1080p", "720p", "480p", "360p"])
    assert [rendition.bitrate_bps for rendition in ladder.video] == [5_000_000, 2_500_000, 1_200_000, 800_000]


def test_a_small_source_that_cannot_pass_gets_one_rung_of_its_own_size() -> None:
    (rung,) = of(video(321, 241, config=avc_config("high422", "yuv422p"))).video
    assert (rung.name, rung.width, rung.height) == ("241p", 320, 240)
    assert 200_000 <= (rung.bitrate_bps or 0) < 800_000


def test_explicit_rungs_are_encoded_without_the_source() -> None:
    assert names(of(video(), ["480p", "720p", "480p"])) == ["720p", "480p"]


def test_no_rung_is_above_the_source() -> None:
    assert names(of(video(), ["1080p", "480p"])) == ["480p"]
    assert names(of(video(640, 360), ["1080p", "720p"])) == ["360p"]


def test_passthrough_setting() -> None:
    assert names(of(video(), "passthrough")) == ["source"]
    assert not of(video(), "passthrough").needs_worker
    with pytest.raises(LadderError, match="keyframe at least every 4 s"):
        of(video(), "passthrough", long_gop=True)
    with pytest.raises(LadderError, match="auto"):
        of(video(config=avc_config("high422", "yuv422p")), "passthrough")


@pytest.mark.parametrize("setting", ["best", [], ["720"], ["10p"], ["9999p"], ["0720p"], [""]])
def test_a_wrong_setting_is_told(setting: str | list[str]) -> None:
    with pytest.raises(LadderError):
        of(video(), setting)


def test_anamorphic_pictures_become_square() -> None:
    # PAL 16:9: 720 x 576 at 16:11 shows as 1047 x 576.
    ladder = of(video(720, 576, sample_aspect=Fraction(16, 11)), ["480p"])
    assert (ladder.video[0].width, ladder.video[0].height) == (872, 480)


@pytest.mark.parametrize("aspect", [Fraction(0), Fraction(-1), Fraction(1, 255), Fraction(65535)])
def test_absurd_sample_aspects_are_ignored(aspect: Fraction) -> None:
    assert of(video(sample_aspect=aspect), ["360p"]).video[0].width == 640


def test_upright_pictures_are_named_by_their_short_side() -> None:
    rung = of(video(1080, 1920), ["720p"]).video[0]
    assert (rung.name, rung.width, rung.height) == ("720p", 720, 1280)


@pytest.mark.parametrize(
    ("source", "rung"), [(24, 24), (60, 60), (90, 45), (100, 50), (120, 60), (144, 48), (240, 60)]
)
def test_frame_rate_is_kept_and_above_60_thinned_evenly(source: int, rung: int) -> None:
    assert of(video(frame_rate=Fraction(source)), ["720p"]).video[0].frame_rate == rung


@pytest.mark.parametrize("size", [(0, 0), (8, 8), (8200, 100), (8192, 8192)])
def test_impossible_sizes_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(LadderError):
        of(video(*size))


@pytest.mark.parametrize(
    ("track", "passthrough", "rate"),
    [
        (audio(), True, 44_100),
        (audio(bytes.fromhex("2b920800"), rate=44_100), True, 44_100),  # HE-AAC, explicit SBR
        (audio(bytes.fromhex("0a10")), False, 44_100),  # AAC Main
        (audio(bytes.fromhex("1230"), channels=6), False, 44_100),  # AAC-LC 5.1
        (audio(bytes.fromhex("1588"), rate=8_000, channels=1), False, 48_000),  # AAC-LC 8 kHz
        (audio(b"", Codec.MP3), False, 44_100),
        (audio(b"", Codec.OPUS, 48_000), False, 48_000),
    ],
    ids=["lc", "he", "main", "5.1", "8 kHz", "mp3", "opus"],
)
def test_sound(track: Track, passthrough: bool, rate: int) -> None:
    (rendition,) = plan({2: track}).audio
    assert (rendition.name, rendition.passthrough, rendition.sample_rate) == ("audio", passthrough, rate)
    assert rendition.bitrate_bps == (None if passthrough else 128_000)


@pytest.mark.parametrize(
    ("codec", "rate", "encoded_rate"),
    [(Codec.FLAC, 96_000, 48_000), (Codec.AC3, 48_000, 48_000), (Codec.EAC3, 44_100, 44_100)],
)
def test_sound_that_no_browser_plays_everywhere_becomes_aac(
    codec: Codec, rate: int, encoded_rate: int
) -> None:
    (rendition,) = plan({2: audio(b"", codec, rate, channels=6)}).audio
    assert (rendition.codec, rendition.passthrough) == (Codec.AAC, False)
    assert (rendition.sample_rate, rendition.channels) == (encoded_rate, 2)


def test_every_sound_track_is_a_rendition_with_its_language_and_name() -> None:
    tracks = {
        4: replace(audio(), track_id=4, language="de", name="Kommentar"),
        2: replace(audio(), language="en"),
        6: replace(audio(b"", Codec.OPUS, 48_000), track_id=6),
    }
    made = plan(tracks).audio
    assert [(each.name, each.language, each.label) for each in made] == [
        ("audio", "en", None),
        ("audio-4", "de", "Kommentar"),
        ("audio-6", None, None),
    ]
    assert [each.passthrough for each in made] == [True, True, False]


def multitrack(*tracks: Track) -> dict[int, Track]:
    return {1 + 2 * number: replace(track, track_id=1 + 2 * number) for number, track in enumerate(tracks)}


def test_the_rungs_that_obs_sends_are_passed_through_and_nothing_is_encoded() -> None:
    tracks = multitrack(video(1920, 1080), video(854, 480), video(1280, 720), video(640, 360))
    for setting in ("auto", "passthrough"):
        ladder = plan(tracks, setting)
        assert names(ladder) == ["source", "720p", "480p", "360p"]
        assert [rung.source_track_id for rung in ladder.video] == [1, 5, 3, 7]
        assert not ladder.needs_worker


def test_further_tracks_of_one_size_keep_names_of_their_own() -> None:
    tracks = multitrack(video(), video(codec=Codec.H265), video(640, 360), video(640, 360, codec=Codec.AV1))
    assert names(plan(tracks)) == ["source", "720p", "360p", "360p-7"]


def test_further_tracks_that_cannot_be_passed_are_left_out() -> None:
    ten_bit = video(640, 360, config=avc_config("high10", "yuv420p10le"))
    assert names(plan(multitrack(video(), ten_bit, video(0, 0)))) == ["source", "480p", "360p"]
    assert names(plan(multitrack(ten_bit, video()))) == ["360p"]
    assert names(plan(multitrack(video(), video(640, 360)), long_gop=True)) == ["720p", "480p", "360p"]


def test_listed_rungs_are_made_of_the_largest_track() -> None:
    ladder = plan(multitrack(video(640, 360), video(1920, 1080), video(9000, 9000)), ["720p", "360p"])
    assert [(rung.name, rung.source_track_id) for rung in ladder.video] == [("720p", 3), ("360p", 3)]


def test_what_may_be_given_up() -> None:
    wanted = ("1080p", "720p", "480p", "360p")
    assert give_up_order(of(video(1920, 1080)), wanted) == ("720p", "480p", "360p")
    assert give_up_order(of(video(1920, 1080)), ("360p", "360p", "source", "audio")) == ("360p",)
    # Where all is encoded, one quality stays.
    assert give_up_order(of(video(1920, 1080), long_gop=True), wanted) == ("1080p", "720p", "480p")
    assert give_up_order(of(video(640, 360), long_gop=True), wanted) == ()
    assert give_up_order(plan({2: audio()}), wanted) == ()


def test_nothing_is_no_source() -> None:
    with pytest.raises(LadderError):
        plan({})


@given(
    width=st.integers(16, 8192),
    height=st.integers(16, 4608),
    aspect=st.fractions(Fraction(1, 3), Fraction(3)),
    rate=st.none() | st.fractions(Fraction(1), Fraction(300)),
    codec=st.sampled_from([Codec.H264, Codec.H265]),
)
def test_every_encoded_rung_is_even_not_above_the_source_and_distinct(
    width: int, height: int, aspect: Fraction, rate: Fraction | None, codec: Codec
) -> None:
    ladder = of(video(width, height, codec=codec, frame_rate=rate, sample_aspect=aspect))
    encoded = [rendition for rendition in ladder.video if not rendition.passthrough]
    square_height = height if aspect >= 1 else round(height / aspect)
    for rung in encoded:
        assert rung.width % 2 == rung.height % 2 == 0
        assert rung.height <= square_height + 1
        assert rung.frame_rate is None or rung.frame_rate <= 60
    assert len({rendition.name for rendition in ladder.video}) == len(ladder.video) >= 1
