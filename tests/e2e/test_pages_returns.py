"""A source that returns smaller: the open page goes on, and says what is on the screen now."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.async_api import expect

from mediaserver.server_process import ServerProcess
from tests.e2e.browser import PLAYING, chromium

pytestmark = [pytest.mark.tools("chromium"), pytest.mark.timeout(180)]

SMALL = "() => window.mediaserverPlayer.video.videoHeight === 360"


async def test_labels_and_menu_follow_without_beginning_anew(
    server: ServerProcess, publish: Callable, until_state: Callable
) -> None:
    url = server.publish_url("back")
    first = publish(url, "--size", "1280x720", "--fps", "25", "--bitrate", "2500k")
    until_state(server, "back")
    async with chromium() as browser:
        page = await browser.new_page(viewport={"width": 1280, "height": 820})
        await page.goto(f"{server.http_url}/watch/back")
        await page.wait_for_function(PLAYING, timeout=30_000)
        await page.get_by_text("up to 720p").wait_for(timeout=20_000)
        await page.get_by_role("button", name="Quality: automatic, now 720p source").wait_for(timeout=30_000)

        first.stop()
        until_state(server, "back", "interrupted")
        publish(url, "--size", "640x360", "--fps", "25", "--bitrate", "700k")
        await page.wait_for_function(SMALL, timeout=30_000)
        await page.get_by_text("up to 360p").wait_for(timeout=20_000)
        await page.mouse.move(600, 400)
        await page.get_by_role("button", name="Quality: automatic, now 360p source").click(timeout=20_000)
        rungs = page.get_by_role("menuitemradio")
        await expect(rungs.filter(has_text="360p source").last).to_be_visible()
        for gone in ("720p", "480p"):
            await expect(rungs.filter(has_text=gone)).to_have_count(0)
        assert await page.evaluate("() => window.mediaserverPlayer.statistics().restarts") == 0
