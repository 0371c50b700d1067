"""DASH as players see it: FFmpeg, stock dash.js on a page of somebody else, and our own page.

The foreign page comes from another origin and leaves every setting of dash.js as it is, so that what it does
follows from the MPD alone.
"""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, Response

from mediaserver.server_process import ServerProcess
from tests.e2e.browser import READ_CLOCK, chromium
from tests.e2e.player import Player
from tests.transcoder.manifests.strict_mpd import ReadMpd, read_mpd
from transcoder.cmaf.reader import read_fragments

pytestmark = [pytest.mark.timeout(240)]

DASH_JS = Path(__file__).parents[2] / "players/node_modules/dashjs/dist/modern/umd/dash.all.min.js"
PAGE = """<!doctype html><title>Somebody's page</title><video muted autoplay></video>
<script src="dash.js"></script><script>
  const video = document.querySelector('video');
  const player = dashjs.MediaPlayer().create();
  window.errors = [];
  player.on(dashjs.MediaPlayer.events.ERROR, (event) => window.errors.push(String(event.error?.message)));
  player.initialize(video, location.hash.slice(1), true);
  window.player = player;
  window.mediaserverPlayer = { video };
</script>"""
PLAYING = (
    "() => { const { video } = window.mediaserverPlayer; return video.readyState >= 3 && !video.paused; }"
)


@dataclass
class ForeignPage:
    """A page with a stock player, and what it was refused."""

    page: Page
    refused: list[str]

    async def until(self, condition: str, timeout_s: float = 40) -> None:
        await self.page.wait_for_function(f"() => {condition}", timeout=timeout_s * 1000)

    async def clock_after(self, unix_ms: float, timeout_s: float = 40) -> float:
        """Once a picture drawn after ``unix_ms`` is shown: how late it is, in seconds."""
        await self.page.wait_for_function(
            f"() => {{ const shown = ({READ_CLOCK})(); return shown && shown > {unix_ms}; }}",
            timeout=timeout_s * 1000,
        )
        return await self.lateness_s()

    async def lateness_s(self) -> float:
        handle = await self.page.wait_for_function(READ_CLOCK, timeout=20_000)
        return time.time() - await handle.json_value() / 1000

    @property
    async def errors(self) -> list[str]:
        return await self.page.evaluate("() => window.errors")


@pytest.fixture(scope="module")
def foreign_origin() -> Iterator[str]:
    """Another web server, on another port: another origin."""
    files = {"/": (PAGE.encode(), "text/html"), "/dash.js": (DASH_JS.read_bytes(), "text/javascript")}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body, content_type = files.get(self.path, (b"", "text/plain"))
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture
async def browser():
    async with chromium() as browser:
        yield browser


@pytest.fixture
def open_foreign(browser: Browser, foreign_origin: str) -> Callable:
    async def open_page(server: ServerProcess, stream: str) -> ForeignPage:
        page = await browser.new_page()
        foreign = ForeignPage(page, [])

        def note(response: Response) -> None:
            if response.status >= 400 and "/live/" in response.url:
                foreign.refused.append(f"{response.status} {response.url}")

        page.on("response", note)
        await page.goto(f"{foreign_origin}#{server.http_url}/live/{stream}/manifest.mpd")
        await page.wait_for_function(PLAYING, timeout=40_000)
        return foreign

    return open_page


def manifest(player: Player) -> ReadMpd:
    status, headers, body = player.get("manifest.mpd")
    assert status == 200, body
    assert headers["Content-Type"] == "application/dash+xml"
    return read_mpd(body.decode())


@pytest.fixture(scope="module")
def show(server: ServerProcess, publish: Callable, until_state: Callable) -> str:
    """Passed through, with B frames: what is decoded first is not shown at once."""
    url = server.publish_url("show", ladder="passthrough")
    publish(url, "--size", "640x360", "--fps", "25", "--b-frames", "2")
    until_state(server, "show")
    return "show"


class TestTheDocument:
    def test_the_api_says_where_it_is(self, server: ServerProcess, show: str, until_state: Callable) -> None:
        assert until_state(server, show)["urls"]["dash"] == f"{server.http_url}/live/show/manifest.mpd"

    def test_its_times_are_those_of_the_media_to_the_tick(self, server: ServerProcess, show: str) -> None:
        player = Player(server, show)
        player.until_msn(player.playlist().last_msn + 2)
        mpd = manifest(player)
        for name, representation in mpd.periods[0].representations.items():
            *finished, _ = representation.segments
            assert finished, name
            for segment in finished:
                status, _, body = player.get(segment.url)
                assert status == 200
                parts = read_fragments(body)
                samples = [sample for part in parts for sample in part.samples]
                assert parts[0].base_decode_time + samples[0].cts_offset == segment.ticks
                assert sum(sample.duration for sample in samples) == segment.duration

    def test_the_clock_is_near_ours(self, server: ServerProcess, show: str) -> None:
        status, _, body = Player(server, show).get("time")
        assert status == 200
        said_s = time.mktime(time.strptime(body.decode()[:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone
        assert abs(time.time() - said_s) < 5

    def test_the_newest_segment_comes_while_it_is_made(self, server: ServerProcess, show: str) -> None:
        player = Player(server, show)
        known = manifest(player).periods[0].representations["source"].segments[-1]
        # The one after it has not begun: it is held until it does, then sent as it grows.
        following = f"{known.url.rpartition('-')[0]}-{known.number + 1}.m4s"
        status, headers, body = player.get(following)
        assert (status, headers["Transfer-Encoding"]) == (200, "chunked")
        status, headers, whole = player.get(following)
        assert (status, headers["Content-Length"]) == (200, str(len(body)))
        assert whole == body

    @pytest.mark.tools("ffmpeg")
    def test_ffmpeg_plays_it_without_a_word(self, server: ServerProcess, show: str) -> None:
        command = ["ffmpeg", "-v", "warning", "-nostdin", "-t", "6"]
        command += ["-i", f"{server.http_url}/live/{show}/manifest.mpd", "-map", "0:v:0", "-map", "0:a:0"]
        command += ["-progress", "-", "-f", "null", "-"]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert (ran.returncode, ran.stderr) == (0, "")
        played = [line.removeprefix("out_time=") for line in ran.stdout.splitlines() if "out_time=" in line]
        assert "00:00:05.9" < played[-1] < "00:00:06.2"


@pytest.mark.tools("chromium")
@pytest.mark.skipif(not DASH_JS.exists(), reason="players/node_modules is not installed")
class TestStockDashJs:
    async def test_it_plays_close_to_the_edge_with_sound(
        self, server: ServerProcess, show: str, open_foreign: Callable
    ) -> None:
        foreign = await open_foreign(server, show)
        await foreign.until("window.player.getCurrentLiveLatency() < 1.6")
        assert await foreign.lateness_s() < 3
        await foreign.until("document.querySelector('video').webkitAudioDecodedByteCount > 0")
        assert (await foreign.errors, foreign.refused) == ([], [])

    async def test_it_switches_quality(
        self, server: ServerProcess, publish: Callable, until_state: Callable, open_foreign: Callable
    ) -> None:
        publish(server.publish_url("rungs"), "--size", "854x480", "--fps", "15")
        until_state(server, "rungs")
        foreign = await open_foreign(server, "rungs")
        for name, height in (("360p", 360), ("source", 480)):
            await foreign.page.evaluate(
                """(name) => {
                  player.updateSettings({ streaming: { abr: { autoSwitchBitrate: { video: false } } } });
                  player.setRepresentationForTypeById('video', name, true);
                }""",
                name,
            )
            await foreign.until(f"document.querySelector('video').videoHeight === {height}")
        assert (await foreign.errors, foreign.refused) == ([], [])

    @pytest.mark.parametrize(
        ("stream", "back"),
        [
            ("smaller", ["--size", "320x180", "--fps", "30"]),
            ("av1", ["--size", "320x180", "--fps", "15", "--codec", "av1"]),
        ],
    )
    async def test_it_goes_on_when_the_broadcast_returns_in_another_format(
        self,
        new_server: Callable[..., ServerProcess],
        publish: Callable,
        until_state: Callable,
        open_foreign: Callable,
        stream: str,
        back: list[str],
    ) -> None:
        server = new_server()
        url = server.publish_url(stream, ladder="passthrough")
        first = publish(url, "--size", "640x360", "--fps", "25")
        until_state(server, stream)
        foreign = await open_foreign(server, stream)
        first.kill()
        until_state(server, stream, "interrupted")
        # The slate has no clock: its picture is there once none can be read any more.
        await foreign.page.wait_for_function(f"() => ({READ_CLOCK})() === null", timeout=20_000)
        at_s = await foreign.page.evaluate("() => window.mediaserverPlayer.video.currentTime")
        await foreign.until(f"window.mediaserverPlayer.video.currentTime > {at_s + 2}")
        returned_ms = time.time() * 1000
        publish(url, *back)
        await foreign.clock_after(returned_ms, timeout_s=30)
        await foreign.until("document.querySelector('video').videoHeight === 180")
        assert (await foreign.errors, foreign.refused) == ([], [])
        mpd = manifest(Player(server, stream))
        heights = [period.representations["source"].attributes["height"] for period in mpd.periods]
        assert (heights[0], heights[-1]) == ("360", "180")
        assert len({period.id for period in mpd.periods}) == len(mpd.periods) >= 3


@pytest.mark.tools("chromium")
async def test_our_page_plays_it_by_dash(browser: Browser, server: ServerProcess, show: str) -> None:
    page = await browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.goto(f"{server.http_url}/watch/{show}?tech=dash")
    await page.wait_for_function(f"() => window.mediaserverPlayer && ({PLAYING})()", timeout=40_000)
    first_ms = time.time() * 1000
    foreign = ForeignPage(page, [])
    assert await foreign.clock_after(first_ms) < 4
    assert any(url.partition("?")[0].endswith("/manifest.mpd") for url in asked)
    # The page has its captions from HLS, whatever plays the pictures.
    assert not any("/source/media.m3u8" in url for url in asked)
    _, statistics = server.call("GET", f"/api/v1/streams/{show}/statistics")
    assert statistics["viewers"]["dash"] >= 1, json.dumps(statistics)


@pytest.mark.tools("chromium")
async def test_our_page_goes_on_after_the_server_was_killed(
    browser: Browser, new_server: Callable[..., ServerProcess], publish: Callable, until_state: Callable
) -> None:
    server = new_server()
    publish(server.publish_url("torn", ladder="passthrough"), "--size", "640x360", "--reconnect")
    until_state(server, "torn")
    page = await browser.new_page()
    await page.goto(f"{server.http_url}/watch/torn?tech=dash")
    await page.wait_for_function(f"() => window.mediaserverPlayer && ({PLAYING})()", timeout=40_000)
    ports = server.ports
    server.kill()
    server = new_server(ports)
    listens_ms = time.time() * 1000
    until_state(server, "torn")
    await ForeignPage(page, []).clock_after(listens_ms, timeout_s=30)
