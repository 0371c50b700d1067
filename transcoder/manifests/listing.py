"""The finished segments of a window: which are listed, what of them can be fetched, and until when."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from transcoder.manifests.config import WindowConfig
from transcoder.manifests.duration import US_PER_S
from transcoder.manifests.segment import Init, Media, Segment, Stored
from transcoder.manifests.shelf import Shelf


class Listing:
    """What the playlist holds but its open segment. Only the window changes it."""

    def __init__(self, config: WindowConfig, first_msn: int, discontinuity_sequence: int) -> None:
        self.segments: deque[Segment] = deque()
        self.shelf = Shelf()
        self.first_msn = first_msn
        """EXT-X-MEDIA-SEQUENCE."""
        self.discontinuity_sequence = discontinuity_sequence
        """EXT-X-DISCONTINUITY-SEQUENCE: the number before the first listed segment."""
        self.duration_us = 0
        self.size_bytes = 0
        self.longest_us = 0
        """Length of the longest playlist that there was, an open segment included."""
        self._config = config
        self._tagged: deque[Segment] = deque()
        self._tagged_us = 0
        self._coming_to_rest: deque[tuple[float, Segment]] = deque()

    def append(self, segment: Segment, content_type: str) -> None:
        """One more finished segment, from its parts."""
        self._list(segment)
        self._tagged.append(segment)
        self._tagged_us += segment.duration_us
        if not segment.gap:
            media = Media(segment.chunks, segment.size_bytes, f'"{segment.name}"', content_type)
            self.shelf.put(segment.name, media)

    def take_up(self, segment: Segment, content_type: str) -> None:
        """A segment of an earlier process: the store has it, and its parts are gone."""
        segment.tagged = False
        segment.at_rest = True
        self._list(segment)
        self.longest_us = max(self.longest_us, self.duration_us)
        if segment.stored_key is not None:
            name, key = segment.name, segment.stored_key
            self.shelf.put(name, Stored(key, segment.size_bytes, f'"{name}"', content_type))
            self.shelf.mark_stored(name, key)

    def _list(self, segment: Segment) -> None:
        self.segments.append(segment)
        self.duration_us += segment.duration_us
        self.size_bytes += segment.size_bytes

    def since(self, msn: int) -> Iterable[Segment]:
        """The listed segments from number ``msn`` on."""
        newest = min(len(self.segments), self.first_msn + len(self.segments) - msn)
        return [self.segments[-index] for index in range(newest, 0, -1)]

    def mark_stored(self, item: Segment | Init, key: str) -> bool:
        """See :meth:`transcoder.manifests.window.MediaWindow.mark_stored`."""
        if not self.shelf.mark_stored(item.name, key):
            return False
        if isinstance(item, Segment):
            item.stored_key = key
            if item.at_rest:
                self._let_go(item)
        return True

    def _let_go(self, segment: Segment) -> None:
        self.shelf.let_go(segment.name)
        segment.forget_bytes()

    def evict(self, now_s: float) -> None:
        """Let go of what nobody may ask for any more, and of bytes that the store has."""
        self.shelf.evict(now_s)
        while self._coming_to_rest and self._coming_to_rest[0][0] < now_s:
            segment = self._coming_to_rest.popleft()[1]
            segment.at_rest = True
            if segment.stored_key is not None:
                self._let_go(segment)

    def remove_old_part_tags(self, open_us: int, now_s: float) -> None:
        """``open_us`` is the length of the open segment."""
        # RFC 8216bis 6.2.2: "EXT-X-PART tags SHOULD be removed from the Playlist after they are greater than
        # three Target Durations from the end of the Playlist. Clients MUST be able to download the Partial
        # Segment for at least three Target Durations after the EXT-X-PART tag is removed". A segment's tags
        # go together, when its first part crosses the line: players count part indexes from its first tag.
        limit_us = self._config.part_tags_us
        while len(self._tagged) > 1 and self._tagged_us + open_us > limit_us:
            segment = self._tagged.popleft()
            self._tagged_us -= segment.duration_us
            segment.tagged = False
            segment.text = None
            deadline_s = now_s + limit_us / US_PER_S
            for part in segment.parts:
                if not part.gap:
                    self.shelf.leave_at("parts", part.name, deadline_s)
            self._coming_to_rest.append((deadline_s, segment))

    def remove_old(self) -> None:
        """Segments that are not listed any more stay fetchable for a while."""
        # RFC 8216bis 6.2.2: "The server MUST NOT remove a Media Segment from a Playlist file without an
        # EXT-X-ENDLIST tag if that would produce a Playlist whose duration is less than three times the
        # Target Duration." What we keep is more than that.
        keep_us = self._config.keep_us
        while self.duration_us - self.segments[0].duration_us >= keep_us:
            segment = self.segments.popleft()
            self.duration_us -= segment.duration_us
            self.size_bytes -= segment.size_bytes
            self.first_msn += 1
            # 6.2.2: "If the server removes an EXT-X-DISCONTINUITY tag from the Media Playlist, it MUST
            # increment the value of the EXT-X-DISCONTINUITY-SEQUENCE tag".
            self.discontinuity_sequence += segment.discontinuity
            # 6.2.2: "clients MUST be able to download the segment until the time at which it first appeared
            # in the Playlist plus the segment's Availability Duration": its own length and that of the
            # longest playlist that contained it.
            deadline_s = segment.closed_s + (segment.duration_us + self.longest_us) / US_PER_S
            self.shelf.leave_at("segments", segment.name, deadline_s)
            if segment.init is not None and segment.init is not self.segments[0].init:
                self.shelf.leave_at("segments", segment.init.name, deadline_s)
            segment.text = None
