"""What an earlier process left of a stream in the object store, looked after before anybody relies on it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from mediaserver.live.archive_record import (
    RECORD_NAME,
    ROOT,
    Moment,
    RecordUnreadable,
    StoredRendition,
    StoredRun,
    media_key,
    record_key,
    stream_and_epoch,
)
from mediaserver.live.timeline import StreamTimeline
from mediaserver.storage.contract import ObjectDamaged, ObjectMissing, Objects
from transcoder.manifests.restored import checkpoint, restore
from transcoder.manifests.window import MediaWindow, WindowCheckpoint

log = logging.getLogger(__name__)

_AFTER_ALL: Final = "~"
"""Comes after every character of a key: what follows a folder's last object."""
_LOOKS_AT_ONCE: Final = 8


@dataclass(frozen=True, slots=True)
class RestoredRun:
    """What a run goes on with."""

    windows: Mapping[str, MediaWindow]
    """By rendition, best first; level with each other, and filled up to ``timeline.end_s``."""
    texts: Mapping[str, MediaWindow]
    """Those of words."""
    timeline: StreamTimeline


@dataclass(frozen=True, slots=True)
class LoadedRun:
    """A run of an earlier process. All that it names is there."""

    run: StoredRun
    inits: Mapping[str, Mapping[str, bytes]]
    age_s: float
    """How long ago it was last written, when it was loaded."""
    loaded_s: float
    """Monotonic clock at that moment."""

    @property
    def renditions(self) -> Mapping[str, StoredRendition]:
        """Best first: ``rendition``, ``track`` and ``frame_rate`` of each."""
        return self.run.renditions

    @property
    def checkpoint(self) -> WindowCheckpoint:
        """Above all numbers that players had seen when it was written."""
        return checkpoint(self.run.windows)

    def restore(self, epoch: str, now_s: float) -> RestoredRun | None:
        """Its windows as they go on under a new ``epoch``; None where nothing of them is left.

        The time that has passed since is in them as gaps, so what has become too old is listed no more.
        """
        run = self.run
        media_now_s = run.saved_media_s + self.age_s + max(0.0, now_s - self.loaded_s)
        restored = restore(
            run.windows,
            run.config,
            epoch,
            inits=self.inits,
            key_of=partial(media_key, run.stream),
            program_now_s=run.program_origin_s + media_now_s,
            now_s=now_s,
        )
        if restored is None:
            return None
        timeline = StreamTimeline(origin_s=now_s - media_now_s, program_origin_s=run.program_origin_s)
        timeline.end_s = restored.end_time_s - run.program_origin_s
        return RestoredRun(
            windows={name: restored.windows[name] for name in run.renditions},
            texts={name: restored.windows[name] for name in run.texts},
            timeline=timeline,
        )


async def stored_streams(objects: Objects) -> list[str]:
    """Names of streams of which anything is stored. Raises StoreError."""
    return [stream async for stream in _folders(objects, ROOT)]


async def load_run(objects: Objects, stream: str, moment: Moment, now_s: float) -> LoadedRun | None:
    """The newest run of a stream that can be read. Raises StoreError."""
    newest: StoredRun | None = None
    async for epoch in _folders(objects, f"{ROOT}{stream}/"):
        run = await _record(objects, stream, epoch)
        # Numbers never go back, whatever the clocks of the processes said.
        if run is not None and (newest is None or _number(run) > _number(newest)):
            newest = run
    if newest is None:
        return None
    lost = await _lost(objects, newest, look_inside=not moment.is_same_boot(newest.saved))
    run = newest.without(lost) if lost else newest
    inits, lost = await _inits(objects, run)
    if lost:
        run = run.without(lost)
    return LoadedRun(run, inits, moment.since(run.saved), now_s)


def _number(run: StoredRun) -> int:
    return checkpoint(run.windows).next_msn


async def _folders(objects: Objects, prefix: str) -> AsyncIterator[str]:
    """The names below ``prefix`` that hold objects, without a look at each object."""
    after = ""
    while page := await objects.list(prefix, after=after, limit=1):
        name, slash, _ = page[0].removeprefix(prefix).partition("/")
        if slash:
            yield name
        after = f"{prefix}{name}{slash}{_AFTER_ALL}" if slash else page[0]


async def _record(objects: Objects, stream: str, epoch: str) -> StoredRun | None:
    key = record_key(stream, epoch)
    try:
        run = StoredRun.decode(await objects.get(key))
        if (run.stream, run.epoch) != (stream, epoch):
            raise RecordUnreadable(f"it is that of {run.stream!r}, {run.epoch!r}")
    except ObjectMissing:
        return None
    except (ObjectDamaged, RecordUnreadable) as error:
        log.warning("stream %s: %s of an earlier run cannot be used: %s", stream, RECORD_NAME, error)
        return None
    return run


async def _lost(objects: Objects, run: StoredRun, *, look_inside: bool) -> set[str]:
    """Keys that the run names and that are not there; with ``look_inside``, or are not whole.

    What a process wrote before it was killed is whole; only a machine that lost its power can have less on
    the disk than was written.
    """
    wanted = run.keys
    there: set[str] = set()
    for epoch in sorted({stream_and_epoch(key)[1] for key in wanted}):
        after = ""
        prefix = f"{ROOT}{run.stream}/{epoch}/"
        while page := await objects.list(prefix, after=after):
            there.update(page)
            after = page[-1]
    lost = wanted - there
    if look_inside:
        slots = asyncio.Semaphore(_LOOKS_AT_ONCE)

        async def look(key: str) -> str | None:
            async with slots:
                try:
                    await objects.info(key)
                except (ObjectMissing, ObjectDamaged):
                    return key
            return None

        looked = await asyncio.gather(*map(look, sorted(wanted - lost)))
        lost.update(key for key in looked if key is not None)
    if lost:
        log.warning("stream %s: %d objects of an earlier run are lost", run.stream, len(lost))
    return lost


async def _inits(objects: Objects, run: StoredRun) -> tuple[dict[str, dict[str, bytes]], set[str]]:
    """The init segments, which stay in memory, and the keys of those that cannot be read."""
    inits: dict[str, dict[str, bytes]] = {}
    lost = set()
    for rendition, window in run.windows.items():
        inits[rendition] = {}
        for name in sorted(window.init_names):
            key = media_key(run.stream, rendition, name)
            try:
                inits[rendition][name] = await objects.get(key)
            except (ObjectMissing, ObjectDamaged):
                lost.add(key)
    return inits, lost
