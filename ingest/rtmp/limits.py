"""The limits that a peer can run into, by name: for the log, the counters and the settings' reader."""

from __future__ import annotations

from enum import StrEnum


class Limit(StrEnum):
    """Each has a setting or a constant, a counter in ``ServerStatistics.limited``, and a line in the log."""

    CONNECTIONS = "connections"
    CONNECTIONS_PER_ADDRESS = "connections_per_address"
    HANDSHAKE_TIME = "handshake_time"
    PUBLISH_TIME = "publish_time"
    SILENCE = "silence"
    MESSAGE_SIZE = "message_size"
    UNFINISHED_MESSAGES = "unfinished_messages"
    CHUNK_STREAMS = "chunk_streams"
    MESSAGE_STREAMS = "message_streams"
    AMF = "amf"
    """Depth or number of values."""
    TRACKS = "tracks"
    """Messages of tracks above it are left out; the publish goes on."""
    REMARKS = "remarks"
    """Captions and cue points that came too fast are left out; the publish goes on."""
    UNREAD_ANSWERS = "unread_answers"
