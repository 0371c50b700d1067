"""Whether a playlist request is answered now, later or never: a pure decision (RFC 8216bis 6.2.5).

The shell parses the query, asks :func:`decide`, and on :class:`Wait` waits for the window's next version and
asks again, for at most ``config.block_limit_s``; then it answers 503.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from transcoder.manifests.duration import US_PER_S
from transcoder.manifests.window import MediaWindow


class Skip(StrEnum):
    """The values of ``_HLS_skip``."""

    YES = "YES"
    V2 = "v2"


@dataclass(frozen=True, slots=True)
class Serve:
    """Answer with the newest playlist, or a delta update of it."""

    skip: Skip | None


@dataclass(frozen=True, slots=True)
class Wait:
    """Hold the request until :func:`is_met`. Equal waits may share one future."""

    msn: int
    part: int | None


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer with an error at once. ``reason`` may be shown to the client."""

    status: int
    reason: str


def decide(window: MediaWindow, msn: int | None, part: int | None, skip: str | None) -> Serve | Wait | Refuse:
    """What to do with a request for ``window``'s playlist that carries these delivery directives."""
    # RFC 8216bis 6.2.5.2: "A Server MUST ignore _HLS_msn and _HLS_part if the Playlist contains an
    # EXT-X-ENDLIST tag." 6.2.5.1 says the same of _HLS_skip.
    if window.ended:
        return Serve(None)
    wanted = Serve(_skip(skip))
    if msn is None:
        # 6.2.5.2: "If the Playlist URI contains an _HLS_part directive but no _HLS_msn directive, the Server
        # MUST return Bad Request, such as HTTP 400."
        if part is not None:
            return Refuse(400, "_HLS_part needs _HLS_msn")
        return wanted if window.is_playable else Wait(window.next_msn, 0)
    # 6.2.5.2: "If the _HLS_msn is greater than the Media Sequence Number of the last Media Segment in the
    # current Playlist plus two […] the server SHOULD immediately return Bad Request, such as HTTP 400."
    if msn > window.last_msn + 2:
        return Refuse(400, f"_HLS_msn is too far ahead: the last segment is {window.last_msn}")
    if part is not None and _is_beyond_advance_limit(window, msn, part):
        return Refuse(400, "_HLS_part is too far ahead")
    wait = Wait(msn, part)
    return wanted if is_met(window, wait) else wait


def is_met(window: MediaWindow, wait: Wait) -> bool:
    """Whether the playlist now holds what ``wait`` waits for, or will never hold more."""
    if window.ended:
        return True
    # 6.2.5.2: "and even if it is no longer in the Playlist": whatever is older than the newest is met.
    if wait.part is None:
        return wait.msn <= window.last_msn
    newest = window.position
    if newest is None or newest.msn < wait.msn:
        return False
    # 6.2.5.2: "If the Client requests a Part Index greater than that of the final Partial Segment of the
    # Parent Segment, the Server MUST treat the request as one for Part Index 0 of the following Parent
    # Segment": in a later segment everything of an earlier one is met, in a finished one only its own parts.
    return newest.msn > wait.msn or newest.part >= wait.part


def _skip(value: str | None) -> Skip | None:
    """6.2.5.1 names two values; any other is no delivery directive that we know, and so is left alone."""
    return Skip(value) if value in (Skip.YES, Skip.V2) else None


def _is_beyond_advance_limit(window: MediaWindow, msn: int, part: int) -> bool:
    """6.2.5.2: "if the _HLS_part exceeds the last Partial Segment in the current Playlist by the Advance Part
    Limit […] three divided by the Part Target Duration if the Part Target Duration is less than one second,
    or three otherwise"."""
    newest = window.position
    if msn <= window.last_msn:
        return False  # a finished segment: the request rolls over to the next one, however large its index
    last_part = newest.part if newest is not None and newest.msn == msn else -1
    part_target_us = window.config.part_target_us
    ahead = part - last_part
    return ahead * part_target_us >= 3 * US_PER_S if part_target_us < US_PER_S else ahead >= 3
