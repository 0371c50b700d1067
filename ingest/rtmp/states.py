"""What may happen to a publisher's connection, and where it leads."""

from __future__ import annotations

from enum import Enum
from typing import Final


class State(Enum):
    HANDSHAKE = "handshake"
    CONNECTING = "connecting"
    """Waiting for ``connect``."""
    CONNECTED = "connected"
    ASKING = "asking"
    """A publish waits for the application's answer."""
    PUBLISHING = "publishing"
    CLOSED = "closed"


class Act(Enum):
    SHAKE = "finish the handshake"
    CONNECT = "connect"
    CREATE_STREAM = "createStream"
    PUBLISH = "publish"
    ACCEPT = "accept"
    REJECT = "reject"
    UNPUBLISH = "unpublish"
    CLOSE = "close"


TRANSITIONS: Final = {
    (State.HANDSHAKE, Act.SHAKE): State.CONNECTING,
    (State.CONNECTING, Act.CONNECT): State.CONNECTED,
    (State.CONNECTED, Act.CREATE_STREAM): State.CONNECTED,
    (State.PUBLISHING, Act.CREATE_STREAM): State.PUBLISHING,
    (State.CONNECTED, Act.PUBLISH): State.ASKING,
    (State.ASKING, Act.ACCEPT): State.PUBLISHING,
    (State.ASKING, Act.REJECT): State.CONNECTED,
    (State.PUBLISHING, Act.UNPUBLISH): State.CONNECTED,
    **{(state, Act.CLOSE): State.CLOSED for state in State},
}
"""Everything that may happen, and where it leads. What is not here is refused and changes nothing."""
