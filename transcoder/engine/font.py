"""A bitmap font of our own, five columns by seven rows, for what the test pattern writes into its picture.

The FFmpeg in PyAV's wheel has no drawtext, and a text library would be a dependency for twelve characters.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

COLUMNS: Final = 5
ROWS: Final = 7
ADVANCE: Final = COLUMNS + 1
"""Columns from one character to the next."""

_ART: Final = """
0 .###. #...# #..## #.#.# ##..# #...# .###.
1 ..#.. .##.. ..#.. ..#.. ..#.. ..#.. .###.
2 .###. #...# ....# ..##. .#... #.... #####
3 .###. #...# ....# ..##. ....# #...# .###.
4 ...#. ..##. .#.#. #..#. ##### ...#. ...#.
5 ##### #.... ####. ....# ....# #...# .###.
6 ..##. .#... #.... ####. #...# #...# .###.
7 ##### ....# ...#. ..#.. ..#.. .#... .#...
8 .###. #...# #...# .###. #...# #...# .###.
9 .###. #...# #...# .#### ....# ...#. .##..
: ..... ..#.. ..#.. ..... ..#.. ..#.. .....
. ..... ..... ..... ..... ..... .##.. .##..
- ..... ..... ..... .###. ..... ..... .....
/ ....# ....# ...#. ..#.. .#... #.... #....
A .###. #...# #...# ##### #...# #...# #...#
B ####. #...# #...# ####. #...# #...# ####.
C .###. #...# #.... #.... #.... #...# .###.
D ####. #...# #...# #...# #...# #...# ####.
E ##### #.... #.... ####. #.... #.... #####
F ##### #.... #.... ####. #.... #.... #....
G .###. #...# #.... #.### #...# #...# .####
H #...# #...# #...# ##### #...# #...# #...#
I .###. ..#.. ..#.. ..#.. ..#.. ..#.. .###.
J ..### ...#. ...#. ...#. ...#. #..#. .##..
K #...# #..#. #.#.. ##... #.#.. #..#. #...#
L #.... #.... #.... #.... #.... #.... #####
M #...# ##.## #.#.# #.#.# #...# #...# #...#
N #...# ##..# #.#.# #..## #...# #...# #...#
O .###. #...# #...# #...# #...# #...# .###.
P ####. #...# #...# ####. #.... #.... #....
Q .###. #...# #...# #...# #.#.# #..#. .##.#
R ####. #...# #...# ####. #.#.. #..#. #...#
S .#### #.... #.... .###. ....# ....# ####.
T ##### ..#.. ..#.. ..#.. ..#.. ..#.. ..#..
U #...# #...# #...# #...# #...# #...# .###.
V #...# #...# #...# #...# #...# .#.#. ..#..
W #...# #...# #...# #.#.# #.#.# ##.## #...#
X #...# #...# .#.#. ..#.. .#.#. #...# #...#
Y #...# #...# .#.#. ..#.. ..#.. ..#.. ..#..
Z ##### ....# ...#. ..#.. .#... #.... #####
"""

GLYPHS: Final[dict[str, tuple[str, ...]]] = {
    " ": ("." * COLUMNS,) * ROWS,
    **{line[0]: tuple(line[2:].split(" ")) for line in _ART.strip().splitlines()},
}
"""Character to its seven rows; ``#`` is ink."""


def width_of(text: str, scale: int) -> int:
    """Width in samples of a line of text at ``scale`` samples a dot (without the last gap)."""
    return max(0, len(text) * ADVANCE - 1) * scale


@lru_cache(maxsize=512)
def _glyph_row(character: str, row: int, scale: int, ink: int, paper: int) -> bytes:
    dots = GLYPHS.get(character, GLYPHS[" "])[row] + "."
    return b"".join(bytes([ink if dot == "#" else paper]) * scale for dot in dots)


def text_rows(text: str, scale: int, ink: int, paper: int) -> tuple[bytes, ...]:
    """A line of text as luma: seven rows, each to be written on ``scale`` lines of the picture.

    ``ink`` and ``paper`` are sample values. A character that the font lacks is a space.
    """
    length = width_of(text, scale)
    return tuple(
        b"".join(_glyph_row(character, row, scale, ink, paper) for character in text)[:length]
        for row in range(ROWS)
    )
