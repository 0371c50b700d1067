"""The RTMP server over loopback, an application behind it, and our client as a publisher."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Container
from contextlib import asynccontextmanager

from ingest.publication import (
    Publication,
    PublicationEnd,
    PublishRefused,
    PublishRequest,
    Refusal,
    Subscription,
)
from ingest.rtmp.client import PublisherClient, PublishUrl
from ingest.rtmp.handshake import RANDOM_SIZE, Scheme
from ingest.rtmp.server import RtmpLimits, RtmpServer
from transcoder.media import AccessUnit


class Application:
    """Takes ``?key=right`` in, one publisher a stream."""

    def __init__(self) -> None:
        self.requests: list[PublishRequest] = []
        self.publications: list[Publication] = []
        self._subscriptions: list[Subscription] = []

    async def publish(self, request: PublishRequest) -> Publication:
        self.requests.append(request)
        if request.key != "right":
            raise PublishRefused(Refusal.WRONG_KEY, "wrong stream or key")
        if any(p.request.stream == request.stream and not p.ended for p in self.publications):
            raise PublishRefused(Refusal.BUSY, "somebody else publishes here")
        publication = Publication(f"epoch{len(self.publications)}", request)
        self.publications.append(publication)
        # At once: a publisher in a hurry may be gone before a test gets to look.
        self._subscriptions.append(publication.subscribe())
        return publication

    async def wait_ended(self, index: int = 0) -> list[AccessUnit]:
        """All units of a publication, once it is over."""
        await wait_until(lambda: len(self.publications) > index)
        units = []
        async for item in self._subscriptions[index]:
            if isinstance(item, AccessUnit):
                units.append(item)
            elif isinstance(item, PublicationEnd):
                break
        return units


@asynccontextmanager
async def serving(
    limits: RtmpLimits | None = None, *, relays: Container[str] = ()
) -> AsyncIterator[tuple[RtmpServer, Application, int]]:
    application = Application()
    server = RtmpServer(application, host="127.0.0.1", port=0, limits=limits, relays=relays)
    port = await server.start()
    try:
        async with asyncio.timeout(60):
            yield server, application, port
    finally:
        await server.close()


class Publisher:
    """Our client over a socket."""

    def __init__(self, client: PublisherClient, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self.client = client
        self.reader = reader
        self.writer = writer

    @classmethod
    async def ready(
        cls,
        port: int,
        stream: str = "mine?key=right",
        scheme: Scheme | None = None,
        *,
        enhanced: bool = True,
    ) -> Publisher:
        url = PublishUrl.parse(f"rtmp://127.0.0.1:{port}/live/{stream}")
        client = PublisherClient(url, random=os.urandom(RANDOM_SIZE), scheme=scheme, enhanced=enhanced)
        publisher = cls(client, *await asyncio.open_connection("127.0.0.1", port))
        await publisher.flush()
        while not client.ready:
            await publisher.hear()
        return publisher

    async def hear(self) -> None:
        data = await self.reader.read(65_536)
        if not data:
            raise EOFError
        self.client.receive(data)
        await self.flush()

    async def hear_to_the_end(self) -> None:
        while True:
            await self.hear()

    async def flush(self) -> None:
        self.writer.write(self.client.data_to_send())
        await self.writer.drain()

    async def close(self) -> None:
        self.client.finish()
        await self.flush()
        self.writer.close()


async def wait_until(condition: Callable[[], bool]) -> None:
    """For what the server shows only by its state. Bounded by the test's own timeout."""
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0.005)


AVCC = bytes.fromhex(  # made by x264: High, 640x360, 30 pictures a second
    "0164001effe1001a6764001eacd940a02ff970110000030001000003003c0f162d9601000468ef8fcbfdf8f800"
)
ASC = b"\x12\x10"
IDR = b"\x00\x00\x00\x05\x65\x88\x84\x00\x10"
PICTURE = b"\x00\x00\x00\x05\x41\x9a\x00\x00\x10"
