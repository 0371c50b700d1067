"""A child that is asked one question after the other: started when first needed, replaced when it fails."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from transcoder.child import Child, ChildGone
from transcoder.framing import FramingError

START_S: Final = 15.0
RESTART_EVERY_S: Final = 1.0
WAITING_LIMIT: Final = 64

Answer = TypeVar("Answer")


class NoAnswer(Exception):
    """The child did not answer; the sentence says why."""


class AskedChild:
    """Serves one question at a time. A question that breaks the child costs its own answer only."""

    def __init__(
        self,
        work: str,
        *,
        deadline_s: float,
        idle_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``work`` is what the child is started for; without a question for ``idle_s`` it ends."""
        self._work = work
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
        self.starts = 0

    @property
    def pid(self) -> int | None:
        child = self._child
        return child.pid if child and not child.has_ended else None

    async def ask(self, question: Callable[[Child], Awaitable[Answer]]) -> Answer:
        """Have ``question`` talk to the child, alone and within the deadline. Raises :class:`NoAnswer`."""
        if self._waiting >= WAITING_LIMIT:
            raise NoAnswer(f"too many {self._work} are waiting")
        self._waiting += 1
        try:
            async with self._turn:
                return await self._ask(question)
        finally:
            self._waiting -= 1

    async def warm(self) -> None:
        """Start the child ahead of the first question. Raises :class:`NoAnswer`."""

        async def nothing(_child: Child) -> None:
            return None

        await self.ask(nothing)

    async def close(self) -> None:
        """End the child. What is asked afterwards fails."""
        self._closed = True
        self._drop_child()
        await asyncio.gather(*self._ending)

    async def _ask(self, question: Callable[[Child], Awaitable[Answer]]) -> Answer:
        if self._idle is not None:
            self._idle.cancel()
        finished = False
        try:
            child = await self._ready_child()
            async with asyncio.timeout(self._deadline_s):
                answer = await question(child)
            finished = True
        except TimeoutError:  # Is an OSError too.
            raise NoAnswer(f"not made within {self._deadline_s:g} s") from None
        except ChildGone:
            raise NoAnswer("the child ended over it") from None
        except FramingError as error:
            raise NoAnswer(f"the child spoke nonsense: {error}") from None
        except OSError as error:
            raise NoAnswer(f"no child could be started: {error}") from None
        finally:
            # After a question without its answer, the next answer would be the wrong one.
            if not finished:
                self._drop_child()
            elif self._child is not None:
                self._idle = asyncio.get_running_loop().call_later(self._idle_s, self._drop_child)
        return answer

    async def _ready_child(self) -> Child:
        """The child that runs, or a new one; never more than one start a second."""
        if self._child is not None and self._child.has_ended:
            self._drop_child()
        if self._child is None:
            if not self._closed:
                await asyncio.sleep(max(0.0, self._started_s + RESTART_EVERY_S - self._clock()))
            if self._closed:
                raise NoAnswer("the server is stopping")
            self._started_s = self._clock()
            self.starts += 1
            self._child = await Child.spawn(self._work, self._work)
            async with asyncio.timeout(START_S):
                await self._child.receive()  # Ready.
        return self._child

    def _drop_child(self) -> None:
        if self._child is not None:
            task = asyncio.ensure_future(self._child.end())
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)
            self._child = None
