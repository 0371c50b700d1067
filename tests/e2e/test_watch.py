"""The pages in a real browser: what a viewer and an operator see.

With ``MEDIASERVER_PICTURES=FOLDER`` the screenshots are kept there (`make pictures` does it for the README).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page

from mediaserver.server_process import ServerProcess
from tests.e2e.browser import READ_CLOCK, Complaints, chromium

pytestmark = [pytest.mark.tools("chromium"), pytest.mark.timeout(180)]

PLAYING = """() => {
  const player = window.mediaserverPlayer;
  return player && player.video.readyState >= 3 && player.video.currentTime > 0 && !player.video.paused;
}"""


@pytest.fixture
async def browser():
    async with chromium() as browser:
        yield browser


@pytest.fixture
def picture(tmp_path: Path) -> Callable[[str], str]:
    folder = Path(os.environ.get("MEDIASERVER_PICTURES", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    return lambda name: str(folder / f"{name}.png")


async def clock_of(page: Page) -> int:
    handle = await page.wait_for_function(READ_CLOCK, timeout=30_000)
    return await handle.json_value()


async def open_watch(browser: Browser, server: ServerProcess, stream: str, **options: object) -> Page:
    page = await browser.new_page(**(options or {"viewport": {"width": 1280, "height": 820}}))
    await page.goto(f"{server.http_url}/watch/{stream}")
    return page


@pytest.fixture(scope="module")
def show(server: ServerProcess, publish: Callable, until_state: Callable) -> str:
    server.call("PUT", "/api/v1/streams/show", {"title": "The evening show"})
    _, key = server.call("POST", "/api/v1/streams/show/key")
    publish(f"{server.rtmp_url}/show?key={key['publish_key']}", "--size", "1280x720", "--fps", "25")
    until_state(server, "show")
    return "show"


async def test_the_page_plays_the_clock_with_sound(
    browser: Browser, server: ServerProcess, show: str, picture: Callable[[str], str]
) -> None:
    page = await open_watch(browser, server, show)
    complaints = Complaints(page)
    await page.wait_for_function(PLAYING, timeout=30_000)
    first_ms = await clock_of(page)
    await page.wait_for_function("() => window.mediaserverPlayer.video.webkitAudioDecodedByteCount > 0")
    await page.wait_for_function(
        f"() => {{ const read = {READ_CLOCK}; const now = read(); return now && now > {first_ms} + 3000; }}",
        timeout=30_000,
    )
    assert abs(time.time() * 1000 - await clock_of(page)) < 10_000
    await page.screenshot(path=picture("watch"))
    assert complaints.lines == []


async def test_quality_latency_and_viewers_are_shown(
    browser: Browser, server: ServerProcess, show: str, picture: Callable[[str], str]
) -> None:
    page = await open_watch(browser, server, show)
    await page.wait_for_function(PLAYING, timeout=30_000)
    await page.get_by_text("watching").wait_for()
    await page.keyboard.press("i")
    await page.get_by_text("Latency").first.wait_for()
    await page.mouse.move(600, 400)
    await page.get_by_role("button", name="Quality").click()
    await page.get_by_role("menuitemradio", name="480p").wait_for()
    await page.screenshot(path=picture("watch-quality"))
    await page.get_by_role("menuitemradio", name="360p").click()
    await page.wait_for_function("() => window.mediaserverPlayer.video.videoHeight === 360", timeout=30_000)


async def test_phone_width_has_no_sideways_scroll(
    browser: Browser, server: ServerProcess, show: str, picture: Callable[[str], str]
) -> None:
    page = await open_watch(
        browser,
        server,
        show,
        viewport={"width": 360, "height": 740},
        color_scheme="dark",
        device_scale_factor=2,
    )
    await page.wait_for_function(PLAYING, timeout=30_000)
    await clock_of(page)
    assert await page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
    await page.screenshot(path=picture("watch-phone"))


async def test_embedded_the_player_fills_its_frame(
    browser: Browser, server: ServerProcess, show: str
) -> None:
    page = await open_watch(browser, server, f"{show}?embed=1")
    await page.wait_for_function(PLAYING, timeout=30_000)
    box = await page.evaluate(
        """() => {
          const box = window.mediaserverPlayer.video.getBoundingClientRect();
          return [box.width, box.height];
        }"""
    )
    assert box[0] >= 1200
    assert box[1] >= 690


async def test_a_page_opened_before_the_broadcast_starts_by_itself(
    browser: Browser, server: ServerProcess, publish: Callable
) -> None:
    url = server.publish_url("early")
    page = await open_watch(browser, server, "early")
    await page.wait_for_function("() => document.title.length > 0")
    publish(url, "--size", "640x360", "--fps", "25")
    await page.wait_for_function(PLAYING, timeout=40_000)
    assert await clock_of(page)


async def test_the_page_goes_on_after_the_publisher_was_lost_and_came_back(
    browser: Browser, server: ServerProcess, publish: Callable, until_state: Callable
) -> None:
    url = server.publish_url("lost")
    first = publish(url, "--size", "640x360", "--fps", "25")
    until_state(server, "lost")
    page = await open_watch(browser, server, "lost")
    await page.wait_for_function(PLAYING, timeout=30_000)
    first.kill()
    until_state(server, "lost", "interrupted")
    lost_ms = round(time.time() * 1000)
    publish(url, "--size", "640x360", "--fps", "25")
    await page.wait_for_function(
        f"() => {{ const read = {READ_CLOCK}; const now = read(); return now && now > {lost_ms}; }}",
        timeout=30_000,
    )


async def test_home_lists_what_is_live(
    browser: Browser, server: ServerProcess, show: str, picture: Callable[[str], str]
) -> None:
    page = await browser.new_page(viewport={"width": 1280, "height": 820})
    complaints = Complaints(page)
    await page.goto(server.http_url)
    await page.get_by_text("The evening show").first.wait_for(timeout=15_000)
    await page.wait_for_load_state("networkidle")
    await page.screenshot(path=picture("home"))
    assert complaints.lines == []
