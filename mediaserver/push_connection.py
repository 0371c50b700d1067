"""One broadcast over one RTMP connection: the asyncio shell around the publisher's sans-IO core."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Final

from ingest.rtmp.amf0 import Value
from ingest.rtmp.client import ClientError, PublisherClient, PublishRejected, PublishUrl
from ingest.rtmp.handshake import RANDOM_SIZE
from mediaserver.push_sources import Source
from transcoder.media import Kind, Track

CONNECT_TIMEOUT_S: Final = 10.0
SEND_BUFFER_BYTES: Final = 2 << 20
"""Waiting to be read by the server. Above this we wait; the test pattern then drops pictures."""
UNREAD_TIMEOUT_S: Final = 10.0
_GOODBYE_TIMEOUT_S: Final = 2.0


class PushError(Exception):
    """The broadcast could not start or could not go on. The sentence is for the person at the terminal."""

    def __init__(self, sentence: str, *, is_final: bool = False) -> None:
        """``is_final``: the server said no, so trying again would not help."""
        super().__init__(sentence)
        self.is_final = is_final


@dataclass(frozen=True, slots=True)
class PushStatistics:
    """How a broadcast is doing."""

    elapsed_s: float
    pictures: int
    sent_bytes: int
    dropped_frames: int
    unread_bytes: int
    """Sent but still in this machine's buffer."""


class Push:
    """One connection that publishes one source."""

    def __init__(
        self,
        url: PublishUrl,
        source: Source,
        *,
        duration_s: float | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        """``ssl_context`` replaces the system's trust for rtmps://."""
        self._url = url
        self._source = source
        self._duration_s = duration_s
        self._ssl = (ssl_context or ssl.create_default_context()) if url.tls else None
        self._client = PublisherClient(url, random=os.urandom(RANDOM_SIZE))
        self._writer: asyncio.StreamWriter | None = None
        self._started_s = 0.0
        self._pictures = 0

    def statistics(self) -> PushStatistics:
        return PushStatistics(
            elapsed_s=time.monotonic() - self._started_s if self._started_s else 0.0,
            pictures=self._pictures,
            sent_bytes=self._client.sent_bytes,
            dropped_frames=self._source.dropped_frames,
            unread_bytes=self._writer.transport.get_write_buffer_size() if self._writer else 0,
        )

    async def run(self, on_live: Callable[[], None] = lambda: None) -> None:
        """Publish until the source ends, or until cancelled; both end with a clean goodbye.

        Raises :class:`PushError`.
        """
        reader, writer = await self._connect()
        self._writer = writer
        try:
            await self._ask(reader, writer)
            on_live()
            listening = asyncio.create_task(self._listen(reader, writer))
            sending = asyncio.create_task(self._send_units(writer))
            try:
                done, _ = await asyncio.wait((listening, sending), return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
            finally:
                await end_tasks(listening, sending)
        except ClientError as error:
            raise PushError(self._words(error), is_final=isinstance(error, PublishRejected)) from error
        except (ConnectionError, TimeoutError) as error:
            raise PushError(f"the connection to {self._place} was lost") from error
        finally:
            await self._say_goodbye(writer)

    @property
    def _place(self) -> str:
        return f"{self._url.host}:{self._url.port}"

    def _words(self, error: ClientError) -> str:
        if isinstance(error, PublishRejected):
            return f"{self._place} refused: {error.description or error.code}"
        return f"{self._place}: {error}"

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                reader, writer = await asyncio.open_connection(self._url.host, self._url.port, ssl=self._ssl)
        except TimeoutError as error:
            raise PushError(f"{self._place} does not answer ({CONNECT_TIMEOUT_S:g} s)") from error
        except OSError as error:
            # asyncio's own text of a refused connection repeats the address, as a tuple.
            refused = isinstance(error, ConnectionRefusedError)
            reason = "nobody listens there" if refused else error.strerror or error
            raise PushError(f"cannot reach {self._place}: {reason}") from error
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        writer.transport.set_write_buffer_limits(high=SEND_BUFFER_BYTES)
        return reader, writer

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The conversation up to the server's yes."""
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                writer.write(self._client.data_to_send())
                while not self._client.ready:
                    await self._receive(reader, writer)
        except TimeoutError as error:
            message = f"{self._place} took the connection but does not answer as an RTMP server"
            raise PushError(f"{message} ({CONNECT_TIMEOUT_S:g} s)") from error

    async def _receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        data = await reader.read(65536)
        if not data:
            raise PushError(f"{self._place} closed the connection")
        self._client.receive(data)
        writer.write(self._client.data_to_send())

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await self._receive(reader, writer)

    async def _send_units(self, writer: asyncio.StreamWriter) -> None:
        client, source = self._client, self._source
        client.send_metadata(_metadata(source.tracks))
        for track in source.tracks:
            client.send_track(track)
        self._started_s = time.monotonic()
        async with aclosing(source.units()) as units:
            async for unit in units:
                if self._duration_s is not None and unit.dts_s >= self._duration_s:
                    return
                client.send_unit(unit)
                self._pictures += unit.codec.kind is Kind.VIDEO
                writer.write(client.data_to_send())
                try:
                    async with asyncio.timeout(UNREAD_TIMEOUT_S):
                        await writer.drain()
                except TimeoutError as error:
                    sentence = f"{self._place} has not read what we sent for {UNREAD_TIMEOUT_S:g} s"
                    raise PushError(sentence) from error

    async def _say_goodbye(self, writer: asyncio.StreamWriter) -> None:
        self._client.finish()
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(_GOODBYE_TIMEOUT_S):
                writer.write(self._client.data_to_send())
                writer.close()
                await writer.wait_closed()
        writer.transport.abort()


async def end_tasks(*tasks: asyncio.Task[None]) -> None:
    """Cancel, and wait until they have ended."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _metadata(tracks: tuple[Track, ...]) -> dict[str, Value]:
    """onMetaData as encoders send it (FLV 10.1, E.5)."""
    values: dict[str, Value] = {"encoder": "mediaserver push"}
    for track in tracks:
        if track.kind is Kind.VIDEO:
            values |= {"width": float(track.width), "height": float(track.height)}
            if track.frame_rate is not None:
                values["framerate"] = float(track.frame_rate)
        else:
            values |= {"audiosamplerate": float(track.sample_rate), "stereo": track.channels == 2}
    return values
