from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transcoder.codecs.bitwriter import escape
from tests.transcoder.codecs.encoded import video
from transcoder.codecs import CodecError, avc, nal

IDR = b"\x65\x88\x84\x00\x10"
SLICE = b"\x41\x9a\x24\x6c"
SEI = b"\x06\x05\x01\x00\x80"
AUD = b"\x09\xf0"
FILLER = b"\x0c\xff\xff\x80"

# What the payload of a NAL unit can be: emulation prevention makes every byte string possible, and the
# trailing bit keeps the last byte from being zero.
units = st.lists(
    st.binary(min_size=1, max_size=40).map(lambda body: escape(b"\x65" + body + b"\x80")),
    min_size=1,
    max_size=5,
)


@given(units)
def test_annexb_and_length_prefixed_hold_the_same_units(nals: list[bytes]) -> None:
    prefixed = nal.join(nals)
    assert list(nal.split(prefixed, 4)) == nals
    assert list(nal.split_annexb(nal.to_annexb(prefixed))) == nals
    assert nal.from_annexb(nal.to_annexb(prefixed)) == prefixed


@given(st.binary(max_size=60))
def test_unescape_undoes_emulation_prevention(rbsp: bytes) -> None:
    assert nal.unescape(escape(rbsp)) == rbsp


def test_annexb_start_codes_of_both_lengths_and_padding() -> None:
    stream = b"\0\0\0\1" + AUD + b"\0\0\1" + IDR + b"\0\0\0\0\1" + SLICE + b"\0\0\0"
    assert list(nal.split_annexb(stream)) == [AUD, IDR, SLICE]
    assert list(nal.split_annexb(b"no start code")) == []


def test_annexb_of_a_real_encoder_decodes_to_the_same_units() -> None:
    stream = video("libx264", global_header=False).packets[0].data
    kinds = [unit[0] & 31 for unit in nal.split_annexb(stream)]
    assert kinds[:4] == [7, 8, 6, 5]
    assert set(kinds[4:]) <= {5}  # a slice for each thread


def test_clean_returns_the_very_same_bytes() -> None:
    payload = nal.join([SEI, IDR, SLICE])
    assert avc.clean(payload, 4) is payload


@pytest.mark.parametrize("length_size", [1, 2, 4])
def test_clean_drops_delimiters_filler_and_empty_units(length_size: int) -> None:
    def prefixed(*nals: bytes) -> bytes:
        return b"".join(len(unit).to_bytes(length_size, "big") + unit for unit in nals)

    dirty = prefixed(AUD, b"", SEI, FILLER, IDR, b"", FILLER, SLICE, b"")
    assert avc.clean(dirty, length_size) == prefixed(SEI, IDR, SLICE)
    assert avc.is_sync(dirty, length_size)


def test_clean_drops_a_unit_that_passes_the_end() -> None:
    whole = nal.join([IDR])
    assert avc.clean(whole + b"\x00\x00\x40\x00" + SLICE, 4) == whole
    assert avc.clean(whole + b"\xff\xff\xff\xff", 4) == whole
    assert avc.clean(whole + b"\x00\x00", 4) == whole


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\0",
        b"\0\0\0\0",
        bytes(400),
        nal.join([SEI]),
        nal.join([AUD, FILLER]),
        b"\0\0\0\x09\x65",
        b"\xff\xff\xff\xff\x65\x88",
        nal.join([b"\x65"]),
        nal.join([b"\xe5\x88\x84\x00"]),  # forbidden_zero_bit
        b"\0\0\0\1" * 50,
        b"\0\0\1",
    ],
)
def test_clean_refuses_what_holds_no_picture(payload: bytes) -> None:
    with pytest.raises(CodecError):
        avc.clean(payload, 4)


def test_clean_mends_annexb_sent_by_mistake() -> None:
    assert avc.clean(b"\0\0\0\1" + AUD + b"\0\0\0\1" + IDR, 4) == nal.join([IDR])
    assert avc.clean(b"\0\0\1" + IDR + b"\0\0\1" + SLICE, 4) == nal.join([IDR, SLICE])
