"""AC-3 and E-AC-3 syncframes, as FFmpeg's encoders write them and by ATSC A/52."""

from __future__ import annotations

import pytest

from transcoder.codecs import CodecError, ac3

# FFmpeg 8.1's encoders: (first bytes, length, sample rate, channels)
ENCODED = [
    ("0b775052144043e106f4", 768, 48_000, 2),
    ("0b7782114c402f8429e3", 416, 44_100, 1),
    ("0b77fd904d402f8429e3", 418, 44_100, 1),
    ("0b770ad35e40ebf8403e", 1950, 44_100, 6),
    ("0b7736155f40ebf8403e", 1952, 44_100, 6),
    ("0b7781401a406be103bf", 1280, 48_000, 3),
    ("0b77017f3487c0002000", 768, 48_000, 2),
    ("0b7700cf7287c0000008", 416, 44_100, 1),
    ("0b7703cf7f87c0002000", 1952, 44_100, 6),
    ("0b77027f3687c0002000", 1280, 48_000, 3),
]


@pytest.mark.parametrize(("head", "length", "sample_rate", "channels"), ENCODED)
def test_what_a_real_encoder_writes(head: str, length: int, sample_rate: int, channels: int) -> None:
    frame = bytes.fromhex(head).ljust(length, b"\0")
    assert ac3.Ac3Header.parse(frame) == ac3.Ac3Header(sample_rate, channels, length, 1536)
    assert ac3.clean(frame) is frame
    assert ac3.frame_samples(frame) == 1536
    assert ac3.frame_samples(frame * 3) == 3 * 1536
    with pytest.raises(CodecError, match="cut short"):
        ac3.clean(frame[:-1])


def eac3(kind: int = 0, substream: int = 0, rate: int = 0, blocks: int = 3) -> bytes:
    """A head by annex E table 1.2, of 64 bytes."""
    head = bytes((0x0B, 0x77, kind << 6 | substream << 3, 31, rate << 6 | blocks << 4 | 2 << 1, 16 << 3, 0))
    return head.ljust(64, b"\0")


@pytest.mark.parametrize(("blocks", "samples"), [(0, 256), (1, 512), (2, 768), (3, 1536)])
def test_short_eac3_frames(blocks: int, samples: int) -> None:
    assert ac3.frame_samples(eac3(blocks=blocks)) == samples


def test_half_rates() -> None:
    assert ac3.Ac3Header.parse(eac3(rate=3, blocks=1)) == ac3.Ac3Header(22_050, 2, 64, 1536)


def test_substreams_last_no_time_of_their_own() -> None:
    payload = eac3() + eac3(kind=1) + eac3(kind=0, substream=1) + eac3()
    assert ac3.frame_samples(payload) == 2 * 1536


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\x0b\x77",
        b"\x77\x0b" + bytes(20),
        b"\x0b\x77\0\0\xc0\x40\0",  # fscod 3
        b"\x0b\x77\0\0\x3f\x40\0",  # frmsizecod 63
        b"\x0b\x77\0\0\x00\xf8\0",  # bsid 31
        eac3(kind=3),
        eac3(rate=3, blocks=3),
        eac3(kind=1),
    ],
)
def test_frames_that_are_none(frame: bytes) -> None:
    with pytest.raises(CodecError):
        ac3.frame_samples(frame)


def test_the_number_of_frames_is_bounded() -> None:
    with pytest.raises(CodecError, match="more than"):
        ac3.frame_samples(eac3() * 1000)
