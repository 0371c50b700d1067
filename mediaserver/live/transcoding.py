"""The live worker beside a broadcast: fed from a bounded queue, watched, drained at the end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from ingest.publication import Item, Publication, PublicationEnd, TrackUpdate, UnitQueue
from transcoder.media import AccessUnit, Track
from transcoder.packager import Packager
from transcoder.supervisor import Cut, LiveJob, LiveWorker, WorkerState

log = logging.getLogger(__name__)

DRAIN_S = 2.0
"""How long the worker may take to hand out what it still holds when the publisher has left.

Until then nothing stands in for it."""

QUEUE_LIMIT_BYTES = 8 << 20
"""About ten seconds of a strong source: a worker further behind loses pictures up to the next sync unit."""

WorkerFactory = Callable[..., LiveWorker]


class Transcoding:
    """Runs one worker for one broadcast. An async context; leaving it kills what still runs."""

    def __init__(
        self,
        job: LiveJob,
        publication: Publication,
        packager: Packager,
        *,
        make_worker: WorkerFactory,
        changed: Callable[[], None],
    ) -> None:
        self._packager = packager
        self._changed = changed
        self._queue: UnitQueue[Item | Cut] = UnitQueue(
            has_video=lambda: publication.has_video, limit_bytes=QUEUE_LIMIT_BYTES
        )
        self.worker = make_worker(
            job,
            on_track=self._on_track,
            on_unit=self._on_unit,
            on_state=self._on_state,
            on_rungs=self._on_rungs,
        )
        self._stream = job.stream
        self._encoded = [rendition.name for rendition in job.ladder.encoded]
        self._is_down = False
        self._given_up: frozenset[str] = frozenset()
        self._tasks: tuple[asyncio.Task[None], ...] = ()

    @property
    def dropped_units(self) -> int:
        """Source units that the worker never got, because it was behind."""
        return self._queue.dropped_units

    def feed(self, item: Item | Cut) -> None:
        """Queue for the worker; never blocks."""
        self._queue.offer(item)

    async def drain(self) -> None:
        """The source is over: wait, for a while, until the worker has handed out everything."""
        self._queue.offer(PublicationEnd("drained"))
        feeding, running = self._tasks
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                await asyncio.wait([feeding, running], return_when=asyncio.FIRST_COMPLETED)
                self.worker.stop()
                await asyncio.wait([running])

    async def __aenter__(self) -> Self:
        self._tasks = (asyncio.create_task(self._feeding()), asyncio.create_task(self.worker.run()))
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for task in self._tasks:
            task.cancel()
        for outcome in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(outcome, Exception):
                log.error("stream %s: the worker's supervision failed", self._stream, exc_info=outcome)

    async def _feeding(self) -> None:
        async for item in self._queue:
            if isinstance(item, AccessUnit | TrackUpdate | Cut):
                await self.worker.feed(item)

    def _on_track(self, name: str, track: Track) -> None:
        self._packager.set_rendition_track(name, track, time.monotonic())

    def _on_unit(self, name: str, unit: AccessUnit) -> None:
        self._packager.push_rendition(name, unit, time.monotonic())
        self._changed()

    def _on_state(self, state: WorkerState, detail: str) -> None:
        log.info("stream %s: worker %s%s", self._stream, state, f": {detail}" if detail else "")
        if state in (WorkerState.BACKOFF, WorkerState.FAILED):
            self._is_down = True
        elif state is WorkerState.RUNNING:
            self._is_down = False
        self._hold_what_stays_away()

    def _on_rungs(self, given_up: frozenset[str]) -> None:
        for name in sorted(given_up - self._given_up):
            log.warning("stream %s: rung %s is given up: this machine cannot keep up", self._stream, name)
        for name in sorted(self._given_up - given_up):
            log.info("stream %s: rung %s is encoded again", self._stream, name)
        self._given_up = given_up
        self._hold_what_stays_away()

    def _hold_what_stays_away(self) -> None:
        """Gap parts on time, instead of playlists that stop, for what is not encoded now."""
        now_s = time.monotonic()
        for name in self._encoded:
            if self._is_down or name in self._given_up:
                self._packager.withhold(name, now_s)
            else:
                self._packager.resume(name)
        self._changed()
