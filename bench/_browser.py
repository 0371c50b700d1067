"""Headless Chromium as a viewer, and a broadcaster beside it, for the benchmarks."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Final

from playwright.sync_api import Browser, Page

from mediaserver.server_process import ServerProcess

CHROMIUM_ARGUMENTS: Final = [
    "--no-sandbox",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-dev-shm-usage",
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
]


class Broadcaster:
    """`mediaserver push --test-pattern`, until closed."""

    def __init__(self, url: str, *options: str) -> None:
        command = [sys.executable, "-m", "mediaserver", "push", "--test-pattern", "--quiet", *options, url]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        self.started_s = time.monotonic()

    def kill(self) -> None:
        """Without a goodbye."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
        self._process.wait(10)


def wait_state(server: ServerProcess, stream: str, *states: str, timeout_s: float = 20) -> None:
    deadline_s = time.monotonic() + timeout_s
    while server.call("GET", f"/api/v1/streams/{stream}")[1]["state"] not in states:
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"{stream} is not {' or '.join(states)}\n{server.log_tail()}")
        time.sleep(0.02)


def open_page(browser: Browser, url: str, on_open: str = "") -> Page:
    """In a context of its own, so with an empty cache. ``on_open`` runs before the page's own scripts."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    if on_open:
        page.add_init_script(on_open)
    page.goto(url, wait_until="commit")
    return page


def wait_until(page: Page, condition: str, timeout_s: float = 30) -> None:
    """Playwright's own waiting evaluates text inside the page, which the page's CSP forbids."""
    deadline_s = time.monotonic() + timeout_s
    while not page.evaluate(condition):
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"not within {timeout_s:g} s: {condition[:200]}")
        page.wait_for_timeout(50)
