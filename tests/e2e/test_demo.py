"""`make demo` and `mediaserver push FILE`, as somebody types them."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from mediaserver import demo
from mediaserver.server_process import ServerProcess


def read_until(path: Path, pattern: str, process: subprocess.Popen, timeout_s: float = 20) -> re.Match[str]:
    deadline_s = time.monotonic() + timeout_s
    while (match := re.search(pattern, path.read_text())) is None:
        if process.poll() is not None or time.monotonic() > deadline_s:
            pytest.fail(f"exit code {process.poll()}: {path.read_text()}")
        time.sleep(0.05)
    return match


def children(pid: int) -> set[int]:
    return {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


def test_the_demo_shows_a_live_stream_and_ctrl_c_ends_all_of_it(tmp_path: Path) -> None:
    output = tmp_path / "output"
    command = [sys.executable, "-m", "mediaserver.demo", "--data", str(tmp_path / "data")]
    ports = ["--set", "http.port=0", "--set", "rtmp.port=0", "--set", "live.ladder=passthrough"]
    with output.open("w") as out:
        process = subprocess.Popen([*command, *ports], stdout=out, stderr=subprocess.STDOUT)
    try:
        watch_url = read_until(output, r"http://\S+/watch/demo", process)[0]
        server_pids = children(process.pid)
        with urllib.request.urlopen(watch_url) as page:
            assert page.status == 200
        api_url = watch_url.replace("/watch/", "/api/v1/streams/")
        deadline_s = time.monotonic() + 15
        while True:
            with urllib.request.urlopen(api_url) as answer:
                stream = json.load(answer)
            if stream["state"] == "live":
                break
            assert time.monotonic() < deadline_s, stream
            time.sleep(0.1)
        assert {rendition["name"] for rendition in stream["renditions"]} == {"source", "audio"}
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert "Traceback" not in output.read_text()
        assert server_pids
        assert not any(Path(f"/proc/{pid}").exists() for pid in server_pids)
    finally:
        process.kill()
        process.wait()


def test_the_demo_says_which_port_was_taken(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        assert demo.choose_ports({"rtmp.port": port}) == {"rtmp.port": "0"}
    assert f"port {port} is in use here" in capsys.readouterr().err
    assert demo.choose_ports({"rtmp.port": port}) == {"rtmp.port": str(port)}


@pytest.mark.tools("ffmpeg")
def test_a_film_is_broadcast_and_ends(
    server: ServerProcess, publish: Callable, until_state: Callable, tmp_path: Path
) -> None:
    film = tmp_path / "film.mp4"
    source = [
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=320x240:rate=25",
        "-f",
        "lavfi",
        "-i",
        "sine=440",
        "-t",
        "4",
    ]
    options = ["-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-g", "25", "-pix_fmt", "yuv420p"]
    subprocess.run(["ffmpeg", "-v", "error", *source, *options, "-c:a", "aac", str(film)], check=True)
    started_s = time.monotonic()
    pushing = publish(server.publish_url("film", ladder="passthrough"), file=film)
    stream = until_state(server, "film")
    assert stream["publisher"]["width"] == 320
    assert pushing.wait() == 0
    assert time.monotonic() - started_s >= 3.9
    until_state(server, "film", "interrupted")


def test_a_wrong_key_ends_the_push_with_the_servers_words(server: ServerProcess, publish: Callable) -> None:
    url = server.publish_url("locked").replace("key=", "key=x")
    pushing = publish(url)
    assert pushing.wait() == 1
    assert "refused" in pushing.errors
    assert os.path.basename(url) not in pushing.errors
