"""One broadcast over RTMP, and its move to another server when the first one asks to be left."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from ingest.rtmp.amf0 import EcmaArray, Value
from ingest.rtmp.client import PublishUrl
from mediaserver.push_link import Link, PushError
from mediaserver.push_sources import Source
from transcoder.media import AccessUnit, Kind, Track

__all__ = ["Push", "PushError", "PushStatistics", "end_tasks"]

UNREAD_TIMEOUT_S: Final = 10.0
MOVE_LIMIT_S: Final = 30.0
"""A server that asked to be left, and whose successor cannot be reached for so long, ends the broadcast."""
_MOVE_DELAYS_S: Final = (0.1, 0.2, 0.4, 0.5)


@dataclass(frozen=True, slots=True)
class PushStatistics:
    """How a broadcast is doing."""

    elapsed_s: float
    pictures: int
    sent_bytes: int
    dropped_frames: int
    unread_bytes: int
    """Sent but still in this machine's buffer."""
    moves: int = 0
    """Times that a server asked us to go to another one."""


class Push:
    """Publishes one source: over one connection, and over the next one where a server asks to be left."""

    def __init__(
        self,
        url: PublishUrl,
        source: Source,
        *,
        duration_s: float | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        """``ssl_context`` replaces the system's trust for rtmps://."""
        self._url = url
        self._source = source
        self._duration_s = duration_s
        self._ssl = ssl_context
        self._link: Link | None = None
        self._following: Link | None = None
        """Ready, and to be taken at the next key frame."""
        self._taken = asyncio.Event()
        self._is_moving = False
        self._started_s = 0.0
        self._pictures = 0
        self._moves = 0
        self._left_behind_bytes = 0

    def statistics(self) -> PushStatistics:
        link = self._link
        return PushStatistics(
            elapsed_s=time.monotonic() - self._started_s if self._started_s else 0.0,
            pictures=self._pictures,
            sent_bytes=self._left_behind_bytes + (link.client.sent_bytes if link else 0),
            dropped_frames=self._source.dropped_frames,
            unread_bytes=link.unread_bytes if link else 0,
            moves=self._moves,
        )

    async def run(self, on_live: Callable[[], None] = lambda: None) -> None:
        """Publish until the source ends, or until cancelled; both end with a clean goodbye.

        Raises :class:`PushError`.
        """
        self._link = link = await self._open(self._url)
        try:
            on_live()
            conversing = asyncio.create_task(self._converse(link))
            sending = asyncio.create_task(self._send_units())
            try:
                done, _ = await asyncio.wait((conversing, sending), return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
            finally:
                await end_tasks(conversing, sending)
        finally:
            for open_link in (self._link, self._following):
                if open_link is not None:
                    await open_link.close()

    async def _open(self, url: PublishUrl) -> Link:
        return await Link.open(url, (self._ssl or ssl.create_default_context()) if url.tls else None)

    async def _converse(self, link: Link) -> None:
        """Hear the server; when it asks to be left, prepare the next connection. Never returns."""
        while True:
            while link.client.reconnect_to is None:
                await link.receive()
            self._is_moving = True
            # "it persists in streaming to/from the current server up to the next appropriate media
            # boundary, such as a keyframe. Subsequently, it establishes a connection with a new server and
            # disconnects from the old server." We connect first, so that no picture is lost.
            leaving = asyncio.create_task(link.read_on())
            try:
                following = self._following = await self._find(link.client.reconnect_to)
                await self._taken.wait()
            finally:
                await end_tasks(leaving)
            self._taken.clear()
            self._is_moving = False
            self._left_behind_bytes += link.client.sent_bytes
            await link.close()
            link = following

    async def _find(self, url: PublishUrl) -> Link:
        """The next server may still be starting, or still have us as its publisher: try for a while."""
        give_up_s = time.monotonic() + MOVE_LIMIT_S
        attempt = 0
        while True:
            try:
                return await self._open(url)
            except PushError:
                if time.monotonic() > give_up_s:
                    raise
            await asyncio.sleep(_MOVE_DELAYS_S[min(attempt, len(_MOVE_DELAYS_S) - 1)])
            attempt += 1

    async def _send_units(self) -> None:
        source = self._source
        if self._link is None:
            raise RuntimeError("called before there is a connection")
        link = self._link
        _begin(link, source.tracks)
        has_video = any(track.kind is Kind.VIDEO for track in source.tracks)
        self._started_s = time.monotonic()
        async with aclosing(source.units()) as units:
            async for unit in units:
                if self._duration_s is not None and unit.dts_s >= self._duration_s:
                    return
                if self._following is not None and _is_boundary(unit, has_video):
                    link = self._take(self._following)
                self._pictures += unit.codec.kind is Kind.VIDEO
                if not link.is_lost:
                    await self._send_unit(link, unit)

    def _take(self, following: Link) -> Link:
        _begin(following, self._source.tracks)
        self._link, self._following = following, None
        self._moves += 1
        self._taken.set()
        return following

    async def _send_unit(self, link: Link, unit: AccessUnit) -> None:
        link.client.send_unit(unit)
        link.send()
        try:
            async with asyncio.timeout(UNREAD_TIMEOUT_S):
                await link.drain()
        except TimeoutError as error:
            sentence = f"{link.place} has not read what we sent for {UNREAD_TIMEOUT_S:g} s"
            raise PushError(sentence) from error
        except ConnectionError as error:
            if not self._is_moving:
                raise link.lost() from error
            link.is_lost = True  # it has stopped before its successor was there


async def end_tasks(*tasks: asyncio.Task[None]) -> None:
    """Cancel, and wait until they have ended."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _is_boundary(unit: AccessUnit, has_video: bool) -> bool:
    """Where a server can take over: a decoder can start here."""
    return unit.sync and (unit.codec.kind is Kind.VIDEO or not has_video)


def _begin(link: Link, tracks: tuple[Track, ...]) -> None:
    link.client.send_metadata(_metadata(tracks))
    for track in tracks:
        link.client.send_track(track)


def _metadata(tracks: tuple[Track, ...]) -> dict[str, Value]:
    """onMetaData as encoders send it (FLV 10.1, E.5), and what enhanced RTMP adds for further tracks."""
    values: dict[str, Value] = {"encoder": "mediaserver push"}
    for kind, key in ((Kind.AUDIO, "audioTrackIdInfoMap"), (Kind.VIDEO, "videoTrackIdInfoMap")):
        of_kind = [track for track in tracks if track.kind is kind]
        if of_kind:
            values |= _about(of_kind[0])
        if len(of_kind) > 1 or any(track.language or track.name for track in of_kind):
            values[key] = EcmaArray({str(number): _about(track) for number, track in enumerate(of_kind)})
    return values


def _about(track: Track) -> dict[str, Value]:
    values: dict[str, Value] = {}
    if track.kind is Kind.VIDEO:
        values |= {"width": float(track.width), "height": float(track.height)}
        if track.frame_rate is not None:
            values["framerate"] = float(track.frame_rate)
    else:
        values |= {"audiosamplerate": float(track.sample_rate), "stereo": track.channels == 2}
    if track.language:
        values["language"] = track.language
    if track.name:
        values["name"] = track.name
    return values
