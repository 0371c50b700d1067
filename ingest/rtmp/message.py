"""RTMP messages as typed records (RTMP 1.0, sections 5.4, 6 and 7), parse and serialize side by side.

``parse`` turns a whole message from the chunk reader into one record; ``raw`` turns a record into what the
chunk writer takes. Commands and data are AMF0, also inside the AMF3 envelope (types 15 and 17), whose first
byte 0 says that AMF0 values follow; every encoder that asks for AMF3 sends it so.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Final

from ingest.rtmp.amf0 import DEFAULT_AMF_LIMITS, AmfError, AmfLimits, Value, decode_all, encode_all
from ingest.rtmp.chunk import RawMessage
from ingest.rtmp.limits import Limit

CONTROL_CHUNK_STREAM: Final = 2
"""5.4: "RTMP Chunk Stream uses message type IDs [...] MUST have [...] chunk stream ID 2"."""
COMMAND_CHUNK_STREAM: Final = 3


class MessageError(ValueError):
    """A message whose body is not what its type says."""

    def __init__(self, text: str, limit: Limit | None = None) -> None:
        super().__init__(text)
        self.limit = limit


class LimitType(IntEnum):
    """5.4.5: what to do with the limit."""

    HARD = 0
    SOFT = 1
    DYNAMIC = 2


class UserEvent(IntEnum):
    """7.1.7: user control events that we name."""

    STREAM_BEGIN = 0
    STREAM_EOF = 1
    STREAM_DRY = 2
    SET_BUFFER_LENGTH = 3
    STREAM_IS_RECORDED = 4
    PING_REQUEST = 6
    PING_RESPONSE = 7


@dataclass(frozen=True, slots=True)
class SetChunkSize:
    """5.4.1. The chunk reader and writer act on it."""

    TYPE: ClassVar[int] = 1
    size_bytes: int

    def body(self) -> bytes:
        return self.size_bytes.to_bytes(4, "big")


@dataclass(frozen=True, slots=True)
class Abort:
    """5.4.2. The chunk reader acts on it."""

    TYPE: ClassVar[int] = 2
    chunk_stream_id: int

    def body(self) -> bytes:
        return self.chunk_stream_id.to_bytes(4, "big")


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """5.4.3. ``received_bytes``: all bytes received so far, modulo 2^32."""

    TYPE: ClassVar[int] = 3
    received_bytes: int

    def body(self) -> bytes:
        return self.received_bytes.to_bytes(4, "big")


@dataclass(frozen=True, slots=True)
class UserControl:
    """7.1.7. ``event`` may be none of :class:`UserEvent`; ``data`` is what follows it."""

    TYPE: ClassVar[int] = 4
    event: int
    data: bytes

    def body(self) -> bytes:
        return self.event.to_bytes(2, "big") + self.data


@dataclass(frozen=True, slots=True)
class WindowAcknowledgementSize:
    """5.4.4."""

    TYPE: ClassVar[int] = 5
    size_bytes: int

    def body(self) -> bytes:
        return self.size_bytes.to_bytes(4, "big")


@dataclass(frozen=True, slots=True)
class SetPeerBandwidth:
    """5.4.5."""

    TYPE: ClassVar[int] = 6
    size_bytes: int
    limit_type: int

    def body(self) -> bytes:
        return struct.pack(">IB", self.size_bytes, self.limit_type)


@dataclass(frozen=True, slots=True)
class Audio:
    """7.1.4. The payload is an FLV audio tag body: see ``flv``."""

    TYPE: ClassVar[int] = 8
    payload: bytes | bytearray

    def body(self) -> bytes | bytearray:
        return self.payload


@dataclass(frozen=True, slots=True)
class Video:
    """7.1.5. The payload is an FLV video tag body: see ``flv``."""

    TYPE: ClassVar[int] = 9
    payload: bytes | bytearray

    def body(self) -> bytes | bytearray:
        return self.payload


@dataclass(frozen=True, slots=True)
class Data:
    """7.1.2. Metadata: a handler's name and its arguments."""

    TYPE: ClassVar[int] = 18
    AMF3_TYPE: ClassVar[int] = 15
    values: tuple[Value, ...]

    def body(self) -> bytes:
        return encode_all(self.values)


@dataclass(frozen=True, slots=True)
class Command:
    """7.1.1. A remote call or its answer."""

    TYPE: ClassVar[int] = 20
    AMF3_TYPE: ClassVar[int] = 17
    name: str
    transaction_id: float
    """0 wants no answer."""
    command_object: Value = None
    arguments: tuple[Value, ...] = ()

    def body(self) -> bytes:
        return encode_all((self.name, self.transaction_id, self.command_object, *self.arguments))


@dataclass(frozen=True, slots=True)
class AggregatePart:
    """One message inside an aggregate. ``timestamp_ms`` is already on the aggregate's own clock."""

    timestamp_ms: int
    message: Audio | Video | Data | Ignored


@dataclass(frozen=True, slots=True)
class Aggregate:
    """7.1.6: several messages, written like FLV tags with a back pointer after each."""

    TYPE: ClassVar[int] = 22
    parts: tuple[AggregatePart, ...]


@dataclass(frozen=True, slots=True)
class Ignored:
    """A type that a publisher has no use for here (shared objects and unknown types)."""

    type_id: int


Message = (
    SetChunkSize
    | Abort
    | Acknowledgement
    | UserControl
    | WindowAcknowledgementSize
    | SetPeerBandwidth
    | Audio
    | Video
    | Data
    | Command
    | Aggregate
    | Ignored
)
Serializable = (
    SetChunkSize
    | Abort
    | Acknowledgement
    | UserControl
    | WindowAcknowledgementSize
    | SetPeerBandwidth
    | Audio
    | Video
    | Data
    | Command
)


def raw(message: Serializable, chunk_stream_id: int, stream_id: int = 0, timestamp_ms: int = 0) -> RawMessage:
    """What the chunk writer takes."""
    return RawMessage(chunk_stream_id, message.TYPE, stream_id, timestamp_ms, message.body())


def parse(message: RawMessage, amf_limits: AmfLimits = DEFAULT_AMF_LIMITS) -> Message:
    """The record of a whole message. Raises :class:`MessageError`, also for broken AMF."""
    payload = message.payload
    match message.type_id:
        case Video.TYPE:
            return Video(payload)
        case Audio.TYPE:
            return Audio(payload)
        case SetChunkSize.TYPE:
            return SetChunkSize(_number(message))
        case Abort.TYPE:
            return Abort(_number(message))
        case Acknowledgement.TYPE:
            return Acknowledgement(_number(message))
        case WindowAcknowledgementSize.TYPE:
            return WindowAcknowledgementSize(_number(message))
        case SetPeerBandwidth.TYPE:
            size = _number(message)
            # Some peers leave the limit type off; 5.4.5 treats an odd one like "hard".
            return SetPeerBandwidth(size, payload[4] if len(payload) > 4 else LimitType.HARD)
        case UserControl.TYPE:
            if len(payload) < 2:
                raise MessageError(f"user control message of {len(payload)} bytes")
            return UserControl(int.from_bytes(payload[:2], "big"), bytes(payload[2:]))
        case Command.TYPE | Command.AMF3_TYPE:
            return _command(_amf_values(message, amf_limits))
        case Data.TYPE | Data.AMF3_TYPE:
            return Data(tuple(_amf_values(message, amf_limits)))
        case Aggregate.TYPE:
            return Aggregate(_aggregate_parts(message, amf_limits))
        case other:
            return Ignored(other)


def _number(message: RawMessage) -> int:
    if len(message.payload) < 4:
        raise MessageError(f"control message {message.type_id} of {len(message.payload)} bytes")
    return int.from_bytes(message.payload[:4], "big")


def _amf_values(message: RawMessage, limits: AmfLimits) -> list[Value]:
    payload = bytes(message.payload)
    if message.type_id in (Command.AMF3_TYPE, Data.AMF3_TYPE) and payload[:1] == b"\0":
        payload = payload[1:]
    try:
        return decode_all(payload, limits)
    except AmfError as error:
        raise MessageError(f"message type {message.type_id}: {error}", error.limit) from error


def _command(values: list[Value]) -> Command:
    match values:
        case [str(name), float(transaction_id), *rest]:
            return Command(name, transaction_id, rest[0] if rest else None, tuple(rest[1:]))
        case [str(name)]:  # a bare call without an answer wanted; seen from old encoders at the end
            return Command(name, 0.0)
    raise MessageError("a command starts with its name and a transaction id")


def _aggregate_parts(message: RawMessage, limits: AmfLimits) -> tuple[AggregatePart, ...]:
    payload = memoryview(message.payload)
    parts: list[AggregatePart] = []
    first_ms: int | None = None
    at = 0
    while at < len(payload):
        if len(parts) == MOST_PARTS:
            raise MessageError(f"aggregate message of more than {MOST_PARTS} parts")
        if at + 11 > len(payload):
            raise MessageError("aggregate message cut off inside a header")
        size = int.from_bytes(payload[at + 1 : at + 4], "big")
        timestamp_ms = int.from_bytes(payload[at + 4 : at + 7], "big") | payload[at + 7] << 24
        body = payload[at + 11 : at + 11 + size]
        if len(body) < size:
            raise MessageError("aggregate message cut off inside a message")
        if first_ms is None:
            first_ms = timestamp_ms
        # 7.1.6: the first sub-message's time is brought to the aggregate's by an offset that holds for all.
        absolute_ms = (message.timestamp_ms + timestamp_ms - first_ms) & 0xFFFFFFFF
        inner = RawMessage(message.chunk_stream_id, payload[at], message.stream_id, absolute_ms, bytes(body))
        record = parse(inner, limits) if inner.type_id in _AGGREGATED else Ignored(inner.type_id)
        if isinstance(record, (Audio, Video, Data, Ignored)):
            parts.append(AggregatePart(absolute_ms, record))
        at += 11 + size + 4
    return tuple(parts)


MOST_PARTS: Final = 1_024
"""Of an aggregate message. Senders gather some dozens; a million would hold up all streams."""
_AGGREGATED: Final = frozenset({Audio.TYPE, Video.TYPE, Data.TYPE, Data.AMF3_TYPE})


def stream_begin(stream_id: int) -> UserControl:
    """7.1.7: sent before the answer to publish."""
    return UserControl(UserEvent.STREAM_BEGIN, stream_id.to_bytes(4, "big"))


def on_status(level: str, code: str, description: str) -> Command:
    """7.2.2: what happened to a message stream. ``level`` is status, warning or error."""
    return Command("onStatus", 0.0, None, ({"level": level, "code": code, "description": description},))
