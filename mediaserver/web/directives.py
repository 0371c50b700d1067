"""What a player asks for in a playlist's query: delivery directives (RFC 8216bis 6.2.5), session. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_plus

QUERY_LIMIT_CHARS: Final = 2_048
"""A longer query is refused: no player writes one."""

SESSION: Final = re.compile(r"[A-Za-z0-9_-]{8,64}", re.ASCII)
_DECIMAL_INTEGER: Final = re.compile(r"[0-9]{1,20}", re.ASCII)
_LARGEST_DECIMAL_INTEGER: Final = 2**64 - 1
"""4.2: "an unquoted string of characters from the set [0..9] … in the range from 0 to 2^64-1"."""


class DirectiveError(ValueError):
    """The player's fault: to be answered with 400. ``field`` is the query parameter."""

    def __init__(self, field: str | None, detail: str) -> None:
        super().__init__(detail)
        self.field = field
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Directives:
    """A media playlist request. ``skip`` is ``YES``, ``v2`` or None; others are ignored, as a full
    playlist is always a right answer."""

    msn: int | None = None
    part: int | None = None
    skip: str | None = None
    session: str | None = None

    @property
    def blocking(self) -> bool:
        return self.msn is not None


_NONE: Final = Directives()


def parse_directives(raw_query: str) -> Directives:
    """Read the query as it was on the wire. Raises :class:`DirectiveError`."""
    if not raw_query:
        return _NONE
    if len(raw_query) > QUERY_LIMIT_CHARS:
        raise DirectiveError(None, f"The query is longer than {QUERY_LIMIT_CHARS} characters.")
    seen: dict[str, str] = {}
    for pair in raw_query.split("&"):
        name, _, value = pair.partition("=")
        if "%" in pair or "+" in pair:
            name, value = unquote_plus(name), unquote_plus(value)
        if name not in ("_HLS_msn", "_HLS_part", "_HLS_skip", "session"):
            continue
        if name in seen:
            raise DirectiveError(name, f"{name} is there twice.")
        seen[name] = value
    msn = _decimal_integer("_HLS_msn", seen.get("_HLS_msn"))
    part = _decimal_integer("_HLS_part", seen.get("_HLS_part"))
    # 6.2.5.2: "If the Playlist URI contains an _HLS_part directive but no _HLS_msn directive, the Server
    # MUST return Bad Request, such as HTTP 400."
    if part is not None and msn is None:
        raise DirectiveError("_HLS_part", "_HLS_part needs _HLS_msn.")
    skip = seen.get("_HLS_skip")
    session = seen.get("session")
    if session is not None and not SESSION.fullmatch(session):
        raise DirectiveError("session", "session takes 8 to 64 letters, digits, - or _.")
    return Directives(msn, part, skip if skip in ("YES", "v2") else None, session)


def _decimal_integer(name: str, value: str | None) -> int | None:
    if value is None:
        return None
    if not _DECIMAL_INTEGER.fullmatch(value) or int(value) > _LARGEST_DECIMAL_INTEGER:
        raise DirectiveError(name, f"{name} must be an integer from 0 to 2^64-1.")
    return int(value)
