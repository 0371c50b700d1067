"""A stream's life as a table.

``offline → starting → live ⇄ interrupted → ended``; a new publish on an ended stream starts again. An event
that the table does not name for a state is a bug of ours and raises; nothing changes then.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class StreamState(StrEnum):
    OFFLINE = "offline"
    """Known, and nobody has published since this process started."""
    STARTING = "starting"
    """A publisher is in; nothing can be played yet."""
    LIVE = "live"
    INTERRUPTED = "interrupted"
    """The publisher is gone; the playlists go on for the grace time."""
    ENDED = "ended"


class StreamEvent(StrEnum):
    PUBLISHED = "published"
    PLAYABLE = "playable"
    """The first part of every rendition that will be listed is there."""
    SILENT = "silent"
    """The publisher is there and sends nothing."""
    RESUMED = "resumed"
    """Media comes again: of the publisher that was silent, or of the one that has returned."""
    PUBLISHER_LEFT = "publisher_left"
    RESTORED = "restored"
    """This process found what the one before it had on air."""
    GRACE_OVER = "grace_over"


class IllegalTransition(Exception):
    """An event came in a state that cannot have it."""


S, E = StreamState, StreamEvent

TRANSITIONS: Mapping[tuple[StreamState, StreamEvent], StreamState] = MappingProxyType(
    {
        (S.OFFLINE, E.PUBLISHED): S.STARTING,
        (S.STARTING, E.PLAYABLE): S.LIVE,
        # It left before anything could be played: there is nothing to hold open for viewers.
        (S.STARTING, E.PUBLISHER_LEFT): S.OFFLINE,
        (S.LIVE, E.PUBLISHER_LEFT): S.INTERRUPTED,
        (S.LIVE, E.SILENT): S.INTERRUPTED,
        # Live at once, because the playlists never stopped being playable.
        (S.INTERRUPTED, E.RESUMED): S.LIVE,
        # It came back and left before any of its media could be used, or was silent before it left.
        (S.INTERRUPTED, E.PUBLISHER_LEFT): S.INTERRUPTED,
        (S.OFFLINE, E.RESTORED): S.INTERRUPTED,
        (S.INTERRUPTED, E.GRACE_OVER): S.ENDED,
        (S.ENDED, E.PUBLISHED): S.STARTING,
    }
)


def advance(state: StreamState, event: StreamEvent) -> StreamState:
    """The state after ``event``. Raises :class:`IllegalTransition`."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise IllegalTransition(f"{event} in state {state}") from None
