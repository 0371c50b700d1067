"""EXT-X-DATERANGE: what happens at a moment of the program (RFC 8216bis 4.4.5.1). Pure."""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from transcoder.manifests.attributes import label, quoted
from transcoder.manifests.dates import date_time

MOST_RANGES: Final = 256
"""In one playlist; a publisher who sends more loses the oldest."""
MOST_ATTRIBUTES: Final = 16
CUE_POINT_CLASS: Final = "cue-point"
"""CLASS of what ``onCuePoint`` tells: X-NAME, X-KIND and the publisher's own attributes."""

_NAME_CHARACTERS: Final = re.compile(r"[^A-Z0-9]+")
_LONGEST_NAME: Final = 48


@dataclass(frozen=True, slots=True, kw_only=True)
class DateRange:
    """One tag. Nothing of it ever changes, as 4.4.5.1 asks of tags with the same ID."""

    range_id: str
    start_unix_s: float
    """On the clock of EXT-X-PROGRAM-DATE-TIME."""
    duration_s: float | None = 0.0
    """0 for an instant; None where it is not known."""
    class_name: str | None = None
    attributes: tuple[tuple[str, str | float], ...] = ()
    """Names as :func:`attribute_name` makes them, without ``X-``."""

    @property
    def end_unix_s(self) -> float:
        return self.start_unix_s + (self.duration_s or 0.0)

    def line(self) -> str:
        """The tag, with its line feed."""
        parts = [f"ID={quoted(self.range_id)}"]
        if self.class_name is not None:
            parts.append(f"CLASS={label(self.class_name)}")
        parts.append(f'START-DATE="{date_time(math.floor(self.start_unix_s * 1000 + 0.5))}"')
        if self.duration_s is not None:
            parts.append(f"DURATION={self.duration_s:.3f}")
        parts += [f"X-{name}={_value(value)}" for name, value in self.attributes]
        return f"#EXT-X-DATERANGE:{','.join(parts)}\n"


def attribute_name(name: str) -> str | None:
    """A publisher's word as an AttributeName (4.2: A to Z, 0 to 9, hyphen); None if nothing is left."""
    return _NAME_CHARACTERS.sub("-", name.upper()).strip("-")[:_LONGEST_NAME].strip("-") or None


def _value(value: str | float) -> str:
    """4.4.5.1: "The attribute value MUST be a quoted-string, a hexadecimal-sequence, or a
    decimal-floating-point", which has no sign."""
    if isinstance(value, str):
        return label(value)
    if not math.isfinite(value) or not 0 <= value < 1e15:
        return quoted(f"{value:g}")
    return f"{value:.6f}".rstrip("0").rstrip(".")


@dataclass(frozen=True, slots=True)
class DateRanges:
    """The tags of one moment, the same in every media playlist of the stream."""

    older: str = ""
    """Lines of tags that were added more than CAN-SKIP-UNTIL seconds ago: left out with ``_HLS_skip=v2``."""
    newer: str = ""
    recently_removed: tuple[str, ...] = ()
    """IDs that went within CAN-SKIP-UNTIL seconds."""


NONE: Final = DateRanges()


@dataclass(frozen=True, slots=True)
class _Listed:
    date_range: DateRange
    line: str
    added_s: float


class DateRangeLog:
    """The date ranges of a stream's run. ``now_s`` is any monotonic clock, the same in all calls.

    ``epoch`` makes IDs unique for ever, as it does names. ``can_skip_until_s`` is the skip boundary.
    """

    def __init__(self, epoch: str, can_skip_until_s: float) -> None:
        self._epoch = epoch
        self._can_skip_until_s = can_skip_until_s
        self._listed: deque[_Listed] = deque()
        self._removed: deque[tuple[float, str]] = deque()
        self._number = 0
        self._now = NONE
        self._good_until_s = math.inf

    def add_cue_point(
        self,
        name: str,
        kind: str,
        attributes: Mapping[str, str | float | bool],
        *,
        unix_s: float,
        now_s: float,
    ) -> DateRange:
        """What a publisher says of a moment. ``duration`` among its attributes, in seconds, is its length."""
        own: dict[str, str | float] = {"NAME": name, "KIND": kind}
        duration_s = 0.0
        for key, value in attributes.items():
            if key.lower() == "duration" and isinstance(value, int | float) and 0 <= value < 1e6:
                duration_s = float(value)
            elif (attribute := attribute_name(key)) is not None and len(own) < MOST_ATTRIBUTES:
                own.setdefault(attribute, ("NO", "YES")[value] if isinstance(value, bool) else value)
        self._number += 1
        date_range = DateRange(
            range_id=f"{self._epoch}-{self._number}",
            start_unix_s=unix_s,
            duration_s=duration_s,
            class_name=CUE_POINT_CLASS,
            attributes=tuple(own.items()),
        )
        self.add(date_range, now_s)
        return date_range

    def add(self, date_range: DateRange, now_s: float) -> None:
        """List it from now on."""
        self._listed.append(_Listed(date_range, date_range.line(), now_s))
        while len(self._listed) > MOST_RANGES:
            self._remove(self._listed.popleft(), now_s)
        self._good_until_s = -math.inf

    @property
    def is_empty(self) -> bool:
        """Nothing is listed."""
        return not self._listed

    def scroll(self, first_unix_s: float, now_s: float) -> None:
        """The playlists begin at ``first_unix_s`` now: what was over before is no longer listed."""
        if not self._listed:
            return
        kept: deque[_Listed] = deque()
        for each in self._listed:
            if each.date_range.end_unix_s < first_unix_s:
                self._remove(each, now_s)
            else:
                kept.append(each)
        self._listed = kept

    def at(self, now_s: float) -> DateRanges:
        """The tags of this moment. Equal moments give the same object."""
        if now_s < self._good_until_s:
            return self._now
        boundary_s = now_s - self._can_skip_until_s
        while self._removed and self._removed[0][0] <= boundary_s:
            self._removed.popleft()
        # 6.2.5.1: a delta update "MUST NOT contain EXT-X-DATERANGE tags that were added to the Playlist more
        # than CAN-SKIP-UNTIL seconds before the Playlist request".
        older = [each.line for each in self._listed if each.added_s < boundary_s]
        newer = [each.line for each in self._listed if each.added_s >= boundary_s]
        removed = tuple(range_id for _, range_id in self._removed)
        self._now = DateRanges("".join(older), "".join(newer), removed) if self._listed or removed else NONE
        turns = [each.added_s for each in self._listed if each.added_s >= boundary_s]
        turns += [removed_s for removed_s, _ in self._removed]
        self._good_until_s = min(turns, default=math.inf) + self._can_skip_until_s
        return self._now

    def _remove(self, listed: _Listed, now_s: float) -> None:
        self._removed.append((now_s, listed.date_range.range_id))
        while len(self._removed) > MOST_RANGES:
            self._removed.popleft()
        self._good_until_s = -math.inf
