"""What DASH players fetch: the MPD, the clock, and segments that are sent while they grow."""

from __future__ import annotations

import asyncio
import gzip

import pytest
from aiohttp import ClientPayloadError

from tests.mediaserver.web.conftest import Door, until

OPEN = "/live/show/720p/e1a2b3c4-1.m4s"


@pytest.fixture
def stream(door: Door):  # type: ignore[no-untyped-def]
    stream = door.registry.add("show")
    stream.add_segment()
    return stream


async def raw(door: Door, request: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    writer.write(f"{request}\r\nHost: a\r\n\r\n".encode())
    return reader, writer


class TestManifest:
    async def test_it_is_asked_for_anew_each_time_and_shared(self, door: Door, stream) -> None:
        async with door.client.get("/live/show/manifest.mpd") as answer:
            assert answer.status == 200
            assert answer.content_type == "application/dash+xml"
            assert answer.headers["Cache-Control"] == "no-cache"
            assert answer.headers["Access-Control-Allow-Origin"] == "*"
            assert await answer.text() == "<MPD 1/>"
            etag = answer.headers["ETag"]
        async with door.client.get("/live/show/manifest.mpd", headers={"If-None-Match": etag}) as answer:
            assert (answer.status, await answer.read()) == (304, b"")

    async def test_gzip(self, door: Door, stream) -> None:
        reader, writer = await raw(
            door, "GET /live/show/manifest.mpd HTTP/1.1\r\nAccept-Encoding: gzip\r\nConnection: close"
        )
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        assert b"Content-Encoding: gzip" in head
        assert gzip.decompress(body) == b"<MPD 1/>"
        writer.close()

    async def test_nothing_to_play_is_404(self, door: Door) -> None:
        door.registry.add("empty")
        for path in ("/live/empty/manifest.mpd", "/live/unknown/manifest.mpd"):
            async with door.client.get(path) as answer:
                assert answer.status == 404

    async def test_a_private_stream_needs_its_token(self, door: Door) -> None:
        door.registry.add("mine", visibility="private").add_part()
        good = door.access.give("good", ("view", "stream:mine"))
        other = door.access.give("other", ("view", "stream:other"))
        for path in ("manifest.mpd", "time"):
            async with door.client.get(f"/live/mine/{path}") as answer:
                assert answer.status == 401
            async with door.client.get(f"/t/{other}/live/mine/{path}") as answer:
                assert answer.status == 403
            async with door.client.get(f"/t/{good}/live/mine/{path}") as answer:
                assert answer.status == 200

    async def test_its_viewers_are_counted_as_such(self, door: Door, stream) -> None:
        async with door.client.get("/live/show/manifest.mpd?session=abcdefgh"):
            pass
        assert stream.viewers.count(0.0) == 1


async def test_the_clock_is_never_kept(door: Door, stream) -> None:
    async with door.client.get("/live/show/time") as answer:
        assert answer.status == 200
        assert await answer.text() == "2025-06-15T15:06:40.250Z"
        assert answer.content_type == "text/plain"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"


class TestGrowingSegment:
    async def test_parts_are_sent_as_they_come(self, door: Door, stream) -> None:
        stream.add_part(b"first")
        async with door.client.get(OPEN) as answer:
            assert answer.status == 200
            assert answer.headers["Transfer-Encoding"] == "chunked"
            assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
            assert answer.headers["ETag"] == '"e1a2b3c4-1.m4s"'
            assert answer.headers["Access-Control-Allow-Origin"] == "*"
            assert await answer.content.readexactly(5) == b"first"
            stream.add_part(b"second")
            assert await answer.content.readexactly(6) == b"second"
            stream.add_segment(parts=1, data=b"third")
            assert await answer.content.read() == b"third"

    async def test_the_whole_one_is_the_same_with_the_same_tag(self, door: Door, stream) -> None:
        stream.add_part(b"first")
        async with door.client.get(OPEN) as growing:
            stream.add_segment(parts=1, data=b"last")
            body = await growing.read()
        async with door.client.get(OPEN) as whole:
            assert await whole.read() == body == b"firstlast"
            assert whole.headers["ETag"] == growing.headers["ETag"]
            assert whole.headers["Content-Length"] == "9"

    async def test_each_part_is_one_chunk_and_the_connection_stays(self, door: Door, stream) -> None:
        stream.add_part(b"0123456789abcdef!")
        reader, writer = await raw(door, f"GET {OPEN} HTTP/1.1")
        await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(23) == b"11\r\n0123456789abcdef!\r\n"
        stream.add_segment(parts=1, data=b"x")
        assert await reader.readuntil(b"0\r\n\r\n") == b"1\r\nx\r\n0\r\n\r\n"
        writer.write(b"GET /live/show/time HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await reader.readline()) == b"HTTP/1.1 200 OK\r\n"
        writer.close()

    async def test_gap_parts_are_no_bytes(self, door: Door, stream) -> None:
        stream.add_part(b"first")
        async with door.client.get(OPEN) as answer:
            stream.window().add_gap_part(duration_s=0.25, now_s=stream.now_s)
            stream.add_segment(parts=1, data=b"third")
            assert await answer.read() == b"firstthird"

    async def test_a_slow_reader_gets_all_of_what_has_left_memory_meanwhile(self, door: Door, stream) -> None:
        stream.add_part(b"first")
        async with door.client.get(OPEN) as answer:
            assert await answer.content.readexactly(5) == b"first"
            stream.add_segment(parts=1, data=b"last")
            next(stream.window().newest_segments(1)).forget_bytes()
            assert await answer.read() == b"last"

    async def test_a_segment_of_gaps_is_404(self, door: Door, stream) -> None:
        stream.window().add_gap_part(duration_s=0.25, now_s=stream.now_s)
        async with door.client.get(OPEN) as answer:
            assert answer.status == 404

    async def test_the_next_one_is_waited_for(self, door: Door, stream) -> None:
        """FFmpeg asks for the number after the last one as soon as it has that."""
        reader, writer = await raw(door, f"GET {OPEN} HTTP/1.1")
        await until(lambda: stream.waiting == 1)
        stream.add_part(b"first")
        await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(10) == b"5\r\nfirst\r\n"
        writer.close()

    async def test_the_next_one_is_404_where_it_is_of_another_format(self, door: Door, stream) -> None:
        reader, writer = await raw(door, f"GET {OPEN} HTTP/1.1")
        await until(lambda: stream.waiting == 1)
        stream.window().discontinuity()
        stream.add_part(b"first")
        assert await reader.readline() == b"HTTP/1.1 404 Not Found\r\n"
        writer.close()

    async def test_one_further_ahead_is_404(self, door: Door, stream) -> None:
        async with door.client.get("/live/show/720p/e1a2b3c4-2.m4s") as answer:
            assert answer.status == 404

    async def test_after_the_end_there_is_no_next_one(self, door: Door, stream) -> None:
        reader, writer = await raw(door, f"GET {OPEN} HTTP/1.1")
        await until(lambda: stream.waiting == 1)
        stream.end()
        assert await reader.readline() == b"HTTP/1.1 404 Not Found\r\n"
        async with door.client.get(OPEN) as answer:
            assert answer.status == 404
        writer.close()

    async def test_where_it_does_not_go_on_the_message_is_not_complete(self, door: Door, stream) -> None:
        stream.add_part(b"first")
        async with door.client.get(OPEN) as answer:
            assert await answer.content.readexactly(5) == b"first"
            await until(lambda: stream.waiting == 1)
            stream.stop()
            with pytest.raises(ClientPayloadError):
                await answer.read()

    async def test_who_leaves_is_not_waited_for(self, door: Door, stream) -> None:
        stream.add_part(b"first")
        _, writer = await raw(door, f"GET {OPEN} HTTP/1.1")
        await until(lambda: stream.waiting == 1)
        writer.transport.abort()
        await until(lambda: stream.waiting == 0)

    async def test_http_1_0_gets_the_whole(self, door: Door, stream) -> None:
        stream.add_part(b"first")
        reader, writer = await raw(door, f"GET {OPEN} HTTP/1.0")
        await until(lambda: stream.waiting == 1)
        stream.add_segment(parts=1, data=b"last")
        answer = await reader.read()
        assert b"Content-Length: 9\r\n" in answer
        assert answer.endswith(b"\r\n\r\nfirstlast")
        writer.close()

    async def test_head_and_conditions(self, door: Door, stream) -> None:
        stream.add_part(b"first")
        async with door.client.head(OPEN) as answer:
            assert (answer.status, await answer.read()) == (200, b"")
        async with door.client.get(OPEN, headers={"If-None-Match": '"e1a2b3c4-1.m4s"'}) as answer:
            assert (answer.status, await answer.read()) == (304, b"")
        async with door.client.get(OPEN, headers={"If-Match": '"other"'}) as answer:
            assert answer.status == 412
        async with door.client.get("/live/show/720p/e1a2b3c4-0.m4s") as answer:
            assert answer.status == 200

    async def test_a_range_of_what_still_grows_is_the_whole(self, door: Door, stream) -> None:
        stream.add_part(b"first")
        async with door.client.get(OPEN, headers={"Range": "bytes=0-1"}) as answer:
            stream.add_segment(parts=1, data=b"last")
            assert (answer.status, await answer.read()) == (200, b"firstlast")
