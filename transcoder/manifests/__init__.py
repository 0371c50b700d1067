"""What a player reads: the live window of one rendition, and the playlists that name its media.

Pure. :mod:`.window` owns the media bytes and the order of things, :mod:`.reload` decides whether a request is
answered now, :mod:`.hls` and :mod:`.multivariant` write the text, :mod:`.rendered` keeps it for all who
ask, :mod:`.bandwidth` measures.

"RFC 8216bis" below is draft-pantos-hls-rfc8216bis-22, *HTTP Live Streaming 2nd Edition*.
"""
