"""Characters of CEA-608 (CTA-608-E tables 50 to 52 and 5 to 10, by their code)."""

from __future__ import annotations

from typing import Final

_CHANGED: Final = {
    0x27: "’",
    0x2A: "á",
    0x5C: "é",
    0x5E: "í",
    0x5F: "ó",
    0x60: "ú",
    0x7B: "ç",
    0x7C: "÷",
    0x7D: "Ñ",
    0x7E: "ñ",
    0x7F: "█",
}
"""The basic set is ASCII but for these."""

BASIC: Final = {code: _CHANGED.get(code, chr(code)) for code in range(0x20, 0x80)}
SPECIAL: Final = dict(zip(range(0x30, 0x40), "®°½¿™¢£♪à\u00a0èâêîôû", strict=True))
"""After 0x11 or 0x19. 0x39 is the transparent space."""
EXTENDED_SPANISH_FRENCH: Final = dict(zip(range(0x20, 0x40), "ÁÉÓÚÜü‘¡*’—©℠•“”ÀÂÇÈÊËëÎÏïÔÙùÛ«»", strict=True))
"""After 0x12 or 0x1A; each replaces the character before it, which is for decoders that do not know it."""
EXTENDED_PORTUGUESE_GERMAN_DANISH: Final = dict(
    zip(range(0x20, 0x40), "ÃãÍÌìÒòÕõ{}\\^_|~ÄäÖöß¥¤│ÅåØø┌┐└┘", strict=True)
)
"""After 0x13 or 0x1B."""
