"""Starts, feeds, watches, replaces and stops the children that touch pixels. asyncio; imports no FFmpeg.

A crash, a hang or a hostile bitstream costs one stream's encoded rungs for about two seconds; what is
passed through never comes here.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol

from transcoder import codecs, framing
from transcoder.child import Child, ChildGone
from transcoder.framing import FramingError
from transcoder.ladder import WIDTH_LIMIT, Ladder
from transcoder.media import VIDEO_TIMESCALE, AccessUnit, Kind, Track
from transcoder.restarts import HangWatch, RestartPolicy
from transcoder.stills import StillFailed, StillMaker, StillStatistics

__all__ = [
    "Cut",
    "LiveJob",
    "LiveWorker",
    "RungSpeed",
    "StillFailed",
    "StillMaker",
    "StillStatistics",
    "WorkerState",
    "WorkerStatistics",
]

log: Final = logging.getLogger(__name__)

HANG_S: Final = 3.0
START_S: Final = 15.0
"""Loading FFmpeg takes a third of a second, on a machine under load some seconds."""
STOP_S: Final = 2.0
WATCH_EVERY_S: Final = 0.25
MAX_LAG_S: Final = 2.0
_REMEMBERED_CUTS: Final = 8
_UNIT_LIMIT_BYTES: Final = 8 << 20
"""Of a unit that a child has made: eight seconds of the strongest rung."""
_LATEST_DTS: Final = 1 << 62
_LARGEST_COMPOSITION: Final = (1 << 31) - 1
"""Signed 32 bits in ``trun`` (ISO 14496-12 8.8.8)."""


class WorkerState(StrEnum):
    """Where a live worker is."""

    IDLE = "idle"
    STARTING = "starting"
    RUNNING = "running"
    BACKOFF = "backoff"
    """The child has ended; the next one starts soon. Units fed now are dropped."""
    FAILED = "failed"
    """Given up: too many restarts in a minute."""
    STOPPED = "stopped"


_NEXT: Final = {
    WorkerState.IDLE: {WorkerState.STARTING, WorkerState.STOPPED},
    WorkerState.STARTING: {WorkerState.RUNNING, WorkerState.BACKOFF, WorkerState.FAILED, WorkerState.STOPPED},
    WorkerState.RUNNING: {WorkerState.BACKOFF, WorkerState.FAILED, WorkerState.STOPPED},
    WorkerState.BACKOFF: {WorkerState.STARTING, WorkerState.STOPPED},
    WorkerState.FAILED: set[WorkerState](),
    WorkerState.STOPPED: set[WorkerState](),
}
_ENDED: Final = frozenset({WorkerState.FAILED, WorkerState.STOPPED})


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveJob:
    """What a live worker is to do."""

    stream: str
    ladder: Ladder
    tracks: tuple[Track, ...]
    max_lag_s: float | None = MAX_LAG_S
    """Units that wait longer in the child are dropped up to the next sync unit. None: never (files)."""
    hang_s: float = HANG_S
    """A child that takes nothing for so long is killed. At least 1: it reports twice a second."""


@dataclass(frozen=True, slots=True)
class Cut:
    """The next segment starts at the first picture with pts >= ``time_s`` on the publication's timeline.

    Feed it before the unit that reaches it: every encoded rung has an IDR on exactly that picture.
    """

    time_s: float


class TrackAnnouncement(Protocol):
    """Anything that carries a track's new format; the publication's TrackUpdate does."""

    @property
    def track(self) -> Track: ...


@dataclass(frozen=True, slots=True)
class RungSpeed:
    """How a rendition fares."""

    rendition: str
    units_out: int
    speed: float
    """Media seconds encoded in a second of work: below 1 it cannot keep up. 0 where not known yet."""


@dataclass(frozen=True, slots=True)
class WorkerStatistics:
    """A snapshot."""

    state: WorkerState
    pid: int | None
    restarts: int
    units_in: int
    units_out: int
    dropped: int
    """Units that were never decoded: the child was gone, or behind by more than the job's lag."""
    damaged: int
    """Units that the decoder refused."""
    waiting: int
    """Units that were fed and not yet decoded."""
    rungs: tuple[RungSpeed, ...]


@dataclass(slots=True)
class _Counts:
    units_in: int = 0
    units_out: int = 0
    dropped: int = 0
    dropped_by_ended: int = 0
    damaged_by_ended: int = 0


@dataclass(slots=True)
class _Session:
    """One child and what is known of it."""

    child: Child
    watches: dict[Kind, HangWatch]
    ready: bool = False
    finished: bool = False
    progress: framing.Progress | None = None
    killed_because: str = ""
    skipping: set[int] = field(default_factory=set)
    """Tracks that wait for a sync unit."""


class LiveWorker:
    """Transcodes one stream through a child that is replaced when it ends or hangs.

    :meth:`run` must run beside the feeding. The callbacks are called from it, rendition name first; a
    rendition's track comes before its first unit, and again after each restart.
    """

    def __init__(
        self,
        job: LiveJob,
        *,
        on_track: Callable[[str, Track], None],
        on_unit: Callable[[str, AccessUnit], None],
        on_state: Callable[[WorkerState, str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._job = job
        self._on_track = on_track
        self._on_unit = on_unit
        self._on_state = on_state
        self._clock = clock
        self._tracks = {track.track_id: track for track in job.tracks}
        self._wanted = {rendition.source_track_id for rendition in job.ladder.encoded}
        self._encoded = {rendition.name: rendition for rendition in job.ladder.encoded}
        self._made: dict[str, Track] = {}
        """The format of each rendition that the children have announced."""
        self._last_dts = dict.fromkeys(self._encoded, -1)
        self._cuts: deque[Cut] = deque(maxlen=_REMEMBERED_CUTS)
        self._restarts = RestartPolicy()
        self._counts = _Counts()
        self._session: _Session | None = None
        self._first_start = asyncio.Event()
        self._stop = asyncio.Event()
        self.state = WorkerState.IDLE

    async def run(self) -> None:
        """Until :meth:`stop`, or until the state is FAILED. Cancelled, it kills the child."""
        try:
            while not self._stop.is_set():
                self._enter(WorkerState.STARTING, "")
                why = await self._serve_one_child()
                if self._stop.is_set():
                    break
                delay_s = self._restarts.next_delay_s(self._clock())
                if delay_s is None:
                    self._enter(WorkerState.FAILED, f"too many restarts in a minute; the last: {why}")
                    return
                self._enter(WorkerState.BACKOFF, why)
                await self._pause(delay_s)
        finally:
            self._first_start.set()
            if self.state not in _ENDED:
                self._enter(WorkerState.STOPPED, "")

    def stop(self) -> None:
        """Let the child encode what it holds (at most 2 s), then end :meth:`run`. Idempotent."""
        self._stop.set()

    async def feed(self, item: AccessUnit | Cut | Track | TrackAnnouncement) -> None:
        """Hand on one item; waits while the child is behind. Never raises: what cannot go is counted.

        The first child is waited for; while a later one starts, units are dropped, and each track goes
        on with its next sync unit.
        """
        if not self._first_start.is_set():
            await self._first_start.wait()
        match item:
            case AccessUnit():
                await self._feed_unit(item)
            case Cut():
                self._cuts.append(item)
                await self._send(framing.CutAt(item.time_s))
            case Track():
                await self._feed_track(item)
            case _:
                await self._feed_track(item.track)

    def statistics(self) -> WorkerStatistics:
        """Counts since the worker was made; figures of the child that runs now."""
        counts, session = self._counts, self._session
        progress = session.progress if session else None
        return WorkerStatistics(
            state=self.state,
            pid=session.child.pid if session else None,
            restarts=self._restarts.total,
            units_in=counts.units_in,
            units_out=counts.units_out,
            dropped=counts.dropped + counts.dropped_by_ended + (progress.dropped if progress else 0),
            damaged=counts.damaged_by_ended + (progress.damaged if progress else 0),
            waiting=sum(watch.waiting for watch in session.watches.values()) if session else 0,
            rungs=tuple(
                RungSpeed(
                    rung.rendition, rung.units_out, rung.media_s / rung.busy_s if rung.busy_s > 0 else 0.0
                )
                for rung in (progress.rungs if progress else ())
            ),
        )

    def _enter(self, state: WorkerState, detail: str) -> None:
        if state not in _NEXT[self.state]:
            raise RuntimeError(f"a worker cannot go from {self.state} to {state}")
        self.state = state
        self._on_state(state, detail)

    async def _pause(self, delay_s: float) -> None:
        try:
            async with asyncio.timeout(delay_s):
                await self._stop.wait()
        except TimeoutError:
            pass

    # One child ---------------------------------------------------------------------------------------

    async def _serve_one_child(self) -> str:
        """Start a child and listen to it until it ends; why it ended."""
        try:
            child = await Child.spawn("live", f"stream {self._job.stream}")
        except OSError as error:
            return f"it could not be started: {error}"
        now_s = self._clock()
        session = _Session(child, {kind: HangWatch(now_s) for kind in Kind}, skipping=set(self._wanted))
        watcher: asyncio.Task[None] | None = None
        stopper: asyncio.Task[None] | None = None
        why = ""
        try:
            await self._greet(session)
            watcher = asyncio.create_task(self._watch(session, now_s), name=f"watch {child.pid}")
            stopper = asyncio.create_task(self._finish(session), name=f"finish {child.pid}")
            while not session.finished:
                message, payload = await child.receive()
                self._take(session, message, payload)
        except ChildGone:
            pass
        except FramingError as error:
            why = f"it spoke nonsense: {error}"
        finally:
            self._session = None
            for task in (watcher, stopper):
                if task is not None:
                    task.cancel()
            code = await child.end()
            self._account(session)
        return why or session.killed_because or f"it ended with {code}: {child.last_line or 'no last word'}"

    async def _greet(self, session: _Session) -> None:
        start = framing.Start(self._job.ladder, tuple(self._tracks.values()), self._job.max_lag_s)
        # send() writes before it waits: nothing that is fed from now on can come before Start.
        self._session = session
        await session.child.send(start)
        for cut in tuple(self._cuts):
            await session.child.send(framing.CutAt(cut.time_s))
        self._first_start.set()

    async def _finish(self, session: _Session) -> None:
        await self._stop.wait()
        session.killed_because = "it did not finish in time"
        try:
            async with asyncio.timeout(STOP_S):
                await session.child.send(framing.Finish())
                await asyncio.Event().wait()  # Cancelled when the child has said its last word.
        except (TimeoutError, ChildGone):
            session.child.kill()

    async def _watch(self, session: _Session, spawned_s: float) -> None:
        """Kill a child that does not start or does not move."""
        while True:
            await asyncio.sleep(WATCH_EVERY_S)
            now_s = self._clock()
            if not session.ready:
                if now_s - spawned_s > START_S:
                    session.killed_because = f"it did not start within {START_S:g} s"
                    break
                continue
            stuck_s = max(watch.stuck_s(now_s) for watch in session.watches.values())
            if stuck_s >= self._job.hang_s:
                session.killed_because = f"it took nothing for {stuck_s:.1f} s"
                break
        log.warning("worker %d of stream %s: %s", session.child.pid, self._job.stream, session.killed_because)
        session.child.kill()

    def _take(self, session: _Session, message: framing.AnyMessage, payload: bytes) -> None:
        now_s = self._clock()
        match message:
            case framing.Unit(rendition=rendition):
                self._take_unit(rendition, framing.access_unit(message, payload))
            case framing.RenditionTrack(rendition, track):
                self._check_track(rendition, track)
                self._made[rendition] = track
                self._on_track(rendition, track)
            case framing.Progress():
                session.progress = message
                session.watches[Kind.VIDEO].take(message.consumed_video, now_s)
                session.watches[Kind.AUDIO].take(message.consumed_audio, now_s)
            case framing.Ready():
                session.ready = True
                for kind, watch in session.watches.items():
                    # What was fed while it loaded its libraries has waited for no fault of its own.
                    fresh = HangWatch(now_s)
                    fresh.fed = watch.fed
                    session.watches[kind] = fresh
                self._enter(WorkerState.RUNNING, "")
            case framing.Finished():
                session.finished = True
            case _:
                raise FramingError(f"{type(message).__name__} was not expected")

    def _check_track(self, rendition: str, track: Track) -> None:
        """A child has read a stranger's bitstream: what it says must be what was asked of it.

        Raises :class:`FramingError`.
        """
        asked = self._encoded.get(rendition)
        if asked is None:
            raise FramingError("a rendition that was not asked for")
        timescale = asked.sample_rate or VIDEO_TIMESCALE
        if (track.track_id, track.codec, track.timescale) != (asked.source_track_id, asked.codec, timescale):
            raise FramingError(f"another format than was asked for {rendition}")
        sane = all(0 <= side <= WIDTH_LIMIT for side in (track.width, track.height))
        if (
            not sane
            or track.sample_aspect != 1
            or (track.sample_rate, track.channels)
            != (
                asked.sample_rate,
                asked.channels,
            )
        ):
            raise FramingError(f"a strange format for {rendition}")
        try:
            codecs.rfc6381(track)
        except codecs.CodecError as error:
            raise FramingError(f"a format that cannot be read for {rendition}: {error}") from error

    @staticmethod
    def _check_unit(unit: AccessUnit, track: Track | None) -> None:
        """Raises :class:`FramingError`."""
        if track is None:
            raise FramingError("a unit before its format")
        if (unit.track_id, unit.codec, unit.timescale) != (track.track_id, track.codec, track.timescale):
            raise FramingError("a unit of another format than was announced")
        if not (0 <= unit.dts < _LATEST_DTS and 0 <= unit.duration <= _LARGEST_COMPOSITION):
            raise FramingError("a unit at an impossible time")
        if unit.pts - unit.dts > _LARGEST_COMPOSITION or not 0 < len(unit.payload) <= _UNIT_LIMIT_BYTES:
            raise FramingError("an impossible unit")

    def _take_unit(self, rendition: str, unit: AccessUnit) -> None:
        last_dts = self._last_dts.get(rendition)
        if last_dts is None:
            raise FramingError("a unit of a rendition that was not asked for")
        self._check_unit(unit, self._made.get(rendition))
        if unit.dts <= last_dts or unit.pts < unit.dts:
            # A new child can begin a little before where the old one ended: viewers never go back.
            self._counts.dropped += 1
            return
        self._last_dts[rendition] = unit.dts
        self._counts.units_out += 1
        self._on_unit(rendition, unit)

    def _account(self, session: _Session) -> None:
        if session.progress is not None:
            self._counts.dropped_by_ended += session.progress.dropped
            self._counts.damaged_by_ended += session.progress.damaged

    # Feeding -----------------------------------------------------------------------------------------

    async def _feed_unit(self, unit: AccessUnit) -> None:
        if unit.track_id not in self._wanted:
            return
        self._counts.units_in += 1
        session = self._session
        if session is not None and unit.track_id in session.skipping and unit.sync:
            session.skipping.discard(unit.track_id)
        if session is None or unit.track_id in session.skipping:
            self._counts.dropped += 1
            return
        session.watches[unit.codec.kind].feed(self._clock())
        await self._send(framing.unit_message(unit), unit.payload)

    async def _feed_track(self, track: Track) -> None:
        if self._tracks.get(track.track_id) == track:
            return
        self._tracks[track.track_id] = track
        if track.track_id in self._wanted:
            await self._send(framing.SetTrack(track))

    async def _send(self, message: framing.Message, payload: bytes = b"") -> None:
        if self._session is None:
            return
        try:
            await self._session.child.send(message, payload)
        except ChildGone:
            if payload:
                self._counts.dropped += 1
