"""AMF0 values (Action Message Format 0, Adobe, December 2007), as RTMP commands and metadata use them.

Objects and ECMA arrays are read into dicts, which keep their order; ``EcmaArray`` tells the second kind
apart, so that a value written again is the same. Limits on depth and number of values hold for every
input: nested AMF has killed servers before.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from ingest.rtmp.limits import Limit


class Marker(IntEnum):
    """The byte in front of every value (AMF0 2.1)."""

    NUMBER = 0x00
    BOOLEAN = 0x01
    STRING = 0x02
    OBJECT = 0x03
    NULL = 0x05
    UNDEFINED = 0x06
    REFERENCE = 0x07
    ECMA_ARRAY = 0x08
    OBJECT_END = 0x09
    STRICT_ARRAY = 0x0A
    DATE = 0x0B
    LONG_STRING = 0x0C
    UNSUPPORTED = 0x0D
    XML = 0x0F
    TYPED_OBJECT = 0x10
    AVMPLUS = 0x11


class AmfError(ValueError):
    """Bytes that are no AMF0 value, or one beyond our limits."""

    def __init__(self, text: str, limit: Limit | None = None) -> None:
        super().__init__(text)
        self.limit = limit


@dataclass(frozen=True, slots=True)
class AmfLimits:
    """How much one message may hold."""

    depth: int = 8
    """Objects and arrays within each other."""
    values: int = 4096
    """Values of all kinds in one message."""


DEFAULT_AMF_LIMITS: Final = AmfLimits()


class EcmaArray(dict[str, "Value"]):
    """An associative array (AMF0 2.10): an object that is written with a count in front."""


@dataclass(frozen=True, slots=True)
class Date:
    """AMF0 2.13: milliseconds since 1970-01-01 UTC. The time zone that follows on the wire is reserved."""

    unix_ms: float


class Undefined:
    """AMF0 2.8. One instance: ``UNDEFINED``."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "UNDEFINED"


UNDEFINED: Final = Undefined()

Value = float | bool | str | None | dict[str, "Value"] | list["Value"] | Date | Undefined
"""What a value becomes in Python. Numbers are always floats when read."""


def decode_all(data: bytes, limits: AmfLimits = DEFAULT_AMF_LIMITS) -> list[Value]:
    """Every value in ``data``. Raises :class:`AmfError` if any of it is malformed."""
    reader = _Reader(data, limits)
    values = []
    while reader.at < len(data):
        values.append(reader.value(0))
    return values


def encode_all(values: Iterable[Value]) -> bytes:
    """Values one after the other."""
    return b"".join(map(encode, values))


def encode(value: Value) -> bytes:
    """One value. ``int`` is taken as a number. Raises ValueError for what AMF0 cannot hold."""
    match value:
        case bool():
            return bytes((Marker.BOOLEAN, value))
        case int() | float():
            return struct.pack(">Bd", Marker.NUMBER, value)
        case str():
            text = value.encode()
            if len(text) > 0xFFFF:
                return struct.pack(">BI", Marker.LONG_STRING, len(text)) + text
            return struct.pack(">BH", Marker.STRING, len(text)) + text
        case None:
            return bytes((Marker.NULL,))
        case Undefined():
            return bytes((Marker.UNDEFINED,))
        case EcmaArray():
            return struct.pack(">BI", Marker.ECMA_ARRAY, len(value)) + _properties(value)
        case dict():
            return bytes((Marker.OBJECT,)) + _properties(value)
        case list():
            return struct.pack(">BI", Marker.STRICT_ARRAY, len(value)) + encode_all(value)
        case Date():
            return struct.pack(">Bdh", Marker.DATE, value.unix_ms, 0)


def _properties(entries: dict[str, Value]) -> bytes:
    parts = []
    for name, value in entries.items():
        text = name.encode()
        if not 0 < len(text) <= 0xFFFF:
            raise ValueError(f"AMF0 property name of {len(text)} bytes")
        parts += [struct.pack(">H", len(text)), text, encode(value)]
    parts.append(bytes((0, 0, Marker.OBJECT_END)))
    return b"".join(parts)


class _Reader:
    def __init__(self, data: bytes, limits: AmfLimits) -> None:
        self._data = data
        self._limits = limits
        self._values_left = limits.values
        self.at = 0

    def _take(self, size: int) -> bytes:
        end = self.at + size
        if end > len(self._data):
            raise AmfError(f"AMF0 value cut off at byte {len(self._data)}: {end - len(self._data)} missing")
        taken = self._data[self.at : end]
        self.at = end
        return taken

    def _text(self, length_bytes: int) -> str:
        length = int.from_bytes(self._take(length_bytes), "big")
        # AMF0 says UTF-8; encoders put their system's bytes into titles. A title is no reason to refuse.
        return self._take(length).decode(errors="replace")

    def value(self, depth: int) -> Value:
        self._values_left -= 1
        if self._values_left < 0:
            raise AmfError(f"more than {self._limits.values} AMF0 values in one message", Limit.AMF)
        marker = self._take(1)[0]
        match marker:
            case Marker.NUMBER:
                number: float = struct.unpack(">d", self._take(8))[0]
                return number
            case Marker.BOOLEAN:
                return self._take(1) != b"\0"
            case Marker.STRING:
                return self._text(2)
            case Marker.LONG_STRING | Marker.XML:
                return self._text(4)
            case Marker.NULL:
                return None
            case Marker.UNDEFINED | Marker.UNSUPPORTED:
                return UNDEFINED
            case Marker.DATE:
                unix_ms: float = struct.unpack(">d", self._take(8))[0]
                self._take(2)
                return Date(unix_ms)
            case Marker.OBJECT | Marker.ECMA_ARRAY | Marker.STRICT_ARRAY | Marker.TYPED_OBJECT:
                return self._container(marker, depth + 1)
            case Marker.AVMPLUS:
                raise AmfError("a value switches to AMF3 (marker 0x11), which is not spoken here")
            case Marker.REFERENCE:
                raise AmfError("AMF0 references (marker 0x07) are not taken")
            case _:
                raise AmfError(f"unknown AMF0 marker {marker:#04x} at byte {self.at - 1}")

    def _container(self, marker: int, depth: int) -> Value:
        if depth > self._limits.depth:
            raise AmfError(f"AMF0 values nested deeper than {self._limits.depth}", Limit.AMF)
        if marker == Marker.STRICT_ARRAY:
            count = int.from_bytes(self._take(4), "big")
            if count > len(self._data) - self.at:  # every value takes at least its marker
                raise AmfError(f"AMF0 array claims {count} values in {len(self._data) - self.at} bytes")
            return [self.value(depth) for _ in range(count)]
        if marker == Marker.ECMA_ARRAY:
            # 2.10: the count is only a hint; the end marker ends the array.
            self._take(4)
            return EcmaArray(self._entries(depth, may_end_with_data=True))
        if marker == Marker.TYPED_OBJECT:
            self._text(2)  # the class name says nothing to us
        return self._entries(depth, may_end_with_data=False)

    def _entries(self, depth: int, *, may_end_with_data: bool) -> dict[str, Value]:
        entries: dict[str, Value] = {}
        while True:
            # Several encoders leave the end marker off a metadata array that ends the message.
            if may_end_with_data and self.at == len(self._data):
                return entries
            name = self._text(2)
            if not name and self._data[self.at : self.at + 1] == bytes((Marker.OBJECT_END,)):
                self.at += 1
                return entries
            entries[name] = self.value(depth)
