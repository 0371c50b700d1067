"""The bounded queue in front of a decoder: what waits too long is dropped up to the next sync unit."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Final

from transcoder.media import AccessUnit, Track

LIMIT_ITEMS: Final = 600
LIMIT_BYTES: Final = 16 << 20


@dataclass(frozen=True, slots=True)
class CutMark:
    """A segment starts at the first picture with pts >= ``ticks`` (1/90000 s)."""

    ticks: int


InboxItem = AccessUnit | Track | CutMark


class Inbox:
    """One writer, one reader, each in a thread of its own.

    A full inbox makes the writer wait: that is the back pressure which the pipe carries to the server.
    With ``max_lag_s`` set, a unit that waited longer is dropped, and with it all up to the next sync unit
    that has not; tracks and cuts are never dropped.
    """

    def __init__(self, max_lag_s: float | None) -> None:
        self._items: deque[tuple[InboxItem, float]] = deque()
        self._bytes = 0
        self._max_lag_s = max_lag_s
        self._skipping = False
        self._closed = False
        self._changed = threading.Condition()
        self.dropped = 0
        self.taken = 0
        """Units that left: decoded or dropped. It moves as long as the reader lives."""

    def put(self, item: InboxItem) -> None:
        """Blocks while full. Nothing is taken after :meth:`close`."""
        size = len(item.payload) if isinstance(item, AccessUnit) else 0
        with self._changed:
            while not self._closed and self._items and self._is_full(size):
                self._changed.wait()
            if self._closed:
                return
            self._items.append((item, time.monotonic()))
            self._bytes += size
            self._changed.notify_all()

    def close(self) -> None:
        """No more will come; the reader gets what is here, then None."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def take(self) -> InboxItem | None:
        """The next item, blocking; None at the end."""
        with self._changed:
            while True:
                while not self._items:
                    if self._closed:
                        return None
                    self._changed.wait()
                item, since_s = self._items.popleft()
                self._changed.notify_all()
                if not isinstance(item, AccessUnit):
                    return item
                self._bytes -= len(item.payload)
                self.taken += 1
                if not self._must_drop(item, time.monotonic() - since_s):
                    return item
                self.dropped += 1

    def _must_drop(self, unit: AccessUnit, waited_s: float) -> bool:
        if self._max_lag_s is None:
            return False
        if waited_s > self._max_lag_s:
            self._skipping = True
        elif unit.sync:
            self._skipping = False
        return self._skipping

    def _is_full(self, size: int) -> bool:
        return len(self._items) >= LIMIT_ITEMS or self._bytes + size > LIMIT_BYTES
