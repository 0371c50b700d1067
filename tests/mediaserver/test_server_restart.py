"""A stop and a start again under a live broadcast, with the real program on both ends."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

from mediaserver.server_process import ServerProcess

CHECKOUT = Path(__file__).parents[2]
PLAYLIST = "/live/mine/source/media.m3u8"
DEADLINE_S = 20.0


@contextmanager
def publisher(url: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A small test pattern, passed through."""
    command = [sys.executable, "-m", "mediaserver", "push", "--test-pattern", "--quiet"]
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [*command, "--size", "320x180", "--gop", "1", url], cwd=CHECKOUT, stderr=errors
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def get(server: ServerProcess, path: str) -> tuple[int, str]:
    address = urlsplit(server.http_url)
    connection = HTTPConnection(address.hostname or "", address.port, timeout=DEADLINE_S)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def playlist_of(server: ServerProcess) -> str:
    """The media playlist, as soon as there is one."""
    deadline_s = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline_s:
        status, text = get(server, PLAYLIST)
        if status == 200:
            return text
        time.sleep(0.1)
    raise AssertionError(f"no playlist: {status} {text}")


def first_msn(playlist: str) -> int:
    match = re.search(r"#EXT-X-MEDIA-SEQUENCE:(\d+)", playlist)
    assert match is not None
    return int(match[1])


def next_msn(playlist: str) -> int:
    """Of the segment that is being made."""
    return first_msn(playlist) + len(re.findall(r"^#EXTINF", playlist, re.M))


def test_a_restart_answers_who_waits_and_goes_on_with_higher_numbers(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with (
        ThreadPoolExecutor(1) as pool,
        ServerProcess(data, {"rtmp.drain_s": "0.2"}, log=tmp_path / "first") as server,
        publisher(server.publish_url("mine"), tmp_path / "push"),
    ):
        playlist_of(server)
        before = get(server, f"{PLAYLIST}?_HLS_msn=1")[1]
        started_at = server.call("GET", "/api/v1/streams/mine")[1]["started_at"]
        assert started_at is not None
        blocked = pool.submit(get, server, f"{PLAYLIST}?_HLS_msn={next_msn(before) + 1}")
        assert 'waiting_requests{stream="mine"} 1.0' in _metrics_when(server, "waiting_requests")
        # The publisher has nowhere else to go: the drain waits for it as long as it is told to.
        began_s = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began_s < 5
        status, _ = blocked.result(timeout=5)
        assert status in (200, 503)
    assert "Traceback" not in (tmp_path / "first").read_text()

    with (
        ServerProcess(data, log=tmp_path / "second") as server,
        publisher(server.publish_url("mine"), tmp_path / "push again"),
    ):
        after = playlist_of(server)
        # It is the same broadcast, which began when it began.
        assert server.call("GET", "/api/v1/streams/mine")[1]["started_at"] == started_at
    # What was on air before is still listed; what is new has numbers of its own.
    assert first_msn(after) >= first_msn(before)
    assert next_msn(after) > next_msn(before)
    assert "Traceback" not in (tmp_path / "second").read_text()


def _metrics_when(server: ServerProcess, name: str) -> str:
    """The metrics, once ``name`` is above zero."""
    deadline_s = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline_s:
        text = get(server, "/metrics")[1]
        if re.search(rf"{name}\S* [1-9]", text):
            return text
        time.sleep(0.02)
    raise AssertionError(text)
