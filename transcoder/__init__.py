"""What we know about media: codecs, CMAF, playlists, ladders and the engine. No sockets, no HTTP."""
