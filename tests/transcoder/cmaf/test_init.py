from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from tests.transcoder.codecs.encoded import video
from transcoder import codecs
from transcoder.cmaf import init_segment
from transcoder.cmaf.language import packed_language
from transcoder.cmaf.reader import boxes, read_init
from transcoder.codecs import avc, hevc
from transcoder.codecs.picture import Colour
from transcoder.hdr import ContentLight, Hdr, MasteringDisplay
from transcoder.media import Codec, Track

AAC = codecs.track_from_config(4, Codec.AAC, bytes.fromhex("1190"), language="pt-BR", name="Narração")
OPUS = codecs.track_from_config(4, Codec.OPUS, bytes.fromhex("000201380000bb80000000"))
MP3 = codecs.track_from_config(4, Codec.MP3, b"\xff\xfb\x90\x64")
VP9 = replace(
    codecs.track_from_config(4, Codec.VP9, bytes((0, 31, 0x83, 9, 16, 9, 0, 0))), width=1280, height=720
)


def h264(**kwargs: Any) -> Track:
    extradata = video("libx264", frames=1, **kwargs).extradata
    return codecs.track_from_config(4, Codec.H264, avc.config_from_annexb(extradata))


def test_boxes_in_the_order_that_cmaf_wants() -> None:
    top = list(boxes(init_segment(h264())))
    assert [box.kind for box in top] == ["ftyp", "moov"]
    moov = top[1]
    assert [box.kind for box in moov.children()] == ["mvhd", "trak", "mvex"]
    assert [box.kind for box in moov.child("trak").children()] == ["tkhd", "mdia"]
    assert [box.kind for box in moov.child("trak", "mdia").children()] == ["mdhd", "hdlr", "minf"]
    assert [box.kind for box in moov.child("trak", "mdia", "minf").children()] == ["vmhd", "dinf", "stbl"]
    tables = moov.child("trak", "mdia", "minf", "stbl")
    assert [box.kind for box in tables.children()] == ["stsd", "stts", "stsc", "stsz", "stco"]


def test_brands() -> None:
    # CMAF 7.2: 'cmfc' among the compatible brands.
    assert read_init(init_segment(h264())).brands == ("cmfc", "iso6", "cmfc")


def test_the_publishers_track_number_does_not_matter() -> None:
    assert init_segment(AAC) == init_segment(replace(AAC, track_id=77))
    assert read_init(init_segment(AAC)).track_id == 1


def test_anamorphic_pictures_have_pasp_and_a_wider_track() -> None:
    track = h264(width=720, height=576, sample_aspect=Fraction(64, 45))
    init = read_init(init_segment(track))
    assert (init.width, init.height, init.displayed_width) == (720, 576, 1024)
    assert init.sample_aspect == Fraction(64, 45)
    assert b"pasp" not in init_segment(h264())


def test_colour_is_written_where_it_is_known() -> None:
    assert read_init(init_segment(h264(colour=(1, 1, 1)))).colour == Colour(1, 1, 1)
    assert read_init(init_segment(VP9)).colour == Colour(9, 16, 9, full_range=True)
    assert b"colr" not in init_segment(h264())


def test_hvc1_has_complete_arrays() -> None:
    options = (("x265-params", "log-level=none:pools=1"), ("preset", "ultrafast"))
    config = bytearray(hevc.config_from_annexb(video("libx265", frames=1, options=options).extradata))
    config[23] &= 0x7F
    init = read_init(init_segment(codecs.track_from_config(1, Codec.H265, bytes(config))))
    assert init.entry == "hvc1"
    assert all(array.complete for array in hevc.HevcConfig.parse(init.config).arrays)


@pytest.mark.parametrize(
    ("track", "entry", "object_type", "rate"),
    [(AAC, "mp4a", 0x40, 48_000), (MP3, "mp4a", 0x6B, 44_100), (OPUS, "Opus", 0, 48_000)],
)
def test_sound(track: Track, entry: str, object_type: int, rate: int) -> None:
    init = read_init(init_segment(track))
    assert (init.entry, init.object_type, init.sample_rate, init.channels) == (entry, object_type, rate, 2)
    assert init.timescale == rate
    assert init.config == track.config
    assert init.default_sample_flags == 0x0200_0000


def test_pictures_depend_on_others_unless_told() -> None:
    assert read_init(init_segment(h264())).default_sample_flags == 0x0101_0000


def test_a_sample_rate_that_does_not_fit_is_left_to_the_decoder() -> None:
    track = codecs.track_from_config(1, Codec.AAC, bytes.fromhex("1010"))
    assert track.sample_rate == 96_000
    init = read_init(init_segment(track))
    assert (init.sample_rate, init.timescale) == (0, 96_000)


def test_language_and_name() -> None:
    data = init_segment(AAC)
    assert read_init(data).language == "por"
    assert b"pt-BR\0" in data
    assert "Narração\0".encode() in data
    assert b"elng" not in init_segment(OPUS)
    assert read_init(init_segment(OPUS)).language == "und"


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        (None, "und"),
        ("en", "eng"),
        ("DE-at", "deu"),
        ("gsw", "gsw"),
        ("x1", "und"),
        ("é", "und"),
        ("ééé", "und"),
        ("", "und"),
    ],
)
def test_languages(tag: str | None, code: str) -> None:
    packed = packed_language(tag)
    assert "".join(chr(0x60 + (packed >> shift & 31)) for shift in (10, 5, 0)) == code


def test_a_zero_byte_in_a_name_does_not_end_the_box() -> None:
    track = replace(AAC, name="a\0b" * 100, language="en")
    assert read_init(init_segment(track)).language == "eng"


def test_a_long_configuration_has_a_long_descriptor() -> None:
    track = replace(AAC, config=AAC.config + bytes(300))
    assert read_init(init_segment(track)).config == track.config


def test_what_the_publisher_says_of_colours_stands_above_the_bitstream() -> None:
    plain = h264()
    told = replace(plain, hdr=Hdr(primaries=9, transfer=16, matrix=9))
    assert codecs.colour(told).video_range == "PQ"
    assert read_init(init_segment(told)).colour == Colour(9, 16, 9, codecs.colour(plain).full_range)
    half = replace(VP9, hdr=Hdr(transfer=18))
    assert codecs.colour(half) == replace(codecs.colour(VP9), transfer=18)


def test_mastering_display_and_content_light() -> None:
    """The display of the BBC's HDR test clips: P3 primaries, D65, 1,000 and 0.005 cd/m2."""
    display = MasteringDisplay(
        red=(34_000, 16_000),
        green=(13_250, 34_500),
        blue=(7_500, 3_000),
        white_point=(15_635, 16_450),
        max_luminance=10_000_000,
        min_luminance=50,
    )
    light = ContentLight(max_content=1000, max_frame_average=180)
    data = init_segment(replace(h264(), hdr=Hdr(mastering=display, light=light)))
    body = "33c286c41d4c0bb884d03e803d13404200989680" + "00000032"
    assert b"mdcv" + bytes.fromhex(body) in data
    assert b"clli" + bytes.fromhex("03e800b4") in data
    assert b"mdcv" not in init_segment(replace(h264(), hdr=Hdr(light=light)))
