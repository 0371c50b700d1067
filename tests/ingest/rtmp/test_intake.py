"""From tags to tracks and access units."""

from __future__ import annotations

import base64
from itertools import pairwise

import pytest

from ingest.publication import TimedText, TrackUpdate
from ingest.rtmp import flv
from ingest.rtmp.amf0 import Value
from ingest.rtmp.intake import (
    AUDIO_TRACK_ID,
    REMARKS_BURST,
    SECOND_LIMIT_UNITS,
    VIDEO_TRACK_ID,
    ClockStandsStill,
    ConfigRefused,
    Intake,
)
from transcoder.captions.cc_data import cc_pairs
from transcoder.codecs import colour
from transcoder.media import AccessUnit, Codec

AVCC = bytes.fromhex(  # made by x264: High, 640x360, 30 pictures a second
    "0164001effe1001a6764001eacd940a02ff970110000030001000003003c0f162d9601000468ef8fcbfdf8f800"
)
IDR = b"\x00\x00\x00\x05\x65\x88\x84\x00\x10"
PICTURE = b"\x00\x00\x00\x05\x41\x9a\x00\x00\x10"
AAC_STEREO_44 = b"\x12\x10"
MP3_44_JOINT = b"\xff\xfb\x90\x64" + bytes(413)
MP3_44_STEREO = b"\xff\xfb\x92\x04" + bytes(414)  # padded, another kind of stereo
MP3_48_MONO = b"\xff\xfb\x94\xc4" + bytes(380)


def h264(payload: bytes, composition_ms: int = 0) -> flv.Frame:
    return flv.Frame(Codec.H264, payload, composition_ms)


def test_a_picture_and_its_track() -> None:
    intake = Intake()
    intake.metadata({"framerate": 29.97})
    [update] = intake.video(0, flv.Config(Codec.H264, AVCC), 5.0)
    assert isinstance(update, TrackUpdate)
    assert (update.track.track_id, update.track.width, update.track.timescale) == (
        VIDEO_TRACK_ID,
        640,
        90_000,
    )
    [unit] = intake.video(1000, h264(IDR, 80), 5.0)
    assert unit == AccessUnit(VIDEO_TRACK_ID, Codec.H264, 90_000, 97_200, 90_000, 0, True, IDR, 5.0)
    [unit] = intake.video(1040, h264(PICTURE), 5.04)
    assert isinstance(unit, AccessUnit)
    assert (unit.dts, unit.sync) == (93_600, False)


def test_the_bitstream_decides_what_is_a_sync_unit() -> None:
    """Encoders mark recovery points as key frames, and forget to mark IDRs."""
    intake = Intake()
    intake.video(0, flv.Config(Codec.H264, AVCC), 0.0)
    [lying] = intake.video(0, flv.Frame(Codec.H264, PICTURE, 0, keyframe=True), 0.0)
    [modest] = intake.video(40, flv.Frame(Codec.H264, IDR, 0, keyframe=False), 0.0)
    assert isinstance(lying, AccessUnit)
    assert isinstance(modest, AccessUnit)
    assert (lying.sync, modest.sync) == (False, True)


def test_a_repeated_configuration_is_nothing() -> None:
    intake = Intake()
    for _ in range(3):
        video = intake.video(0, flv.Config(Codec.H264, AVCC), 0.0)
        audio = intake.audio(0, flv.Config(Codec.AAC, AAC_STEREO_44), 0.0)
    assert video == []
    assert audio == []
    [update] = intake.audio(0, flv.Config(Codec.AAC, b"\x11\x90"), 0.0)
    assert isinstance(update, TrackUpdate)
    assert update.track.sample_rate == 48_000


def test_audio_frames_last_their_samples() -> None:
    intake = Intake()
    [update] = intake.audio(0, flv.Config(Codec.AAC, AAC_STEREO_44), 0.0)
    assert isinstance(update, TrackUpdate)
    [first] = intake.audio(0, flv.Frame(Codec.AAC, b"\x21\x10"), 0.0)
    [second] = intake.audio(23, flv.Frame(Codec.AAC, b"\x21\x10"), 0.0)
    assert isinstance(first, AccessUnit)
    assert isinstance(second, AccessUnit)
    assert (first.track_id, first.duration, first.sync) == (AUDIO_TRACK_ID, 1024, True)
    assert second.dts - first.dts == 1024


def test_mp3_brings_its_track_with_its_first_frame_and_when_it_changes() -> None:
    intake = Intake()
    [update, unit] = intake.audio(0, flv.Frame(Codec.MP3, MP3_44_JOINT), 0.0)
    assert isinstance(update, TrackUpdate)
    assert isinstance(unit, AccessUnit)
    assert (update.track.sample_rate, update.track.channels, unit.duration) == (44_100, 2, 1152)
    assert len(intake.audio(26, flv.Frame(Codec.MP3, MP3_44_STEREO), 0.0)) == 1
    [update, _] = intake.audio(52, flv.Frame(Codec.MP3, MP3_48_MONO), 0.0)
    assert isinstance(update, TrackUpdate)
    assert (update.track.sample_rate, update.track.channels) == (48_000, 1)


@pytest.mark.parametrize(
    "tag",
    [
        flv.Config(Codec.H264, b""),
        flv.Config(Codec.H264, AVCC[:20]),
        flv.Config(Codec.H265, b"nonsense"),
        flv.Unsupported("video codec Sorenson H.263 is not taken"),
    ],
)
def test_a_picture_that_can_never_play_is_refused(tag: flv.Tag) -> None:
    with pytest.raises(ConfigRefused):
        Intake().video(0, tag, 0.0)


def test_sound_that_can_never_play_leaves_the_picture_alone() -> None:
    intake = Intake()
    assert intake.audio(0, flv.Unsupported("audio codec Speex is not taken"), 0.0) == []
    assert intake.audio(0, flv.Config(Codec.AAC, b""), 0.0) == []
    assert intake.take_remarks()[0] == "ignored: audio codec Speex is not taken"


def test_broken_units_are_dropped_and_counted_once_in_the_log() -> None:
    intake = Intake()
    assert intake.video(0, h264(IDR), 0.0) == []
    intake.video(0, flv.Config(Codec.H264, AVCC), 0.0)
    for n in range(5):
        assert intake.video(n * 40, h264(b"\xff\xff\xff\xff\x65"), 0.0) == []
    intake.broken("AVC video tag of 1 bytes")
    statistics = intake.statistics()
    assert (statistics.units, statistics.dropped) == (0, 7)
    assert len(intake.take_remarks()) == 3
    assert intake.take_remarks() == []


def test_the_number_of_remarks_is_bounded() -> None:
    intake = Intake()
    for n in range(1000):
        intake.broken(f"something new: {n}")
    assert len(intake.take_remarks()) == 20


def test_a_dropped_picture_still_moves_the_timeline() -> None:
    intake = Intake()
    intake.video(0, flv.Config(Codec.H264, AVCC), 0.0)
    intake.video(0, h264(IDR), 0.0)
    intake.video(10_000_000, h264(b""), 0.04)  # the clock jumped on a broken picture
    [unit] = intake.video(10_000_040, h264(PICTURE), 0.08)
    assert isinstance(unit, AccessUnit)
    assert 90_000 < unit.dts < 90_000 + 200 * 90


def test_skipped_tags_are_counted() -> None:
    intake = Intake()
    assert intake.video(0, flv.Skipped("video command frame"), 0.0) == []
    assert intake.video(0, flv.SequenceEnd(Codec.H264), 0.0) == []
    assert intake.statistics().skipped == 1


def test_a_clock_that_stands_still_ends_the_publish_before_it_fills_the_memory() -> None:
    intake = Intake()
    intake.video(0, flv.Config(Codec.H264, AVCC), 0.0)
    intake.video(0, h264(IDR), 0.0)
    for number in range(1, SECOND_LIMIT_UNITS):
        intake.video(0, h264(PICTURE), number / 30)
    with pytest.raises(ClockStandsStill, match="stand still"):
        intake.video(0, h264(PICTURE), SECOND_LIMIT_UNITS / 30)


def test_a_flood_of_bytes_ends_the_publish() -> None:
    intake = Intake()
    intake.video(0, flv.Config(Codec.H264, AVCC), 0.0)
    large = (4 << 20).to_bytes(4, "big") + IDR[4:].ljust(4 << 20, b"\x55")
    for number in range(15):
        intake.video(number * 40, h264(large), number / 25)
    with pytest.raises(ClockStandsStill):
        intake.video(600, h264(large), 0.6)


def test_a_film_sent_at_once_is_no_clock_that_stands_still() -> None:
    intake = Intake()
    intake.video(0, flv.Config(Codec.H264, AVCC), 0.0)
    for number in range(3 * SECOND_LIMIT_UNITS):
        intake.video(number * 4, h264(IDR), 0.0)


def test_a_sequence_header_has_a_limit() -> None:
    with pytest.raises(ConfigRefused, match="bytes"):
        Intake().video(0, flv.Config(Codec.H264, AVCC + bytes(64 << 10)), 0.0)


def test_every_track_has_an_id_of_its_own_and_one_clock() -> None:
    """Default tracks are 1 and 2; further ones of a kind follow in steps of two."""
    intake = Intake()
    updates = [
        *intake.video(0, flv.Config(Codec.H264, AVCC), 0.0),
        *intake.video(0, flv.Config(Codec.H264, AVCC, 1), 0.0),
        *intake.video(0, flv.Config(Codec.H264, AVCC, 2), 0.0),
        *intake.audio(0, flv.Config(Codec.AAC, AAC_STEREO_44), 0.0),
        *intake.audio(0, flv.Config(Codec.AAC, AAC_STEREO_44, 1), 0.0),
    ]
    assert [u.track.track_id for u in updates if isinstance(u, TrackUpdate)] == [1, 3, 5, 2, 4]
    units = [
        *intake.video(5000, flv.Frame(Codec.H264, IDR), 1.0),
        *intake.video(5000, flv.Frame(Codec.H264, IDR, track=1), 1.0),
        *intake.audio(5000, flv.Frame(Codec.AAC, b"\x21\x10", track=1), 1.0),
        *intake.video(5040, flv.Frame(Codec.H264, IDR, track=2), 1.0),
    ]
    assert [(u.track_id, round(u.dts_s, 3)) for u in units if isinstance(u, AccessUnit)] == [
        (1, 1.0),
        (3, 1.0),
        (4, 1.0),
        (5, 1.04),
    ]
    assert intake.statistics().tracks == 5


def test_further_tracks_that_cannot_play_cost_nobody_the_stream() -> None:
    intake = Intake()
    intake.video(0, flv.Config(Codec.H264, AVCC), 0.0)
    assert intake.video(0, flv.Config(Codec.H264, b"nonsense", 1), 0.0) == []
    assert intake.video(0, flv.Unsupported("video codec 'vvc1' is not taken", 2), 0.0) == []
    assert intake.video(0, flv.Frame(Codec.H264, IDR, track=1), 0.0) == []
    assert len(intake.video(0, flv.Frame(Codec.H264, IDR), 0.0)) == 1


def test_tracks_above_the_limit_of_their_kind_are_left_out() -> None:
    intake = Intake(max_tracks=2)
    for number in range(4):
        intake.video(0, flv.Config(Codec.H264, AVCC, number), 0.0)
        intake.audio(0, flv.Config(Codec.AAC, AAC_STEREO_44, number), 0.0)
    statistics = intake.statistics()
    assert (statistics.tracks, statistics.tracks_refused) == (4, 4)
    assert intake.take_remarks() == [
        "ignored: video track 2: more than 2 tracks of a kind",
        "ignored: audio track 2: more than 2 tracks of a kind",
        "ignored: video track 3: more than 2 tracks of a kind",
        "ignored: audio track 3: more than 2 tracks of a kind",
    ]


def test_language_and_name_of_tracks() -> None:
    intake = Intake()
    intake.metadata({"audioTrackIdInfoMap": {"1": {"language": "deu", "name": "Deutsch"}}})
    intake.audio(0, flv.Config(Codec.AAC, AAC_STEREO_44), 0.0)
    [update] = intake.audio(0, flv.Config(Codec.AAC, AAC_STEREO_44, 1), 0.0)
    assert isinstance(update, TrackUpdate)
    assert (update.track.language, update.track.name) == ("de", "Deutsch")


def test_a_language_that_is_told_late_is_in_force_from_the_next_frame() -> None:
    intake = Intake()
    intake.audio(0, flv.Config(Codec.AAC, AAC_STEREO_44), 0.0)
    intake.audio(0, flv.Frame(Codec.AAC, b"\x21\x10"), 0.0)
    intake.metadata({"language": "fr"})
    [update, _] = intake.audio(23, flv.Frame(Codec.AAC, b"\x21\x10"), 0.0)
    assert isinstance(update, TrackUpdate)
    assert update.track.language == "fr"
    intake.metadata({"language": "fr"})
    assert len(intake.audio(46, flv.Frame(Codec.AAC, b"\x21\x10"), 0.0)) == 1


HDR10 = flv.VideoMetadata(
    Codec.H264,
    ("colorInfo", {"colorConfig": {"colorPrimaries": 9.0, "transferCharacteristics": 16.0,
                                   "matrixCoefficients": 9.0}}),
)  # fmt: skip
RESET = flv.VideoMetadata(Codec.H264, ("colorInfo", {}))


def test_colour_is_in_force_from_the_next_frame() -> None:
    """Enhanced RTMP v2, "Metadata Frame": "in time to affect the first frame"."""
    intake = Intake()
    [plain] = intake.video(0, flv.Config(Codec.H264, AVCC), 0.0)
    assert intake.video(0, HDR10, 0.0) == []
    [told, unit] = intake.video(0, h264(IDR), 0.0)
    assert isinstance(plain, TrackUpdate)
    assert isinstance(told, TrackUpdate)
    assert isinstance(unit, AccessUnit)
    assert plain.track.hdr is None
    assert colour(told.track).video_range == "PQ"


def test_colour_before_the_configuration_is_in_it() -> None:
    intake = Intake()
    intake.video(0, HDR10, 0.0)
    [update] = intake.video(0, flv.Config(Codec.H264, AVCC), 0.0)
    assert isinstance(update, TrackUpdate)
    assert colour(update.track).video_range == "PQ"
    assert len(intake.video(0, h264(IDR), 0.0)) == 1


def test_in_the_middle_of_a_group_of_pictures_colour_waits_for_the_next() -> None:
    """An init segment holds for a whole group: in the middle of one nobody could take it in."""
    intake = Intake()
    intake.video(0, flv.Config(Codec.H264, AVCC), 0.0)
    intake.video(0, HDR10, 0.0)
    intake.video(0, h264(IDR), 0.0)
    intake.video(40, RESET, 0.0)
    assert len(intake.video(40, h264(PICTURE), 0.0)) == 1
    [reset, _] = intake.video(80, h264(IDR), 0.0)
    assert isinstance(reset, TrackUpdate)
    assert reset.track.hdr is None


def test_colour_without_its_tracks_number_finds_the_track_by_its_codec() -> None:
    """FFmpeg 8 says colorInfo of HEVC as track 1 as if it were of track 0, which is H.264."""
    intake = Intake()
    intake.video(0, flv.Config(Codec.H264, AVCC), 0.0)
    intake.video(0, flv.Config(Codec.VP9, b"\x00\x1f\x80\x02\x02\x02\0\0", 1), 0.0)
    told = flv.VideoMetadata(Codec.VP9, HDR10.values)
    assert intake.video(0, told, 0.0) == []
    assert len(intake.video(0, h264(IDR), 0.0)) == 1
    [update] = intake.video(0, flv.Config(Codec.VP9, b"\x02\x1f\xa0\x02\x02\x02\0\0", 1), 0.0) or [None]
    assert update is None  # VP9 is announced at its first key frame
    intake.video(0, flv.VideoMetadata(Codec.AV1, HDR10.values), 0.0)
    assert intake.take_remarks() == ["ignored: colorInfo of another codec than its track's"]


def test_flac_and_ac3() -> None:
    intake = Intake()
    record = bytes.fromhex("1200120000000e00000e0bb802f000003600fb3d368483c413980935d8ac96b52473")
    [update] = intake.audio(0, flv.Config(Codec.FLAC, b"fLaC\x80\x00\x00\x22" + record), 0.0)
    assert isinstance(update, TrackUpdate)
    assert (update.track.codec, update.track.sample_rate, update.track.channels) == (Codec.FLAC, 48_000, 2)
    [unit] = intake.audio(0, flv.Frame(Codec.FLAC, bytes.fromhex("fff85a1800d600000000")), 0.0)
    assert isinstance(unit, AccessUnit)
    assert unit.duration == 4608
    frame = bytes.fromhex("0b7736155f40ebf8403e").ljust(1952, b"\0")
    assert intake.audio(0, flv.Config(Codec.AC3, b"", 1), 0.0) == []
    [update, unit] = intake.audio(0, flv.Frame(Codec.AC3, frame, track=1), 0.0)
    assert isinstance(update, TrackUpdate)
    assert isinstance(unit, AccessUnit)
    assert (update.track.track_id, update.track.channels, unit.duration) == (4, 6, 1536)
    other_size = bytes.fromhex("0b770ad35e40ebf8403e").ljust(1950, b"\0")
    assert len(intake.audio(35, flv.Frame(Codec.AC3, other_size, track=1), 0.0)) == 1


def test_nanoseconds_make_times_exact() -> None:
    """30000/1001 pictures a second: 33.3666… ms, which milliseconds alone cannot say."""
    intake = Intake()
    intake.video(0, flv.Config(Codec.H264, AVCC), 0.0)
    stamps = []
    for n in range(100):
        ms, ns = divmod(n * 1_001_000_000_000 // 30_000, 1_000_000)
        [unit] = intake.video(ms, flv.Frame(Codec.H264, IDR, offset_ns=ns), n * 1.001 / 30)
        assert isinstance(unit, AccessUnit)
        stamps.append(unit.dts)
    assert {after - before for before, after in pairwise(stamps)} == {3003}


def test_what_is_spoken_stands_on_the_timeline_of_the_media() -> None:
    intake = Intake()
    words = ({"text": "hello"},)
    assert intake.spoken(0, "onTextData", words, 0.0) is None  # no media yet: nowhere to stand
    intake.video(0, flv.Config(Codec.H264, AVCC), 0.0)
    intake.video(70_000, h264(IDR), 0.0)
    intake.video(71_000, h264(PICTURE), 1.0)
    for timestamp_ms, time_s in ((70_500, 1.5), (71_200, 2.2), (0, 2.0)):
        remark = intake.spoken(timestamp_ms, "onTextData", words, 1.0)
        assert remark == TimedText(time_s=time_s, text="hello")


def test_what_is_spoken_too_fast_is_left_out() -> None:
    intake = Intake()
    intake.video(0, flv.Config(Codec.H264, AVCC), 0.0)
    intake.video(0, h264(IDR), 0.0)
    heard = [intake.spoken(0, "onCuePoint", ({"name": "x"},), 0.0) for _ in range(100)]
    assert sum(remark is not None for remark in heard) == REMARKS_BURST
    assert intake.statistics().remarks_refused == 100 - REMARKS_BURST
    assert len(intake.take_remarks()) == 1
    assert intake.spoken(0, "onCuePoint", ({"name": "x"},), 1.0) is not None


def test_corrections_are_counted() -> None:
    intake = Intake()
    intake.video(0, flv.Config(Codec.H264, AVCC), 0.0)
    intake.video(0, h264(IDR), 0.0)
    assert intake.corrections() == 0
    intake.video(9_000_000, h264(IDR), 0.04)
    assert intake.corrections() == 1


T35 = b"\xb5\x00\x31GA94\x03" + bytes((0x40 | 1, 0xFF)) + b"\xfc\x94\x20" + b"\xff"


def caption(message: bytes) -> tuple[Value, ...]:
    return ({"type": "708", "data": base64.b64encode(message).decode()},)


def test_caption_bytes_go_into_the_next_picture() -> None:
    """What AWS MediaLive and libcaption send beside each picture."""
    intake = Intake()
    [update] = intake.video(0, flv.Config(Codec.H264, AVCC), 0.0)
    assert isinstance(update, TrackUpdate)
    for message in (T35, b"\0\0\0\0" + T35[3:]):
        assert intake.spoken(0, "onCaptionInfo", caption(message), 0.0) is None
    [first] = intake.video(0, h264(IDR), 0.0)
    [second] = intake.video(40, h264(PICTURE), 0.0)
    assert isinstance(first, AccessUnit)
    assert isinstance(second, AccessUnit)
    assert first.sync
    assert [(pair.first, pair.second) for pair in cc_pairs(update.track, first)] == [(0x94, 0x20)] * 2
    assert second.payload == PICTURE


@pytest.mark.parametrize(
    "values",
    [
        (),
        ({"type": "708"},),
        ({"type": "708", "data": "no base64 at all!"},),
        ({"type": "708", "data": "QUJD"},),
        ({"type": "708", "data": "A" * 100_000},),
        caption(T35 + bytes(2_000)),
    ],
)
def test_caption_bytes_that_are_none(values: tuple[Value, ...]) -> None:
    intake = Intake()
    intake.video(0, flv.Config(Codec.H264, AVCC), 0.0)
    intake.video(0, h264(IDR), 0.0)
    assert intake.spoken(0, "onCaptionInfo", values, 0.0) is None
    assert intake.take_remarks() == ["ignored: onCaptionInfo that says nothing we know"]


def test_caption_bytes_without_a_picture_do_not_gather() -> None:
    intake = Intake()
    intake.video(0, flv.Config(Codec.H264, AVCC), 0.0)
    for _ in range(1000):
        intake.spoken(0, "onCaptionInfo", caption(T35), 0.0)
    [unit] = intake.video(0, h264(IDR), 0.0)
    assert isinstance(unit, AccessUnit)
    assert len(unit.payload) < 500
