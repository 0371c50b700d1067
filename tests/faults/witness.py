"""A viewer of a healthy stream beside whatever a test does: it sees each gap, and each late part."""

from __future__ import annotations

import http.client
import os
import threading
import time
from urllib.parse import urlsplit

from mediaserver.server_process import ServerProcess
from tests.e2e.playlists import MediaPlaylist, read

LATE_S = 1.0
"""A part later than this, against the steadiest ones, is what a viewer may see as a stall."""
SETTLING_PARTS = 8
BUSY_LOAD_PER_CORE = 2.5
"""On a machine that is as busy with other things, lateness says nothing about us. Gaps still do."""


class Witness:
    """Follows one rendition by blocking reloads and fetches every part, in a thread of its own."""

    def __init__(self, server: ServerProcess, stream: str, rendition: str = "source") -> None:
        self._address = urlsplit(server.http_url)
        self._base = f"/live/{stream}/{rendition}/"
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._complaints: list[str] = []
        self._worst_late_s = 0.0
        self._parts = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def take(self) -> tuple[int, float, list[str]]:
        """Since the last time: parts seen, the worst lateness in seconds, and what was wrong."""
        with self._lock:
            seen = self._parts, self._worst_late_s, self._complaints
            self._parts, self._worst_late_s, self._complaints = 0, 0.0, []
        return seen

    def check(self) -> None:
        """Fails on anything that a viewer could have noticed since the last time."""
        parts, late_s, complaints = self.take()
        assert not complaints, f"the healthy stream suffered: {complaints[:5]}"
        is_busy = os.getloadavg()[0] > BUSY_LOAD_PER_CORE * len(os.sched_getaffinity(0))
        assert late_s <= LATE_S or is_busy, (
            f"the healthy stream had a part {late_s:.2f} s late ({parts} parts)"
        )

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(20)

    def _run(self) -> None:
        connection = http.client.HTTPConnection(self._address.hostname or "", self._address.port, timeout=20)
        try:
            self._follow(connection)
        except (OSError, http.client.HTTPException, AssertionError) as error:
            self._complain(repr(error))
        finally:
            connection.close()

    def _follow(self, connection: http.client.HTTPConnection) -> None:
        playlist = read(self._get(connection, "media.m3u8").decode())
        media_s = 0.0
        base_s: float | None = None
        count = 0
        while not self._stop.is_set():
            msn, part = playlist.position
            ask = f"media.m3u8?_HLS_msn={msn}&_HLS_part={part + 1}"
            newer = read(self._get(connection, ask).decode())
            arrived_s = time.monotonic()
            for new in _after(newer, (msn, part)):
                if new.gap:
                    self._complain(f"gap part {new.uri}")
                else:
                    self._get(connection, new.uri)
                media_s += new.duration_s
                count += 1
            lead_s = arrived_s - media_s
            base_s = lead_s if base_s is None or count <= SETTLING_PARTS else min(base_s, lead_s)
            broken = [each.msn for each in newer.segments[-2:] if each.discontinuity or each.gap]
            if broken:
                self._complain(f"a gap or discontinuity at {broken}")
            with self._lock:
                self._parts += 1
                self._worst_late_s = max(self._worst_late_s, lead_s - base_s)
            playlist = newer

    def _get(self, connection: http.client.HTTPConnection, path: str) -> bytes:
        connection.request("GET", self._base + path)
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == 200, f"{path}: {answer.status} {body[:200]!r}"
        return body

    def _complain(self, text: str) -> None:
        with self._lock:
            self._complaints.append(text)


def _after(playlist: MediaPlaylist, position: tuple[int, int]) -> list:
    """The parts behind a position."""
    parts = [
        (segment.msn, index, part)
        for segment in playlist.segments
        for index, part in enumerate(segment.parts)
    ]
    parts += [(playlist.last_msn + 1, index, part) for index, part in enumerate(playlist.open_parts)]
    return [part for msn, index, part in parts if (msn, index) > position]
