"""The RTMP server: listens, holds the limits on connections, closes. One peer's life is in ``connection``.

One server listens on both of its ports, plain and TLS, so that its limits hold for both together.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
import time
from collections import Counter
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import Final

from ingest.allowance import Allowance
from ingest.publication import Authorizer
from ingest.rtmp.connection import READ_BYTES, Connection, ConnectionStatistics, Outcome, RtmpLimits
from ingest.rtmp.limits import Limit
from ingest.rtmp.tls_listener import TlsListener, shake_hands

__all__ = ["ConnectionStatistics", "Limit", "RtmpLimits", "RtmpServer", "ServerStatistics"]

logger = logging.getLogger(__name__)

TURNED_AWAY_LINES_PER_S: Final = 1.0
TURNED_AWAY_LINES_BURST: Final = 50


@dataclass(frozen=True, slots=True)
class ServerStatistics:
    connections: tuple[ConnectionStatistics, ...]
    accepted: int
    """Connections taken since the start."""
    turned_away: int
    """Connections closed at once by a limit."""
    refused: int
    """Publishes that the application refused."""
    failed: int
    """Connections that ended by a fault of the peer."""
    limited: Mapping[Limit, int] = field(default_factory=dict)
    """How often peers ran into each limit, since the start."""


class RtmpServer:
    """Takes publishers in. ``authorizer`` decides on each; its publications get the media."""

    def __init__(
        self,
        authorizer: Authorizer,
        *,
        host: str = "0.0.0.0",  # noqa: S104 (a media server listens to the world)
        port: int = 1935,
        limits: RtmpLimits | None = None,
        relays: Container[str] = (),
    ) -> None:
        """``relays`` are addresses behind which many publishers stand: the limit of one is not for them."""
        self.authorizer = authorizer
        self._relays = relays
        self.limits = limits or RtmpLimits()
        self._host = host
        self._port = port
        self._server: asyncio.Server | None = None
        self._tls_listener: TlsListener | None = None
        self._shaking: set[asyncio.Task[None]] = set()
        """Connections over TLS, from their acceptance on: the loop itself keeps no hold on tasks."""
        self._connections: dict[asyncio.Task[None], Connection] = {}
        self._per_address: Counter[str] = Counter()
        self._inside = 0
        self._accepted = 0
        self._turned_away = 0
        self._turned_away_lines = Allowance(TURNED_AWAY_LINES_PER_S, TURNED_AWAY_LINES_BURST)
        self._outcomes: Counter[Outcome] = Counter()
        self._limited: Counter[Limit] = Counter()

    async def start(self) -> int:
        """Listen. Answers the port, which the system chose if 0 was asked. Raises OSError if it is busy."""
        self._server = await asyncio.start_server(self._serve, self._host, self._port, limit=READ_BYTES)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def start_tls(self, port: int, context: ssl.SSLContext) -> int:
        """Listen for RTMPS on a port of its own; otherwise as :meth:`start`."""

        def accepted(peer: socket.socket, address: str) -> None:
            task = asyncio.create_task(self._serve_tls(peer, address, context))
            self._shaking.add(task)
            task.add_done_callback(self._shaking.discard)

        self._tls_listener = await TlsListener.open(self._host, port, accepted)
        return self._tls_listener.port

    async def stop_listening(self) -> None:
        """Leave the ports to whoever comes next; connections stay. The beginning of a drain. Idempotent."""
        if self._server is not None:
            self._server.close()
        if self._tls_listener is not None:
            await self._tls_listener.close()

    async def close(self) -> None:
        """Stop listening, end every publication, say goodbye to every publisher. Idempotent."""
        await self.stop_listening()
        for connection in self._connections.values():
            connection.stop("NetConnection.Connect.Closed", "the server is stopping")
        if self._connections:
            await asyncio.wait(list(self._connections), timeout=self.limits.goodbye_s + 1)
        left = [*self._connections, *self._shaking]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()
            self._server = None
        self._tls_listener = None

    def statistics(self) -> ServerStatistics:
        # A connection's outcome is known before its last words are out.
        outcomes = self._outcomes + Counter(c.outcome for c in self._connections.values())
        return ServerStatistics(
            tuple(connection.statistics() for connection in self._connections.values()),
            self._accepted,
            self._turned_away,
            outcomes[Outcome.REFUSED],
            outcomes[Outcome.FAILED],
            self._limited + sum((c.limited() for c in self._connections.values()), Counter[Limit]()),
        )

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = writer.get_extra_info("peername")
        address = str(peer[0]) if peer else "unknown"
        connection_id = os.urandom(4).hex()
        if not self._let_in(address, "rtmp", connection_id):
            writer.transport.abort()
            return
        try:
            await self._carry(
                Connection(self.authorizer, self.limits, reader, writer, address, connection_id=connection_id)
            )
        finally:
            self._let_out(address)

    async def _serve_tls(self, peer: socket.socket, address: str, context: ssl.SSLContext) -> None:
        connection_id = os.urandom(4).hex()
        if not self._let_in(address, "rtmps", connection_id):
            peer.close()
            return
        began_s = time.monotonic()

        async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._carry(
                Connection(
                    self.authorizer,
                    self.limits,
                    reader,
                    writer,
                    address,
                    connection_id=connection_id,
                    protocol="rtmps",
                    shaken_s=time.monotonic() - began_s,
                )
            )

        try:
            await shake_hands(peer, context, READ_BYTES, self.limits.handshake_s, run)
        except OSError as error:
            # asyncio has ConnectionAbortedError for a handshake that takes too long, and no other.
            if isinstance(error, ConnectionAbortedError):
                self._limited[Limit.HANDSHAKE_TIME] += 1
            self._outcomes[Outcome.FAILED] += 1
            reason = getattr(error, "reason", None) or type(error).__name__
            logger.info("rtmps %s %s closed: no TLS: %s", connection_id, address, reason)
        except asyncio.CancelledError:
            pass  # only ``close`` cancels
        finally:
            self._let_out(address)

    def _let_in(self, address: str, protocol: str, connection_id: str) -> bool:
        """Count a connection in; False, with a line in the log, where there is no room for it."""
        full = self._inside >= self.limits.connections
        crowded = self._per_address[address] >= self.limits.connections_per_address
        if full or (crowded and address not in self._relays):
            self._turned_away += 1
            self._limited[Limit.CONNECTIONS if full else Limit.CONNECTIONS_PER_ADDRESS] += 1
            # Each is counted, but a log that a stranger fills is no log.
            if self._turned_away_lines.take(time.monotonic()):
                which = "connections" if full else "connections from this address"
                logger.warning("%s %s %s turned away: too many %s", protocol, connection_id, address, which)
            return False
        self._accepted += 1
        self._inside += 1
        self._per_address[address] += 1
        return True

    def _let_out(self, address: str) -> None:
        self._inside -= 1
        self._per_address[address] -= 1
        if not self._per_address[address]:
            del self._per_address[address]

    async def _carry(self, connection: Connection) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("called outside a task")
        self._connections[task] = connection
        try:
            await connection.run()
        except asyncio.CancelledError:
            # Only ``close`` cancels, and it waits for the end. Passed on, it would be logged as an error by
            # the stream protocol of Python 3.11.
            pass
        finally:
            del self._connections[task]
            self._outcomes[connection.outcome] += 1
            self._limited += connection.limited()
