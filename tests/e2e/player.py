"""A player as plain HTTP requests, for tests that look at single answers."""

from __future__ import annotations

import http.client
import urllib.request
from urllib.error import HTTPError

from mediaserver.server_process import ServerProcess
from tests.e2e.playlists import MediaPlaylist, read


class Player:
    """Plain HTTP requests under /live/{stream}/."""

    def __init__(self, server: ServerProcess, stream: str) -> None:
        self.base = f"{server.http_url}/live/{stream}/"

    def get(self, path: str, **headers: str) -> tuple[int, http.client.HTTPMessage, bytes]:
        request = urllib.request.Request(self.base + path, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, answer.headers, answer.read()
        except HTTPError as refused:
            with refused:
                return refused.code, refused.headers, refused.read()

    def status(self, path: str) -> int:
        return self.get(path)[0]

    def playlist(self, rendition: str = "source", query: str = "") -> MediaPlaylist:
        status, _, body = self.get(f"{rendition}/media.m3u8{query}")
        assert status == 200, body
        return read(body.decode())

    def next(self, seen: MediaPlaylist, rendition: str = "source") -> MediaPlaylist:
        """The playlist with the part after the newest in ``seen``, as a player asks for it."""
        msn, part = seen.position
        return self.playlist(rendition, f"?_HLS_msn={msn}&_HLS_part={part + 1}")

    def until_msn(self, msn: int, rendition: str = "source") -> MediaPlaylist:
        """The first playlist in which segment ``msn`` is finished, by blocking reloads all the way."""
        playlist = self.playlist(rendition)
        while playlist.last_msn < msn:
            playlist = self.playlist(rendition, f"?_HLS_msn={playlist.last_msn + 1}")
        return playlist
