"""All streams by name: who may publish, what is on air, what the operator changes."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import math
import re
import secrets
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from ingest.publication import Publication, PublishRefused, PublishRequest, Refusal
from mediaserver.access.keys import hash_key
from mediaserver.live.archive import Archive
from mediaserver.live.posters import Posters
from mediaserver.live.records import StreamChanges, StreamRecord, StreamRecords
from mediaserver.live.relays import RelayGrants, same_peer
from mediaserver.live.standby import Slates, Still
from mediaserver.live.states import StreamState
from mediaserver.live.stream import LiveStream
from mediaserver.live.transcoding import WorkerFactory
from mediaserver.settings import LiveSettings, TranscoderSettings
from mediaserver.state.records import RecordsError
from mediaserver.storage.contract import StoreError
from transcoder.manifests.window import WindowCheckpoint

log = logging.getLogger(__name__)

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
THROWN_OUT_S = 60.0
NOT_PUBLISHED = (StreamState.OFFLINE, StreamState.INTERRUPTED, StreamState.ENDED)
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
        slates: Slates | None = None,
        relays: RelayGrants | None = None,
        archive: Archive | None = None,
        posters: Posters | None = None,
        transcoder: TranscoderSettings | None = None,
    ) -> None:
        self._records = records
        self._transcoder_settings = transcoder
        self._archive = archive
        self._posters = posters
        self._relays = relays
        self._settings = settings
        self._open_publish = open_publish
        self._make_worker = make_worker
        self._make_still = make_still
        self._slates = slates
        self._streams: dict[str, LiveStream] = {}
        self._thrown_out_until_s: dict[str, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._draining = False

    async def __aenter__(self) -> Self:
        for record in await self._records.list():
            self._streams[record.name] = self._make_stream(record.name, record)
        if self._archive is not None:
            await self._restore(self._archive)
        return self

    async def drain(self, limit_s: float) -> None:
        """Take nobody in any more; publishers that can come back elsewhere are asked to, and waited for."""
        self._draining = True
        leaving = [
            asyncio.create_task(stream.wait_state(*NOT_PUBLISHED))
            for stream in self._streams.values()
            if stream.publication is not None
            and stream.publication.on_drain is not None
            and stream.publication.on_drain()
        ]
        if not leaving:
            return
        _, staying = await asyncio.wait(leaving, timeout=limit_s)
        for task in staying:
            task.cancel()
        log.info("%d publishers have gone elsewhere, %d have not", len(leaving) - len(staying), len(staying))

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
                await asyncio.gather(*self._tasks)
        except TimeoutError:
            staying = list(self._tasks)
            log.warning("%d streams did not end in time", len(staying))
            for task in staying:
                task.cancel()
            await asyncio.gather(*staying, return_exceptions=True)

    # Looking

    def get(self, name: str) -> LiveStream | None:
        """The stream of this name. Asking leaves no trace, whatever the name."""
        return self._streams.get(name)

    def all(self) -> list[LiveStream]:
        """Every stream, by name."""
        return [self._streams[name] for name in sorted(self._streams)]

    async def _restore(self, archive: Archive) -> None:
        """Take up what an earlier process had on air; what nothing takes up is deleted."""
        try:
            names = await archive.streams()
        except StoreError as error:
            log.error("what was on air is not found: %s", error)
            return
        await asyncio.gather(*(self._restore_stream(archive, name) for name in names))
        archive.clean()
        if self._posters is not None:
            await self._posters.clean({name for name, stream in self._streams.items() if not stream.is_idle})

    async def _restore_stream(self, archive: Archive, name: str) -> None:
        stream = self._streams.get(name)
        if stream is None and not self._open_publish:
            return
        stream = stream or self._make_stream(name, None)
        try:
            loaded = await archive.load(name)
            if loaded is not None and await stream.restore(loaded):
                self._streams[name] = stream
        except StoreError as error:
            log.error("stream %s: what was on air is not found: %s", name, error)
        except Exception:
            # This stream begins anew then; the others must not wait until somebody has mended it.
            log.exception("stream %s: what was on air cannot be taken up", name)
            await stream.forget()

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
        # Whoever asked may go away meanwhile, and another stream of this name may begin.
        await asyncio.shield(self._own(self._end(stream)))

    @staticmethod
    async def _end(stream: LiveStream) -> None:
        await stream.close("the stream was deleted")
        await stream.forget()

    def kick(self, name: str, reason: str) -> bool:
        """Throw the publisher out; it needs a new key or a minute to return. False: there was none."""
        stream = self._streams.get(name)
        if stream is None or stream.publication is None:
            return False
        self._thrown_out_until_s[name] = time.monotonic() + THROWN_OUT_S
        stream.publication.kick(reason)
        return True

    def barred_s(self, name: str) -> float:
        """Seconds until the key of a publisher that was thrown out is good again; 0 where it is."""
        return max(0.0, self._thrown_out_until_s.get(name, -math.inf) - time.monotonic())

    # The doors' question

    async def publish(self, request: PublishRequest) -> Publication:
        """See :class:`ingest.publication.Authorizer`."""
        await self._check(request)
        # From here to the end nothing is awaited: two publishers cannot both find the stream free.
        if self._draining:
            raise _draining()
        name = request.stream
        stream = self._streams.get(name)
        if stream is None:
            if not self._open_publish:
                raise _wrong_key()
            self._forget_unrecorded()
            stream = self._streams[name] = self._make_stream(name, None)
        self._make_room(stream)
        publication = Publication(secrets.token_hex(4), request)
        stream.publication = publication
        self._own(self._carry(stream, publication))
        log.info(
            "stream %s: publication %s from %s by %s",
            name,
            publication.publication_id,
            request.address,
            request.protocol,
        )
        return publication

    def _make_room(self, stream: LiveStream) -> None:
        """End a publication that is in the way, where it may be ended. Raises :class:`PublishRefused`."""
        on_air = stream.publication
        if on_air is None or on_air.ended:
            return
        # An encoder whose connection broke comes back long before the broken connection is noticed.
        if not (self._allows_takeover(stream) or stream.is_silent):
            raise PublishRefused(Refusal.BUSY, "another publisher is on this stream")
        log.info("stream %s: publication %s is replaced", stream.name, on_air.publication_id)
        on_air.kick("another publisher has taken over")

    def _allows_takeover(self, stream: LiveStream) -> bool:
        if stream.record is not None and stream.record.takeover is not None:
            return stream.record.takeover
        return self._settings.takeover

    async def allow_relay(self, request: PublishRequest, client: str) -> None:
        """A relay, ``request.address``, asks whether its ``client`` may publish. If so, the relay may push
        the stream on to us without the key, which it cannot hand on. Raises :class:`PublishRefused`.
        """
        # Never None: who shows the relay no key must not come in by what another of its clients was granted.
        request = dataclasses.replace(request, key=request.key or "")
        await self._check(request)
        stream = self._streams.get(request.stream)
        if stream is not None and not self._has_room(stream, request.address):
            raise PublishRefused(Refusal.BUSY, "another publisher is on this stream")
        if self._relays is not None and request.key:
            with _answering(request):
                await self._relays.grant(request.stream, request.address, client, hash_key(request.key))

    def _has_room(self, stream: LiveStream, relay: str) -> bool:
        """Whether a push of the relay will be taken. Its own last one may not be noticed as gone yet."""
        on_air = stream.publication
        if on_air is None or on_air.ended or same_peer(on_air.request.address, relay):
            return True
        return self._allows_takeover(stream) or stream.is_silent

    async def end_relay(self, request: PublishRequest, client: str) -> None:
        """The relay's client has left. Raises :class:`PublishRefused` where that cannot be kept."""
        if self._relays is not None:
            with _answering(request):
                await self._relays.revoke(request.stream, request.address, client)

    async def _check(self, request: PublishRequest) -> None:
        """What can be told without looking at who is on air."""
        if self._draining:
            raise _draining()
        if NAME.match(request.stream) is None:
            raise PublishRefused(
                Refusal.BAD_NAME, "a stream name is 1 to 64 letters, digits, hyphens and underscores"
            )
        with _answering(request):
            await self._check_key(request)
        if time.monotonic() < self._thrown_out_until_s.get(request.stream, -math.inf):
            raise PublishRefused(Refusal.THROWN_OUT, "thrown out: use a new key or wait a minute")

    async def _check_key(self, request: PublishRequest) -> None:
        # Asked whether the stream exists or not, so that not even the time that it takes tells.
        if await self._records.verify_key(request.stream, request.key or ""):
            return
        record = await self._records.get(request.stream)
        if record is None and self._open_publish:
            return
        if record is None or request.key is not None or self._relays is None:
            raise _wrong_key()
        if not await self._relays.holds(request.stream, request.address, record.key_hash):
            if self._relays.is_relay(request.address):
                log.warning(
                    "stream %s: a push without a key from %s, which is in rtmp.relay_addresses and was not "
                    "granted this stream. A relay must ask on_publish from that address, with the stream's "
                    "key of today; any other publisher there needs the key itself",
                    request.stream,
                    request.address,
                )
            raise _wrong_key()

    def _own(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """A task that is waited for at the end."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

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
            slates=self._slates,
            checkpoint=_resumed(record),
            archive=self._archive,
            posters=self._posters,
            transcoder=self._transcoder_settings,
        )

    def _forget_unrecorded(self) -> None:
        """Streams that were only ever on air and no longer are; refuses when too many are."""
        for name, stream in list(self._streams.items()):
            if stream.record is None and stream.is_idle:
                del self._streams[name]
        if sum(stream.record is None for stream in self._streams.values()) >= MAX_UNRECORDED:
            raise PublishRefused(Refusal.OVERLOADED, "too many streams without a record are on air")


@contextmanager
def _answering(request: PublishRequest) -> Iterator[None]:
    """Records that do not answer are no fault of who asks."""
    try:
        yield
    except RecordsError as error:
        log.error("stream %s: its key cannot be checked: %s", request.stream, error)
        raise PublishRefused(Refusal.OVERLOADED, "keys cannot be checked at the moment") from error


def _draining() -> PublishRefused:
    return PublishRefused(Refusal.DRAINING, "the server is stopping")


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
