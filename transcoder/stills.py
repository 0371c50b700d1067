"""JPEGs of the live picture, for posters: one child for all streams, started when first asked."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from transcoder import framing
from transcoder.asked import AskedChild, NoAnswer
from transcoder.child import Child
from transcoder.framing import FramingError
from transcoder.media import AccessUnit, Track

MAX_WIDTH: Final = 640
DEADLINE_S: Final = 5.0
IDLE_S: Final = 60.0


class StillFailed(Exception):
    """No picture could be made; the sentence says why."""


@dataclass(frozen=True, slots=True)
class StillStatistics:
    """A snapshot."""

    pid: int | None
    made: int
    failed: int
    starts: int


class StillMaker:
    """Makes one still at a time. A unit that breaks the child costs its own still and nobody else's."""

    def __init__(
        self,
        *,
        deadline_s: float = DEADLINE_S,
        idle_s: float = IDLE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._asked = AskedChild("stills", deadline_s=deadline_s, idle_s=idle_s, clock=clock)
        self._number = 0
        self._made = self._failed = 0

    async def still(self, track: Track, unit: AccessUnit) -> bytes:
        """A JPEG of ``unit``, which must be a sync unit; at most 640 pixels wide, in square pixels.

        Raises :class:`StillFailed`.
        """

        async def question(child: Child) -> bytes | str:
            self._number += 1
            await child.send(framing.MakeStill(self._number, track, MAX_WIDTH))
            await child.send(framing.unit_message(unit), unit.payload)
            answer, picture = await child.receive()
            if not isinstance(answer, framing.Still) or answer.number != self._number:
                raise FramingError("that was not asked")
            return answer.reason or picture

        try:
            picture = await self._asked.ask(question)
        except NoAnswer as error:
            self._failed += 1
            raise StillFailed(str(error)) from None
        if isinstance(picture, str):
            self._failed += 1
            raise StillFailed(picture)
        self._made += 1
        return picture

    async def close(self) -> None:
        """End the child. Stills asked for afterwards fail."""
        await self._asked.close()

    def statistics(self) -> StillStatistics:
        return StillStatistics(self._asked.pid, self._made, self._failed, self._asked.starts)
