"""The records of a window: parts, segments, what a name leads to."""

from __future__ import annotations

from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A part's place: media sequence number of its segment, and part index within it (from 0)."""

    msn: int
    part: int


@dataclass(frozen=True, slots=True)
class Media:
    """Bytes that can be fetched now. They never change, so the name is the entity tag."""

    chunks: tuple[bytes, ...] = field(repr=False)
    """A segment's chunks are the very objects of its parts: nothing is copied."""
    size: int
    etag: str
    """Strong, with its quotes."""
    content_type: str


@dataclass(frozen=True, slots=True)
class Stored:
    """Bytes that have left memory: the object store has them under ``key``. The same bytes as before."""

    key: str
    size: int
    etag: str
    """As it was in memory: the name's, not the store's own."""
    content_type: str


@dataclass(frozen=True, slots=True)
class Pending:
    """The hinted part, still to come. Hold the request without a byte until it is (RFC 8216bis 6.2.6)."""

    msn: int
    part: int


@dataclass(frozen=True, slots=True)
class Init:
    """A Media Initialization Section (RFC 8216bis 3.1.2) and the name that EXT-X-MAP gives it."""

    name: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Part:
    """A Partial Segment (RFC 8216bis 3.2)."""

    name: str
    duration_us: int
    independent: bool
    """It holds a sync sample, so that a player may start here."""
    gap: bool
    """Its media never came: the time passes, there is nothing to fetch."""
    data: bytes = field(repr=False)


@dataclass(slots=True)
class Segment:
    """A Media Segment, open while its parts still come. Only the window changes it."""

    msn: int
    name: str
    init: Init | None
    map_changed: bool
    """Its init is not its predecessor's: EXT-X-MAP must be said."""
    discontinuity: bool
    """EXT-X-DISCONTINUITY stands before it."""
    program_time_ms: int | None
    """Unix time of its first sample, in milliseconds."""
    parts: list[Part] = field(default_factory=list)
    duration_us: int = 0
    """The sum of its parts."""
    size_bytes: int = 0
    whole: bytes | None = field(default=None, repr=False)
    """Its bytes, where they are not those of its parts one after the other."""
    decode_time: int | None = None
    """Of its first sample in decoding order, in ticks (``tfdt``); None where it begins with a gap."""
    composition_offset: int = 0
    """From there to when that sample is shown, in ticks: where the segment begins for a viewer."""
    duration_ticks: int = 0
    """Of its media; gaps in it are not counted."""
    timescale: int = 0
    """Ticks per second; 0 for a segment that is all gap."""
    closed_s: float = 0.0
    """Monotonic clock at which it first stood in the playlist as a whole, in seconds."""
    tagged: bool = True
    """Its EXT-X-PART tags are still listed."""
    at_rest: bool = False
    """Its parts cannot be fetched any more, only the whole."""
    stored_key: str | None = None
    """Where the object store has it."""
    text: str | None = None
    """Its lines in an HLS playlist once they stand still; kept here by :mod:`.hls`, dropped by the window."""

    @property
    def gap(self) -> bool:
        """Nothing of it can be fetched."""
        return self.stored_key is None and all(part.gap for part in self.parts)

    @property
    def chunks(self) -> tuple[bytes, ...]:
        """Its bytes; none any more once they are in the store only."""
        if self.whole is not None:
            return (self.whole,)
        return tuple(part.data for part in self.parts if not part.gap)

    @property
    def last_part(self) -> int:
        """0 where it was taken up from the store, which knows no parts."""
        return max(0, len(self.parts) - 1)

    def forget_bytes(self) -> None:
        """The store has them."""
        self.whole = None
        self.parts = [replace(part, data=b"") for part in self.parts]
