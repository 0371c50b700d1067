from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from tests.transcoder.codecs.bitwriter import BitWriter
from tests.transcoder.codecs.encoded import Encoded, video
from transcoder.codecs import CodecError, av1
from transcoder.codecs.picture import Colour

DELIMITER = b"\x12\x00"
PADDING = b"\x7a\x02\xff\x80"
TILE_LIST = b"\x42\x01\x00"
KEY_FRAME = b"\x32\x03\x10\xaa\xbb"
INTER_FRAME = b"\x32\x02\x30\xaa"
HIDDEN_KEY_FRAME = b"\x32\x02\x00\xaa"
SHOW_EXISTING = b"\x1a\x01\xa0"


def svt(**kwargs: Any) -> Encoded:
    options = (("preset", "12"), ("svtav1-params", "keyint=10"))
    return video("libsvtav1", **{"frames": 25, "options": options, **kwargs})


def obu(kind: int, body: bytes) -> bytes:
    return bytes((kind << 3 | 2, len(body))) + body


@pytest.mark.parametrize(("pixel_format", "depth"), [("yuv420p", 8), ("yuv420p10le", 10)])
def test_sequence_header_of_svt(pixel_format: str, depth: int) -> None:
    stream = svt(pixel_format=pixel_format, colour=(9, 16, 9), width=318, height=182)
    header = av1.parse_sequence_header(stream.packets[0].data)
    assert (header.width, header.height, header.bit_depth) == (318, 182, depth)
    assert (header.profile, header.chroma_format_idc) == (0, 1)
    assert header.colour == Colour(9, 16, 9)


def test_record_from_the_sequence_header() -> None:
    stream = svt()
    data = av1.config_from(stream.extradata)
    record = av1.Av1Config.parse(data)
    assert record.serialize() == data
    assert record.config_obus == stream.extradata
    assert data[0] == 0x81
    assert av1.config_from(data) is data


def test_rfc6381_of_a_real_encoder() -> None:
    data = av1.config_from(svt(width=640, height=360).extradata)
    assert av1.rfc6381(av1.Av1Config.parse(data)) == "av01.0.01M.08"


def written_header(
    *,
    level: int,
    tier: int,
    ten_bit: bool,
    colour: tuple[int, int, int] | None,
    position: int = 0,
    models: bool = False,
) -> bytes:
    """AV1 5.5.1 and 5.5.2, in their order."""
    w = BitWriter().u(3, 0).u(1, 0).u(1, 0)
    w.u(1, models)
    if models:
        w.u(32, 1001).u(32, 60000).u(1, 1).ue(0)
        w.u(1, 1).u(5, 9).u(32, 1).u(5, 4).u(5, 4)
    w.u(1, models)
    w.u(5, 1 if models else 0)
    for index in range(2 if models else 1):
        w.u(12, index).u(5, level)
        if level > 7:
            w.u(1, tier)
        if models:
            w.u(1, 1).u(10, 3).u(10, 4).u(1, 0)
            w.u(1, 1).u(4, 5)
    w.u(4, 10).u(4, 9).u(11, 1919).u(10, 799)
    w.u(1, 1).u(4, 3).u(3, 2)  # frame ids
    w.u(3, 7)
    w.u(4, 15).u(1, 1).u(2, 3)
    w.u(1, 0).u(1, 1).u(1, 0).u(1, 1)  # screen content forced, integer mv forced
    w.u(3, 6)
    w.u(3, 7)
    w.u(1, ten_bit).u(1, 0)
    w.u(1, colour is not None)
    if colour is not None:
        for point in colour:
            w.u(8, point)
    w.u(1, 0).u(2, position).u(1, 0)
    w.u(1, 0)
    return obu(1, w.rbsp())


def test_every_branch_of_the_sequence_header() -> None:
    unit = written_header(level=9, tier=1, ten_bit=True, colour=(9, 18, 9), position=2, models=True)
    header = av1.parse_sequence_header(unit)
    assert (header.level, header.high_tier, header.width, header.height) == (9, True, 1920, 800)
    assert (header.bit_depth, header.chroma_sample_position) == (10, 2)
    assert header.colour == Colour(9, 18, 9)
    assert header.colour.video_range == "HLG"
    assert header.frame_rate == Fraction(60000, 1001)


# AV1 in ISOBMFF section 5 has the long one as its example; its level is 4 ("04").
@pytest.mark.parametrize(
    ("header", "name"),
    [
        (
            written_header(level=4, tier=0, ten_bit=True, colour=(9, 16, 9), position=2),
            "av01.0.04M.10.0.112.09.16.09.0",
        ),
        (written_header(level=5, tier=0, ten_bit=False, colour=None), "av01.0.05M.08"),
        (written_header(level=8, tier=0, ten_bit=False, colour=(1, 1, 1)), "av01.0.08M.08"),
        (written_header(level=13, tier=1, ten_bit=True, colour=None), "av01.0.13H.10"),
    ],
)
def test_rfc6381(header: bytes, name: str) -> None:
    assert av1.rfc6381(av1.Av1Config.of_sequence_header(header)) == name


def test_is_sync_of_a_real_stream() -> None:
    stream = svt()
    flags = [av1.is_sync(packet.data) for packet in stream.packets]
    assert flags == [packet.key for packet in stream.packets]
    assert sum(flags) >= 2


@pytest.mark.parametrize(
    ("unit", "sync"),
    [
        (KEY_FRAME, True),
        (DELIMITER + KEY_FRAME, True),
        (INTER_FRAME, False),
        (HIDDEN_KEY_FRAME, False),
        (SHOW_EXISTING, False),
        (INTER_FRAME + KEY_FRAME, False),
        (b"", False),
        (PADDING, False),
    ],
)
def test_is_sync(unit: bytes, sync: bool) -> None:
    assert av1.is_sync(unit) is sync


def test_clean() -> None:
    header = written_header(level=5, tier=0, ten_bit=False, colour=None)
    config = av1.config_from(header)
    whole = header + KEY_FRAME
    assert av1.clean(whole, config) is whole
    assert av1.clean(DELIMITER + header + PADDING + KEY_FRAME + TILE_LIST, config) == whole
    assert av1.clean(INTER_FRAME, config) == INTER_FRAME
    # A last OBU without a size reaches to the end; one that passes the end is dropped.
    unsized = b"\x30\x30\xaa\xbb"
    assert av1.clean(unsized, config) is unsized
    assert av1.clean(INTER_FRAME + b"\x32\x40\x30", config) == INTER_FRAME


def test_a_key_frame_gets_the_sequence_header_that_it_lacks() -> None:
    header = written_header(level=5, tier=0, ten_bit=False, colour=None)
    config = av1.config_from(header)
    assert av1.clean(KEY_FRAME, config) == header + KEY_FRAME
    assert av1.clean(DELIMITER + KEY_FRAME, config) == header + KEY_FRAME


@pytest.mark.parametrize(
    "unit",
    [b"", DELIMITER, PADDING, b"\xff" * 9, b"\x32\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", b"\x32\x00"],
)
def test_clean_refuses_what_holds_no_frame(unit: bytes) -> None:
    with pytest.raises(CodecError):
        av1.clean(unit, b"\x81\x05\x0c\x00")


def test_sized_obu() -> None:
    body = bytes(200)
    assert av1.sized_obu(b"\x08" + body) == b"\x0a\xc8\x01" + body
    assert av1.sized_obu(b"\x0a\x01\x00") == b"\x0a\x01\x00"
    assert av1.sized_obu(b"\x0c\x20" + b"ab") == b"\x0e\x20\x02ab"


def test_a_record_without_obus_tells_no_sequence_header() -> None:
    record = av1.Av1Config.parse(b"\x81\x05\x4c\x00")
    assert record.sequence_header() is None
    assert (record.bit_depth, av1.rfc6381(record)) == (10, "av01.0.05M.10")


@pytest.mark.parametrize("data", [b"", b"\x81", b"\x01\x05\x0c\x00", b"\x0a\x01", b"\x0a\x0b\xff"])
def test_wrong_records(data: bytes) -> None:
    with pytest.raises(CodecError):
        av1.Av1Config.parse(av1.config_from(data))
