"""The pipe's frames: every message round-trips, however the bytes are cut."""

from __future__ import annotations

import contextlib
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcoder import framing
from transcoder.encoders import Encoder
from transcoder.framing import FrameReader, FramingError, serialize
from transcoder.hdr import ContentLight, Hdr, MasteringDisplay
from transcoder.ladder import Ladder, Rendition
from transcoder.media import AccessUnit, Codec, Kind, Track

TRACK = Track(
    track_id=1,
    codec=Codec.H265,
    timescale=90_000,
    config=b"\x01\x00\xff",
    width=1920,
    height=1080,
    sample_aspect=Fraction(16, 11),
    frame_rate=Fraction(30_000, 1001),
    language="de-CH",
    name="main",
    hdr=Hdr(
        primaries=9,
        transfer=16,
        mastering=MasteringDisplay(
            red=(34_000, 16_000),
            green=(13_250, 34_500),
            blue=(7_500, 3_000),
            white_point=(15_635, 16_450),
            max_luminance=10_000_000,
            min_luminance=50,
        ),
        light=ContentLight(max_content=1_000, max_frame_average=400),
    ),
)
RENDITION = Rendition(
    name="720p",
    kind=Kind.VIDEO,
    codec=Codec.H264,
    passthrough=False,
    width=1280,
    height=720,
    frame_rate=Fraction(30_000, 1001),
    bitrate_bps=2_500_000,
    source_track_id=1,
    language="en",
    label="Main",
)
UNIT = AccessUnit(1, Codec.H264, 90_000, 6_000, 3_000, 3_000, True, b"\x00\x00\x00\x01\x65", 12.5)
MESSAGES = [
    (framing.Start(Ladder((RENDITION,), ()), (TRACK,), 2.0), b""),
    (framing.Start(Ladder((), ()), (), None), b""),
    (framing.Start(Ladder((), ()), (), 1.0, ("720p",), (Encoder.NVENC, Encoder.SOFTWARE)), b""),
    (framing.SetRungs(("1080p", "720p")), b""),
    (framing.TryEncoders((Encoder.QSV,)), b""),
    (framing.EncoderTried(Encoder.QSV, "no device"), b""),
    (framing.MakeSlate(3, "Größe", (RENDITION,), 0.25, 2.0), b"\xff\xd8jpeg"),
    (framing.Slated(3, ""), b""),
    (framing.SetTrack(TRACK), b""),
    (framing.unit_message(UNIT, "720p"), UNIT.payload),
    (framing.CutAt(1.25), b""),
    (framing.Finish(), b""),
    (framing.MakeStill(7, TRACK, 640), b""),
    (framing.Ready(), b""),
    (framing.RenditionTrack("720p", TRACK), b""),
    (framing.Progress(1, 2, 3, 4, 5, (framing.RungFigures("720p", 5, 6.5, 7.5, Encoder.SOFTWARE),)), b""),
    (framing.Finished(), b""),
    (framing.Still(7, ""), b"\xff\xd8jpeg"),
]


@pytest.mark.parametrize(("message", "payload"), MESSAGES, ids=lambda value: type(value).__name__)
def test_messages_round_trip(message: framing.AnyMessage, payload: bytes) -> None:
    assert FrameReader().feed(serialize(message, payload) + payload) == [(message, payload)]


def test_a_unit_comes_back_as_it_went() -> None:
    ((header, payload),) = FrameReader().feed(
        serialize(framing.unit_message(UNIT), UNIT.payload) + UNIT.payload
    )
    assert isinstance(header, framing.Unit)
    assert framing.access_unit(header, payload) == UNIT


@given(sizes=st.lists(st.integers(1, 60), min_size=1))
def test_any_fragmentation_gives_the_same_messages(sizes: list[int]) -> None:
    stream = b"".join(serialize(message, payload) + payload for message, payload in MESSAGES)
    reader, got, position = FrameReader(), [], 0
    for size in [*sizes, len(stream)]:
        got += reader.feed(stream[position : position + size])
        position += size
    assert got == MESSAGES


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xff\xff\xff\x00\x00\x00\x00",
        b"\x00\x00\x00\x00\xff\xff\xff\xff",
        b"\x00\x00\x00\x01\x00\x00\x00\x00\xc1",
        b"\x00\x00\x00\x00\x00\x00\x00\x00",
        serialize(framing.CutAt(1.0)).replace(b"CutAt", b"CutMe"),
    ],
)
def test_nonsense_is_refused(data: bytes) -> None:
    with pytest.raises(FramingError):
        FrameReader().feed(data)


def test_a_fraction_without_a_denominator_is_refused() -> None:
    data = serialize(framing.SetTrack(TRACK))
    broken = data.replace(b"\x92\x10\x0b", b"\x92\x10\x00")
    assert broken != data
    with pytest.raises(FramingError):
        FrameReader().feed(broken)


@given(st.binary(max_size=200))
def test_any_bytes_give_messages_or_framing_error(data: bytes) -> None:
    with contextlib.suppress(FramingError):
        FrameReader().feed(data)


def test_what_a_child_may_say_is_bounded_before_it_is_kept() -> None:
    header_bytes, payload_bytes = framing.CHILD_HEADER_LIMIT_BYTES, framing.CHILD_PAYLOAD_LIMIT_BYTES
    for header, payload in ((header_bytes + 1, 0), (10, payload_bytes + 1)):
        reader = FrameReader(header_limit=header_bytes, payload_limit=payload_bytes)
        with pytest.raises(framing.FramingError):
            reader.feed(header.to_bytes(4, "big") + payload.to_bytes(4, "big"))
