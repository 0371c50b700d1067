"""The live window of one rendition: what is listed, what is fetchable, and for how long.

Pure: bytes and ``now_s`` (any monotonic clock, seconds) come in. The packager drives it, a shell shows it.
``version`` grows with every change that a client may see, so one event per rendition wakes all who wait.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import islice

from transcoder.manifests.bandwidth import BandwidthMeter
from transcoder.manifests.checkpoint import WindowCheckpoint, WindowStatistics
from transcoder.manifests.config import WindowConfig
from transcoder.manifests.duration import US_PER_S, microseconds
from transcoder.manifests.listing import Listing
from transcoder.manifests.part_times import PartTimes, program_time_ms
from transcoder.manifests.segment import Init, Media, Part, Pending, Position, Segment, Stored

__all__ = [
    "Init",
    "Media",
    "MediaWindow",
    "Part",
    "Pending",
    "Position",
    "Segment",
    "Stored",
    "WindowCheckpoint",
    "WindowConfig",
    "WindowError",
    "WindowStatistics",
]


class WindowError(ValueError):
    """The caller used the window wrongly; nothing has changed."""


class MediaWindow:
    """One rendition's LL-HLS window. It owns the media bytes, until the object store has them.

    ``epoch`` makes names unique for ever: a short random word chosen for each run of the stream.
    ``first_msn`` must be above every media sequence number that players of this URL have ever seen.
    """

    def __init__(
        self,
        config: WindowConfig,
        epoch: str,
        first_msn: int = 0,
        discontinuity_sequence: int = 0,
        *,
        content_type: str = "video/mp4",
        extension: str = "m4s",
    ) -> None:
        """``extension`` ends the names of segments and parts. One other than ``m4s`` is a format without an
        init segment, which needs no EXT-X-MAP (WebVTT)."""
        if first_msn < 0 or discontinuity_sequence < 0:
            raise WindowError("sequence numbers are never negative")
        self.config = config
        self.epoch = epoch
        self.bandwidth = BandwidthMeter(config.target_duration_s, config.keep_us / US_PER_S)
        self._content_type = content_type
        self._extension = extension
        self._needs_init = extension == "m4s"
        self._listing = Listing(config, first_msn, discontinuity_sequence)
        self._shelf = self._listing.shelf
        self._open: Segment | None = None
        self._next_msn = first_msn
        self._init: Init | None = None
        self._init_number = 0
        self._init_used = False
        self._newest: Segment | None = None
        self._newest_discontinuity = discontinuity_sequence
        self._discontinuity_pending = False
        self._times = PartTimes(config.part_target_us)
        self._last_now_s = -math.inf
        self._version = 0
        self._ended = False
        self._overlong_segments = 0
        self._overlong_parts = 0

    @classmethod
    def continued(
        cls,
        config: WindowConfig,
        epoch: str,
        checkpoint: WindowCheckpoint,
        *,
        content_type: str = "video/mp4",
        extension: str = "m4s",
    ) -> MediaWindow:
        """A new window in the place of a lost one: numbers go on, and it starts with a discontinuity."""
        window = cls(
            config,
            epoch,
            checkpoint.next_msn,
            checkpoint.discontinuity_sequence,
            content_type=content_type,
            extension=extension,
        )
        window.discontinuity()
        return window

    @classmethod
    def restored(
        cls,
        config: WindowConfig,
        epoch: str,
        checkpoint: WindowCheckpoint,
        segments: Sequence[Segment],
        *,
        init: Init | None,
        longest_us: int,
        now_s: float,
        content_type: str = "video/mp4",
        extension: str = "m4s",
    ) -> MediaWindow:
        """A window that goes on from what the store has of a lost one.

        ``segments`` follow each other; those with a ``stored_key`` can be fetched, the others are gaps.
        ``checkpoint`` is that before the first of them, ``init`` the newest, ``longest_us`` the length of the
        longest playlist so far. What is new gets names of ``epoch``, which no earlier run had.
        """
        window = cls(
            config,
            epoch,
            checkpoint.next_msn,
            checkpoint.discontinuity_sequence,
            content_type=content_type,
            extension=extension,
        )
        window._init = init
        window._init_used = True
        window._listing.longest_us = longest_us
        for known in dict.fromkeys(segment.init for segment in segments if segment.init is not None):
            window._put_init(known)
        if init is not None:
            window._put_init(init)
        for segment in segments:
            window._take_up(segment)
        if segments:
            window._listing.remove_old()
            window._changed(now_s)
        return window

    def _take_up(self, segment: Segment) -> None:
        if segment.msn != self._next_msn:
            raise WindowError(f"segment {segment.msn} does not follow {self._next_msn - 1}")
        self._listing.take_up(segment, self._content_type)
        self._next_msn += 1
        self._newest = segment
        self._newest_discontinuity += segment.discontinuity
        if not segment.gap:
            self.bandwidth.add_segment(segment.size_bytes, segment.duration_us / US_PER_S)

    # What a client may see

    @property
    def version(self) -> int:
        """Grows whenever the playlist or the set of listed media changes."""
        return self._version

    @property
    def ended(self) -> bool:
        """EXT-X-ENDLIST has been said: nothing will change any more."""
        return self._ended

    @property
    def is_playable(self) -> bool:
        """At least one part is there."""
        return self._newest is not None

    @property
    def segments(self) -> Iterable[Segment]:
        """The finished segments in the playlist, oldest first. Read only."""
        return self._listing.segments

    @property
    def open_segment(self) -> Segment | None:
        """The segment that still grows, once it has a part. Read only."""
        return self._open

    @property
    def first_msn(self) -> int:
        """EXT-X-MEDIA-SEQUENCE."""
        return self._listing.first_msn

    @property
    def last_msn(self) -> int:
        """The newest finished segment; one below ``first_msn`` where there is none yet."""
        return self._listing.first_msn + len(self._listing.segments) - 1

    @property
    def next_msn(self) -> int:
        """The number that the next segment to begin will get."""
        return self._next_msn

    @property
    def discontinuity_sequence(self) -> int:
        """EXT-X-DISCONTINUITY-SEQUENCE: the number before the first listed segment."""
        return self._listing.discontinuity_sequence

    @property
    def discontinuity_due(self) -> bool:
        """The next segment to begin starts with EXT-X-DISCONTINUITY."""
        return self._discontinuity_pending

    @property
    def duration_us(self) -> int:
        """Length of the finished segments in the playlist."""
        return self._listing.duration_us

    @property
    def longest_us(self) -> int:
        """Length of the longest playlist so far."""
        return self._listing.longest_us

    @property
    def content_type(self) -> str:
        """Of segments, parts and inits."""
        return self._content_type

    @property
    def extension(self) -> str:
        """What the names of segments and parts end with."""
        return self._extension

    @property
    def init(self) -> Init | None:
        """The one that the next segment to begin will get."""
        return self._init

    @property
    def position(self) -> Position | None:
        """The newest part (LAST-MSN and LAST-PART of a rendition report); None before the first."""
        newest = self._newest
        return None if newest is None else Position(newest.msn, newest.last_part)

    @property
    def hint(self) -> Position | None:
        """The part that comes next (EXT-X-PRELOAD-HINT); None once the stream has ended."""
        if self._ended:
            return None
        if self._open is not None:
            return Position(self._open.msn, len(self._open.parts))
        return Position(self._next_msn, 0)

    @property
    def linger_s(self) -> float:
        """How long an ended window must stay fetchable when its stream is taken away.

        RFC 8216bis 6.2.1: "all Media Segments in the Playlist file remain available to clients for at least
        the duration of the Playlist file at the time of removal".
        """
        return self.duration_us / US_PER_S

    def part_name(self, position: Position) -> str:
        return f"{self.epoch}-{position.msn}.{position.part}.{self._extension}"

    def lookup(self, name: str) -> Media | Stored | Pending | None:
        """What ``name`` leads to: bytes here or in the store, the hinted part to come, or nothing (404)."""
        media = self._shelf.get(name)
        if media is not None:
            return media
        hint = self.hint
        if hint is not None and name == self.part_name(hint):
            return Pending(hint.msn, hint.part)
        return None

    def checkpoint(self) -> WindowCheckpoint:
        """What a successor of this window must know; the open segment's number is never used again."""
        return WindowCheckpoint(self._next_msn, self._newest_discontinuity)

    def statistics(self) -> WindowStatistics:
        return WindowStatistics(
            version=self._version,
            first_msn=self.first_msn,
            next_msn=self._next_msn,
            discontinuity_sequence=self.discontinuity_sequence,
            segments=len(self._listing.segments),
            listed_s=(self.duration_us + self._open_us) / US_PER_S,
            fetchable=len(self._shelf),
            listed_bytes=self._listing.size_bytes + (self._open.size_bytes if self._open else 0),
            memory_bytes=self._shelf.memory_bytes,
            overlong_segments=self._overlong_segments,
            overlong_parts=self._overlong_parts,
        )

    # What the archive does

    def since(self, msn: int) -> Iterable[Segment]:
        """The finished listed segments from number ``msn`` on, oldest first."""
        return self._listing.since(msn)

    def mark_stored(self, item: Segment | Init, key: str) -> bool:
        """The object store has the item's bytes under ``key``: once its parts are gone, they leave memory.

        False: its time is over already, and the object is to be deleted.
        """
        return self._listing.mark_stored(item, key)

    def is_stored(self, item: Segment | Init) -> bool:
        """Whether :meth:`mark_stored` has been told of it."""
        return self._shelf.is_stored(item.name)

    def take_departed(self) -> list[str]:
        """Keys of what cannot be fetched any more since the last call: the store may forget them."""
        return self._shelf.take_departed()

    # What the packager does

    def set_init(self, data: bytes) -> str:
        """A new format: the next segment to begin gets EXT-X-MAP of it. Answers the init's name.

        The same bytes as before change nothing. A change of format in a running stream also needs
        :meth:`discontinuity`, in every rendition at the same segment (RFC 8216bis 6.2.1, 6.2.4).
        """
        if self._init is not None:
            if self._init.data == data:
                return self._init.name
            if not self._init_used:
                self._shelf.drop(self._init.name)
        init = Init(f"{self.epoch}-i{self._init_number}.mp4", data)
        self._init_number += 1
        self._init = init
        self._init_used = False
        self._put_init(init)
        return init.name

    def _put_init(self, init: Init) -> None:
        self._shelf.put(init.name, Media((init.data,), len(init.data), f'"{init.name}"', self._content_type))

    def discontinuity(self) -> None:
        """The next segment to begin starts with EXT-X-DISCONTINUITY. Twice before it is once."""
        self._discontinuity_pending = True

    def add_part(
        self,
        data: bytes,
        *,
        duration_s: float,
        independent: bool,
        now_s: float,
        program_time_s: float | None = None,
        decode_time: int | None = None,
        composition_offset: int = 0,
        duration_ticks: int = 0,
        timescale: int = 0,
    ) -> Position:
        """One more part, complete. The first after :meth:`end_segment` begins a segment.

        ``program_time_s`` is the unix time of the part's first sample; only a segment's first part uses it.
        ``decode_time`` and ``duration_ticks`` are its ``tfdt`` and its length in ticks, exactly, and
        ``composition_offset`` is its first sample's: DASH counts with them, HLS does not need them. Raises
        WindowError for a length that is not positive, without an init, and after :meth:`end`.
        """
        if self._init is None and self._needs_init:
            raise WindowError("a part came before its init")
        if not data:
            raise WindowError("a part without bytes; what is missing is a gap part")
        position = self._add(data, duration_s, independent, False, now_s, program_time_s)
        if (segment := self._open) is not None:
            if position.part == 0:
                segment.decode_time = decode_time
                segment.composition_offset = composition_offset
            segment.duration_ticks += duration_ticks
            segment.timescale = timescale
        return position

    def add_gap_part(
        self, *, duration_s: float, now_s: float, program_time_s: float | None = None
    ) -> Position:
        """Time passes, media did not come: EXT-X-PART with GAP=YES. Its name leads to nothing."""
        return self._add(b"", duration_s, False, True, now_s, program_time_s)

    def end_segment(self, now_s: float, whole: bytes | None = None) -> None:
        """Close the open segment; without one nothing happens. Only gap parts in it: it gets EXT-X-GAP.

        ``whole`` is the segment where it is not its parts one after the other: each WebVTT part has a header
        of its own.
        """
        segment = self._open
        if segment is None:
            return
        self._open = None
        if whole is not None:
            segment.whole, segment.size_bytes = whole, len(whole)
        segment.closed_s = now_s
        self._listing.append(segment, self._content_type)
        if not segment.gap:
            self.bandwidth.add_segment(segment.size_bytes, segment.duration_us / US_PER_S)
        # RFC 8216bis 4.4.3.1: "The EXTINF duration of each Media Segment in a Playlist file, when rounded to
        # the nearest integer, MUST be less than or equal to the Target Duration."
        if (2 * segment.duration_us + US_PER_S) // (2 * US_PER_S) > self.config.target_duration_s:
            self._overlong_segments += 1
        self._listing.remove_old()
        self._changed(now_s)

    def add_gap_segment(self, duration_s: float, now_s: float, program_time_s: float | None = None) -> None:
        """A whole segment of nothing, as gap parts of equal length (a low-latency player counts parts).

        What does not round to the target duration becomes several: EXTINF must keep to it, media or not. One
        that does stays one, as in the renditions whose media came: sequence numbers must not drift apart.
        """
        self._check(duration_s)
        self.end_segment(now_s)
        beyond_rounding_us = microseconds(duration_s) - US_PER_S // 2 + 1
        segments = max(1, math.ceil(beyond_rounding_us / self.config.target_duration_us))
        parts = math.ceil(microseconds(duration_s / segments) / self.config.part_target_us) or 1
        for _ in range(segments):
            for _ in range(parts):
                self.add_gap_part(
                    duration_s=duration_s / segments / parts, now_s=now_s, program_time_s=program_time_s
                )
            self.end_segment(now_s)
            program_time_s = None

    def end(self) -> None:
        """The stream is over: EXT-X-ENDLIST. An open segment is closed first."""
        if self._ended:
            return
        self.end_segment(self._last_now_s)
        self._ended = True
        self._version += 1

    def evict(self, now_s: float) -> None:
        """Let go of removed media whose time is over; the playlist does not change by it."""
        self._last_now_s = max(self._last_now_s, now_s)
        self._listing.evict(now_s)

    # Inside

    @property
    def _open_us(self) -> int:
        return 0 if self._open is None else self._open.duration_us

    def _add(
        self,
        data: bytes,
        duration_s: float,
        independent: bool,
        gap: bool,
        now_s: float,
        program_time_s: float | None,
    ) -> Position:
        self._check(duration_s)
        segment = self._open or self._begin(program_time_s)
        position = Position(segment.msn, len(segment.parts))
        name = self.part_name(position)
        part = Part(name, self._times.rounded_us(duration_s), independent, gap, data)
        segment.parts.append(part)
        segment.duration_us += part.duration_us
        segment.size_bytes += len(data)
        if not gap:
            self._shelf.put(name, Media((data,), len(data), f'"{name}"', self._content_type))
        if part.duration_us > self.config.part_target_us:
            self._overlong_parts += 1
        self._changed(now_s)
        return position

    def _check(self, duration_s: float) -> None:
        if self._ended:
            raise WindowError("the stream has ended")
        if not 0 < duration_s < math.inf:
            raise WindowError(f"media of {duration_s} s")

    def _begin(self, program_time_s: float | None) -> Segment:
        previous = self._newest
        segment = Segment(
            msn=self._next_msn,
            name=f"{self.epoch}-{self._next_msn}.{self._extension}",
            init=self._init,
            map_changed=previous is None or previous.init is not self._init,
            discontinuity=self._discontinuity_pending,
            program_time_ms=program_time_ms(
                previous, program_time_s, discontinuity=self._discontinuity_pending
            ),
        )
        self._next_msn += 1
        self._init_used = True
        self._newest_discontinuity += self._discontinuity_pending
        self._discontinuity_pending = False
        self._open = self._newest = segment
        return segment

    def _changed(self, now_s: float) -> None:
        self._listing.longest_us = max(self.longest_us, self.duration_us + self._open_us)
        self._listing.remove_old_part_tags(self._open_us, now_s)
        self._version += 1
        self.evict(now_s)

    def newest_segments(self, skipped: int) -> Iterable[Segment]:
        """The finished segments but the ``skipped`` oldest."""
        return islice(self._listing.segments, skipped, None)
