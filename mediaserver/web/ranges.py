"""Conditional and range requests (RFC 9110, 13 and 14) for bytes whose strong ETag we know. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

_RANGE_UNIT: Final = re.compile(r"bytes[ \t]*=[ \t]*(.*)", re.IGNORECASE)
_RANGE: Final = re.compile(r"(\d{1,19})-(\d{1,19})?|-(\d{1,19})", re.ASCII)
_ENTITY_TAG: Final = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')


@dataclass(frozen=True, slots=True)
class Slice:
    """Bytes ``first`` up to and with ``last`` of a representation, both counted from 0."""

    first: int
    last: int

    @property
    def size(self) -> int:
        return self.last - self.first + 1


class Whole(Enum):
    """What is answered when no single slice is."""

    ALL = "all"
    """200 with everything."""
    UNSATISFIABLE = "unsatisfiable"
    """416."""


class Precondition(Enum):
    """The outcome of RFC 9110, 13.2.2 for a GET or HEAD."""

    GO_ON = "go_on"
    NOT_MODIFIED = "not_modified"
    FAILED = "failed"


def precondition(headers: Mapping[str, str], etag: str) -> Precondition:
    """Evaluate If-Match and If-None-Match against ``etag`` (quoted, strong).

    There is no Last-Modified, so the date conditions do not apply.
    """
    if_match = headers.get("If-Match")
    # 13.1.1: "An origin server MUST use the strong comparison function when comparing entity tags for
    # If-Match".
    if if_match is not None and not _lists(if_match, etag, weak=False):
        return Precondition.FAILED
    if_none_match = headers.get("If-None-Match")
    # 13.1.2: "A recipient MUST use the weak comparison function when comparing entity tags for
    # If-None-Match".
    if if_none_match is not None and _lists(if_none_match, etag, weak=True):
        return Precondition.NOT_MODIFIED
    return Precondition.GO_ON


def requested_slice(headers: Mapping[str, str], size: int, etag: str) -> Slice | Whole:
    """What a GET asks for of ``size`` bytes. Anything that is not one valid byte range is the whole.

    Several ranges are answered with the whole too: 14.2 says "A server MAY ignore the Range header field".
    """
    value = headers.get("Range")
    if value is None:
        return Whole.ALL
    if_range = headers.get("If-Range")
    # 13.1.5: "A client MUST NOT generate an If-Range header field containing an entity tag that is marked
    # as weak." A date cannot match what has no Last-Modified.
    if if_range is not None and if_range.strip() != etag:
        return Whole.ALL
    unit = _RANGE_UNIT.fullmatch(value.strip())
    if unit is None:
        return Whole.ALL
    found = _RANGE.fullmatch(unit[1].strip())
    if found is None:
        return Whole.ALL
    if found[3] is not None:
        length = int(found[3])
        if length == 0 or size == 0:
            return Whole.UNSATISFIABLE
        return Slice(max(0, size - length), size - 1)
    first = int(found[1])
    last = size - 1 if found[2] is None else int(found[2])
    # 14.1.1: "An int-range is invalid if the last-pos value is present and less than first-pos." 14.2: "A
    # server that supports range requests MAY ignore or reject a Range header field that contains an invalid
    # ranges-specifier".
    if found[2] is not None and last < first:
        return Whole.ALL
    if first >= size:
        return Whole.UNSATISFIABLE
    return Slice(first, min(last, size - 1))


def _lists(value: str, etag: str, *, weak: bool) -> bool:
    """Whether the list ``value`` of entity tags holds ``etag`` (which is strong)."""
    if value.strip() == "*":
        return True
    return any(
        f'"{found[2]}"' == etag and (weak or found[1] is None) for found in _ENTITY_TAG.finditer(value[:4096])
    )
