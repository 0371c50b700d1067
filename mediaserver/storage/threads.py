"""Blocking calls in a few threads of their own, each with a deadline.

A thread that hangs in the kernel cannot be stopped, only left alone: its place stays taken until it comes
back, so that a disk that does not answer costs a fixed number of threads and no queue behind them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from mediaserver.storage.contract import StoreError

T = TypeVar("T")


class DiskThreads:
    """At most ``threads`` calls at a time; who comes later waits, and its deadline runs."""

    def __init__(self, threads: int, name: str) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._free = asyncio.Semaphore(threads)
        self._running: set[asyncio.Future[Any]] = set()

    async def run(self, what: str, deadline_s: float, call: Callable[[], T]) -> T:
        """What ``call`` answers or raises. StoreError with ``what`` in it when the deadline has passed.

        A call that has begun is finished, whether anybody still waits for it or not.
        """
        try:
            async with asyncio.timeout(deadline_s):
                await self._free.acquire()
                return await asyncio.shield(self._begin(call))
        except TimeoutError:
            raise StoreError(f"{what}: no answer within {deadline_s:g} s") from None

    def _begin(self, call: Callable[[], T]) -> asyncio.Future[T]:
        try:
            future = asyncio.get_running_loop().run_in_executor(self._executor, call)
        except RuntimeError as error:
            self._free.release()
            raise StoreError("the object store is closed") from error
        self._running.add(future)
        future.add_done_callback(self._ended)
        return future

    def _ended(self, future: asyncio.Future[Any]) -> None:
        self._running.discard(future)
        self._free.release()
        if not future.cancelled():
            # Looked at here, because the one who asked may have gone.
            future.exception()

    async def close(self, deadline_s: float) -> None:
        """Wait for what runs, at most ``deadline_s``."""
        if self._running:
            await asyncio.wait(self._running, timeout=deadline_s)
        self._executor.shutdown(wait=False, cancel_futures=True)
