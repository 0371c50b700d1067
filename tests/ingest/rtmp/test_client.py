"""The publisher client against our session in memory, and against ffmpeg's own RTMP server."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ingest.rtmp import flv
from ingest.rtmp.chunk import ChunkWriter
from ingest.rtmp.client import ClientError, ClientState, PublisherClient, PublishRejected, PublishUrl
from ingest.rtmp.handshake import RANDOM_SIZE, Scheme
from ingest.rtmp.message import Command, UserControl, UserEvent, raw
from ingest.rtmp.negotiation import OURS, PeerCapabilities
from ingest.rtmp.session import (
    AudioReceived,
    MetadataReceived,
    PublishEnded,
    PublishRequested,
    ServerSession,
    Spoken,
    VideoReceived,
)
from transcoder.media import AccessUnit, Codec, Track


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("rtmp://h/live/mine?key=k", PublishUrl("h", 1935, False, "live", "mine?key=k")),
        ("rtmps://h:444/live/mine", PublishUrl("h", 444, True, "live", "mine")),
        ("rtmps://h/live/a/b", PublishUrl("h", 443, True, "live", "a/b")),
        ("rtmp://[::1]:19/live/mine", PublishUrl("::1", 19, False, "live", "mine")),
    ],
)
def test_urls(url: str, expected: PublishUrl) -> None:
    assert PublishUrl.parse(url) == expected


@pytest.mark.parametrize("url", ["http://h/live/secret", "rtmp://h/live", "rtmp:///live/secret", "secret"])
def test_urls_that_are_none(url: str) -> None:
    with pytest.raises(ValueError) as raised:
        PublishUrl.parse(url)
    assert "secret" not in str(raised.value)


def test_a_url_does_not_show_its_key() -> None:
    assert "secret" not in repr(PublishUrl.parse("rtmp://h/live/mine?key=secret"))


@pytest.mark.parametrize("scheme", [None, *Scheme])
@pytest.mark.parametrize("chunk_size_bytes", [128, 4096, 65_536])
def test_a_whole_publish(converse: Callable[..., Any], scheme: Scheme | None, chunk_size_bytes: int) -> None:
    talk = converse(scheme=scheme, chunk_size_bytes=chunk_size_bytes)
    talk.exchange()
    assert talk.client.ready
    assert talk.events[1] == PublishRequested("mine", "secret")
    talk.client.send_metadata({"framerate": 25.0})
    talk.client.send_track(Track(track_id=1, codec=Codec.H265, timescale=90_000, config=b"hvcC"))
    talk.client.send_track(Track(track_id=2, codec=Codec.MP3, timescale=44_100))
    picture = bytes(range(256)) * 300
    talk.client.send_unit(AccessUnit(1, Codec.H265, 90_000, 12_600, 9_000, 0, True, picture, 0.0))
    talk.client.send_unit(AccessUnit(2, Codec.MP3, 44_100, 4_410, 4_410, 1152, True, b"sound", 0.0))
    talk.client.send_video(2**32 + 5, flv.Frame(Codec.AV1, b"late"))
    talk.client.finish()
    talk.client.finish()
    talk.exchange()
    assert talk.events[2:] == [
        MetadataReceived({"framerate": 25.0}),
        VideoReceived(0, flv.Config(Codec.H265, b"hvcC")),
        VideoReceived(100, flv.Frame(Codec.H265, picture, 40, True)),
        AudioReceived(100, flv.Frame(Codec.MP3, b"sound")),
        VideoReceived(5, flv.Frame(Codec.AV1, b"late")),
        PublishEnded("publisher sent FCUnpublish"),
    ]
    assert talk.client.state is ClientState.FINISHED
    assert talk.client.units_sent == 2


def test_the_servers_no_is_an_exception_with_its_code(converse: Callable[..., Any]) -> None:
    talk = converse()
    talk.on_request = lambda session: session.reject("NetStream.Publish.Denied", "wrong key")
    with pytest.raises(PublishRejected, match="wrong key") as raised:
        talk.exchange()
    assert raised.value.code == "NetStream.Publish.Denied"


def test_being_thrown_out_later(converse: Callable[..., Any]) -> None:
    talk = converse()
    talk.exchange()
    talk.session.close("NetStream.Publish.Denied", "thrown out")
    with pytest.raises(PublishRejected, match="thrown out"):
        talk.exchange()


def test_another_application(converse: Callable[..., Any]) -> None:
    talk = converse("rtmp://host/other/mine")
    talk.session.receive(talk.client.data_to_send())
    talk.client.receive(talk.session.data_to_send())
    talk.session.receive(talk.client.data_to_send())
    with pytest.raises(Exception, match="another application"):
        talk.session.next_event()
    with pytest.raises(PublishRejected, match=r"Connect\.Rejected"):
        talk.client.receive(talk.session.data_to_send())


def test_pings_are_answered(converse: Callable[..., Any]) -> None:
    talk = converse()
    talk.exchange()
    server: ServerSession = talk.session
    ping = raw(UserControl(UserEvent.PING_REQUEST, b"\0\0\0\x05"), 2)
    talk.client.receive(server._writer.write(ping))
    assert talk.client.data_to_send().endswith(b"\x00\x07\0\0\0\x05")


def test_media_before_ready_is_the_callers_fault(converse: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match="not ready"):
        converse().client.send_metadata({})


def test_a_server_that_is_none() -> None:
    client = PublisherClient(PublishUrl.parse("rtmp://h/live/x"), random=bytes(RANDOM_SIZE))
    with pytest.raises(ClientError, match="not RTMP"):
        client.receive(b"HTTP/1.1 400 Bad Request\r\n")


@pytest.mark.tools("ffmpeg", "ffprobe")
async def test_ffmpegs_server_takes_it(tmp_path: Path) -> None:
    """What we write is RTMP to somebody else too: ffmpeg listens, we publish, ffprobe counts."""
    source = tmp_path / "source.flv"
    await _run("ffmpeg", "-f", "lavfi", "-i", "testsrc2=s=160x90:r=25:d=1", "-c:v", "libx264", "-bf", "2",
               str(source))  # fmt: skip
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"rtmp://127.0.0.1:{port}/live/mine"
    received = tmp_path / "received.flv"
    server = await asyncio.create_subprocess_exec(
        "ffmpeg", "-v", "error", "-listen", "1", "-i", url, "-c", "copy", str(received)
    )
    try:
        async with asyncio.timeout(20):
            reader, writer = await _connect(port)
            client = PublisherClient(PublishUrl.parse(url), random=os.urandom(RANDOM_SIZE))
            while not client.ready:
                writer.write(client.data_to_send())
                client.receive(await reader.read(65_536))
            tags = _flv_tags(source.read_bytes())
            for timestamp_ms, body in tags:
                [tag] = flv.parse_video(body)
                assert isinstance(tag, flv.Config | flv.Frame | flv.SequenceEnd)
                client.send_video(timestamp_ms, tag)
            client.finish()
            writer.write(client.data_to_send())
            await writer.drain()
            writer.close()
            await server.wait()
    finally:
        if server.returncode is None:
            server.kill()
            await server.wait()
    probe = json.loads(await _run("ffprobe", "-count_packets", "-show_streams", "-of", "json", str(received)))
    assert [(s["codec_name"], s["nb_read_packets"]) for s in probe["streams"]] == [("h264", "25")]


async def _connect(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    while True:  # ffmpeg does not say when it listens; bounded by the caller's timeout
        try:
            return await asyncio.open_connection("127.0.0.1", port)
        except ConnectionRefusedError:
            await asyncio.sleep(0.02)


async def _run(*command: str) -> bytes:
    process = await asyncio.create_subprocess_exec(
        command[0], "-v", "error", *command[1:], stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    return out


def _flv_tags(data: bytes) -> list[tuple[int, bytes]]:
    """Timestamps and bodies of a file's video tags (FLV annex E.4)."""
    tags, at = [], 13
    while at < len(data):
        size = int.from_bytes(data[at + 1 : at + 4], "big")
        if data[at] == 9:
            tags.append((int.from_bytes(data[at + 4 : at + 7], "big"), data[at + 11 : at + 11 + size]))
        at += 11 + size + 4
    return tags


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -1.0, 2.0**40])
def test_a_message_stream_that_cannot_be_is_the_servers_fault(number: float) -> None:
    url = PublishUrl.parse("rtmp://h/live/mine")
    client = PublisherClient(url, random=bytes(RANDOM_SIZE))
    writer = ChunkWriter()
    client.receive(bytes((3,)) + bytes(3072))
    client.receive(writer.write(raw(Command("_result", 1.0), 3)))
    with pytest.raises(ClientError, match="message stream id"):
        client.receive(writer.write(raw(Command("_result", 4.0, None, (number,)), 3)))


def test_the_servers_capabilities_are_known(converse: Callable[..., Any]) -> None:
    talk = converse()
    talk.exchange()
    assert talk.client.server.caps_ex == OURS
    assert talk.session.capabilities.can_reconnect


def test_further_tracks_go_to_a_server_that_takes_them(converse: Callable[..., Any]) -> None:
    talk = converse()
    talk.exchange()
    tracks = [
        Track(track_id=1, codec=Codec.H264, timescale=90_000, config=b"one"),
        Track(track_id=7, codec=Codec.H264, timescale=90_000, config=b"two"),
        Track(track_id=3, codec=Codec.AAC, timescale=48_000, config=b"\x11\x90"),
        Track(track_id=4, codec=Codec.AC3, timescale=48_000),
    ]
    assert all(talk.client.send_track(track) for track in tracks)
    talk.client.send_unit(AccessUnit(7, Codec.H264, 90_000, 900, 900, 0, True, b"picture", 0.0))
    talk.client.send_unit(AccessUnit(4, Codec.AC3, 48_000, 480, 480, 1536, True, b"sound", 0.0))
    both = (flv.Frame(Codec.H264, b"a"), flv.Frame(Codec.H264, b"b", track=1))
    talk.client.send_together(50, both)
    talk.client.send_data(60, "onTextData", {"text": "words"})
    talk.exchange()
    assert talk.events[2:] == [
        VideoReceived(0, flv.Config(Codec.H264, b"one")),
        VideoReceived(0, flv.Config(Codec.H264, b"two", 1)),
        AudioReceived(0, flv.Config(Codec.AAC, b"\x11\x90")),
        VideoReceived(10, flv.Frame(Codec.H264, b"picture", track=1)),
        AudioReceived(10, flv.Frame(Codec.AC3, b"sound", track=1)),
        *(VideoReceived(50, frame) for frame in both),
        Spoken(60, "onTextData", ({"text": "words"},)),
    ]


def test_a_server_of_old_gets_one_track_of_a_kind(converse: Callable[..., Any]) -> None:
    talk = converse()
    talk.exchange()
    talk.client.server = PeerCapabilities()
    assert talk.client.send_track(Track(track_id=1, codec=Codec.AAC, timescale=48_000, config=b"\x11\x90"))
    assert not talk.client.send_track(
        Track(track_id=2, codec=Codec.AAC, timescale=48_000, config=b"\x11\x90")
    )
    talk.client.send_unit(AccessUnit(2, Codec.AAC, 48_000, 0, 0, 1024, True, b"other", 0.0))
    talk.client.send_unit(AccessUnit(1, Codec.AAC, 48_000, 0, 0, 1024, True, b"sound", 0.0))
    talk.exchange()
    assert talk.events[3:] == [AudioReceived(0, flv.Frame(Codec.AAC, b"sound"))]


@pytest.mark.parametrize(
    ("tc_url", "url"),
    [
        ("", "rtmp://host:1935/live/mine?key=secret"),
        ("rtmp://other/stage", "rtmp://other:1935/stage/mine?key=secret"),
        ("rtmps://other:444/live", "rtmps://other:444/live/mine?key=secret"),
        ("//[::1]:19/live", "rtmp://[::1]:19/live/mine?key=secret"),
        ("/elsewhere", "rtmp://host:1935/elsewhere/mine?key=secret"),
    ],
)
def test_a_reconnect_request_leads_elsewhere(converse: Callable[..., Any], tc_url: str, url: str) -> None:
    """Enhanced RTMP v2, "Reconnect Request": the four forms of tcUrl, and none."""
    talk = converse()
    talk.exchange()
    assert talk.client.reconnect_to is None
    assert talk.session.request_reconnect(tc_url, "about to stop")
    talk.exchange()
    assert talk.client.reconnect_to == PublishUrl.parse(url)
    assert talk.client.ready


@pytest.mark.parametrize("tc_url", ["http://other/live", "rtmp://other/live", "//:1935/live"])
def test_the_key_does_not_go_just_anywhere(tc_url: str) -> None:
    with pytest.raises(ValueError):
        PublishUrl.parse("rtmps://host/live/mine?key=k").moved(tc_url)
