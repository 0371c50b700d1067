"""A stream with a publication that the test plays itself; no worker, no picture is decoded."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import pytest

from ingest.publication import Publication, PublishRequest
from mediaserver.live.standby import Slates
from mediaserver.live.stream import LiveStream
from mediaserver.settings import LiveSettings
from transcoder.codecs import track_from_config
from transcoder.media import AccessUnit, Codec, Track

# x264's own record for 320x180, High, level 1.2.
VIDEO = track_from_config(
    1,
    Codec.H264,
    bytes.fromhex("0164000cffe100176764000cacb40a0cfcf0800000030080000019478a155001000468ef0fcbfdf8f800"),
)
AUDIO = track_from_config(2, Codec.AAC, bytes.fromhex("1190"))
FPS = 25


class Broadcaster:
    """Pushes made-up units as fast as it likes: the stream's time comes from their timestamps."""

    def __init__(self, stream: LiveStream) -> None:
        self.stream = stream
        self.publication = Publication(
            "pub1", PublishRequest(protocol="rtmp", stream=stream.name, key=None, address="127.0.0.1")
        )
        self.task = asyncio.create_task(stream.carry(self.publication))

    async def on_air(self) -> None:
        """Until the stream listens to this publication."""
        while (on_air := self.stream.broadcast) is None or on_air.publication is not self.publication:  # noqa: ASYNC110
            await asyncio.sleep(0)

    def announce(self, video: Track = VIDEO) -> None:
        self.publication.set_track(video)
        self.publication.set_track(AUDIO)

    async def push(self, from_s: float, until_s: float, *, gop_s: float = 2.0, sound: bool = True) -> None:
        """Units of both tracks, a sync picture every ``gop_s`` from time zero on."""
        units = []
        for frame in range(round(from_s * FPS), round(until_s * FPS)):
            tick = frame * 90_000 // FPS
            sync = frame % round(gop_s * FPS) == 0
            units.append(AccessUnit(1, Codec.H264, 90_000, tick, tick, 0, sync, b"v" * 64, time.monotonic()))
        for frame in range(round(from_s * 46.875), round(until_s * 46.875)) if sound else ():
            tick = frame * 1024
            units.append(AccessUnit(2, Codec.AAC, 48_000, tick, tick, 1024, True, b"a", time.monotonic()))
        for unit in sorted(units, key=lambda unit: unit.dts_s):
            self.publication.push(unit)
        # The broadcast takes all that is queued in one go, once it has been woken.
        for _ in range(3):
            await asyncio.sleep(0)

    async def leave(self) -> None:
        self.publication.close("left")
        await self.task


@pytest.fixture
async def make_stream() -> AsyncIterator[Callable[..., LiveStream]]:
    streams: list[LiveStream] = []

    async def no_still(track: Track, unit: AccessUnit) -> bytes:
        return b"jpeg"

    def no_worker(*_: object, **__: object) -> None:
        raise AssertionError("a passed-through stream has no worker")

    def make(*, slates: Slates | None = None, **settings: object) -> LiveStream:
        stream = LiveStream(
            "show",
            LiveSettings(ladder="passthrough", **settings),
            make_worker=no_worker,
            make_still=no_still,
            slates=slates,
        )
        streams.append(stream)
        return stream

    yield make
    for stream in streams:
        await stream.close()
