"""Messages: every type both ways, and what is broken."""

import pytest

from ingest.rtmp.amf0 import encode_all
from ingest.rtmp.chunk import RawMessage
from ingest.rtmp.message import (
    MOST_PARTS,
    Abort,
    Acknowledgement,
    Aggregate,
    AggregatePart,
    Audio,
    Command,
    Data,
    Ignored,
    MessageError,
    Serializable,
    SetChunkSize,
    SetPeerBandwidth,
    UserControl,
    UserEvent,
    Video,
    WindowAcknowledgementSize,
    on_status,
    parse,
    raw,
    stream_begin,
)

VECTORS: list[tuple[Serializable, int, bytes]] = [
    (SetChunkSize(4096), 1, b"\x00\x00\x10\x00"),
    (Abort(6), 2, b"\x00\x00\x00\x06"),
    (Acknowledgement(0xFFFFFFFF), 3, b"\xff\xff\xff\xff"),
    (UserControl(UserEvent.PING_REQUEST, b"\x00\x00\x00\x07"), 4, b"\x00\x06\x00\x00\x00\x07"),
    (stream_begin(1), 4, b"\x00\x00\x00\x00\x00\x01"),
    (WindowAcknowledgementSize(2_500_000), 5, b"\x00\x26\x25\xa0"),
    (SetPeerBandwidth(2_500_000, 2), 6, b"\x00\x26\x25\xa0\x02"),
    (Audio(b"\xaf\x01x"), 8, b"\xaf\x01x"),
    (Video(b"\x17\x01"), 9, b"\x17\x01"),
    (Data(("onMetaData", {})), 18, b"\x02\x00\x0aonMetaData\x03\x00\x00\x09"),
    (
        Command("createStream", 4.0),
        20,
        b"\x02\x00\x0ccreateStream\x00\x40\x10\x00\x00\x00\x00\x00\x00\x05",
    ),
    (
        Command("FCPublish", 3.0, None, ("live",)),
        20,
        b"\x02\x00\x09FCPublish\x00\x40\x08\x00\x00\x00\x00\x00\x00\x05\x02\x00\x04live",
    ),
]


@pytest.mark.parametrize(("record", "type_id", "body"), VECTORS)
def test_both_ways(record: Serializable, type_id: int, body: bytes) -> None:
    message = raw(record, 3, stream_id=1, timestamp_ms=7)
    assert message == RawMessage(3, type_id, 1, 7, body)
    assert parse(message) == record


@pytest.mark.parametrize(("outer", "inner"), [(17, 20), (15, 18)])
def test_amf3_envelope_holds_amf0_values(outer: int, inner: int) -> None:
    body = encode_all(["createStream", 4.0, None])
    assert parse(RawMessage(3, outer, 0, 0, b"\0" + body)) == parse(RawMessage(3, inner, 0, 0, body))
    assert parse(RawMessage(3, outer, 0, 0, body)) == parse(RawMessage(3, inner, 0, 0, body))


def test_amf3_values_are_refused_with_a_sentence() -> None:
    with pytest.raises(MessageError, match="switches to AMF3"):
        parse(RawMessage(3, 17, 0, 0, b"\x00\x02\x00\x07connect\x00\x3f\xf0" + bytes(6) + b"\x11\x0a\x0b"))


@pytest.mark.parametrize(
    ("type_id", "body"),
    [
        (1, b"\0\0"),
        (3, b""),
        (4, b"\0"),
        (5, b"\0\0\0"),
        (20, b""),
        (20, b"\x05"),
        (20, b"\x02\x00\x01"),
        (20, b"\x02\x00\x01x\x05"),
        (22, b"\x09\0\0"),
        (22, b"\x09\0\0\x05" + bytes(7)),
    ],
)
def test_broken_bodies(type_id: int, body: bytes) -> None:
    with pytest.raises(MessageError):
        parse(RawMessage(3, type_id, 0, 0, body))


def test_bandwidth_without_its_limit_type() -> None:
    assert parse(RawMessage(2, 6, 0, 0, b"\0\0\0\x09")) == SetPeerBandwidth(9, 0)


@pytest.mark.parametrize("type_id", [0, 7, 16, 19, 99])
def test_other_types_are_ignored(type_id: int) -> None:
    assert parse(RawMessage(3, type_id, 0, 0, b"whatever")) == Ignored(type_id)


def test_aggregate_parts_get_the_aggregates_clock() -> None:
    """7.1.6, with an FLV-style extended timestamp byte; a nested aggregate is ignored."""
    part = b"\x09\x00\x00\x02\xff\xff\xf0\x01\x00\x00\x00" + b"vv" + b"\x00\x00\x00\x0d"
    part += b"\x08\x00\x00\x01\x00\x00\x04\x02\x00\x00\x00" + b"a" + b"\x00\x00\x00\x0c"
    part += b"\x16\x00\x00\x00\x00\x00\x04\x02\x00\x00\x00" + b"\x00\x00\x00\x0b"
    assert parse(RawMessage(3, 22, 1, 5000, part)) == Aggregate(
        (
            AggregatePart(5000, Video(b"vv")),
            AggregatePart(5020, Audio(b"a")),
            AggregatePart(5020, Ignored(22)),
        )
    )


def test_on_status() -> None:
    assert on_status("error", "NetStream.Publish.Denied", "no") == Command(
        "onStatus",
        0.0,
        None,
        ({"level": "error", "code": "NetStream.Publish.Denied", "description": "no"},),
    )


def test_an_aggregate_of_a_million_parts_is_refused() -> None:
    part = b"\x08\0\0\1\0\0\0\0\0\0\0\xaf\0\0\0\0"
    assert isinstance(parse(RawMessage(4, 22, 1, 0, part * MOST_PARTS)), Aggregate)
    with pytest.raises(MessageError, match="parts"):
        parse(RawMessage(4, 22, 1, 0, part * (MOST_PARTS + 1)))
