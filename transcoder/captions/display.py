"""What a decoder shows, and when it is worth telling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from transcoder.captions.cue import AUTOMATIC, Line, Placement

SAFE_MARGIN_PERCENT: Final = 10.0
"""Captions stay within the inner 80% of the picture (47 CFR 15.119 (d)(1))."""
IDLE_S: Final = 0.4
"""Text that is typed on the screen is told when the typing rests for so long …"""
SETTLED_S: Final = 0.75
"""… or at the end of a word, when the last telling was so long ago: a cue for each letter reads badly."""


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that stand together on the screen."""

    lines: tuple[Line, ...]
    placement: Placement


@dataclass(frozen=True, slots=True)
class Screen:
    """All that a channel shows from a moment on."""

    channel: str
    time_s: float
    blocks: tuple[Block, ...]


def block(lines: tuple[Line, ...], top: int, left: int, *, rows: int, columns: int) -> Block:
    """A block whose first line is in row ``top`` of ``rows`` and begins in column ``left`` of ``columns``.

    What ends in the lower third has no line of its own: players keep such text clear of their controls, and
    roll-up does not jump when a row is added.
    """
    span = 100.0 - 2 * SAFE_MARGIN_PERCENT
    bottom = top + len(lines)
    low = bottom > rows * 2 // 3
    top_percent = None if low else _rounded(SAFE_MARGIN_PERCENT + span * top / rows)
    left_percent = _rounded(SAFE_MARGIN_PERCENT + span * left / columns)
    if top_percent is None and _is_centred(lines, left, columns):
        return Block(lines, AUTOMATIC)
    return Block(lines, Placement(top_percent, left_percent))


def _is_centred(lines: tuple[Line, ...], left: int, columns: int) -> bool:
    widest = max((sum(len(span.text) for span in line) for line in lines), default=0)
    return abs(left - (columns - widest) / 2) <= 2.5


def _rounded(percent: float) -> float:
    return round(percent, 2)


class Refresh:
    """Says when what is on the screen should be told: at once, or when a word is whole."""

    def __init__(self) -> None:
        self._now = False
        self._dirty = False
        self._word_ended = False
        self._typed_s = 0.0
        self._told_s = float("-inf")

    def now(self) -> None:
        """The picture of it changed as a whole."""
        self._now = True

    def typed(self, char: str, time_s: float) -> None:
        """A character appeared on the screen."""
        self._dirty = True
        self._word_ended = char.isspace()
        self._typed_s = time_s

    def edited(self) -> None:
        """Characters went from the screen; others will follow."""
        self._dirty = True

    def is_due(self, time_s: float) -> bool:
        """Whether to tell now. Answers True once."""
        if not self._now and not self._dirty:
            return False
        resting = time_s - self._typed_s >= IDLE_S
        settled = self._word_ended and time_s - self._told_s >= SETTLED_S
        if not self._now and not resting and not settled:
            return False
        self._now = self._dirty = False
        self._told_s = time_s
        return True
