"""Chunk stream: byte vectors by hand from RTMP 1.0 section 5.3, then properties over reader and writer."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.rtmp.chunk import ChunkError, ChunkLimits, ChunkReader, ChunkWriter, RawMessage


def read(
    data: bytes, limits: ChunkLimits | None = None, reader: ChunkReader | None = None
) -> list[RawMessage]:
    reader = reader or ChunkReader(limits or ChunkLimits())
    reader.feed(data)
    return drain(reader)


def drain(reader: ChunkReader) -> list[RawMessage]:
    messages = []
    while (message := reader.next_message()) is not None:
        messages.append(message)
    return messages


def times(messages: list[RawMessage]) -> list[int]:
    return [message.timestamp_ms for message in messages]


def test_example_1_of_the_specification() -> None:
    """5.3.2.1: four audio messages, headers of type 0, 2, 3 and 3."""
    data = (
        b"\x03" + b"\x00\x03\xe8" + b"\x00\x00\x20" + b"\x08" + b"\x39\x30\x00\x00" + b"a" * 32
        + b"\x83" + b"\x00\x00\x14" + b"b" * 32
        + b"\xc3" + b"c" * 32
        + b"\xc3" + b"d" * 32
    )  # fmt: skip
    messages = read(data)
    assert times(messages) == [1000, 1020, 1040, 1060]
    assert {(m.chunk_stream_id, m.type_id, m.stream_id) for m in messages} == {(3, 8, 12345)}
    assert [bytes(m.payload) for m in messages] == [b"a" * 32, b"b" * 32, b"c" * 32, b"d" * 32]
    writer = ChunkWriter()
    assert b"".join(map(writer.write, messages)) == data


def test_example_2_of_the_specification() -> None:
    """5.3.2.2: one video message of 307 bytes in chunks of 128."""
    payload = bytes(range(256)) + bytes(51)
    data = (
        b"\x04" + b"\x00\x03\xe8" + b"\x00\x01\x33" + b"\x09" + b"\x3a\x30\x00\x00" + payload[:128]
        + b"\xc4" + payload[128:256]
        + b"\xc4" + payload[256:]
    )  # fmt: skip
    [message] = read(data)
    assert message == RawMessage(4, 9, 12346, 1000, bytearray(payload))
    assert ChunkWriter().write(message) == data


@pytest.mark.parametrize(
    ("basic", "chunk_stream_id"),
    [
        (b"\x02", 2),
        (b"\x3f", 63),
        (b"\x00\x00", 64),
        (b"\x00\xff", 319),
        (b"\x01\x00\x01", 320),
        (b"\x01\xff\xff", 65_599),
    ],
)
def test_basic_header_of_one_two_and_three_bytes(basic: bytes, chunk_stream_id: int) -> None:
    data = basic + b"\x00\x00\x05" + b"\x00\x00\x01" + b"\x09" + b"\x01\x00\x00\x00" + b"x"
    [message] = read(data)
    assert message.chunk_stream_id == chunk_stream_id
    assert ChunkWriter().write(message) == data


def test_a_three_byte_header_may_name_a_small_id() -> None:
    """5.3.1.1: "Chunk stream IDs with values 64-319 could be represented by either" form."""
    [message] = read(b"\x01\x00\x00" + b"\x00\x00\x05\x00\x00\x01\x09\x01\x00\x00\x00x")
    assert message.chunk_stream_id == 64


def test_type_3_after_type_0_repeats_the_timestamp_as_delta() -> None:
    """5.3.1.2.4, and what ffmpeg's writer does."""
    data = b"\x04\x00\x00\x17\x00\x00\x01\x09\x01\x00\x00\x00x" + b"\xc4y"
    assert times(read(data)) == [23, 46]


def test_interleaved_chunk_streams() -> None:
    video, audio = b"v" * 200, b"a" * 130
    data = (
        b"\x06\x00\x00\x0a\x00\x00\xc8\x09\x01\x00\x00\x00" + video[:128]
        + b"\x04\x00\x00\x0b\x00\x00\x82\x08\x01\x00\x00\x00" + audio[:128]
        + b"\xc6" + video[128:]
        + b"\xc4" + audio[128:]
    )  # fmt: skip
    assert [(m.type_id, bytes(m.payload)) for m in read(data)] == [(9, video), (8, audio)]


def test_extended_timestamp_on_every_chunk() -> None:
    """5.3.1.3, with the field repeated on type 3 chunks as it says."""
    ext = b"\x01\x00\x00\x00"
    data = (
        b"\x06\xff\xff\xff\x00\x00\xc8\x09\x01\x00\x00\x00" + ext + b"v" * 128
        + b"\xc6" + ext + b"v" * 72
    )  # fmt: skip
    [message] = read(data)
    assert message.timestamp_ms == 0x1000000
    assert message.payload == b"v" * 200
    assert ChunkWriter().write(message) == data


def test_extended_timestamp_left_off_type_3_chunks() -> None:
    """Several encoders do; what stands in its place is payload. One look decides for the connection."""
    head = b"\x06\xff\xff\xff\x00\x01\x54\x09\x01\x00\x00\x00\x01\x00\x00\x00"
    payload = bytes(range(1, 171)) * 2
    data = head + payload[:128] + b"\xc6" + payload[128:256] + b"\xc6" + payload[256:]
    [first] = read(data)
    assert first.payload == payload
    # A later message whose payload looks like the timestamp is still read right.
    reader = ChunkReader()
    tricky = b"w" * 128 + b"\x01\x00\x00\x00" + b"w" * 208
    data += head + tricky[:128] + b"\xc6" + tricky[128:256] + b"\xc6" + tricky[256:]
    assert [bytes(m.payload) for m in read(data, reader=reader)] == [payload, tricky]


def test_type_3_that_repeats_the_absolute_time_instead_of_the_delta() -> None:
    data = (
        b"\x06\xff\xff\xff\x00\x00\x01\x09\x01\x00\x00\x00\x01\x00\x00\x00" + b"k"
        + b"\x46\xff\xff\xff\x00\x00\xc8\x09" + b"\x01\x00\x00\x05" + b"v" * 128
        + b"\xc6" + b"\x02\x00\x00\x05" + b"v" * 72
    )  # fmt: skip
    messages = read(data)
    assert times(messages) == [0x1000000, 0x2000005]
    assert messages[1].payload == b"v" * 200


def test_a_new_message_of_type_3_with_an_extended_delta() -> None:
    data = b"\x06\xff\xff\xff\x00\x00\x01\x09\x01\x00\x00\x00\x01\x00\x00\x00a" + b"\xc6\x01\x00\x00\x00b"
    assert times(read(data)) == [0x1000000, 0x2000000]


@pytest.mark.parametrize("start", [2**24 - 20, 2**31 - 20, 2**32 - 20])
def test_timestamps_pass_2_24_2_31_and_2_32(start: int) -> None:
    writer, reader = ChunkWriter(), ChunkReader()
    sent = [RawMessage(6, 9, 1, (start + n * 10) % 2**32, bytearray(b"x" * 300)) for n in range(6)]
    for message in sent:
        assert read(writer.write(message), reader=reader) == [message]


def test_deltas_wrap_at_2_32() -> None:
    data = b"\x06\xff\xff\xff\x00\x00\x01\x09\x01\x00\x00\x00\xff\xff\xff\xf0a" + b"\x86\x00\x00\x20b"
    assert times(read(data)) == [0xFFFFFFF0, 0x10]


def test_a_chunk_stream_may_begin_with_type_1() -> None:
    """librtmp's pings do."""
    [message] = read(b"\x42\x00\x00\x05\x00\x00\x01\x04x")
    assert (message.timestamp_ms, message.stream_id) == (5, 0)


@pytest.mark.parametrize("first", [b"\x82\x00\x00\x00", b"\xc2"])
def test_but_not_with_type_2_or_3(first: bytes) -> None:
    with pytest.raises(ChunkError, match="begins with a type"):
        read(first)


def test_an_empty_message() -> None:
    [message] = read(b"\x06\x00\x00\x05\x00\x00\x00\x09\x01\x00\x00\x00")
    assert message.payload == b""


def test_set_chunk_size_holds_from_the_next_chunk_on() -> None:
    data = (
        b"\x02\x00\x00\x00\x00\x00\x04\x01\x00\x00\x00\x00" + b"\x00\x00\x10\x00"
        + b"\x06\x00\x00\x00\x00\x01\x90\x09\x01\x00\x00\x00" + b"x" * 400
    )  # fmt: skip
    assert [m.type_id for m in read(data)] == [1, 9]


def test_set_chunk_size_in_the_middle_of_another_message() -> None:
    data = (
        b"\x06\x00\x00\x00\x00\x00\xc8\x09\x01\x00\x00\x00" + b"x" * 128
        + b"\x02\x00\x00\x00\x00\x00\x04\x01\x00\x00\x00\x00" + b"\x00\x00\x00\x32"
        + b"\xc6" + b"x" * 50 + b"\xc6" + b"x" * 22
    )  # fmt: skip
    assert [len(m.payload) for m in read(data)] == [4, 200]


@pytest.mark.parametrize("size", [0, 0x80000000, 0x80000001, 0xFFFFFFFF])
def test_chunk_sizes_that_are_refused(size: int) -> None:
    with pytest.raises(ChunkError, match="chunk size"):
        read(b"\x02\x00\x00\x00\x00\x00\x04\x01\x00\x00\x00\x00" + size.to_bytes(4, "big"))


@pytest.mark.parametrize("size", [(1 << 20) + 1, 10_000_000, 0x7FFFFFFF])
def test_chunk_sizes_beyond_any_message_are_taken(size: int) -> None:
    """5.4.1: "Valid sizes are 1 to 2147483647"; encoders ask for whole messages in one chunk."""
    data = b"\x02\x00\x00\x00\x00\x00\x04\x01\x00\x00\x00\x00" + size.to_bytes(4, "big")
    data += b"\x06\x00\x00\x00\x00\x10\x00\x09\x01\x00\x00\x00" + bytes(4096)
    assert read(data)[1].payload == bytes(4096)


def test_chunk_size_1() -> None:
    data = b"\x02\x00\x00\x00\x00\x00\x04\x01\x00\x00\x00\x00\x00\x00\x00\x01"
    data += b"\x06\x00\x00\x00\x00\x00\x03\x09\x01\x00\x00\x00" + b"a\xc6b\xc6c"
    assert read(data)[1].payload == b"abc"


def test_abort_discards_the_unfinished_message_only() -> None:
    """5.4.2."""
    reader = ChunkReader()
    half = b"\x06\x00\x00\x00\x00\x00\xc8\x09\x01\x00\x00\x00" + b"x" * 128
    abort = b"\x02\x00\x00\x00\x00\x00\x04\x02\x00\x00\x00\x00" + b"\x00\x00\x00\x06"
    again = b"\x06\x00\x00\x09\x00\x00\x03\x09\x01\x00\x00\x00" + b"new"
    messages = read(half + abort + again, reader=reader)
    assert [bytes(m.payload) for m in messages] == [b"\x00\x00\x00\x06", b"new"]
    assert reader.buffered_bytes == 0


def test_abort_of_an_unknown_chunk_stream_is_nothing() -> None:
    assert len(read(b"\x02\x00\x00\x00\x00\x00\x04\x02\x00\x00\x00\x00\x00\x00\x00\x63")) == 1


@pytest.mark.parametrize("kind", [b"\x01", b"\x02"])
def test_short_control_messages(kind: bytes) -> None:
    with pytest.raises(ChunkError, match="of 2 bytes"):
        read(b"\x02\x00\x00\x00\x00\x00\x02" + kind + b"\x00\x00\x00\x00\x00\x05")


def test_a_message_inside_an_unfinished_one_of_its_stream() -> None:
    half = b"\x06\x00\x00\x00\x00\x00\xc8\x09\x01\x00\x00\x00" + b"x" * 128
    with pytest.raises(ChunkError, match="inside an unfinished one"):
        read(half + half)


def test_too_many_chunk_streams() -> None:
    one = b"\x00\x00\x00\x00\x00\x00\x01\x09\x01\x00\x00\x00x"
    data = b"".join(bytes((0, n)) + one[1:] for n in range(64))
    assert len(read(data)) == 64
    with pytest.raises(ChunkError, match="more than 64"):
        read(data + bytes((0, 64)) + one[1:])


def test_too_long_a_message_is_refused_at_its_header() -> None:
    with pytest.raises(ChunkError, match="at most 1000"):
        read(b"\x06\x00\x00\x00\x00\x03\xe9\x09\x01\x00\x00\x00", ChunkLimits(message_bytes=1000))


def test_unfinished_messages_of_all_streams_together_are_limited() -> None:
    """Threat T9: 16 MB messages begun on many chunk streams."""
    limits = ChunkLimits(buffered_bytes=1000)
    data = b"".join(
        bytes((csid,)) + b"\x00\x00\x00\xff\xff\xff\x09\x01\x00\x00\x00" + b"x" * 128 for csid in range(3, 12)
    )
    with pytest.raises(ChunkError, match="unfinished messages above 1000"):
        read(data, limits)


def test_nothing_is_held_for_what_is_only_claimed() -> None:
    reader = ChunkReader()
    assert read(b"\x06\x00\x00\x00\xff\xff\xf0\x09\x01\x00\x00\x00" + b"x" * 10, reader=reader) == []
    assert reader.buffered_bytes == 10


def test_the_writer_uses_each_header_type() -> None:
    writer = ChunkWriter()

    def first_byte(timestamp_ms: int, payload: bytes, type_id: int = 9, stream_id: int = 1) -> int:
        return writer.write(RawMessage(6, type_id, stream_id, timestamp_ms, payload))[0] >> 6

    assert first_byte(100, b"ab") == 0
    assert first_byte(120, b"abc") == 1
    assert first_byte(120, b"abc") == 2
    assert first_byte(120, b"abc") == 3
    assert first_byte(140, b"abc") == 2
    assert first_byte(160, b"abc") == 3
    assert first_byte(160, b"abc", type_id=8) == 1
    assert first_byte(150, b"abc", type_id=8) == 0  # backwards
    assert first_byte(150, b"abc", type_id=8, stream_id=2) == 0


def test_what_the_writer_refuses() -> None:
    with pytest.raises(ValueError, match="chunk stream id"):
        ChunkWriter().write(RawMessage(1, 9, 1, 0, b""))
    with pytest.raises(ValueError, match="2\\^24"):
        ChunkWriter().write(RawMessage(6, 9, 1, 0, bytes(1 << 24)))


raw_messages = st.lists(
    st.builds(
        RawMessage,
        st.sampled_from([3, 4, 63, 64, 319, 320, 65_599]),
        st.sampled_from([8, 9, 18, 20]),
        st.integers(0, 2),
        st.one_of(st.integers(0, 2**32 - 1), st.sampled_from([0, 2**24 - 1, 2**24, 2**32 - 1])),
        st.integers(0, 700).map(lambda n: bytearray(b"\xc6" * n)),
    ),
    max_size=8,
)


@given(raw_messages, st.integers(1, 600), st.data())
@settings(max_examples=150, deadline=None)
def test_any_split_of_the_bytes_gives_the_same_messages(
    messages: list[RawMessage], chunk_size: int, data: st.DataObject
) -> None:
    writer, reader = ChunkWriter(), ChunkReader()
    size = RawMessage(2, 1, 0, 0, bytearray(chunk_size.to_bytes(4, "big")))
    wire = b"".join(writer.write(message) for message in (size, *messages))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=10)))
    got = []
    for start, end in zip([0, *cuts], [*cuts, len(wire)], strict=True):
        got += read(wire[start:end], reader=reader)
    assert got == [size, *messages]
    assert reader.buffered_bytes == 0


def test_byte_by_byte_through_every_header_type() -> None:
    writer, reader = ChunkWriter(), ChunkReader()
    sent = [
        RawMessage(400, 9, 1, t, bytearray(b"z" * n))
        for t, n in ((5, 300), (5, 0), (9, 0), (13, 0), (2**24 + 7, 300), (2**25 + 9, 300), (3, 1))
    ]
    got = []
    for byte in b"".join(map(writer.write, sent)):
        got += read(bytes((byte,)), reader=reader)
    assert got == sent
