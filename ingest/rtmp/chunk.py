"""RTMP chunk stream, reader and writer (RTMP 1.0, section 5.3).

The reader puts chunks of interleaved chunk streams back together into messages. It obeys Set Chunk Size and
Abort itself, because they change how the very next byte is read, and hands them on like any other message.
Timestamps come out as the absolute 32-bit milliseconds that the sender meant; what they mean over weeks and
jumps is the timeline's matter.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import Enum
from typing import Final

from ingest.rtmp.limits import Limit

DEFAULT_CHUNK_SIZE: Final = 128
"""5.4.1: "The maximum chunk size defaults to 128 bytes"."""

SET_CHUNK_SIZE: Final = 1
ABORT: Final = 2
_EXTENDED: Final = 0xFFFFFF
_WRAP: Final = 0xFFFFFFFF
_LARGEST_CHUNK: Final = 0x7FFFFFFF
_MESSAGE_HEADER_SIZE: Final = (11, 7, 3, 0)
_MAX_CHUNK_STREAM_ID: Final = 65_599


class ChunkError(ValueError):
    """The peer broke the chunk stream's rules, or one of our limits. Nothing after it can be read."""

    def __init__(self, text: str, limit: Limit | None = None) -> None:
        super().__init__(text)
        self.limit = limit


@dataclass(frozen=True, slots=True)
class ChunkLimits:
    """What one peer may make us hold."""

    chunk_streams: int = 64
    message_bytes: int = 16 << 20
    buffered_bytes: int = 20 << 20
    """Unfinished messages of all chunk streams together."""


DEFAULT_CHUNK_LIMITS: Final = ChunkLimits()


@dataclass(frozen=True, slots=True)
class RawMessage:
    """One whole RTMP message. ``payload`` belongs to whoever gets it."""

    chunk_stream_id: int
    type_id: int
    stream_id: int
    timestamp_ms: int
    """Absolute, modulo 2^32."""
    payload: bytes | bytearray


class _ExtendedOnType3(Enum):
    """Does this peer repeat the extended timestamp on type 3 chunks? Learnt from the first such chunk."""

    UNKNOWN = 1
    PRESENT = 2
    ABSENT = 3


class _ChunkStream:
    """What 5.3.1.2 lets later headers leave out, and the message in progress."""

    __slots__ = ("delta_ms", "extended", "field", "length", "payload", "stream_id", "timestamp_ms", "type_id")

    def __init__(self) -> None:
        self.timestamp_ms = 0
        self.delta_ms = 0
        self.field = 0
        """The last timestamp or delta as it stood on the wire, extended or not."""
        self.extended = False
        self.length = 0
        self.type_id = 0
        self.stream_id = 0
        self.payload: bytearray | None = None
        """None between messages."""


class ChunkReader:
    """Bytes in, messages out: ``feed`` what arrived, then take ``next_message`` until it is None."""

    def __init__(self, limits: ChunkLimits = DEFAULT_CHUNK_LIMITS) -> None:
        self.limits = limits
        """May be replaced at any time: a peer that has shown its key may be trusted with more."""
        self.chunk_size = DEFAULT_CHUNK_SIZE
        self.buffered_bytes = 0
        self._streams: dict[int, _ChunkStream] = {}
        self._data: bytes = b""
        self._at = 0
        self._open: _ChunkStream | None = None
        """The chunk stream whose chunk is being read."""
        self._open_id = 0
        self._open_left = 0
        self._type3 = _ExtendedOnType3.UNKNOWN

    def feed(self, data: bytes) -> None:
        """Take bytes. Never fails: ``next_message`` does."""
        rest = self._data[self._at :] if self._at < len(self._data) else b""
        self._data = rest + data if rest else data
        self._at = 0

    def next_message(self) -> RawMessage | None:
        """The next whole message, or None until more bytes come. Raises :class:`ChunkError`."""
        data = self._data
        size = len(data)
        while True:
            if self._open is None and not self._read_header():
                return None
            stream = self._open
            if stream is None or stream.payload is None:
                raise RuntimeError("chunk header read without opening its chunk stream")
            available = size - self._at
            wanted = self._open_left
            if wanted:
                if not available:
                    return None
                taken = wanted if wanted < available else available
                stream.payload += data[self._at : self._at + taken]
                self._at += taken
                self._open_left = wanted - taken
                self.buffered_bytes += taken
                if taken < wanted:
                    return None
            self._open = None
            if len(stream.payload) == stream.length:
                return self._finish(stream)

    def _finish(self, stream: _ChunkStream) -> RawMessage:
        payload = stream.payload or bytearray()
        stream.payload = None
        self.buffered_bytes -= len(payload)
        if stream.type_id == SET_CHUNK_SIZE:
            self._set_chunk_size(payload)
        elif stream.type_id == ABORT:
            self._abort(payload)
        return RawMessage(self._open_id, stream.type_id, stream.stream_id, stream.timestamp_ms, payload)

    def _set_chunk_size(self, payload: bytearray) -> None:
        if len(payload) < 4:
            raise ChunkError(f"Set Chunk Size of {len(payload)} bytes")
        # 5.4.1: "Valid sizes are 1 to 2147483647 (0x7FFFFFFF) inclusive; however, all sizes greater than
        # 16777215 (0xFFFFFF) are equivalent". A large one costs us nothing: what is held is what arrived.
        size = int.from_bytes(payload[:4], "big")
        if not 1 <= size <= _LARGEST_CHUNK:
            raise ChunkError(f"chunk size {size} is outside 1 to {_LARGEST_CHUNK}")
        self.chunk_size = size

    def _abort(self, payload: bytearray) -> None:
        """5.4.2: discard the partially received message of a chunk stream."""
        if len(payload) < 4:
            raise ChunkError(f"Abort Message of {len(payload)} bytes")
        aborted = self._streams.get(int.from_bytes(payload[:4], "big"))
        if aborted is not None and aborted.payload is not None:
            self.buffered_bytes -= len(aborted.payload)
            aborted.payload = None

    def _read_header(self) -> bool:
        """Read one chunk's headers and open its chunk stream; False if they are not all here yet."""
        data, at = self._data, self._at
        if at >= len(data):
            return False
        first = data[at]
        at += 1
        chunk_type = first >> 6
        chunk_stream_id = first & 0x3F
        if chunk_stream_id < 2:  # 5.3.1.1: 0 and 1 mean one and two more bytes
            extra = chunk_stream_id + 1
            if len(data) < at + extra:
                return False
            chunk_stream_id = 64 + int.from_bytes(data[at : at + extra], "little")
            at += extra
        stream = self._streams.get(chunk_stream_id)
        if chunk_type == 3 and stream is not None and not stream.extended:
            self._at = at
            if stream.payload is None:
                stream.timestamp_ms = (stream.timestamp_ms + stream.delta_ms) & _WRAP
                self._start(stream)
            self._enter(chunk_stream_id, stream)
            return True
        return self._read_long_header(chunk_type, chunk_stream_id, at)

    def _read_long_header(self, chunk_type: int, chunk_stream_id: int, at: int) -> bool:
        data = self._data
        end = at + _MESSAGE_HEADER_SIZE[chunk_type]
        if len(data) < end:
            return False
        stream = self._streams.get(chunk_stream_id) or self._new_stream(chunk_type, chunk_stream_id)
        if chunk_type == 3:
            return self._read_extended_type3(chunk_stream_id, stream, at)
        if stream.payload is not None:
            raise ChunkError(f"chunk stream {chunk_stream_id} starts a message inside an unfinished one")
        field = int.from_bytes(data[at : at + 3], "big")
        extended = field == _EXTENDED
        if extended:
            if len(data) < end + 4:
                return False
            field = int.from_bytes(data[end : end + 4], "big")
        if chunk_type < 2:
            stream.length = int.from_bytes(data[at + 3 : at + 6], "big")
            stream.type_id = data[at + 6]
        if chunk_type == 0:
            stream.stream_id = int.from_bytes(data[at + 7 : at + 11], "little")
            stream.timestamp_ms = field
        else:
            stream.timestamp_ms = (stream.timestamp_ms + field) & _WRAP
        # 5.3.1.2.4: "If a Type 3 chunk follows a Type 0 chunk, then the timestamp delta for this Type 3
        # chunk is the same as the timestamp of the Type 0 chunk." ffmpeg relies on it.
        stream.delta_ms = stream.field = field
        stream.extended = extended
        self._at = end + 4 if extended else end
        self._streams[chunk_stream_id] = stream
        self._start(stream)
        self._enter(chunk_stream_id, stream)
        return True

    def _new_stream(self, chunk_type: int, chunk_stream_id: int) -> _ChunkStream:
        if len(self._streams) >= self.limits.chunk_streams:
            raise ChunkError(f"more than {self.limits.chunk_streams} chunk streams", Limit.CHUNK_STREAMS)
        # A stream's first chunk should be of type 0; librtmp starts its user control messages with type 1.
        if chunk_type > 1:
            raise ChunkError(f"chunk stream {chunk_stream_id} begins with a type {chunk_type} chunk")
        return _ChunkStream()

    def _read_extended_type3(self, chunk_stream_id: int, stream: _ChunkStream, at: int) -> bool:
        """5.3.1.3: the extended timestamp is repeated on type 3 chunks when the last header had one.

        Several encoders leave it off inside a message. What stands there tells: it repeats the header's
        field (or, with some, the message's absolute time), or else it is payload. One look decides for the
        connection, since an encoder does it always or never.
        """
        data = self._data
        starts = stream.payload is None
        present = starts or self._type3 is _ExtendedOnType3.PRESENT
        if self._type3 is not _ExtendedOnType3.ABSENT or starts:
            if len(data) < at + 4:
                return False
            value = int.from_bytes(data[at : at + 4], "big")
            if not starts and self._type3 is _ExtendedOnType3.UNKNOWN:
                present = value in (stream.field, stream.timestamp_ms)
                self._type3 = _ExtendedOnType3.PRESENT if present else _ExtendedOnType3.ABSENT
        if starts:
            stream.delta_ms = value
            stream.timestamp_ms = (stream.timestamp_ms + value) & _WRAP
            self._at = at + 4
            self._start(stream)
        else:
            self._at = at + 4 if present else at
        self._enter(chunk_stream_id, stream)
        return True

    def _start(self, stream: _ChunkStream) -> None:
        if stream.length > self.limits.message_bytes:
            raise ChunkError(
                f"message of {stream.length} bytes; at most {self.limits.message_bytes}", Limit.MESSAGE_SIZE
            )
        stream.payload = bytearray()

    def _enter(self, chunk_stream_id: int, stream: _ChunkStream) -> None:
        have = len(stream.payload) if stream.payload is not None else 0
        left = stream.length - have
        self._open_left = left if left < self.chunk_size else self.chunk_size
        if self.buffered_bytes + self._open_left > self.limits.buffered_bytes:
            raise ChunkError(
                f"unfinished messages above {self.limits.buffered_bytes} bytes", Limit.UNFINISHED_MESSAGES
            )
        self._open = stream
        self._open_id = chunk_stream_id


class _SentStream:
    __slots__ = ("delta_ms", "length", "stream_id", "timestamp_ms", "type_id")

    def __init__(self, message: RawMessage) -> None:
        self.stream_id = message.stream_id
        self.type_id = message.type_id
        self.length = len(message.payload)
        self.timestamp_ms = message.timestamp_ms
        self.delta_ms: int | None = None


class ChunkWriter:
    """Messages in, bytes out. Uses the shortest header that 5.3.1.2 allows."""

    def __init__(self) -> None:
        self.chunk_size = DEFAULT_CHUNK_SIZE
        self._streams: dict[int, _SentStream] = {}

    def write(self, message: RawMessage) -> bytes:
        """The message's chunks. A Set Chunk Size message takes effect after itself."""
        header, extension = self._header(message)
        payload = memoryview(message.payload)
        parts: list[bytes | memoryview] = [header, payload[: self.chunk_size]]
        # 5.3.1.3 again: a type 3 chunk repeats the extended timestamp.
        continuation = _basic_header(3, message.chunk_stream_id) + extension
        for at in range(self.chunk_size, len(payload), self.chunk_size):
            parts += (continuation, payload[at : at + self.chunk_size])
        if message.type_id == SET_CHUNK_SIZE:
            self.chunk_size = int.from_bytes(message.payload[:4], "big")
        return b"".join(parts)

    def _header(self, message: RawMessage) -> tuple[bytes, bytes]:
        """The first chunk's headers, and the extended timestamp field (or nothing)."""
        length = len(message.payload)
        if length > 0xFFFFFF:
            raise ValueError(f"an RTMP message holds at most 2^24-1 bytes, not {length}")
        timestamp = message.timestamp_ms & _WRAP
        sent = self._streams.get(message.chunk_stream_id)
        # 5.3.1.2.1: type 0 "MUST be used at the start of a chunk stream, and whenever the stream timestamp
        # goes backward".
        if sent is None or sent.stream_id != message.stream_id or timestamp < sent.timestamp_ms:
            self._streams[message.chunk_stream_id] = sent = _SentStream(message)
            sent.timestamp_ms = timestamp
            field = timestamp
            chunk_type = 0
        else:
            field = timestamp - sent.timestamp_ms
            if sent.type_id != message.type_id or sent.length != length:
                chunk_type = 1
            elif sent.delta_ms != field:
                chunk_type = 2
            else:
                chunk_type = 3
            sent.type_id, sent.length = message.type_id, length
            sent.timestamp_ms, sent.delta_ms = timestamp, field
        extension = struct.pack(">I", field) if field >= _EXTENDED else b""
        head = _basic_header(chunk_type, message.chunk_stream_id)
        if chunk_type < 3:
            head += min(field, _EXTENDED).to_bytes(3, "big")
        if chunk_type < 2:
            head += length.to_bytes(3, "big") + bytes((message.type_id,))
        if chunk_type == 0:
            head += message.stream_id.to_bytes(4, "little")
        return head + extension, extension


def _basic_header(chunk_type: int, chunk_stream_id: int) -> bytes:
    """5.3.1.1: one, two or three bytes."""
    if not 2 <= chunk_stream_id <= _MAX_CHUNK_STREAM_ID:
        raise ValueError(f"chunk stream id {chunk_stream_id} is outside 2 to {_MAX_CHUNK_STREAM_ID}")
    if chunk_stream_id < 64:
        return bytes((chunk_type << 6 | chunk_stream_id,))
    if chunk_stream_id < 320:
        return bytes((chunk_type << 6, chunk_stream_id - 64))
    return bytes((chunk_type << 6 | 1,)) + (chunk_stream_id - 64).to_bytes(2, "little")
