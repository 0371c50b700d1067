from __future__ import annotations

import pytest

from tests.transcoder.codecs.encoded import audio
from transcoder.codecs import CodecError, opus

HEAD = bytes.fromhex("4f707573486561640102380180bb0000000000")  # libopus, stereo, pre-skip 312
DOPS = bytes.fromhex("0002013800 00bb80 0000 00".replace(" ", ""))


def test_head_of_a_real_encoder_becomes_dops() -> None:
    stream = audio("libopus", sample_format="flt")
    assert stream.extradata == HEAD
    record = opus.OpusConfig.parse(HEAD)
    assert (record.channels, record.pre_skip, record.input_sample_rate) == (2, 312, 48_000)
    assert record.serialize() == DOPS
    assert record.serialize_head() == HEAD
    assert opus.OpusConfig.parse(DOPS) == record
    assert {opus.packet_samples(packet.data) for packet in stream.packets} == {960}


def test_surround_has_a_mapping_table() -> None:
    table = bytes((4, 2, 0, 4, 1, 2, 3, 5))
    head = (
        b"OpusHead" + bytes((1, 6)) + b"\x38\x01" + (48_000).to_bytes(4, "little") + b"\xff\xff\x01" + table
    )
    record = opus.OpusConfig.parse(head)
    assert (record.channels, record.output_gain, record.mapping_family) == (6, -1, 1)
    assert record.mapping_table == table
    assert opus.OpusConfig.parse(record.serialize()) == record
    assert record.serialize_head() == head


# RFC 6716 table 2, and 3.1: (TOC byte, more bytes, milliseconds)
@pytest.mark.parametrize(
    ("packet", "ms"),
    [
        (bytes((0 << 3,)), 10),
        (bytes((3 << 3,)), 60),
        (bytes((12 << 3,)), 10),
        (bytes((15 << 3,)), 20),
        (bytes((16 << 3,)), 2.5),
        (bytes((31 << 3,)), 20),
        (bytes((31 << 3 | 1,)), 40),
        (bytes((31 << 3 | 2, 0)), 40),
        (bytes((31 << 3 | 3, 3)), 60),
        (bytes((16 << 3 | 3, 0x80 | 48)), 120),
    ],
)
def test_packet_durations(packet: bytes, ms: float) -> None:
    assert opus.packet_samples(packet) == 48 * ms


@pytest.mark.parametrize("duration", ["2.5", "5", "10", "20", "40", "60"])
def test_packet_durations_of_a_real_encoder(duration: str) -> None:
    stream = audio("libopus", sample_format="flt", options=(("frame_duration", duration),), seconds=0.5)
    assert {opus.packet_samples(packet.data) for packet in stream.packets} == {int(48 * float(duration))}


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        bytes((31 << 3 | 3,)),  # no frame count
        bytes((31 << 3 | 3, 0)),  # no frames
        bytes((31 << 3 | 3, 7)),  # 140 ms
        bytes((31 << 3 | 1, 0)),  # two equal frames in one byte
        bytes((31 << 3,)) + bytes(1276),
    ],
)
def test_malformed_packets(packet: bytes) -> None:
    with pytest.raises(CodecError):
        opus.clean(packet)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"OpusHead",
        HEAD[:-1],
        DOPS[:-1],
        b"\x10" + DOPS[1:],
        b"\x00\x00" + DOPS[2:],
        b"\x00\x03" + DOPS[2:],
        DOPS[:-1] + b"\x01\x01",
    ],
)
def test_wrong_headers(data: bytes) -> None:
    with pytest.raises(CodecError):
        opus.OpusConfig.parse(data)
