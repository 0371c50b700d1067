"""Debian's Chromium as a viewer's browser, without a network beyond this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, Page, async_playwright

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

READ_CLOCK = """() => {
  // The strip of transcoder/engine/clockstrip.py: two rows of 28 blocks, 48 bits of milliseconds, CRC-8.
  const player = window.mediaserverPlayer?.video;
  if (!player || player.readyState < 2) return null;
  const canvas = document.createElement('canvas');
  canvas.width = player.videoWidth;
  canvas.height = player.videoHeight;
  const context = canvas.getContext('2d');
  context.drawImage(player, 0, 0);
  const rowHeight = canvas.height / 24;
  const bytes = new Array(7).fill(0);
  for (let bit = 0; bit < 56; bit++) {
    const x = Math.floor(((bit % 28) + 0.5) * canvas.width / 28);
    const y = Math.floor((Math.floor(bit / 28) + 0.5) * rowHeight);
    const [red, green, blue] = context.getImageData(x, y, 1, 1).data;
    if (red + green + blue > 384) bytes[bit >> 3] |= 0x80 >> (bit & 7);
  }
  let register = 0xff;
  for (const byte of bytes.slice(0, 6)) {
    register ^= byte;
    for (let n = 0; n < 8; n++) register = register & 0x80 ? ((register << 1) ^ 7) & 0xff : register << 1;
  }
  if (register !== bytes[6]) return null;
  return bytes.slice(0, 6).reduce((value, byte) => value * 256 + byte, 0);
}"""
"""Unix milliseconds at which the picture on screen was drawn, or null."""


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
