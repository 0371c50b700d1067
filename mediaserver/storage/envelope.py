"""How an object lies in a file: its bytes, then what is known of them, then a footer of fixed length. Pure.

One file, so one rename makes the whole of it appear: bytes, content type, entity tag and checksums can never
belong to different objects. The bytes come first, so that offsets in the object are offsets in the file.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final

import msgspec

BLOCK_BYTES: Final = 256 << 10
"""Each block has a checksum of its own, so that a range is checked without reading the whole."""
FOOTER: Final = struct.Struct(">8sII")
"""Magic, length of the description, its CRC-32."""
TAIL_BYTES: Final = 4096
"""Enough for the description of almost every object; a longer one takes a second read."""
_MAGIC: Final = b"MSOBJ\r\n\x01"


class EnvelopeError(ValueError):
    """The file does not end as one of ours does. The sentence says in what."""


class Description(msgspec.Struct, frozen=True):
    """What is known of an object's bytes."""

    size: int
    etag: str
    """With its quotes."""
    content_type: str
    block_bytes: int
    checksums: bytes
    """CRC-32 of each block, four bytes each, big endian."""

    def blocks_of(self, start: int, end: int) -> range:
        """The blocks that hold the bytes from ``start`` to before ``end``."""
        if start >= end:
            return range(0)
        return range(start // self.block_bytes, (end - 1) // self.block_bytes + 1)

    def is_block(self, number: int, data: bytes | memoryview) -> bool:
        """Whether ``data`` is what was put as block ``number``."""
        wanted = self.checksums[4 * number : 4 * number + 4]
        return zlib.crc32(data) == int.from_bytes(wanted, "big")


def describe(pieces: Sequence[bytes], content_type: str) -> Description:
    """Measure what is to be put."""
    digest = sha256()
    checksums = bytearray()
    size = in_block = checksum = 0
    for piece in pieces:
        digest.update(piece)
        size += len(piece)
        for part in _split(piece, BLOCK_BYTES - in_block):
            checksum = zlib.crc32(part, checksum)
            in_block += len(part)
            if in_block == BLOCK_BYTES:
                checksums += checksum.to_bytes(4, "big")
                in_block = checksum = 0
    if in_block:
        checksums += checksum.to_bytes(4, "big")
    return Description(size, f'"{digest.hexdigest()[:32]}"', content_type, BLOCK_BYTES, bytes(checksums))


def _split(piece: bytes, first: int) -> Iterable[memoryview]:
    """The first part fills a block that was begun; the others are whole blocks, the last one what is left."""
    view = memoryview(piece)
    at = 0
    room = first
    while at < len(view):
        yield view[at : at + room]
        at += room
        room = BLOCK_BYTES


def seal(description: Description) -> bytes:
    """What follows the bytes of the object in its file."""
    text = msgspec.json.encode(description)
    return text + FOOTER.pack(_MAGIC, len(text), zlib.crc32(text))


def sealed_bytes(tail: bytes) -> int:
    """How much of the file's end :func:`unseal` needs. Raises EnvelopeError."""
    if len(tail) < FOOTER.size:
        raise EnvelopeError("it is too short")
    magic, length, _ = FOOTER.unpack(tail[-FOOTER.size :])
    if magic != _MAGIC:
        raise EnvelopeError("its end is missing")
    return int(length) + FOOTER.size


def unseal(tail: bytes, file_bytes: int) -> Description:
    """The description in a file of ``file_bytes`` that ends with ``tail``. Raises EnvelopeError."""
    needed = sealed_bytes(tail)
    if len(tail) < needed:
        raise EnvelopeError("its description is cut off")
    text = tail[-needed : -FOOTER.size]
    if zlib.crc32(text) != FOOTER.unpack(tail[-FOOTER.size :])[2]:
        raise EnvelopeError("its description does not match its checksum")
    try:
        description = msgspec.json.decode(text, type=Description)
    except msgspec.DecodeError:
        raise EnvelopeError("its description cannot be read") from None
    blocks = -(-description.size // max(1, description.block_bytes))
    if description.block_bytes < 1 or len(description.checksums) != 4 * blocks:
        raise EnvelopeError("its checksums are not as many as its blocks")
    if description.size + needed != file_bytes:
        raise EnvelopeError(f"it should have {description.size + needed} bytes and has {file_bytes}")
    return description
