"""The listener of RTMPS: accepts, and shakes hands within the connection's own deadline and limits.

asyncio's own TLS server counts a peer only after its handshake, so that thousands may hang in one unseen.
Upgrading a plain connection (``StreamWriter.start_tls``) loses the first bytes where the loop has read them
already, as uvloop may. So sockets are accepted here.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Final

logger = logging.getLogger(__name__)

Accepted = Callable[[socket.socket, str], None]
_PAUSE_S: Final = 1.0
_BACKLOG: Final = 100


class TlsListener:
    """Listening sockets and the tasks that accept from them: ``accepted`` gets a socket and its address."""

    def __init__(self, sockets: list[socket.socket], accepted: Accepted) -> None:
        self._sockets = sockets
        self._accepted = accepted
        self._tasks = [asyncio.create_task(self._accept(listening)) for listening in sockets]

    @classmethod
    async def open(cls, host: str, port: int, accepted: Accepted) -> TlsListener:
        """Listen on every address of ``host``. Raises OSError."""
        found = await asyncio.get_running_loop().getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        sockets: list[socket.socket] = []
        try:
            for family, _, _, _, address in dict.fromkeys(found):
                if not sockets or port:
                    listening = socket.create_server(address[:2], family=family, backlog=_BACKLOG)
                    listening.setblocking(False)
                    sockets.append(listening)
        except BaseException:
            for listening in sockets:
                listening.close()
            raise
        return cls(sockets, accepted)

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self._sockets[0].getsockname()[1]
        return port

    async def close(self) -> None:
        """Leave the port, until it is free; accepted sockets stay. Idempotent."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for listening in self._sockets:
            listening.close()

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                peer, address = await loop.sock_accept(listening)
            except OSError as error:
                if error.errno != errno.ECONNABORTED:  # the peer was gone before we came to it
                    logger.error("rtmps: no connection can be accepted: %s", error.strerror)
                    await asyncio.sleep(_PAUSE_S)
                continue
            self._accepted(peer, str(address[0]))


async def shake_hands(
    peer: socket.socket,
    context: ssl.SSLContext,
    limit_bytes: int,
    within_s: float,
    run: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> None:
    """TLS on an accepted socket, then ``run`` with its streams. Raises OSError where TLS fails."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=limit_bytes, loop=loop)
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
    try:
        transport, _ = await loop.connect_accepted_socket(
            lambda: protocol, peer, ssl=context, ssl_handshake_timeout=within_s
        )
    except BaseException:
        peer.close()
        raise
    await run(reader, asyncio.StreamWriter(transport, protocol, reader, loop))
