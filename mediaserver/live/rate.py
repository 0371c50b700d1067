"""A rate over the last seconds. Pure."""

from __future__ import annotations

from collections import deque


class RateMeter:
    """Counts amounts in buckets of one second and answers their rate over the last ``span_s`` of them."""

    def __init__(self, span_s: int = 5) -> None:
        self._span_s = span_s
        self._buckets: deque[tuple[int, float]] = deque()
        self._first_s: float | None = None

    def add(self, amount: float, now_s: float) -> None:
        """Count ``amount`` at ``now_s`` (monotonic seconds)."""
        if self._first_s is None:
            self._first_s = now_s
        second = int(now_s)
        if self._buckets and self._buckets[-1][0] == second:
            amount += self._buckets.pop()[1]
        self._buckets.append((second, amount))
        self._forget(now_s)

    def per_second(self, now_s: float) -> float:
        """Amount per second; 0.0 before anything was counted."""
        self._forget(now_s)
        if self._first_s is None or not self._buckets:
            return 0.0
        oldest_s = max(self._first_s, float(self._buckets[0][0]))
        return sum(amount for _, amount in self._buckets) / max(0.5, now_s - oldest_s)

    def _forget(self, now_s: float) -> None:
        while self._buckets and self._buckets[0][0] < int(now_s) - self._span_s:
            self._buckets.popleft()
