"""The listening socket: connections with limits, and readers that stopped reading cut off.

aiohttp's runner serves; this adds what it has no setting for: a cap on connections, small write buffers,
parse errors as problem+json without a traceback in the log, and the watch over write buffers.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import socket
import sys
import termios
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, cast

from aiohttp import web

from mediaserver.settings import HttpSettings
from mediaserver.web.problems import Problem, internal_error

log = logging.getLogger(__name__)

WRITE_BUFFER_BYTES: Final = 64 * 1024
"""Above this a writer waits. One part more may be in the transport, because a piece is handed over whole."""
KERNEL_BUFFER_BYTES: Final = 128 * 1024
"""What the kernel takes of a connection beyond what is on the way. Left alone it takes megabytes from each
reader that stopped, and holds them for minutes after a close."""
KEEPALIVE_S: Final = 30.0
"""An idle connection, or one that drips its header, is closed after this. A live player asks every part."""
LINE_LIMIT_BYTES: Final = 8_190
"""Request line, and each header field."""
HEADER_LIMIT: Final = 64
BACKLOG: Final = 1_024
CALM_SHARE: Final = 0.9
SWEEPS_PER_TIMEOUT: Final = 6


@dataclass(frozen=True, slots=True)
class ListenerStatistics:
    """A moment's view. ``stalled_closed`` and ``refused`` count since the start."""

    connections: int
    unsent_bytes: int
    """Handed over and not yet taken by the readers' side."""
    stalled_closed: int
    refused: int


class WriteWatch:
    """Finds transports that hold bytes of which the reader took none for ``timeout_s``. It is swept.

    What is on the way is counted with what waits here: a slow reader may take long over what the kernel has
    already accepted. Exactly as much as at the last sweep means no progress, because writers only add
    after their reader has made room.
    """

    def __init__(
        self, timeout_s: float, on_the_way: Callable[[asyncio.Transport], int] | None = None
    ) -> None:
        self._timeout_s = timeout_s
        self._on_the_way = on_the_way or unacknowledged_bytes
        self._stuck: dict[asyncio.Transport, tuple[int, float]] = {}

    def add(self, transport: asyncio.Transport, now_s: float) -> None:
        """Watch a new connection."""
        self._stuck[transport] = (0, now_s)

    def discard(self, transport: asyncio.Transport) -> None:
        """Its connection is lost."""
        self._stuck.pop(transport, None)

    def __len__(self) -> int:
        return len(self._stuck)

    @property
    def unsent_bytes(self) -> int:
        """What all buffers hold together."""
        return sum(transport.get_write_buffer_size() for transport in self._stuck)

    def stalled(self, now_s: float) -> Iterator[asyncio.Transport]:
        """Transports that are to be aborted now. Call it every few seconds."""
        for transport, (size_bytes, since_s) in list(self._stuck.items()):
            pending_bytes = transport.get_write_buffer_size()
            if pending_bytes:
                pending_bytes += self._on_the_way(transport)
            if pending_bytes == 0 or pending_bytes != size_bytes:
                self._stuck[transport] = (pending_bytes, now_s)
            elif now_s - since_s >= self._timeout_s:
                yield transport


def unacknowledged_bytes(transport: asyncio.Transport) -> int:
    """What the kernel holds of this connection and the peer has not acknowledged (tcp(7), SIOCOUTQ)."""
    sock = transport.get_extra_info("socket")
    if sock is None:
        return 0
    try:
        answer = fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4))
    except OSError:
        return 0
    return int.from_bytes(answer, sys.byteorder)


class Connection(web.RequestHandler):
    """One client's connection."""

    __slots__ = ("_listener", "_watched")

    def __init__(self, listener: Listener, manager: web.Server, *, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            manager,
            loop=loop,
            # aiohttp's access log writes query strings, which may hold tokens.
            access_log=None,  # type: ignore[arg-type]
            keepalive_timeout=KEEPALIVE_S,
            max_line_size=LINE_LIMIT_BYTES,
            max_field_size=LINE_LIMIT_BYTES,
            max_headers=HEADER_LIMIT,
            lingering_time=2.0,
        )
        self._listener = listener
        self._watched: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have asyncio's interface without inheriting from it.
        stream = cast(asyncio.Transport, transport)
        if not self._listener.admit(stream):
            stream.abort()
            return
        self._watched = stream
        super().connection_made(stream)

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._watched is not None:
            self._listener.forget(self._watched)
            self._watched = None
        super().connection_lost(exc)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """What aiohttp's parser refused (400), or what escaped every handler of ours (500)."""
        if status >= 500:
            problem = internal_error(request, exc)
        else:
            # Garbage from the internet is not an event: it must not be able to fill the log.
            log.debug("refused a malformed request: %s", type(exc).__name__)
            problem = Problem(status, "malformed_request", "This is not a request as RFC 9112 has it.")
        response = problem.response()
        response.force_close()
        return response

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """What aiohttp answers before any row of ours, in our words.

        That is 417 for an Expect that it does not know, and 404 for targets that are no path (``*``,
        ``host:port``).
        """
        if isinstance(resp, web.HTTPExpectationFailed):
            detail = "Expect can only be 100-continue."
            resp = Problem(417, "expectation_failed", detail, field="Expect").response()
        elif isinstance(resp, web.HTTPException):
            resp = Problem(404, "not_found", "There is nothing here.").response()
        return await super().finish_response(request, resp, start_time)


class Listener:
    """Serves one application on one address. ``start`` raises OSError when the port is taken."""

    def __init__(
        self,
        app: web.Application,
        settings: HttpSettings,
        *,
        shutdown_timeout_s: float = 5.0,
    ) -> None:
        self._settings = settings
        # Blocked playlist requests of clients that left are cancelled at once: they would hold a task and
        # a waiter each until the next part.
        self._runner = web.AppRunner(
            app, handler_cancellation=True, shutdown_timeout=shutdown_timeout_s, access_log=None
        )
        self._watch = WriteWatch(settings.reader_timeout_s)
        self._server: asyncio.Server | None = None
        self._sweeper: asyncio.Task[None] | None = None
        self._clock: Callable[[], float] = lambda: 0.0
        self._stalled_closed = 0
        self._refused = 0
        self._told_full = False

    async def start(self) -> int:
        """Listen; the port in use, which differs from the one set when that is 0."""
        loop = asyncio.get_running_loop()
        self._clock = loop.time
        await self._runner.setup()
        manager = self._runner.server
        if manager is None:
            raise RuntimeError("the runner has no server after its set-up")
        try:
            self._server = await loop.create_server(
                lambda: Connection(self, manager, loop=loop),
                self._settings.host,
                self._settings.port,
                backlog=BACKLOG,
                reuse_address=True,
            )
        except BaseException:
            await self._runner.cleanup()
            raise
        self._sweeper = asyncio.create_task(self._sweep(), name="http-write-watch")
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def stop(self) -> None:
        """Stop listening, let running requests end within the shut-down time, close what is left."""
        if self._server is not None:
            self._server.close()
            self._server = None
        await self._runner.cleanup()
        if self._sweeper is not None:
            self._sweeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeper
            self._sweeper = None

    async def __aenter__(self) -> Listener:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def port(self) -> int:
        """The port in use. Raises RuntimeError when not listening."""
        if self._server is None:
            raise RuntimeError("not listening")
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def admit(self, transport: asyncio.Transport) -> bool:
        """Called by a new connection."""
        if len(self._watch) >= self._settings.max_connections:
            self._refused += 1
            if not self._told_full:
                self._told_full = True
                log.warning(
                    "%d connections are open, which is http.max_connections: further ones are closed at once",
                    len(self._watch),
                )
            return False
        transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)
        sock = transport.get_extra_info("socket")
        if sock is not None:
            # tcp(7): a write is not ready while more than this waits to be sent.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, KERNEL_BUFFER_BYTES)
        self._watch.add(transport, self._clock())
        return True

    def forget(self, transport: asyncio.Transport) -> None:
        """Called by a connection that is lost."""
        self._watch.discard(transport)
        # Told again only after there was room in between: a flood must not fill the log.
        if len(self._watch) < self._settings.max_connections * CALM_SHARE:
            self._told_full = False

    def statistics(self) -> ListenerStatistics:
        return ListenerStatistics(
            len(self._watch), self._watch.unsent_bytes, self._stalled_closed, self._refused
        )

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(self._settings.reader_timeout_s / SWEEPS_PER_TIMEOUT)
            for transport in self._watch.stalled(self._clock()):
                self._stalled_closed += 1
                log.info("closed a reader that made no progress for %g s", self._settings.reader_timeout_s)
                transport.abort()
