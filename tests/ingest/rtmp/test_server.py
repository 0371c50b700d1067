"""The server over loopback: real ffmpeg and PyAV publish, odd peers try their worst."""

from __future__ import annotations

import asyncio
import logging
import sys
from dataclasses import replace
from itertools import pairwise

import pytest

from ingest.rtmp import flv
from ingest.rtmp.client import PublishRejected
from ingest.rtmp.handshake import Scheme
from ingest.rtmp.message import Command, UserControl, UserEvent
from ingest.rtmp.server import RtmpLimits
from tests.ingest.rtmp.door import ASC, AVCC, IDR, PICTURE, Publisher, serving, wait_until
from transcoder.media import Codec

QUICK = RtmpLimits(handshake_s=0.3, publish_s=0.4, silence_s=0.4, goodbye_s=0.3)


async def ffmpeg(*arguments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        "ffmpeg", "-hide_banner", "-v", "warning", *arguments,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, errors = await process.communicate()
    return process.returncode or 0, errors.decode()


SOURCE = ("-f", "lavfi", "-i", "testsrc2=s=320x180:r=25", "-f", "lavfi", "-i", "sine=r=44100", "-t", "2")


@pytest.mark.tools("ffmpeg")
@pytest.mark.parametrize("b_frames", ["0", "2"])
@pytest.mark.parametrize("audio", ["aac", "libmp3lame"])
async def test_ffmpeg_publishes(b_frames: str, audio: str) -> None:
    async with serving() as (server, application, port):
        url = f"rtmp://127.0.0.1:{port}/live/mine?key=right"
        (code, _), units = await asyncio.gather(
            ffmpeg(*SOURCE, "-c:v", "libx264", "-bf", b_frames, "-g", "25", "-c:a", audio, "-f", "flv", url),
            application.wait_ended(),
        )
        assert code == 0
        [publication] = application.publications
        assert publication.end_reason == "publisher sent FCUnpublish"
        video, sound = publication.tracks[1], publication.tracks[2]
        assert (video.codec, video.width, video.height) == (Codec.H264, 320, 180)
        assert (sound.codec, sound.sample_rate) == (
            Codec.AAC if audio == "aac" else Codec.MP3,
            44_100,
        )
        pictures = [u for u in units if u.track_id == 1]
        frames = [u for u in units if u.track_id == 2]
        assert len(pictures) == 50
        assert [n for n, u in enumerate(pictures) if u.sync] == [0, 25]
        assert {b.dts - a.dts for a, b in pairwise(pictures)} == {3600}
        shown = sorted(u.pts for u in pictures)
        assert [p - shown[0] for p in shown] == [n * 3600 for n in range(50)]
        assert any(u.pts != u.dts for u in pictures) == (b_frames != "0")
        step = 1024 if audio == "aac" else 1152
        assert {b.dts - a.dts for a, b in pairwise(frames)} == {step}
        assert abs(frames[0].pts_s - shown[0] / 90_000) < 0.08  # ffmpeg's own encoder delay
        assert server.statistics().failed == 0


@pytest.mark.tools("ffmpeg")
@pytest.mark.parametrize("offset_s", ["16776.3", "2147482.7"])
async def test_ffmpeg_passes_2_24_and_2_31_milliseconds(offset_s: str) -> None:
    """Where the extended timestamp begins (4 h 39 min), and where FLV's sign bit is (24.9 days)."""
    async with serving() as (_, application, port):
        url = f"rtmp://127.0.0.1:{port}/live/mine?key=right"
        big = SOURCE[3].replace("320x180", "640x360")  # several chunks a picture
        (code, _), units = await asyncio.gather(
            ffmpeg("-f", "lavfi", "-i", big, *SOURCE[4:], "-c:v", "libx264", "-bf", "0", "-g", "10", "-c:a",
                   "aac", "-output_ts_offset", offset_s, "-f", "flv", url),
            application.wait_ended(),
        )  # fmt: skip
        assert code == 0
        assert {b.dts - a.dts for a, b in pairwise(u for u in units if u.track_id == 1)} == {3600}
        assert {b.dts - a.dts for a, b in pairwise(u for u in units if u.track_id == 2)} == {1024}
        assert len([u for u in units if u.track_id == 1]) == 50


@pytest.mark.parametrize(
    ("video", "audio", "codecs"),
    [
        ("libx265", "libopus", (Codec.H265, Codec.OPUS)),
        ("libsvtav1", "aac", (Codec.AV1, Codec.AAC)),
        ("libvpx-vp9", "libopus", (Codec.VP9, Codec.OPUS)),
    ],
)
async def test_enhanced_rtmp_from_pyav(video: str, audio: str, codecs: tuple[Codec, Codec]) -> None:
    """FFmpeg 8 speaks enhanced RTMP. In a process of its own: PyAV holds the GIL while it connects."""
    async with serving() as (_, application, port):
        url = f"rtmp://127.0.0.1:{port}/live/mine?key=right"
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _PYAV_PUBLISHER, url, video, audio,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        units = await application.wait_ended()
        await process.wait()
        tracks = application.publications[0].tracks
        assert (tracks[1].codec, tracks[2].codec) == codecs
        assert (tracks[1].width, tracks[1].height, tracks[2].sample_rate) == (320, 180, 48_000)
        pictures = [u for u in units if u.track_id == 1]
        assert len(pictures) == 20
        assert pictures[0].sync
        assert len({u.pts for u in pictures}) == 20
        assert len([u for u in units if u.track_id == 2]) >= 30


_PYAV_PUBLISHER = """
import sys, av
url, video, audio = sys.argv[1:]
options = {"libx265": {"preset": "ultrafast", "x265-params": "log-level=none"}, "libsvtav1": {"preset": "12"},
           "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}}
output = av.open(url, "w", format="flv")
v = output.add_stream(video, rate=30, options=options[video])
v.width, v.height, v.pix_fmt = 320, 180, "yuv420p"
a = output.add_stream(audio, rate=48000, layout="stereo")
size = 1024 if audio == "aac" else 960
for n in range(40):
    if n < 20:
        picture = av.VideoFrame(320, 180, "yuv420p")
        picture.pts = n
        output.mux(v.encode(picture))
    sound = av.AudioFrame("fltp" if audio == "aac" else "flt", "stereo", size)
    sound.sample_rate, sound.pts = 48000, n * size
    for plane in sound.planes:
        plane.update(bytes(plane.buffer_size))
    output.mux(a.encode(sound))
for stream in (v, a):
    output.mux(stream.encode(None))
output.close()
"""


@pytest.mark.tools("ffmpeg")
async def test_ffmpeg_hears_why_it_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with serving() as (_, _, port):
        url = f"rtmp://127.0.0.1:{port}/live/mine?key=hunter2-wrong"
        code, errors = await ffmpeg(*SOURCE, "-c:v", "libx264", "-f", "flv", url)
        assert code != 0
        assert "wrong stream or key" in errors
    assert "127.0.0.1 stream mine" in caplog.text
    assert "wrong_key" in caplog.text
    assert "hunter2" not in caplog.text
    assert "Traceback" not in caplog.text


async def test_a_second_publisher_is_refused_and_the_first_goes_on() -> None:
    async with serving() as (server, application, port):
        first = await Publisher.ready(port)
        with pytest.raises(PublishRejected, match="somebody else") as raised:
            await Publisher.ready(port)
        assert raised.value.code == "NetStream.Publish.BadName"
        first.client.send_video(0, flv.Config(Codec.H264, AVCC))
        first.client.send_video(0, flv.Frame(Codec.H264, IDR))
        await first.close()
        assert len(await application.wait_ended()) == 1
        assert server.statistics().refused == 1


async def test_the_application_hears_who_asks() -> None:
    async with serving() as (_, application, port):
        publisher = await Publisher.ready(port, scheme=Scheme.DIGEST_FIRST)
        await publisher.close()
        [request] = application.requests
        assert (request.protocol, request.stream, request.key) == ("rtmp", "mine", "right")
        assert request.address == "127.0.0.1"
        assert request.encoder == "FMLE/3.0 (compatible; mediaserver)"


async def test_timestamps_that_wrap_reach_the_publication_in_order() -> None:
    async with serving() as (_, application, port):
        publisher = await Publisher.ready(port)
        publisher.client.send_video(2**32 - 100, flv.Config(Codec.H264, AVCC))
        publisher.client.send_audio(2**32 - 100, flv.Config(Codec.AAC, ASC))
        for n in range(10):
            at = 2**32 - 100 + n * 40
            publisher.client.send_video(at, flv.Frame(Codec.H264, IDR if n == 0 else PICTURE))
            publisher.client.send_audio(at, flv.Frame(Codec.AAC, b"\x21\x10\x04\x60\x8c\x1c"))
        await publisher.close()
        units = await application.wait_ended()
        assert [u.dts for u in units if u.track_id == 1] == [90_000 + n * 3600 for n in range(10)]


async def test_unchanged_configuration_is_nothing_and_a_new_one_is_told() -> None:
    async with serving() as (_, application, port):
        publisher = await Publisher.ready(port)
        seen: list[str] = []
        for config in (AVCC, AVCC):
            publisher.client.send_video(0, flv.Config(Codec.H264, config))
        for config in (ASC, ASC, b"\x11\x90", b"\x11\x90"):
            publisher.client.send_audio(0, flv.Config(Codec.AAC, config))
        await publisher.flush()
        [publication] = application.publications
        subscription = publication.subscribe()
        await publisher.close()
        async for item in subscription:
            seen.append(type(item).__name__)
        assert publication.tracks[2].sample_rate == 48_000
        assert len(seen) <= 4


async def test_broken_units_are_dropped_and_the_stream_goes_on() -> None:
    async with serving() as (server, application, port):
        publisher = await Publisher.ready(port)
        client = publisher.client
        client.send_video(0, flv.Frame(Codec.H264, IDR))  # before its configuration
        client.send_video(0, flv.Config(Codec.H264, AVCC))
        client.send_audio(0, flv.Config(Codec.AAC, b""))
        client.send_video(0, flv.Frame(Codec.H264, IDR))
        client.send_video(40, flv.Frame(Codec.H264, b"\x00\x00\x00\x00"))
        client.send_video(80, flv.Frame(Codec.H264, b"\xff\xff\xff\xff\x65"))
        client.send_video(120, flv.Frame(Codec.H264, b""))
        client.send_video(160, flv.Frame(Codec.H264, PICTURE))
        await publisher.flush()
        await wait_until(lambda: bool(application.publications) and application.publications[0].units_in == 2)
        [connection] = server.statistics().connections
        assert connection.intake is not None
        assert connection.intake.dropped == 5
        await publisher.close()
        units = await application.wait_ended()
        assert [u.dts for u in units] == [90_000, 90_000 + 160 * 90]


async def test_an_unreadable_picture_format_is_a_clear_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with serving() as (_, application, port):
        for tag in (flv.Config(Codec.H264, b"nonsense"), flv.Config(Codec.H265, b"")):
            publisher = await Publisher.ready(port)
            publisher.client.send_video(0, tag)
            await publisher.flush()
            with pytest.raises(PublishRejected, match="configuration cannot be read"):
                await publisher.hear_to_the_end()
            publisher.writer.close()
        assert all(p.ended for p in application.publications)
    assert "Traceback" not in caplog.text


async def test_a_kick_closes_the_publisher_with_its_reason() -> None:
    async with serving() as (_, application, port):
        publisher = await Publisher.ready(port)
        application.publications[0].kick("thrown out by the operator")
        with pytest.raises(PublishRejected, match="thrown out by the operator"):
            await publisher.hear_to_the_end()
        publisher.writer.close()
        assert application.publications[0].end_reason == "thrown out by the operator"


async def test_closing_the_server_ends_publications_and_tells_publishers() -> None:
    async with serving() as (server, application, port):
        publisher = await Publisher.ready(port)
        closing = asyncio.create_task(server.close())
        with pytest.raises(PublishRejected, match="the server is stopping"):
            await publisher.hear_to_the_end()
        publisher.writer.close()
        await closing
        assert application.publications[0].end_reason == "the server is stopping"
        assert server.statistics().connections == ()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)


async def test_a_publisher_that_drops_dead_ends_its_publication() -> None:
    async with serving() as (_, application, port):
        publisher = await Publisher.ready(port)
        publisher.writer.transport.abort()
        await application.wait_ended()
        assert (application.publications[0].end_reason or "").startswith(
            ("publisher closed", "connection lost")
        )


async def read_all(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read(-1)
    except ConnectionError:
        return b""


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"", "no handshake within 0.3 s"),
        (b"\x03" + bytes(500), "no handshake within 0.3 s"),
        (b"\x03" + bytes(1536) + bytes(1536), "no publish within 0.4 s"),
        (b"GET / HTTP/1.1\r\n\r\n", "not an RTMP client"),
        (b"\x03" + bytes(3072) + b"\xc5", "begins with a type 3 chunk"),
    ],
)
async def test_peers_that_never_finish(said: bytes, reason: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with serving(QUICK) as (server, _, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(said)
        await read_all(reader)
        writer.close()
        await wait_until(lambda: not server.statistics().connections)
    assert reason in caplog.text
    assert "Traceback" not in caplog.text


async def test_a_silent_publisher_is_let_go_even_if_it_pings() -> None:
    async with serving(QUICK) as (_, application, port):
        publisher = await Publisher.ready(port)

        async def ping() -> None:
            while True:
                publisher.client._send(UserControl(UserEvent.PING_REQUEST, bytes(4)), 2)
                await publisher.flush()
                await asyncio.sleep(0.1)

        pinging = asyncio.create_task(ping())
        with pytest.raises(PublishRejected, match=r"no media for 0\.4 s"):
            await publisher.hear_to_the_end()
        pinging.cancel()
        publisher.writer.close()
        assert application.publications[0].end_reason == "no media for 0.4 s"


async def test_too_many_connections_are_turned_away_and_the_others_stay() -> None:
    limits = replace(RtmpLimits(), connections_per_address=3)
    async with serving(limits) as (server, _, port):
        publishers = [await Publisher.ready(port, f"s{n}?key=right") for n in range(3)]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await read_all(reader) == b""
        writer.close()
        assert server.statistics().turned_away == 1
        for publisher in publishers:
            await publisher.close()
        await wait_until(lambda: not server.statistics().connections)
        publisher = await Publisher.ready(port)
        await publisher.close()


async def test_a_relays_publishers_are_not_counted_as_one_address() -> None:
    limits = replace(RtmpLimits(), connections_per_address=1)
    async with serving(limits, relays={"127.0.0.1"}) as (server, _, port):
        publishers = [await Publisher.ready(port, f"s{n}?key=right") for n in range(3)]
        assert server.statistics().turned_away == 0
        for publisher in publishers:
            await publisher.close()


async def test_who_does_not_read_our_answers_is_closed() -> None:
    """Commands whose answers pile up: bounded, then closed."""
    limits = replace(RtmpLimits(), unsent_bytes=64 << 10, goodbye_s=0.2)
    async with serving(limits) as (server, _, port):
        publisher = await Publisher.ready(port)
        for _ in range(1000):
            publisher.client._call(Command("whatever", 9.0))
        calls = publisher.client.data_to_send()
        while not server.statistics().failed:  # until the kernel's buffers are full as well
            publisher.writer.write(calls)
            await asyncio.sleep(0)
        publisher.writer.transport.abort()


@pytest.mark.parametrize("attack", ["chunk streams", "long messages", "chunk size", "nested AMF"])
async def test_an_attack_closes_only_its_own_socket(attack: str) -> None:
    """Threat T9, beside a healthy publisher that loses nothing."""
    async with serving(QUICK) as (server, application, port):
        healthy = await Publisher.ready(port)
        healthy.client.send_video(0, flv.Config(Codec.H264, AVCC))
        for n in range(5):
            healthy.client.send_video(n * 40, flv.Frame(Codec.H264, IDR))
        await healthy.flush()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"\x03" + bytes(3072) + _ATTACKS[attack])
        await asyncio.gather(read_all(reader), wait_until(lambda: server.statistics().failed == 1))
        writer.close()
        for n in range(5, 10):
            healthy.client.send_video(n * 40, flv.Frame(Codec.H264, IDR))
        await healthy.close()
        units = await application.wait_ended()
        assert application.publications[0].units_in == 10
        assert units[-1].dts == 90_000 + 9 * 3600


_ATTACKS = {
    "chunk streams": b"".join(bytes((0, n)) + bytes(6) + b"\x09\0\0\0\0" for n in range(100)),
    "long messages": b"".join(
        bytes((n,)) + b"\0\0\0\xff\xff\xff\x09\0\0\0\0" + bytes(128) for n in range(3, 60)
    ),
    "chunk size": b"\x02\0\0\0\0\0\x04\x01\0\0\0\0\x7f\xff\xff\xff" + b"\x03\0\0\0\xff\xff\xff\x09\0\0\0\0",
    "nested AMF": b"\x03\0\0\0\0\0\x7c\x14\0\0\0\0\x02\0\x01x\0" + bytes(8) + b"\x03\0\x01a" * 28,
}
