"""A playlist as bytes, made once for all who wait for it."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

from transcoder.manifests.dateranges import NONE, DateRanges
from transcoder.manifests.hls import Report, render
from transcoder.manifests.reload import Skip
from transcoder.manifests.window import MediaWindow

GZIP_LEVEL: Final = 5
"""Beyond it a playlist takes twice the time for one byte in a hundred."""


class RenderedPlaylist:
    """One version of a playlist. Every answer that sends it sends these same bytes objects."""

    __slots__ = ("_gzip", "_tag", "body")

    def __init__(self, text: str) -> None:
        self.body: Final[bytes] = text.encode()
        self._tag = blake2b(self.body, digest_size=12).hexdigest()
        self._gzip: bytes | None = None

    @property
    def gzip(self) -> bytes:
        """The same under Content-Encoding: gzip; compressed when first asked for, once."""
        if self._gzip is None:
            # 16 above the window bits asks zlib for a gzip header, which then carries no time and no name.
            packer = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
            self._gzip = packer.compress(self.body) + packer.flush()
        return self._gzip

    @property
    def etag(self) -> str:
        """Strong entity tag of ``body``, with its quotes."""
        return f'"{self._tag}"'

    @property
    def gzip_etag(self) -> str:
        """Strong entity tag of ``gzip``: other bytes, another tag (RFC 9110 8.8.3.3)."""
        return f'"{self._tag}-gzip"'


class PlaylistCache:
    """One rendition's playlist: rendered at most once for each version, skip, set of reports and date ranges.

    Only the newest version is kept. The reports belong to the key because a report must be "as up-to-date as
    the Playlist that contains it" (RFC 8216bis 4.4.5.4): another rendition may move on while this one stands.
    """

    def __init__(self) -> None:
        self._version = -1
        self._reports: tuple[Report, ...] = ()
        self._date_ranges = NONE
        self._playlists: dict[Skip | None, RenderedPlaylist] = {}
        self.renders = 0
        """How often text was written since the start."""

    def get(
        self,
        window: MediaWindow,
        *,
        skip: Skip | None = None,
        reports: Sequence[Report] = (),
        date_ranges: DateRanges = NONE,
    ) -> RenderedPlaylist:
        """The playlist of this moment. ``window`` must be the same object in every call."""
        now = tuple(reports)
        if window.version != self._version or now != self._reports or date_ranges != self._date_ranges:
            self._version = window.version
            self._reports = now
            self._date_ranges = date_ranges
            self._playlists.clear()
        playlist = self._playlists.get(skip)
        if playlist is None:
            playlist = RenderedPlaylist(render(window, skip=skip, reports=now, date_ranges=date_ranges))
            self._playlists[skip] = playlist
            self.renders += 1
        return playlist
