"""Viewers counted by session: who asked for a playlist lately. Pure; bounded."""

from __future__ import annotations

from collections import OrderedDict

MAX_SESSIONS = 100_000
"""Above this the oldest are forgotten: a flood of made-up session ids costs a fixed amount of memory."""


class Viewers:
    """Sessions seen within ``timeout_s``. Ordered by last sight, so that expiry looks only at the oldest."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._last_seen_s: OrderedDict[str, float] = OrderedDict()

    def seen(self, session_id: str, now_s: float) -> None:
        """A session asked for a playlist at ``now_s`` (monotonic seconds)."""
        self._last_seen_s[session_id] = now_s
        self._last_seen_s.move_to_end(session_id)
        if len(self._last_seen_s) > MAX_SESSIONS:
            self._last_seen_s.popitem(last=False)

    def count(self, now_s: float) -> int:
        """How many sessions are watching at ``now_s``."""
        while self._last_seen_s:
            session_id, seen_s = next(iter(self._last_seen_s.items()))
            if now_s - seen_s <= self._timeout_s:
                break
            del self._last_seen_s[session_id]
        return len(self._last_seen_s)
