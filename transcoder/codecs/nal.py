"""NAL units of H.264 and H.265: length-prefixed (ISO 14496-15), Annex B, and their payload bytes.

What walks a whole access unit looks at NAL headers only: a table of 256 classes, indexed by the first
header byte, tells what to do with a NAL unit, so that one loop serves both formats.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from struct import Struct
from typing import Final

from transcoder.codecs.error import CodecError

KEEP: Final = 0
DROP: Final = 1
PICTURE: Final = 2
SYNC_PICTURE: Final = 3

_START_CODE: Final = re.compile(rb"\x00\x00\x01")
_U32: Final = Struct(">I")
_SHORTEST_PICTURE: Final = 3
"""Bytes: a slice has a NAL header and at least one byte of slice header and data."""
MOST_UNITS: Final = 4_096
"""In one access unit. Cameras send some dozens; a message full of empty ones would hold up all streams."""


def class_table(classify: Callable[[int], int]) -> bytes:
    """256 classes, one for each first byte of a NAL unit. A set forbidden_zero_bit means DROP."""
    return bytes(DROP if first_byte & 0x80 else classify(first_byte) for first_byte in range(256))


def split(payload: bytes, length_size: int) -> Iterator[bytes]:
    """The NAL units of a length-prefixed access unit; stops at a length that passes the end."""
    position, end = 0, len(payload)
    while position + length_size <= end:
        start = position + length_size
        position = start + int.from_bytes(payload[position:start], "big")
        if position > end:
            return
        if position > start:
            yield payload[start:position]


def join(nals: Iterable[bytes]) -> bytes:
    """Length-prefixed, with 4-byte lengths."""
    return b"".join(piece for nal in nals for piece in (_U32.pack(len(nal)), nal))


def split_annexb(data: bytes) -> Iterator[bytes]:
    """The NAL units of an Annex B byte stream (H.264 B.1, H.265 B.2), without start codes and padding."""
    start = -1
    for match in _START_CODE.finditer(data):
        if start >= 0:
            # trailing_zero_8bits and the zero_byte of the next start code are no part of the NAL unit,
            # which itself never ends in zero (H.264 7.4.1).
            nal = data[start : match.start()].rstrip(b"\x00")
            if nal:
                yield nal
        start = match.end()
    if start >= 0:
        nal = data[start:].rstrip(b"\x00")
        if nal:
            yield nal


def from_annexb(data: bytes) -> bytes:
    """An Annex B access unit as length-prefixed NAL units with 4-byte lengths."""
    return join(split_annexb(data))


def to_annexb(payload: bytes, length_size: int = 4) -> bytes:
    """A length-prefixed access unit as an Annex B byte stream with 4-byte start codes."""
    return b"".join(piece for nal in split(payload, length_size) for piece in (b"\x00\x00\x00\x01", nal))


def looks_like_annexb(payload: bytes) -> bool:
    """Whether it begins with a start code. (A 1-byte first NAL unit begins the same: ask only in doubt.)"""
    return payload.startswith((b"\x00\x00\x00\x01", b"\x00\x00\x01"))


def unescape(nal: bytes) -> bytes:
    """RBSP: the NAL unit without its emulation prevention bytes (H.264 7.3.1)."""
    return nal.replace(b"\x00\x00\x03", b"\x00\x00") if b"\x00\x00\x03" in nal else nal


def clean(payload: bytes, length_size: int, classes: bytes) -> bytes:
    """The access unit without empty, over-long and unwanted NAL units; the same object if none is there.

    An access unit that is an Annex B byte stream by mistake (some encoders send that in FLV) becomes a
    length-prefixed one. Raises :class:`CodecError` if no picture remains.
    """
    cleaned = _clean(payload, length_size, classes)
    if cleaned is None and length_size == 4 and looks_like_annexb(payload):
        units = list(islice(split_annexb(payload), MOST_UNITS + 1))
        cleaned = _clean(join(units), length_size, classes)
    if cleaned is None:
        raise CodecError("access unit holds no picture")
    return cleaned


def _clean(payload: bytes, length_size: int, classes: bytes) -> bytes | None:
    end = len(payload)
    pieces: list[bytes] = []
    position = kept_from = 0
    has_picture = False
    count = 0
    while position < end:
        start = position + length_size
        if start > end:
            break
        count += 1
        if count > MOST_UNITS:
            raise CodecError(f"access unit of more than {MOST_UNITS} NAL units")
        if length_size == 4:
            length: int = _U32.unpack_from(payload, position)[0]
        else:
            length = int.from_bytes(payload[position:start], "big")
        following = start + length
        if following > end:
            break
        verdict = classes[payload[start]] if length else DROP
        if verdict >= PICTURE:
            if length < _SHORTEST_PICTURE:
                verdict = DROP
            else:
                has_picture = True
        if verdict == DROP:
            if position > kept_from:
                pieces.append(payload[kept_from:position])
            kept_from = following
        position = following
    if not has_picture:
        return None
    if not kept_from and position == end:
        return payload
    if position > kept_from:
        pieces.append(payload[kept_from:position])
    return b"".join(pieces)


def first_picture(payload: bytes, length_size: int, classes: bytes) -> int:
    """PICTURE or SYNC_PICTURE as the first slice says; DROP if there is none."""
    position, end = 0, len(payload)
    while position + length_size < end:
        start = position + length_size
        position_after = start + int.from_bytes(payload[position:start], "big")
        if position_after > end:
            break
        if position_after > start and classes[payload[start]] >= PICTURE:
            return classes[payload[start]]
        position = position_after
    return DROP
