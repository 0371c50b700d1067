"""AMF0: byte vectors written by hand from the specification."""

import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.rtmp.amf0 import (
    UNDEFINED,
    AmfError,
    AmfLimits,
    Date,
    EcmaArray,
    Value,
    decode_all,
    encode,
    encode_all,
)

VECTORS: list[tuple[str, Value, bytes]] = [
    ("number", 1.0, b"\x00\x3f\xf0\x00\x00\x00\x00\x00\x00"),
    ("true", True, b"\x01\x01"),
    ("false", False, b"\x01\x00"),
    ("string", "live", b"\x02\x00\x04live"),
    ("empty string", "", b"\x02\x00\x00"),
    ("umlaut", "ü", b"\x02\x00\x02\xc3\xbc"),
    ("object", {"a": 1.0}, b"\x03\x00\x01a\x00\x3f\xf0\x00\x00\x00\x00\x00\x00\x00\x00\x09"),
    ("null", None, b"\x05"),
    ("undefined", UNDEFINED, b"\x06"),
    ("ecma array", EcmaArray(a=True), b"\x08\x00\x00\x00\x01\x00\x01a\x01\x01\x00\x00\x09"),
    ("strict array", [None, "x"], b"\x0a\x00\x00\x00\x02\x05\x02\x00\x01x"),
    ("date", Date(0.0), b"\x0b" + bytes(8) + b"\x00\x00"),
    ("long string", "y" * 65_536, b"\x0c\x00\x01\x00\x00" + b"y" * 65_536),
]


@pytest.mark.parametrize(("value", "data"), [v[1:] for v in VECTORS], ids=[v[0] for v in VECTORS])
def test_each_type_both_ways(value: Value, data: bytes) -> None:
    assert decode_all(data) == [value]
    assert encode(value) == data


def test_an_ecma_array_stays_one() -> None:
    assert isinstance(decode_all(encode(EcmaArray(a=1.0)))[0], EcmaArray)
    assert not isinstance(decode_all(encode({"a": 1.0}))[0], EcmaArray)


def test_types_that_are_only_read() -> None:
    assert decode_all(b"\x0d") == [UNDEFINED]
    assert decode_all(b"\x0f\x00\x00\x00\x04<a/>") == ["<a/>"]
    assert decode_all(b"\x10\x00\x03Foo\x00\x01a\x05\x00\x00\x09") == [{"a": None}]


def test_an_ecma_arrays_count_is_only_a_hint() -> None:
    assert decode_all(b"\x08\xff\xff\xff\xff\x00\x01a\x05\x00\x00\x09") == [{"a": None}]


def test_an_ecma_array_may_end_with_the_message() -> None:
    assert decode_all(b"\x08\x00\x00\x00\x01\x00\x01a\x05") == [{"a": None}]


def test_an_object_may_not() -> None:
    with pytest.raises(AmfError, match="cut off"):
        decode_all(b"\x03\x00\x01a\x05")


def test_bad_utf8_in_a_title_is_no_reason_to_refuse() -> None:
    assert decode_all(b"\x02\x00\x02\xff\xfe") == ["��"]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"\x11", "AMF3"),
        (b"\x07\x00\x00", "references"),
        (b"\x04", "unknown AMF0 marker 0x04"),
        (b"\x20", "unknown AMF0 marker 0x20"),
        (b"\x0a\xff\xff\xff\xff", "claims 4294967295 values"),
        (b"\x02\x00\x05abc", "cut off"),
        (b"\x09", "unknown AMF0 marker 0x09"),
    ],
)
def test_what_is_refused(data: bytes, sentence: str) -> None:
    with pytest.raises(AmfError, match=sentence):
        decode_all(data)


@pytest.mark.parametrize(
    ("head", "tail"),
    [
        (b"\x03\x00\x01a", b"\x00\x00\x09"),
        (b"\x08\x00\x00\x00\x01\x00\x01a", b"\x00\x00\x09"),
        (b"\x0a\x00\x00\x00\x01", b""),
    ],
)
def test_nesting_is_limited(head: bytes, tail: bytes) -> None:
    """flvmeta died of 70,000 levels."""
    assert decode_all(head * 8 + b"\x05" + tail * 8)
    for depth in (9, 70_000):
        with pytest.raises(AmfError, match="nested deeper than 8"):
            decode_all(head * depth + b"\x05" + tail * depth)


def test_the_number_of_values_is_limited() -> None:
    assert len(decode_all(b"\x05" * 4096)) == 4096
    with pytest.raises(AmfError, match="more than 4096"):
        decode_all(b"\x05" * 4097)
    with pytest.raises(AmfError, match="more than 3"):
        decode_all(b"\x0a\x00\x00\x00\x03\x05\x05\x05", AmfLimits(values=3))


@pytest.mark.parametrize("data", [v[2] for v in VECTORS if len(v[2]) < 100 and len(v[2]) > 1])
def test_cut_anywhere_it_is_an_error_and_nothing_else(data: bytes) -> None:
    for size in range(1, len(data)):
        try:
            decode_all(data[:size])
        except AmfError:
            continue
        assert data[0] == 0x08  # only the array that may end with the message


def test_what_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="property name"):
        encode({"": 1.0})


values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=20) | st.just(UNDEFINED),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(min_size=1, max_size=5), inner, max_size=4)
    ),
    max_leaves=10,
)


@given(st.lists(values, max_size=4))
def test_round_trip(some: list[Value]) -> None:
    assert decode_all(encode_all(some), AmfLimits(depth=64)) == some


@given(st.binary(max_size=200))
def test_any_bytes_are_values_or_an_amf_error(data: bytes) -> None:
    with suppress(AmfError):
        decode_all(data)


def test_ints_are_numbers() -> None:
    assert encode(3) == b"\x00" + struct.pack(">d", 3.0)
