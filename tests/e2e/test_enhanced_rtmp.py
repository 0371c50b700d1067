"""Enhanced RTMP v2 from outside: a multitrack publisher's stream, RTMPS, and a rolling restart."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mediaserver.server_process import ServerProcess
from tests.e2e.player import Player

PUBLISHER = Path(__file__).parent / "multitrack_publisher.py"


@pytest.mark.tools("ffmpeg", "ffprobe")
def test_ffmpegs_further_pictures_are_rungs_and_its_sounds_are_choices(
    server: ServerProcess, run_publisher: Callable, until_state: Callable
) -> None:
    run_publisher([sys.executable, str(PUBLISHER), server.publish_url("tracks"), "60"])
    stream = until_state(server, "tracks")
    renditions = {rendition["name"]: rendition for rendition in stream["renditions"]}
    assert [name for name, rendition in renditions.items() if rendition["passthrough"]] == [
        "source",
        "180p",
        "audio",
    ]
    assert not renditions["audio-4"]["passthrough"]
    for rendition in ("source", "180p", "audio", "audio-4"):
        Player(server, "tracks").until_msn(0, rendition)
    master = f"{server.http_url}/live/tracks/master.m3u8"
    found = subprocess.run(
        [
            "ffprobe",
            "-v",
            "error",
            "-show_entries",
            "stream=codec_name,height,channels",
            "-of",
            "csv",
            master,
        ],
        capture_output=True,
        timeout=40,
        check=True,
    ).stdout.decode()
    assert "stream,h264,360" in found
    assert "stream,h264,180" in found
    assert "ac3" not in found
    assert found.count("stream,aac,2") >= 2


@pytest.mark.tools("openssl")
def test_a_broadcast_through_tls(
    tmp_path: Path,
    unused_tcp_port: int,
    new_server: Callable,
    publish: Callable,
    until_state: Callable,
) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-keyout", key, "-out", certificate, "-subj", "/CN=localhost", "-days", "2",
         "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True,
        capture_output=True,
    )  # fmt: skip
    server = new_server(
        {
            "rtmps.port": str(unused_tcp_port),
            "rtmps.certificate": str(certificate),
            "rtmps.key_file": str(key),
        }
    )
    url = server.publish_url("safe", ladder="passthrough").replace(
        server.rtmp_url, f"rtmps://127.0.0.1:{unused_tcp_port}/live"
    )
    assert url.startswith("rtmps://")
    publish(url, "--size", "320x180", "--ca-file", str(certificate))
    assert until_state(server, "safe")["publisher"]["protocol"] == "rtmps"
    stranger = publish(url, "--size", "320x180")
    assert stranger.wait() == 1
    assert "is not trusted" in stranger.errors


def test_a_rolling_restart_moves_the_publisher(
    new_server: Callable, publish: Callable, until_state: Callable, tmp_path: Path
) -> None:
    following = new_server({"access.open_publish": "true"}, data=tmp_path / "following")
    leaving = new_server(
        {
            "access.open_publish": "true",
            "rtmp.drain_s": "10",
            "rtmp.reconnect_url": following.rtmp_url,
        },
        data=tmp_path / "leaving",
    )
    pushing = publish(f"{leaving.rtmp_url}/show?key=any", "--size", "320x180", "--gop", "1")
    until_state(leaving, "show")
    assert leaving.stop() == 0
    assert until_state(following, "show")["publisher"]["protocol"] == "rtmp"
    assert pushing.exit_code is None
    assert "1 publishers have gone elsewhere, 0 have not" in leaving.log_tail()
