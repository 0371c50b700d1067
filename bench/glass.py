"""Glass to glass on /watch: from drawing a picture to seeing it in Chromium, by the burnt-in clock.

Starts the real server, pushes the test pattern to it over RTMP and opens the page in headless Chromium.
Each sample is a picture that the browser presents: its clock strip, read from a canvas, against the wall
clock of the same machine at the time at which the browser says that the picture is displayed.
"""

import argparse
import os
import shutil
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from bench._browser import CHROMIUM_ARGUMENTS, Broadcaster, open_page, wait_state, wait_until
from bench._clock import READ_CLOCK_OF
from bench._table import percentile, print_table
from mediaserver.server_process import ServerProcess

OLD_STREAM_S = 35
"""Older than the playlist's window."""
EARLY_S = 1.0
SAMPLE_INTERVAL_MS = 400
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

SAMPLE = (
    """
async ({count, interval_ms}) => {
  const video = window.mediaserverPlayer.video;
  const readClockOf = """
    + READ_CLOCK_OF
    + """;
  const samples = [];
  let unreadable = 0;
  const before = window.mediaserverPlayer.statistics();
  const end = performance.now() + count * interval_ms * 3 + 20000;
  while (samples.length < count && performance.now() < end) {
    await new Promise((resolve) => {
      const patience = setTimeout(resolve, 5000);
      video.requestVideoFrameCallback((now, frame) => {
        clearTimeout(patience);
        const drawn_ms = readClockOf(video);
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
)


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


def wait_first_picture(page: Page) -> float:
    wait_until(page, "window.benchFirstPicture_ms !== null")
    return float(page.evaluate("window.benchFirstPicture_ms")) / 1000


def choose(page: Page, height: int) -> None:
    """The rung of that height, by the page's own menu."""
    page.locator("video").hover()
    page.locator("ms-choice-menu button.opener").last.click()
    page.locator("ms-choice-menu button.item", has_text=f"{height}p").first.click()
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
        page = open_page(browser, url, ON_OPEN)
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
        wait_state(server, "early", "live")
        time.sleep(EARLY_S)
        page = open_page(browser, f"{server.http_url}/watch/early", ON_OPEN)
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
        page = open_page(browser, f"{server.http_url}/watch/old", ON_OPEN)
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
