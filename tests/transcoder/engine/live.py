"""A live worker with its real child, and everything it said, for tests."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress

from tests.transcoder.engine.clips import Clip
from transcoder.ladder import plan
from transcoder.media import AccessUnit, Kind, Track
from transcoder.supervisor import Cut, LiveJob, LiveWorker, WorkerState

DEADLINE_S = 30.0


class Rig:
    """Feeds a worker and waits for what it does."""

    def __init__(self, clips: Iterable[Clip], rungs: tuple[str, ...], **job: object) -> None:
        self.clips = tuple(clips)
        tracks = {clip.track.track_id: clip.track for clip in self.clips}
        self.tracks: dict[str, list[Track]] = defaultdict(list)
        self.units: dict[str, list[AccessUnit]] = defaultdict(list)
        self.states: list[tuple[WorkerState, str]] = []
        self._changed = asyncio.Event()
        self.worker = LiveWorker(
            LiveJob(
                **{
                    "stream": "test",
                    "tracks": tuple(tracks.values()),
                    "ladder": plan(tracks, rungs),
                    "max_lag_s": None,
                }
                | job
            ),
            on_track=self._on_track,
            on_unit=self._on_unit,
            on_state=self._on_state,
        )

    @property
    def all_units(self) -> list[AccessUnit]:
        return sorted((unit for clip in self.clips for unit in clip.units), key=lambda unit: unit.dts_s)

    async def feed(self, units: Iterable[AccessUnit], cuts_s: Iterable[float] = ()) -> None:
        cuts = sorted(cuts_s)
        for unit in units:
            while cuts and unit.codec.kind is Kind.VIDEO and unit.pts_s >= cuts[0]:
                await self.worker.feed(Cut(cuts.pop(0)))
            await self.worker.feed(unit)

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while not condition():
                self._changed.clear()
                # Figures change without a word: look again now and then.
                with suppress(TimeoutError):
                    async with asyncio.timeout(0.05):
                        await self._changed.wait()

    async def until_state(self, state: WorkerState, times: int = 1) -> None:
        await self.until(lambda: [entered for entered, _ in self.states].count(state) >= times)

    def _on_track(self, rendition: str, track: Track) -> None:
        self.tracks[rendition].append(track)
        self._changed.set()

    def _on_unit(self, rendition: str, unit: AccessUnit) -> None:
        self.units[rendition].append(unit)
        self._changed.set()

    def _on_state(self, state: WorkerState, detail: str) -> None:
        self.states.append((state, detail))
        self._changed.set()


@asynccontextmanager
async def rig(*clips: Clip, rungs: tuple[str, ...] = ("240p", "144p"), **job: object) -> AsyncIterator[Rig]:
    """A running worker; stopped at the end."""
    made = Rig(clips, rungs, **job)
    task = asyncio.create_task(made.worker.run())
    try:
        yield made
    finally:
        made.worker.stop()
        async with asyncio.timeout(DEADLINE_S):
            await task


__all__ = ["Rig", "rig"]
