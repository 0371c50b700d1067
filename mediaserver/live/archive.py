"""The older part of live windows in the object store: out of memory, and there after a restart.

Order is everything: a segment is stored before the record that names it, and deleted after the record that
does not. A store that is full, slow or gone changes nothing for viewers: what it does not take stays in
memory, as long as the windows themselves hold it, and is tried again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mediaserver.live.archive_cache import CACHE_BYTES, ObjectCache
from mediaserver.live.archive_load import LoadedRun, RestoredRun, load_run, stored_streams
from mediaserver.live.archive_record import ROOT, Moment, record_key, stream_and_epoch
from mediaserver.live.archive_run import ArchivedOutput, ArchivedRun, ArchivedText, RunArchive, Tally
from mediaserver.live.archive_sweeper import ArchiveSweeper
from mediaserver.live.archive_task import RunTask
from mediaserver.storage.contract import Objects, StoreError, StoreFull
from transcoder.manifests.segment import Media, Stored

__all__ = [
    "Archive",
    "ArchiveStatistics",
    "ArchivedOutput",
    "ArchivedRun",
    "ArchivedText",
    "LoadedRun",
    "RestoredRun",
]

log = logging.getLogger(__name__)

RETRY_S: Final = 0.5
RETRY_LIMIT_S: Final = 4.0
"""The longest pause between two attempts: space that has come back is used within it."""
FLUSH_S: Final = 5.0
FULL: Final = "the object store is full"
CHECK_AGE_S: Final = 1.0
"""How long an answer of the store to :meth:`Archive.check` holds, so that asking often costs nothing."""
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class ArchiveStatistics:
    """A picture of the archive for metrics and tests."""

    runs: int
    waiting_segments: int
    """Closed, and in memory only."""
    stored_objects: int
    stored_bytes: int
    deleted_objects: int
    failures: int
    loads: int
    """Objects read from the store for viewers."""
    cache_bytes: int


def read_moment() -> Moment:
    """Now, as :class:`Moment` has it."""
    with suppress(OSError):
        return Moment(time.time(), _BOOT_ID.read_text().strip(), time.clock_gettime(time.CLOCK_BOOTTIME))
    return Moment(time.time(), "", 0.0)


class Archive:
    """All runs' way into the store and back. Owns a task for each run, and one that deletes."""

    def __init__(
        self,
        objects: Objects,
        *,
        cache_bytes: int = CACHE_BYTES,
        retry_s: float = RETRY_S,
        retry_limit_s: float = RETRY_LIMIT_S,
        moment: Callable[[], Moment] = read_moment,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._objects = objects
        self._cache = ObjectCache(objects, cache_bytes)
        self._retry_s = retry_s
        self._retry_limit_s = retry_limit_s
        self._moment = moment
        self._now_s = now_s
        self._tally = Tally()
        self._runs: dict[tuple[str, str], RunTask] = {}
        self._loaded: dict[str, set[str]] = {}
        self._unread: set[str] = set()
        self._sweeper = ArchiveSweeper(
            objects, self._is_wanted, self._on_deleted, retry_s=retry_s, retry_limit_s=retry_limit_s
        )
        self._ending: set[asyncio.Task[None]] = set()
        self._checked = (-CHECK_AGE_S, "ok")
        self._checking: asyncio.Task[str] | None = None
        self._closed = False

    # Into the store

    def sync(self, stream: str, run: ArchivedRun) -> None:
        """To be called after every change of the run's windows; one step for each rendition, never a wait."""
        driven = self._runs.get((stream, run.epoch))
        if driven is None:
            if self._closed:
                return
            driven = self._runs[stream, run.epoch] = self._drive(stream, run)
        driven.archive.sync()

    def forget(self, stream: str, epoch: str) -> None:
        """The run is over and nobody may ask for its media any more: its objects are deleted."""
        driven = self._runs.pop((stream, epoch), None)
        if driven is None:
            return
        driven.leave()
        task = asyncio.create_task(self._end(driven, stream))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def close(self) -> None:
        """Store what is still to be stored, within a deadline. What is there stays for the next process."""
        self._closed = True
        try:
            async with asyncio.timeout(FLUSH_S):
                await asyncio.gather(*(self._flush(driven) for driven in self._runs.values()))
        except TimeoutError:
            log.warning("the object store does not take the last segments of %d streams", len(self._runs))
        tasks: list[asyncio.Task[Any]] = [driven.task for driven in self._runs.values()]
        tasks += self._ending
        if self._checking is not None:
            tasks.append(self._checking)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._sweeper.close()
        await self._cache.close()

    # Out of it

    async def media(self, stored: Stored) -> Media:
        """The bytes of a segment that has left memory. Raises ObjectMissing, ObjectDamaged, StoreError."""
        return await self._cache.media(stored)

    async def fetch(self, key: str) -> bytes:
        """An object, from a small cache or the store. Raises ObjectMissing, ObjectDamaged, StoreError."""
        return await self._cache.fetch(key)

    async def streams(self) -> list[str]:
        """Streams of which an earlier process left something. Raises StoreError."""
        return await stored_streams(self._objects)

    async def load(self, stream: str) -> LoadedRun | None:
        """The newest run that an earlier process left. Raises StoreError.

        Its objects are kept until :meth:`clean`, or, where a run of the stream is handed to :meth:`sync`
        before, until that run is forgotten. What could not be read is left alone.
        """
        self._unread.add(stream)
        loaded = await load_run(self._objects, stream, self._moment(), self._now_s())
        self._unread.discard(stream)
        if loaded is not None:
            self._loaded[stream] = loaded.run.keys | {record_key(stream, loaded.run.epoch)}
        return loaded

    def clean(self) -> None:
        """Begin to delete what earlier processes left and no run has taken up. Once, after the last load."""
        self._loaded.clear()
        self._sweeper.sweep(ROOT)

    # How it is doing

    async def check(self) -> str:
        """For readiness: ``ok``, or what is wrong with the store, without the name of any stream: anybody may
        read it."""
        for driven in self._runs.values():
            if (failure := driven.archive.failure) is not None:
                return FULL if isinstance(failure, StoreFull) else "the object store does not take segments"
        checked_s, answer = self._checked
        if self._now_s() - checked_s < CHECK_AGE_S:
            return answer
        # One write for all who ask meanwhile: anybody may, and segments wait behind it.
        if self._checking is None or self._checking.done():
            self._checking = asyncio.create_task(self._check())
        return await asyncio.shield(self._checking)

    def statistics(self) -> ArchiveStatistics:
        return ArchiveStatistics(
            runs=len(self._runs),
            waiting_segments=sum(driven.archive.waiting_segments for driven in self._runs.values()),
            stored_objects=self._tally.stored_objects,
            stored_bytes=self._tally.stored_bytes,
            deleted_objects=self._tally.deleted_objects,
            failures=self._tally.failures + self._sweeper.failures,
            loads=self._cache.loads,
            cache_bytes=self._cache.kept_bytes,
        )

    async def wait_idle(self) -> None:
        """Until all that is closed is stored, and what is over is gone. The caller brings the deadline."""
        while self._ending or self._sweeper.is_busy or not all(run.is_idle for run in self._runs.values()):
            for driven in list(self._runs.values()):
                await driven.wait_idle()
            await asyncio.gather(*self._ending)
            await self._sweeper.wait_idle()

    # Inside

    async def _check(self) -> str:
        answer = "ok"
        try:
            await self._objects.check()
        except StoreFull:
            answer = FULL
        except StoreError as error:
            answer = str(error)
        self._checked = (self._now_s(), answer)
        return answer

    def _drive(self, stream: str, run: ArchivedRun) -> RunTask:
        archive = RunArchive(
            self._objects,
            stream,
            run,
            self._tally,
            taken_up=self._loaded.pop(stream, set()),
            moment=self._moment,
            now_s=self._now_s,
            on_deleted=self._on_deleted,
        )
        return RunTask(
            archive,
            retry_s=self._retry_s,
            retry_limit_s=self._retry_limit_s,
            on_first_record=self._sweep_stream,
        )

    async def _flush(self, driven: RunTask) -> None:
        driven.leave()
        await driven.task
        if not await driven.archive.store():
            log.warning("stream %s: its last segments are not stored", driven.archive.stream)

    async def _end(self, driven: RunTask, stream: str) -> None:
        # What is being written now must be there before we look for what is to be deleted.
        await driven.task
        self._sweep_stream(stream)

    def _sweep_stream(self, stream: str) -> None:
        self._sweeper.sweep(f"{ROOT}{stream}/")

    def _on_deleted(self, key: str) -> None:
        self._cache.forget(key)
        self._tally.deleted_objects += 1

    def _is_wanted(self, key: str) -> bool:
        """Asked right before each deletion: a run may have begun since the listing."""
        stream, epoch = stream_and_epoch(key)
        if (stream, epoch) in self._runs or stream in self._unread:
            return True
        return any(name == stream and key in run.archive.taken_up for (name, _), run in self._runs.items())
