"""How fast each rung was encoded lately, from what a child reports. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

from transcoder.encoders import HARDWARE
from transcoder.framing import RungFigures
from transcoder.livejob import RungSpeed

REPORTS: Final = 11
"""Of half a second each: the speed of the last five seconds."""


class RungSpeeds:
    """Fed with each report."""

    def __init__(self) -> None:
        self._reports: deque[dict[str, RungFigures]] = deque(maxlen=REPORTS)

    @property
    def uses_hardware(self) -> bool:
        """Whether any rung's pictures are made by a device at present."""
        latest = self._reports[-1].values() if self._reports else ()
        return any(rung.encoder in HARDWARE for rung in latest)

    def take(self, rungs: Sequence[RungFigures]) -> None:
        self._reports.append({rung.rendition: rung for rung in rungs})

    def figures(self) -> tuple[RungSpeed, ...]:
        if not self._reports:
            return ()
        return tuple(
            RungSpeed(name, rung.units_out, self._speed(name), rung.encoder)
            for name, rung in self._reports[-1].items()
        )

    def _speed(self, name: str) -> float:
        latest, earliest = self._reports[-1][name], self._reports[0].get(name)
        media_s, busy_s = latest.media_s, latest.busy_s
        if earliest is not None and len(self._reports) > 1:
            media_s, busy_s = media_s - earliest.media_s, busy_s - earliest.busy_s
        return media_s / busy_s if busy_s > 0 else 0.0
