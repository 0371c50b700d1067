"""Deletes what no run wants any more: after a run's end, and once at the start, after a crash."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from mediaserver.storage.contract import Objects, StoreError

log = logging.getLogger(__name__)


class ArchiveSweeper:
    """One task at a time, while there is something to look through.

    ``is_wanted`` is asked right before each deletion: a run may have begun since the listing.
    """

    def __init__(
        self,
        objects: Objects,
        is_wanted: Callable[[str], bool],
        on_deleted: Callable[[str], None],
        *,
        retry_s: float,
        retry_limit_s: float,
    ) -> None:
        self._objects = objects
        self._is_wanted = is_wanted
        self._on_deleted = on_deleted
        self._retry_s = retry_s
        self._retry_limit_s = retry_limit_s
        self._prefixes: dict[str, None] = {}
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self.failures = 0

    def sweep(self, prefix: str) -> None:
        """Look through everything below ``prefix``, soon."""
        self._prefixes[prefix] = None
        if self._task is None and not self._closed:
            self._task = asyncio.create_task(self._run())

    @property
    def is_busy(self) -> bool:
        return self._task is not None

    async def wait_idle(self) -> None:
        while self._task is not None:
            await asyncio.shield(self._task)

    async def close(self) -> None:
        """Stop; what is left is for the next start."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        delay_s = self._retry_s
        # The log hears of the first failure in a row: a store may be away for days.
        failing = False
        try:
            while self._prefixes:
                prefix = next(iter(self._prefixes))
                del self._prefixes[prefix]
                try:
                    await self._sweep(prefix)
                    delay_s = self._retry_s
                    failing = False
                except StoreError as error:
                    if not failing:
                        log.warning("old segments are not deleted for now: %s", error)
                    failing = True
                    self.failures += 1
                    self._prefixes[prefix] = None
                    await asyncio.sleep(delay_s)
                    delay_s = min(2 * delay_s, self._retry_limit_s)
        except Exception:
            log.exception("old segments are not deleted")
        finally:
            self._task = None

    async def _sweep(self, prefix: str) -> None:
        after = ""
        deleted = 0
        while page := await self._objects.list(prefix, after=after):
            for key in page:
                if not self._is_wanted(key):
                    await self._objects.delete(key)
                    self._on_deleted(key)
                    deleted += 1
            after = page[-1]
        if deleted:
            log.info("object store: %d objects of runs that are over deleted below %s", deleted, prefix)
