"""A calm notice in the middle of a picture: which lines, how large, and the ink for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter

from transcoder.engine import strokes

CAPITAL_SHARE: Final = 1 / 15
"""A capital's height as a share of the picture's shorter side: legible on a phone, calm on a wall."""
WIDEST_SHARE: Final = 0.86
LINE_HEIGHT: Final = 1.9
"""From base line to base line, in capitals."""
MOST_LINES: Final = 3
INK: Final = 214
"""Luma: white paper, not a lamp."""
_DRAWN_SCALE: Final = 0.9
"""Samples a unit at which lines are drawn once; each picture gets them scaled down."""


@dataclass(frozen=True, slots=True)
class Patch:
    """Ink to lay on a picture's luma with its upper left corner at ``x``, ``y``."""

    x: int
    y: int
    width: int
    rows: tuple[bytes, ...]


class NoticeWriter:
    """Lays one notice on pictures of several sizes."""

    def __init__(self, text: str) -> None:
        words = "".join(character if strokes.glyph(character) else " " for character in text).split()
        readable = sum(map(len, words))
        wanted = sum(not character.isspace() for character in text)
        # Half a sentence is worse than none: three dots mean "wait" in every language.
        self._words = words if words and 10 * readable >= 9 * wanted else (["\u2026"] if wanted else [])
        self._drawn: dict[str, tuple[int, int, bytearray]] = {}

    def patches(self, width: int, height: int) -> list[Patch]:
        """The ink for a picture of this size."""
        if not self._words:
            return []
        scale = max(7.0, min(width, height) * CAPITAL_SHARE) / 100
        widest = width * WIDEST_SHARE
        lines = wrapped(self._words, widest / scale)
        while scale * 100 > 7 and (
            len(lines) > MOST_LINES or any(strokes.width_of(line) * scale > widest for line in lines)
        ):
            scale *= 0.9
            lines = wrapped(self._words, widest / scale)
        step = LINE_HEIGHT * 100 * scale
        # Capitals and small letters look centred when the middle of the small ones is.
        first_base = height / 2 + (65 - 30) * scale - step * (len(lines) - 1) / 2
        made = []
        for number, line in enumerate(lines):
            top = round(first_base + number * step - (100 - strokes.TOP) * scale)
            patch = self._patch(line, scale, width, top, height)
            if patch is not None:
                made.append(patch)
        return made

    def _patch(self, line: str, scale: float, width: int, top: int, height: int) -> Patch | None:
        if line not in self._drawn:
            self._drawn[line] = strokes.draw(line, _DRAWN_SCALE)
        drawn_width, drawn_height, canvas = self._drawn[line]
        wide = max(2, round(drawn_width * scale / _DRAWN_SCALE))
        high = max(2, round(drawn_height * scale / _DRAWN_SCALE))
        mask = _scaled(drawn_width, drawn_height, canvas, wide, high)
        x = max(0, (width - wide) // 2)
        rows = tuple(mask[row * wide : row * wide + min(wide, width)] for row in range(high))
        if top < 0 or top + high > height:
            return None
        return Patch(x, top, min(wide, width), rows)


def wrapped(words: list[str], widest: float) -> list[str]:
    """Lines no wider than ``widest`` units where the words allow it, of about the same length."""
    count = 1
    while True:
        lines = _filled(words, max(widest if count == 1 else 0.0, _fair_width(words, count, widest)))
        if all(strokes.width_of(line) <= widest for line in lines) or count >= len(words):
            return lines
        count += 1


def _fair_width(words: list[str], count: int, widest: float) -> float:
    """The narrowest width at which the words fill ``count`` lines, or ``widest``."""
    total = strokes.width_of(" ".join(words))
    width = total / count
    while width < widest and len(_filled(words, width)) > count:
        width += total / 50
    return min(width, widest)


def _filled(words: list[str], widest: float) -> list[str]:
    lines = [words[0]]
    for word in words[1:]:
        longer = f"{lines[-1]} {word}"
        if strokes.width_of(longer) <= widest:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _scaled(width: int, height: int, canvas: bytearray, to_width: int, to_height: int) -> bytes:
    frame = VideoFrame(width, height, "gray")
    plane = frame.planes[0]
    padding = bytes(plane.line_size - width)
    plane.update(b"".join(bytes(canvas[row * width : (row + 1) * width]) + padding for row in range(height)))
    # From grey to grey only the scaling is done, no range conversion.
    scaled = VideoReformatter().reformat(
        frame, to_width, to_height, "gray", interpolation=Interpolation.AREA, threads=1
    )
    made = scaled.planes[0]
    data = bytes(made)
    rows = [data[row * made.line_size : row * made.line_size + to_width] for row in range(to_height)]
    return b"".join(rows).translate(_INK_TABLE)


_INK_TABLE: Final = bytes(value * INK // 255 for value in range(256))


def lay(luma: bytearray, line_size: int, patches: list[Patch]) -> None:
    """Write the ink into a luma plane: the lighter of the two wins, so the ground must be dark."""
    for patch in patches:
        for number, row in enumerate(patch.rows):
            at = (patch.y + number) * line_size + patch.x
            luma[at : at + patch.width] = bytes(map(max, luma[at : at + patch.width], row))


def bleach(chroma: bytearray, line_size: int, patches: list[Patch]) -> None:
    """Take the colour from under the ink, in a 4:2:0 chroma plane: white paper on any ground."""
    for patch in patches:
        for number in range(0, len(patch.rows), 2):
            ink = patch.rows[number][::2]
            at = (patch.y + number) // 2 * line_size + patch.x // 2
            ground = chroma[at : at + len(ink)]
            chroma[at : at + len(ink)] = bytes(
                128 if covered > INK // 3 else colour for covered, colour in zip(ink, ground, strict=True)
            )
