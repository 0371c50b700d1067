"""The server's side of one RTMP connection, without I/O: bytes in; events and bytes out.

Feed ``receive``, then take ``next_event`` until it is None, and send ``data_to_send``. After
:class:`PublishRequested` nothing more comes until the application has said ``accept`` or ``reject``: the
core asks, the application answers. Every fault of the peer is a :class:`SessionError`; the connection is then
over.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import Enum
from typing import Final
from urllib.parse import unquote

from ingest.rtmp import flv
from ingest.rtmp.amf0 import DEFAULT_AMF_LIMITS, AmfLimits, Value
from ingest.rtmp.chunk import (
    DEFAULT_CHUNK_LIMITS,
    ChunkError,
    ChunkLimits,
    ChunkReader,
    ChunkWriter,
    RawMessage,
)
from ingest.rtmp.handshake import HandshakeError, ServerHandshake
from ingest.rtmp.message import (
    COMMAND_CHUNK_STREAM,
    CONTROL_CHUNK_STREAM,
    Acknowledgement,
    Aggregate,
    Audio,
    Command,
    Data,
    Message,
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


class SessionError(Exception):
    """The peer broke the protocol or a limit. The text is for the log; it holds no secret."""


class State(Enum):
    HANDSHAKE = "handshake"
    CONNECTING = "connecting"
    """Waiting for ``connect``."""
    CONNECTED = "connected"
    ASKING = "asking"
    """A publish waits for the application's answer."""
    PUBLISHING = "publishing"
    CLOSED = "closed"


class Act(Enum):
    SHAKE = "finish the handshake"
    CONNECT = "connect"
    CREATE_STREAM = "createStream"
    PUBLISH = "publish"
    ACCEPT = "accept"
    REJECT = "reject"
    UNPUBLISH = "unpublish"
    CLOSE = "close"


TRANSITIONS: Final = {
    (State.HANDSHAKE, Act.SHAKE): State.CONNECTING,
    (State.CONNECTING, Act.CONNECT): State.CONNECTED,
    (State.CONNECTED, Act.CREATE_STREAM): State.CONNECTED,
    (State.PUBLISHING, Act.CREATE_STREAM): State.PUBLISHING,
    (State.CONNECTED, Act.PUBLISH): State.ASKING,
    (State.ASKING, Act.ACCEPT): State.PUBLISHING,
    (State.ASKING, Act.REJECT): State.CONNECTED,
    (State.PUBLISHING, Act.UNPUBLISH): State.CONNECTED,
    **{(state, Act.CLOSE): State.CLOSED for state in State},
}
"""Everything that may happen, and where it leads. What is not here is refused and changes nothing."""


@dataclass(frozen=True, slots=True)
class Connected:
    """The peer has connected to our application."""

    encoder: str | None
    """What it says it is (``flashVer``), printable and short."""


@dataclass(frozen=True, slots=True)
class PublishRequested:
    """Answer with ``accept`` or ``reject``."""

    stream: str
    """As the publisher wrote it."""
    key: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class VideoReceived:
    timestamp_ms: int
    tag: flv.Tag


@dataclass(frozen=True, slots=True)
class AudioReceived:
    timestamp_ms: int
    tag: flv.Tag


@dataclass(frozen=True, slots=True)
class MediaBroken:
    """An audio or video message that is not what it says: skip it, the stream goes on."""

    reason: str


@dataclass(frozen=True, slots=True)
class MetadataReceived:
    """``onMetaData``."""

    values: dict[str, Value]


@dataclass(frozen=True, slots=True)
class PublishEnded:
    """The publisher has said goodbye; the connection may publish again."""

    reason: str


@dataclass(frozen=True, slots=True)
class Remark:
    """Something odd that the log should know of."""

    text: str


Event = (
    Connected
    | PublishRequested
    | VideoReceived
    | AudioReceived
    | MediaBroken
    | MetadataReceived
    | PublishEnded
    | Remark
)


STRANGER_LIMITS: Final = ChunkLimits(message_bytes=64 << 10, buffered_bytes=256 << 10)


@dataclass(frozen=True, slots=True)
class SessionConfig:
    """What one peer may do."""

    app: str | None = "live"
    """The application's name that ``connect`` must ask for; None takes any."""
    stranger: ChunkLimits = STRANGER_LIMITS
    """Until the application has accepted a publish: commands are small."""
    publisher: ChunkLimits = DEFAULT_CHUNK_LIMITS
    amf: AmfLimits = DEFAULT_AMF_LIMITS
    window_bytes: int = 2_500_000
    """How often we want to be acknowledged, and acknowledge if the peer does not say."""
    chunk_size_bytes: int = 4096
    """For what we send."""
    message_streams: int = 16


_ENCODER_LENGTH: Final = 64
_FORWARD_AND_DECODE: Final = 0x04 | 0x01
"""Enhanced RTMP FourCcInfoMask."""
_CAPS_MOD_EX: Final = 0x04
"""Enhanced RTMP capsEx: we read ModEx. Neither reconnect, multitrack nor nanosecond offsets yet."""


class ServerSession:
    """One connection. ``random`` is for the handshake (``handshake.RANDOM_SIZE`` bytes)."""

    def __init__(self, *, random: bytes, config: SessionConfig | None = None) -> None:
        self.config = config or SessionConfig()
        self.state = State.HANDSHAKE
        self.received_bytes = 0
        self._handshake: ServerHandshake | None = ServerHandshake(random=random)
        self._reader = ChunkReader(self.config.stranger)
        self._writer = ChunkWriter()
        self._out = bytearray()
        self._events: deque[Event] = deque()
        self._connect_key: str | None = None
        self._message_streams: set[int] = set()
        self._publish_stream = 0
        self._window_bytes = self.config.window_bytes
        self._acknowledged_bytes = 0

    # -- bytes

    def receive(self, data: bytes) -> None:
        """Take what arrived. Raises :class:`SessionError`."""
        self.received_bytes += len(data)
        if self._handshake is None:
            self._reader.feed(data)
        else:
            try:
                step = self._handshake.receive(data)
            except HandshakeError as error:
                raise self._broken(str(error)) from error
            self._out += step.reply
            if step.done:
                self._reader.feed(self._handshake.leftover)
                self._handshake = None
                self._act(Act.SHAKE)
        # 5.4.3: "The client or the server MUST send an acknowledgment to the peer after receiving bytes
        # equal to the window size." Its number "holds the number of bytes received so far".
        if self.received_bytes - self._acknowledged_bytes >= self._window_bytes and self._handshake is None:
            self._acknowledged_bytes = self.received_bytes
            self._send_control(Acknowledgement(self.received_bytes & 0xFFFFFFFF))

    def data_to_send(self) -> bytes:
        """What must go to the peer now; b"" if nothing."""
        data = bytes(self._out)
        self._out.clear()
        return data

    def next_event(self) -> Event | None:
        """The next thing that the application should know of. Raises :class:`SessionError`."""
        while not self._events:
            if self.state in (State.ASKING, State.CLOSED, State.HANDSHAKE):
                return None
            try:
                message = self._reader.next_message()
                if message is None:
                    return None
                self._handle(message)
            except (ChunkError, MessageError) as error:
                raise self._broken(str(error)) from error
        return self._events.popleft()

    # -- the application's answers

    def accept(self) -> None:
        """Let the publisher in."""
        self._act(Act.ACCEPT)
        self._reader.limits = self.config.publisher
        self._send_control(stream_begin(self._publish_stream))
        self._send_status("status", "NetStream.Publish.Start", "the stream is yours")

    def reject(self, code: str, description: str) -> None:
        """Refuse the publish with an ``onStatus``. ``description`` is shown to the publisher."""
        self._act(Act.REJECT)
        self._send_status("error", code, description)

    def close(self, code: str, description: str) -> None:
        """Say why, where there is somebody to hear it, and take nothing more. Idempotent."""
        if self.state in (State.CONNECTED, State.ASKING, State.PUBLISHING):
            self._send_status("error", code, description)
        self._act(Act.CLOSE)

    # -- messages

    def _handle(self, message: RawMessage) -> None:
        # Media first: of a thousand messages 999 are media.
        if message.type_id == Video.TYPE:
            return self._media(message.timestamp_ms, Video(message.payload))
        if message.type_id == Audio.TYPE:
            return self._media(message.timestamp_ms, Audio(message.payload))
        try:
            record = parse(message, self.config.amf)
        except MessageError as error:
            if message.type_id not in (Data.TYPE, Data.AMF3_TYPE):
                raise
            # Metadata is a courtesy: injectors write key frame indexes of any length into it, and AMF3.
            self._events.append(MediaBroken(str(error)))
            return None
        match record:
            case Command():
                self._command(record, message.stream_id)
            case Data():
                self._data(record)
            case Aggregate():
                for part in record.parts:
                    if isinstance(part.message, (Audio, Video)):
                        self._media(part.timestamp_ms, part.message)
            case _:
                self._control(record)
        return None

    def _control(self, record: Message) -> None:
        match record:
            case WindowAcknowledgementSize(size) if size:
                self._window_bytes = size
            case UserControl(UserEvent.PING_REQUEST, data):
                # 7.1.7: "The client responds with PingResponse"; encoders ask servers too.
                self._send_control(UserControl(UserEvent.PING_RESPONSE, data[:4]))
            case _:
                pass  # acknowledgements, bandwidth hints, buffer lengths: nothing to do for a receiver

    def _media(self, timestamp_ms: int, message: Audio | Video) -> None:
        if self.state is not State.PUBLISHING:
            return  # encoders send what was queued before they read our answer
        try:
            if isinstance(message, Video):
                self._events.append(VideoReceived(timestamp_ms, flv.parse_video(message.payload)))
            else:
                self._events.append(AudioReceived(timestamp_ms, flv.parse_audio(message.payload)))
        except flv.FlvError as error:
            self._events.append(MediaBroken(str(error)))

    def _data(self, record: Data) -> None:
        values = record.values[1:] if record.values[:1] == ("@setDataFrame",) else record.values
        match values:
            case ("onMetaData", dict(metadata), *_) if self.state is State.PUBLISHING:
                self._events.append(MetadataReceived(metadata))
            case _:
                pass  # cue points, captions, @clearDataFrame

    def _command(self, command: Command, stream_id: int) -> None:
        match command.name:
            case "connect":
                self._connect(command)
            case "createStream":
                self._create_stream(command)
            case "publish":
                self._publish(command, stream_id)
            case "releaseStream" | "FCPublish":
                self._answer(command, None)
            case "FCUnpublish" | "closeStream":
                self._unpublish(f"publisher sent {command.name}")
                self._answer(command, None)
            case "deleteStream":
                self._delete_stream(command)
            case "play" | "play2":
                text = "this server takes streams in by RTMP and does not play them out; watch by HLS"
                self._send(on_status("error", "NetStream.Play.Failed", text), COMMAND_CHUNK_STREAM, stream_id)
                self._events.append(Remark("play refused"))
            case "_result" | "_error" | "onStatus":
                pass
            case _:
                self._refuse_call(command, "NetConnection.Call.Failed", "no such procedure here")

    def _connect(self, command: Command) -> None:
        self._act(Act.CONNECT)
        asked = command.command_object if isinstance(command.command_object, dict) else {}
        app, app_query = _split_query(_text(asked.get("app")))
        _, url_query = _split_query(_text(asked.get("tcUrl")))
        self._connect_key = _key_of(url_query) or _key_of(app_query)
        if self.config.app is not None and app.strip("/") != self.config.app:
            text = f"the application here is /{self.config.app}: rtmp://HOST/{self.config.app}"
            self._refuse_call(command, "NetConnection.Connect.Rejected", text)
            raise self._broken("connect to another application")
        self._send_control(WindowAcknowledgementSize(self.config.window_bytes))
        self._send_control(SetPeerBandwidth(self.config.window_bytes, 2))
        self._send_control(SetChunkSize(self.config.chunk_size_bytes))
        properties: dict[str, Value] = {"fmsVer": "FMS/3,5,1,525", "capabilities": 31.0}
        information: dict[str, Value] = {
            "level": "status",
            "code": "NetConnection.Connect.Success",
            "description": "connected",
            "objectEncoding": 0.0,
        }
        if asked.keys() & {"fourCcList", "videoFourCcInfoMap", "audioFourCcInfoMap", "capsEx"}:
            information |= _enhanced_capabilities()
        self._answer(command, properties, information)
        self._events.append(Connected(_printable(_text(asked.get("flashVer")))))

    def _create_stream(self, command: Command) -> None:
        self._act(Act.CREATE_STREAM)
        if len(self._message_streams) >= self.config.message_streams:
            raise self._broken(f"more than {self.config.message_streams} message streams")
        # 0 is the connection itself (5.3.1.2.5 speaks of message stream ids; 7.2.1 of stream 0).
        stream_id = next(i for i in range(1, 1 << 16) if i not in self._message_streams)
        self._message_streams.add(stream_id)
        self._answer(command, None, float(stream_id))

    def _publish(self, command: Command, stream_id: int) -> None:
        if self.state is State.PUBLISHING:
            text = "this connection publishes already"
            status = on_status("error", "NetStream.Publish.BadName", text)
            self._send(status, COMMAND_CHUNK_STREAM, stream_id)
            self._events.append(Remark("second publish on one connection refused"))
            return
        self._act(Act.PUBLISH)
        self._publish_stream = stream_id
        stream, query = _split_query(_text(command.arguments[0]) if command.arguments else "")
        self._events.append(PublishRequested(stream, _key_of(query) or self._connect_key))

    def _delete_stream(self, command: Command) -> None:
        match command.arguments:
            case (float(number), *_) if number in self._message_streams:
                self._message_streams.discard(int(number))
                if number == self._publish_stream:
                    self._unpublish("publisher sent deleteStream")
            case _:
                pass

    def _unpublish(self, reason: str) -> None:
        if self.state is not State.PUBLISHING:
            return  # ffmpeg says goodbye twice: FCUnpublish, then deleteStream
        self._send_status("status", "NetStream.Unpublish.Success", "the stream has ended")
        self._act(Act.UNPUBLISH)
        self._events.append(PublishEnded(reason))

    # -- sending

    def _answer(self, command: Command, *values: Value) -> None:
        """7.2.1: the answer to a call; a transaction id of 0 wants none."""
        if command.transaction_id:
            first, *rest = values
            result = Command("_result", command.transaction_id, first, tuple(rest))
            self._send(result, COMMAND_CHUNK_STREAM)

    def _refuse_call(self, command: Command, code: str, description: str) -> None:
        if command.transaction_id:
            information: Value = {"level": "error", "code": code, "description": description}
            error = Command("_error", command.transaction_id, None, (information,))
            self._send(error, COMMAND_CHUNK_STREAM)

    def _send_status(self, level: str, code: str, description: str) -> None:
        self._send(on_status(level, code, description), COMMAND_CHUNK_STREAM, self._publish_stream)

    def _send_control(self, message: Serializable) -> None:
        self._send(message, CONTROL_CHUNK_STREAM)

    def _send(self, message: Serializable, chunk_stream_id: int, stream_id: int = 0) -> None:
        self._out += self._writer.write(raw(message, chunk_stream_id, stream_id))

    def _act(self, act: Act) -> None:
        following = TRANSITIONS.get((self.state, act))
        if following is None:
            raise self._broken(f"{act.value} while {self.state.value}")
        self.state = following

    def _broken(self, reason: str) -> SessionError:
        self.state = State.CLOSED
        return SessionError(reason)


def _enhanced_capabilities() -> dict[str, Value]:
    """Enhanced RTMP v2, "Enhancing NetConnection connect Command": what we really do, and no more."""
    return {
        "capsEx": float(_CAPS_MOD_EX),
        "videoFourCcInfoMap": {name.decode(): float(_FORWARD_AND_DECODE) for name in flv.VIDEO_FOURCC},
        "audioFourCcInfoMap": {name.decode(): float(_FORWARD_AND_DECODE) for name in flv.AUDIO_FOURCC},
    }


def _text(value: Value) -> str:
    return value if isinstance(value, str) else ""


def _split_query(text: str) -> tuple[str, str]:
    path, _, query = text.partition("?")
    return path, query


def _key_of(query: str) -> str | None:
    """The ``key`` of a query. ``+`` stays a plus: people paste keys, they do not submit forms."""
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        if name == "key" and value:
            return unquote(value)
    return None


def _printable(text: str) -> str | None:
    """Safe and short for a log line."""
    cleaned = "".join(character for character in text if character.isprintable())[:_ENCODER_LENGTH]
    return cleaned or None
