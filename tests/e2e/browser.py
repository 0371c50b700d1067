"""Debian's Chromium as a viewer's browser, without a network beyond this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright

from bench._clock import READ_CLOCK_OF

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
]

READ_CLOCK = f"""() => {{
  const video = window.mediaserverPlayer?.video;
  return video && video.readyState >= 2 ? ({READ_CLOCK_OF})(video) : null;
}}"""
"""Unix milliseconds at which the picture on screen was drawn, or null."""

PLAYING = """() => {
  const player = window.mediaserverPlayer;
  return player && player.video.readyState >= 3 && player.video.currentTime > 0 && !player.video.paused;
}"""

AXE = Path(__file__).parents[2] / "players" / "node_modules" / "axe-core" / "axe.min.js"
VIOLATIONS = """async () => {
  const run = await axe.run(document, {
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'],
  });
  return run.violations.map(each => `${each.id}: ${each.nodes.map(node => node.target).join(' | ')}`);
}"""
"""What in a page falls short of WCAG 2.2 AA, once AXE is in it."""


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A headless Chromium with a profile of its own."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        try:
            yield browser
        finally:
            await browser.close()


class Complaints:
    """What the page should not have said: errors of its scripts, refusals of its policy, failed answers."""

    def __init__(self, page: Page) -> None:
        self.lines: list[str] = []
        page.on("pageerror", lambda error: self.lines.append(f"script: {error}"))
        page.on(
            "console",
            lambda message: message.type == "error" and self.lines.append(f"console: {message.text}"),
        )
