"""How late the event loop comes to what is due: everything live waits for it.

A timer is armed again and again; how much too late it fires is how long something held the loop.
"""

from __future__ import annotations

import asyncio
import logging
from bisect import bisect_left
from collections import deque
from dataclasses import dataclass
from typing import Final, Self

log = logging.getLogger(__name__)

INTERVAL_S: Final = 0.1
RECENT_S: Final = 10.0
BOUNDS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
TELL_FROM_S: Final = 0.5
TELL_EVERY_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class LoopLagStatistics:
    """Since the start; ``recent_s`` is the most of the last ten seconds."""

    recent_s: float
    sum_s: float
    counts: tuple[int, ...]
    """Up to each of :data:`BOUNDS_S`, then all: cumulative."""


class LoopLag:
    """Watches the running loop between :meth:`start` and :meth:`stop`, or as a context."""

    def __init__(self) -> None:
        self._recent: deque[tuple[float, float]] = deque()
        self._sum_s = 0.0
        self._counts = [0] * (len(BOUNDS_S) + 1)
        self._told_s: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin. Must be called in the loop."""
        loop = asyncio.get_running_loop()
        self._arm(loop, loop.time())

    def stop(self) -> None:
        """Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def saw(self, lag_s: float, now_s: float) -> None:
        """One measurement."""
        lag_s = max(0.0, lag_s)
        # Only what is larger than all after it can ever be the most.
        while self._recent and self._recent[-1][1] <= lag_s:
            self._recent.pop()
        self._recent.append((now_s, lag_s))
        self._forget(now_s)
        self._sum_s += lag_s
        for index in range(bisect_left(BOUNDS_S, lag_s), len(self._counts)):
            self._counts[index] += 1
        if lag_s >= TELL_FROM_S and (self._told_s is None or now_s - self._told_s >= TELL_EVERY_S):
            self._told_s = now_s
            log.warning("the event loop stood still for %.2f s: everything waited", lag_s)

    def statistics(self) -> LoopLagStatistics:
        return LoopLagStatistics(
            self._recent[0][1] if self._recent else 0.0, self._sum_s, tuple(self._counts)
        )

    def _forget(self, now_s: float) -> None:
        while self._recent and self._recent[0][0] < now_s - RECENT_S:
            self._recent.popleft()

    def _arm(self, loop: asyncio.AbstractEventLoop, now_s: float) -> None:
        due_s = now_s + INTERVAL_S
        self._timer = loop.call_at(due_s, self._fired, loop, due_s)

    def _fired(self, loop: asyncio.AbstractEventLoop, due_s: float) -> None:
        now_s = loop.time()
        self.saw(now_s - due_s, now_s)
        self._arm(loop, now_s)
