"""How long a viewer's picture stands still: the publisher returns in another format; the server is killed.

Starts the real server, pushes the test pattern over RTMP and opens the page in headless Chromium. The
burnt-in clock tells when a picture was drawn, so the first one that was drawn after the event and is on the
screen is the end of the interruption. Every answer that the page gets is counted by its status.

    python -m bench.recovery [--returns 4] [--restarts 3] [--tech hls]
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from itertools import cycle, islice
from pathlib import Path
from typing import Final

from playwright.sync_api import Page, Response, sync_playwright

from bench._browser import CHROMIUM_ARGUMENTS, Broadcaster, open_page, wait_state, wait_until
from bench._clock import READ_CLOCK_OF
from bench._table import print_table
from mediaserver.server_process import ServerProcess

AWAY_S: Final = 6.0
"""How long the publisher stays away: the viewer sees the slate."""
SETTLE_S: Final = 6.0
FORMATS: Final = (
    ("H.264 1280x720", ("--size", "1280x720", "--fps", "30")),
    ("H.264 640x360", ("--size", "640x360", "--fps", "25", "--bitrate", "1000k")),
    ("AV1 640x480", ("--size", "640x480", "--fps", "25", "--bitrate", "1000k", "--codec", "av1")),
    ("H.265 854x480", ("--size", "854x480", "--fps", "30", "--bitrate", "1000k", "--codec", "h265")),
)


class Answers:
    """What the page was answered since the last time it was asked."""

    def __init__(self, page: Page) -> None:
        self._seen: Counter[int] = Counter()
        self._bad: list[str] = []
        page.on("response", self._note)

    def _note(self, response: Response) -> None:
        self._seen[response.status] += 1
        if response.status >= 400:
            self._bad.append(f"{response.status} {response.url}")

    def take(self) -> tuple[int, list[str]]:
        seen, bad = self._seen.total(), self._bad
        self._seen, self._bad = Counter(), []
        return seen, bad


def wait_drawn_after(page: Page, unix_ms: float, timeout_s: float = 40) -> float:
    """Until a picture is on the screen that was drawn after that; the monotonic time in seconds."""
    condition = f"""(() => {{
      const drawn_ms = ({READ_CLOCK_OF})(window.mediaserverPlayer.video);
      return drawn_ms !== null && drawn_ms > {unix_ms};
    }})()"""
    wait_until(page, condition, timeout_s)
    return time.monotonic()


def wait_publisher(server: ServerProcess, timeout_s: float = 40) -> None:
    """Until somebody publishes."""
    deadline_s = time.monotonic() + timeout_s
    while not server.call("GET", "/api/v1/streams/show")[1].get("publisher"):
        if time.monotonic() > deadline_s:
            raise TimeoutError("the publisher does not come back")
        time.sleep(0.02)


def returns(server: ServerProcess, page: Page, answers: Answers, url: str, count: int) -> list[list[object]]:
    """Rows of a publisher that leaves without a word and comes back as something else."""
    rows = []
    name, options = FORMATS[0]
    broadcaster = Broadcaster(url, *options)
    try:
        wait_until(page, "window.mediaserverPlayer?.video.readyState >= 2")
        wait_drawn_after(page, 0)
        for new_name, new_options in islice(cycle((*FORMATS[1:], FORMATS[0])), count):
            page.wait_for_timeout(SETTLE_S * 1000)
            answers.take()
            broadcaster.kill()
            wait_state(server, "show", "interrupted")
            page.wait_for_timeout(AWAY_S * 1000)
            broadcaster = Broadcaster(url, *new_options)
            wait_state(server, "show", "live", "starting")
            back_s, back_ms = time.monotonic(), time.time() * 1000
            moving_s = wait_drawn_after(page, back_ms) - back_s
            asked, bad = answers.take()
            rows.append([f"{name} → {new_name}", f"{moving_s:.2f} s", asked, len(bad), "≤ 6 s, 0"])
            for line in bad[:5]:
                print("   ", line)
            name = new_name
    finally:
        broadcaster.close()
    return rows


def restarts(
    folder: Path, server: ServerProcess, page: Page, answers: Answers, url: str, count: int
) -> tuple[ServerProcess, list[float], int]:
    """Kill the server, start it again, wait for the picture: seconds from its ready line, bad answers."""
    seconds, bad_answers = [], 0
    broadcaster = Broadcaster(url, *FORMATS[0][1], "--reconnect")
    try:
        wait_state(server, "show", "live", timeout_s=40)
        wait_drawn_after(page, time.time() * 1000)
        for _ in range(count):
            page.wait_for_timeout(SETTLE_S * 1000)
            answers.take()
            server.kill()
            server = ServerProcess(folder / "data", server.ports, log=folder / "log")
            ready_s, ready_ms = time.monotonic(), time.time() * 1000
            wait_publisher(server)
            published_s = time.monotonic() - ready_s
            seconds.append(wait_drawn_after(page, ready_ms) - ready_s)
            print(
                f"    the publisher was back after {published_s:.2f} s, the picture after {seconds[-1]:.2f} s"
            )
            _, bad = answers.take()
            bad_answers += len(bad)
            for line in bad[:5]:
                print("   ", line)
    finally:
        broadcaster.close()
    return server, seconds, bad_answers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--returns", type=int, default=4, help="times that the publisher comes back")
    parser.add_argument("--restarts", type=int, default=3, help="times that the server is killed")
    parser.add_argument("--tech", default="hls", choices=("hls", "dash"), help="the page's player")
    parser.add_argument("--chromium", default=shutil.which("chromium"), help="the browser")
    options = parser.parse_args()
    load_before = os.getloadavg()[0]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = ServerProcess(folder / "data", log=folder / "log")
        stack.callback(lambda: server.stop())
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=options.chromium, args=CHROMIUM_ARGUMENTS)
        stack.callback(browser.close)
        url = server.publish_url("show")
        page = open_page(browser, f"{server.http_url}/watch/show?tech={options.tech}")
        answers = Answers(page)
        wait_until(page, "'mediaserverPlayer' in window")
        rows = returns(server, page, answers, url, options.returns)
        server, seconds, bad = restarts(folder, server, page, answers, url, options.restarts)
        version = browser.version
    if seconds:
        middle, worst = statistics.median(seconds), max(seconds)
        rows.append(
            [
                f"server killed and started again, {len(seconds)} times",
                f"{middle:.2f} s (worst {worst:.2f} s)",
                "",
                bad,
                "≤ 5 s",
            ]
        )
    print_table(
        "Until the picture moves again",
        ["what", "seconds", "answers meanwhile", "of them 4xx or 5xx", "target"],
        rows,
        f"the publisher away for {AWAY_S:g} s; from its being accepted to a picture on the screen that was "
        "drawn after that",
        "after a kill -9: from the server's ready line; the publisher tries again by itself",
        f"headless Chromium {version} on the same machine, {options.tech}.js, one page for all rows",
        f"load average {load_before:.1f} before and {os.getloadavg()[0]:.1f} after",
    )


if __name__ == "__main__":
    main()
