"""A segment sent while it grows: part by part, each as soon as it is there, in chunks of HTTP/1.1."""

from __future__ import annotations

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from mediaserver.live.output import PlaylistRefused, RenditionOutput
from mediaserver.web.raw import Traffic, write_pieces
from transcoder.manifests.window import Segment


class GrowingResponse(web.StreamResponse):
    """The bytes are those that the finished segment will have, so its entity tag is theirs already.

    Each part is one chunk (RFC 9112 7.1). Where the segment does not go on, the connection is closed without
    the last chunk: 9112 8 calls such a message incomplete, and no cache may keep it as a whole one.
    """

    def __init__(
        self, head_bytes: bytes, output: RenditionOutput, segment: Segment, traffic: Traffic, *, closes: bool
    ) -> None:
        super().__init__(status=200)
        self._head = head_bytes
        self._output = output
        self._segment = segment
        # This very list: it keeps its bytes when the window lets go of them before a slow reader has them.
        # A part without them would be a chunk of no bytes, which ends the message.
        self._parts = segment.parts
        self._traffic = traffic
        self._closes = closes

    @property
    def keep_alive(self) -> bool:
        return not self._closes

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        pending = self._head
        if request.method == "HEAD":
            await self._send(request, [pending])
            return None
        index = 0
        try:
            while await self._output.wait_part(self._segment, index):
                part = self._parts[index]
                index += 1
                if not part.gap:
                    await self._send(request, [pending + b"%x\r\n" % len(part.data), part.data, b"\r\n"])
                    pending = b""
        except PlaylistRefused:
            # Nothing came for too long, or the server stops. A status has been sent: only the end can tell.
            if request.transport is not None:
                request.transport.close()
            raise ConnectionResetError("the segment does not go on") from None
        await self._send(request, [pending + b"0\r\n\r\n"])
        return None

    async def _send(self, request: web.BaseRequest, pieces: list[bytes | memoryview]) -> None:
        await write_pieces(request, pieces)
        self._traffic.sent_media(request, sum(map(len, pieces)))

    async def write_eof(self, data: bytes = b"") -> None:
        """Everything was written by :meth:`prepare`."""
