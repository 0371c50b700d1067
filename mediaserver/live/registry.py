"""All streams by name: who may publish, what is on air, what the operator changes."""

from __future__ import annotations

import asyncio
import logging
import math
import re
import secrets
import time
from types import TracebackType
from typing import Self

from ingest.publication import Publication, PublishRefused, PublishRequest, Refusal
from mediaserver.live.records import StreamChanges, StreamRecord, StreamRecords
from mediaserver.live.stream import LiveStream, Still
from mediaserver.live.transcoding import WorkerFactory
from mediaserver.settings import LiveSettings
from mediaserver.state.records import RecordsError
from transcoder.manifests.window import WindowCheckpoint

log = logging.getLogger(__name__)

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
THROWN_OUT_S = 60.0
MAX_UNRECORDED = 256
"""Streams on air without a record, where ``access.open_publish`` allows them."""
CLOSE_S = 8.0
SEGMENTS_PER_S = 2
"""More segments than any stream makes in a second: how far numbers may have gone since they were saved."""


class StreamRegistry:
    """Implements :class:`ingest.publication.Authorizer`. An async context: leaving it ends all streams."""

    def __init__(
        self,
        records: StreamRecords,
        settings: LiveSettings,
        *,
        open_publish: bool,
        make_worker: WorkerFactory,
        make_still: Still,
    ) -> None:
        self._records = records
        self._settings = settings
        self._open_publish = open_publish
        self._make_worker = make_worker
        self._make_still = make_still
        self._streams: dict[str, LiveStream] = {}
        self._thrown_out_until_s: dict[str, float] = {}
        self._on_air: set[asyncio.Task[None]] = set()
        self._draining = False

    async def __aenter__(self) -> Self:
        for record in await self._records.list():
            self._streams[record.name] = self._make_stream(record.name, record)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._draining = True
        try:
            async with asyncio.timeout(CLOSE_S):
                await asyncio.gather(*(stream.close() for stream in self._streams.values()))
                await asyncio.gather(*self._on_air)
        except TimeoutError:
            log.warning("%d streams did not end in time", len(self._on_air))
            for task in self._on_air:
                task.cancel()

    # Looking

    def get(self, name: str) -> LiveStream | None:
        """The stream of this name. Asking leaves no trace, whatever the name."""
        return self._streams.get(name)

    def all(self) -> list[LiveStream]:
        """Every stream, by name."""
        return [self._streams[name] for name in sorted(self._streams)]

    # The operator's changes

    async def create_or_update(
        self, name: str, changes: StreamChanges
    ) -> tuple[StreamRecord, str | None, bool]:
        """The record as it is now, the publish key where one was made, and whether the stream is new."""
        record, key = await self._records.create_or_update(name, changes)
        stream = self._streams.get(name)
        if stream is None:
            stream = self._streams[name] = self._make_stream(name, record)
        stream.record = record
        return record, key, key is not None

    async def new_key(self, name: str) -> str:
        """A new publish key; the old one stops working at once. Raises KeyError."""
        key = await self._records.new_key(name)
        self._thrown_out_until_s.pop(name, None)
        return key

    async def delete(self, name: str) -> None:
        """Forget a stream and throw out who publishes on it. Raises KeyError."""
        await self._records.delete(name)
        stream = self._streams.pop(name)
        self._thrown_out_until_s.pop(name, None)
        await stream.close("the stream was deleted")

    def kick(self, name: str, reason: str) -> bool:
        """Throw the publisher out; it needs a new key or a minute to return. False: there was none."""
        stream = self._streams.get(name)
        if stream is None or stream.publication is None:
            return False
        self._thrown_out_until_s[name] = time.monotonic() + THROWN_OUT_S
        stream.publication.kick(reason)
        return True

    # The doors' question

    async def publish(self, request: PublishRequest) -> Publication:
        """See :class:`ingest.publication.Authorizer`."""
        name = request.stream
        if self._draining:
            raise PublishRefused(Refusal.DRAINING, "the server is stopping")
        if NAME.match(name) is None:
            raise PublishRefused(
                Refusal.BAD_NAME, "a stream name is 1 to 64 letters, digits, hyphens and underscores"
            )
        try:
            await self._check_key(request)
        except RecordsError as error:
            log.error("stream %s: its key cannot be checked: %s", name, error)
            raise PublishRefused(Refusal.OVERLOADED, "keys cannot be checked at the moment") from error
        # From here to the end nothing is awaited: two publishers cannot both find the stream free.
        if time.monotonic() < self._thrown_out_until_s.get(name, -math.inf):
            raise PublishRefused(Refusal.THROWN_OUT, "thrown out: use a new key or wait a minute")
        stream = self._streams.get(name)
        if stream is None:
            if not self._open_publish:
                raise _wrong_key()
            self._forget_unrecorded()
            stream = self._streams[name] = self._make_stream(name, None)
        if stream.publication is not None and not stream.publication.ended:
            raise PublishRefused(Refusal.BUSY, "another publisher is on this stream")
        publication = Publication(secrets.token_hex(4), request)
        stream.publication = publication
        task = asyncio.create_task(self._carry(stream, publication))
        self._on_air.add(task)
        task.add_done_callback(self._on_air.discard)
        log.info(
            "stream %s: publication %s from %s by %s",
            name,
            publication.publication_id,
            request.address,
            request.protocol,
        )
        return publication

    async def _check_key(self, request: PublishRequest) -> None:
        # Asked whether the stream exists or not, so that not even the time that it takes tells.
        if await self._records.verify_key(request.stream, request.key or ""):
            return
        if not self._open_publish or await self._records.get(request.stream) is not None:
            raise _wrong_key()

    async def _carry(self, stream: LiveStream, publication: Publication) -> None:
        await self._save_checkpoint(stream)
        await stream.carry(publication)
        await self._save_checkpoint(stream)

    async def _save_checkpoint(self, stream: LiveStream) -> None:
        checkpoint = stream.checkpoint() or WindowCheckpoint(0, 0)
        if stream.record is None:
            return
        try:
            await self._records.save_checkpoint(
                stream.name,
                next_msn=checkpoint.next_msn,
                discontinuity_sequence=checkpoint.discontinuity_sequence,
            )
        except RecordsError as error:
            # A full disk is no reason to keep a broadcast from its viewers.
            log.error("stream %s: where its playlists stand was not saved: %s", stream.name, error)

    def _make_stream(self, name: str, record: StreamRecord | None) -> LiveStream:
        return LiveStream(
            name,
            self._settings,
            record=record,
            make_worker=self._make_worker,
            make_still=self._make_still,
            checkpoint=_resumed(record),
        )

    def _forget_unrecorded(self) -> None:
        """Streams that were only ever on air and no longer are; refuses when too many are."""
        for name, stream in list(self._streams.items()):
            if stream.record is None and stream.is_idle:
                del self._streams[name]
        if sum(stream.record is None for stream in self._streams.values()) >= MAX_UNRECORDED:
            raise PublishRefused(Refusal.OVERLOADED, "too many streams without a record are on air")


def _wrong_key() -> PublishRefused:
    return PublishRefused(Refusal.WRONG_KEY, "no stream with this name and key")


def _resumed(record: StreamRecord | None) -> WindowCheckpoint | None:
    """Numbers that are above all that players may have seen before this process started.

    The record is written when a publication begins and when it ends. If the process died in between, the
    numbers went on from what was saved, at most ``SEGMENTS_PER_S``.
    """
    if record is None or record.checkpoint is None:
        return None
    saved = record.checkpoint
    elapsed_s = max(0.0, time.time() - saved.saved_at)
    ahead = math.ceil(elapsed_s * SEGMENTS_PER_S)
    # A discontinuity begins a segment, so there were no more of them; and the new run begins with one.
    return WindowCheckpoint(saved.next_msn + ahead, saved.discontinuity_sequence + ahead + 1)
