"""Whether a child is alive and how far behind it is: from what it was given, took and gave back. Pure."""

from __future__ import annotations

from collections import deque
from typing import Final

UNITS_HELD: Final = 17
"""More than any decoder keeps back to reorder (H.264 and H.265: 16 pictures)."""


class HangWatch:
    """One kind of media that a child is given and takes."""

    def __init__(self, now_s: float) -> None:
        self.fed = 0
        self.taken = 0
        self._fed_s: deque[float] = deque()
        """Of each unit that was not taken yet; the pipe and the child's own limits keep it short."""
        self._moved_s = now_s

    @property
    def waiting(self) -> int:
        return max(0, self.fed - self.taken)

    def feed(self, now_s: float) -> None:
        """One more unit is on its way to the child."""
        if not self._fed_s:
            self._moved_s = now_s
        self.fed += 1
        self._fed_s.append(now_s)

    def take(self, taken: int, now_s: float) -> None:
        """The child says how many units it has taken in all."""
        if taken > self.taken:
            self.taken = taken
            self._moved_s = now_s
            while len(self._fed_s) > self.waiting:
                self._fed_s.popleft()

    def begin_anew(self, now_s: float) -> None:
        """Forgive the waiting until now: the child was loading its libraries, or nobody was running."""
        self._moved_s = now_s
        self._fed_s = deque(now_s for _ in self._fed_s)

    def stuck_s(self, now_s: float) -> float:
        """For how long nothing was taken although something waits; 0 where nothing waits."""
        return now_s - self._moved_s if self.waiting else 0.0

    def lag_s(self, now_s: float) -> float:
        """How long the oldest unit that was not taken has been waiting."""
        return now_s - self._fed_s[0] if self._fed_s else 0.0


class OutputWatch:
    """One kind of media that a child takes and has to give back.

    What a decoder refuses and what is left out on purpose excuses silence: a child that is fed damaged
    pictures puts nothing out for seconds and is in good health.
    """

    def __init__(self) -> None:
        self._taken = 0
        self._excused = 0
        self._taken_at_output = 0
        self._spoke = False
        self._since_s: float | None = None
        """When the first unit after the last output was taken."""

    def output(self) -> None:
        """Something came out."""
        self._spoke = True
        self._since_s = None

    def take(self, taken: int, excused: int, now_s: float) -> None:
        """What the child says it has taken, and how much of that could give nothing."""
        # What came out before this report may be all that was taken until now. And since there is damage,
        # nobody can say which units should have come out.
        if self._spoke or excused > self._excused:
            self._taken_at_output = taken
            self._since_s = None
        self._spoke = False
        self._taken, self._excused = taken, excused
        if self._since_s is None and taken > self._taken_at_output:
            self._since_s = now_s

    def begin_anew(self, now_s: float) -> None:
        """Forgive the silence until now."""
        if self._since_s is not None:
            self._since_s = now_s

    def silent_s(self, now_s: float) -> float:
        """For how long nothing has come out although enough was taken; 0 where all is well."""
        if self._since_s is None or self._taken - self._taken_at_output < UNITS_HELD:
            return 0.0
        return now_s - self._since_s
