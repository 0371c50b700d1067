"""What the session tells the application of a peer, one record for each event."""

from __future__ import annotations

from dataclasses import dataclass, field

from ingest.rtmp import flv
from ingest.rtmp.amf0 import Value
from ingest.rtmp.limits import Limit
from ingest.rtmp.negotiation import NOTHING_ENHANCED, PeerCapabilities


@dataclass(frozen=True, slots=True)
class Connected:
    """The peer has connected to our application."""

    encoder: str | None
    """What it says it is (``flashVer``), printable and short."""
    capabilities: PeerCapabilities = NOTHING_ENHANCED


@dataclass(frozen=True, slots=True)
class PublishRequested:
    """Answer with ``accept`` or ``reject``."""

    stream: str
    """As the publisher wrote it."""
    key: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class VideoReceived:
    timestamp_ms: int
    tag: flv.Tag


@dataclass(frozen=True, slots=True)
class AudioReceived:
    timestamp_ms: int
    tag: flv.Tag


@dataclass(frozen=True, slots=True)
class MediaBroken:
    """An audio, video or data message that is not what it says: skip it, the stream goes on."""

    reason: str
    limit: Limit | None = None


@dataclass(frozen=True, slots=True)
class MetadataReceived:
    """``onMetaData``."""

    values: dict[str, Value]


@dataclass(frozen=True, slots=True)
class Spoken:
    """A data message that says something of a moment: one of ``spoken.HANDLERS``."""

    timestamp_ms: int
    handler: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class PublishEnded:
    """The publisher has said goodbye; the connection may publish again."""

    reason: str


@dataclass(frozen=True, slots=True)
class Remark:
    """Something odd that the log should know of."""

    text: str


Event = (
    Connected
    | PublishRequested
    | VideoReceived
    | AudioReceived
    | MediaBroken
    | MetadataReceived
    | Spoken
    | PublishEnded
    | Remark
)
