"""Viewers counted by session: who asked for a playlist lately, and by which protocol. Pure; bounded."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Mapping

MAX_SESSIONS = 100_000
"""Above this the oldest are forgotten: a flood of made-up session ids costs a fixed amount of memory."""


class Viewers:
    """Sessions seen within ``timeout_s``. Ordered by last sight, so that expiry looks only at the oldest."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._last_seen: OrderedDict[str, tuple[float, str]] = OrderedDict()
        self._by_protocol: Counter[str] = Counter()

    def seen(self, session_id: str, now_s: float, protocol: str = "hls") -> None:
        """A session asked for a playlist at ``now_s`` (monotonic seconds). ``protocol``: a word of ours."""
        before = self._last_seen.get(session_id)
        if before is None or before[1] != protocol:
            if before is not None:
                self._by_protocol[before[1]] -= 1
            self._by_protocol[protocol] += 1
        self._last_seen[session_id] = now_s, protocol
        self._last_seen.move_to_end(session_id)
        if len(self._last_seen) > MAX_SESSIONS:
            self._forget_oldest()

    def count(self, now_s: float) -> int:
        """How many sessions are watching at ``now_s``."""
        while self._last_seen:
            seen_s, _ = next(iter(self._last_seen.values()))
            if now_s - seen_s <= self._timeout_s:
                break
            self._forget_oldest()
        return len(self._last_seen)

    def by_protocol(self, now_s: float) -> Mapping[str, int]:
        """The same by protocol. One that was ever used stays, with 0."""
        self.count(now_s)
        return dict(self._by_protocol)

    def _forget_oldest(self) -> None:
        _, (_, protocol) = self._last_seen.popitem(last=False)
        self._by_protocol[protocol] -= 1
