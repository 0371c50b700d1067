"""Characters of CEA-708 beyond ASCII and Latin-1 (CTA-708 tables 15 to 20, by their code)."""

from __future__ import annotations

from typing import Final

MUSIC_NOTE: Final = "♪"
"""G0 is ASCII, but for 0x7F."""

G2: Final = {
    0x20: " ",
    0x21: "\u00a0",
    0x25: "…",
    0x2A: "Š",
    0x2C: "Œ",
    0x30: "█",
    0x31: "‘",
    0x32: "’",
    0x33: "“",
    0x34: "”",
    0x35: "•",
    0x39: "™",
    0x3A: "š",
    0x3C: "œ",
    0x3D: "℠",
    0x3F: "Ÿ",
    0x76: "⅛",
    0x77: "⅜",
    0x78: "⅝",
    0x79: "⅞",
    0x7A: "│",
    0x7B: "┐",
    0x7C: "└",
    0x7D: "─",
    0x7E: "┘",
    0x7F: "┌",
}
"""After EXT1 (0x10)."""
UNKNOWN: Final = "_"
"""CTA-708 7.1.8: what stands for a character of G2 that a decoder has not."""


def g0(code: int) -> str:
    """A character of 0x20 to 0x7F."""
    return MUSIC_NOTE if code == 0x7F else chr(code)


def g1(code: int) -> str:
    """A character of 0xA0 to 0xFF: Latin-1."""
    return chr(code)


def g2(code: int) -> str:
    """A character of 0x20 to 0x7F behind EXT1."""
    return G2.get(code, UNKNOWN)
