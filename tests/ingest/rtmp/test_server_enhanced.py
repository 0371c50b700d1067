"""Enhanced RTMP and the limits, through the server over loopback."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

import pytest

from ingest.publication import CuePoint, TimedText, TrackUpdate
from ingest.rtmp import flv
from ingest.rtmp.client import PublishRejected
from ingest.rtmp.limits import Limit
from ingest.rtmp.message import Command
from ingest.rtmp.server import RtmpLimits
from tests.ingest.rtmp.door import ASC, AVCC, IDR, Publisher, serving, wait_until
from transcoder.media import AccessUnit, Codec


async def test_every_track_of_a_multitrack_publisher_arrives() -> None:
    async with serving() as (_, application, port):
        publisher = await Publisher.ready(port)
        client = publisher.client
        client.send_metadata(
            {"audioTrackIdInfoMap": {"1": {"language": "deu", "name": "Deutsch"}}, "framerate": 25.0}
        )
        for number in range(3):
            client.send_video(0, flv.Config(Codec.H264, AVCC, number))
        client.send_together(0, [flv.Config(Codec.AAC, ASC), flv.Config(Codec.AAC, ASC, 1)])
        for n in range(4):
            client.send_together(n * 40, [flv.Frame(Codec.H264, IDR, track=number) for number in range(3)])
            sound = b"\x21\x10\x04\x60\x8c\x1c"
            client.send_together(n * 23, [flv.Frame(Codec.AAC, sound), flv.Frame(Codec.AAC, sound, track=1)])
        await publisher.close()
        units = await application.wait_ended()
        tracks = application.publications[0].tracks
        assert tracks.keys() == {1, 2, 3, 4, 5}
        assert (tracks[4].language, tracks[4].name) == ("de", "Deutsch")
        assert {number: sum(u.track_id == number for u in units) for number in tracks} == dict.fromkeys(
            tracks, 4
        )


async def test_captions_and_cue_points_go_between_the_units() -> None:
    async with serving() as (_, application, port):
        publisher = await Publisher.ready(port)
        client = publisher.client
        client.send_video(0, flv.Config(Codec.H264, AVCC))
        client.send_video(0, flv.Frame(Codec.H264, IDR))
        await publisher.flush()
        await wait_until(lambda: application.publications[0].units_in == 1)
        subscription = application.publications[0].subscribe()
        client.send_data(500, "onTextData", {"text": "Good evening", "language": "en"})
        client.send_data(700, "onCuePoint", {"name": "ad", "type": "event", "parameters": {"id": "7"}})
        client.send_video(1000, flv.Frame(Codec.H264, IDR))
        await publisher.close()
        items = [item async for item in subscription]
        assert [type(item) for item in items[:2]] == [TrackUpdate, AccessUnit]
        assert items[2:4] == [
            TimedText(time_s=1.5, text="Good evening", language="en"),
            CuePoint(time_s=1.7, name="ad", kind="event", attributes={"id": "7"}),
        ]


async def test_a_draining_server_asks_and_goes_on_taking_media() -> None:
    limits = RtmpLimits(reconnect_url="rtmp://other.example/live")
    async with serving(limits) as (server, application, port):
        publisher = await Publisher.ready(port)
        [publication] = application.publications
        publisher.client.send_video(0, flv.Config(Codec.H264, AVCC))
        assert publication.on_drain is not None
        assert publication.on_drain()
        await server.stop_listening()
        while publisher.client.reconnect_to is None:
            await publisher.hear()
        assert publisher.client.reconnect_to.host == "other.example"
        for n in range(10):
            publisher.client.send_video(n * 40, flv.Frame(Codec.H264, IDR))
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        await publisher.close()
        assert len(await application.wait_ended()) == 10
        assert publication.end_reason == "publisher sent FCUnpublish"


async def test_a_publisher_that_cannot_reconnect_is_not_asked() -> None:
    async with serving() as (_, application, port):
        publisher = await Publisher.ready(port, enhanced=False)
        [publication] = application.publications
        assert publication.on_drain is not None
        assert not publication.on_drain()
        await publisher.close()


async def test_who_takes_over_tells_the_first_publisher() -> None:
    """The registry kicks; what is the door's part: the reason is heard, then the connection ends."""
    async with serving() as (_, application, port):
        first = await Publisher.ready(port)
        application.publications[0].kick("another publisher has taken over")
        second = await Publisher.ready(port)
        with pytest.raises(PublishRejected, match="taken over") as heard:
            await first.hear_to_the_end()
        assert heard.value.code == "NetStream.Publish.Denied"
        first.writer.close()
        second.client.send_video(0, flv.Config(Codec.H264, AVCC))
        second.client.send_video(0, flv.Frame(Codec.H264, IDR))
        await second.close()
        assert len(await application.wait_ended(1)) == 1


async def test_one_connection_publishes_the_same_stream_twice() -> None:
    async with serving() as (_, application, port):
        publisher = await Publisher.ready(port)
        client = publisher.client
        for n in range(2):
            if n:
                client._call(Command("publish", 9.0, None, ("mine?key=right", "live")), 1)
            client.send_video(0, flv.Config(Codec.H264, AVCC))
            client.send_video(40, flv.Frame(Codec.H264, IDR))
        await publisher.close()
        assert len(await application.wait_ended(0)) == 1
        assert len(await application.wait_ended(1)) == 1
        assert application.publications[0].end_reason == "publisher began the same stream anew"


async def test_timestamp_corrections_are_the_publications() -> None:
    async with serving() as (_, application, port):
        publisher = await Publisher.ready(port)
        publisher.client.send_video(0, flv.Config(Codec.H264, AVCC))
        publisher.client.send_video(0, flv.Frame(Codec.H264, IDR))
        publisher.client.send_video(5_000_000, flv.Frame(Codec.H264, IDR))
        await publisher.flush()
        await wait_until(lambda: bool(application.publications) and application.publications[0].units_in == 2)
        corrections = application.publications[0].corrections
        assert corrections is not None
        assert corrections() == 1
        await publisher.close()


QUICK = RtmpLimits(handshake_s=0.3, publish_s=0.4, silence_s=0.4, goodbye_s=0.2)
SHAKEN = b"\x03" + bytes(3072)


@pytest.mark.parametrize(
    ("said", "limit"),
    [
        (b"", Limit.HANDSHAKE_TIME),
        (SHAKEN, Limit.PUBLISH_TIME),
        (SHAKEN + b"\x03\0\0\0\xff\xff\xff\x14\0\0\0\0", Limit.MESSAGE_SIZE),
        (
            SHAKEN + b"".join(bytes((0, n)) + bytes(3) + b"\0\0\1\x09\0\0\0\0x" for n in range(100)),
            Limit.CHUNK_STREAMS,
        ),
        (
            SHAKEN
            + b"\x02\0\0\0\0\0\4\1\0\0\0\0\0\0\xfd\xe8"
            + b"".join(bytes((n,)) + b"\0\0\0\0\xff\0\x09\0\0\0\0" + bytes(65_000) for n in range(3, 12)),
            Limit.UNFINISHED_MESSAGES,
        ),
        (
            SHAKEN
            + b"\x03\0\0\0\0\0\x40\x14\0\0\0\0"
            + b"\x02\0\x07connect\0"
            + bytes(8)
            + b"\x03\0\1a" * 11
            + b"\0",
            Limit.AMF,
        ),
    ],
)
async def test_each_limit_is_counted_by_its_name_and_logged_with_the_address(
    said: bytes, limit: Limit, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with serving(QUICK) as (server, _, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(said)
        await wait_until(lambda: server.statistics().limited.get(limit) == 1)
        writer.close()
        await wait_until(lambda: not server.statistics().connections)
        assert server.statistics().limited == {limit: 1}
        assert await reader.read() is not None
    [line] = [record.getMessage() for record in caplog.records if "closed: " in record.getMessage()]
    assert line.split()[0] == "rtmp"
    assert len(line.split()[1]) == 8
    assert line.split()[2] == "127.0.0.1"


async def test_the_other_limits_are_counted_too() -> None:
    limits = replace(QUICK, connections_per_address=2, tracks=1)
    async with serving(limits) as (server, application, port):
        publisher = await Publisher.ready(port)
        client = publisher.client
        client.send_video(0, flv.Config(Codec.H264, AVCC))
        client.send_video(0, flv.Config(Codec.H264, AVCC, 1))
        client.send_video(0, flv.Frame(Codec.H264, IDR))
        for _ in range(60):
            client.send_data(0, "onCuePoint", {"name": "x"})
        await publisher.flush()
        await wait_until(lambda: server.statistics().limited.get(Limit.REMARKS) == 10)
        assert server.statistics().limited[Limit.TRACKS] == 1
        with pytest.raises(PublishRejected, match="no media"):
            await publisher.hear_to_the_end()
        publisher.writer.close()
        await application.wait_ended()
        await wait_until(lambda: not server.statistics().connections)
        both = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await reader.read() == b""
        for _, other in (*both, (reader, writer)):
            other.close()
        assert server.statistics().limited == {
            Limit.TRACKS: 1,
            Limit.REMARKS: 10,
            Limit.SILENCE: 1,
            Limit.CONNECTIONS_PER_ADDRESS: 1,
        }
