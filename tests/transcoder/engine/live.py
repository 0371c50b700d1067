"""A live worker with its real child, and everything it said, for tests."""

from __future__ import annotations

import asyncio
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.transcoder.engine.clips import Clip
from transcoder.encoder_probe import EncoderProbe
from transcoder.ladder import plan
from transcoder.media import AccessUnit, Kind, Track
from transcoder.supervisor import Cut, LiveJob, LiveWorker, WorkerState

DEADLINE_S = 30.0
HERE = Path(__file__).parent


def replaced_child(folder: Path, program: str, how: str, *, times: int = 1 << 30) -> str:
    """An interpreter for :mod:`transcoder.child` that runs ``program`` in the place of the worker.

    After ``times`` starts the real worker runs.
    """
    launcher = folder / "python"
    launcher.write_text(
        "#!/bin/sh\n"
        f'echo >> "{folder}/starts"\n'
        f'[ $(wc -l < "{folder}/starts") -gt {times} ] && exec "{sys.executable}" "$@"\n'
        "shift 3\n"  # -sP -m transcoder.worker
        f'exec "{sys.executable}" -sP "{HERE / program}" "{how}" "$@"\n'
    )
    launcher.chmod(0o700)
    return str(launcher)


@dataclass(frozen=True)
class Held:
    """What this process holds."""

    files: int
    children: int
    tasks: int

    @classmethod
    def now(cls) -> Held:
        own = Path("/proc/self")
        return cls(
            files=len(list((own / "fd").iterdir())),
            children=sum(len(each.read_text().split()) for each in own.glob("task/*/children")),
            tasks=len(asyncio.all_tasks()),
        )


class Rig:
    """Feeds a worker and waits for what it does."""

    def __init__(
        self,
        clips: Iterable[Clip],
        rungs: tuple[str, ...],
        encoders: EncoderProbe | None = None,
        **job: object,
    ) -> None:
        self.clips = tuple(clips)
        tracks = {clip.track.track_id: clip.track for clip in self.clips}
        self.tracks: dict[str, list[Track]] = defaultdict(list)
        self.units: dict[str, list[AccessUnit]] = defaultdict(list)
        self.states: list[tuple[WorkerState, str]] = []
        self.rungs: list[frozenset[str]] = []
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
            on_rungs=self._on_rungs,
            encoders=encoders,
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

    async def feed_in_real_time(self, units: Iterable[AccessUnit], cuts_s: Iterable[float] = ()) -> None:
        """Each unit when its time has come: the passing of time is what is tested."""
        loop, cuts = asyncio.get_running_loop(), sorted(cuts_s)
        began_s, first_s = loop.time(), None
        for unit in units:
            first_s = unit.dts_s if first_s is None else first_s
            await asyncio.sleep(began_s + unit.dts_s - first_s - loop.time())
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

    def _on_rungs(self, given_up: frozenset[str]) -> None:
        self.rungs.append(given_up)
        self._changed.set()

    def _on_state(self, state: WorkerState, detail: str) -> None:
        self.states.append((state, detail))
        self._changed.set()


@asynccontextmanager
async def rig(
    *clips: Clip,
    rungs: tuple[str, ...] = ("240p", "144p"),
    encoders: EncoderProbe | None = None,
    **job: object,
) -> AsyncIterator[Rig]:
    """A running worker; stopped at the end, and then nothing of it is left."""
    before = Held.now()
    made = Rig(clips, rungs, encoders, **job)
    task = asyncio.create_task(made.worker.run())
    try:
        yield made
    finally:
        made.worker.stop()
        async with asyncio.timeout(DEADLINE_S):
            await task
        assert Held.now() == before


__all__ = ["Rig", "replaced_child", "rig"]
