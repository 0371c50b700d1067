"""From tags to tracks and access units."""

from __future__ import annotations

from fractions import Fraction

import pytest

from ingest.publication import TrackUpdate
from ingest.rtmp import flv
from ingest.rtmp.intake import (
    AUDIO_TRACK_ID,
    SECOND_LIMIT_UNITS,
    VIDEO_TRACK_ID,
    ClockStandsStill,
    ConfigRefused,
    Intake,
)
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


@pytest.mark.parametrize(
    ("told", "understood"),
    [
        (30.0, Fraction(30)),
        (29.97, Fraction(30_000, 1001)),
        (29.970029, Fraction(30_000, 1001)),
        (23.976, Fraction(24_000, 1001)),
        (59.94, Fraction(60_000, 1001)),
        (12.5, Fraction(25, 2)),
        (240.0, Fraction(240)),
        (0.0, None),
        (1e9, None),
        (float("nan"), None),
        ("30", None),
    ],
)
def test_frame_rates_that_encoders_tell(told: float | str, understood: Fraction | None) -> None:
    intake = Intake()
    intake.metadata({"framerate": told})
    assert intake._frame_rate == understood


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
