"""One run's way into the object store: its segments as they close, then the record that names them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from mediaserver.live.archive_record import (
    RECORD_NAME,
    RECORD_TYPE,
    VERSION,
    Moment,
    StoredRendition,
    StoredRun,
    StoredText,
    media_key,
    record_key,
)
from mediaserver.live.timeline import StreamTimeline
from mediaserver.storage.contract import Objects, StoreError
from transcoder.ladder import Rendition
from transcoder.manifests.config import WindowConfig
from transcoder.manifests.segment import Init, Media, Segment
from transcoder.manifests.stored import snapshot
from transcoder.manifests.window import MediaWindow
from transcoder.media import Track

log = logging.getLogger(__name__)


class ArchivedOutput(Protocol):
    """What the archive must know of a rendition; :class:`mediaserver.live.output.RenditionOutput` has it."""

    @property
    def rendition(self) -> Rendition: ...
    @property
    def window(self) -> MediaWindow: ...
    @property
    def track(self) -> Track | None: ...


class ArchivedText(Protocol):
    """The same of words; :class:`mediaserver.live.output.TextOutput` has it."""

    @property
    def channel(self) -> str: ...
    @property
    def language(self) -> str | None: ...
    @property
    def window(self) -> MediaWindow: ...


class ArchivedRun(Protocol):
    """What the archive must know of a run; :class:`mediaserver.live.run.StreamRun` has it."""

    @property
    def epoch(self) -> str: ...
    @property
    def config(self) -> WindowConfig: ...
    @property
    def timeline(self) -> StreamTimeline: ...
    @property
    def outputs(self) -> Mapping[str, ArchivedOutput]: ...
    @property
    def texts(self) -> Mapping[str, ArchivedText]: ...
    @property
    def frame_rates(self) -> Mapping[str, Fraction]: ...
    @property
    def started_at(self) -> float | None: ...


@dataclass(slots=True)
class Tally:
    """What the archive has done since the start; shared by all runs."""

    stored_objects: int = 0
    stored_bytes: int = 0
    deleted_objects: int = 0
    failures: int = 0
    """Puts and deletes that the store did not take; each is tried again."""


class RunArchive:
    """Stores one run. :meth:`sync` is called after every change of it and only looks; a task does the rest.

    Nothing is queued: what is still to be stored is what the windows hold, oldest first. So a store that does
    not keep up costs no more memory than the windows themselves, and what left them is not stored any more.
    """

    def __init__(
        self,
        objects: Objects,
        stream: str,
        run: ArchivedRun,
        tally: Tally,
        *,
        taken_up: set[str],
        moment: Callable[[], Moment],
        now_s: Callable[[], float],
        on_deleted: Callable[[str], None],
    ) -> None:
        self.stream = stream
        self.epoch = run.epoch
        self.taken_up = taken_up
        """Keys of earlier epochs that the run goes on to use."""
        self.failure: StoreError | None = None
        """Why the store did not take the last attempt."""
        self.wakes = asyncio.Event()
        """Set when there is something to do."""
        self._objects = objects
        self._run = run
        self._tally = tally
        self._moment = moment
        self._now_s = now_s
        self._on_deleted = on_deleted
        self._next_msn: dict[str, int] = {}
        self._departed: set[str] = set()
        self._ended_saved = False
        self._record_due = True
        self.recorded = False
        """Whether the store has a record of this run: from then on, those of earlier runs are of no use."""

    def sync(self) -> None:
        """Wake the task if a segment has been closed, or the playlists have ended. Never waits."""
        if self.wakes.is_set():
            return
        for name, window in self._windows():
            # A rendition that has just been opened counts from its first number.
            if window.last_msn >= self._next_msn.get(name, window.first_msn) or (
                window.ended and not self._ended_saved
            ):
                self.wakes.set()
                return

    @property
    def waiting_segments(self) -> int:
        """Closed segments that are held in memory because the store has not taken them yet."""
        return sum(
            max(0, window.last_msn + 1 - max(self._next_msn.get(name, 0), window.first_msn))
            for name, window in self._windows()
        )

    async def store(self) -> bool:
        """One round: segments, then the record, then deletions. False: something has to be tried again."""
        failure: StoreError | None = None
        windows = list(self._windows())
        results = await asyncio.gather(
            *(self._store_rendition(name, window) for name, window in windows), return_exceptions=True
        )
        for result in results:
            if isinstance(result, BaseException):
                failure = self._failed(result)
        # Deleting goes on where writing does not: it is what makes room.
        for step in (self._save_record, self._delete_departed):
            try:
                await step()
            except StoreError as error:
                failure = self._failed(error)
        if failure is None and self.failure is not None:
            log.info("stream %s: the object store takes segments again", self.stream)
        elif failure is not None and self.failure is None:
            log.warning("stream %s: segments stay in memory: %s", self.stream, failure)
        self.failure = failure
        return failure is None

    # Inside

    def _windows(self) -> Iterator[tuple[str, MediaWindow]]:
        for name, output in self._run.outputs.items():
            yield name, output.window
        for name, text in self._run.texts.items():
            yield name, text.window

    def _failed(self, error: BaseException) -> StoreError:
        self._tally.failures += 1
        if not isinstance(error, StoreError):
            raise error
        return error

    async def _store_rendition(self, name: str, window: MediaWindow) -> None:
        for segment in list(window.since(self._next_msn.get(name, window.first_msn))):
            if not segment.gap and not window.is_stored(segment):
                if segment.init is not None:
                    await self._put(name, window, segment.init)
                await self._put(name, window, segment)
            self._next_msn[name] = segment.msn + 1
            self._record_due = True

    async def _put(self, rendition: str, window: MediaWindow, item: Segment | Init) -> None:
        media = window.lookup(item.name)
        if not isinstance(media, Media) or window.is_stored(item):
            return
        key = media_key(self.stream, rendition, item.name)
        await self._objects.put(key, media.chunks, content_type=media.content_type)
        self._tally.stored_objects += 1
        self._tally.stored_bytes += media.size
        if not window.mark_stored(item, key):
            # It took so long that nobody may ask for it any more.
            self._departed.add(key)

    async def _save_record(self) -> None:
        windows = [window for _, window in self._windows()]
        ended = bool(windows) and all(window.ended for window in windows)
        if not self._record_due and ended == self._ended_saved:
            return
        self._record_due = False
        try:
            await self._objects.put(
                record_key(self.stream, self.epoch), self._record(ended).encode(), content_type=RECORD_TYPE
            )
        except BaseException:
            self._record_due = True
            raise
        self._ended_saved = ended
        if not self.recorded:
            self.recorded = True
            self.taken_up = {key for key in self.taken_up if not key.endswith(f"/{RECORD_NAME}")}

    def _record(self, ended: bool) -> StoredRun:
        run = self._run
        return StoredRun(
            version=VERSION,
            stream=self.stream,
            epoch=self.epoch,
            config=run.config,
            program_origin_s=run.timeline.program_origin_s,
            saved=self._moment(),
            saved_media_s=run.timeline.at(self._now_s()),
            ended=ended,
            started_at=run.started_at,
            renditions={
                name: StoredRendition(
                    output.rendition, output.track, run.frame_rates.get(name), snapshot(output.window)
                )
                for name, output in run.outputs.items()
            },
            texts={
                name: StoredText(text.channel, text.language, snapshot(text.window))
                for name, text in run.texts.items()
            },
        )

    async def _delete_departed(self) -> None:
        """After the record, which does not name them any more. Where it could not be written, who loads it
        finds out that they are gone."""
        for _, window in self._windows():
            self._departed.update(window.take_departed())
        while self._departed:
            key = next(iter(self._departed))
            await self._objects.delete(key)
            self._departed.discard(key)
            self.taken_up.discard(key)
            self._on_deleted(key)
