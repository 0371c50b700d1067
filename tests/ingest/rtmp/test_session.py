"""The server's conversation, spoken to with hand-built messages."""

from __future__ import annotations

from itertools import pairwise

import pytest

from ingest.rtmp import flv
from ingest.rtmp.amf0 import EcmaArray, Value
from ingest.rtmp.chunk import ChunkLimits, ChunkReader, ChunkWriter, RawMessage
from ingest.rtmp.handshake import RANDOM_SIZE
from ingest.rtmp.limits import Limit
from ingest.rtmp.message import (
    Acknowledgement,
    Audio,
    Command,
    Data,
    Message,
    Serializable,
    SetChunkSize,
    UserControl,
    UserEvent,
    Video,
    WindowAcknowledgementSize,
    parse,
    raw,
)
from ingest.rtmp.session import (
    TRANSITIONS,
    Act,
    AudioReceived,
    Connected,
    Event,
    MediaBroken,
    MetadataReceived,
    PublishEnded,
    PublishRequested,
    Remark,
    ServerSession,
    SessionConfig,
    SessionError,
    Spoken,
    State,
    VideoReceived,
)
from transcoder.media import Codec


class Peer:
    """A client that says exactly what a test wants, and reads the answers."""

    def __init__(self, config: SessionConfig | None = None) -> None:
        self.session = ServerSession(random=bytes(RANDOM_SIZE), config=config)
        self.writer = ChunkWriter()
        self.reader = ChunkReader()
        self.answers: list[Message] = []

    def shake(self) -> Peer:
        self.session.receive(b"\x03" + bytes(1536) + bytes(1536))
        assert len(self.session.data_to_send()) == 3073
        return self

    def say(self, message: Serializable, stream_id: int = 0, timestamp_ms: int = 0) -> list[Event]:
        chunk_stream_id = {8: 4, 9: 6}.get(message.TYPE, 3)
        return self.say_bytes(self.writer.write(raw(message, chunk_stream_id, stream_id, timestamp_ms)))

    def say_bytes(self, data: bytes) -> list[Event]:
        self.session.receive(data)
        return self.listen()

    def listen(self) -> list[Event]:
        events = []
        while (event := self.session.next_event()) is not None:
            events.append(event)
        self.hear()
        return events

    def hear(self) -> None:
        self.reader.feed(self.session.data_to_send())
        while (message := self.reader.next_message()) is not None:
            self.answers.append(parse(message))

    def connect(self, **properties: Value) -> list[Event]:
        return self.say(Command("connect", 1.0, {"app": "live", **properties}))

    def publish(self, name: str = "mine?key=k") -> list[Event]:
        self.say(Command("createStream", 2.0))
        return self.say(Command("publish", 3.0, None, (name, "live")), stream_id=1)

    def started(self) -> Peer:
        self.shake().connect()
        self.publish()
        self.session.accept()
        self.listen()
        return self

    def status(self) -> dict[str, Value]:
        """The information of the last onStatus or _error."""
        last = [a for a in self.answers if isinstance(a, Command) and a.name in ("onStatus", "_error")][-1]
        assert isinstance(last.arguments[0], dict)
        return last.arguments[0]


def test_connect_is_answered_with_window_bandwidth_chunk_size_and_result() -> None:
    peer = Peer().shake()
    assert peer.connect(flashVer="FMLE/3.0\x1b[31m") == [Connected("FMLE/3.0[31m")]
    assert [type(a).__name__ for a in peer.answers] == [
        "WindowAcknowledgementSize",
        "SetPeerBandwidth",
        "SetChunkSize",
        "Command",
    ]
    result = peer.answers[-1]
    assert isinstance(result, Command)
    assert (result.name, result.transaction_id) == ("_result", 1.0)
    information = result.arguments[0]
    assert isinstance(information, dict)
    assert information["code"] == "NetConnection.Connect.Success"
    assert "capsEx" not in information


def test_an_enhanced_client_hears_what_we_can_and_no_more() -> None:
    peer = Peer().shake()
    peer.connect(fourCcList=["hvc1", "av01"])
    result = peer.answers[-1]
    assert isinstance(result, Command)
    information = result.arguments[0]
    assert isinstance(information, dict)
    assert information["capsEx"] == 15.0  # reconnect, multitrack, ModEx, nanoseconds
    assert information["videoFourCcInfoMap"] == {"avc1": 5.0, "hvc1": 5.0, "av01": 5.0, "vp09": 5.0}
    sounds = ["mp4a", "Opus", ".mp3", "fLaC", "ac-3", "ec-3"]
    assert information["audioFourCcInfoMap"] == dict.fromkeys(sounds, 5.0)
    assert information["fourCcList"] == ["avc1", "hvc1", "av01", "vp09", *sounds]


@pytest.mark.parametrize("app", ["live", "live/", "/live", "live?x=1"])
def test_the_application_is_taken_with_its_usual_ornaments(app: str) -> None:
    assert len(Peer().shake().connect(app=app)) == 1


@pytest.mark.parametrize(
    ("app", "shown"),
    [
        ("", "''"),
        ("other", "'other'"),
        ("live/inner?key=k", "'live/inner'"),
        # Somebody's key in the place of the name.
        ("live/w0ZQk3b8mXJ2aPq7Vn5T", "'live/w0ZQ…'"),
        (5.0, "''"),
    ],
)
def test_another_application_is_rejected(app: Value, shown: str) -> None:
    peer = Peer().shake()
    with pytest.raises(SessionError, match="another application") as caught:
        peer.connect(app=app)
    assert str(caught.value) == f"connect to another application, {shown}; here it is 'live'"
    peer.hear()
    assert peer.status()["code"] == "NetConnection.Connect.Rejected"
    assert peer.session.state is State.CLOSED


@pytest.mark.parametrize(
    ("connect", "name", "stream", "key"),
    [
        ({}, "mine?key=k", "mine", "k"),
        ({}, "mine", "mine", None),
        ({}, "mine?key=", "mine", None),
        ({}, "mine?x=1&key=a%2Fb+c", "mine", "a/b+c"),
        ({"tcUrl": "rtmp://h/live?key=t"}, "mine", "mine", "t"),
        ({"tcUrl": "rtmp://h/live?key=t"}, "mine?key=k", "mine", "k"),
        ({"app": "live?key=a"}, "mine", "mine", "a"),
        ({"tcUrl": 7.0}, "mine", "mine", None),
    ],
)
def test_where_the_stream_key_may_stand(
    connect: dict[str, Value], name: str, stream: str, key: str | None
) -> None:
    peer = Peer().shake()
    peer.connect(**connect)
    assert peer.publish(name) == [PublishRequested(stream, key)]


def test_a_key_is_never_in_a_repr() -> None:
    assert "secret" not in repr(PublishRequested("mine", "secret"))


def test_encoders_usual_calls_before_publish() -> None:
    peer = Peer().shake()
    peer.connect()
    for transaction, name in ((2.0, "releaseStream"), (3.0, "FCPublish")):
        peer.say(Command(name, transaction, None, ("mine?key=k",)))
        assert peer.answers[-1] == Command("_result", transaction)
    peer.say(Command("createStream", 4.0))
    assert peer.answers[-1] == Command("_result", 4.0, None, (1.0,))
    peer.say(Command("createStream", 5.0))
    assert peer.answers[-1] == Command("_result", 5.0, None, (2.0,))


def test_nothing_comes_while_the_application_thinks() -> None:
    peer = Peer().shake()
    peer.connect()
    peer.say(Command("createStream", 2.0))
    writer = peer.writer
    publish = writer.write(raw(Command("publish", 3.0, None, ("mine", "live")), 3, 1))
    video = writer.write(raw(Video(b"\x17\x00\0\0\0conf"), 6, 1))
    assert peer.say_bytes(publish + video) == [PublishRequested("mine", None)]
    assert peer.listen() == []
    peer.session.accept()
    assert peer.listen() == [VideoReceived(0, flv.Config(Codec.H264, b"conf"))]
    assert peer.status() == {
        "level": "status",
        "code": "NetStream.Publish.Start",
        "description": "the stream is yours",
    }
    assert UserControl(UserEvent.STREAM_BEGIN, b"\0\0\0\x01") in peer.answers


def test_a_rejected_publisher_hears_why_and_its_media_goes_nowhere() -> None:
    peer = Peer().shake()
    peer.connect()
    peer.publish()
    peer.session.reject("NetStream.Publish.Denied", "wrong key")
    assert peer.say(Video(b"\x17\x01\0\0\0x"), 1) == []
    assert (peer.status()["level"], peer.status()["code"]) == ("error", "NetStream.Publish.Denied")


def test_media_and_metadata() -> None:
    peer = Peer().started()
    assert peer.say(Data(("@setDataFrame", "onMetaData", EcmaArray(framerate=30.0))), 1) == [
        MetadataReceived({"framerate": 30.0})
    ]
    assert peer.say(Data(("onMetaData", {"width": 2.0})), 1) == [MetadataReceived({"width": 2.0})]
    assert peer.say(Data(("@setDataFrame", "onMetaData", 5.0)), 1) == []
    assert peer.say(Data(("onSomething", {})), 1) == []
    cue: Value = {"name": "ad"}
    assert peer.say(Data(("onCuePoint", cue)), 1, 70) == [Spoken(70, "onCuePoint", (cue,))]
    assert peer.say(Data(("@setDataFrame", "onTextData", {"text": "x"})), 1) == [
        Spoken(0, "onTextData", ({"text": "x"},))
    ]
    assert peer.say(Audio(b"\xaf\x01a"), 1, 2**32 - 1) == [
        AudioReceived(2**32 - 1, flv.Frame(Codec.AAC, b"a"))
    ]
    assert peer.say(Video(b"\x17"), 1) == [MediaBroken("H264 video tag of 1 bytes")]


def test_media_before_publish_is_ignored() -> None:
    peer = Peer().shake()
    assert peer.say(Video(b"\x17\x01\0\0\0x"), 1) == []


def test_goodbye_is_said_once_and_the_connection_may_publish_again() -> None:
    peer = Peer().started()
    assert peer.say(Command("FCUnpublish", 6.0, None, ("mine",))) == [
        PublishEnded("publisher sent FCUnpublish")
    ]
    assert peer.say(Command("deleteStream", 7.0, None, (1.0,))) == []
    assert peer.session.state is State.CONNECTED
    assert peer.publish("again") == [PublishRequested("again", None)]


@pytest.mark.parametrize("goodbye", [Command("deleteStream", 0.0, None, (1.0,)), Command("closeStream", 0.0)])
def test_other_goodbyes(goodbye: Command) -> None:
    assert len(Peer().started().say(goodbye)) == 1


def test_deleting_another_stream_ends_nothing() -> None:
    peer = Peer().started()
    for arguments in ((9.0,), ("x",), ()):
        assert peer.say(Command("deleteStream", 0.0, None, arguments)) == []
    assert peer.session.state is State.PUBLISHING


def test_play_is_refused_clearly() -> None:
    peer = Peer().shake()
    peer.connect()
    assert peer.say(Command("play", 0.0, None, ("mine",)), 1) == [Remark("play refused")]
    assert peer.status()["code"] == "NetStream.Play.Failed"


def test_a_second_publish_on_one_connection_is_refused_and_the_first_goes_on() -> None:
    peer = Peer().started()
    assert peer.say(Command("publish", 9.0, None, ("other", "live")), 1) == [
        Remark("second publish on one connection refused")
    ]
    assert peer.status()["code"] == "NetStream.Publish.BadName"
    assert peer.session.state is State.PUBLISHING


def test_the_same_stream_published_anew_takes_its_own_place() -> None:
    """An encoder that lost its head and begins again on the same connection."""
    peer = Peer().started()
    again = Command("publish", 9.0, None, ("mine?key=k", "live"))
    assert peer.say(again, 1) == [
        PublishEnded("publisher began the same stream anew"),
        PublishRequested("mine", "k"),
    ]
    peer.session.accept()
    assert len(peer.say(Video(b"\x17\x01\0\0\0x"), 1)) == 1


def test_after_a_goodbye_the_same_or_another_stream_may_be_published() -> None:
    peer = Peer().started()
    for name in ("mine", "other"):
        peer.say(Command("deleteStream", 0.0, None, (1.0,)))
        assert peer.publish(f"{name}?key=k") == [PublishRequested(name, "k")]
        peer.session.accept()


def test_a_message_of_several_tracks_is_as_many_events() -> None:
    peer = Peer().started()
    frames = (flv.Frame(Codec.AV1, b"one"), flv.Frame(Codec.AV1, b"two", track=1))
    events = peer.say(Video(flv.serialize_together(frames)), 1, 40)
    assert events == [VideoReceived(40, frame) for frame in frames]


RECONNECT: dict[str, Value] = {"capsEx": 1.0}


def test_a_publisher_that_can_is_asked_to_reconnect_and_its_media_is_still_taken() -> None:
    peer = Peer().shake()
    peer.connect(**RECONNECT)
    peer.publish()
    peer.session.accept()
    assert peer.session.request_reconnect("rtmp://other/live", "about to stop")
    peer.hear()
    assert peer.status() == {
        "level": "status",
        "code": "NetConnection.Connect.ReconnectRequest",
        "description": "about to stop",
        "tcUrl": "rtmp://other/live",
    }
    assert len(peer.say(Video(b"\x17\x01\0\0\0x"), 1)) == 1
    assert peer.session.request_reconnect("", "about to stop")
    peer.hear()
    assert "tcUrl" not in peer.status()


@pytest.mark.parametrize("caps", [{}, {"capsEx": 14.0}, {"capsEx": "1"}, {"capsEx": float("nan")}])
def test_who_cannot_reconnect_is_not_asked(caps: dict[str, Value]) -> None:
    peer = Peer().shake()
    peer.connect(**caps)
    assert not peer.session.request_reconnect("", "nobody publishes yet")
    peer.publish()
    peer.session.accept()
    assert not peer.session.request_reconnect("", "about to stop")


def test_unknown_calls_get_an_error_and_unanswerable_ones_nothing() -> None:
    peer = Peer().shake()
    peer.connect()
    peer.say(Command("_checkbw", 8.0))
    assert peer.status()["code"] == "NetConnection.Call.Failed"
    before = len(peer.answers)
    peer.say(Command("whatever", 0.0))
    peer.say(Command("_result", 3.0))
    assert len(peer.answers) == before


def test_ping_is_answered() -> None:
    peer = Peer().started()
    peer.say(UserControl(UserEvent.PING_REQUEST, b"\x01\x02\x03\x04"))
    assert peer.answers[-1] == UserControl(UserEvent.PING_RESPONSE, b"\x01\x02\x03\x04")


def test_acknowledgement_counts_all_bytes_received_so_far() -> None:
    """5.4.3: not the bytes since the last one."""
    peer = Peer().started()
    peer.say(SetChunkSize(1 << 20))
    peer.say(WindowAcknowledgementSize(10_000))
    for _ in range(5):
        peer.say(Audio(bytes(9_999)), 1)
    numbers = [a.received_bytes for a in peer.answers if isinstance(a, Acknowledgement)]
    assert len(numbers) >= 4
    assert all(10_000 <= b - a <= 20_100 for a, b in pairwise(numbers))
    assert numbers[-1] > 40_000
    assert peer.session.received_bytes - numbers[-1] < 10_000


def test_acknowledgement_wraps_at_2_32() -> None:
    peer = Peer().started()
    peer.say(WindowAcknowledgementSize(1000))
    peer.session.received_bytes = 2**32 - 10
    peer.session._acknowledged_bytes = 2**32 - 500
    peer.say(Audio(bytes(2000)), 1)
    assert [a.received_bytes < 4000 for a in peer.answers if isinstance(a, Acknowledgement)][-1]


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("act", Act)
def test_the_table_is_obeyed(state: State, act: Act) -> None:
    session = ServerSession(random=bytes(RANDOM_SIZE))
    session.state = state
    following = TRANSITIONS.get((state, act))
    if following is None:
        with pytest.raises(SessionError, match=state.value):
            session._act(act)
        assert session.state is State.CLOSED
    else:
        session._act(act)
        assert session.state is following


@pytest.mark.parametrize(
    "early",
    [Command("publish", 1.0, None, ("mine",)), Command("createStream", 1.0)],
)
def test_calls_before_connect_end_the_session(early: Command) -> None:
    with pytest.raises(SessionError, match="while connecting"):
        Peer().shake().say(early)


def test_a_second_connect_ends_the_session() -> None:
    peer = Peer().shake()
    peer.connect()
    with pytest.raises(SessionError, match="connect while connected"):
        peer.connect()


def test_too_many_message_streams() -> None:
    peer = Peer().shake()
    peer.connect()
    for _ in range(16):
        peer.say(Command("createStream", 2.0))
    with pytest.raises(SessionError, match="more than 16 message streams"):
        peer.say(Command("createStream", 2.0))


def test_strangers_may_send_only_small_messages() -> None:
    """Threat T9: what one may make us hold before a key was shown."""
    peer = Peer().shake()
    with pytest.raises(SessionError, match="at most 65536"):
        peer.say(Video(bytes(65_537)), 1)
    peer = Peer().started()
    assert len(peer.say(Video(b"\x17\x01\0\0\0" + bytes(100_000)), 1)) == 1


def test_a_stranger_may_use_no_more_chunk_streams_than_a_publisher() -> None:
    peer = Peer(SessionConfig(publisher=ChunkLimits(chunk_streams=4))).shake()
    heads = b"".join(bytes((n,)) + bytes(3) + b"\0\1\0\x09\0\0\0\0" + bytes(128) for n in range(3, 9))
    with pytest.raises(SessionError, match="more than 4 chunk streams") as raised:
        peer.say_bytes(heads)
    assert raised.value.limit is Limit.CHUNK_STREAMS


def test_nested_amf_ends_the_session_with_a_sentence() -> None:
    peer = Peer().shake()
    body = b"\x02\x00\x07connect\x00\x3f\xf0" + bytes(6) + b"\x03\x00\x01a" * 9000
    with pytest.raises(SessionError, match="nested deeper than 8"):
        peer.say_bytes(peer.writer.write(RawMessage(3, 20, 0, 0, body)))


def test_not_rtmp() -> None:
    with pytest.raises(SessionError, match="not an RTMP client"):
        Peer().session.receive(b"GET / HTTP/1.1\r\n")


def test_amf3_commands() -> None:
    peer = Peer().shake()
    body = b"\0" + Command("connect", 1.0, {"app": "live", "objectEncoding": 3.0}).body()
    assert peer.say_bytes(peer.writer.write(RawMessage(3, 17, 0, 0, body))) == [Connected(None)]


def test_aggregate_messages_are_taken_apart() -> None:
    peer = Peer().started()
    body = b"\x08\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00" + b"\xaf\x01a" + bytes(4)
    body += b"\x09\x00\x00\x06\x00\x00\x28\x00\x00\x00\x00" + b"\x27\x01\0\0\0v" + bytes(4)
    events = peer.say_bytes(peer.writer.write(RawMessage(4, 22, 1, 700, body)))
    assert [(type(e).__name__, getattr(e, "timestamp_ms", None)) for e in events] == [
        ("AudioReceived", 700),
        ("VideoReceived", 740),
    ]


def test_close_says_why_and_takes_nothing_more() -> None:
    peer = Peer().started()
    peer.session.close("NetStream.Publish.Denied", "thrown out")
    peer.session.close("NetStream.Publish.Denied", "twice")
    peer.hear()
    assert peer.status()["description"] == "thrown out"
    assert peer.say(Video(b"\x17\x01\0\0\0x"), 1) == []


def test_broken_metadata_costs_nobody_the_stream() -> None:
    """FLV injectors write a time and a place for every key frame into onMetaData."""
    peer = Peer().started()
    times: list[Value] = [float(n) for n in range(5000)]
    values = ("@setDataFrame", "onMetaData", {"keyframes": {"times": times}})
    [event] = peer.say(Data(values), 1)
    assert isinstance(event, MediaBroken)
    assert "4096" in event.reason
    assert len(peer.say(Video(b"\x17\x01\0\0\0x"), 1)) == 1
