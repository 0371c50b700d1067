"""Blocking calls in a few threads of their own, each with a deadline.

A thread that hangs in the kernel cannot be stopped, only left alone: its place stays taken until it comes
back, so that a disk that does not answer costs a fixed number of threads and no queue behind them. They are
daemons, which an executor's threads are not: such a disk must not keep the process from ending either.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

from mediaserver.storage.contract import StoreError

T = TypeVar("T")
_Work = tuple["Future[Any]", Callable[[], Any]]


class DiskThreads:
    """At most ``threads`` calls at a time; who comes later waits, and its deadline runs."""

    def __init__(self, threads: int, name: str) -> None:
        self._name = name
        self._free = asyncio.Semaphore(threads)
        self._work: SimpleQueue[_Work | None] = SimpleQueue()
        self._started = 0
        self._running: set[asyncio.Future[Any]] = set()
        self._closed = False

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
        if self._closed:
            self._free.release()
            raise StoreError("the object store is closed")
        if self._started <= len(self._running):
            self._started += 1
            threading.Thread(
                target=_work, args=(self._work,), name=f"{self._name}-{self._started}", daemon=True
            ).start()
        promise: Future[T] = Future()
        future = asyncio.wrap_future(promise)
        self._running.add(future)
        future.add_done_callback(self._ended)
        self._work.put((promise, call))
        return future

    def _ended(self, future: asyncio.Future[Any]) -> None:
        self._running.discard(future)
        self._free.release()
        if not future.cancelled():
            # Looked at here, because the one who asked may have gone.
            future.exception()

    async def close(self, deadline_s: float) -> None:
        """Wait for what runs, at most ``deadline_s``."""
        self._closed = True
        if self._running:
            await asyncio.wait(self._running, timeout=deadline_s)
        for future in list(self._running):
            # Its thread must not look for an event loop that is closed by then.
            future.cancel()
        for _ in range(self._started):
            self._work.put(None)


def _work(queue: SimpleQueue[_Work | None]) -> None:
    while (work := queue.get()) is not None:
        promise, call = work
        if not promise.set_running_or_notify_cancel():
            continue
        try:
            promise.set_result(call())
        except BaseException as error:  # the caller's to judge
            promise.set_exception(error)
        # Nothing of a call may live on while this thread waits for the next one.
        del work, promise, call
