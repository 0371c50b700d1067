"""Viewers behind nginx: ``nginx/http-proxy.conf`` with TLS and HTTP/2 before the real server."""

from __future__ import annotations

import http.client
import json
import ssl
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from mediaserver.server_process import ServerProcess
from tests.e2e.nginx_process import changed, free_port, nginx
from tests.e2e.playlists import MediaPlaylist, read

pytestmark = pytest.mark.tools("nginx", "openssl", "curl")
PUBLIC_URL = "https://live.example.org"


@dataclass
class Site:
    """The server as it is seen through nginx."""

    server: ServerProcess
    http_port: int
    https_port: int
    access_log: Path

    def get(self, path: str, **headers: str) -> tuple[int, http.client.HTTPMessage, bytes]:
        connection = http.client.HTTPSConnection(
            "127.0.0.1",
            self.https_port,
            timeout=20,
            context=ssl._create_unverified_context(),  # a certificate of the test's own making
        )
        try:
            connection.request("GET", path, headers={"Host": "live.example.org", **headers})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def playlist(self, query: str = "") -> MediaPlaylist:
        status, _, body = self.get(f"/live/show/source/media.m3u8{query}")
        assert status == 200, body
        return read(body.decode())


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory,
    publish: Callable[..., object],
    until_state: Callable[..., object],
) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    settings = {"http.trusted_proxies": "127.0.0.1", "http.public_url": PUBLIC_URL}
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem"), "-days", "2",
         "-subj", "/CN=live.example.org"],
        check=True, capture_output=True, timeout=30,
    )  # fmt: skip
    with ServerProcess(folder / "data", settings, log=folder / "server.log") as server:
        http_port, https_port = free_port(), free_port()
        text = changed(
            "http-proxy.conf",
            {
                "listen 80;": f"listen 127.0.0.1:{http_port};",
                "listen 443 ssl": f"listen 127.0.0.1:{https_port} ssl",
                "server 127.0.0.1:8080;": f"server 127.0.0.1:{urlsplit(server.http_url).port};",
                "/etc/mediaserver/fullchain.pem": str(folder / "cert.pem"),
                "/etc/mediaserver/privkey.pem": str(folder / "key.pem"),
                "/run/mediaserver-http-proxy.pid": str(folder / "nginx.pid"),
                "/var/log/nginx/mediaserver-error.log": str(folder / "nginx.log"),
                "/var/log/nginx/mediaserver.log quiet buffer=64k flush=5s": f"{folder / 'access.log'} quiet",
                "worker_rlimit_nofile 65536;": "",
                "worker_processes auto;": "worker_processes 1;",
                "worker_connections 16384;": "worker_connections 256;",
                # Not root: its own folders for bodies.
                "server_tokens off;": f"server_tokens off; client_body_temp_path {folder / 'bodies'}; "
                f"proxy_temp_path {folder / 'proxied'};",
            },
        )
        with nginx(folder, text, https_port):
            publish(server.publish_url("show", ladder="passthrough"), "--size", "320x240", "--fps", "25")
            until_state(server, "show")
            yield Site(server, http_port, https_port, folder / "access.log")


def test_a_player_holds_its_requests_through_it(site: Site) -> None:
    seen = site.playlist()
    for _ in range(6):
        msn, part = seen.position
        following = site.playlist(f"?_HLS_msn={msn}&_HLS_part={part + 1}")
        assert following.position > seen.position
        seen = following


def test_over_http_2_too(site: Site) -> None:
    url = f"https://live.example.org:{site.https_port}/live/show/master.m3u8"
    resolve = f"live.example.org:{site.https_port}:127.0.0.1"
    done = subprocess.run(
        ["curl", "-sk", "--http2", "--compressed", "--resolve", resolve,
         "-w", "\n%{http_version} %{http_code}", url],
        capture_output=True, text=True, check=True, timeout=30,
    )  # fmt: skip
    assert done.stdout.startswith("#EXTM3U")
    assert done.stdout.splitlines()[-1] == "2 200"


def test_media_keeps_its_headers_and_ranges(site: Site) -> None:
    playlist = site.playlist()
    name = playlist.parts[-1].uri
    status, headers, body = site.get(f"/live/show/source/{name}")
    assert status == 200
    assert "immutable" in headers["Cache-Control"]
    assert headers["ETag"].startswith('"')
    status, headers, piece = site.get(f"/live/show/source/{name}", Range="bytes=0-9")
    assert (status, piece) == (206, body[:10])


def test_links_are_those_that_viewers_use(site: Site) -> None:
    _, _, body = site.get("/api/v1/streams/show")
    urls = json.loads(body)["urls"]
    assert urls["watch"] == f"{PUBLIC_URL}/watch/show"
    assert urls["hls"].startswith(PUBLIC_URL)


@pytest.mark.parametrize("path", ["/metrics", "/hooks/nginx-rtmp"])
def test_what_is_for_this_machine_stays_here(site: Site, path: str) -> None:
    assert site.get(path)[0] == 404


def test_a_private_streams_token_is_in_no_log(site: Site) -> None:
    site.server.call("PUT", "/api/v1/streams/hidden", {"visibility": "private"})
    _, answer = site.server.call(
        "POST", "/api/v1/tokens", {"subject": "v", "action": "view", "resource": "stream:hidden", "ttl_s": 60}
    )
    token = answer["token"]
    assert site.get(f"/t/{token}/live/hidden/master.m3u8?session=abcdefgh12345678")[0] == 404
    log = site.access_log.read_text()
    assert "/t/-/live/hidden/master.m3u8 404" in log
    assert token not in log
    assert "abcdefgh12345678" not in log


def test_plain_http_leads_to_tls(site: Site) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", site.http_port, timeout=10)
    try:
        connection.request("GET", "/watch/show", headers={"Host": "live.example.org"})
        answer = connection.getresponse()
        assert (answer.status, answer.headers["Location"]) == (301, f"{PUBLIC_URL}/watch/show")
    finally:
        connection.close()
