from __future__ import annotations

import pytest

from tests.transcoder.codecs.encoded import audio
from transcoder.codecs import CodecError, mp3


@pytest.mark.parametrize(
    ("rate", "layout", "channels", "samples", "name"),
    [
        (44_100, "stereo", 2, 1152, "mp4a.6B"),
        (48_000, "mono", 1, 1152, "mp4a.6B"),
        (32_000, "stereo", 2, 1152, "mp4a.6B"),
        (24_000, "stereo", 2, 576, "mp4a.69"),
        (22_050, "mono", 1, 576, "mp4a.69"),
        (8_000, "mono", 1, 576, "mp4a.69"),
    ],
)
def test_frames_of_lame(rate: int, layout: str, channels: int, samples: int, name: str) -> None:
    stream = audio("libmp3lame", sample_rate=rate, layout=layout)
    for packet in stream.packets:
        header = mp3.Mp3Header.parse(packet.data)
        assert (header.sample_rate, header.channels, header.frame_samples) == (rate, channels, samples)
        assert header.frame_bytes == len(packet.data)
        assert mp3.frame_samples(packet.data) == samples
        assert mp3.clean(packet.data) is packet.data
    assert mp3.rfc6381(rate) == name
    together = b"".join(packet.data for packet in stream.packets[:3])
    assert mp3.frame_samples(together) == 3 * samples


def test_free_format_counts_as_one_frame() -> None:
    header = mp3.Mp3Header.parse(b"\xff\xfb\x00\x00")
    assert (header.bit_rate_bps, header.frame_bytes) == (0, 0)
    assert mp3.frame_samples(b"\xff\xfb\x00\x00" + bytes(100)) == 1152


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfb\x90",
        b"ID3\x04",
        b"\xff\xfd\x90\x00",  # layer II
        b"\xff\xeb\x90\x00",  # reserved version
        b"\xff\xfb\xf0\x00",  # reserved bit rate
        b"\xff\xfb\x9c\x00",  # reserved sample rate
    ],
)
def test_wrong_headers(data: bytes) -> None:
    with pytest.raises(CodecError):
        mp3.Mp3Header.parse(data)


def test_a_frame_that_is_cut_short() -> None:
    packet = audio("libmp3lame", sample_rate=44_100).packets[0].data
    with pytest.raises(CodecError):
        mp3.clean(packet[:-1])
