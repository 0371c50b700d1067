from __future__ import annotations

import pytest

from tests.transcoder.codecs.bitwriter import BitWriter
from tests.transcoder.codecs.encoded import audio
from transcoder.codecs import CodecError, aac


@pytest.mark.parametrize(
    ("config", "object_type", "rate", "channels", "samples"),
    [
        ("1210", 2, 44_100, 2, 1024),  # LC
        ("1190", 2, 48_000, 2, 1024),
        ("1588", 2, 8_000, 1, 1024),
        ("11b0", 2, 48_000, 6, 1024),
        ("11b8", 2, 48_000, 8, 1024),
        ("1194", 2, 48_000, 2, 960),  # frameLengthFlag
        ("119056e500", 2, 48_000, 2, 1024),  # FFmpeg: sync extension that says "no SBR"
        ("131056e598", 5, 48_000, 2, 2048),  # backward compatible SBR: 24 kHz core
        ("2b118800", 5, 48_000, 2, 2048),  # hierarchical SBR: AOT 5, 24 kHz, stereo, 48 kHz, AOT 2
        ("eb098800", 29, 48_000, 2, 2048),  # PS: AOT 29, 24 kHz, mono, 48 kHz, AOT 2
        ("130856e59d4880", 29, 48_000, 2, 2048),  # backward compatible PS
        ("b9900000", 23, 48_000, 2, 512),  # LD
    ],
)
def test_audio_specific_configs(
    config: str, object_type: int, rate: int, channels: int, samples: int
) -> None:
    record = aac.AacConfig.parse(bytes.fromhex(config))
    assert (record.object_type, record.sample_rate, record.channels) == (object_type, rate, channels)
    assert record.frame_samples == samples
    assert aac.rfc6381(record) == f"mp4a.40.{object_type}"


@pytest.mark.parametrize(
    ("rate", "layout", "channels"),
    [(48_000, "stereo", 2), (44_100, "mono", 1), (8_000, "mono", 1), (48_000, "5.1", 6)],
)
def test_configs_of_a_real_encoder(rate: int, layout: str, channels: int) -> None:
    stream = audio("aac", sample_rate=rate, layout=layout)
    record = aac.AacConfig.parse(stream.extradata)
    assert (record.sample_rate, record.channels, record.frame_samples) == (rate, channels, 1024)
    assert all(packet.duration == 1024 for packet in stream.packets[:-1])


def test_explicit_sample_rate() -> None:
    w = BitWriter().u(5, 2).u(4, 15).u(24, 37_800).u(4, 2).u(3, 0)
    assert aac.AacConfig.parse(w.plain()).sample_rate == 37_800


def test_escaped_object_type() -> None:
    w = BitWriter().u(5, 31).u(6, 39 - 32).u(4, 3).u(4, 1).u(1, 0).u(20, 0)
    record = aac.AacConfig.parse(w.plain())
    assert (record.object_type, record.frame_samples) == (39, 512)


def test_program_config_element_counts_channels() -> None:
    w = BitWriter().u(5, 2).u(4, 3).u(4, 0).u(3, 0)
    w.u(4, 0).u(2, 1).u(4, 3)  # tag, profile, rate
    w.u(4, 2).u(4, 0).u(4, 1).u(2, 1).u(3, 1).u(4, 0)  # 2 front, 1 back, 1 LFE, 1 data
    w.u(1, 1).u(4, 2).u(1, 0).u(1, 1).u(3, 5)
    w.u(1, 0).u(4, 0).u(1, 1).u(4, 1)  # front: one single, one pair
    w.u(1, 1).u(4, 2)  # back: a pair
    w.u(4, 0).u(4, 0)
    data = w.plain() + b"\x03abc"
    assert aac.AacConfig.parse(data).channels == 6


@pytest.mark.parametrize(
    "config",
    [
        "",
        "12",
        "1680",  # sampling frequency index 13
        "1200",  # channel configuration 0 without its program config
        "1240",  # channel configuration 8
        "f8ff",
        "4a10",  # AOT 9: CELP
        "2b138800",  # SBR rate 32 kHz on a 24 kHz core
        "1780000010",  # explicit rate of 0 Hz
    ],
)
def test_wrong_configs(config: str) -> None:
    with pytest.raises(CodecError):
        aac.AacConfig.parse(bytes.fromhex(config))


def test_adts_headers_are_taken_off() -> None:
    # 1.A.3.2: syncword, MPEG-4, no CRC, LC, 48 kHz, 2 channels, frame length 11.
    header = bytes.fromhex("fff14c80017ffc")
    assert aac.clean(header + b"\x21\x10\x04\x60") == b"\x21\x10\x04\x60"
    assert aac.clean(header + b"\x21\x10\x04\x60" + header + b"next") == b"\x21\x10\x04\x60"
    with_crc = bytes.fromhex("fff04c8001bffc0000")
    assert aac.clean(with_crc + b"\x21\x10\x04\x60") == b"\x21\x10\x04\x60"
    assert aac.config_from_adts(header + b"\x21\x10") == bytes.fromhex("1190")
    raw = b"\x21\x10\x04\x60\x8c\x1c"
    assert aac.clean(raw) is raw


@pytest.mark.parametrize(
    "payload", [b"", b"\x21", bytes.fromhex("fff14c8000fffc"), bytes.fromhex("fff14c8000fffc00")]
)
def test_empty_frames(payload: bytes) -> None:
    with pytest.raises(CodecError):
        aac.clean(payload)


def test_config_from_adts_needs_adts() -> None:
    with pytest.raises(CodecError):
        aac.config_from_adts(b"\x21\x10\x04\x60\x8c\x1c\x00")
