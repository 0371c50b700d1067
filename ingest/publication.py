"""One live source under one stream name, fanned out to bounded queues.

A door (RTMP, WHIP, …) asks an :class:`Authorizer` with a :class:`PublishRequest`; what it gets is a
:class:`Publication` to push tracks and units into. Consumers subscribe; one that falls behind loses
units up to the next sync unit and is counted, the others never wait.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, Protocol, Self, TypeVar

from transcoder.media import AccessUnit, Kind, Track

T = TypeVar("T")


class Refusal(StrEnum):
    """Why a publisher may not come in; each door has its own words for it."""

    BAD_NAME = "bad_name"
    WRONG_KEY = "wrong_key"
    """Also for a stream that does not exist: who has no key learns nothing about names."""
    BUSY = "busy"
    """Another publisher holds the stream."""
    THROWN_OUT = "thrown_out"
    DRAINING = "draining"
    OVERLOADED = "overloaded"


class PublishRefused(Exception):
    """The application's no. ``detail`` may be shown to the publisher; it holds no secret."""

    def __init__(self, refusal: Refusal, detail: str) -> None:
        super().__init__(detail)
        self.refusal = refusal
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishRequest:
    """What a door knows of somebody who wants to publish."""

    protocol: str
    """``rtmp``, ``rtmps``, ``whip`` or ``srt``."""
    stream: str
    """As the publisher wrote it: not yet checked against the grammar of names."""
    key: str | None = field(repr=False)
    address: str
    """The peer's IP address, for the log."""
    encoder: str | None = None
    """What the publisher says it is (RTMP flashVer, SDP tool)."""


class Authorizer(Protocol):
    """Implemented by the application: the door asks, the application answers."""

    async def publish(self, request: PublishRequest) -> Publication:
        """Accept by answering the publication to push into. Raises :class:`PublishRefused`."""


@dataclass(frozen=True, slots=True)
class TrackUpdate:
    """A new track, or a new format of a track that exists: in force from the next unit on."""

    track: Track


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedText:
    """Words to be shown from a moment on (``onTextData``, ``onCaptionInfo``)."""

    time_s: float
    """On the publication's own timeline, in seconds, as all times here."""
    text: str
    language: str | None = None
    """BCP 47."""
    duration_s: float | None = None
    """None: until the next words come, or for as long as it takes to read them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CuePoint:
    """Something that the publisher says of a moment (``onCuePoint``)."""

    time_s: float
    name: str
    kind: str
    """``event`` or ``navigation``, where the publisher tells."""
    attributes: Mapping[str, str | float | bool]


@dataclass(frozen=True, slots=True)
class PublicationEnd:
    """The last item of every subscription. ``reason`` is for the log and the operator."""

    reason: str


Remark = TimedText | CuePoint
"""What goes between the units and is not media."""
Item = TrackUpdate | AccessUnit | Remark | PublicationEnd


class Publication:
    """One live source. Created by the application; fed by the door that took the publisher in."""

    def __init__(self, publication_id: str, request: PublishRequest) -> None:
        self.publication_id = publication_id
        """Short random epoch, unique for ever: it is part of every object key."""
        self.request = request
        self.tracks: dict[int, Track] = {}
        self.end_reason: str | None = None
        self.bytes_in = 0
        self.units_in = 0
        self.on_kick: Callable[[str], None] | None = None
        """Set by the door: closes the publisher's connection, with the reason."""
        self.on_drain: Callable[[], bool] | None = None
        """Set by the door: asks the publisher to come back to another server; False where it never said that
        it can."""
        self.corrections: Callable[[], int] | None = None
        """Set by the door: how many timestamps it had to correct so far."""
        self._subscriptions: list[Subscription] = []
        self._since_sync: list[AccessUnit] = []
        self._since_sync_bytes = 0

    @property
    def ended(self) -> bool:
        return self.end_reason is not None

    @property
    def has_video(self) -> bool:
        return any(track.kind is Kind.VIDEO for track in self.tracks.values())

    def set_track(self, track: Track) -> None:
        """Announce a track, or its new format. An equal announcement is ignored."""
        if self.ended or self.tracks.get(track.track_id) == track:
            return
        if track.track_id in self.tracks:
            self._forget()
        self.tracks[track.track_id] = track
        self._deliver(TrackUpdate(track))

    def push(self, unit: AccessUnit) -> None:
        """Hand one unit to every consumer. Its track must have been announced."""
        if self.ended:
            return
        if unit.track_id not in self.tracks:
            raise ValueError(f"unit of unannounced track {unit.track_id}")
        self.units_in += 1
        self.bytes_in += len(unit.payload)
        self._remember(unit)
        self._deliver(unit)

    def tell(self, remark: Remark) -> None:
        """Hand on what is not media. The door limits how many and how large they are."""
        if not self.ended:
            self._deliver(remark)

    def close(self, reason: str) -> None:
        """The publisher is gone. Idempotent."""
        if self.ended:
            return
        self.end_reason = reason
        self._forget()
        self._deliver(PublicationEnd(reason))

    def kick(self, reason: str) -> None:
        """Throw the publisher out: ends the publication and closes the connection behind it."""
        self.close(reason)
        if self.on_kick is not None:
            self.on_kick(reason)

    def subscribe(self, *, limit_bytes: int = 16 << 20, limit_units: int = 2_000) -> Subscription:
        """A new consumer. It first gets every track, then the units since the last sync point."""
        subscription = Subscription(self, limit_bytes=limit_bytes, limit_units=limit_units)
        for track in self.tracks.values():
            subscription.offer(TrackUpdate(track))
        for item in self._since_sync:
            subscription.offer(item)
        if self.end_reason is not None:
            subscription.offer(PublicationEnd(self.end_reason))
        else:
            self._subscriptions.append(subscription)
        return subscription

    def _unsubscribe(self, subscription: Subscription) -> None:
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)

    def _deliver(self, item: Item) -> None:
        for subscription in self._subscriptions:
            subscription.offer(item)

    def _remember(self, unit: AccessUnit) -> None:
        """Keep the units since the first picture's last sync point (the sound's where there is none)."""
        starts = unit.sync and unit.track_id == self._leader_id(unit)
        if starts and self._since_sync:
            # Further pictures of the same instant may have come just before.
            kept = [
                earlier
                for earlier in self._since_sync[-SAME_INSTANT_UNITS:]
                if earlier.sync
                and earlier.codec.kind is Kind.VIDEO
                and earlier.track_id != unit.track_id
                and earlier.dts_s > unit.dts_s - SAME_INSTANT_S
            ]
            self._since_sync = kept
            self._since_sync_bytes = sum(len(earlier.payload) for earlier in kept)
        elif (
            starts
            or self._since_sync_bytes > MEMORY_LIMIT_BYTES
            or len(self._since_sync) >= MEMORY_LIMIT_UNITS
        ):
            self._forget()
        if self._since_sync or starts:
            self._since_sync.append(unit)
            self._since_sync_bytes += len(unit.payload)

    def _leader_id(self, unit: AccessUnit) -> int:
        """The track whose sync units are where a consumer can start: the first picture, or any sound."""
        pictures = [number for number, track in self.tracks.items() if track.kind is Kind.VIDEO]
        return min(pictures, default=unit.track_id)

    def _forget(self) -> None:
        self._since_sync.clear()
        self._since_sync_bytes = 0


MEMORY_LIMIT_BYTES = 16 << 20
"""A group of pictures above this is not kept for late consumers: they start at the next one."""

SAME_INSTANT_S = 0.005
SAME_INSTANT_UNITS = 64
"""Tracks of one source together; no more are looked through for units of the same instant."""

MEMORY_LIMIT_UNITS = 2_000
"""The same for its number of units, which a new consumer's queue must hold at once."""


class UnitQueue(Generic[T]):
    """A bounded queue of access units and what goes between them. Iterate it; the last item ends it.

    Overflow rule: the newest units are refused, and what follows is skipped up to the next sync unit of
    each picture (of the sound where ``has_video()`` is false), so that what a consumer sees is always
    decodable; ``dropped_units`` counts. Remarks are refused when it is full; formats and the end never
    are: of a track's formats with no unit between them only the newest is kept, so that they stay few
    whatever the publisher does.
    """

    def __init__(
        self,
        *,
        has_video: Callable[[], bool],
        limit_bytes: int = 16 << 20,
        limit_units: int = 2_000,
    ) -> None:
        self._has_video = has_video
        self._queue: deque[T] = deque()
        self._queued_bytes = 0
        self._limit_bytes = limit_bytes
        self._limit_units = limit_units
        self._skipping = False
        self._resumed: set[int] | None = None
        """After a skip: the pictures that go on, each from its own sync unit. None: nothing was skipped."""
        self._finished = False
        self._wakeup = asyncio.Event()
        self.dropped_units = 0

    def __len__(self) -> int:
        return len(self._queue)

    def offer(self, item: T) -> None:
        """Append without ever blocking, or drop by the overflow rule."""
        if isinstance(item, AccessUnit):
            if self._skipping and item.sync and (item.codec.kind is Kind.VIDEO or not self._has_video()):
                self._skipping = False
                self._resumed = set()
            if self._skipping or self._is_full(item):
                self._skipping = True
                self.dropped_units += 1
                return
            if self._resumed is not None and not self._has_resumed(item, self._resumed):
                self.dropped_units += 1
                return
            self._queued_bytes += len(item.payload)
        elif isinstance(item, TimedText | CuePoint):
            # Small, and a consumer that stands still must not gather them for ever.
            if len(self._queue) >= self._limit_units:
                self.dropped_units += 1
                return
        elif isinstance(item, TrackUpdate):
            self._forget_unused_format(item)
        self._queue.append(item)
        self._wakeup.set()

    @staticmethod
    def _has_resumed(unit: AccessUnit, resumed: set[int]) -> bool:
        if unit.codec.kind is not Kind.VIDEO:
            return True
        if unit.sync:
            resumed.add(unit.track_id)
        return unit.track_id in resumed

    def _forget_unused_format(self, update: TrackUpdate) -> None:
        """Drop an earlier format of the same track at the queue's end that no unit uses."""
        for back in range(1, len(self._queue) + 1):
            waiting = self._queue[-back]
            if not isinstance(waiting, TrackUpdate):
                return
            if waiting.track.track_id == update.track.track_id:
                del self._queue[-back]
                return

    def _is_full(self, unit: AccessUnit) -> bool:
        return (
            len(self._queue) >= self._limit_units
            or self._queued_bytes + len(unit.payload) > self._limit_bytes
        )

    def take(self) -> T | None:
        """The next item without waiting, or None."""
        if not self._queue:
            return None
        item = self._queue.popleft()
        if isinstance(item, AccessUnit):
            self._queued_bytes -= len(item.payload)
        return item

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        if self._finished:
            raise StopAsyncIteration
        while (item := self.take()) is None:
            self._wakeup.clear()
            await self._wakeup.wait()
        if isinstance(item, PublicationEnd):
            self._finished = True
            self.close()
        return item

    def close(self) -> None:
        """Stop receiving. Idempotent."""


class Subscription(UnitQueue[Item]):
    """A consumer's queue on a publication. Its last item is :class:`PublicationEnd`."""

    def __init__(self, publication: Publication, *, limit_bytes: int, limit_units: int) -> None:
        super().__init__(
            has_video=lambda: publication.has_video, limit_bytes=limit_bytes, limit_units=limit_units
        )
        self._publication = publication

    def close(self) -> None:
        self._publication._unsubscribe(self)
