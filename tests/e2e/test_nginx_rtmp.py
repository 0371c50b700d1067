"""Debian's nginx with its RTMP module in front of us: ``nginx/rtmp-relay.conf`` on free ports, and ffmpeg."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from mediaserver.server_process import ServerProcess
from tests.e2e.nginx_process import changed, free_port, nginx
from tests.e2e.player import Player

MODULE = "/usr/lib/nginx/modules/ngx_rtmp_module.so"
OLD_CONFIG = """
load_module modules/ngx_rtmp_module.so;
worker_processes 1;
pid PID;
error_log LOG notice;
events { worker_connections 256; }
rtmp {
    server {
        listen 127.0.0.1:LISTEN;
        application studio {
            live on;
            on_publish http://127.0.0.1:HTTP/hooks/nginx-rtmp;
            push rtmp://127.0.0.1:RTMP/live;
        }
    }
}
"""
"""As it may have stood for years: another application's name, no on_publish_done, no on_update."""

pytestmark = pytest.mark.tools("nginx", "ffmpeg", "ffprobe", MODULE)


def relay(folder: Path, listen: int, server: ServerProcess) -> str:
    """``nginx/rtmp-relay.conf`` with this test's ports and files; everything else as it stands."""
    http, rtmp = urlsplit(server.http_url).port, urlsplit(server.rtmp_url).port
    return changed(
        "rtmp-relay.conf",
        {
            " http://127.0.0.1:8080/": f" http://127.0.0.1:{http}/",
            "rtmp://127.0.0.1:1936/live": f"rtmp://127.0.0.1:{rtmp}/live",
            "listen 1935;": f"listen 127.0.0.1:{listen};",
            "/run/mediaserver-rtmp-relay.pid": str(folder / "nginx.pid"),
            "/var/log/nginx/rtmp-relay.log": str(folder / "nginx.log"),
        },
    )


def ffmpeg(url: str) -> list[str]:
    return [
        "ffmpeg", "-hide_banner", "-loglevel", "warning", "-re",
        "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25",
        "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000",
        "-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-c:a", "aac", "-b:a", "64k",
        "-f", "flv", url,
    ]  # fmt: skip


def start(new_server: Callable[..., ServerProcess], **settings: str) -> ServerProcess:
    return new_server({"rtmp.relay_addresses": "127.0.0.1", "live.ladder": "passthrough", **settings})


def key_of(server: ServerProcess, stream: str) -> str:
    return server.publish_url(stream).partition("?key=")[2]


def test_a_stream_through_the_relay_plays(
    new_server: Callable[..., ServerProcess],
    run_publisher: Callable[..., object],
    until_state: Callable[..., dict],  # type: ignore[type-arg]
    tmp_path: Path,
) -> None:
    server, port = start(new_server), free_port()
    key = key_of(server, "show")
    with nginx(tmp_path, relay(tmp_path, port, server), port) as log:
        publisher = run_publisher(ffmpeg(f"rtmp://127.0.0.1:{port}/live/show?key={key}"))
        shown = until_state(server, "show")
        assert shown["publisher"]["protocol"] == "rtmp"
        assert (shown["publisher"]["width"], shown["publisher"]["height"]) == (320, 180)
        # ffprobe knows no parts: it needs a whole segment.
        Player(server, "show").until_msn(1)
        probed = subprocess.run(
            ["ffprobe", "-v", "error", "-show_streams", "-of", "json",
             f"{server.http_url}/live/show/master.m3u8"],
            capture_output=True, text=True, timeout=30, check=True,
        )  # fmt: skip
        codecs = {found["codec_name"] for found in json.loads(probed.stdout)["streams"]}
        assert codecs == {"aac", "h264"}, probed.stderr
        # The key is in nobody's log: not in ours, and nginx writes it only where its client sent it.
        assert key not in (tmp_path / "server.log").read_text()
        assert key not in log.read_text()
        publisher.stop()  # type: ignore[attr-defined]
        until_state(server, "show", "interrupted")


def test_a_refused_key_is_thrown_out_and_nothing_is_on_air(
    new_server: Callable[..., ServerProcess], run_publisher: Callable[..., object], tmp_path: Path
) -> None:
    server, port = start(new_server), free_port()
    key_of(server, "show")
    with nginx(tmp_path, relay(tmp_path, port, server), port):
        for wrong in ("?key=wrong", "", "?key=wrong&name=other"):
            publisher = run_publisher(ffmpeg(f"rtmp://127.0.0.1:{port}/live/show{wrong}"))
            assert publisher.wait(20) != 0  # type: ignore[attr-defined]
            assert server.call("GET", "/api/v1/streams/show")[1]["state"] == "offline"
    assert "may not publish show" in (tmp_path / "server.log").read_text()


def test_a_new_key_reaches_who_publishes_at_the_relay(
    new_server: Callable[..., ServerProcess],
    run_publisher: Callable[..., object],
    until_state: Callable[..., dict],  # type: ignore[type-arg]
    tmp_path: Path,
) -> None:
    """nginx asks again with each update, by what the publisher showed when it came."""
    server, port = start(new_server), free_port()
    key = key_of(server, "show")
    text = relay(tmp_path, port, server).replace("notify_update_timeout 10s", "notify_update_timeout 1s")
    with nginx(tmp_path, text, port):
        publisher = run_publisher(ffmpeg(f"rtmp://127.0.0.1:{port}/live/show?key={key}"))
        until_state(server, "show")
        assert server.call("POST", "/api/v1/streams/show/key")[0] == 200
        assert publisher.wait(20) != 0  # type: ignore[attr-defined]
        until_state(server, "show", "interrupted")


def test_an_old_configuration_with_two_lines_more_relays_over_a_crash_of_ours(
    new_server: Callable[..., ServerProcess],
    run_publisher: Callable[..., object],
    until_state: Callable[..., dict],  # type: ignore[type-arg]
    tmp_path: Path,
) -> None:
    ports = {"http.port": str(free_port()), "rtmp.port": str(free_port())}
    server, port = start(new_server, **ports), free_port()
    key = key_of(server, "show")
    text = OLD_CONFIG
    for word, value in {
        "PID": str(tmp_path / "nginx.pid"), "LOG": str(tmp_path / "nginx.log"), "LISTEN": str(port),
        "HTTP": ports["http.port"], "RTMP": ports["rtmp.port"],
    }.items():  # fmt: skip
        text = text.replace(word, value, 1)
    with nginx(tmp_path, text, port):
        run_publisher(ffmpeg(f"rtmp://127.0.0.1:{port}/studio/show?key={key}"))
        until_state(server, "show")
        server.kill()
        again = start(new_server, **ports)
        # nginx pushes again after its push_reconnect (3 s), and asks nobody.
        until_state(again, "show")
