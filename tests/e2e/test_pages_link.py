"""The watch page on a bad link: no dead end, the right quality, and latency caught up by rate."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from playwright.async_api import CDPSession, Page, expect

from mediaserver.server_process import ServerProcess
from tests.e2e.browser import PLAYING, chromium

pytestmark = [pytest.mark.tools("chromium"), pytest.mark.timeout(300)]

# Seeks that the page makes, and how fast it plays: looked at from outside the player.
OBSERVE = """() => {
  const { video } = window.mediaserverPlayer;
  window.observed = { seeks: [], fastest: 1 };
  video.addEventListener('seeking', () => window.observed.seeks.push(video.currentTime));
  video.addEventListener('ratechange', () => {
    window.observed.fastest = Math.max(window.observed.fastest, video.playbackRate);
  });
}"""
STATE = """() => {
  const { video, statistics } = window.mediaserverPlayer;
  return { ...statistics(), time_s: video.currentTime, height: video.videoHeight, ...window.observed };
}"""
ERRORS = ("No connection", "has ended", "Nothing here yet")


@pytest.fixture(scope="module")
def show(server: ServerProcess, publish: Callable, until_state: Callable) -> str:
    url = server.publish_url("show", title="The evening show")
    publish(url, "--size", "854x480", "--fps", "25", "--bitrate", "2500k")
    until_state(server, "show")
    return "show"


@pytest.fixture
async def page(server: ServerProcess, show: str) -> AsyncIterator[Page]:
    async with chromium() as browser:
        page = await browser.new_page()
        await page.goto(f"{server.http_url}/watch/{show}")
        await page.wait_for_function(PLAYING, timeout=30_000)
        yield page


class Link:
    """What DevTools call network conditions."""

    def __init__(self, session: CDPSession) -> None:
        self._session = session

    async def becomes(self, kbit_s: int | None = None, *, latency_ms: int = 0, offline: bool = False) -> None:
        await self._session.send(
            "Network.emulateNetworkConditions",
            {
                "offline": offline,
                "latency": latency_ms,
                "downloadThroughput": -1 if kbit_s is None else kbit_s * 125,
                "uploadThroughput": -1,
            },
        )


@pytest.fixture
async def link(page: Page) -> Link:
    session = await page.context.new_cdp_session(page)
    await session.send("Network.enable")
    return Link(session)


async def until(
    page: Page, what: str, holds: Callable[[dict[str, Any]], bool], within_s: float
) -> dict[str, Any]:
    """The page's state once it is so."""
    deadline_s = time.monotonic() + within_s
    while True:
        state = await page.evaluate(STATE)
        if holds(state):
            return state
        if time.monotonic() > deadline_s:
            pytest.fail(f"not within {within_s} s: {what}; {state}")
        await asyncio.sleep(0.2)


async def test_quality_goes_down_and_up_and_latency_is_caught_up_by_rate(page: Page, link: Link) -> None:
    await page.evaluate(OBSERVE)
    await until(page, "the source on a fast link", lambda state: state["level"] == "source", 20)
    await link.becomes(1200)
    await until(page, "a quality that the link carries", lambda state: state["height"] == 360, 40)
    # Slower than any quality: it may stand still, but it says nothing wrong and is not lost.
    await link.becomes(300, latency_ms=150)
    await asyncio.sleep(10)
    for words in ERRORS:
        await expect(page.get_by_text(words)).to_have_count(0)

    await link.becomes()
    before = await page.evaluate(STATE)
    await until(page, "a picture that moves", lambda state: state["time_s"] > before["time_s"] + 2, 15)
    await until(page, "the source again", lambda state: state["height"] == 480, 60)
    # From here on nothing may jump: what is left to catch up is caught up by playing faster.
    await page.evaluate(
        "() => { window.observed = { seeks: [], fastest: mediaserverPlayer.video.playbackRate }; }"
    )
    behind = await page.evaluate(STATE)
    caught_up = await until(page, "near the live edge", lambda state: state["distance_s"] < 2.5, 90)
    assert caught_up["seeks"] == [], caught_up
    if behind["distance_s"] > 3.5:
        assert caught_up["fastest"] > 1.05


async def test_eight_seconds_without_a_network(page: Page, link: Link) -> None:
    await page.evaluate(OBSERVE)
    await until(page, "a steady picture", lambda state: state["time_s"] > 3, 20)
    await link.becomes(offline=True)
    await asyncio.sleep(8)
    await link.becomes()
    lost = await page.evaluate(STATE)
    await until(page, "a picture that moves", lambda state: state["time_s"] > lost["time_s"] + 1, 8)
    await until(page, "near the live edge", lambda state: state["distance_s"] < 3, 60)
    for words in ERRORS:
        await expect(page.get_by_text(words)).to_have_count(0)
