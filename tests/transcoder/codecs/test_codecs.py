"""The functions that dispatch by codec, on real streams of every codec."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from tests.transcoder.codecs.bitwriter import escape
from tests.transcoder.codecs.encoded import audio, video
from transcoder import codecs
from transcoder.codecs import CodecError, av1, avc, hevc, mp3, nal
from transcoder.codecs.picture import Colour
from transcoder.media import Codec, Track

X265_QUIET = (("x265-params", "log-level=none:pools=1"), ("preset", "ultrafast"))


def avc_config(**kwargs: Any) -> bytes:
    return avc.config_from_annexb(video("libx264", **kwargs).extradata)


def hevc_config(**kwargs: Any) -> bytes:
    extradata = video("libx265", options=X265_QUIET, frames=1, **kwargs).extradata
    return hevc.config_from_annexb(extradata)


def test_h264_track() -> None:
    track = codecs.track_from_config(
        7,
        Codec.H264,
        avc_config(sample_aspect=Fraction(4, 3), colour=(1, 1, 1)),
        language="de",
        name="camera",
    )
    assert (track.track_id, track.timescale, track.language, track.name) == (7, 90_000, "de", "camera")
    assert (track.width, track.height, track.sample_aspect) == (320, 180, Fraction(4, 3))
    assert track.frame_rate == 30
    assert codecs.rfc6381(track) == "avc1.64000d"
    assert codecs.colour(track) == Colour(1, 1, 1)


def test_h265_track() -> None:
    track = codecs.track_from_config(1, Codec.H265, hevc_config(width=1280, height=720))
    assert (track.width, track.height, track.frame_rate, track.timescale) == (1280, 720, 30, 90_000)
    assert codecs.rfc6381(track) == "hvc1.1.6.L93.90"
    assert not codecs.colour(track).known


def test_av1_track_from_record_and_from_bare_header() -> None:
    header = video("libsvtav1", frames=2, options=(("preset", "12"),)).extradata
    track = codecs.track_from_config(1, Codec.AV1, header, frame_rate=Fraction(30))
    assert (track.width, track.height, track.frame_rate) == (320, 180, 30)
    assert track.config[4:] == header
    assert codecs.track_from_config(1, Codec.AV1, track.config, frame_rate=Fraction(30)) == track
    assert codecs.rfc6381(track).startswith("av01.0.0")


def test_vp9_learns_its_size_from_the_first_key_frame() -> None:
    key = video("libvpx-vp9", frames=2, options=(("deadline", "realtime"),)).packets[0].data
    track = codecs.track_from_config(1, Codec.VP9, bytes((0, 20, 0x82, 2, 2, 2, 0, 0)))
    assert (track.width, track.height) == (0, 0)
    sized = codecs.track_from_sync_unit(track, key)
    assert (sized.width, sized.height, sized.config) == (320, 180, track.config)
    assert codecs.track_from_sync_unit(sized, key) is sized
    assert codecs.rfc6381(sized) == "vp09.00.20.08"
    smaller = video("libvpx-vp9", width=160, height=90, frames=1).packets[0].data
    assert codecs.track_from_sync_unit(sized, smaller).width == 160
    from_key_frame = codecs.track_from_config(1, Codec.VP9, key)
    assert (from_key_frame.width, codecs.rfc6381(from_key_frame)) == (320, "vp09.00.11.08")


@pytest.mark.parametrize(
    ("codec", "encoder", "rate", "sample_format", "samples", "name"),
    [
        (Codec.AAC, "aac", 44_100, "fltp", 1024, "mp4a.40.2"),
        (Codec.OPUS, "libopus", 48_000, "flt", 960, "opus"),
        (Codec.MP3, "libmp3lame", 44_100, "fltp", 1152, "mp4a.6B"),
        (Codec.MP3, "libmp3lame", 22_050, "fltp", 576, "mp4a.69"),
    ],
)
def test_sound_tracks(
    codec: Codec, encoder: str, rate: int, sample_format: str, samples: int, name: str
) -> None:
    stream = audio(encoder, sample_rate=rate, sample_format=sample_format)
    payload = stream.packets[1].data
    track = codecs.track_from_config(2, codec, payload if codec is Codec.MP3 else stream.extradata)
    assert (track.sample_rate, track.timescale, track.channels, track.width) == (rate, rate, 2, 0)
    assert codecs.rfc6381(track) == name
    assert codecs.frame_samples(track, payload) == samples
    assert codecs.clean(track, payload) is payload
    assert codecs.is_sync(track, payload)
    assert codecs.track_from_sync_unit(track, payload) is track
    assert not codecs.colour(track).known
    assert (track.config == b"") is (codec is Codec.MP3)


def test_timescale_of_the_callers_choice() -> None:
    assert codecs.track_from_config(1, Codec.H264, avc_config(), timescale=1000).timescale == 1000


def test_pictures_have_no_samples() -> None:
    track = codecs.track_from_config(1, Codec.H264, avc_config())
    with pytest.raises(CodecError):
        codecs.frame_samples(track, b"\0")


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        (None, Fraction(30000, 1001)),
        (Fraction(2997, 100), Fraction(30000, 1001)),  # onMetaData's rounded figure
        (Fraction(15), Fraction(15)),  # no fixed_frame_rate_flag: the publisher knows better
    ],
)
@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_frame_rate_of_bitstream_and_publisher(codec: Codec, told: Fraction | None, wanted: Fraction) -> None:
    make = avc_config if codec is Codec.H264 else hevc_config
    config = make(rate=Fraction(30000, 1001))
    assert codecs.track_from_config(1, codec, config, frame_rate=told).frame_rate == wanted


def test_a_promised_frame_rate_counts() -> None:
    config = avc_config()
    record = avc.AvcConfig.parse(config)
    sps = record.first_sps()
    assert not sps.vui.fixed_frame_rate
    # The flag follows num_units_in_tick and time_scale: found by the value of both.
    rbsp = nal.unescape(record.sps[0])
    bits = f"{int.from_bytes(rbsp, 'big'):0{8 * len(rbsp)}b}"
    clock = f"{1:032b}{60:032b}"
    at = bits.index(clock) + len(clock)
    fixed = int(bits[:at] + "1" + bits[at + 1 :], 2).to_bytes(len(rbsp), "big")
    promised = replace(record, sps=(escape(fixed),))
    assert promised.first_sps().vui.fixed_frame_rate
    track = codecs.track_from_config(1, Codec.H264, promised.serialize(), frame_rate=Fraction(15))
    assert track.frame_rate == 30


@pytest.mark.parametrize("encoder", ["libx264", "libx265"])
def test_a_change_of_size_in_the_bitstream_is_seen(encoder: str) -> None:
    options = X265_QUIET if encoder == "libx265" else ()
    codec = Codec.H265 if encoder == "libx265" else Codec.H264
    make = hevc_config if encoder == "libx265" else avc_config
    track = codecs.track_from_config(1, codec, make())
    in_band = video(encoder, global_header=False, options=options)
    same = nal.from_annexb(in_band.packets[0].data)
    assert codecs.track_from_sync_unit(track, same) is track
    other = video(encoder, width=640, height=360, global_header=False, options=options)
    bigger = codecs.track_from_sync_unit(track, nal.from_annexb(other.packets[0].data))
    assert (bigger.width, bigger.height, bigger.track_id) == (640, 360, 1)
    assert bigger.config == make(width=640, height=360)
    no_sets = nal.from_annexb(video(encoder, options=options).packets[0].data)
    assert codecs.track_from_sync_unit(bigger, no_sets) is bigger


def test_av1_change_of_size_is_seen() -> None:
    options = (("preset", "12"),)
    stream = video("libsvtav1", frames=2, options=options)
    track = codecs.track_from_config(1, Codec.AV1, stream.packets[0].data)
    assert codecs.track_from_sync_unit(track, stream.packets[0].data) is track
    assert codecs.track_from_sync_unit(track, stream.packets[1].data) is track
    other = video("libsvtav1", width=640, height=360, frames=2, options=options).packets[0].data
    assert codecs.track_from_sync_unit(track, other).width == 640


def test_av1_without_a_header_in_its_record() -> None:
    track = codecs.track_from_config(1, Codec.AV1, b"\x81\x00\x0c\x00", frame_rate=Fraction(25))
    assert (track.width, track.frame_rate) == (0, 25)
    assert not codecs.colour(track).known
    unit = video("libsvtav1", frames=2, options=(("preset", "12"),)).packets[0].data
    assert codecs.track_from_sync_unit(track, unit).width == 320


@pytest.mark.parametrize("codec", list(Codec))
def test_garbage_is_a_codec_error(codec: Codec) -> None:
    for data in (b"", b"\x01", b"garbage!" * 5):
        with pytest.raises(CodecError):
            codecs.track_from_config(1, codec, data)


@pytest.mark.parametrize("codec", list(Codec))
def test_an_empty_unit_is_refused(codec: Codec) -> None:
    config = {Codec.H264: avc_config, Codec.H265: hevc_config}.get(codec, lambda: b"\x81\x00\x0c\x00")()
    track = Track(track_id=1, codec=codec, timescale=90_000, config=config)
    with pytest.raises(CodecError):
        codecs.clean(track, b"")


@pytest.mark.parametrize(
    "hold_up",
    [
        lambda: avc.clean(b"\0\0\0\5\x65\x88\x84\0\x10" + bytes(4 << 20), 4),
        lambda: avc.clean(b"\0\0\0\1\x65\x88\x84" + b"\0\0\1\x06" * (1 << 20), 4),
        lambda: av1.is_sync(b"\x7a\0" * (1 << 20)),
        lambda: mp3.frame_samples((b"\xff\xf3\x14\x64" + bytes(20)) * (1 << 17)),
    ],
    ids=["empty NAL units", "start codes", "OBUs", "MP3 frames"],
)
def test_a_message_of_countless_pieces_is_refused(hold_up: Callable[[], object]) -> None:
    """16 MiB of them took seconds in the event loop that all streams share."""
    with pytest.raises(CodecError, match="more than"):
        hold_up()
