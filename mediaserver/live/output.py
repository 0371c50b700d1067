"""One rendition as viewers meet it: a window, its rendered playlist, and the requests that wait for it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from mediaserver.storage.contract import ObjectDamaged, ObjectMissing, StoreError
from transcoder.ladder import Rendition
from transcoder.manifests.dateranges import NONE, DateRanges
from transcoder.manifests.hls import Report
from transcoder.manifests.reload import Refuse, Serve, decide
from transcoder.manifests.rendered import PlaylistCache, RenderedPlaylist
from transcoder.manifests.segment import Stored
from transcoder.manifests.window import Media, MediaWindow, Pending, Segment
from transcoder.media import Track

log = logging.getLogger(__name__)

Fetch = Callable[[Stored], Awaitable[Media]]
"""Reads what has left memory. Raises :class:`mediaserver.storage.contract.StoreError`."""
FETCH_S = 5.0
MAX_WAITING = 20_000
"""Requests held per rendition; further ones are told to come back."""


class PlaylistRefused(Exception):
    """A playlist or media request that gets no body. ``detail`` may be shown to the client."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        """400, 404 or 503."""
        self.detail = detail


class PlaylistOutput:
    """Holds requests until the window has what they ask for. One event wakes all who wait."""

    def __init__(
        self,
        window: MediaWindow,
        reports: Callable[[], Sequence[Report]],
        *,
        date_ranges: Callable[[], DateRanges] | None = None,
        fetch: Fetch | None = None,
    ) -> None:
        self.window = window
        self.waiting = 0
        self._given_up = False
        self._stopping = False
        self._reports = reports
        self._date_ranges = date_ranges or (lambda: NONE)
        self._fetch = fetch
        self._cache = PlaylistCache()
        self._seen_version = window.version
        self._changed = asyncio.Event()

    def notify(self) -> None:
        """Wake who waits, if there is anything new to see."""
        if self.window.version == self._seen_version:
            return
        self._seen_version = self.window.version
        self._wake()

    def give_up(self) -> None:
        """The rendition is no longer offered: who waits gets 404."""
        self._given_up = True
        self._wake()

    def stop(self) -> None:
        """Nothing more will come from this process: who waits gets 503, which players try again."""
        self._stopping = True
        self._wake()

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def playlist(self, msn: int | None, part: int | None, skip: str | None) -> RenderedPlaylist:
        """The media playlist, held back as its delivery directives ask (RFC 8216bis 6.2.5.2).

        Raises :class:`PlaylistRefused` with 400, 404, or 503 after three target durations.
        """
        decision = decide(self.window, msn, part, skip)
        if not isinstance(decision, Serve):
            if isinstance(decision, Refuse):
                raise PlaylistRefused(decision.status, decision.reason)
            async with self._patience():
                while not isinstance(decision, Serve):
                    await self._next_change()
                    decision = decide(self.window, msn, part, skip)
                    if isinstance(decision, Refuse):
                        raise PlaylistRefused(decision.status, decision.reason)
        return self._cache.get(
            self.window, skip=decision.skip, reports=self._reports(), date_ranges=self._date_ranges()
        )

    async def media(self, name: str) -> Media:
        """An init, segment or part by name; the hinted part is waited for (RFC 8216bis 6.2.6).

        Raises :class:`PlaylistRefused` with 404 for a name that leads nowhere, a withdrawn hint included.
        """
        found = self.window.lookup(name)
        if isinstance(found, Pending):
            async with self._patience():
                while isinstance(found, Pending):
                    await self._next_change()
                    found = self.window.lookup(name)
        if found is None:
            raise PlaylistRefused(404, "there is no such media here, or no longer")
        return await self._fetched(found) if isinstance(found, Stored) else found

    async def _fetched(self, stored: Stored) -> Media:
        if self._fetch is None:
            raise RuntimeError("a window's bytes are in a store that nobody told us of")
        try:
            async with asyncio.timeout(FETCH_S):
                return await self._fetch(stored)
        except (ObjectMissing, ObjectDamaged) as error:
            log.error("%s", error)
            raise PlaylistRefused(404, "this media is lost") from None
        except (StoreError, TimeoutError) as error:
            log.warning("%s cannot be read: %s", stored.key, error or "too slow")
            raise PlaylistRefused(503, "the store does not answer at the moment") from None

    async def growing(self, name: str) -> Segment | None:
        """The open segment, if that is its name: its parts can be sent as they come.

        The one that comes next is waited for. None where it begins with a discontinuity: who asks for it
        counts on from what was before, and could not read it. Raises :class:`PlaylistRefused`: 404 or 503.
        """
        segment = self.window.open_segment
        if segment is None or segment.name != name:
            msn = self.window.next_msn
            if self.window.ended or name != f"{self.window.epoch}-{msn}.m4s":
                return None
            await self.wait_begun(msn)
            segment = self.window.open_segment
            if segment is None or segment.name != name or segment.discontinuity:
                return None
        return None if segment.gap else segment

    async def wait_begun(self, msn: int) -> None:
        """Until segment ``msn`` has begun, or none will. Raises :class:`PlaylistRefused` with 404 or 503."""
        async with self._patience():
            while self.window.next_msn <= msn and not self.window.ended:
                await self._next_change()

    async def wait_media(self) -> None:
        """Until a segment with media is open, or none will be. Raises :class:`PlaylistRefused`."""
        async with self._patience():
            while not self.window.ended and (
                self.window.open_segment is None or self.window.open_segment.gap
            ):
                await self._next_change()

    async def wait_part(self, segment: Segment, index: int) -> bool:
        """Until ``segment`` has a part ``index``; False once it has ended without.

        Raises :class:`PlaylistRefused` with 404, or 503 after three target durations.
        """
        async with self._patience():
            while len(segment.parts) <= index:
                if self.window.open_segment is not segment:
                    return False
                await self._next_change()
        return True

    async def _next_change(self) -> None:
        if self._stopping:
            raise PlaylistRefused(503, "the stream is being closed here")
        if self._given_up:
            raise PlaylistRefused(404, "this rendition is no longer offered")
        await self._changed.wait()

    @asynccontextmanager
    async def _patience(self) -> AsyncIterator[None]:
        """The limit of held requests, and their deadline."""
        if self.waiting >= MAX_WAITING:
            raise PlaylistRefused(503, "too many requests wait for this playlist")
        self.waiting += 1
        try:
            # RFC 8216bis 6.2.5.2: a server that blocks "for more than three Target Durations SHOULD return
            # an HTTP 503".
            async with asyncio.timeout(self.window.config.block_limit_s):
                yield
        except TimeoutError:
            raise PlaylistRefused(503, "the stream does not go on at the moment") from None
        finally:
            self.waiting -= 1


class RenditionOutput(PlaylistOutput):
    """Picture or sound."""

    def __init__(
        self,
        rendition: Rendition,
        window: MediaWindow,
        reports: Callable[[], Sequence[Report]],
        *,
        date_ranges: Callable[[], DateRanges] | None = None,
        fetch: Fetch | None = None,
    ) -> None:
        super().__init__(window, reports, date_ranges=date_ranges, fetch=fetch)
        self.rendition = rendition
        self.track: Track | None = None
        """As packaged now; None before the first init."""
        self.listed = True
        """In the multivariant playlist: False for an earlier name that only gets what another one gets."""


class TextOutput(PlaylistOutput):
    """Words beside them."""

    def __init__(
        self,
        channel: str,
        language: str | None,
        window: MediaWindow,
        reports: Callable[[], Sequence[Report]],
        *,
        date_ranges: Callable[[], DateRanges] | None = None,
        fetch: Fetch | None = None,
    ) -> None:
        super().__init__(window, reports, date_ranges=date_ranges, fetch=fetch)
        self.channel = channel
        """As :class:`transcoder.captions.cue.Cue` has it."""
        self.language = language
        """BCP 47."""
