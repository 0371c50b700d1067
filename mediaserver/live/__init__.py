"""Live streams: the registry of names, their states, and the way from a publication to playlists."""
