"""JPEGs of the live picture, for posters: one child for all streams, started when first asked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from transcoder import framing
from transcoder.child import Child, ChildGone
from transcoder.framing import FramingError
from transcoder.media import AccessUnit, Track

MAX_WIDTH: Final = 640
DEADLINE_S: Final = 5.0
START_S: Final = 15.0
IDLE_S: Final = 60.0
RESTART_EVERY_S: Final = 1.0
WAITING_LIMIT: Final = 64


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
        self._deadline_s = deadline_s
        self._idle_s = idle_s
        self._clock = clock
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._child: Child | None = None
        self._started_s = -RESTART_EVERY_S
        self._idle: asyncio.TimerHandle | None = None
        self._ending: set[asyncio.Task[int]] = set()
        self._closed = False
        self._number = 0
        self._made = self._failed = self._starts = 0

    async def still(self, track: Track, unit: AccessUnit) -> bytes:
        """A JPEG of ``unit``, which must be a sync unit; at most 640 pixels wide, in square pixels.

        Raises :class:`StillFailed`.
        """
        if self._waiting >= WAITING_LIMIT:
            self._failed += 1
            raise StillFailed("too many stills are waiting")
        self._waiting += 1
        try:
            async with self._turn:
                picture = await self._make(track, unit)
        except StillFailed:
            self._failed += 1
            raise
        finally:
            self._waiting -= 1
        self._made += 1
        return picture

    async def close(self) -> None:
        """End the child. Stills asked for afterwards fail."""
        self._closed = True
        self._drop_child()
        await asyncio.gather(*self._ending)

    def statistics(self) -> StillStatistics:
        child = self._child
        return StillStatistics(
            child.pid if child and not child.has_ended else None, self._made, self._failed, self._starts
        )

    async def _make(self, track: Track, unit: AccessUnit) -> bytes:
        if self._idle is not None:
            self._idle.cancel()
        finished = False
        try:
            child = await self._ready_child()
            async with asyncio.timeout(self._deadline_s):
                picture = await self._ask(child, track, unit)
            finished = True
        except TimeoutError:  # Is an OSError too.
            raise StillFailed(f"not made within {self._deadline_s:g} s") from None
        except ChildGone:
            raise StillFailed("the child ended over it") from None
        except FramingError as error:
            raise StillFailed(f"the child spoke nonsense: {error}") from None
        except OSError as error:
            raise StillFailed(f"no child could be started: {error}") from None
        finally:
            # After a question without its answer, the next answer would be the wrong one.
            if not finished:
                self._drop_child()
            elif self._child is not None:
                self._idle = asyncio.get_running_loop().call_later(self._idle_s, self._drop_child)
        if isinstance(picture, str):
            raise StillFailed(picture)
        return picture

    async def _ask(self, child: Child, track: Track, unit: AccessUnit) -> bytes | str:
        self._number += 1
        await child.send(framing.MakeStill(self._number, track, MAX_WIDTH))
        await child.send(framing.unit_message(unit), unit.payload)
        answer, picture = await child.receive()
        if not isinstance(answer, framing.Still) or answer.number != self._number:
            raise FramingError("that was not asked")
        return answer.reason or picture

    async def _ready_child(self) -> Child:
        """The child that runs, or a new one; never more than one start a second."""
        if self._child is not None and self._child.has_ended:
            self._drop_child()
        if self._child is None:
            if not self._closed:
                await asyncio.sleep(max(0.0, self._started_s + RESTART_EVERY_S - self._clock()))
            if self._closed:
                raise StillFailed("the server is stopping")
            self._started_s = self._clock()
            self._starts += 1
            self._child = await Child.spawn("stills", "stills")
            async with asyncio.timeout(START_S):
                await self._child.receive()  # Ready.
        return self._child

    def _drop_child(self) -> None:
        if self._child is not None:
            task = asyncio.ensure_future(self._child.end())
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)
            self._child = None
