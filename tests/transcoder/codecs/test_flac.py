"""FLAC records and frame headers, as FFmpeg's encoder writes them and by RFC 9639."""

from __future__ import annotations

import pytest

from transcoder.codecs import CodecError, flac

# FFmpeg 8.1's encoder: (STREAMINFO, first frame of silence, sample rate, channels)
ENCODED = [
    ("1200120000000e00000e0bb802f000003600fb3d368483c413980935d8ac96b52473",
     "fff85a1800d600000000", 48_000, 2),
    ("1200120000000b00000b0ac440f00000360094dd9cc8a71b8e5c4da9026508269394",
     "fff85908003c0000000c", 44_100, 1),
    ("1200120000001a00001a0ac44af000003600bdbedc74f6eff16395e1f5af133f352e",
     "fff85958003000000000", 44_100, 6),
]  # fmt: skip


@pytest.mark.parametrize(("record", "frame", "sample_rate", "channels"), ENCODED)
def test_what_a_real_encoder_writes(record: str, frame: str, sample_rate: int, channels: int) -> None:
    info = flac.FlacConfig.parse(bytes.fromhex(record))
    assert (info.sample_rate, info.channels, info.bits_per_sample) == (sample_rate, channels, 16)
    assert flac.FlacConfig.parse(info.record) == info
    assert flac.frame_samples(bytes.fromhex(frame)) == 4608


LIVE = bytes.fromhex("120012000000000000000bb802f0" + "00" * 20)


def test_what_only_the_end_of_a_stream_tells_is_left_out() -> None:
    """FFmpeg's record at the beginning and at the end of one stream."""
    first = bytes.fromhex("12001200000000004a580bb802f000000000" + "00" * 16)
    last = bytes.fromhex("1200120000000e00000e0bb802f0000080000dfbe8aa4c20b52e1b8bf3cb6cbdf193")
    assert flac.FlacConfig.parse(first).record == flac.FlacConfig.parse(last).record == LIVE


def test_the_record_comes_bare_with_its_header_or_as_a_file_begins() -> None:
    bare = bytes.fromhex(ENCODED[0][0])
    with_header = b"\x80\x00\x00\x22" + bare
    for config in (bare, with_header, b"fLaC" + with_header, with_header + b"\x84\0\0\0"):
        assert flac.FlacConfig.parse(config).record == LIVE


@pytest.mark.parametrize(
    ("third_byte", "rest", "samples"),
    [
        (0x19, b"", 192),
        (0x29, b"", 576),
        (0x59, b"", 4608),
        (0x89, b"", 256),
        (0xF9, b"", 32_768),
        (0x69, b"\x0f", 16),
        (0x79, b"\x01\xff", 512),
    ],
)
def test_block_sizes(third_byte: int, rest: bytes, samples: int) -> None:
    """RFC 9639 table 14."""
    assert flac.frame_samples(bytes((0xFF, 0xF8, third_byte, 0x18, 0x00)) + rest + bytes(4)) == samples


def test_an_uncommon_block_size_stands_behind_a_coded_number_of_any_length() -> None:
    for number in (b"\x7f", b"\xc4\x80", b"\xe1\x80\x80", b"\xfe" + b"\x80" * 6):
        head = b"\xff\xf9\x69\x18" + number + b"\x63"
        assert flac.frame_samples(head.ljust(6, b"\0")) == 100


@pytest.mark.parametrize("config", [b"", bytes(33), bytes(34), b"fLaC" + b"\x80\0\0\x22" + bytes(34)])
def test_records_that_are_none(config: bytes) -> None:
    with pytest.raises(CodecError):
        flac.FlacConfig.parse(config)


@pytest.mark.parametrize("frame", [b"", b"\xff\xf8", b"\x0b\x77" + bytes(20), b"\xff\xf8\x09\x18\x00\x00",
                                   b"\xff\xf8\x79\x18\xfe\x80"])  # fmt: skip
def test_frames_that_are_none(frame: bytes) -> None:
    with pytest.raises(CodecError):
        flac.frame_samples(frame)
