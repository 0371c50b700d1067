"""RTMP and enhanced RTMP ingest: a sans-IO core under an asyncio server.

Reading order: ``handshake`` and ``chunk`` (bytes to messages), ``amf0`` and ``message`` (messages to
records), ``flv`` (what audio and video messages carry), ``session`` (the server's conversation), ``client``
(the publisher's), ``intake`` (tags to tracks and access units); then the only parts with sockets,
``connection`` (one peer) and ``server``.
"""
