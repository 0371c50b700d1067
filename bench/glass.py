"""Glass to glass on /watch: from drawing a picture to seeing it in Chromium, by the burnt-in clock.

Starts the real server, pushes the test pattern to it over RTMP and opens the page in headless Chromium.
Each sample is a picture that the browser presents: its clock strip, read from a canvas, against the wall
clock of the same machine at the time at which the browser says that the picture is displayed.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from bench._table import percentile, print_table
from mediaserver.server_process import ServerProcess

OLD_STREAM_S = 35
"""Older than the playlist's window."""
EARLY_S = 1.0
SAMPLE_INTERVAL_MS = 400
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-dev-shm-usage",
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
]

# Runs before the page's own scripts: notes when the first picture is presented.
ON_OPEN = """
window.benchFirstPicture_ms = null;
const waiting = setInterval(() => {
  const video = window.mediaserverPlayer?.video;
  if (!video) return;
  clearInterval(waiting);
  video.requestVideoFrameCallback((now, frame) => {
    window.benchFirstPicture_ms = Math.max(now, frame.expectedDisplayTime);
  });
}, 4);
"""

# The strip's layout and checksum: see transcoder/engine/clockstrip.py.
SAMPLE = """
async ({count, interval_ms}) => {
  const video = window.mediaserverPlayer.video;
  const columns = 28, rows = 2;
  const canvas = document.createElement('canvas');
  const context = canvas.getContext('2d', {willReadFrequently: true});
  const crc8 = (bytes) => {
    let register = 0xff;
    for (const byte of bytes) {
      register ^= byte;
      for (let i = 0; i < 8; i++) register = register & 0x80 ? ((register << 1) ^ 7) & 0xff : register << 1;
    }
    return register;
  };
  const read = () => {
    const width = video.videoWidth, height = Math.ceil(video.videoHeight / 12);
    canvas.width = width; canvas.height = height;
    context.drawImage(video, 0, 0, width, height, 0, 0, width, height);
    const pixels = context.getImageData(0, 0, width, height).data;
    const bytes = [];
    for (let bit = 0; bit < columns * rows; bit++) {
      const x = Math.floor((bit % columns + 0.5) * width / columns);
      const y = Math.floor((Math.floor(bit / columns) + 0.5) * video.videoHeight / 24);
      const white = pixels[(y * width + x) * 4 + 1] >= 128 ? 1 : 0;
      if (bit % 8 === 0) bytes.push(0);
      bytes[bytes.length - 1] = bytes[bytes.length - 1] * 2 + white;
    }
    if (crc8(bytes.slice(0, 6)) !== bytes[6]) return null;
    return bytes.slice(0, 6).reduce((value, byte) => value * 256 + byte, 0);
  };
  const samples = [];
  let unreadable = 0;
  const before = window.mediaserverPlayer.statistics();
  const end = performance.now() + count * interval_ms * 3 + 20000;
  while (samples.length < count && performance.now() < end) {
    await new Promise((resolve) => {
      const patience = setTimeout(resolve, 5000);
      video.requestVideoFrameCallback((now, frame) => {
        clearTimeout(patience);
        const drawn_ms = read();
        if (drawn_ms === null) unreadable++;
        else {
          const until_shown_ms = Math.max(0, frame.expectedDisplayTime - performance.now());
          const statistics = window.mediaserverPlayer.statistics();
          samples.push({
            glass_ms: Date.now() + until_shown_ms - drawn_ms,
            level: statistics.level, height: video.videoHeight,
          });
        }
        resolve();
      });
    });
    await new Promise((resolve) => setTimeout(resolve, interval_ms));
  }
  const after = window.mediaserverPlayer.statistics();
  return {
    samples, unreadable, stalls: after.stalls - before.stalls, restarts: after.restarts - before.restarts,
  };
}
"""


@dataclass(frozen=True, slots=True)
class Viewing:
    """What one viewer saw."""

    name: str
    glass_s: list[float]
    levels: str
    stalls: int
    restarts: int
    unreadable: int
    first_picture_s: float | None


class Broadcaster:
    """`mediaserver push --test-pattern`, until closed."""

    def __init__(self, url: str) -> None:
        command = [sys.executable, "-m", "mediaserver", "push", "--test-pattern", "--quiet", url]
        self._process = subprocess.Popen(command)
        self.started_s = time.monotonic()

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(10)


def wait_live(server: ServerProcess, stream: str, timeout_s: float = 20) -> None:
    deadline_s = time.monotonic() + timeout_s
    while server.call("GET", f"/api/v1/streams/{stream}")[1]["state"] != "live":
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"{stream} is not live\n{server.log_tail()}")
        time.sleep(0.02)


def open_page(browser: Browser, url: str) -> Page:
    """In a context of its own, so with an empty cache."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.add_init_script(ON_OPEN)
    page.goto(url, wait_until="commit")
    return page


def wait_until(page: Page, condition: str, timeout_s: float = 30) -> None:
    """Playwright's own waiting evaluates text inside the page, which the page's CSP forbids."""
    deadline_s = time.monotonic() + timeout_s
    while not page.evaluate(condition):
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"not within {timeout_s:g} s: {condition}")
        page.wait_for_timeout(50)


def wait_first_picture(page: Page) -> float:
    wait_until(page, "window.benchFirstPicture_ms !== null")
    return float(page.evaluate("window.benchFirstPicture_ms")) / 1000


def choose(page: Page, height: int) -> None:
    """The rung of that height, by the page's own menu."""
    page.locator("video").hover()
    page.locator("ms-quality-menu button.opener").click()
    page.locator("ms-quality-menu button.item", has_text=f"{height}p").first.click()
    wait_until(page, f"window.mediaserverPlayer.video.videoHeight === {height}")
    # What the menu changes is fetched anew; the pointer must not keep the controls on the picture.
    page.mouse.move(2, 790)


def view(page: Page, name: str, count: int, first_picture_s: float | None) -> Viewing:
    result: dict[str, Any] = page.evaluate(SAMPLE, {"count": count, "interval_ms": SAMPLE_INTERVAL_MS})
    samples = result["samples"]
    return Viewing(
        name,
        [sample["glass_ms"] / 1000 for sample in samples],
        " ".join(dict.fromkeys(f"{sample['level']} ({sample['height']}p)" for sample in samples)),
        result["stalls"],
        result["restarts"],
        result["unreadable"],
        first_picture_s,
    )


def first_pictures(browser: Browser, url: str, count: int) -> list[float]:
    times = []
    for _ in range(count):
        page = open_page(browser, url)
        times.append(wait_first_picture(page))
        page.context.close()
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=75, help="pictures for each row")
    parser.add_argument("--opens", type=int, default=10, help="page loads for the time to first picture")
    parser.add_argument("--rung", type=int, default=480, help="height of the encoded rung")
    parser.add_argument("--chromium", default=shutil.which("chromium"), help="the browser")
    parser.add_argument("--shot", type=Path, help="write a screenshot here")
    parser.add_argument("--set", action="append", default=[], help="a server setting")
    options = parser.parse_args()
    settings = dict(pair.partition("=")[::2] for pair in options.set)

    viewings: list[Viewing] = []
    load_before = os.getloadavg()[0]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(ServerProcess(folder / "data", settings, log=folder / "server.log"))
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=options.chromium, args=CHROMIUM_ARGUMENTS)
        stack.callback(browser.close)
        # The browser's own first start is not what is measured.
        open_page(browser, server.http_url).context.close()

        early = Broadcaster(server.publish_url("early"))
        wait_live(server, "early")
        time.sleep(EARLY_S)
        page = open_page(browser, f"{server.http_url}/watch/early")
        first_s = wait_first_picture(page)
        viewings.append(view(page, f"came {EARLY_S:g} s after it went live", options.samples, first_s))
        choose(page, options.rung)
        viewings.append(view(page, f"the same, then {options.rung}p encoded", options.samples, None))
        page.context.close()
        early.close()

        old = Broadcaster(server.publish_url("old"))
        stack.callback(old.close)
        time.sleep(OLD_STREAM_S)
        opens = first_pictures(browser, f"{server.http_url}/watch/old", options.opens)
        page = open_page(browser, f"{server.http_url}/watch/old")
        first_s = wait_first_picture(page)
        viewings.append(view(page, f"stream {OLD_STREAM_S} s old", options.samples, first_s))
        choose(page, options.rung)
        viewings.append(view(page, f"the same, then {options.rung}p encoded", options.samples, None))
        if options.shot:
            page.screenshot(path=options.shot)
        version = browser.version
        page.context.close()

    rows = [
        [
            viewing.name,
            viewing.levels,
            f"{percentile(viewing.glass_s, 0.5):.2f} s",
            f"{percentile(viewing.glass_s, 0.95):.2f} s",
            f"{max(viewing.glass_s, default=float('nan')):.2f} s",
            len(viewing.glass_s),
            viewing.stalls,
            viewing.restarts,
            viewing.unreadable,
            "" if viewing.first_picture_s is None else f"{viewing.first_picture_s:.2f} s",
        ]
        for viewing in viewings
    ]
    print_table(
        "Glass to glass on /watch",
        [
            "viewer",
            "rendition",
            "median",
            "p95",
            "worst",
            "samples",
            "stalls",
            "restarts",
            "unreadable",
            "first picture",
        ],
        rows,
        "test pattern 1280x720, 30 fps, 2.5 Mbit/s, sync pictures each 2 s, pushed over RTMP on this machine",
        f"headless Chromium {version} here too, in software",
        "every picture from the first one on counts",
        f"load average of the machine {load_before:.1f} before and {os.getloadavg()[0]:.1f} after",
    )
    print_table(
        "From opening the page to its first picture",
        ["median", "p95", "worst", "page loads"],
        [
            [
                f"{percentile(opens, 0.5):.2f} s",
                f"{percentile(opens, 0.95):.2f} s",
                f"{max(opens):.2f} s",
                len(opens),
            ]
        ],
        "empty cache each time, a stream that has long been live",
    )


if __name__ == "__main__":
    main()
