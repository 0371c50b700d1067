"""Hostile and slow clients on raw sockets."""

from __future__ import annotations

import asyncio
import logging
import random
import socket

import pytest

from mediaserver.web.listener import WriteWatch
from tests.mediaserver.web.conftest import Door, until


async def send(door: Door, request: bytes) -> bytes:
    """Everything that comes back until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    writer.write(request)
    try:
        async with asyncio.timeout(10):
            return await reader.read()
    finally:
        writer.close()


MALFORMED = {
    "cl+te": b"POST /api/v1/tokens HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n"
    b"\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: a\r\n\r\n",
    "two lengths": b"PUT /api/v1/streams/a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n"
    b"\r\nxy",
    "length -1": b"PUT /api/v1/streams/a HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    "bad chunk": b"PUT /api/v1/streams/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "two hosts": b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n",
    "no host": b"GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n",
    "hostile host": b"GET /healthz HTTP/1.1\r\nHost: a/../b\r\nConnection: close\r\n\r\n",
    "script host": b"GET /api/v1/streams HTTP/1.1\r\nHost: <script>\r\nConnection: close\r\n\r\n",
    "empty host": b"GET /healthz HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n",
    "long line": b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    "long field": b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 9_000 + b"\r\n\r\n",
    "many fields": b"GET / HTTP/1.1\r\nHost: a\r\n"
    + b"".join(b"X%d: a\r\n" % n for n in range(200))
    + b"\r\n",
    "folded field": b"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n",
    "space before colon": b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
    "not http": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "version 9": b"GET / HTTP/9.9\r\nHost: a\r\n\r\n",
    "no version": b"GET /\r\n\r\n",
    "nul": b"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n",
    "connect": b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n",
    "options *": b"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "trace": b"TRACE / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_malformed_requests_get_4xx_and_no_traceback(
    door: Door, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        answer = await send(door, MALFORMED[name])
    assert answer.startswith(b"HTTP/"), answer[:200]
    assert answer.partition(b" ")[2].startswith(b"4"), answer[:200]
    assert b"application/problem+json" in answer
    assert b"Traceback" not in answer
    assert answer.count(b"HTTP/") == 1
    assert not caplog.records


async def test_an_absolute_target_is_the_same_resource(door: Door) -> None:
    answer = await send(door, b"GET http://a/healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200")


async def test_an_expectation_that_is_none_of_ours_is_417(door: Door) -> None:
    answer = await send(door, b"GET /healthz HTTP/1.1\r\nHost: a\r\nExpect: tea\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 417")
    assert b'"code":"expectation_failed"' in answer


async def test_http_1_0_needs_no_host(door: Door) -> None:
    assert b" 200 OK" in await send(door, b"GET /healthz HTTP/1.0\r\n\r\n")
    assert b'"items":[]' in await send(door, b"GET /api/v1/streams HTTP/1.0\r\n\r\n")


async def test_a_body_on_a_get_does_not_confuse_the_next_request(door: Door) -> None:
    answer = await send(
        door,
        b"GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nGET /"
        b"GET /robots.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    )
    assert answer.count(b"HTTP/1.1 200") == 2


@pytest.mark.parametrize("door", [{"reader_timeout_s": 1}], indirect=True)
async def test_a_reader_that_never_reads_is_closed_and_holds_one_part(door: Door) -> None:
    stream = door.registry.add("show")
    part_bytes = 2 << 20
    stream.add_segment(8, bytes(part_bytes))
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.setblocking(False)
    await asyncio.get_running_loop().sock_connect(slow, ("127.0.0.1", door.port))
    slow.send(b"GET /live/show/720p/e1a2b3c4-0.m4s HTTP/1.1\r\nHost: a\r\n\r\n" * 3)
    pending = 0
    async with asyncio.timeout(10):
        while door.listener.statistics().stalled_closed == 0:
            await asyncio.sleep(0.02)
            pending = max(pending, door.listener.statistics().unsent_bytes)
    assert 0 < pending <= part_bytes + (64 << 10)
    await until(lambda: door.listener.statistics().connections == 0)
    slow.close()


@pytest.mark.parametrize("door", [{"reader_timeout_s": 1}], indirect=True)
async def test_a_segment_for_a_reader_that_never_reads_does_not_wait_in_the_kernel(door: Door) -> None:
    stream = door.registry.add("show")
    stream.add_segment(8, bytes(64 << 10))
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.setblocking(False)
    await asyncio.get_running_loop().sock_connect(slow, ("127.0.0.1", door.port))
    slow.send(b"GET /live/show/720p/e1a2b3c4-0.m4s HTTP/1.1\r\nHost: a\r\n\r\n")
    # All of it in the kernel would look like an answer that was sent, on an idle connection.
    await until(lambda: door.listener.statistics().stalled_closed == 1)
    slow.close()


@pytest.mark.parametrize("door", [{"reader_timeout_s": 1}], indirect=True)
async def test_a_slow_reader_that_makes_progress_is_left_alone(door: Door) -> None:
    stream = door.registry.add("show")
    stream.add_segment(8, bytes(1 << 20))
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(slow, ("127.0.0.1", door.port))
    await loop.sock_sendall(slow, b"GET /live/show/720p/e1a2b3c4-0.m4s HTTP/1.1\r\nHost: a\r\n\r\n")
    begin, received = loop.time(), 0
    while loop.time() - begin < 2.5:
        received += len(await loop.sock_recv(slow, 64 << 10))
        await asyncio.sleep(0.05)
    assert door.listener.statistics().stalled_closed == 0
    assert 0 < received < 8 << 20
    slow.close()


@pytest.mark.parametrize("door", [{"max_connections": 3}], indirect=True)
async def test_connections_are_capped(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    opened = [await asyncio.open_connection("127.0.0.1", door.port) for _ in range(3)]
    await until(lambda: door.listener.statistics().connections == 3)
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await reader.readexactly(1)
    writer.close()
    _, another = await asyncio.open_connection("127.0.0.1", door.port)
    await until(lambda: door.listener.statistics().refused == 2)
    another.close()
    assert [line for line in caplog.messages if "http.max_connections" in line] != []
    assert len(caplog.messages) == 1
    opened[0][1].close()
    await until(lambda: door.listener.statistics().connections == 2)
    async with door.client.get("/healthz") as answer:
        assert answer.status == 200
    for _, each in opened:
        each.close()


async def test_unknown_names_leave_no_trace(door: Door) -> None:
    request = b"".join(b"GET /live/no%d/master.m3u8 HTTP/1.1\r\nHost: a\r\n\r\n" % n for n in range(2_000))
    answer = await send(door, request + b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert answer.count(b"HTTP/1.1 404") == 2_000
    assert door.registry.all() == []


async def test_random_targets_never_break_anything(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    door.registry.add("show").add_segment()
    chance = random.Random(20261121)
    words = [
        "live",
        "show",
        "720p",
        "media.m3u8",
        "t",
        "api",
        "v1",
        "streams",
        "watch",
        "assets",
        "..",
        ".",
        "",
    ]
    words += [
        "_HLS_msn=1",
        "%2e%2e",
        "%00",
        "%ff",
        "\\",
        "a" * 300,
        ";",
        "{",
        "*",
        "@",
        ":",
        "%",
        "%zz",
        "[",
        "~",
    ]
    for _ in range(400):
        target = "".join(
            chance.choice(["/", "/", "?", "&", "=", "#"]) + chance.choice(words)
            for _ in range(chance.randint(1, 8))
        )
        method = chance.choice(["GET", "HEAD", "PUT", "DELETE", "POST", "OPTIONS", "PATCH"])
        answer = await send(
            door, f"{method} /{target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode()
        )
        assert answer.startswith(b"HTTP/1.1 "), (target, answer[:100])
        # 503: the pages are not built here.
        assert answer[9:12] < b"500" or answer[9:12] == b"503", (target, answer[:100])
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


class FakeTransport:
    def __init__(self) -> None:
        self.pending = 0

    def get_write_buffer_size(self) -> int:
        return self.pending


class TestWriteWatch:
    def test_only_a_buffer_that_stands_still_is_stalled(self) -> None:
        watch = WriteWatch(30.0, lambda _: 7)
        idle, stuck, slow = FakeTransport(), FakeTransport(), FakeTransport()
        for transport in (idle, stuck, slow):
            watch.add(transport, 0.0)  # type: ignore[arg-type]
        stuck.pending, slow.pending = 100, 1_000
        found: list[object] = []
        for second in range(5, 41, 5):
            slow.pending -= 10
            found = list(watch.stalled(float(second)))
            if second < 35:
                assert found == []
        assert found == [stuck]

    def test_what_is_gone_is_forgotten(self) -> None:
        watch = WriteWatch(30.0, lambda _: 0)
        transport = FakeTransport()
        watch.add(transport, 0.0)  # type: ignore[arg-type]
        watch.discard(transport)  # type: ignore[arg-type]
        assert len(watch) == 0
