"""The server's side of one RTMP connection, without I/O: bytes in; events and bytes out.

Feed ``receive``, then take ``next_event`` until it is None, and send ``data_to_send``. After
:class:`PublishRequested` nothing more comes until the application has said ``accept`` or ``reject``: the
core asks, the application answers. Every fault of the peer is a :class:`SessionError`; the connection is then
over. What ``connect`` agrees on is in ``negotiation``, the records of events in ``events``.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import Final

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
from ingest.rtmp.events import (
    AudioReceived,
    Connected,
    Event,
    MediaBroken,
    MetadataReceived,
    PublishEnded,
    PublishRequested,
    Remark,
    Spoken,
    VideoReceived,
)
from ingest.rtmp.handshake import HandshakeError, ServerHandshake
from ingest.rtmp.limits import Limit
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
from ingest.rtmp.negotiation import (
    NOTHING_ENHANCED,
    ConnectRequest,
    PeerCapabilities,
    connect_information,
    key_of,
    loggable,
    split_query,
    text,
)
from ingest.rtmp.spoken import HANDLERS
from ingest.rtmp.states import TRANSITIONS, Act, State

__all__ = [
    "TRANSITIONS",
    "Act",
    "AudioReceived",
    "Connected",
    "Event",
    "MediaBroken",
    "MetadataReceived",
    "PublishEnded",
    "PublishRequested",
    "Remark",
    "ServerSession",
    "SessionConfig",
    "SessionError",
    "Spoken",
    "State",
    "VideoReceived",
]


class SessionError(Exception):
    """The peer broke the protocol or a limit. The text is for the log; it holds no secret."""

    def __init__(self, reason: str, limit: Limit | None = None) -> None:
        super().__init__(reason)
        self.limit = limit


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


class ServerSession:
    """One connection. ``random`` is for the handshake (``handshake.RANDOM_SIZE`` bytes)."""

    def __init__(self, *, random: bytes, config: SessionConfig | None = None) -> None:
        self.config = config or SessionConfig()
        self.state = State.HANDSHAKE
        self.received_bytes = 0
        self._handshake: ServerHandshake | None = ServerHandshake(random=random)
        # A stranger may use no more chunk streams than a publisher.
        streams = min(self.config.stranger.chunk_streams, self.config.publisher.chunk_streams)
        self._reader = ChunkReader(replace(self.config.stranger, chunk_streams=streams))
        self._writer = ChunkWriter()
        self._out = bytearray()
        self._events: deque[Event] = deque()
        self.capabilities: PeerCapabilities = NOTHING_ENHANCED
        self._connect_key: str | None = None
        self._message_streams: set[int] = set()
        self._publish_stream = 0
        self._publish_name = ""
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
                raise self._broken(str(error), error.limit) from error
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

    def request_reconnect(self, tc_url: str, description: str) -> bool:
        """Ask the publisher to come back, to ``tc_url`` where that is not empty. False: it cannot.

        Enhanced RTMP v2, "Reconnect Request": "In order to avoid a disruption, the server managing the
        original connection […] SHOULD continue processing messages from the client until the client
        disconnects." So nothing else changes.
        """
        if self.state is not State.PUBLISHING or not self.capabilities.can_reconnect:
            return False
        # "To reconnect the level MUST be set to status", and it is NetConnection's: message stream 0.
        information: dict[str, Value] = {
            "level": "status",
            "code": "NetConnection.Connect.ReconnectRequest",
            "description": description,
        }
        if tc_url:
            information["tcUrl"] = tc_url
        self._send(Command("onStatus", 0.0, None, (information,)), COMMAND_CHUNK_STREAM)
        return True

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
            self._events.append(MediaBroken(str(error), error.limit))
            return None
        match record:
            case Command():
                self._command(record, message.stream_id)
            case Data():
                self._data(message.timestamp_ms, record)
            case Aggregate():
                for part in record.parts:
                    if isinstance(part.message, (Audio, Video)):
                        self._media(part.timestamp_ms, part.message)
                    elif isinstance(part.message, Data):
                        self._data(part.timestamp_ms, part.message)
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
                for tag in flv.parse_video(message.payload):
                    self._events.append(VideoReceived(timestamp_ms, tag))
            else:
                for tag in flv.parse_audio(message.payload):
                    self._events.append(AudioReceived(timestamp_ms, tag))
        except flv.FlvError as error:
            self._events.append(MediaBroken(str(error)))

    def _data(self, timestamp_ms: int, record: Data) -> None:
        if self.state is not State.PUBLISHING:
            return
        values = record.values[1:] if record.values[:1] == ("@setDataFrame",) else record.values
        match values:
            case ("onMetaData", dict(metadata), *_):
                self._events.append(MetadataReceived(metadata))
            case (str(handler), *said) if handler in HANDLERS:
                self._events.append(Spoken(timestamp_ms, handler, tuple(said)))
            case _:
                pass  # @clearDataFrame, and what nobody here reads

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
                words = "this server takes streams in by RTMP and does not play them out; watch by HLS"
                status = on_status("error", "NetStream.Play.Failed", words)
                self._send(status, COMMAND_CHUNK_STREAM, stream_id)
                self._events.append(Remark("play refused"))
            case "_result" | "_error" | "onStatus":
                pass
            case _:
                self._refuse_call(command, "NetConnection.Call.Failed", "no such procedure here")

    def _connect(self, command: Command) -> None:
        self._act(Act.CONNECT)
        request = ConnectRequest.of(command.command_object)
        self._connect_key = request.key
        self.capabilities = request.capabilities
        if self.config.app is not None and request.app != self.config.app:
            words = f"the application here is /{self.config.app}: rtmp://HOST/{self.config.app}"
            self._refuse_call(command, "NetConnection.Connect.Rejected", words)
            shown = "/".join(loggable(word) for word in request.app.split("/")[:4])
            raise self._broken(f"connect to another application, {shown!r}; here it is {self.config.app!r}")
        self._send_control(WindowAcknowledgementSize(self.config.window_bytes))
        self._send_control(SetPeerBandwidth(self.config.window_bytes, 2))
        self._send_control(SetChunkSize(self.config.chunk_size_bytes))
        properties: dict[str, Value] = {"fmsVer": "FMS/3,5,1,525", "capabilities": 31.0}
        self._answer(command, properties, connect_information(request.capabilities))
        self._events.append(Connected(request.encoder, request.capabilities))

    def _create_stream(self, command: Command) -> None:
        self._act(Act.CREATE_STREAM)
        if len(self._message_streams) >= self.config.message_streams:
            raise self._broken(
                f"more than {self.config.message_streams} message streams", Limit.MESSAGE_STREAMS
            )
        # 0 is the connection itself (5.3.1.2.5 speaks of message stream ids; 7.2.1 of stream 0).
        stream_id = next(i for i in range(1, 1 << 16) if i not in self._message_streams)
        self._message_streams.add(stream_id)
        self._answer(command, None, float(stream_id))

    def _publish(self, command: Command, stream_id: int) -> None:
        written = text(command.arguments[0]) if command.arguments else ""
        stream, query = split_query(written)
        if self.state is State.PUBLISHING:
            if stream != self._publish_name:
                status = on_status("error", "NetStream.Publish.BadName", "this connection publishes already")
                self._send(status, COMMAND_CHUNK_STREAM, stream_id)
                self._events.append(Remark("second publish on one connection refused"))
                return
            # An encoder that starts anew without a goodbye: the old publish makes room for its own successor.
            self._unpublish("publisher began the same stream anew")
        self._act(Act.PUBLISH)
        self._publish_stream = stream_id
        self._publish_name = stream
        self._events.append(PublishRequested(stream, key_of(query) or self._connect_key))

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

    def _broken(self, reason: str, limit: Limit | None = None) -> SessionError:
        self.state = State.CLOSED
        return SessionError(reason, limit)
