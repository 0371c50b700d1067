"""When a child that ended is started again, and when it counts as hung. Pure."""

from __future__ import annotations

from collections import deque
from typing import Final

DELAYS_S: Final = (0.1, 0.25, 0.5, 1.0, 1.0)
"""Before the first, second, … restart of the last minute."""
WINDOW_S: Final = 60.0


class RestartPolicy:
    """At most five restarts in any minute, each a little later than the one before."""

    def __init__(self) -> None:
        self._restarts: deque[float] = deque()
        self.total = 0

    def next_delay_s(self, now_s: float) -> float | None:
        """A child has just ended: how long to wait before the next, or None to give up."""
        while self._restarts and now_s - self._restarts[0] > WINDOW_S:
            self._restarts.popleft()
        if len(self._restarts) >= len(DELAYS_S):
            return None
        delay_s = DELAYS_S[len(self._restarts)]
        self._restarts.append(now_s)
        self.total += 1
        return delay_s


class HangWatch:
    """One kind of media that a child is given and takes.

    What counts is that units are taken, not that pictures come out: a child that is fed damaged pictures
    puts nothing out for seconds and is in good health.
    """

    def __init__(self, now_s: float) -> None:
        self.fed = 0
        self.taken = 0
        self._moved_s = now_s

    @property
    def waiting(self) -> int:
        return max(0, self.fed - self.taken)

    def feed(self, now_s: float) -> None:
        """One more unit is on its way to the child."""
        if self.fed <= self.taken:
            self._moved_s = now_s
        self.fed += 1

    def take(self, taken: int, now_s: float) -> None:
        """The child says how many units it has taken in all."""
        if taken > self.taken:
            self.taken = taken
            self._moved_s = now_s

    def stuck_s(self, now_s: float) -> float:
        """For how long nothing was taken although something waits; 0 where nothing waits."""
        return now_s - self._moved_s if self.waiting else 0.0
