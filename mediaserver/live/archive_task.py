"""The task that drives a :class:`mediaserver.live.archive_run.RunArchive`: when woken, and after failures."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from mediaserver.live.archive_run import RunArchive

log = logging.getLogger(__name__)


class RunTask:
    """Runs until :meth:`leave`, and is never stopped within a round: what was begun is recorded."""

    def __init__(
        self,
        archive: RunArchive,
        *,
        retry_s: float,
        retry_limit_s: float,
        on_first_record: Callable[[str], None],
    ) -> None:
        self.archive = archive
        self._retry_s = retry_s
        self._retry_limit_s = retry_limit_s
        self._on_first_record = on_first_record
        self._leaving = asyncio.Event()
        self._idle = asyncio.Event()
        self.task = asyncio.create_task(self._run())

    def leave(self) -> None:
        """End after the round that is under way."""
        self._leaving.set()
        self.archive.wakes.set()

    @property
    def is_idle(self) -> bool:
        """Nothing is under way, and nothing waits to be."""
        return self._idle.is_set() and (self._leaving.is_set() or not self.archive.wakes.is_set())

    async def wait_idle(self) -> None:
        while not self.is_idle:
            self._idle.clear()
            await self._idle.wait()

    async def _run(self) -> None:
        delay_s = self._retry_s
        was_recorded = False
        while await self._woken():
            self.archive.wakes.clear()
            done = await self._store()
            if self.archive.recorded and not was_recorded:
                was_recorded = True
                self._on_first_record(self.archive.stream)
            if done:
                delay_s = self._retry_s
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(delay_s):
                    await self._leaving.wait()
            delay_s = min(2 * delay_s, self._retry_limit_s)
            self.archive.wakes.set()
        self._idle.set()

    async def _woken(self) -> bool:
        """False: nothing more is to be done."""
        if not self.archive.wakes.is_set():
            self._idle.set()
        await self.archive.wakes.wait()
        if self._leaving.is_set():
            return False
        self._idle.clear()
        return True

    async def _store(self) -> bool:
        try:
            return await self.archive.store()
        except Exception:
            log.exception("stream %s: segments are not stored", self.archive.stream)
            return False
