"""FLV tag bodies: byte vectors by hand from FLV 10.1 annex E and enhanced RTMP v2."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.rtmp.flv import (
    Config,
    FlvError,
    Frame,
    MultichannelConfig,
    SequenceEnd,
    Skipped,
    Tag,
    Unsupported,
    VideoMetadata,
    dops_from_opus_head,
    opus_head_from_dops,
    parse_audio,
    parse_video,
    serialize_audio,
    serialize_together,
    serialize_video,
)
from transcoder.media import Codec, Kind

VIDEO: list[tuple[str, bytes, Tag]] = [
    ("avcC", b"\x17\x00\x00\x00\x00conf", Config(Codec.H264, b"conf")),
    ("key", b"\x17\x01\x00\x00\x50data", Frame(Codec.H264, b"data", 80, True)),
    ("inter, negative", b"\x27\x01\xff\xff\xd8data", Frame(Codec.H264, b"data", -40, False)),
    ("end", b"\x17\x02\x00\x00\x00", SequenceEnd(Codec.H264)),
    ("hvcC", b"\x90hvc1conf", Config(Codec.H265, b"conf")),
    ("hevc with cts", b"\x91hvc1\x00\x00\x21data", Frame(Codec.H265, b"data", 33, True)),
    ("hevc X", b"\xa3hvc1data", Frame(Codec.H265, b"data", 0, False)),
    ("hevc end", b"\x92hvc1", SequenceEnd(Codec.H265)),
    ("av1C", b"\x90av01conf", Config(Codec.AV1, b"conf")),
    ("av1 has no cts", b"\x91av01data", Frame(Codec.AV1, b"data", 0, True)),
    ("vpcC", b"\x90vp09\x00\x1f\x80\x02\x02\x02\x00\x00", Config(Codec.VP9, b"\x00\x1f\x80\x02\x02\x02\0\0")),
    ("vp9 has no cts", b"\xa1vp09data", Frame(Codec.VP9, b"data", 0, False)),
]
AUDIO: list[tuple[str, bytes, Tag]] = [
    ("asc", b"\xaf\x00\x12\x10", Config(Codec.AAC, b"\x12\x10")),
    ("aac", b"\xaf\x01data", Frame(Codec.AAC, b"data")),
    ("mp3", b"\x2fdata", Frame(Codec.MP3, b"data")),
    (
        "opus head",
        b"\x90OpusOpusHead\x01\x02\x38\x01\x80\xbb\x00\x00\x00\x00\x00",
        Config(Codec.OPUS, b"\x00\x02\x01\x38\x00\x00\xbb\x80\x00\x00\x00"),
    ),
    ("opus", b"\x91Opusdata", Frame(Codec.OPUS, b"data")),
    ("opus end", b"\x92Opus", SequenceEnd(Codec.OPUS)),
]


@pytest.mark.parametrize(("body", "tag"), [v[1:] for v in VIDEO], ids=[v[0] for v in VIDEO])
def test_video_both_ways(body: bytes, tag: Tag) -> None:
    assert video(body) == tag
    assert isinstance(tag, Config | Frame | SequenceEnd)
    assert serialize_video(tag) == body


@pytest.mark.parametrize(("body", "tag"), [v[1:] for v in AUDIO], ids=[v[0] for v in AUDIO])
def test_audio_both_ways(body: bytes, tag: Tag) -> None:
    assert audio(body) == tag
    assert isinstance(tag, Config | Frame | SequenceEnd)
    assert serialize_audio(tag) == body


def video(body: bytes) -> Tag:
    """The one tag of a video body."""
    [tag] = parse_video(body)
    return tag


def audio(body: bytes) -> Tag:
    """The one tag of an audio body."""
    [tag] = parse_audio(body)
    return tag


def test_forms_that_are_only_read() -> None:
    assert video(b"\x91avc1\xff\xff\xffdata") == Frame(Codec.H264, b"data", -1, True)
    assert audio(b"\x90mp4a\x12\x10") == Config(Codec.AAC, b"\x12\x10")
    assert audio(b"\x91mp4adata") == Frame(Codec.AAC, b"data")
    assert audio(b"\x91.mp3data") == Frame(Codec.MP3, b"data")
    assert audio(b"\xe6data") == Frame(Codec.MP3, b"data")  # MP3 at 8 kHz has a number of its own
    vpcc = b"\x00\x1f\x80\x02\x02\x02\x00\x00"
    assert video(b"\x90vp09\x01\x00\x00\x00" + vpcc) == Config(Codec.VP9, vpcc)


def test_hevc_as_codec_id_12_is_laid_out_like_avc() -> None:
    """What encoders sent before there was an enhanced RTMP."""
    assert video(b"\x1c\x00\x00\x00\x00conf") == Config(Codec.H265, b"conf")
    assert video(b"\x1c\x01\x00\x00\x50data") == Frame(Codec.H265, b"data", 80, True)
    assert video(b"\x2c\x01\xff\xff\xd8data") == Frame(Codec.H265, b"data", -40, False)
    assert video(b"\x1c\x02\x00\x00\x00") == SequenceEnd(Codec.H265)


def test_mod_ex_is_walked_and_its_nanoseconds_read() -> None:
    """A UI8 size less one, the data, then the kind and the packet type that follows."""
    assert video(b"\x97\x02\x00\x03\xe8\x01hvc1\x00\x00\x05data") == Frame(
        Codec.H265, b"data", 5, True, offset_ns=1000
    )
    assert audio(b"\x97\x02\x0f\x42\x3f\x01Opusdata") == Frame(Codec.OPUS, b"data", offset_ns=999_999)


def test_nanoseconds_beyond_a_millisecond_are_no_offset() -> None:
    """ "storing values up to 999,999 ns" """
    assert audio(b"\x97\x02\x0f\x42\x40\x01Opusdata") == Frame(Codec.OPUS, b"data")


def test_mod_ex_loops_and_unknown_kinds_are_skipped_by_size() -> None:
    assert video(b"\x97\x00\xaa\xf7\x02\x00\x00\x07\x03hvc1x") == Frame(
        Codec.H265, b"x", 0, True, offset_ns=7
    )
    # 255 + 1 = 256 says: the size is in two bytes more.
    assert video(b"\x97\xff\x01\x2b" + bytes(300) + b"\x13hvc1x") == Frame(Codec.H265, b"x", 0, True)


def test_one_track() -> None:
    """UB4 kind and UB4 packet type, FourCC, track id; no size for OneTrack."""
    assert video(b"\x96\x01hvc1\x00\x00\x00\x02data") == Frame(Codec.H265, b"data", 2, True)
    assert video(b"\xa6\x03avc1\x01data") == Frame(Codec.H264, b"data", 0, False, track=1)
    assert video(b"\x96\x00avc1\x02conf") == Config(Codec.H264, b"conf", 2)
    assert video(b"\x96\x02avc1\x02") == SequenceEnd(Codec.H264, 2)
    assert audio(b"\x95\x01Opus\x07data") == Frame(Codec.OPUS, b"data", track=7)
    assert audio(b"\x95\x00mp4a\x01\x11\x90") == Config(Codec.AAC, b"\x11\x90", 1)


def test_many_tracks_share_a_fourcc_and_have_sizes() -> None:
    body = b"\x96\x11avc1" + b"\x00\x00\x00\x08\x00\x00\x21first" + b"\x03\x00\x00\x03\xff\xff\xff"
    assert parse_video(body) == (
        Frame(Codec.H264, b"first", 0x21, True),
        Frame(Codec.H264, b"", -1, True, track=3),
    )


def test_many_tracks_many_codecs() -> None:
    body = b"\x95\x21" + b"mp4a\x00\x00\x00\x03one" + b"Opus\x01\x00\x00\x03two" + b"vvvv\x02\x00\x00\x00"
    assert parse_audio(body) == (
        Frame(Codec.AAC, b"one"),
        Frame(Codec.OPUS, b"two", track=1),
        Unsupported("audio codec 'vvvv' is not taken", 2),
    )


def test_mod_ex_in_front_of_many_tracks_is_for_all_of_them() -> None:
    body = b"\x97\x02\x00\x00\x09\x06" + b"\x11av01" + b"\x00\x00\x00\x01a" + b"\x01\x00\x00\x01b"
    assert parse_video(body) == (
        Frame(Codec.AV1, b"a", offset_ns=9),
        Frame(Codec.AV1, b"b", offset_ns=9, track=1),
    )


def test_a_message_without_tracks_is_nothing() -> None:
    assert parse_video(b"\x96\x11avc1") == ()
    assert parse_audio(b"\x95\x21") == ()


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"\x96\x16avc1", "inside a multitrack"),
        (b"\x96\x11avc1\x00\x00\x00\x05data", "cut off at 4"),
        (b"\x96\x11avc1\x00\x00", "cut off"),
        (b"\x96\x21avc", "FourCC"),
        (b"\x96\x11avc1" + b"\x00\x00\x00\x00" * 300, "cut off|more than 256"),
        (b"\x96\x12avc1" + b"\x00\x00\x00\x00" * 300, "more than 256 tracks"),
    ],
)
def test_broken_multitrack(body: bytes, sentence: str) -> None:
    with pytest.raises(FlvError, match=sentence):
        parse_video(body)


@pytest.mark.parametrize("kind", [3, 9, 15])
def test_unknown_kinds_of_multitrack_are_skipped(kind: int) -> None:
    for tag in (
        video(bytes((0x96, kind << 4 | 1)) + b"rest"),
        audio(bytes((0x95, kind << 4 | 1)) + b"rest"),
    ):
        assert tag == Skipped(f"unknown multitrack type {kind}")


TRACKS: list[Config | Frame | SequenceEnd | VideoMetadata] = [
    Config(Codec.H264, b"conf", 1),
    Frame(Codec.H264, b"data", 40, True, 0, 1),
    Frame(Codec.H264, b"data", 0, False, 999_999, 3),
    Frame(Codec.H264, b"data", 0, True, 333_333),
    Frame(Codec.AV1, b"data", 0, True, 5, 255),
    SequenceEnd(Codec.H265, 9),
    VideoMetadata(Codec.H265, ("colorInfo", {"colorConfig": {"bitDepth": 10.0}}), 2),
    VideoMetadata(Codec.H264, ("colorInfo", {})),
    Config(Codec.AAC, b"\x11\x90", 1),
    Frame(Codec.AAC, b"data", offset_ns=1),
    Frame(Codec.MP3, b"data", track=4),
    Frame(Codec.FLAC, b"data"),
    Config(Codec.FLAC, b"info"),
    Frame(Codec.AC3, b"data", track=1),
    Frame(Codec.EAC3, b"data"),
    SequenceEnd(Codec.AAC),
]


@pytest.mark.parametrize("tag", TRACKS, ids=repr)
def test_every_track_goes_both_ways(tag: Config | Frame | SequenceEnd | VideoMetadata) -> None:
    if tag.codec.kind is Kind.VIDEO:
        assert parse_video(serialize_video(tag)) == (tag,)
    else:
        assert parse_audio(serialize_audio(tag)) == (tag,)


def test_many_tracks_both_ways() -> None:
    same = (Frame(Codec.H264, b"one", 3), Frame(Codec.H264, b"two!", -3, track=1))
    assert parse_video(serialize_together(same)) == same
    assert serialize_together(same)[:6] == b"\x96\x11avc1"
    mixed = (Config(Codec.AAC, b"\x11\x90"), Config(Codec.FLAC, b"info", 1))
    assert parse_audio(serialize_together(mixed)) == mixed
    assert serialize_together(mixed)[:2] == b"\x95\x20"
    with pytest.raises(ValueError, match="one kind"):
        serialize_together((Frame(Codec.H264, b""), Frame(Codec.AAC, b"")))
    with pytest.raises(ValueError, match="one packet type"):
        serialize_together((Config(Codec.AAC, b""), Frame(Codec.AAC, b"")))


def test_the_channels_of_a_multichannel_configuration() -> None:
    assert audio(b"\x94ac-3\x01\x06\x00\x00\x00\x3f") == MultichannelConfig(Codec.AC3, 6)
    with pytest.raises(FlvError):
        parse_audio(b"\x94ac-3\x01")


def test_metadata_ignores_the_frame_type() -> None:
    body = b"\xd4hvc1\x02\x00\x09colorInfo\x03\x00\x00\x09"
    assert video(body) == VideoMetadata(Codec.H265, ("colorInfo", {}))


@pytest.mark.parametrize("body", [b"\xd1\x00", b"\x57\x00", b"", b"\x99hvc1"])
def test_commands_and_the_unknown_are_skipped(body: bytes) -> None:
    assert isinstance(video(body), Skipped)


@pytest.mark.parametrize("body", [b"", b"\x98Opus"])
def test_audio_that_is_skipped(body: bytes) -> None:
    assert isinstance(audio(body), Skipped)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"\x12data", "Sorenson"),
        (b"\x90vvc1", "'vvc1'"),
        (b"\x90\xff\x00\x0a\x1b", r"'\xff\x00\n\x1b'"),
        (b"\x95av01", "MPEG-2 TS"),
    ],
)
def test_video_that_never_plays(body: bytes, sentence: str) -> None:
    tag = video(body)
    assert isinstance(tag, Unsupported)
    assert sentence in tag.reason


@pytest.mark.parametrize(
    ("body", "sentence"), [(b"\xbfx", "Speex"), (b"\x90ac-4", "'ac-4'"), (b"\x3fx", "PCM")]
)
def test_audio_that_never_plays(body: bytes, sentence: str) -> None:
    tag = audio(body)
    assert isinstance(tag, Unsupported)
    assert sentence in tag.reason


@pytest.mark.parametrize(
    "body",
    [
        b"\x17",
        b"\x17\x01\x00\x00",
        b"\x17\x09\x00\x00\x00",
        b"\x90hvc",
        b"\x91hvc1\x00",
        b"\x97",
        b"\x97\x05\x00",
        b"\x97\xff\x00",
        b"\x96",
        b"\x94hvc1\x11",
    ],
)
def test_broken_video(body: bytes) -> None:
    with pytest.raises(FlvError):
        parse_video(body)


@pytest.mark.parametrize("body", [b"\xaf", b"\xaf\x02", b"\x90Opu", b"\x90OpusOpusHead", b"\x97", b"\x95"])
def test_broken_audio(body: bytes) -> None:
    with pytest.raises(FlvError):
        parse_audio(body)


def test_opus_headers_of_many_channels() -> None:
    """RFC 7845 5.1.1: a mapping table follows for families other than 0."""
    head = b"OpusHead\x01\x06\x38\x01\x80\xbb\x00\x00\xf6\xff\x01" + b"\x04\x02\x00\x04\x01\x02\x03\x05"
    dops = dops_from_opus_head(head)
    assert dops == b"\x00\x06\x01\x38\x00\x00\xbb\x80\xff\xf6\x01" + b"\x04\x02\x00\x04\x01\x02\x03\x05"
    assert opus_head_from_dops(dops) == head


@given(st.binary(max_size=40))
def test_any_bytes_are_a_tag_or_an_flv_error(body: bytes) -> None:
    for parse in (parse_video, parse_audio):
        try:
            parse(body)
        except FlvError:
            continue


def test_mod_ex_does_not_loop_for_ever() -> None:
    with pytest.raises(FlvError, match="ModEx"):
        parse_video(b"\x97" + b"\x00\xaa\xf7" * 1_000_000)
    with pytest.raises(FlvError, match="ModEx"):
        parse_audio(b"\x97" + b"\x00\xaa\xf7" * 1_000_000)
    assert video(b"\x97" + b"\x00\xaa\xf7" * 14 + b"\x00\xaa\xf3hvc1x") == Frame(Codec.H265, b"x")
