"""When a child that ended is started again. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

DELAYS_S: Final = (0.1, 0.25, 0.5, 1.0)
"""Before the first, second, … restart of the last minute; the last one holds for all that follow."""
WINDOW_S: Final = 60.0
PER_MINUTE: Final = 5
PAUSES_S: Final = (60.0, 120.0, 240.0, 600.0)
"""After too many restarts: the stream is still on air, so it is tried again, ever more rarely."""


@dataclass(frozen=True, slots=True)
class Restart:
    """The next start."""

    delay_s: float
    failed: bool
    """There were too many in a minute: this is the long pause after them."""


class RestartPolicy:
    """A few restarts in any minute, each a little later than the one before; then one after each pause."""

    def __init__(self, per_minute: int = PER_MINUTE) -> None:
        self._per_minute = per_minute
        self._restarts: deque[float] = deque()
        self._pauses = 0
        self._paused_until_s = 0.0
        self.total = 0

    def next(self, now_s: float) -> Restart:
        """A child has just ended: when the next is started."""
        if self._pauses and now_s - self._paused_until_s > WINDOW_S:
            # The child that came after the pause has lived for a minute.
            self._pauses = 0
            self._restarts.clear()
        while self._restarts and now_s - self._restarts[0] > WINDOW_S:
            self._restarts.popleft()
        self.total += 1
        if self._pauses or len(self._restarts) >= self._per_minute:
            pause_s = PAUSES_S[min(self._pauses, len(PAUSES_S) - 1)]
            self._pauses += 1
            self._paused_until_s = now_s + pause_s
            return Restart(pause_s, failed=True)
        delay_s = DELAYS_S[min(len(self._restarts), len(DELAYS_S) - 1)]
        self._restarts.append(now_s)
        return Restart(delay_s, failed=False)
