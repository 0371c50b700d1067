"""One RTMP peer, from accept to close: reads, feeds the session, dispatches events, keeps deadlines."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import time
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from ingest.pace import Pace
from ingest.publication import Authorizer, Publication, PublishRefused, PublishRequest, Refusal, TrackUpdate
from ingest.rtmp.handshake import RANDOM_SIZE
from ingest.rtmp.intake import Intake, IntakeStatistics, SourceRefused
from ingest.rtmp.limits import Limit
from ingest.rtmp.negotiation import loggable
from ingest.rtmp.session import (
    AudioReceived,
    Connected,
    Event,
    MediaBroken,
    MetadataReceived,
    PublishEnded,
    PublishRequested,
    Remark,
    ServerSession,
    SessionConfig,
    SessionError,
    Spoken,
    State,
    VideoReceived,
)
from transcoder.media import AccessUnit

logger = logging.getLogger(__name__)

READ_BYTES: Final = 64 << 10
FORMAT_LINES: Final = 64
"""In the log, of one connection: a publisher may change its format with every picture."""
HOLD_LIMIT_S: Final = 5.0
"""Between two reads of a publisher that is ahead of the clock; what 64 KiB hold may be minutes of silence."""

STATUS_CODES = {
    Refusal.BAD_NAME: "NetStream.Publish.BadName",
    Refusal.WRONG_KEY: "NetStream.Publish.Denied",
    Refusal.BUSY: "NetStream.Publish.BadName",
    Refusal.THROWN_OUT: "NetStream.Publish.Denied",
    Refusal.DRAINING: "NetConnection.Connect.Rejected",
    Refusal.OVERLOADED: "NetConnection.Connect.Rejected",
}
"""What a publisher hears for each of the application's refusals."""


@dataclass(frozen=True, slots=True)
class RtmpLimits:
    """Deadlines in seconds and bounds on what peers may hold."""

    handshake_s: float = 5.0
    publish_s: float = 10.0
    """From the end of the handshake to an accepted publish; the application's answer included."""
    silence_s: float = 10.0
    """A publisher that sends no media for this long is gone."""
    goodbye_s: float = 2.0
    """To get our last words out."""
    connections: int = 1_000
    connections_per_address: int = 64
    unsent_bytes: int = 256 << 10
    """Answers that a peer does not read."""
    tracks: int = 8
    """Of a kind, in one publish."""
    reconnect_url: str = ""
    """Where publishers that can are sent when the server drains; empty: to where they are."""
    session: SessionConfig = field(default_factory=SessionConfig)


@dataclass(frozen=True, slots=True)
class ConnectionStatistics:
    connection_id: str
    address: str
    stream: str | None
    state: State
    encoder: str | None
    received_bytes: int
    intake: IntakeStatistics | None


class Outcome(StrEnum):
    """How a connection ended, for the server's counters."""

    ENDED = "ended"
    REFUSED = "refused"
    """The application said no to its publish."""
    FAILED = "failed"
    """The peer broke the protocol or a limit."""


class Connection:
    """One peer, from accept to close."""

    def __init__(
        self,
        authorizer: Authorizer,
        limits: RtmpLimits,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        address: str,
        *,
        connection_id: str,
        protocol: str = "rtmp",
        shaken_s: float = 0.0,
    ) -> None:
        """``shaken_s``: what TLS has taken already of the time for the handshake."""
        self.outcome = Outcome.ENDED
        self._authorizer = authorizer
        self._limits = limits
        self._reader = reader
        self._writer = writer
        self._address = address
        self._protocol = protocol
        self._shaken_s = shaken_s
        self._id = connection_id
        self._session = ServerSession(random=os.urandom(RANDOM_SIZE), config=limits.session)
        self._publication: Publication | None = None
        self._intake: Intake | None = None
        self._encoder: str | None = None
        self._stream: str | None = None
        self._stop_reason: str | None = None
        self._deadline: asyncio.Timeout | None = None
        self._media_at_s = 0.0
        self._formats = 0
        self._pace = Pace()
        self._hold_until_s = 0.0
        self._limited: Counter[Limit] = Counter()

    def statistics(self) -> ConnectionStatistics:
        return ConnectionStatistics(
            self._id,
            self._address,
            self._stream,
            self._session.state,
            self._encoder,
            self._session.received_bytes,
            self._intake.statistics() if self._intake else None,
        )

    def limited(self) -> Counter[Limit]:
        """How often the peer ran into each limit so far."""
        if self._intake is None:
            return self._limited
        return self._limited + _left_out(self._intake.statistics())

    async def run(self) -> None:
        """Serve until the end; never raises for anything that the peer does."""
        sock = self._writer.get_extra_info("socket")
        if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._writer.transport.set_write_buffer_limits(high=self._limits.unsent_bytes)
        reason = "server stopped"
        try:
            reason = await self._converse()
        except PublishRefused as refused:
            self.outcome = Outcome.REFUSED
            reason = f"publish refused ({refused.refusal}): {refused.detail}"
        except SessionError as error:
            self.outcome = Outcome.FAILED
            reason = f"peer's fault: {error}"
            if error.limit is not None:
                self._limited[error.limit] += 1
        except (ConnectionError, OSError) as error:
            reason = f"connection lost ({type(error).__name__})"
        finally:
            reason = self._stop_reason or reason
            self._end_publication(reason)
            self._log(logging.INFO, f"closed: {reason}")
            await self._say_goodbye()

    def stop(self, code: str, reason: str) -> None:
        """End the connection from outside: a kick, or the server stops."""
        if self._stop_reason is None:
            self._stop_reason = reason
            self._session.close(code, reason)
            self._end_publication(reason)
            if self._deadline is not None and not self._deadline.expired():
                self._deadline.reschedule(asyncio.get_running_loop().time())

    async def _converse(self) -> str:
        """Read, feed the core, send what it returned, dispatch its events, keep the deadlines."""
        self._media_at_s = time.monotonic()
        try:
            async with asyncio.timeout(self._limits.handshake_s - self._shaken_s) as self._deadline:
                while True:
                    data = await self._reader.read(READ_BYTES)
                    if not data:
                        return "publisher closed the connection"
                    await self._take(data)
                    await self._hold()
        except TimeoutError:
            return self._timeout_reason()
        finally:
            self._deadline = None

    async def _take(self, data: bytes) -> None:
        now_s = time.monotonic()
        before = self._session.state
        try:
            self._session.receive(data)
            while (event := self._session.next_event()) is not None:
                await self._dispatch(event, now_s)
        finally:
            self._send()
        state = self._session.state
        if state is State.PUBLISHING:
            self._rearm(self._media_at_s, self._limits.silence_s)
        elif before is not state and before in (State.HANDSHAKE, State.PUBLISHING):
            self._rearm(now_s, self._limits.publish_s)

    async def _hold(self) -> None:
        """Read no more of a publisher that is far ahead of the clock; the wait is ours, not its silence."""
        hold_s = min(self._hold_until_s - time.monotonic(), HOLD_LIMIT_S)
        if hold_s > 0:
            self._rearm(time.monotonic() + hold_s, self._limits.silence_s)
            await asyncio.sleep(hold_s)
            self._media_at_s = time.monotonic()

    def _rearm(self, since_s: float, seconds: float) -> None:
        if self._deadline is not None and self._stop_reason is None:
            loop = asyncio.get_running_loop()
            self._deadline.reschedule(loop.time() + seconds - (time.monotonic() - since_s))

    def _send(self) -> None:
        data = self._session.data_to_send()
        if data:
            if self._writer.is_closing():
                raise ConnectionResetError("the peer has closed the connection")
            self._writer.write(data)
            if self._writer.transport.get_write_buffer_size() > self._limits.unsent_bytes:
                raise SessionError("peer does not read our answers", Limit.UNREAD_ANSWERS)

    async def _dispatch(self, event: Event, now_s: float) -> None:
        match event:
            case (VideoReceived() | AudioReceived()) as media if self._intake is not None:
                take = self._intake.video if isinstance(media, VideoReceived) else self._intake.audio
                try:
                    for item in take(media.timestamp_ms, media.tag, now_s):
                        self._push(item, now_s)
                except SourceRefused as error:
                    self._session.close("NetStream.Publish.Denied", str(error))
                    raise SessionError(str(error)) from error
            case MediaBroken(reason, limit) if self._intake is not None:
                self._intake.broken(reason)
                if limit is not None:
                    self._limited[limit] += 1
            case MetadataReceived(values) if self._intake is not None:
                self._intake.metadata(values)
            case Spoken(timestamp_ms, handler, values) if self._intake is not None:
                remark = self._intake.spoken(timestamp_ms, handler, values, now_s)
                if remark is not None and self._publication is not None:
                    self._publication.tell(remark)
            case Connected(encoder):
                self._encoder = encoder
            case PublishRequested(stream, key):
                await self._ask(stream, key)
            case PublishEnded(reason):
                self._end_publication(reason)
            case Remark(text):
                self._log(logging.INFO, text)
            case _:
                pass
        if self._intake is not None:
            for line in self._intake.take_remarks():
                self._log(logging.WARNING, line)

    def _push(self, item: TrackUpdate | AccessUnit, now_s: float) -> None:
        publication = self._publication
        if publication is None:
            return
        if publication.ended:
            self.stop("NetStream.Publish.Denied", publication.end_reason or "the stream was ended")
        elif isinstance(item, AccessUnit):
            # Only this is media: who repeats what it is going to send is as silent as one who says nothing.
            self._media_at_s = now_s
            self._hold_until_s = now_s + self._pace.hold_s(item.dts_s, now_s)
            publication.push(item)
        else:
            publication.set_track(item.track)
            self._formats += 1
            if self._formats <= FORMAT_LINES:
                self._log(logging.INFO, f"track {item.track.track_id}: {item.track.codec.name}")

    async def _ask(self, stream: str, key: str | None) -> None:
        """The core asked; now the application answers."""
        self._stream = loggable(stream, may_hold_key=key is None)
        request = PublishRequest(
            protocol=self._protocol,
            stream=stream,
            key=key,
            address=self._address,
            encoder=self._encoder,
        )
        try:
            publication = await self._authorizer.publish(request)
        except PublishRefused as refused:
            self._session.reject(STATUS_CODES[refused.refusal], refused.detail)
            raise
        if self._stop_reason is not None:
            publication.close(self._stop_reason)
            return
        self._publication = publication
        self._intake = intake = Intake(max_tracks=self._limits.tracks)
        self._pace = Pace()
        self._media_at_s = time.monotonic()
        publication.on_kick = self._kicked
        publication.on_drain = self._ask_to_reconnect
        publication.corrections = intake.corrections
        self._session.accept()
        self._log(logging.INFO, f"publishing as {publication.publication_id}, encoder {self._encoder}")

    def _kicked(self, reason: str) -> None:
        self.stop("NetStream.Publish.Denied", reason)

    def _ask_to_reconnect(self) -> bool:
        """The server drains: media is taken until it has gone. False: it never said that it can."""
        if not self._session.request_reconnect(self._limits.reconnect_url, "this server is about to stop"):
            return False
        self._log(logging.INFO, "asked to reconnect")
        with contextlib.suppress(ConnectionError):
            self._send()
        return True

    def _end_publication(self, reason: str) -> None:
        publication, self._publication = self._publication, None
        if publication is not None:
            publication.on_kick = None
            publication.on_drain = None
            publication.close(reason)
        if self._intake is not None:
            self._limited.update(_left_out(self._intake.statistics()))
            self._intake = None

    def _timeout_reason(self) -> str:
        match self._session.state:
            case State.HANDSHAKE:
                self._limited[Limit.HANDSHAKE_TIME] += 1
                return f"no handshake within {self._limits.handshake_s:g} s"
            case State.PUBLISHING:
                self._limited[Limit.SILENCE] += 1
                reason = f"no media for {self._limits.silence_s:g} s"
                self._session.close("NetStream.Publish.Denied", reason)
                return reason
            case _:
                self._limited[Limit.PUBLISH_TIME] += 1
                return f"no publish within {self._limits.publish_s:g} s"

    async def _say_goodbye(self) -> None:
        """Get the last words out, then close; whoever does not take them is cut off."""
        # uvloop raises RuntimeError for a write on a transport that the peer has closed under us.
        if self._writer.is_closing():
            return
        with contextlib.suppress(TimeoutError, ConnectionError, OSError):
            async with asyncio.timeout(self._limits.goodbye_s):
                self._writer.write(self._session.data_to_send())
                if self._writer.can_write_eof():
                    self._writer.write_eof()
                    await self._writer.drain()
                else:  # TLS has no half-closed connections
                    self._writer.close()
                    await self._writer.wait_closed()
                # Closing a socket with unread bytes resets it, and the peer would lose our last words.
                while await self._reader.read(READ_BYTES):
                    pass
        self._writer.transport.abort()

    def _log(self, level: int, text: str) -> None:
        what = text if self._stream is None else f"stream {self._stream} {text}"
        logger.log(level, "%s %s %s %s", self._protocol, self._id, self._address, what)


def _left_out(intake: IntakeStatistics) -> Counter[Limit]:
    """What an intake had to leave out by its limits."""
    return Counter({Limit.TRACKS: intake.tracks_refused, Limit.REMARKS: intake.remarks_refused})
