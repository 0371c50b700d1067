"""Attribute values (RFC 8216bis 4.2)."""

from __future__ import annotations


def quoted(text: str) -> str:
    """A quoted-string. Raises ValueError for what one cannot hold: a quote, or a line's end.

    "The following characters MUST NOT appear in a quoted-string: line feed (0xA), carriage return (0xD), or
    double quote (0x22)."
    """
    if any(forbidden in text for forbidden in '"\n\r'):
        raise ValueError(f"a playlist cannot quote {text!r}")
    return f'"{text}"'


def label(text: str) -> str:
    """A quoted-string for words that a person chose: what cannot be quoted is replaced, never passed on."""
    clean = "".join(char if char.isprintable() else " " for char in text.replace('"', "'")).strip()
    return quoted(clean[:128])
