"""RTMP and enhanced RTMP: a sans-IO core (handshake, chunk, message, session) under an asyncio server."""
