"""Bit reader over the fixed-length and Exp-Golomb codes of video headers."""

from __future__ import annotations

from typing import Final

from transcoder.codecs.error import CodecError

_MAX_GOLOMB_ZEROS: Final = 32
"""H.264 9.1: ue(v) codes values up to 2^32 - 2, so never more than 31 zeros; one spare for 2^32 - 1."""


class BitReader:
    """Reads most significant bit first. Raises :class:`CodecError` past the end."""

    __slots__ = ("_data", "_end", "position")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._end = 8 * len(data)
        self.position = 0
        """Bits read so far."""

    @property
    def remaining(self) -> int:
        """Bits left."""
        return self._end - self.position

    def bits(self, count: int) -> int:
        """An unsigned number of ``count`` bits."""
        position = self.position
        end = position + count
        if end > self._end:
            raise CodecError("header ends in the middle of a field")
        last = (end + 7) >> 3
        self.position = end
        return (int.from_bytes(self._data[position >> 3 : last], "big") >> (8 * last - end)) & (
            (1 << count) - 1
        )

    def flag(self) -> bool:
        """One bit."""
        return self.bits(1) == 1

    def skip(self, count: int) -> None:
        """Pass over ``count`` bits."""
        if count > self.remaining:
            raise CodecError("header ends in the middle of a field")
        self.position += count

    def align(self) -> None:
        """Go on to the next byte boundary."""
        self.position = (self.position + 7) & ~7

    def unsigned_golomb(self, at_most: int = 0xFFFF_FFFF) -> int:
        """ue(v), H.264 9.1. A value above ``at_most`` is an error: every caller knows its range."""
        zeros = 0
        while not self.bits(1):
            zeros += 1
            if zeros > _MAX_GOLOMB_ZEROS:
                raise CodecError("Exp-Golomb code is too long")
        value = (1 << zeros) - 1 + self.bits(zeros)
        if value > at_most:
            raise CodecError(f"header field is {value}, at most {at_most} is allowed")
        return value

    def signed_golomb(self) -> int:
        """se(v), H.264 9.1.1."""
        code = self.unsigned_golomb()
        return (code + 1) >> 1 if code & 1 else -(code >> 1)
