"""RTMP and RTMPS from the settings: one server on two ports, so that its limits hold for both together."""

from __future__ import annotations

from ingest.publication import Authorizer
from ingest.rtmp.amf0 import AmfLimits
from ingest.rtmp.chunk import ChunkLimits
from ingest.rtmp.server import RtmpLimits, RtmpServer
from ingest.rtmp.session import SessionConfig
from ingest.rtmp.tls import server_context
from mediaserver.access.networks import Networks
from mediaserver.settings import RtmpSettings, RtmpsSettings

UNFINISHED_MESSAGES = 2
"""Largest messages of one publisher that may be under way at once: sound comes between a picture's chunks."""


def make_rtmp_server(authorizer: Authorizer, settings: RtmpSettings) -> RtmpServer:
    """The server, not listening yet."""
    return RtmpServer(
        authorizer,
        host=settings.host,
        port=settings.port,
        limits=_limits(settings),
        relays=Networks(settings.relay_addresses),
    )


class RtmpsDoor:
    """The second port of a server."""

    def __init__(self, server: RtmpServer, settings: RtmpsSettings) -> None:
        self._server = server
        self._settings = settings

    async def start(self) -> int:
        """Listen. Raises OSError, and :class:`ingest.rtmp.tls.CertificateError`."""
        if self._settings.port == "off":
            raise ValueError("rtmps is off")
        context = server_context(self._settings.certificate, self._settings.key_file)
        return await self._server.start_tls(self._settings.port, context)


def _limits(settings: RtmpSettings) -> RtmpLimits:
    message_bytes = settings.max_message_bytes
    publisher = ChunkLimits(
        message_bytes=message_bytes,
        buffered_bytes=UNFINISHED_MESSAGES * message_bytes,
        chunk_streams=settings.max_chunk_streams,
    )
    return RtmpLimits(
        handshake_s=settings.handshake_timeout_s,
        publish_s=settings.publish_timeout_s,
        silence_s=settings.silence_timeout_s,
        connections=settings.max_connections,
        connections_per_address=settings.max_connections_per_address,
        tracks=settings.max_tracks,
        reconnect_url=settings.reconnect_url,
        session=SessionConfig(publisher=publisher, amf=AmfLimits(depth=settings.max_amf_depth)),
    )
