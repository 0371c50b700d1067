"""Which rungs are encoded when the machine cannot encode them all in real time. Pure.

One measure decides: how long the oldest picture that nobody has decoded yet has been waiting. While that
grows, rungs are given up one by one, in the operator's order; when it has been small for a while they come
back one by one. A rung that has to be given up again soon after it came back waits twice as long the next
time, so that a machine at its limit does not swing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

BEHIND_S: Final = 0.5
"""A picture that waits longer is late; a burst after a stall in the network gets there and is gone again."""
BEHIND_FOR_S: Final = 2.0
"""So long without getting better: then a rung goes. Other work on the machine comes in bursts."""
URGENT_S: Final = 1.0
URGENT_FOR_S: Final = 1.0
"""A lag this large has less time: at half the speed of life, units would be dropped (``max_lag_s``) before a
second rung could go."""
SETTLE_S: Final = 2.0
"""What is left of the rung that was given up last takes so long to leave the queues."""
BETTER_S: Final = 0.1
CALM_LAG_S: Final = 0.25
CALM_S: Final = 10.0
"""How long it must be calm before the first rung comes back."""
LONGEST_CALM_S: Final = 320.0
HELD_FACTOR: Final = 3.0
"""A rung that held for so many times the patience has proved that there is room: the patience halves."""


class KeepUp:
    """Fed with each measure; answers which rungs are given up."""

    def __init__(self, order: Sequence[str], *, calm_s: float = CALM_S) -> None:
        """``order``: what may be given up, the first one first."""
        self._order = tuple(order)
        self._count = 0
        self._calm_s = calm_s
        self._patience_s = calm_s
        self._behind_since_s: float | None = None
        self._least_lag_s = 0.0
        self._calm_since_s: float | None = None
        self._came_back_s: float | None = None
        self._settled_s = 0.0

    @property
    def given_up(self) -> frozenset[str]:
        return frozenset(self._order[: self._count])

    @property
    def patience_s(self) -> float:
        """How long it must be calm before the next rung comes back."""
        return self._patience_s

    def measure(self, lag_s: float, now_s: float) -> bool:
        """Take one measure; True where :attr:`given_up` is another set now."""
        self._note_calm(lag_s, now_s)
        self._note_behind(lag_s, now_s)
        if (
            self._behind_since_s is not None
            and now_s - self._behind_since_s >= (URGENT_FOR_S if lag_s >= URGENT_S else BEHIND_FOR_S)
            and now_s >= self._settled_s
        ):
            return self._give_up(lag_s, now_s)
        if self._count and self._calm_since_s is not None and now_s - self._calm_since_s >= self._patience_s:
            self._count -= 1
            self._came_back_s = now_s
            self._calm_since_s = now_s
            return True
        return False

    def begin_anew(self) -> None:
        """Another child begins: what was measured before says nothing of it. What is given up stays so."""
        self._behind_since_s = self._calm_since_s = None

    def _note_calm(self, lag_s: float, now_s: float) -> None:
        if lag_s > CALM_LAG_S:
            self._calm_since_s = None
        elif self._calm_since_s is None:
            self._calm_since_s = now_s
        held_s = now_s - self._came_back_s if self._came_back_s is not None else 0.0
        if held_s > HELD_FACTOR * self._patience_s:
            self._patience_s = max(self._calm_s, self._patience_s / 2)
            self._came_back_s = now_s if self._patience_s > self._calm_s else None

    def _note_behind(self, lag_s: float, now_s: float) -> None:
        if lag_s <= BEHIND_S:
            self._behind_since_s = None
        elif self._behind_since_s is None or lag_s < self._least_lag_s - BETTER_S:
            # Where it is getting better, there is nothing to do but wait.
            self._behind_since_s = now_s
            self._least_lag_s = lag_s

    def _give_up(self, lag_s: float, now_s: float) -> bool:
        self._settled_s = now_s + SETTLE_S
        self._behind_since_s = now_s
        self._least_lag_s = lag_s
        if self._came_back_s is not None:
            self._patience_s = min(LONGEST_CALM_S, 2 * self._patience_s)
            self._came_back_s = None
        if self._count == len(self._order):
            return False
        self._count += 1
        return True
