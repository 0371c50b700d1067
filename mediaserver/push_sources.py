"""What `mediaserver push` sends, paced in real time: a file, or the test pattern.

Decoding and encoding block, so they happen in a thread; pacing is by absolute deadlines on the monotonic
clock, so that it never drifts.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final, ParamSpec, Protocol, TypeVar

from transcoder.engine.demux import MediaFile
from transcoder.engine.testpattern import PatternConfig, TestPattern
from transcoder.media import AccessUnit, Track

P = ParamSpec("P")
T = TypeVar("T")

_READ_AHEAD_UNITS: Final = 32
_LATE_FRAMES: Final = 1.5
"""A picture later than this many frame times is dropped, and the next one is on time."""


class Source(Protocol):
    """A broadcast: tracks, and units each of which comes when it is due."""

    tracks: tuple[Track, ...]
    notes: tuple[str, ...]
    dropped_frames: int

    def units(self) -> AsyncGenerator[AccessUnit, None]:
        """Units in decoding order, at their time. Call it once."""

    def close(self) -> None: ...


class FileSource:
    """A file at the speed of its own clock."""

    def __init__(self, path: Path, *, loop: bool) -> None:
        """Opens the file. Raises :class:`transcoder.engine.demux.DemuxError`."""
        self._file = MediaFile(path, loop=loop)
        self.tracks = self._file.tracks
        self.notes = self._file.notes
        self.dropped_frames = 0

    async def units(self) -> AsyncGenerator[AccessUnit, None]:
        iterator = iter(self._file)
        start_s = time.monotonic()
        while batch := await _in_thread(_take, iterator, _READ_AHEAD_UNITS):
            for unit in batch:
                delay_s = start_s + unit.dts_s - time.monotonic()
                if delay_s > 0:
                    await asyncio.sleep(delay_s)
                yield unit

    def close(self) -> None:
        self._file.close()


async def _in_thread(work: Callable[P, T], *arguments: P.args, **keywords: P.kwargs) -> T:
    """Like asyncio.to_thread, but a cancelled caller waits for the thread to be done.

    A codec must not be closed while a thread is still inside it.
    """
    running = asyncio.ensure_future(asyncio.to_thread(work, *arguments, **keywords))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise


def _take(iterator: Iterator[AccessUnit], count: int) -> list[AccessUnit]:
    return list(islice(iterator, count))


class PatternSource:
    """The test pattern: each picture is drawn at its deadline and shows the wall clock of that moment."""

    def __init__(self, config: PatternConfig) -> None:
        self._pattern = TestPattern(config)
        self._fps = float(config.fps)
        self.tracks = self._pattern.tracks
        self.notes: tuple[str, ...] = ()
        self.dropped_frames = 0

    async def units(self) -> AsyncGenerator[AccessUnit, None]:
        start_s = time.monotonic()
        index = 0
        while True:
            delay_s = start_s + index / self._fps - time.monotonic()
            if delay_s > 0:
                await asyncio.sleep(delay_s)
            elif -delay_s * self._fps > _LATE_FRAMES:
                due = int((time.monotonic() - start_s) * self._fps)
                self.dropped_frames += due - index
                index = due
            drawn = await _in_thread(self._pattern.render, index, time.time(), time.monotonic())
            for unit in drawn:
                yield unit
            index += 1

    def close(self) -> None:
        self._pattern.close()
