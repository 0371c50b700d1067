"""`mediaserver push` against our real RTMP server, and against servers that misbehave."""

import argparse
import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from fractions import Fraction
from pathlib import Path

import pytest

from ingest.publication import (
    Publication,
    PublicationEnd,
    PublishRefused,
    PublishRequest,
    Refusal,
    Subscription,
    TrackUpdate,
)
from ingest.rtmp.client import PublishUrl
from ingest.rtmp.handshake import RANDOM_SIZE
from ingest.rtmp.server import RtmpLimits, RtmpServer
from ingest.rtmp.session import PublishRequested, ServerSession, State
from mediaserver import push, push_connection, push_link, push_sources
from mediaserver.push_connection import Push, PushError, PushStatistics
from mediaserver.push_sources import PatternSource
from transcoder.engine.testpattern import PatternConfig
from transcoder.media import AccessUnit, Codec, Kind

SMALL = PatternConfig(width=320, height=180, video_bitrate_bps=300_000, gop_s=0.5)


class Door:
    """Takes everybody who has the right key, and keeps what they sent."""

    def __init__(self, key: str | None = "right") -> None:
        self.key = key
        self.publications: asyncio.Queue[tuple[Publication, Subscription]] = asyncio.Queue()

    async def publish(self, request: PublishRequest) -> Publication:
        if request.key != self.key:
            raise PublishRefused(Refusal.WRONG_KEY, "wrong stream name or key")
        publication = Publication("abcd", request)
        self.publications.put_nowait((publication, publication.subscribe()))
        return publication


@asynccontextmanager
async def serving(door: Door) -> AsyncIterator[int]:
    server = RtmpServer(door, host="127.0.0.1", port=0)
    port = await server.start()
    try:
        yield port
    finally:
        await server.close()


def url(port: int, key: str = "right") -> PublishUrl:
    return PublishUrl.parse(f"rtmp://127.0.0.1:{port}/live/show?key={key}")


async def received(door: Door) -> list[TrackUpdate | AccessUnit | PublicationEnd]:
    _, subscription = await door.publications.get()
    return [item async for item in subscription]


async def test_the_pattern_arrives_whole_and_ends_cleanly() -> None:
    door = Door()
    async with serving(door) as port:
        source = PatternSource(SMALL)
        pushing = Push(url(port), source, duration_s=1.0)
        started_s = time.monotonic()
        items, _ = await asyncio.gather(received(door), pushing.run())
        source.close()
        assert 0.9 <= time.monotonic() - started_s < 5
    tracks = {item.track.codec: item.track for item in items if isinstance(item, TrackUpdate)}
    assert tracks[Codec.H264].config == source.tracks[0].config
    assert tracks[Codec.AAC].config == source.tracks[1].config
    video = [item for item in items if isinstance(item, AccessUnit) and item.codec.kind is Kind.VIDEO]
    assert len(video) == pushing.statistics().pictures >= 20
    assert [unit.sync for unit in video[:2]] == [True, False]
    assert isinstance(items[-1], PublicationEnd)


@pytest.mark.parametrize("codec", [Codec.H265, Codec.AV1, Codec.VP9])
async def test_enhanced_rtmp_codecs(codec: Codec) -> None:
    door = Door()
    config = PatternConfig(width=320, height=180, codec=codec, audio=False)
    async with serving(door) as port:
        source = PatternSource(config)
        items, _ = await asyncio.gather(received(door), Push(url(port), source, duration_s=0.5).run())
        source.close()
    assert [item.track.codec for item in items if isinstance(item, TrackUpdate)] == [codec]
    assert sum(isinstance(item, AccessUnit) for item in items) > 5


async def test_a_refused_key_shows_the_servers_sentence() -> None:
    async with serving(Door()) as port:
        with pytest.raises(PushError, match=r"refused: .*key") as caught:
            await Push(url(port, key="wrong"), PatternSource(SMALL)).run()
    assert caught.value.is_final
    assert "wrong" not in str(caught.value).replace("wrong stream", "")


async def test_nobody_listens(unused_tcp_port: int) -> None:
    with pytest.raises(PushError, match=f"cannot reach 127.0.0.1:{unused_tcp_port}: nobody listens there"):
        await Push(url(unused_tcp_port), PatternSource(SMALL)).run()


async def test_a_server_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(push_link, "CONNECT_TIMEOUT_S", 0.2)
    silent = await asyncio.start_server(lambda reader, writer: asyncio.sleep(60), "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    with pytest.raises(PushError, match="does not answer as an RTMP server"):
        await Push(url(port), PatternSource(SMALL)).run()
    silent.close()


async def test_a_server_that_is_no_rtmp_server() -> None:
    async def web(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n" + b" " * 4000)
        await writer.drain()

    server = await asyncio.start_server(web, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(PushError, match="not RTMP"):
        await Push(url(port), PatternSource(SMALL)).run()
    server.close()


async def test_a_thrown_out_publisher_is_told_so() -> None:
    door = Door()
    async with serving(door) as port:
        running = asyncio.create_task(Push(url(port), PatternSource(SMALL)).run())
        publication, _ = await door.publications.get()
        publication.kick("by the operator")
        with pytest.raises(PushError, match=r"by the operator|closed the connection"):
            await running


class Flood:
    """Pictures as fast as they are taken, each larger than what may wait."""

    tracks = ()
    notes = ()
    dropped_frames = 0

    async def units(self) -> AsyncGenerator[AccessUnit, None]:
        for number in range(10_000):
            yield AccessUnit(1, Codec.H264, 90_000, number, number, 1, True, bytes(256 << 10), 0.0)
            await asyncio.sleep(0)

    def close(self) -> None:
        pass


async def test_a_server_that_stops_reading_ends_the_push(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits to be read is bounded, and so is the wait."""
    monkeypatch.setattr(push_connection, "UNREAD_TIMEOUT_S", 0.2)
    ended = asyncio.Event()

    async def deaf_after_hello(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = ServerSession(random=bytes(RANDOM_SIZE))
        while session.state is not State.PUBLISHING:
            session.receive(await reader.read(4096))
            while (event := session.next_event()) is not None:
                if isinstance(event, PublishRequested):
                    session.accept()
            writer.write(session.data_to_send())
        await ended.wait()
        writer.close()

    server = await asyncio.start_server(deaf_after_hello, "127.0.0.1", 0, limit=4096)
    pushing = Push(url(server.sockets[0].getsockname()[1]), Flood())
    with pytest.raises(PushError, match="has not read what we sent"):
        await pushing.run()
    assert pushing.statistics().sent_bytes < 32 << 20
    ended.set()
    server.close()


async def test_a_late_pattern_drops_pictures_and_keeps_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 1000.0

    class Clock:
        @staticmethod
        def monotonic() -> float:
            return now_s

        @staticmethod
        def time() -> float:
            return 1_800_000_000 + now_s

    monkeypatch.setattr(push_sources, "time", Clock)
    source = PatternSource(PatternConfig(width=320, height=180, fps=Fraction(10), audio=False))
    units = source.units()
    first = await anext(units)
    now_s += 1.0
    late = await anext(units)
    await units.aclose()
    assert (first.pts, late.pts) == (0, 90_000)
    assert source.dropped_frames == 9


def test_the_progress_line() -> None:
    last = PushStatistics(9.0, 270, 1_000_000, 0, 0)
    now = PushStatistics(3_661.0, 270 + 3652 * 30, 1_000_000 + 3652 * 312_500, 4, 1 << 20)
    assert (
        push.progress_line(last, now)
        == "01:01:01   30.0 fps     2500 kbit/s  4 dropped  1024 KiB not read yet"
    )


class TestCommand:
    def parse(self, *arguments: str) -> argparse.Namespace:
        parser = argparse.ArgumentParser()
        push.add_arguments(parser)
        return parser.parse_args(arguments)

    def test_one_address_is_enough_for_the_pattern(self) -> None:
        options = self.parse("--test-pattern", "rtmp://h/live/x", "--size", "640x360", "--bitrate", "800k")
        assert (options.file, options.url) == (None, "rtmp://h/live/x")
        assert (options.size, options.bitrate) == ((640, 360), 800_000)

    @pytest.mark.parametrize(
        "arguments",
        [
            "film.mp4 rtmp://h/live/x --loop",
            "film.mp4 --loop rtmp://h/live/x",
            "--loop film.mp4 rtmp://h/live/x",
        ],
    )
    def test_options_may_stand_anywhere(self, arguments: str) -> None:
        options = self.parse(*arguments.split())
        assert (options.file, options.url, options.loop) == (Path("film.mp4"), "rtmp://h/live/x", True)

    @pytest.mark.parametrize(
        "arguments",
        [
            ["rtmp://h/live/x"],
            ["film.mp4", "rtmp://h/live/x", "--test-pattern"],
            ["film.mp4", "http://h/live/x"],
            ["film.mp4", "rtmp://h/"],
            ["--test-pattern", "rtmp://127.0.0.1:1/live/x", "--size", "321x180"],
        ],
    )
    def test_misuse_exits_2_with_one_line(
        self, arguments: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert push.run(self.parse(*arguments)) == 2
        assert capsys.readouterr().err.count("\n") == 1

    def test_a_missing_file_exits_1(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert push.run(self.parse("gone.mp4", "rtmp://127.0.0.1:1/live/x")) == 1
        assert "gone.mp4 is no file" in capsys.readouterr().err

    async def test_ctrl_c_says_goodbye_and_exits_0(self) -> None:
        door = Door()
        async with serving(door) as port:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "mediaserver.push", "--test-pattern", "--size", "320x180",
                f"rtmp://127.0.0.1:{port}/live/show?key=right",
                stderr=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )  # fmt: skip
            _, subscription = await door.publications.get()
            async for item in subscription:
                if isinstance(item, AccessUnit):
                    process.send_signal(signal.SIGINT)
                    break
            _, errors = await process.communicate()
            assert process.returncode == 0, errors.decode()
            assert b"Traceback" not in errors
            rest = [item async for item in subscription]
            assert isinstance(rest[-1], PublicationEnd)
            assert "FCUnpublish" in rest[-1].reason

    async def test_a_refused_key_exits_1(self) -> None:
        async with serving(Door()) as port:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "mediaserver.push", "--test-pattern", "--size", "320x180",
                f"rtmp://127.0.0.1:{port}/live/show?key=secret99", stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
            _, errors = await process.communicate()
        assert process.returncode == 1
        assert b"wrong stream name or key" in errors
        assert b"secret99" not in errors


async def test_a_rolling_restart_costs_no_picture() -> None:
    """The old server asks, the new one is there: the move is at a key frame, and nothing is missing."""
    old, new = Door(), Door()
    async with serving_on(new) as (_, new_port):
        limits = RtmpLimits(reconnect_url=f"rtmp://127.0.0.1:{new_port}/live")
        async with serving_on(old, limits) as (old_server, old_port):
            pushing = Push(url(old_port), PatternSource(SMALL), duration_s=3.0)
            running = asyncio.create_task(pushing.run())
            publication, before = await old.publications.get()
            while publication.units_in < 20:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
            assert publication.on_drain is not None
            publication.on_drain()
            _, after = await new.publications.get()
            first = [item async for item in before if isinstance(item, AccessUnit)]
            await old_server.close()
            await running
    second = [item async for item in after if isinstance(item, AccessUnit)]
    pictures = [unit for unit in (*first, *second) if unit.codec.kind is Kind.VIDEO]
    assert len(pictures) == 90
    begins = next(unit for unit in second if unit.codec.kind is Kind.VIDEO)
    assert begins.sync
    assert publication.end_reason == "publisher sent FCUnpublish"
    assert pushing.statistics().moves == 1


async def test_a_server_that_stops_before_the_next_one_is_there_is_survived(unused_tcp_port: int) -> None:
    """One port, one server after the other: what falls between them is lost, and nothing else."""
    old, new = Door(), Door()
    old_server = RtmpServer(old, host="127.0.0.1", port=unused_tcp_port)
    await old_server.start()
    pushing = Push(url(unused_tcp_port), PatternSource(SMALL), duration_s=3.0)
    running = asyncio.create_task(pushing.run())
    publication, _ = await old.publications.get()
    while publication.units_in < 5:  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    assert publication.on_drain is not None
    publication.on_drain()
    await old_server.close()
    new_server = RtmpServer(new, host="127.0.0.1", port=unused_tcp_port)
    await new_server.start()
    _, after = await new.publications.get()
    await running
    second = [item async for item in after if isinstance(item, AccessUnit)]
    assert second[0].sync
    assert len(second) > 60
    await new_server.close()


async def test_no_successor_ends_the_push(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(push_connection, "MOVE_LIMIT_S", 0.3)
    door = Door()
    async with serving_on(door) as (server, port):
        running = asyncio.create_task(Push(url(port), PatternSource(SMALL)).run())
        publication, _ = await door.publications.get()
        assert publication.on_drain is not None
        publication.on_drain()
        await server.close()
        with pytest.raises(PushError, match="nobody listens"):
            await running


@asynccontextmanager
async def serving_on(door: Door, limits: RtmpLimits | None = None) -> AsyncIterator[tuple[RtmpServer, int]]:
    server = RtmpServer(door, host="127.0.0.1", port=0, limits=limits)
    port = await server.start()
    try:
        yield server, port
    finally:
        await server.close()
