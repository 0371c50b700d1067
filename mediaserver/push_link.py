"""One RTMP connection of our publisher: the asyncio shell around the sans-IO client."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from contextlib import suppress
from typing import Final

from ingest.rtmp.client import ClientError, ClientState, PublisherClient, PublishRejected, PublishUrl
from ingest.rtmp.handshake import RANDOM_SIZE

CONNECT_TIMEOUT_S: Final = 10.0
SEND_BUFFER_BYTES: Final = 2 << 20
"""Waiting to be read by the server. Above this we wait; the test pattern then drops pictures."""
_GOODBYE_TIMEOUT_S: Final = 2.0
_READ_BYTES: Final = 64 << 10


class PushError(Exception):
    """The broadcast could not start or could not go on. The sentence is for the person at the terminal."""

    def __init__(self, sentence: str, *, is_final: bool = False) -> None:
        """``is_final``: the server said no, so trying again would not help."""
        super().__init__(sentence)
        self.is_final = is_final


class Link:
    """A connection that may publish. Made by :meth:`open`; its owner closes it."""

    def __init__(
        self,
        url: PublishUrl,
        client: PublisherClient,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.client = client
        self.is_lost = False
        """The server has closed it after it asked to be left: nothing more can be sent."""
        self._url = url
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, url: PublishUrl, tls: ssl.SSLContext | None) -> Link:
        """Connect, and ask up to the server's yes. Raises :class:`PushError`."""
        reader, writer = await _connect(url, tls)
        link = cls(url, PublisherClient(url, random=os.urandom(RANDOM_SIZE)), reader, writer)
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                link.send()
                while not link.client.ready:
                    await link.receive()
        except TimeoutError as error:
            await link.close()
            message = f"{link.place} took the connection but does not answer as an RTMP server"
            raise PushError(f"{message} ({CONNECT_TIMEOUT_S:g} s)") from error
        except BaseException:
            await link.close()
            raise
        return link

    @property
    def place(self) -> str:
        return _place(self._url)

    @property
    def unread_bytes(self) -> int:
        """Sent but still in this machine's buffer."""
        return self._writer.transport.get_write_buffer_size()

    async def receive(self) -> None:
        """Hear what the server says next, and answer. Raises :class:`PushError`."""
        try:
            data = await self._reader.read(_READ_BYTES)
            if not data:
                raise PushError(f"{self.place} closed the connection")
            self.client.receive(data)
            self.send()
        except PublishRejected as error:
            words = f"{self.place} refused: {error.description or error.code}"
            raise PushError(words, is_final=not self._passes(error.code)) from error
        except ClientError as error:
            raise PushError(f"{self.place}: {error}") from error
        except (ConnectionError, ssl.SSLError) as error:
            raise self.lost() from error

    def _passes(self, code: str) -> bool:
        """Whether a no is only for now: the server stops, or the stream is still held by another connection,
        which may be our own that was lost."""
        if self.client.state is ClientState.CONNECTING:
            return False  # another application than the server has
        return code.startswith("NetConnection.Connect.") or code == "NetStream.Publish.BadName"

    async def read_on(self) -> None:
        """Keep a connection alive that is about to be left, until its server closes it."""
        with suppress(PushError):
            while True:
                await self.receive()
        self.is_lost = True
        self._writer.close()  # a server that stops waits for us to leave

    def send(self) -> None:
        """What the client has to say."""
        self._writer.write(self.client.data_to_send())

    async def drain(self) -> None:
        """Until no more waits than may. Raises ConnectionError."""
        await self._writer.drain()

    def lost(self) -> PushError:
        """The error for a connection that is no more."""
        return PushError(f"the connection to {self.place} was lost")

    async def close(self) -> None:
        """A clean goodbye, as far as the server hears it. Idempotent."""
        self.client.finish()
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(_GOODBYE_TIMEOUT_S):
                self.send()
                self._writer.close()
                await self._writer.wait_closed()
        self._writer.transport.abort()


async def _connect(
    url: PublishUrl, tls: ssl.SSLContext | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    place = _place(url)
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(url.host, url.port, ssl=tls)
    except TimeoutError as error:
        raise PushError(f"{place} does not answer ({CONNECT_TIMEOUT_S:g} s)") from error
    except ssl.SSLCertVerificationError as error:
        sentence = f"the certificate of {place} is not trusted: {error.verify_message}"
        raise PushError(f"{sentence}; --ca-file FILE trusts another one", is_final=True) from error
    except OSError as error:
        # asyncio's own text of a refused connection repeats the address, as a tuple.
        refused = isinstance(error, ConnectionRefusedError)
        reason = "nobody listens there" if refused else error.strerror or error
        raise PushError(f"cannot reach {place}: {reason}") from error
    writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    writer.transport.set_write_buffer_limits(high=SEND_BUFFER_BYTES)
    return reader, writer


def _place(url: PublishUrl) -> str:
    return f"{url.host}:{url.port}"
