"""A run whose windows the test fills itself, on a clock of its own; and a store that fails when told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from mediaserver.live.archive import Archive, LoadedRun
from mediaserver.live.archive_record import Moment
from mediaserver.live.timeline import StreamTimeline
from mediaserver.storage.contract import LIST_LIMIT, Data, ObjectInfo, Objects, StoreError
from tests.mediaserver.live.conftest import AUDIO, VIDEO
from transcoder.ladder import Rendition
from transcoder.manifests.config import WindowConfig
from transcoder.manifests.window import MediaWindow, Stored
from transcoder.media import Codec, Kind, Track

CONFIG = WindowConfig(target_duration_s=4, part_target_s=0.5, window_s=30)
UNIX_S = 1_800_000_000.0
PART_S = 0.5
SOURCE = Rendition(
    name="source",
    kind=Kind.VIDEO,
    codec=Codec.H264,
    passthrough=True,
    width=320,
    height=180,
    frame_rate=Fraction(30_000, 1001),
    source_track_id=1,
)
SOUND = Rendition(
    name="audio", kind=Kind.AUDIO, codec=Codec.AAC, passthrough=True, source_track_id=2, sample_rate=48_000
)


class Clock:
    """Both clocks of a machine; ``unix_s`` may be set without the other one."""

    def __init__(self, boot_id: str = "boot") -> None:
        self.now_s = 1000.0
        self.unix_s = UNIX_S
        self.boot_id = boot_id

    def advance(self, seconds: float) -> None:
        self.now_s += seconds
        self.unix_s += seconds

    def moment(self) -> Moment:
        return Moment(self.unix_s, self.boot_id, self.now_s)

    def monotonic_s(self) -> float:
        return self.now_s


@dataclass
class Output:
    rendition: Rendition
    track: Track | None
    window: MediaWindow


@dataclass
class Text:
    channel: str
    language: str | None
    window: MediaWindow


@dataclass
class Run:
    """Stands in for :class:`mediaserver.live.run.StreamRun`."""

    epoch: str
    timeline: StreamTimeline
    outputs: Mapping[str, Output]
    config: WindowConfig = CONFIG
    texts: Mapping[str, Text] = field(default_factory=dict)
    frame_rates: Mapping[str, Fraction] = field(default_factory=dict)
    started_at: float | None = None


class Show:
    """A stream of two renditions, archived as it goes."""

    def __init__(self, archive: Archive, clock: Clock, epoch: str = "e1", name: str = "show") -> None:
        self.archive = archive
        self.clock = clock
        self.name = name
        self.run = Run(
            epoch,
            StreamTimeline(origin_s=clock.now_s, program_origin_s=clock.unix_s),
            {
                "source": Output(SOURCE, VIDEO, MediaWindow(CONFIG, epoch)),
                "audio": Output(SOUND, AUDIO, MediaWindow(CONFIG, epoch, content_type="audio/mp4")),
            },
            frame_rates={"source": Fraction(30_000, 1001)},
        )
        for rendition, output in self.run.outputs.items():
            output.window.set_init(f"init of {rendition}".encode())
        self.sent: dict[tuple[str, str], bytes] = {}
        """Bytes of every segment and init by rendition and name."""

    @classmethod
    def restored(cls, archive: Archive, clock: Clock, loaded: LoadedRun, epoch: str) -> Show:
        """As the registry does it after a restart."""
        show = cls(archive, clock, epoch, loaded.run.stream)
        restored = loaded.restore(epoch, clock.now_s)
        assert restored is not None
        show.run.timeline = restored.timeline
        show.run.outputs = {
            name: Output(each.rendition, each.track, restored.windows[name])
            for name, each in loaded.renditions.items()
        }
        show.run.texts = {
            name: Text(each.channel, each.language, restored.texts[name])
            for name, each in loaded.run.texts.items()
        }
        archive.sync(show.name, show.run)
        return show

    @property
    def windows(self) -> dict[str, MediaWindow]:
        return {name: output.window for name, output in self.run.outputs.items()}

    def segment(self, parts: int = 4, only: str | None = None, end: bool = True) -> None:
        """One segment in all renditions, or in one only."""
        for part in range(parts):
            start_s = self.run.timeline.program_time_s(self.run.timeline.end_s)
            self.clock.advance(PART_S)
            for name, window in self.windows.items():
                if only not in (None, name):
                    continue
                media = f"{name} {window.next_msn} {part} {start_s} {self.run.epoch} ".encode() * 20
                position = window.add_part(
                    media,
                    duration_s=PART_S,
                    independent=not part,
                    now_s=self.clock.now_s,
                    program_time_s=start_s,
                    decode_time=round(self.run.timeline.end_s * 1000),
                    duration_ticks=500,
                    timescale=1000,
                )
                segment = f"{self.run.epoch}-{position.msn}.m4s"
                self.sent[name, segment] = self.sent.get((name, segment), b"") + media
            self.run.timeline.end_s += PART_S
        for name, window in self.windows.items():
            if end and only in (None, name):
                window.end_segment(self.clock.now_s)
        self.archive.sync(self.name, self.run)

    def segments(self, count: int) -> None:
        for _ in range(count):
            self.segment()

    async def fetched(self, rendition: str, name: str) -> bytes | None:
        """As a viewer gets it."""
        found = self.windows[rendition].lookup(name)
        if isinstance(found, Stored):
            found = await self.archive.media(found)
        return b"".join(found.chunks) if found is not None and hasattr(found, "chunks") else None


class FlakyObjects:
    """A store that can be broken: ``failing`` is raised by every put, ``deaf`` by every call."""

    def __init__(self, objects: Objects) -> None:
        self.objects = objects
        self.failing: StoreError | None = None
        self.deaf: StoreError | None = None
        self.puts: list[str] = []
        self.deletes: list[str] = []
        self.puts_left: int | None = None
        """After so many more changes the process is as good as dead: nothing reaches the store."""
        self.may_put = asyncio.Event()
        """Cleared: puts take as long as it takes until it is set."""
        self.may_put.set()
        self._asked = asyncio.Event()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Looks after every call."""
        while not condition():
            self._asked.clear()
            await self._asked.wait()

    def _change(self) -> bool:
        if self.puts_left is None:
            return True
        self.puts_left -= 1
        return self.puts_left >= 0

    def _hear(self) -> None:
        self._asked.set()
        if self.deaf is not None:
            raise self.deaf

    async def put(self, key: str, data: Data, *, content_type: str) -> ObjectInfo:
        self._hear()
        if self.failing is not None:
            raise self.failing
        if not self._change():
            raise StoreError("dead")
        self.puts.append(key)
        await self.may_put.wait()
        return await self.objects.put(key, data, content_type=content_type)

    async def get(self, key: str, *, start: int = 0, length: int | None = None) -> bytes:
        self._hear()
        return await self.objects.get(key, start=start, length=length)

    async def info(self, key: str) -> ObjectInfo:
        self._hear()
        return await self.objects.info(key)

    async def list(self, prefix: str = "", *, after: str = "", limit: int = LIST_LIMIT) -> list[str]:
        self._hear()
        return await self.objects.list(prefix, after=after, limit=limit)

    async def delete(self, key: str) -> None:
        self._hear()
        if not self._change():
            raise StoreError("dead")
        self.deletes.append(key)
        await self.objects.delete(key)

    async def check(self) -> None:
        self._hear()
        if self.failing is not None:
            raise self.failing
        await self.objects.check()

    async def close(self) -> None:
        await self.objects.close()
