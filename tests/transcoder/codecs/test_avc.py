from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transcoder.codecs.bitwriter import BitWriter, escape
from tests.transcoder.codecs.encoded import video
from transcoder.codecs import CodecError, avc, nal
from transcoder.codecs.picture import Colour


def sps_of(**kwargs: Any) -> avc.Sps:
    extradata = video("libx264", frames=1, **kwargs).extradata
    return avc.AvcConfig.parse(avc.config_from_annexb(extradata)).first_sps()


@pytest.mark.parametrize(
    ("profile", "pixel_format", "idc", "chroma", "depth"),
    [
        ("baseline", "yuv420p", 66, 1, 8),
        ("main", "yuv420p", 77, 1, 8),
        ("high", "yuv420p", 100, 1, 8),
        ("high10", "yuv420p10le", 110, 1, 10),
        ("high422", "yuv422p", 122, 2, 8),
        ("high422", "yuv422p10le", 122, 2, 10),
        ("high444", "yuv444p", 244, 3, 8),
    ],
)
def test_profiles_of_x264(profile: str, pixel_format: str, idc: int, chroma: int, depth: int) -> None:
    sps = sps_of(pixel_format=pixel_format, options=(("profile", profile),))
    assert (sps.profile_idc, sps.chroma_format_idc, sps.bit_depth) == (idc, chroma, depth)
    assert (sps.width, sps.height, sps.interlaced) == (320, 180, False)


@pytest.mark.parametrize(
    "size", [(16, 16), (318, 178), (426, 240), (854, 480), (1918, 1078), (1920, 1080), (3840, 2160)]
)
def test_cropping_gives_the_real_size(size: tuple[int, int]) -> None:
    sps = sps_of(width=size[0], height=size[1], options=(("preset", "ultrafast"),))
    assert (sps.width, sps.height) == size


def test_odd_sizes_where_chroma_allows_them() -> None:
    sps = sps_of(width=321, height=181, pixel_format="yuv444p")
    assert (sps.width, sps.height) == (321, 181)


def test_interlaced_cropping_counts_in_field_lines() -> None:
    sps = sps_of(width=1920, height=1080, options=(("x264-params", "interlaced=1"), ("preset", "ultrafast")))
    assert sps.interlaced
    assert (sps.width, sps.height) == (1920, 1080)


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(30000, 1001), Fraction(60), Fraction(240)])
def test_frame_rate(rate: Fraction) -> None:
    sps = sps_of(rate=rate)
    assert sps.frame_rate == rate
    assert not sps.vui.fixed_frame_rate  # FFmpeg gives x264 timestamps of its own


@pytest.mark.parametrize("aspect", [Fraction(1), Fraction(16, 11), Fraction(4, 3), Fraction(64, 45)])
def test_sample_aspect_by_table_and_extended(aspect: Fraction) -> None:
    assert sps_of(sample_aspect=aspect).sample_aspect == aspect


def test_colour() -> None:
    assert sps_of(colour=(9, 16, 9)).colour == Colour(9, 16, 9)
    assert sps_of(colour=(9, 16, 9)).colour.video_range == "PQ"
    assert sps_of(colour=(9, 18, 9)).colour.video_range == "HLG"
    assert not sps_of().colour.known
    assert sps_of().colour.video_range == "SDR"


def test_vui_after_an_hrd() -> None:
    sps = sps_of(options=(("x264-params", "nal-hrd=vbr:vbv-maxrate=900:vbv-bufsize=900:bframes=2"),))
    assert sps.vui.max_reorder_pictures is not None
    assert sps.vui.max_reorder_pictures >= 1


def test_record_round_trip() -> None:
    data = avc.config_from_annexb(video("libx264").extradata)
    record = avc.AvcConfig.parse(data)
    assert record.serialize() == data
    assert record.length_size == 4
    # ISO 14496-15 5.3.3.1: High profile has chroma_format and bit depths after the parameter sets.
    assert data[-4:] == b"\xfd\xf8\xf8\x00"


# From RFC 6381 3.3: "avc1.42E01E" and "avc1.58A01E"; hex digits compare without case.
@pytest.mark.parametrize("name", ["42e01e", "58a01e", "4d401e", "64001f", "640028"])
def test_rfc6381(name: str) -> None:
    sps = b"\x67" + bytes.fromhex(name) + b"\xda\x0f\x0a\x69\xa8"
    record = avc.AvcConfig.of_parameter_sets([sps], [b"\x68\xce\x3c\x80"])
    assert avc.rfc6381(record) == f"avc1.{name}"


def test_is_sync_is_true_for_idr_pictures_only() -> None:
    stream = video("libx264", options=(("g", "10"), ("bf", "2")))
    prefixed = [nal.from_annexb(packet.data) for packet in stream.packets]
    flags = [avc.is_sync(payload, 4) for payload in prefixed]
    assert flags == [packet.key for packet in stream.packets]
    assert sum(flags) == 4


def test_recovery_points_are_no_sync_points() -> None:
    stream = video("libx264", options=(("g", "10"), ("x264-params", "open-gop=1:bframes=3")))
    flags = [avc.is_sync(nal.from_annexb(packet.data), 4) for packet in stream.packets]
    assert flags[0]
    assert sum(flags) == 1
    assert sum(packet.key for packet in stream.packets) > 1  # what x264 calls key


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x01\x64\x00\x1f\xff\xe1",
        bytes(40),
        b"\x01\x64\x00\x1f\xff\xe0\x00",
        b"\x01\x64\x00\x1f\xfe\xe1\x00\x05\x67\x64\x00\x1f\xac\x01\x00\x02\x68\xee",  # 3-byte lengths
        b"\x01\x64\x00\x1f\xff\xe1\x00\x05\x67\x64\x00\x1f\xac\x01\x00\x09\x68\xee",  # PPS passes the end
        b"\x01\x64\x00\x1f\xff\xe1\x00\x05\x67\x64\x00\x1f\xac\x00",  # no PPS
    ],
)
def test_wrong_records(data: bytes) -> None:
    with pytest.raises(CodecError):
        avc.AvcConfig.parse(data)


def written_sps(
    *,
    profile: int,
    chroma: int,
    depth: int,
    order: int,
    mbs: tuple[int, int],
    frame_mbs_only: bool,
    crop: tuple[int, int, int, int] | None,
    aspect: tuple[int, int] | None,
    scaling: bool,
) -> bytes:
    """H.264 7.3.2.1.1, in its order."""
    w = BitWriter().u(8, profile).u(8, 0).u(8, 40).ue(0)
    if profile in (100, 110, 122, 244):
        w.ue(chroma)
        if chroma == 3:
            w.u(1, 0)
        w.ue(depth - 8).ue(depth - 8).u(1, 0).u(1, scaling)
        if scaling:
            for index in range(12 if chroma == 3 else 8):
                w.u(1, index % 2)
                if index % 2:
                    # A list that ends early: nextScale becomes 0 at the fourth delta.
                    for delta in (1, 2, -3, -8):
                        w.se(delta)
    w.ue(4).ue(order)
    if order == 0:
        w.ue(2)
    elif order == 1:
        w.u(1, 1).se(-3).se(5).ue(2).se(1).se(-1)
    w.ue(3).u(1, 0).ue(mbs[0] - 1).ue(mbs[1] - 1).u(1, frame_mbs_only)
    if not frame_mbs_only:
        w.u(1, 1)
    w.u(1, 1)
    w.u(1, crop is not None)
    for side in crop or ():
        w.ue(side)
    w.u(1, aspect is not None)
    if aspect is not None:
        w.u(1, 1).u(8, 255).u(16, aspect[0]).u(16, aspect[1])
        w.u(1, 1).u(1, 0)  # overscan
        w.u(1, 1).u(3, 5).u(1, 1).u(1, 1).u(8, 1).u(8, 13).u(8, 6)
        w.u(1, 1).ue(0).ue(0)
        w.u(1, 1).u(32, 1001).u(32, 60000).u(1, 1)
        w.u(1, 1).ue(1).u(8, 0).ue(999).ue(999).u(1, 0).ue(9).ue(9).u(1, 1).u(20, 0)  # NAL HRD
        w.u(1, 0).u(1, 0).u(1, 1)
        w.u(1, 1).u(1, 1).ue(2).ue(1).ue(10).ue(10).ue(2).ue(4)
    return b"\x67" + escape(w.rbsp())


@settings(max_examples=60)
@given(
    profile_chroma=st.sampled_from([(66, 1), (77, 1), (100, 0), (100, 1), (110, 1), (122, 2), (244, 3)]),
    order=st.integers(0, 2),
    mbs=st.tuples(st.integers(2, 250), st.integers(2, 130)),
    frame_mbs_only=st.booleans(),
    crop=st.none() | st.tuples(*[st.integers(0, 3)] * 4),
    aspect=st.none() | st.tuples(st.integers(1, 60), st.integers(1, 60)),
    scaling=st.booleans(),
)
def test_parameter_sets_as_the_syntax_table_writes_them(
    profile_chroma: tuple[int, int],
    order: int,
    mbs: tuple[int, int],
    frame_mbs_only: bool,
    crop: tuple[int, int, int, int] | None,
    aspect: tuple[int, int] | None,
    scaling: bool,
) -> None:
    profile, chroma = profile_chroma
    depth = 8 if profile in (66, 77, 100) else 10
    unit = written_sps(
        profile=profile,
        chroma=chroma,
        depth=depth,
        order=order,
        mbs=mbs,
        frame_mbs_only=frame_mbs_only,
        crop=crop,
        aspect=aspect,
        scaling=scaling,
    )
    sps = avc.parse_sps(unit)
    fields = 1 if frame_mbs_only else 2
    left, right, top, bottom = crop or (0, 0, 0, 0)
    unit_x = 2 if chroma in (1, 2) else 1
    unit_y = (2 if chroma == 1 else 1) * fields
    assert sps.width == 16 * mbs[0] - unit_x * (left + right)
    assert sps.height == 16 * mbs[1] * fields - unit_y * (top + bottom)
    assert (sps.profile_idc, sps.chroma_format_idc, sps.bit_depth) == (profile, chroma, depth)
    assert sps.interlaced is not frame_mbs_only
    if aspect is None:
        assert sps.vui == avc.Vui()
        return
    ratio = Fraction(*aspect)
    assert sps.sample_aspect == (ratio if Fraction(1, 16) <= ratio <= 16 else 1)
    assert sps.colour == Colour(1, 13, 6, full_range=True)
    assert sps.frame_rate == Fraction(30000, 1001)
    assert sps.vui.max_reorder_pictures == 2


def test_a_vui_that_breaks_off_counts_as_far_as_it_goes() -> None:
    unit = written_sps(
        profile=100,
        chroma=1,
        depth=8,
        order=0,
        mbs=(20, 12),
        frame_mbs_only=True,
        crop=None,
        aspect=(4, 3),
        scaling=False,
    )
    for cut in range(len(unit) - 20, len(unit)):
        sps = avc.parse_sps(unit[:cut])
        assert (sps.width, sps.height) == (320, 192)


@pytest.mark.parametrize(("time_scale_fps"), [1000, 90_000])
def test_a_clock_is_no_frame_rate(time_scale_fps: int) -> None:
    w = (
        BitWriter()
        .u(8, 66)
        .u(8, 0)
        .u(8, 30)
        .ue(0)
        .ue(0)
        .ue(0)
        .ue(0)
        .ue(1)
        .u(1, 0)
        .ue(19)
        .ue(11)
        .u(1, 1)
        .u(1, 1)
    )
    w.u(1, 0).u(1, 1).u(1, 0).u(1, 0).u(1, 0).u(1, 0).u(1, 1).u(32, 1).u(32, 2 * time_scale_fps).u(1, 0)
    w.u(4, 0)
    assert avc.parse_sps(b"\x67" + escape(w.rbsp())).frame_rate is None


@pytest.mark.parametrize("unit", [b"", b"\x67", b"\x68\x64\x00\x1f\xac", b"\x67" + bytes(30)])
def test_wrong_parameter_sets(unit: bytes) -> None:
    with pytest.raises(CodecError):
        avc.parse_sps(unit)


def test_cropping_that_leaves_nothing() -> None:
    unit = written_sps(
        profile=100,
        chroma=1,
        depth=8,
        order=0,
        mbs=(2, 2),
        frame_mbs_only=True,
        crop=(8, 8, 0, 0),
        aspect=None,
        scaling=False,
    )
    with pytest.raises(CodecError, match="0x32"):
        avc.parse_sps(unit)
