"""A film with several pictures and sounds, broadcast by `mediaserver push`: nothing of it is lost."""

from __future__ import annotations

import re
import subprocess
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from mediaserver.server_process import ServerProcess
from tests.e2e.player import Player


@pytest.mark.tools("ffmpeg")
def test_a_film_with_two_pictures_and_three_languages(
    server: ServerProcess, publish: Callable, until_state: Callable, tmp_path: Path
) -> None:
    film = _film(tmp_path / "film.mkv")
    publish(server.publish_url("film"), "--loop", file=film)
    stream = until_state(server, "film")
    renditions = {rendition["name"]: rendition for rendition in stream["renditions"]}
    video = [name for name in renditions if not name.startswith("audio")]
    assert video == ["source", "360p"]
    assert all(renditions[name]["passthrough"] for name in video)
    for name in renditions:
        Player(server, "film").until_msn(1, name)
    with urllib.request.urlopen(f"{server.http_url}/live/film/master.m3u8", timeout=10) as answer:
        master = answer.read().decode()
    assert re.findall(r'TYPE=AUDIO.*?LANGUAGE="(\w+)"', master) == ["en", "de", "fr"]
    assert re.findall(r'TYPE=AUDIO.*?NAME="([^"]+)"', master) == ["Original", "Kommentar", "Français"]
    assert re.findall(r"RESOLUTION=(\w+)", master) == ["1280x720", "640x360"]


def _film(path: Path) -> Path:
    command = ["ffmpeg", "-v", "error"]
    for source in ("testsrc2=s=1280x720:r=25", "testsrc2=s=640x360:r=25", "sine=440:r=48000"):
        command += ["-f", "lavfi", "-i", source]
    command += ["-t", "10", "-map", "0:v", "-map", "1:v", *["-map", "2:a"] * 3]
    command += ["-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-g", "50", "-pix_fmt", "yuv420p"]
    command += ["-c:a:0", "aac", "-c:a:1", "flac", "-c:a:2", "ac3"]
    for index, (language, title) in enumerate(
        [("eng", "Original"), ("deu", "Kommentar"), ("fra", "Français")]
    ):
        command += [f"-metadata:s:a:{index}", f"language={language}"]
        command += [f"-metadata:s:a:{index}", f"title={title}"]
    subprocess.run([*command, str(path)], check=True, timeout=60)
    return path
