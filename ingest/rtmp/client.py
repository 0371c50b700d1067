"""The publisher's side of RTMP, without I/O: used by ``mediaserver push``, the bench and the tests.

::

    url = PublishUrl.parse("rtmp://host/live/mine?key=secret")      # .host .port .tls .app .stream
    client = PublisherClient(url, random=os.urandom(RANDOM_SIZE))
    send(client.data_to_send())                  # C0 and C1
    while not client.ready:                      # loop: read the socket
        client.receive(read())                   # raises ClientError, PublishRejected
        send(client.data_to_send())
    client.send_metadata({"width": 1280.0, "framerate": 30.0})      # optional
    client.send_track(track)                     # transcoder.media.Track; again when its format changes
    client.send_unit(unit)                       # transcoder.media.AccessUnit: dts, pts, payload
    send(client.data_to_send())                  # as often as you like
    client.receive(read())                       # go on reading: pings, acknowledgements, refusals
    client.finish(); send(client.data_to_send()) # a clean goodbye; then close the socket

H.264, AAC and MP3 go out as legacy FLV; other codecs, and further tracks of a kind, by enhanced RTMP.
``send_video``, ``send_audio`` and ``send_together`` take bare FLV tags with any 32-bit timestamp, for tests
that need to wrap, jump or lie. ``units_sent`` and ``acknowledged_bytes`` tell how far the server is behind.
``reconnect_to`` is set when the server asks to be left: go on up to the next key frame, then there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final
from urllib.parse import urlsplit

from ingest.rtmp import flv
from ingest.rtmp.amf0 import EcmaArray, Value
from ingest.rtmp.chunk import ChunkError, ChunkReader, ChunkWriter, RawMessage
from ingest.rtmp.handshake import ClientHandshake, HandshakeError, Scheme
from ingest.rtmp.message import (
    COMMAND_CHUNK_STREAM,
    CONTROL_CHUNK_STREAM,
    Acknowledgement,
    Audio,
    Command,
    Data,
    MessageError,
    Serializable,
    SetChunkSize,
    SetPeerBandwidth,
    UserControl,
    UserEvent,
    Video,
    WindowAcknowledgementSize,
    parse,
    raw,
)
from ingest.rtmp.negotiation import NOTHING_ENHANCED, CapsEx, PeerCapabilities, our_capabilities
from transcoder.media import AccessUnit, Codec, Kind, Track

_AUDIO_CHUNK_STREAM: Final = 4
_VIDEO_CHUNK_STREAM: Final = 6
_WITHOUT_CONFIG: Final = frozenset({Codec.MP3, Codec.AC3, Codec.EAC3})
_DEFAULT_PORTS: Final = {"rtmp": 1935, "rtmps": 443}

_CONNECT_TRANSACTION: Final = 1.0
_CREATE_STREAM_TRANSACTION: Final = 4.0
_PUBLISH_TRANSACTION: Final = 5.0


class ClientError(Exception):
    """The server does not speak RTMP as we know it, or closed the publish. The text holds no secret."""


class PublishRejected(ClientError):
    """The server's clear no."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(f"{code}: {description}" if description else code)
        self.code = code
        """Such as ``NetStream.Publish.Denied``."""
        self.description = description


@dataclass(frozen=True, slots=True)
class PublishUrl:
    """``rtmp[s]://host[:port]/app/stream[?query]``."""

    host: str
    port: int
    tls: bool
    app: str
    stream: str = field(repr=False)
    """Everything after the application, with its query: it holds the key."""

    @property
    def tc_url(self) -> str:
        scheme = "rtmps" if self.tls else "rtmp"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}:{self.port}/{self.app}"

    def moved(self, tc_url: str) -> PublishUrl:
        """Where a server's ReconnectRequest leads: the same stream and key on another server.

        "Absolute or relative URI reference […] A relative URI reference should be resolved relative to the
        tcUrl for the current connection." Raises ValueError, also for a way out of TLS: the key goes along.
        """
        parts = urlsplit(tc_url)
        scheme = parts.scheme or ("rtmps" if self.tls else "rtmp")
        if scheme not in _DEFAULT_PORTS or (self.tls and scheme != "rtmps"):
            raise ValueError(f"the server wants to be left for {scheme}://, where we do not go")
        app = parts.path.strip("/") or self.app
        if not parts.netloc:
            return replace(self, app=app)
        if not parts.hostname:
            raise ValueError("the server wants to be left for a place without a host")
        port = parts.port or _DEFAULT_PORTS[scheme]
        return replace(self, host=parts.hostname, port=port, tls=scheme == "rtmps", app=app)

    @classmethod
    def parse(cls, url: str) -> PublishUrl:
        """Raises ValueError with a sentence that does not repeat the URL: it may hold a key."""
        parts = urlsplit(url)
        if parts.scheme not in _DEFAULT_PORTS:
            raise ValueError("the URL must begin with rtmp:// or rtmps://")
        app, _, stream = parts.path.strip("/").partition("/")
        if not parts.hostname or not app or not stream:
            raise ValueError("the URL must be rtmp://HOST[:PORT]/APP/STREAM[?key=KEY]")
        return cls(
            host=parts.hostname,
            port=parts.port or _DEFAULT_PORTS[parts.scheme],
            tls=parts.scheme == "rtmps",
            app=app,
            stream=f"{stream}?{parts.query}" if parts.query else stream,
        )


class ClientState(Enum):
    HANDSHAKE = "handshake"
    CONNECTING = "connecting"
    CREATING = "creating the stream"
    PUBLISHING = "asking to publish"
    READY = "ready"
    FINISHED = "finished"


class PublisherClient:
    """One publish over one connection."""

    def __init__(
        self,
        url: PublishUrl,
        *,
        random: bytes,
        scheme: Scheme | None = None,
        chunk_size_bytes: int = 4096,
        encoder: str = "FMLE/3.0 (compatible; mediaserver)",
        enhanced: bool = True,
    ) -> None:
        """``random``: ``handshake.RANDOM_SIZE`` bytes. ``scheme``: a digest handshake, or None for plain.

        ``enhanced``: whether it says that it speaks enhanced RTMP.
        """
        self.state = ClientState.HANDSHAKE
        self.units_sent = 0
        self.sent_bytes = 0
        self.acknowledged_bytes = 0
        self.server: PeerCapabilities = NOTHING_ENHANCED
        """What the server has said that it can."""
        self.reconnect_to: PublishUrl | None = None
        """Where the server asked us to go; None: it did not."""
        self._url = url
        self._numbers: dict[int, int] = {}
        """The number on the wire of each track that was announced."""
        self._announced = dict.fromkeys(Kind, 0)
        self._left_out: set[int] = set()
        self._encoder = encoder
        self._enhanced = enhanced
        self._chunk_size_bytes = chunk_size_bytes
        self._handshake: ClientHandshake | None = ClientHandshake(random=random, scheme=scheme)
        self._reader = ChunkReader()
        self._writer = ChunkWriter()
        self._out = bytearray(self._handshake.hello())
        self._stream_id = 0
        self._window_bytes = 2_500_000
        self._received_bytes = 0
        self._acknowledged_to_server = 0

    @property
    def ready(self) -> bool:
        """True when media may be sent."""
        return self.state is ClientState.READY

    def receive(self, data: bytes) -> None:
        """Take what arrived. Raises :class:`ClientError`, or :class:`PublishRejected` for the server's no."""
        self._received_bytes += len(data)
        try:
            if self._handshake is not None:
                step = self._handshake.receive(data)
                self._out += step.reply
                if not step.done:
                    return
                data, self._handshake = self._handshake.leftover, None
                self._connect()
            self._reader.feed(data)
            while (message := self._reader.next_message()) is not None:
                self._handle(message)
        except (HandshakeError, ChunkError, MessageError) as error:
            raise ClientError(f"the server's answer is not RTMP: {error}") from error
        if self._received_bytes - self._acknowledged_to_server >= self._window_bytes:
            self._acknowledged_to_server = self._received_bytes
            self._send(Acknowledgement(self._received_bytes & 0xFFFFFFFF), CONTROL_CHUNK_STREAM)

    def data_to_send(self) -> bytes:
        """What must go to the server now; b"" if nothing."""
        data = bytes(self._out)
        self._out.clear()
        self.sent_bytes += len(data)
        return data

    # -- what to publish

    def send_metadata(self, values: dict[str, Value]) -> None:
        """``@setDataFrame onMetaData``, best before the first track."""
        self._require_ready()
        data = Data(("@setDataFrame", "onMetaData", EcmaArray(values)))
        self._send(data, _AUDIO_CHUNK_STREAM, self._stream_id)

    def send_track(self, track: Track, timestamp_ms: int = 0) -> bool:
        """The track's sequence header. The first track of a kind is its default one; whether a further one
        can be sent depends on the server. False: it cannot, and its units are left out too.

        MP3, AC-3 and E-AC-3 have no header, and nothing is sent.
        """
        number = self._numbers.get(track.track_id)
        if number is None:
            number = self._announced[track.kind]
            if number and CapsEx.MULTITRACK not in self.server.caps_ex:
                self._left_out.add(track.track_id)
                return False
            self._numbers[track.track_id] = number
            self._announced[track.kind] += 1
        if track.codec not in _WITHOUT_CONFIG:
            tag = flv.Config(track.codec, track.config, number)
            self._send_tag(track.kind, tag, timestamp_ms)
        return True

    def send_unit(self, unit: AccessUnit) -> None:
        """One access unit at its own times, rounded to milliseconds; nothing for a track that is not sent.

        A track that was not announced is the default one.
        """
        if unit.track_id in self._left_out:
            return
        number = self._numbers.get(unit.track_id, 0)
        dts_ms = _milliseconds(unit.dts, unit.timescale)
        composition_ms = _milliseconds(unit.pts, unit.timescale) - dts_ms
        tag = flv.Frame(unit.codec, unit.payload, composition_ms, unit.sync, track=number)
        self._send_tag(unit.codec.kind, tag, dts_ms)
        self.units_sent += 1

    def send_video(self, timestamp_ms: int, tag: flv.Sent) -> None:
        """A bare tag; ``timestamp_ms`` is taken modulo 2^32."""
        self._send_tag(Kind.VIDEO, tag, timestamp_ms)

    def send_audio(self, timestamp_ms: int, tag: flv.Sent) -> None:
        """A bare tag; ``timestamp_ms`` is taken modulo 2^32."""
        self._send_tag(Kind.AUDIO, tag, timestamp_ms)

    def send_together(self, timestamp_ms: int, tags: Sequence[flv.Sent]) -> None:
        """Tags of several tracks of one kind in one message; ``timestamp_ms`` is taken modulo 2^32."""
        self._send_media(tags[0].codec.kind, flv.serialize_together(tags), timestamp_ms)

    def send_data(self, timestamp_ms: int, *values: Value) -> None:
        """A data message, such as ``onTextData`` or ``onCuePoint`` with its object."""
        self._require_ready()
        self._send(Data(values), _AUDIO_CHUNK_STREAM, self._stream_id, timestamp_ms & 0xFFFFFFFF)

    def finish(self) -> None:
        """Say goodbye. Idempotent; allowed in every state."""
        if self.state is ClientState.READY:
            self._call(Command("FCUnpublish", 6.0, None, (self._url.stream,)))
            self._call(Command("deleteStream", 7.0, None, (float(self._stream_id),)))
        self.state = ClientState.FINISHED

    # -- the conversation

    def _connect(self) -> None:
        self.state = ClientState.CONNECTING
        self._send(SetChunkSize(self._chunk_size_bytes), CONTROL_CHUNK_STREAM)
        properties: dict[str, Value] = {
            "app": self._url.app,
            "type": "nonprivate",
            "flashVer": self._encoder,
            "tcUrl": self._url.tc_url,
        }
        if self._enhanced:
            # What we may send; older servers know only the list.
            properties |= our_capabilities()
        self._call(Command("connect", _CONNECT_TRANSACTION, properties))

    def _handle(self, message: RawMessage) -> None:
        record = parse(message)
        match record:
            case Command():
                self._command(record)
            case UserControl(UserEvent.PING_REQUEST, data):
                self._send(UserControl(UserEvent.PING_RESPONSE, data[:4]), CONTROL_CHUNK_STREAM)
            case WindowAcknowledgementSize(size) if size:
                self._window_bytes = size
            case SetPeerBandwidth(size, _):
                # 5.4.5: "The peer receiving this message SHOULD respond with a Window Acknowledgement Size".
                self._send(WindowAcknowledgementSize(size), CONTROL_CHUNK_STREAM)
            case Acknowledgement(received_bytes):
                self.acknowledged_bytes = received_bytes
            case _:
                pass

    def _command(self, command: Command) -> None:
        match command.name, command.transaction_id, command.arguments:
            case "_result", 1.0, information if self.state is ClientState.CONNECTING:
                if information and isinstance(information[0], dict):
                    self.server = PeerCapabilities.of(information[0])
                self._create_stream()
            case "_result", 4.0, (float(stream_id), *_) if self.state is ClientState.CREATING:
                if not 0 <= stream_id <= 0xFFFFFFFF:  # NaN too
                    raise ClientError(f"the server's message stream id is {stream_id}")
                self._stream_id = int(stream_id)
                self.state = ClientState.PUBLISHING
                publish = Command("publish", _PUBLISH_TRANSACTION, None, (self._url.stream, "live"))
                self._call(publish, self._stream_id)
            case "_error", 1.0 | 4.0 | 5.0, (dict(information), *_):
                raise _rejected(information, "the server refused the call")
            case "_error", 1.0 | 4.0 | 5.0, _:
                raise PublishRejected("NetConnection.Call.Failed", "the server refused the call")
            case "onStatus", _, (dict(information), *_):
                self._status(information)
            case _:
                pass

    def _create_stream(self) -> None:
        self.state = ClientState.CREATING
        # FMLE's two courtesies: servers that relay to others wait for them.
        self._call(Command("releaseStream", 2.0, None, (self._url.stream,)))
        self._call(Command("FCPublish", 3.0, None, (self._url.stream,)))
        self._call(Command("createStream", _CREATE_STREAM_TRANSACTION))

    def _status(self, information: dict[str, Value]) -> None:
        if information.get("level") == "error":
            raise _rejected(information, "the server ended the publish")
        if information.get("code") == "NetConnection.Connect.ReconnectRequest":
            tc_url = information.get("tcUrl")
            try:
                self.reconnect_to = self._url.moved(tc_url if isinstance(tc_url, str) else "")
            except ValueError as error:
                raise ClientError(str(error)) from error
        if information.get("code") == "NetStream.Publish.Start" and self.state is ClientState.PUBLISHING:
            self.state = ClientState.READY

    def _require_ready(self) -> None:
        if self.state is not ClientState.READY:
            raise ValueError(f"not ready to send media: {self.state.value}")

    def _send_tag(self, kind: Kind, tag: flv.Sent, timestamp_ms: int) -> None:
        serialize = flv.serialize_video if kind is Kind.VIDEO else flv.serialize_audio
        self._send_media(kind, serialize(tag), timestamp_ms)

    def _send_media(self, kind: Kind, payload: bytes, timestamp_ms: int) -> None:
        self._require_ready()
        message: Audio | Video
        if kind is Kind.VIDEO:
            message, chunk_stream = Video(payload), _VIDEO_CHUNK_STREAM
        else:
            message, chunk_stream = Audio(payload), _AUDIO_CHUNK_STREAM
        self._send(message, chunk_stream, self._stream_id, timestamp_ms & 0xFFFFFFFF)

    def _call(self, command: Command, stream_id: int = 0) -> None:
        self._send(command, COMMAND_CHUNK_STREAM, stream_id)

    def _send(
        self, message: Serializable, chunk_stream_id: int, stream_id: int = 0, timestamp_ms: int = 0
    ) -> None:
        self._out += self._writer.write(raw(message, chunk_stream_id, stream_id, timestamp_ms))


def _rejected(information: dict[str, Value], otherwise: str) -> PublishRejected:
    code, description = information.get("code"), information.get("description")
    return PublishRejected(
        code if isinstance(code, str) else "NetConnection.Call.Failed",
        description if isinstance(description, str) else otherwise,
    )


def _milliseconds(ticks: int, timescale: int) -> int:
    return (2 * ticks * 1000 + timescale) // (2 * timescale)
