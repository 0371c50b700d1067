"""Opus' two records of the same facts: the identification header (RFC 7845 5.1) and ``dOps``."""

from __future__ import annotations

from ingest.rtmp.tags import FlvError


def dops_from_opus_head(head: bytes) -> bytes:
    """``dOps`` body (Opus in ISO BMFF 4.3.2, big endian) from an identification header (little endian)."""
    if head[:8] != b"OpusHead" or len(head) < 19:
        raise FlvError("Opus sequence start without a whole OpusHead")
    return b"\0" + head[9:10] + head[11:9:-1] + head[15:11:-1] + head[17:15:-1] + head[18:]


def opus_head_from_dops(dops: bytes) -> bytes:
    """The reverse of :func:`dops_from_opus_head`. Raises :class:`FlvError`."""
    if len(dops) < 11:
        raise FlvError(f"dOps of {len(dops)} bytes")
    return b"OpusHead\x01" + dops[1:2] + dops[3:1:-1] + dops[7:3:-1] + dops[9:7:-1] + dops[10:]
