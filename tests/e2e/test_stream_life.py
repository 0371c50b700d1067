"""A show with accidents, as a viewer's browser meets it: nobody reloads the page, and nothing is refused."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from playwright.async_api import Browser, Page, Response

from mediaserver.server_process import ServerProcess
from tests.e2e.browser import READ_CLOCK, chromium

pytestmark = [pytest.mark.tools("chromium", "ffmpeg"), pytest.mark.timeout(180)]

PLAYING = """() => {
  const player = window.mediaserverPlayer;
  return player && player.video.readyState >= 3 && player.video.currentTime > 0 && !player.video.paused;
}"""


@pytest.fixture
async def browser():
    async with chromium() as browser:
        yield browser


class Refusals:
    """Answers of 400 and above under /live/."""

    def __init__(self, page: Page) -> None:
        self.seen: list[str] = []
        page.on("response", self._note)

    def _note(self, response: Response) -> None:
        if response.status >= 400 and "/live/" in response.url:
            self.seen.append(f"{response.status} {response.url}")


async def drawn_after(page: Page, unix_ms: float, timeout_ms: float = 20_000) -> None:
    """Until the picture on screen was drawn after that moment."""
    await page.wait_for_function(
        f"() => {{ const read = {READ_CLOCK}; const now = read(); return now && now > {unix_ms}; }}",
        timeout=timeout_ms,
    )


async def moves_on(page: Page, seconds: float) -> None:
    """Until the player's own time has gone on by so much."""
    start_s = await page.evaluate("() => window.mediaserverPlayer.video.currentTime")
    await page.wait_for_function(
        f"() => window.mediaserverPlayer.video.currentTime > {start_s + seconds}", timeout=20_000
    )


@pytest.mark.parametrize("tech", ["hls", "dash"])
async def test_a_return_with_another_codec_and_size(
    tech: str, browser: Browser, server: ServerProcess, publish: Callable, until_state: Callable
) -> None:
    url = server.publish_url(f"life-{tech}")
    first = publish(url, "--size", "1280x720", "--fps", "25")
    until_state(server, f"life-{tech}")
    page = await browser.new_page(viewport={"width": 1280, "height": 820})
    await page.goto(f"{server.http_url}/watch/life-{tech}?tech={tech}")
    await page.wait_for_function(PLAYING, timeout=30_000)
    await drawn_after(page, 0)
    refusals = Refusals(page)

    first.kill()
    until_state(server, f"life-{tech}", "interrupted")
    # The slate is no pattern: the clock cannot be read, and the player's time goes on.
    await page.wait_for_function(f"() => ({READ_CLOCK})() === null")
    await moves_on(page, 3)

    publish(url, "--size", "640x360", "--fps", "25", "--codec", "av1")
    until_state(server, f"life-{tech}")
    await drawn_after(page, time.time() * 1000)
    assert await page.evaluate("() => window.mediaserverPlayer.video.videoHeight") == 360
    await moves_on(page, 3)
    assert refusals.seen == []


async def test_a_return_with_sound_alone_keeps_a_picture(
    browser: Browser,
    server: ServerProcess,
    publish: Callable,
    run_publisher: Callable,
    until_state: Callable,
) -> None:
    url = server.publish_url("sound-only")
    first = publish(url, "--size", "640x360", "--fps", "25")
    until_state(server, "sound-only")
    page = await browser.new_page()
    await page.goto(f"{server.http_url}/watch/sound-only")
    await page.wait_for_function(PLAYING, timeout=30_000)
    first.kill()
    until_state(server, "sound-only", "interrupted")
    refusals = Refusals(page)
    run_publisher(
        [
            "ffmpeg",
            "-loglevel",
            "error",
            "-re",
            "-f",
            "lavfi",
            "-i",
            "sine=500",
            "-c:a",
            "aac",
            "-f",
            "flv",
            url,
        ]
    )
    answer = until_state(server, "sound-only")
    assert answer["publisher"]["width"] is None or answer["publisher"]["width"] == 0
    heard = await page.evaluate("() => window.mediaserverPlayer.video.webkitAudioDecodedByteCount")
    await page.wait_for_function(
        f"() => window.mediaserverPlayer.video.webkitAudioDecodedByteCount > {heard + 20_000}", timeout=20_000
    )
    await moves_on(page, 3)
    assert await page.evaluate("() => window.mediaserverPlayer.video.videoHeight") == 360
    assert refusals.seen == []
