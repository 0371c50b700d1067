"""RTMP against hostile bytes: truncation everywhere, mutation in every state, inputs kept from before.

Whatever comes, the core answers with events or :class:`SessionError`, never with another exception, and
holds no more than its limits allow.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.rtmp import flv
from ingest.rtmp.amf0 import encode_all
from ingest.rtmp.chunk import ChunkWriter
from ingest.rtmp.client import PublisherClient, PublishUrl
from ingest.rtmp.handshake import RANDOM_SIZE, Scheme
from ingest.rtmp.intake import Intake, SourceRefused
from ingest.rtmp.message import Command, Data, Video, raw
from ingest.rtmp.session import (
    AudioReceived,
    Event,
    MediaBroken,
    MetadataReceived,
    PublishRequested,
    ServerSession,
    SessionError,
    Spoken,
    State,
    VideoReceived,
)
from transcoder.media import AccessUnit, Codec

KEPT = Path(__file__).parent.parent / "vectors" / "rtmp"
AVCC = bytes.fromhex(
    "0164001effe1001a6764001eacd940a02ff970110000030001000003003c0f162d9601000468ef8fcbfdf8f800"
)
_SEED = 20_261_121


_IDR = b"\x00\x00\x00\x05\x65\x88\x84\x00\x10"
_COLOUR = encode_all(
    [
        {
            "colorConfig": {"colorPrimaries": 9.0, "transferCharacteristics": 16.0},
            "hdrCll": {"maxCLL": 1000.0, "maxFall": 200.0},
            "hdrMdcv": {
                **{
                    f"{point}{axis}": 0.3 for point in ("red", "green", "blue", "whitePoint") for axis in "XY"
                },
                "maxLuminance": 1000.0,
                "minLuminance": 0.01,
            },
        }
    ]
)


def serve(pieces: Iterator[bytes] | list[bytes]) -> tuple[ServerSession, list[Event]]:
    """A server that accepts everybody, as far as the bytes allow."""
    session = ServerSession(random=bytes(RANDOM_SIZE))
    intake = Intake()
    events: list[Event] = []
    last_dts: dict[int, int] = {}
    try:
        for piece in pieces:
            session.receive(piece)
            while (event := session.next_event()) is not None:
                events.append(event)
                match event:
                    case PublishRequested():
                        session.accept()
                    case VideoReceived(timestamp_ms, tag):
                        _check(intake.video(timestamp_ms, tag, 0.0), last_dts)
                    case AudioReceived(timestamp_ms, tag):
                        _check(intake.audio(timestamp_ms, tag, 0.0), last_dts)
                    case MetadataReceived(values):
                        intake.metadata(values)
                    case Spoken(timestamp_ms, handler, values):
                        intake.spoken(timestamp_ms, handler, values, 0.0)
                    case MediaBroken(reason):
                        intake.broken(reason)
                    case _:
                        pass
            session.data_to_send()
            limits = session.config.publisher
            assert session._reader.buffered_bytes <= limits.buffered_bytes
    except (SessionError, SourceRefused):
        pass
    return session, events


def _check(items: list[object], last_dts: dict[int, int]) -> None:
    for item in items:
        if isinstance(item, AccessUnit):
            assert item.dts > last_dts.get(item.track_id, -1)
            assert item.pts >= 0
            last_dts[item.track_id] = item.dts


def recorded(scheme: Scheme | None, chunk_size_bytes: int = 128) -> tuple[list[bytes], list[Event]]:
    """A whole publish of our client, as the pieces that it sent."""
    client = PublisherClient(
        PublishUrl.parse("rtmp://host/live/mine?key=secret"),
        random=random.Random(3).randbytes(RANDOM_SIZE),
        scheme=scheme,
        chunk_size_bytes=chunk_size_bytes,
    )
    session = ServerSession(random=bytes(RANDOM_SIZE))
    pieces: list[bytes] = []
    events: list[Event] = []

    def exchange() -> None:
        while data := client.data_to_send():
            pieces.append(data)
            session.receive(data)
            while (event := session.next_event()) is not None:
                events.append(event)
                if isinstance(event, PublishRequested):
                    session.accept()
            client.receive(session.data_to_send())

    exchange()
    client.send_metadata({"framerate": 30.0, "encoder": "test"})
    client.send_video(0, flv.Config(Codec.H264, AVCC))
    client.send_audio(0, flv.Config(Codec.AAC, b"\x12\x10"))
    for n in range(4):
        picture = (b"\x65" if n == 0 else b"\x41") + b"\x88\x84" + bytes(range(200))
        at = 2**32 - 60 + n * 33
        client.send_video(at, flv.Frame(Codec.H264, len(picture).to_bytes(4, "big") + picture, n, n == 0))
        client.send_audio(at, flv.Frame(Codec.AAC, b"\x21\x10\x04\x60\x8c\x1c"))
        client.send_video(at, flv.Frame(Codec.H265, b"\x00\x00\x00\x02\x40\x01", 7))
        client.send_together(at, [flv.Frame(Codec.AAC, b"\x21\x10", track=number) for number in (1, 2)])
        client.send_data(at, "onTextData", {"text": f"line {n}", "language": "en"})
    client.finish()
    exchange()
    assert session.state is State.CONNECTED
    return pieces, events


@pytest.mark.parametrize("scheme", [None, *Scheme])
def test_any_two_halves_give_the_same_events(scheme: Scheme | None) -> None:
    pieces, events = recorded(scheme)
    wire = b"".join(pieces)
    for cut in range(0, len(wire), 7):
        assert serve([wire[:cut], wire[cut:]])[1] == events
    assert serve([wire[n : n + 1] for n in range(len(wire))])[1] == events


def test_cut_at_every_byte_it_only_ends_earlier() -> None:
    pieces, events = recorded(None)
    wire = b"".join(pieces)
    for size in range(len(wire)):
        seen = serve([wire[:size]])[1]
        assert seen == events[: len(seen)]


def test_mutated_sessions() -> None:
    """Bytes flipped, dropped, doubled and moved after the handshake, so that every state is reached."""
    rng = random.Random(_SEED)
    pieces, _ = recorded(None)
    wire = b"".join(pieces)
    handshake, chunks = wire[:3073], wire[3073:]
    reached = set()
    for _ in range(1500):
        session, _ = serve([handshake, mutated(chunks, rng)])
        reached.add(session.state)
    assert {State.CONNECTING, State.CONNECTED, State.PUBLISHING, State.CLOSED} <= reached


def test_mutated_handshakes() -> None:
    rng = random.Random(_SEED)
    for scheme in (None, *Scheme):
        wire = b"".join(recorded(scheme)[0])
        for _ in range(40):
            serve([mutated(wire[:3200], rng)])


def test_mutated_messages_inside_whole_chunks() -> None:
    """The chunk layer stays sound, so that the AMF and FLV layers get what is wrong."""
    rng = random.Random(_SEED)
    handshake = b"".join(recorded(None)[0])[:3073]
    writer = ChunkWriter()
    opening = b"".join(
        writer.write(raw(command, 3, 1 if command.name == "publish" else 0))
        for command in (
            Command("connect", 1.0, {"app": "live"}),
            Command("createStream", 2.0),
            Command("publish", 3.0, None, ("mine", "live")),
        )
    ) + writer.write(raw(Video(flv.serialize_video(flv.Config(Codec.H264, AVCC))), 6, 1))
    bodies = [
        (20, Command("connect", 1.0, {"app": "live", "x": [1.0, {"y": None}]}).body()),
        (18, b"\x02\x00\x0aonMetaData\x08\x00\x00\x00\x01\x00\x05width\x00" + bytes(8) + b"\0\0\x09"),
        (22, b"\x09\x00\x00\x06" + bytes(7) + b"\x27\x01\0\0\0v" + bytes(4)),
        (9, b"\x97\x02\x00\x03\xe8\x01hvc1\x00\x00\x05data"),
        (9, b"\x96\x01avc1\x01\x00\x00\x02\x00\x00\x00\x05\x65\x88\x84\x00\x10"),
        (
            9,
            b"\x96\x11avc1\x00\x00\x00\x0c\0\0\2\0\0\0\5\x65\x88\x84\0\x10\x01\0\0\x0c\0\0\2\0\0\0\5\x65\x88\x84\0\x10",
        ),
        (9, b"\x96\x20avc1\x01\0\0\x2c" + AVCC + b"hvc1\x02\0\0\x04conf"),
        (9, b"\x84avc1\x02\x00\x09colorInfo" + _COLOUR),
        (8, b"\x95\x01mp4a\x01\x21\x10\x04"),
        (8, b"\x95\x21mp4a\x00\0\0\x02\x21\x10fLaC\x01\0\0\x06\xff\xf8\x5a\x18\0\xd6"),
        (8, b"\x90fLaC\x12\0\x12\0\0\0\x0e\0\0\x0e\x0b\xb8\x02\xf0" + bytes(20)),
        (8, b"\x91ac-3\x0b\x77\x50\x52\x14\x40\x43\xe1" + bytes(760)),
        (8, b"\x91ec-3\x0b\x77\x00\x0f\x34\x87\xc0" + bytes(25)),
        (8, b"\x94ac-3\x01\x06\0\0\0\x3f"),
        (18, Data(("onTextData", {"text": "words", "language": "deu", "duration": 2.0})).body()),
        (18, Data(("onCuePoint", {"name": "n", "type": "event", "parameters": {"a": True}})).body()),
        (18, Data(("onMetaData", {"audioTrackIdInfoMap": {"1": {"language": "de", "name": "x"}}})).body()),
        (9, b"\x96\x01hvc1\x00\x00\x00\x02data"),
        (9, b"\x17\x01\x00\x00\x00\x00\x00\x00\x05\x65\x88\x84\x00\x10"),
        (9, b"\x90hvc1" + bytes(23)),
        (9, b"\x90av01\x81\x00\x0c\x00\x0a\x0b\x00\x00\x00\x04\x3c\xfe\xcc\x02\xf8\x00\x40"),
        (8, b"\xaf\x00\x12\x10"),
        (8, b"\x90OpusOpusHead\x01\x02\x38\x01\x80\xbb\x00\x00\x00\x00\x00"),
        (8, b"\x2f\xff\xfb\x90\x64" + bytes(40)),
        (4, b"\x00\x06\x00\x00\x00\x07"),
        (1, b"\x00\x00\x10\x00"),
    ]
    for _ in range(1500):
        writer = ChunkWriter()
        wire = bytearray(opening)
        for _ in range(4):
            type_id, body = rng.choice(bodies)
            message = raw(Video(mutated(body, rng)), 7, 1, rng.getrandbits(32))
            framed = bytearray(writer.write(message))
            # The first chunk is of type 0 or 1: its type id is the eighth byte.
            if framed[0] >> 6 < 2:
                framed[7] = type_id
            wire += framed
        serve([handshake, bytes(wire)])


def mutated(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(changed) + 1)
        match rng.randrange(6):
            case 0 if at < len(changed):
                changed[at] ^= 1 << rng.randrange(8)
            case 1 if at < len(changed):
                changed[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF))
            case 2:
                del changed[at : at + rng.randint(1, 8)]
            case 3:
                changed[at:at] = rng.randbytes(rng.randint(1, 8))
            case 4:
                changed[at:at] = changed[at : at + rng.randint(1, 40)]
            case _:
                del changed[at:]
    return bytes(changed)


SESSIONS = sorted((KEPT / "sessions").glob("*.bin"))


@pytest.mark.parametrize("path", SESSIONS, ids=lambda path: path.stem)
def test_recorded_sessions_mutated(path: Path) -> None:
    """Real encoders' bytes with faults in them: nothing but the errors that are meant for it."""
    rng = random.Random(_SEED)
    wire = path.read_bytes()
    for _ in range(40):
        serve([b"\x03" + bytes(3072), mutated(wire, rng)])


def test_noise() -> None:
    rng = random.Random(_SEED)
    for _ in range(300):
        serve([b"\x03" + bytes(3072), rng.randbytes(rng.randint(1, 400))])


@pytest.mark.parametrize("path", sorted(KEPT.glob("*.bin")), ids=lambda path: path.stem)
def test_kept_inputs(path: Path) -> None:
    """Each file: a connection's bytes after a plain handshake. Its name says what is wrong with it."""
    session, _ = serve([b"\x03" + bytes(3072), path.read_bytes()])
    assert session.state in (State.CLOSED, State.CONNECTING)
