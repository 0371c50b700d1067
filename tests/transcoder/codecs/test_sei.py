"""Captions put into a picture are read out of it again, and the picture stays as it was."""

from __future__ import annotations

import pytest

from transcoder.captions.cc_data import CcType, cc_pairs
from transcoder.codecs import nal, sei
from transcoder.media import AccessUnit, Codec, Track

T35 = b"\xb5\x00\x31GA94\x03" + bytes((0x40 | 2, 0xFF)) + b"\xfc\x94\x20" + b"\xfd\x80\x80" + b"\xff"
AVC = Track(track_id=1, codec=Codec.H264, timescale=90_000, config=b"\x01\x64\x00\x1e\xff\xe1")
HEVC = Track(track_id=1, codec=Codec.H265, timescale=90_000, config=bytes(21) + b"\x0f\x00")
UNITS = {
    Codec.H264: (AVC, [b"\x67sps!", b"\x68pps!", b"\x65\x88\x84\x00\x10", b"\x65second"]),
    Codec.H265: (HEVC, [b"\x40\x01vps", b"\x42\x01sps", b"\x26\x01\xaf\x08", b"\x26\x01second"]),
}


@pytest.mark.parametrize("codec", UNITS)
def test_captions_stand_in_front_of_the_first_slice(codec: Codec) -> None:
    track, units = UNITS[codec]
    made = sei.with_t35(track, nal.join(units), [T35, T35])
    found = list(nal.split(made, 4))
    assert found[:2] == units[:2]
    assert found[-2:] == units[-2:]
    assert len(found) == 6
    unit = AccessUnit(1, codec, 90_000, 0, 0, 0, True, made, 0.0)
    pairs = [(pair.kind, pair.first, pair.second) for pair in cc_pairs(track, unit)]
    assert pairs == [(CcType.FIELD_1, 0x94, 0x20), (CcType.FIELD_2, 0x80, 0x80)] * 2


def test_what_looks_like_a_start_code_is_escaped() -> None:
    message = T35[:8] + b"\0\0\0\0\1\0\0\2\0\0\3" + b"\xaa" * 600
    made = sei.with_t35(AVC, nal.join([b"\x65\x88\x84\x00\x10"]), [message])
    body = next(nal.split(made, 4))
    assert all(body.find(bytes((0, 0, n))) < 0 for n in range(3))
    assert nal.unescape(body)[1:] == b"\x04\xff\xff" + bytes((len(message) - 510,)) + message + b"\x80"


def test_a_unit_without_a_slice_stays_as_it_is() -> None:
    payload = nal.join([b"\x67sps!"])
    assert sei.with_t35(AVC, payload, [T35]) is payload
    assert sei.with_t35(AVC, b"", [T35]) == b""


def test_a_short_length_field_leaves_a_long_message_out() -> None:
    track = Track(track_id=1, codec=Codec.H264, timescale=90_000, config=b"\x01\x64\x00\x1e\xfc\xe1")
    payload = b"\x05\x65\x88\x84\x00\x10"
    assert sei.with_t35(track, payload, [T35 + bytes(300)]) == payload
    assert len(sei.with_t35(track, payload, [T35])) > len(payload)


def test_which_formats() -> None:
    assert sei.can_carry(AVC)
    assert not sei.can_carry(Track(track_id=1, codec=Codec.VP9, timescale=90_000))
