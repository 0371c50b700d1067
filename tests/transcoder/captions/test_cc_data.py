"""Where caption bytes are in coded pictures (ATSC A/53 part 4 6.2; H.264 D.1.6; AV1 5.8.2)."""

from __future__ import annotations

import pytest

from tests.transcoder.captions.vectors import av1_metadata, cc_data, escaped, h264_sei, h265_sei
from transcoder.captions.cc_data import MOST_PAIRS, CcPair, CcType, cc_pairs
from transcoder.media import AccessUnit, Codec, Track

H264 = Track(track_id=1, codec=Codec.H264, timescale=90_000, config=bytes.fromhex("0164001fff"))
H265 = Track(track_id=1, codec=Codec.H265, timescale=90_000, config=bytes(21) + b"\xff")
AV1 = Track(track_id=1, codec=Codec.AV1, timescale=90_000, config=bytes.fromhex("81000c00"))
VP9 = Track(track_id=1, codec=Codec.VP9, timescale=90_000)
SLICE = bytes.fromhex("00000005" + "6588840021")

# cc_type 0 "HI", cc_type 1 padding, cc_type 3 and 2 of CEA-708; the last has cc_valid 0.
BYTES = bytes.fromhex("b5 0031 47413934 03 45 ff fc c849 fd 8080 ff 0241 fe 4200 f8 ffff ff".replace(" ", ""))
PAIRS = [
    CcPair(CcType.FIELD_1, 0xC8, 0x49),
    CcPair(CcType.FIELD_2, 0x80, 0x80),
    CcPair(CcType.DTVCC_START, 0x02, 0x41),
    CcPair(CcType.DTVCC_DATA, 0x42, 0x00),
]


def unit(payload: bytes, codec: Codec = Codec.H264) -> AccessUnit:
    return AccessUnit(1, codec, 90_000, 0, 0, 3000, True, payload, 0.0)


def test_h264_sei() -> None:
    assert cc_pairs(H264, unit(h264_sei(BYTES) + SLICE)) == PAIRS


def test_h265_sei() -> None:
    assert cc_pairs(H265, unit(h265_sei(BYTES) + SLICE, Codec.H265)) == PAIRS


def test_av1_metadata() -> None:
    frame = bytes((6 << 3 | 2, 2, 0x10, 0x00))
    assert cc_pairs(AV1, unit(av1_metadata(BYTES) + frame, Codec.AV1)) == PAIRS


def test_our_own_writer_of_vectors_writes_the_same() -> None:
    packets = [(0, 0xC8, 0x49), (1, 0x80, 0x80), (3, 0x02, 0x41), (2, 0x42, 0x00)]
    assert cc_pairs(H264, unit(h264_sei(cc_data(packets)))) == PAIRS


def test_emulation_prevention_is_taken_out() -> None:
    # A message of type 1 whose bytes must be escaped stands before ours.
    nal = b"\x06" + escaped(b"\x01\x04\x00\x00\x01\x00" + b"\x04" + bytes((len(BYTES),)) + BYTES + b"\x80")
    assert b"\x00\x00\x03\x01" in nal
    assert cc_pairs(H264, unit(len(nal).to_bytes(4, "big") + nal)) == PAIRS


def test_other_messages_and_units_beside_it() -> None:
    # A picture timing message (type 1), then ours, in one SEI NAL unit; and other user data before.
    nal = b"\x06" + b"\x01\x02\xab\xcd" + b"\x04" + bytes((len(BYTES),)) + BYTES + b"\x80"
    other = h264_sei(b"\xb5\x00\x31DTG1\x41\xff")
    payload = other + len(nal).to_bytes(4, "big") + nal + SLICE
    assert cc_pairs(H264, unit(payload)) == PAIRS


def test_process_cc_data_flag_off_means_none() -> None:
    assert cc_pairs(H264, unit(h264_sei(BYTES[:8] + b"\x05" + BYTES[9:]))) == []


def test_codecs_without() -> None:
    assert cc_pairs(VP9, unit(h264_sei(BYTES), Codec.VP9)) == []


def test_lengths_of_two_bytes() -> None:
    track = Track(track_id=1, codec=Codec.H264, timescale=90_000, config=bytes.fromhex("0164001ffd"))
    assert cc_pairs(track, unit(h264_sei(BYTES)[2:])) == PAIRS


@pytest.mark.parametrize("cut", range(1, 40))
def test_what_is_cut_off_gives_what_is_whole(cut: int) -> None:
    pairs = cc_pairs(H264, unit(h264_sei(BYTES)[:-cut]))
    assert pairs == PAIRS[: len(pairs)]


def test_so_many_pairs_of_one_picture_and_no_more() -> None:
    flood = h264_sei(cc_data([(0, 0xC8, 0x49)] * 31)) * 20
    assert len(cc_pairs(H264, unit(flood))) == MOST_PAIRS
