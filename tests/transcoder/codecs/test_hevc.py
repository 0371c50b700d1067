from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from tests.transcoder.codecs.bitwriter import BitWriter, escape
from tests.transcoder.codecs.encoded import Encoded, video
from transcoder.codecs import CodecError, hevc, nal
from transcoder.codecs.hevc_sps import ProfileTierLevel
from transcoder.codecs.picture import Colour


def x265(params: str = "", **kwargs: Any) -> Encoded:
    quiet = ":".join(filter(None, ("log-level=none", "pools=1", params)))
    kwargs.setdefault("frames", 1)
    options = (("x265-params", quiet), ("preset", "ultrafast"))
    return video("libx265", options=options, **kwargs)


def sps_of(params: str = "", **kwargs: Any) -> hevc.Sps:
    return hevc.HevcConfig.parse(hevc.config_from_annexb(x265(params, **kwargs).extradata)).first_sps()


@pytest.mark.parametrize(
    ("pixel_format", "idc", "chroma", "depth"),
    [("yuv420p", 1, 1, 8), ("yuv420p10le", 2, 1, 10), ("yuv422p10le", 4, 2, 10), ("yuv444p", 4, 3, 8)],
)
def test_profiles_of_x265(pixel_format: str, idc: int, chroma: int, depth: int) -> None:
    sps = sps_of(pixel_format=pixel_format)
    assert (sps.profile.profile_idc, sps.chroma_format_idc, sps.bit_depth) == (idc, chroma, depth)
    assert (sps.width, sps.height, sps.interlaced) == (320, 180, False)


@pytest.mark.parametrize("size", [(318, 178), (854, 480), (1918, 1078), (1920, 1080)])
def test_the_conformance_window_gives_the_real_size(size: tuple[int, int]) -> None:
    sps = sps_of(width=size[0], height=size[1])
    assert (sps.width, sps.height) == size


@pytest.mark.parametrize(
    "params",
    [
        "",
        "scaling-list=default",
        "hrd=1:vbv-maxrate=800:vbv-bufsize=800",
        "temporal-layers=3:b-adapt=0:bframes=3",
        "bframes=4:ref=5:keyint=60",
        "no-sao=1:no-amp=1:strong-intra-smoothing=0:ctu=16",
        "interlace=tff",
    ],
)
def test_the_vui_is_found_behind_every_tool(params: str) -> None:
    sps = sps_of(params, sample_aspect=Fraction(16, 11), colour=(9, 16, 9), rate=Fraction(30000, 1001))
    assert sps.sample_aspect == Fraction(16, 11)
    assert sps.colour == Colour(9, 16, 9)
    # Every picture that x265 was given is a field then.
    assert sps.frame_rate == (Fraction(15000, 1001) if "interlace" in params else Fraction(30000, 1001))
    assert sps.interlaced is ("interlace" in params)


def test_record_round_trip_with_a_real_encoder() -> None:
    data = hevc.config_from_annexb(x265().extradata)
    record = hevc.HevcConfig.parse(data)
    assert record.serialize() == data
    assert [array.kind for array in record.arrays] == [32, 33, 34]
    assert record.length_size == 4


# ISO 14496-15 E.3 has both names as examples, with the sample entry hev1.
@pytest.mark.parametrize(
    ("profile", "name"),
    [
        (ProfileTierLevel(0, False, 1, 0x6000_0000, bytes((0xB0, 0, 0, 0, 0, 0)), 93), "hvc1.1.6.L93.B0"),
        (
            ProfileTierLevel(1, True, 4, 0x8200_0000, bytes((0xB0, 0x23, 0, 0, 0, 0)), 120),
            "hvc1.A4.41.H120.B0.23",
        ),
        (ProfileTierLevel(0, False, 2, 0x2000_0000, bytes(6), 153), "hvc1.2.4.L153"),
    ],
)
def test_rfc6381(profile: ProfileTierLevel, name: str) -> None:
    record = hevc.HevcConfig(profile, 1, 8, 8, 1, True, 4, ())
    assert hevc.rfc6381(record) == name


def test_is_sync_takes_idr_and_cra() -> None:
    stream = x265("keyint=8:min-keyint=8:open-gop=1:bframes=2", frames=30)
    prefixed = [nal.from_annexb(packet.data) for packet in stream.packets]
    first_types = [
        next(kind for unit in nal.split(payload, 4) if (kind := hevc.nal_type(unit)) < 32)
        for payload in prefixed
    ]
    assert 21 in first_types  # CRA
    flags = [hevc.is_sync(payload, 4) for payload in prefixed]
    assert flags == [16 <= kind <= 21 for kind in first_types]


def test_clean() -> None:
    idr, aud, filler = b"\x26\x01\xaf\x08\x40", b"\x46\x01\x50", b"\x4c\x01\xff\x80"
    reserved_irap, unspecified = b"\x2c\x01\x12\x80", b"\x62\x01\x12\x80"
    dirty = nal.join([aud, idr, filler, reserved_irap, unspecified]) + b"\0\0\0\0"
    assert hevc.clean(dirty, 4) == nal.join([idr])
    payload = nal.join([idr])
    assert hevc.clean(payload, 4) is payload
    with pytest.raises(CodecError):
        hevc.clean(nal.join([aud, filler]), 4)


def test_hvc1_needs_complete_arrays() -> None:
    data = hevc.config_from_annexb(x265().extradata)
    assert hevc.complete_config(data) is data
    loose = bytearray(data)
    loose[23] &= 0x7F
    assert hevc.complete_config(bytes(loose)) == data


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(22),
        b"\x01" + bytes(21) + b"\x00",
        b"\x01" + bytes(20) + b"\x03\x01\xa0\x00\x01\x00\x10\x40",
        b"\x02" + bytes(40),
    ],
)
def test_wrong_records(data: bytes) -> None:
    with pytest.raises(CodecError):
        hevc.HevcConfig.parse(data)


def test_predicted_reference_sets_are_followed() -> None:
    """Set 1 is predicted from set 0 (7.3.7): only with its right count is the VUI behind it found."""
    w = BitWriter().u(4, 0).u(3, 0).u(1, 1)
    w.u(2, 0).u(1, 0).u(5, 1).u(32, 0x6000_0000).u(48, 0x9000_0000_0000).u(8, 93)
    w.ue(0).ue(1).ue(320).ue(192).u(1, 0).ue(0).ue(0).ue(4).u(1, 0).ue(4).ue(2).ue(0)
    w.ue(0).ue(3).ue(0).ue(3).ue(0).ue(0).u(1, 0).u(2, 0).u(1, 0)
    w.ue(3)
    w.ue(2).ue(1).ue(0).u(1, 1).ue(1).u(1, 1).ue(0).u(1, 1)  # {-1, -3, +1}
    # delta -1: references -1, -3, +1, 0 become -2, -4, 0 (itself: left out), -1; the second is not used.
    w.u(1, 1).u(1, 1).ue(0).u(1, 1).u(1, 0).u(1, 0).u(1, 1).u(1, 1)
    # delta +1 from {-1, -2}: 0 (left out), -1, +1.
    w.u(1, 1).u(1, 0).ue(0).u(1, 1).u(1, 1).u(1, 1)
    w.u(1, 0).u(1, 0).u(1, 0)  # long-term, temporal mvp, strong intra
    w.u(1, 1).u(1, 1).u(8, 14).u(1, 0).u(1, 0).u(1, 0).u(1, 0).u(1, 0).u(1, 0).u(1, 0)
    w.u(1, 1).u(32, 1).u(32, 50).u(1, 0).u(1, 0).u(1, 0).u(1, 0)
    sps = hevc.parse_sps(b"\x42\x01" + escape(w.rbsp()))
    assert sps.sample_aspect == Fraction(4, 3)
    assert sps.frame_rate == 50
