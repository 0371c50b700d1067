"""The RTMP server: listens, holds the limits on connections, closes. One peer's life is in ``connection``."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from ingest.publication import Authorizer
from ingest.rtmp.connection import READ_BYTES, Connection, ConnectionStatistics, Outcome, RtmpLimits
from ingest.rtmp.limits import Limit

__all__ = ["ConnectionStatistics", "Limit", "RtmpLimits", "RtmpServer", "ServerStatistics"]

logger = logging.getLogger(__name__)


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
    ) -> None:
        self.authorizer = authorizer
        self.limits = limits or RtmpLimits()
        self._host = host
        self._port = port
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], Connection] = {}
        self._per_address: Counter[str] = Counter()
        self._accepted = 0
        self._turned_away = 0
        self._outcomes: Counter[Outcome] = Counter()
        self._limited: Counter[Limit] = Counter()

    async def start(self) -> int:
        """Listen. Answers the port, which the system chose if 0 was asked. Raises OSError if it is busy."""
        self._server = await asyncio.start_server(self._serve, self._host, self._port, limit=READ_BYTES)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def close(self) -> None:
        """Stop listening, end every publication, say goodbye to every publisher. Idempotent."""
        if self._server is not None:
            self._server.close()
        for connection in self._connections.values():
            connection.stop("NetConnection.Connect.Closed", "the server is stopping")
        if self._connections:
            await asyncio.wait(list(self._connections), timeout=self.limits.goodbye_s + 1)
        left = list(self._connections)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()
            self._server = None

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
        full = len(self._connections) >= self.limits.connections
        if full or self._per_address[address] >= self.limits.connections_per_address:
            self._turned_away += 1
            self._limited[Limit.CONNECTIONS if full else Limit.CONNECTIONS_PER_ADDRESS] += 1
            which = "connections" if full else "connections from this address"
            logger.warning("rtmp %s turned away: too many %s", address, which)
            writer.transport.abort()
            return
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("called outside a task")
        self._accepted += 1
        self._per_address[address] += 1
        connection = Connection(self.authorizer, self.limits, reader, writer, address)
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
            self._per_address[address] -= 1
            if not self._per_address[address]:
                del self._per_address[address]
