"""How far a publisher may run ahead of the clock. Pure.

A file that is pushed without waiting (ffmpeg without ``-re``), or a sender that means harm, brings minutes of
media in a second; all of it would have to be held for viewers who play in real time. The door stops reading
for as long as :meth:`Pace.hold_s` says, and the transport's own flow control slows the sender down.
"""

from __future__ import annotations

from typing import Final

AHEAD_S: Final = 10.0
"""A relay that starts with what it has cached, and an encoder's jitter, are well below."""
CATCH_UP_S: Final = 60.0
"""What waited in an encoder while the network was down comes at once: viewers want to be live again."""
DRIFT: Final = 0.01
"""An encoder's clock that is so much too fast is no hurry: half a second in 50 is forgiven for ever."""


class Pace:
    """Of one publisher. Feed it the time of every unit, in seconds on the publication's timeline."""

    def __init__(self, ahead_s: float = AHEAD_S) -> None:
        self._ahead_s = ahead_s
        self._base_s: float | None = None
        """Media time less clock time, of a publisher that is neither early nor late."""
        self._at_s = 0.0

    def hold_s(self, time_s: float, now_s: float) -> float:
        """Seconds for which nothing more of this publisher should be read: 0 for one in real time."""
        lead_s = time_s - now_s
        if self._base_s is None:
            self._base_s = lead_s
        else:
            self._base_s += DRIFT * (now_s - self._at_s)
            self._base_s = min(self._base_s, lead_s + CATCH_UP_S)
        self._at_s = now_s
        return max(0.0, lead_s - self._base_s - self._ahead_s)
