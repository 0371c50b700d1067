"""From decoding order to the order in which pictures are shown."""

from __future__ import annotations

import heapq
from itertools import count
from typing import Final, Generic, TypeVar

T = TypeVar("T")

MOST_WAITING: Final = 32
"""Twice the largest picture buffer of H.264 and H.265 (A.3.1, A.4.2): no stream needs more."""


class PresentationOrder(Generic[T]):
    """Holds what comes with a picture until every earlier picture has been seen.

    A picture is never shown before it is decoded, so once a unit with decoding time t has come, everything
    up to t is complete.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, T]] = []
        self._number = count()

    def push(self, pts: int, dts: int, item: T) -> list[tuple[int, T]]:
        """Take a unit's item; answer those that are due, with their presentation times, in order."""
        heapq.heappush(self._heap, (pts, next(self._number), item))
        due = []
        while self._heap and (self._heap[0][0] <= dts or len(self._heap) > MOST_WAITING):
            at, _, earlier = heapq.heappop(self._heap)
            due.append((at, earlier))
        return due

    def flush(self) -> list[tuple[int, T]]:
        """All the rest: nothing more will come."""
        rest = [(at, item) for at, _, item in sorted(self._heap, key=lambda entry: entry[:2])]
        self._heap.clear()
        return rest
