from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from tests.transcoder.codecs.encoded import Encoded, video
from transcoder.codecs import CodecError, vp9
from transcoder.codecs.picture import UNDESCRIBED, Colour


def vpx(**kwargs: Any) -> Encoded:
    options = (("deadline", "realtime"), ("cpu-used", "8"), ("g", "10"))
    return video("libvpx-vp9", **{"frames": 25, "options": options, **kwargs})


@pytest.mark.parametrize(("pixel_format", "profile", "chroma"), [("yuv420p", 0, 1), ("yuv444p", 1, 3)])
def test_key_frames_of_libvpx(pixel_format: str, profile: int, chroma: int) -> None:
    stream = vpx(pixel_format=pixel_format, width=322, height=182)
    frame = vp9.parse_key_frame(stream.packets[0].data)
    assert (frame.profile, frame.bit_depth, frame.chroma_format_idc) == (profile, 8, chroma)
    assert (frame.width, frame.height) == (322, 182)
    flags = [vp9.is_sync(packet.data) for packet in stream.packets]
    assert flags == [packet.key for packet in stream.packets]
    assert sum(flags) >= 2


# First bytes of what FFmpeg 5.1 with a libvpx of high bit depth makes of 322x182 pictures.
@pytest.mark.parametrize(
    ("start", "profile", "depth", "chroma"),
    [
        ("92498342000a0805ab031c120e0c2c00", 2, 10, 1),
        ("b124c1a10200a0805ab031c120e0c2c0", 3, 10, 2),
    ],
)
def test_key_frames_of_high_bit_depth(start: str, profile: int, depth: int, chroma: int) -> None:
    frame = vp9.parse_key_frame(bytes.fromhex(start))
    assert (frame.profile, frame.bit_depth, frame.chroma_format_idc) == (profile, depth, chroma)
    assert (frame.width, frame.height) == (322, 182)


def test_record_of_a_key_frame() -> None:
    frame = vp9.parse_key_frame(vpx(width=1280, height=720).packets[0].data)
    record = vp9.Vp9Config.of_key_frame(frame, Fraction(30))
    assert record.serialize() == bytes((0, 31, 0x82, 2, 2, 2, 0, 0))
    assert vp9.Vp9Config.parse(record.serialize()) == record
    assert vp9.Vp9Config.parse(b"\x01\0\0\0" + record.serialize()) == record


# VP Codec ISO Media binding, "Codecs Parameter String": its three examples, the second written short.
@pytest.mark.parametrize(
    ("record", "name"),
    [
        (vp9.Vp9Config(2, 10, 10, 1, Colour(9, 16, 9, True)), "vp09.02.10.10.01.09.16.09.01"),
        (vp9.Vp9Config(0, 10, 8, 1, Colour(1, 1, 1)), "vp09.00.10.08"),
        (vp9.Vp9Config(0, 41, 8, 0, UNDESCRIBED), "vp09.00.41.08"),
        (vp9.Vp9Config(1, 10, 8, 3, UNDESCRIBED), "vp09.01.10.08.03.02.02.02.00"),
    ],
)
def test_rfc6381(record: vp9.Vp9Config, name: str) -> None:
    assert vp9.rfc6381(record) == name


def test_an_unknown_level_is_worked_out() -> None:
    record = vp9.Vp9Config(0, 0, 8, 1, UNDESCRIBED)
    assert vp9.rfc6381(record, 1920, 1080, Fraction(60)) == "vp09.00.41.08"
    assert vp9.rfc6381(record, 1280, 720) == "vp09.00.31.08"


@pytest.mark.parametrize(
    ("width", "height", "rate", "level"),
    [
        (256, 144, 15, 10),
        (640, 360, 30, 21),
        (1280, 720, 30, 31),
        (1920, 1080, 30, 40),
        (3840, 2160, 60, 51),
        (40000, 40000, 60, 62),
    ],
)
def test_levels(width: int, height: int, rate: int, level: int) -> None:
    assert vp9.level(width, height, Fraction(rate)) == level


def test_clean_and_is_sync() -> None:
    frame = b"\x86\x00\x40"
    assert vp9.clean(frame) is frame
    for wrong in (b"", b"\x00\x01", b"\xff"):
        assert not vp9.is_sync(wrong)
        with pytest.raises(CodecError):
            vp9.clean(wrong)
    assert not vp9.is_sync(b"\x88")  # shows an existing frame
    assert not vp9.is_sync(b"\x84")  # not a key frame
    assert vp9.is_sync(b"\xb0")  # profile 3: one reserved bit more
    assert not vp9.is_sync(b"\xb2")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(7),
        bytes(8),
        b"\x04\x0a\x80" + bytes(5),
        b"\x00\x0a\x88" + bytes(5),
        b"\x00\x0a\xf2" + bytes(5),
    ],
)
def test_wrong_records(data: bytes) -> None:
    with pytest.raises(CodecError):
        vp9.Vp9Config.parse(data)


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\x82",
        b"\x82\x49\x83\x43" + bytes(9),
        b"\x82\x49\x83\x42\xe0" + bytes(9),
        b"\x86\x49\x83\x42" + bytes(9),
    ],
)
def test_wrong_key_frames(frame: bytes) -> None:
    with pytest.raises(CodecError):
        vp9.parse_key_frame(frame)
