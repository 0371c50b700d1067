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
from typing import Final

from transcoder import framing
from transcoder.answers import Answers
from transcoder.child import Child, ChildGone
from transcoder.encoder_probe import EncoderProbe
from transcoder.encoders import AUTO, HARDWARE, Encoder, choose
from transcoder.framing import FramingError
from transcoder.health import HangWatch, OutputWatch
from transcoder.keepup import KeepUp
from transcoder.ladder import give_up_order
from transcoder.livejob import (
    NEXT_STATES,
    Cut,
    LiveJob,
    RungSpeed,
    TrackAnnouncement,
    WorkerState,
    WorkerStatistics,
)
from transcoder.media import AccessUnit, Kind, Track
from transcoder.restarts import RestartPolicy
from transcoder.speeds import RungSpeeds
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

START_S: Final = 15.0
"""Loading FFmpeg takes a third of a second, on a machine under load some seconds."""
STOP_S: Final = 2.0
PROBE_S: Final = 2.0
"""How long a stream waits to hear which hardware there is."""
WATCH_EVERY_S: Final = 0.25
STOOD_STILL_S: Final = 1.0
"""Who looks so much too late has not run itself: the machine slept, or the loop was blocked."""
_REMEMBERED_CUTS: Final = 8


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
    outputs: dict[Kind, OutputWatch] = field(default_factory=lambda: {kind: OutputWatch() for kind in Kind})
    speeds: RungSpeeds = field(default_factory=RungSpeeds)
    ready: bool = False
    finished: bool = False
    progress: framing.Progress | None = None
    killed_because: str = ""
    skipping: set[int] = field(default_factory=set)
    """Tracks that wait for a sync unit."""

    @property
    def uses_hardware(self) -> bool:
        return self.speeds.uses_hardware


class LiveWorker:
    """Transcodes one stream through a child that is replaced when it ends or hangs.

    :meth:`run` must run beside the feeding. The callbacks are called from it, rendition name first; a
    rendition's track comes before its first unit, and again after each restart. ``on_rungs`` is told which
    rungs are given up because the machine is too slow: their units stop, and begin again at a cut.
    """

    def __init__(
        self,
        job: LiveJob,
        *,
        on_track: Callable[[str, Track], None],
        on_unit: Callable[[str, AccessUnit], None],
        on_state: Callable[[WorkerState, str], None],
        on_rungs: Callable[[frozenset[str]], None] | None = None,
        encoders: EncoderProbe | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Without ``encoders``, which knows what hardware there is, x264 makes all pictures."""
        self._job = job
        self._on_track = on_track
        self._on_unit = on_unit
        self._on_state = on_state
        self._on_rungs = on_rungs
        self._probe = encoders
        self._clock = clock
        self._tracks = {track.track_id: track for track in job.tracks}
        self._wanted = {rendition.source_track_id for rendition in job.ladder.encoded}
        self._kinds = {rendition.name: rendition.kind for rendition in job.ladder.encoded}
        self._answers = Answers(job.ladder)
        self._keep_up = KeepUp(give_up_order(job.ladder, job.give_up), calm_s=job.calm_s)
        self._encoders: tuple[Encoder, ...] = (Encoder.SOFTWARE,)
        self._cuts: deque[Cut] = deque(maxlen=_REMEMBERED_CUTS)
        self._restarts = RestartPolicy(job.restarts_per_minute)
        self._counts = _Counts()
        self._session: _Session | None = None
        self._first_start = asyncio.Event()
        self._stop = asyncio.Event()
        self.state = WorkerState.IDLE

    async def run(self) -> None:
        """Until :meth:`stop`. Cancelled, it kills the child."""
        try:
            if self._probe is not None and not self._stop.is_set():
                self._encoders = await self._choose(self._probe)
            while not self._stop.is_set():
                self._enter(WorkerState.STARTING, "")
                why = await self._serve_one_child()
                if self._stop.is_set():
                    break
                restart = self._restarts.next(self._clock())
                # Until the next child is ready, feeding drops: it must not wait for the first one either.
                self._first_start.set()
                if restart.failed:
                    why = f"too many restarts in a minute, next try in {restart.delay_s:g} s; the last: {why}"
                self._enter(WorkerState.FAILED if restart.failed else WorkerState.BACKOFF, why)
                await self._pause(restart.delay_s)
        finally:
            self._first_start.set()
            if self.state is not WorkerState.STOPPED:
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
        counts, session, now_s = self._counts, self._session, self._clock()
        progress = session.progress if session else None
        watches = session.watches.values() if session else ()
        return WorkerStatistics(
            state=self.state,
            pid=session.child.pid if session else None,
            restarts=self._restarts.total,
            units_in=counts.units_in,
            units_out=counts.units_out,
            dropped=counts.dropped + counts.dropped_by_ended + (progress.dropped if progress else 0),
            damaged=counts.damaged_by_ended + (progress.damaged if progress else 0),
            waiting=sum(watch.waiting for watch in watches),
            lag_s=max((watch.lag_s(now_s) for watch in watches), default=0.0),
            given_up=self._keep_up.given_up,
            rungs=session.speeds.figures() if session else (),
        )

    async def _choose(self, probe: EncoderProbe) -> tuple[Encoder, ...]:
        try:
            async with asyncio.timeout(PROBE_S):
                tried = await probe.tried(self._job.encoder)
        except TimeoutError:
            tried = dict.fromkeys(HARDWARE, "not known in time")
        encoders = choose(self._job.encoder, tried)
        if self._job.encoder not in (AUTO, encoders[0]):
            why = tried.get(Encoder(self._job.encoder), "not tried")
            log.warning("stream %s: no %s (%s): software encodes", self._job.stream, self._job.encoder, why)
        return encoders

    def _enter(self, state: WorkerState, detail: str) -> None:
        if state not in NEXT_STATES[self.state]:
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
        work = "live" if self._encoders[0] is Encoder.SOFTWARE else "live-device"
        try:
            child = await Child.spawn(work, f"stream {self._job.stream}")
        except OSError as error:
            return f"it could not be started: {error}"
        now_s = self._clock()
        session = _Session(child, {kind: HangWatch(now_s) for kind in Kind}, skipping=set(self._wanted))
        self._answers.begin_anew(now_s)
        self._keep_up.begin_anew()
        watcher: asyncio.Task[None] | None = None
        stopper: asyncio.Task[None] | None = None
        why = ""
        try:
            # Watched from the first word on: a child that never reads must not hold up the greeting.
            watcher = asyncio.create_task(self._watch(session, now_s), name=f"watch {child.pid}")
            await self._greet(session)
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
        start = framing.Start(
            self._job.ladder,
            tuple(self._tracks.values()),
            self._job.max_lag_s,
            tuple(self._keep_up.given_up),
            self._encoders,
        )
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
        why = ""
        while not why:
            looked_s = self._clock()
            await asyncio.sleep(WATCH_EVERY_S)
            now_s = self._clock()
            if now_s - looked_s > WATCH_EVERY_S + STOOD_STILL_S:
                # What the child said meanwhile may still be in its pipe.
                for kind in Kind:
                    session.watches[kind].begin_anew(now_s)
                    session.outputs[kind].begin_anew(now_s)
                spawned_s += now_s - looked_s
                continue
            why = self._hang(session, self._clock() - spawned_s)
        session.killed_because = why
        log.warning("worker %d of stream %s: %s", session.child.pid, self._job.stream, why)
        session.child.kill()

    def _hang(self, session: _Session, age_s: float) -> str:
        """What is wrong with the child; empty where nothing is."""
        if not session.ready:
            return f"it did not start within {START_S:g} s" if age_s > START_S else ""
        now_s, hang_s = self._clock(), self._job.hang_s
        stuck_s = max(watch.stuck_s(now_s) for watch in session.watches.values())
        if stuck_s >= hang_s:
            return f"it took nothing for {stuck_s:.1f} s"
        silent_s = max(watch.silent_s(now_s) for watch in session.outputs.values())
        if silent_s >= hang_s:
            return f"it gave nothing back for {silent_s:.1f} s"
        return ""

    def _take(self, session: _Session, message: framing.AnyMessage, payload: bytes) -> None:
        match message:
            case framing.Unit(rendition=rendition):
                unit = framing.access_unit(message, payload)
                goes_on = self._answers.unit(rendition, unit)
                session.outputs[self._kinds[rendition]].output()
                if goes_on:
                    self._counts.units_out += 1
                    self._on_unit(rendition, unit)
                else:
                    self._counts.dropped += 1
            case framing.RenditionTrack(rendition, track):
                self._on_track(rendition, self._answers.track(rendition, track))
            case framing.Progress():
                self._answers.report(self._clock())
                self._take_progress(session, message)
            case framing.Ready() if not session.ready:
                session.ready = True
                for watch in session.watches.values():
                    watch.begin_anew(self._clock())
                self._enter(WorkerState.RUNNING, "")
            case framing.Finished():
                session.finished = True
            case _:
                raise FramingError(f"{type(message).__name__} was not expected")

    def _take_progress(self, session: _Session, progress: framing.Progress) -> None:
        now_s = self._clock()
        session.progress = progress
        excused = progress.damaged + progress.left_out + progress.dropped
        for kind, taken in (
            (Kind.VIDEO, progress.consumed_video),
            (Kind.AUDIO, progress.consumed_audio),
        ):
            session.watches[kind].take(taken, now_s)
            session.outputs[kind].take(taken, excused, now_s)
        session.speeds.take([rung for rung in progress.rungs if rung.rendition in self._kinds])
        if self._keep_up.measure(session.watches[Kind.VIDEO].lag_s(now_s), now_s):
            given_up = self._keep_up.given_up
            session.child.tell(framing.SetRungs(tuple(given_up)))
            if self._on_rungs is not None:
                self._on_rungs(given_up)

    def _account(self, session: _Session) -> None:
        if session.progress is not None:
            self._counts.dropped_by_ended += session.progress.dropped
            self._counts.damaged_by_ended += session.progress.damaged
        if session.uses_hardware and not session.finished and not self._stop.is_set():
            # A driver can take a child with it: whoever was in it when it ended is not asked again.
            log.warning("stream %s: pictures are made by software from now on", self._job.stream)
            self._encoders = (Encoder.SOFTWARE,)

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
        self._answers.fed(unit)
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
