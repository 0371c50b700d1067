"""Answers whose bytes are ready before anyone asks: shared playlists, and media that is never copied.

aiohttp builds a header map, a writer and two writes for every answer. When one part wakes two thousand
players that is most of the work, so these responses write to the transport themselves: a playlist is one
``bytes`` object, head and body, made once and written by everybody; media goes out piece by piece, each only
when the reader took the one before.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from email.utils import formatdate
from http import HTTPStatus
from typing import Final

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

STREAM_BYTES: Final[web.RequestKey[Callable[[str, int], None]]] = web.RequestKey("STREAM_BYTES")
"""Set on a request by who knows the stream: told what kind of bytes went out for it, and how many."""


class Traffic:
    """Bytes handed to readers by this module, for the metrics."""

    __slots__ = ("media_bytes", "playlist_bytes")

    def __init__(self) -> None:
        self.playlist_bytes = 0
        self.media_bytes = 0

    def sent_playlist(self, request: web.BaseRequest, count: int) -> None:
        """``count`` bytes of a playlist or manifest, head included."""
        self.playlist_bytes += count
        if (tell := request.get(STREAM_BYTES)) is not None:
            tell("playlist", count)

    def sent_media(self, request: web.BaseRequest, count: int) -> None:
        """``count`` bytes of media."""
        self.media_bytes += count
        if (tell := request.get(STREAM_BYTES)) is not None:
            tell("media", count)


class HttpDate:
    """The ``Date`` field, formatted once a second."""

    def __init__(self) -> None:
        self._second = -1
        self._text = ""

    def now(self) -> tuple[int, str]:
        """The current second (Unix) and its IMF-fixdate."""
        second = int(time.time())
        if second != self._second:
            self._second = second
            self._text = formatdate(second, usegmt=True)
        return self._second, self._text


def head(status: int, fields: Iterable[tuple[str, str]]) -> bytes:
    """Status line and header section. The values are ours: nothing of a client's may be put in here."""
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
    lines += [f"{name}: {value}" for name, value in fields]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


class SharedResponse(web.StreamResponse):
    """One finished message for any number of requests, on connections that all stay, or all close."""

    def __init__(
        self, status: int, head_bytes: bytes, body: bytes, traffic: Traffic, *, closes: bool
    ) -> None:
        super().__init__(status=status)
        self._message = head_bytes + body
        self._head = head_bytes
        self._closes = closes
        self._traffic = traffic

    @property
    def keep_alive(self) -> bool:
        return not self._closes

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the reader has gone")
        message = self._message if request.method != "HEAD" else self._head
        transport.write(message)
        self._traffic.sent_playlist(request, len(message))
        if request.protocol.writing_paused:
            await request.writer.drain()
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """Everything was written by :meth:`prepare`."""


class MediaResponse(web.StreamResponse):
    """A head and pieces of shared bytes. At most one piece waits in the transport at any time.

    A reader that stops is cut off by the listener, which watches all write buffers; here it is only waited
    for.
    """

    def __init__(
        self,
        status: int,
        head_bytes: bytes,
        pieces: Sequence[bytes | memoryview],
        traffic: Traffic,
        *,
        closes: bool,
    ) -> None:
        super().__init__(status=status)
        self._head = head_bytes
        self._pieces = pieces
        self._closes = closes
        self._traffic = traffic

    @property
    def keep_alive(self) -> bool:
        return not self._closes

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        pending: list[bytes | memoryview] = [self._head]
        if request.method != "HEAD":
            pending += self._pieces
        # The head travels with the first piece in one write.
        await write_pieces(request, pending[:2])
        for piece in pending[2:]:
            await write_pieces(request, [piece])
        self._traffic.sent_media(request, sum(map(len, pending)))
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """Everything was written by :meth:`prepare`."""


async def write_pieces(request: web.BaseRequest, pieces: list[bytes | memoryview]) -> None:
    """Hand bytes to the transport, and wait while its buffer is full. Raises ConnectionResetError."""
    transport = request.transport
    if transport is None or transport.is_closing():
        raise ConnectionResetError("the reader has gone")
    if len(pieces) == 1:
        transport.write(pieces[0])
    else:
        transport.writelines(pieces)
    if request.protocol.writing_paused:
        await request.writer.drain()


def slice_pieces(chunks: Sequence[bytes], first: int, last: int) -> list[bytes | memoryview]:
    """Bytes ``first`` to ``last`` (both included) of the concatenation of ``chunks``, without copying."""
    found: list[bytes | memoryview] = []
    start = 0
    for chunk in chunks:
        end = start + len(chunk)
        if start > last:
            break
        if end > first:
            low, high = max(first - start, 0), min(last + 1 - start, len(chunk))
            found.append(chunk if (low, high) == (0, len(chunk)) else memoryview(chunk)[low:high])
        start = end
    return found
