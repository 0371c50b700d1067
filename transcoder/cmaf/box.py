"""ISO base media boxes (ISO 14496-12 4.2), put together from their bodies. For init segments: not hot."""

from __future__ import annotations


def box(kind: bytes, *bodies: bytes) -> bytes:
    """A box of a four-byte type."""
    size = 8 + sum(map(len, bodies))
    return b"".join((size.to_bytes(4, "big"), kind, *bodies))


def full_box(kind: bytes, version: int, flags: int, *bodies: bytes) -> bytes:
    """A FullBox: a box whose body starts with a version and 24 flags."""
    return box(kind, (version << 24 | flags).to_bytes(4, "big"), *bodies)
