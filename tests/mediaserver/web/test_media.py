"""Live delivery over real sockets (INTERFACE section 4; RFC 8216bis 6.2.5 and 6.2.6)."""

from __future__ import annotations

import asyncio
import gzip

import pytest

from tests.mediaserver.web.conftest import Door, until


@pytest.fixture
def stream(door: Door):  # type: ignore[no-untyped-def]
    stream = door.registry.add("show")
    stream.add_segment()
    stream.add_part(b"0123456789")
    return stream


class TestPlaylists:
    async def test_media_playlist_and_its_headers(self, door: Door, stream) -> None:
        async with door.client.get("/live/show/720p/media.m3u8") as answer:
            text = await answer.text()
        assert answer.status == 200
        assert text.startswith("#EXTM3U\n")
        assert answer.content_type == "application/vnd.apple.mpegurl"
        assert answer.headers["Cache-Control"] == "no-cache"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "Content-Range" in answer.headers["Access-Control-Expose-Headers"]
        assert answer.headers["Vary"] == "Accept-Encoding"
        assert answer.headers["Content-Encoding"] == "gzip"
        assert "Date" in answer.headers

    async def test_gzip_only_where_it_is_accepted(self, door: Door, stream) -> None:
        url = "/live/show/720p/media.m3u8"
        async with door.client.get(url, headers={"Accept-Encoding": "gzip;q=0, br"}) as answer:
            plain = await answer.read()
        assert "Content-Encoding" not in answer.headers
        async with door.client.get(url, headers={"Accept-Encoding": "gzip"}, auto_decompress=False) as zipped:
            assert gzip.decompress(await zipped.read()) == plain
        assert zipped.headers["ETag"] != answer.headers["ETag"]

    async def test_blocking_reload_is_held_until_the_part_is_there(self, door: Door, stream) -> None:
        request = asyncio.create_task(door.client.get("/live/show/720p/media.m3u8?_HLS_msn=1&_HLS_part=1"))
        await until(lambda: stream.waiting == 1)
        stream.add_part()
        answer = await request
        assert ".1.m4s" in await answer.text()
        assert answer.headers["Cache-Control"] == "public, max-age=1"

    async def test_a_reader_that_leaves_takes_its_waiter_with_it(self, door: Door, stream) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", door.port)
        writer.write(b"GET /live/show/720p/media.m3u8?_HLS_msn=1&_HLS_part=1 HTTP/1.1\r\nHost: a\r\n\r\n")
        await until(lambda: stream.waiting == 1)
        writer.close()
        await until(lambda: stream.waiting == 0)

    async def test_if_none_match(self, door: Door, stream) -> None:
        url = "/live/show/720p/media.m3u8"
        async with door.client.get(url) as answer:
            etag = answer.headers["ETag"]
        async with door.client.get(url, headers={"If-None-Match": f'"x", W/{etag}'}) as answer:
            assert answer.status == 304
            assert await answer.read() == b""

    async def test_head_has_the_fields_and_no_body(self, door: Door, stream) -> None:
        async with door.client.head("/live/show/720p/media.m3u8") as answer:
            assert int(answer.headers["Content-Length"]) > 100
            assert await answer.read() == b""
        async with door.client.get("/live/show/720p/media.m3u8") as answer:
            assert answer.status == 200

    async def test_delta_update(self, door: Door, stream) -> None:
        for _ in range(20):
            stream.add_segment()
        async with door.client.get("/live/show/720p/media.m3u8?_HLS_skip=YES") as answer:
            assert "#EXT-X-SKIP:" in await answer.text()

    async def test_master(self, door: Door, stream) -> None:
        async with door.client.get("/live/show/master.m3u8") as answer:
            assert answer.status == 200
            assert answer.headers["Cache-Control"] == "no-cache"

    @pytest.mark.parametrize(
        "query",
        [
            "_HLS_msn=abc",
            "_HLS_msn=-1",
            "_HLS_msn=",
            "_HLS_msn=1.5",
            "_HLS_msn=99999999999999999999999",
            "_HLS_msn=18446744073709551616",
            "_HLS_msn=1&_HLS_msn=1",
            "_HLS_msn=1&%5FHLS_msn=2",
            "_HLS_part=1",
            "_HLS_msn=1000",
            "_HLS_msn=1&_HLS_part=1000",
            "_HLS_msn=%D9%A1",
            "session=a",
            "session=" + "a" * 65,
            "session=%00%00%00%00%00%00%00%00",
            "x=" + "a" * 3000,
        ],
    )
    async def test_bad_directives_are_refused(self, door: Door, stream, query: str) -> None:
        async with door.client.get(
            f"http://127.0.0.1:{door.port}/live/show/720p/media.m3u8?{query}"
        ) as answer:
            assert answer.status == 400
            assert answer.content_type == "application/problem+json"
            assert answer.headers["Access-Control-Allow-Origin"] == "*"

    async def test_closed_connections(self, door: Door, stream) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
        writer.write(b"GET /live/show/720p/media.m3u8 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        answer = await reader.read()
        assert b"\r\nConnection: close\r\n" in answer
        writer.close()

    async def test_pipelined_requests_are_answered_in_order(self, door: Door, stream) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
        request = b"GET /live/show/720p/media.m3u8 HTTP/1.1\r\nHost: a\r\n\r\n"
        writer.write(request * 50 + request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        assert (await reader.read()).count(b"HTTP/1.1 200 OK\r\n") == 51
        writer.close()


class TestMedia:
    async def test_part_init_and_segment(self, door: Door, stream) -> None:
        async with door.client.get("/live/show/720p/e1a2b3c4-1.0.m4s") as answer:
            assert await answer.read() == b"0123456789"
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["ETag"].startswith('"')
        assert answer.headers["Accept-Ranges"] == "bytes"
        async with door.client.get("/live/show/720p/e1a2b3c4-0.m4s") as answer:
            assert await answer.read() == b"part" * 8
        async with door.client.get("/live/show/720p/e1a2b3c4-i0.mp4") as answer:
            assert (await answer.read()).startswith(b"init of 720p")

    async def test_hinted_part_is_held_without_a_byte(self, door: Door, stream) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
        writer.write(b"GET /live/show/720p/e1a2b3c4-1.1.m4s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        await until(lambda: stream.waiting == 1)
        sent = asyncio.create_task(reader.read(1))
        await asyncio.sleep(0)
        assert not sent.done()
        stream.add_part(b"whole part")
        assert (await sent + await reader.read()).endswith(b"\r\n\r\nwhole part")
        writer.close()

    @pytest.mark.parametrize(
        ("header", "status", "body", "content_range"),
        [
            ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
            ("bytes=7-", 206, b"789", "bytes 7-9/10"),
            ("bytes=-3", 206, b"789", "bytes 7-9/10"),
            ("bytes=-99", 206, b"0123456789", "bytes 0-9/10"),
            ("bytes=5-999", 206, b"56789", "bytes 5-9/10"),
            ("bytes=0-1,4-5", 200, b"0123456789", None),
            ("bytes=4-2", 200, b"0123456789", None),
            ("items=0-1", 200, b"0123456789", None),
            ("bytes=x", 200, b"0123456789", None),
        ],
    )
    async def test_ranges(self, door: Door, stream, header, status, body, content_range) -> None:
        async with door.client.get("/live/show/720p/e1a2b3c4-1.0.m4s", headers={"Range": header}) as answer:
            assert (answer.status, await answer.read()) == (status, body)
            assert answer.headers.get("Content-Range") == content_range

    @pytest.mark.parametrize("header", ["bytes=10-", "bytes=99-100", "bytes=-0"])
    async def test_unsatisfiable_ranges(self, door: Door, stream, header: str) -> None:
        async with door.client.get("/live/show/720p/e1a2b3c4-1.0.m4s", headers={"Range": header}) as answer:
            assert answer.status == 416
            assert answer.headers["Content-Range"] == "bytes */10"

    async def test_a_range_over_the_chunks_of_a_segment(self, door: Door, stream) -> None:
        async with door.client.get(
            "/live/show/720p/e1a2b3c4-0.m4s", headers={"Range": "bytes=3-9"}
        ) as answer:
            assert await answer.read() == b"tpartpa"

    async def test_if_range(self, door: Door, stream) -> None:
        url = "/live/show/720p/e1a2b3c4-1.0.m4s"
        async with door.client.get(url) as answer:
            etag = answer.headers["ETag"]
        for validator, status in ((etag, 206), ('"other"', 200), (f"W/{etag}", 200)):
            headers = {"Range": "bytes=0-0", "If-Range": validator}
            async with door.client.get(url, headers=headers) as answer:
                assert answer.status == status

    async def test_not_modified_has_no_content_length_of_a_body(self, door: Door, stream) -> None:
        url = "/live/show/720p/e1a2b3c4-1.0.m4s"
        async with door.client.get(url) as answer:
            etag = answer.headers["ETag"]
        async with door.client.get(url, headers={"If-None-Match": etag}) as answer:
            assert answer.status == 304
            assert "Content-Length" not in answer.headers
        async with door.client.get(url) as answer:
            assert answer.status == 200

    async def test_if_match(self, door: Door, stream) -> None:
        url = "/live/show/720p/e1a2b3c4-1.0.m4s"
        async with door.client.get(url, headers={"If-Match": '"other"'}) as answer:
            assert answer.status == 412

    async def test_head_ignores_range(self, door: Door, stream) -> None:
        async with door.client.head(
            "/live/show/720p/e1a2b3c4-1.0.m4s", headers={"Range": "bytes=0-1"}
        ) as answer:
            assert answer.status == 200
            assert answer.headers["Content-Length"] == "10"

    async def test_poster(self, door: Door, stream) -> None:
        async with door.client.get("/live/show/poster.jpg") as answer:
            assert answer.status == 404
        stream.poster, stream.poster_etag = b"\xff\xd8jpeg", '"p1"'
        async with door.client.get("/live/show/poster.jpg") as answer:
            assert (answer.status, answer.content_type) == (200, "image/jpeg")

    @pytest.mark.parametrize(
        "path",
        [
            "/live/nope/master.m3u8",
            "/live/nope/720p/media.m3u8",
            "/live/show/nope/media.m3u8",
            "/live/show/720p/e1a2b3c4-99.m4s",
            "/live/show/720p/e1a2b3c4-1.7.m4s",
            "/live/show/720p/..%2F..%2Fetc%2Fpasswd",
            "/live/%2e%2e/720p/media.m3u8",
            "/live/..%2f..%2f/720p/media.m3u8",
            "/live/show%00/720p/media.m3u8",
            "/live/show/720p/x.m4s%0d%0aA:b",
            "/live/" + "a" * 65 + "/720p/media.m3u8",
            "/live/show/720p/" + "a" * 200 + ".m4s",
            "/live/sh%C3%B6w/720p/media.m3u8",
            "/live/show/720p/%FF%FE.m4s",
        ],
    )
    async def test_unknown_names_are_not_there(self, door: Door, stream, path: str) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        assert (await reader.read()).startswith(b"HTTP/1.1 404 ")
        writer.close()

    async def test_a_name_outside_the_grammar_is_never_looked_up(self, door: Door, stream) -> None:
        before = door.registry.lookups
        async with door.client.get("/live/a.b/master.m3u8") as answer:
            assert answer.status == 404
        assert door.registry.lookups == before


class TestPrivateStreams:
    PATHS = ("master.m3u8", "720p/media.m3u8", "720p/e1a2b3c4-0.m4s", "720p/e1a2b3c4-i0.mp4", "poster.jpg")

    @pytest.fixture
    def private(self, door: Door):  # type: ignore[no-untyped-def]
        stream = door.registry.add("secret", visibility="private")
        stream.add_segment()
        stream.poster, stream.poster_etag = b"jpeg", '"p"'
        door.registry.add("show").add_segment()
        door.access.give("good", ("view", "stream:secret"))
        door.access.give("other", ("view", "stream:elsewhere"))
        return stream

    @pytest.mark.parametrize("path", PATHS)
    async def test_every_kind_of_media_is_closed_without_a_token(self, door: Door, private, path) -> None:
        async with door.client.get(f"/live/secret/{path}") as answer:
            assert answer.status == 401
            assert "WWW-Authenticate" in answer.headers
        # Only the path opens it: a header does not pass through a player.
        async with door.client.get(
            f"/live/secret/{path}", headers={"Authorization": "Bearer good"}
        ) as answer:
            assert answer.status == 401

    @pytest.mark.parametrize("path", PATHS)
    async def test_it_plays_below_the_token(self, door: Door, private, path: str) -> None:
        async with door.client.get(f"/t/good/live/secret/{path}") as answer:
            assert answer.status == 200

    @pytest.mark.parametrize("path", PATHS)
    async def test_other_tokens_are_answered_alike_for_what_exists_and_what_does_not(
        self, door: Door, private, path: str
    ) -> None:
        for token, status in (("wrong", 401), ("other", 403)):
            bodies = []
            for name in ("secret", "nothing"):
                async with door.client.get(f"/t/{token}/live/{name}/{path}") as answer:
                    assert answer.status == status
                    bodies.append(await answer.read())
            assert bodies[0] == bodies[1]

    async def test_a_public_stream_plays_below_a_token_too(self, door: Door, private) -> None:
        async with door.client.get("/t/good/live/show/720p/media.m3u8") as answer:
            assert answer.status == 200


class TestCors:
    async def test_preflight(self, door: Door) -> None:
        headers = {"Origin": "https://example.org", "Access-Control-Request-Method": "GET"}
        async with door.client.options("/live/any/720p/media.m3u8", headers=headers) as answer:
            assert answer.status == 204
            assert answer.headers["Access-Control-Allow-Origin"] == "*"
            assert "GET" in answer.headers["Access-Control-Allow-Methods"]
            assert "Range" in answer.headers["Access-Control-Allow-Headers"]

    @pytest.mark.parametrize("door", [{"allowed_origins": ("https://example.org",)}], indirect=True)
    async def test_named_origins_only(self, door: Door) -> None:
        door.registry.add("show").add_segment()
        for origin, allowed in (("https://example.org", "https://example.org"), ("https://evil.test", None)):
            async with door.client.get("/live/show/720p/media.m3u8", headers={"Origin": origin}) as answer:
                assert answer.headers.get("Access-Control-Allow-Origin") == allowed
                assert "Origin" in answer.headers["Vary"]

    async def test_the_api_is_for_its_own_origin(self, door: Door) -> None:
        headers = {"Origin": "https://example.org"}
        async with door.client.get("/api/v1/streams", headers=headers) as answer:
            assert "Access-Control-Allow-Origin" not in answer.headers


class TestViewers:
    async def test_sessions_are_counted_once(self, door: Door, stream) -> None:
        for session in ("session-a", "session-a", "session-b"):
            async with door.client.get(f"/live/show/720p/media.m3u8?session={session}"):
                pass
        assert stream.viewers.count(0.0) == 2

    async def test_without_a_session_address_and_program_count(self, door: Door, stream) -> None:
        for program in ("one", "one", "two"):
            async with door.client.get("/live/show/master.m3u8", headers={"User-Agent": program}):
                pass
        assert stream.viewers.count(0.0) == 2


async def test_a_streams_bytes_are_counted_by_kind(door: Door, stream) -> None:
    sizes = {}
    for kind, path in (("playlist", "720p/media.m3u8"), ("media", "720p/e1a2b3c4-i0.mp4")):
        async with door.client.get(f"/live/show/{path}") as answer:
            assert answer.status == 200, path
            sizes[kind] = len(await answer.read())
    counted = stream.measures.snapshot(0.0).bytes_out
    for kind, size in sizes.items():
        # With the head, and compressed where the client takes that.
        assert counted[kind] > (size if kind == "media" else 100)
