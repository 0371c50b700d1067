"""A stroke font of our own: each character a few lines and arcs, drawn with a round pen.

The FFmpeg in PyAV's wheel has no drawtext and there is no font file to rely on. Units are hundredths of a
capital's height, y downwards from its top: the base line is 100, small letters begin at 30. Accented
letters are put together from their parts (Unicode's canonical decomposition).
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache
from math import ceil, cos, hypot, radians, sin
from typing import Final

PEN: Final = 12.0
"""Width of a stroke."""
GAP: Final = 24.0
"""Between the points of two neighbouring characters."""
SPACE: Final = 34.0
TOP, BOTTOM = -54.0, 142.0
"""What accents above a capital and descenders below the line may reach."""

_LETTERS: Final = """
A 0,100 36,0 72,100; 13,66 59,66
B 0,0 34,0 @34,23,24,23,-90,90 0,46; 34,46 @36,73,28,27,-90,90 0,100 0,0
C @42,50,42,50,-45,-315
D 0,0 28,0 @28,50,44,50,-90,90 0,100 0,0
E 54,0 0,0 0,100 54,100; 0,48 46,48
F 52,0 0,0 0,100; 0,48 44,48
G @42,50,42,50,-45,-355 50,54
H 0,0 0,100; 64,0 64,100; 0,48 64,48
I 0,0 0,100
J 36,0 36,76 @16,76,20,24,0,160
K 0,0 0,100; 58,0 0,60; 22,42 62,100
L 0,0 0,100 50,100
M 0,100 0,0 40,70 80,0 80,100
N 0,100 0,0 64,100 64,0
O @44,50,44,50,0,360
P 0,100 0,0 34,0 @34,27,28,27,-90,90 0,54
Q @44,50,44,50,0,360; 56,74 84,106
R 0,100 0,0 34,0 @34,27,28,27,-90,90 0,54; 30,54 62,100
S @32,25,28,25,-30,-270 @30,75,32,25,-90,150
T 0,0 68,0; 34,0 34,100
U 0,0 0,68 @32,68,32,32,180,0 64,0
V 0,0 35,100 70,0
W 0,0 26,100 52,10 78,100 104,0
X 0,0 62,100; 62,0 0,100
Y 0,0 33,52 66,0; 33,52 33,100
Z 2,0 58,0 0,100 62,100
a @28,65,28,35,0,360; 56,30 56,100
b 0,0 0,100; @28,65,28,35,0,360
c @28,65,28,35,-45,-315
d @28,65,28,35,0,360; 56,0 56,100
e 0,65 56,65 @28,65,28,35,0,-315
f @36,20,20,20,-70,-180 16,100; 0,34 36,34
g @28,65,28,35,0,360; 56,30 56,106 @28,106,28,24,0,150
h 0,0 0,100; @26,56,26,26,180,360 52,100
i 0,30 0,100; 0,6 0,6
j 14,30 14,110 @0,110,14,18,0,90; 14,6 14,6
k 0,0 0,100; 44,30 0,72; 17,57 48,100
l 0,0 0,100
m 0,30 0,100; @21,52,21,22,180,360 42,100; @63,52,21,22,180,360 84,100
n 0,30 0,100; @26,56,26,26,180,360 52,100
o @30,65,30,35,0,360
p 0,30 0,132; @28,65,28,35,0,360
q @28,65,28,35,0,360; 56,30 56,132
r 0,30 0,100; @26,58,26,28,180,300
s @23,48,20,18,-30,-270 @23,83,23,17,-90,150
t 16,8 16,82 @34,82,18,18,180,80; 0,32 36,32
u 0,30 0,74 @26,74,26,26,180,0 52,30; 52,74 52,100
v 0,30 27,100 54,30
w 0,30 20,100 40,36 60,100 80,30
x 0,30 50,100; 50,30 0,100
y 0,30 27,98; 54,30 24,116 14,128 2,130
z 2,30 48,30 0,100 50,100
0 @29,50,29,50,0,360
1 0,20 26,0 26,100
2 @28,28,28,28,180,390 0,100 58,100
3 @27,24,25,24,-150,90; @27,74,29,26,-90,150
4 44,100 44,0 0,70 60,70
5 50,0 8,0 4,44 @27,68,29,32,-137,145
6 @28,68,28,32,0,360; 44,0 18,30 1,62
7 0,0 56,0 18,100
8 @28,24,23,24,0,360; @28,74,28,26,0,360
9 @28,32,28,32,0,360; 55,38 38,70 12,100
. 0,100 0,100
, 4,98 -3,114
: 0,44 0,44; 0,100 0,100
; 4,44 4,44; 4,98 -3,114
! 0,0 0,68; 0,100 0,100
? @24,24,24,24,190,420 24,60 24,72; 24,100 24,100
' 0,0 0,24
" 0,0 0,24; 18,0 18,24
( @44,52,44,64,-125,-235
) @-16,52,44,64,-55,55
- 0,62 30,62
/ 0,112 44,-8
+ 0,60 52,60; 26,34 26,86
& 68,100 18,32 @34,18,19,18,140,400 14,58 @29,77,27,23,-125,-330 66,58
\u2013 0,62 50,62
\u2026 0,100 0,100; 30,100 30,100; 60,100 60,100
\u2019 4,-2 -3,22
\u00df 0,100 0,24 @22,22,22,22,180,400 28,46 @24,74,27,26,-80,125
\u00f8 @30,65,30,35,0,360; 4,104 56,26
\u00d8 @44,50,44,50,0,360; 8,106 80,-6
\u00e6 @28,65,28,35,0,360; 56,30 56,100; 56,65 112,65 @84,65,28,35,0,-315
\u0131 0,30 0,100
\u0142 6,0 6,100; -8,62 20,42
\u00ab 24,46 4,66 24,86; 48,46 28,66 48,86
\u00bb 0,46 20,66 0,86; 24,46 44,66 24,86
"""

_ACCENTS: Final = """
\u0300 -10,-2 6,14
\u0301 10,-2 -6,14
\u0302 -14,14 0,0 14,14
\u0303 -18,12 -8,2 6,12 18,2
\u0304 -16,8 16,8
\u0306 @0,-2,15,15,160,20
\u0307 0,6 0,6
\u0308 -14,6 -14,6; 14,6 14,6
\u030a @0,0,11,11,0,360
\u030b 0,-2 -12,14; 18,-2 6,14
\u030c -14,0 0,14 14,0
\u0327 4,104 8,116 @0,118,10,10,-20,150
\u0328 4,100 -6,114 @4,116,10,10,180,40
"""
"""Combining marks about x = 0, above a small letter; for capitals they stand higher."""

_ABOVE_CAPITAL: Final = -32.0
_BELOW: Final = frozenset("\u0327\u0328")

Point = tuple[float, float]
Stroke = tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Glyph:
    """Strokes with x from 0 to ``width``."""

    strokes: tuple[Stroke, ...]
    width: float


@cache
def glyph(character: str) -> Glyph | None:
    """How a character is drawn; None where the font does not have it."""
    if character.isspace():
        return Glyph((), SPACE - GAP)
    parts = unicodedata.normalize("NFD", character)
    base, marks = parts[0], parts[1:]
    # An accent takes the place of the dot.
    letter = "\u0131" if base == "i" and any(mark not in _BELOW for mark in marks) else base
    art = _art(_LETTERS).get(letter)
    if art is None or any(mark not in _art(_ACCENTS) for mark in marks):
        return None
    strokes = list(art)
    xs = [x for stroke in art for x, _ in stroke]
    middle = (min(xs) + max(xs)) / 2
    for mark in marks:
        up = _ABOVE_CAPITAL if base.isupper() and mark not in _BELOW else 0.0
        strokes += [tuple((x + middle, y + up) for x, y in stroke) for stroke in _art(_ACCENTS)[mark]]
    left = min(x for stroke in strokes for x, _ in stroke)
    width = max(x for stroke in strokes for x, _ in stroke) - left
    return Glyph(tuple(tuple((x - left, y) for x, y in stroke) for stroke in strokes), width)


def width_of(text: str) -> float:
    """Length of a line, from the first point to the last; unknown characters count nothing."""
    glyphs = [made for character in text if (made := glyph(character)) is not None]
    return sum(made.width for made in glyphs) + GAP * max(0, len(glyphs) - 1)


@cache
def _art(text: str) -> dict[str, tuple[Stroke, ...]]:
    glyphs = {}
    for line in text.strip().splitlines():
        character, _, drawing = line.partition(" ")
        glyphs[character] = tuple(_stroke(part.split()) for part in drawing.split(";"))
    return glyphs


def _stroke(parts: list[str]) -> Stroke:
    points: list[Point] = []
    for part in parts:
        numbers = [float(number) for number in part.lstrip("@").split(",")]
        points += _arc(*numbers) if part.startswith("@") else [(numbers[0], numbers[1])]
    return tuple(points)


def _arc(x: float, y: float, across: float, down: float, start: float, end: float) -> list[Point]:
    """Part of an ellipse; degrees from the right, clockwise on the screen."""
    steps = max(2, ceil(abs(end - start) / 10))
    angles = [radians(start + (end - start) * step / steps) for step in range(steps + 1)]
    return [(x + across * cos(angle), y + down * sin(angle)) for angle in angles]


def draw(text: str, scale: float) -> tuple[int, int, bytearray]:
    """A line of text: width, height and one byte a sample, 255 where there is ink, 0 elsewhere.

    ``scale`` is samples a unit. The base line is ``(100 - TOP) * scale`` below the first row.
    """
    margin = PEN / 2
    width = ceil((width_of(text) + PEN) * scale) + 2
    height = ceil((BOTTOM - TOP) * scale)
    canvas = bytearray(width * height)
    left = margin
    for character in text:
        made = glyph(character)
        if made is None:
            continue
        for stroke in made.strokes:
            _ink(canvas, width, height, [((left + x) * scale, (y - TOP) * scale) for x, y in stroke], scale)
        left += made.width + GAP
    return width, height, canvas


def _ink(canvas: bytearray, width: int, height: int, points: list[Point], scale: float) -> None:
    """Press a round pen down along the points."""
    radius = PEN / 2 * scale
    rows = [(dy, int((radius * radius - dy * dy) ** 0.5)) for dy in range(-int(radius), int(radius) + 1)]
    for (x0, y0), (x1, y1) in zip(points, points[1:] or points, strict=False):
        steps = max(1, ceil(hypot(x1 - x0, y1 - y0) / max(1.0, radius / 4)))
        for step in range(steps + 1):
            x = round(x0 + (x1 - x0) * step / steps)
            y = round(y0 + (y1 - y0) * step / steps)
            for dy, half in rows:
                if 0 <= y + dy < height:
                    start = max(0, x - half)
                    end = min(width, x + half + 1)
                    at = (y + dy) * width
                    canvas[at + start : at + end] = b"\xff" * max(0, end - start)
