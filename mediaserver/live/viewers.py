"""Viewers counted by session: who asked for a playlist lately, and by which protocol. Pure; bounded."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Mapping

MAX_SESSIONS = 100_000
"""Above this the oldest are forgotten: a flood of made-up session ids costs a fixed amount of memory."""
EXEMPT_S = 120.0
"""Longer than a page that nobody looks at pauses between two questions."""
MAX_EXEMPT = 1_000
"""Pages that look on at one time; the oldest is counted again."""


class Viewers:
    """Sessions seen within ``timeout_s``. Ordered by last sight, so that expiry looks only at the oldest."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._last_seen: OrderedDict[str, tuple[float, str]] = OrderedDict()
        self._by_protocol: Counter[str] = Counter()
        self._exempt: OrderedDict[str, float] = OrderedDict()
        """Sessions that are nobody's audience, and when that was last said."""

    def seen(self, session_id: str, now_s: float, protocol: str = "hls") -> None:
        """A session asked for a playlist at ``now_s`` (monotonic seconds). ``protocol``: a word of ours."""
        if self._exempt and self._is_exempt(session_id, now_s):
            return
        before = self._last_seen.get(session_id)
        if before is None or before[1] != protocol:
            if before is not None:
                self._by_protocol[before[1]] -= 1
            self._by_protocol[protocol] += 1
        self._last_seen[session_id] = now_s, protocol
        self._last_seen.move_to_end(session_id)
        if len(self._last_seen) > MAX_SESSIONS:
            self._forget_oldest()

    def exempt(self, session_id: str, now_s: float) -> None:
        """This session is nobody's audience for :data:`EXEMPT_S` from now. For who manages the stream."""
        self._exempt[session_id] = now_s
        self._exempt.move_to_end(session_id)
        if len(self._exempt) > MAX_EXEMPT:
            self._exempt.popitem(last=False)
        counted = self._last_seen.pop(session_id, None)
        if counted is not None:
            self._by_protocol[counted[1]] -= 1

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

    def _is_exempt(self, session_id: str, now_s: float) -> bool:
        said_s = self._exempt.get(session_id)
        if said_s is not None and now_s - said_s > EXEMPT_S:
            del self._exempt[session_id]
            said_s = None
        return said_s is not None

    def _forget_oldest(self) -> None:
        _, (_, protocol) = self._last_seen.popitem(last=False)
        self._by_protocol[protocol] -= 1
