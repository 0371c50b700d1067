"""What holds for every page: the strict policy, WCAG AA, and viewers counted by session."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page

from mediaserver.server_process import ServerProcess
from tests.e2e.browser import Complaints, chromium

pytestmark = [pytest.mark.tools("chromium"), pytest.mark.timeout(180)]

AXE = Path(__file__).parents[2] / "players" / "node_modules" / "axe-core" / "axe.min.js"
PLAYING = "() => window.mediaserverPlayer?.video.currentTime > 0 && !window.mediaserverPlayer.video.paused"
STRICT = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "media-src 'self' blob:; base-uri 'none'; form-action 'self'"
)
PAGES = ["/", "/#broadcast", "/watch/show", "/watch/show?embed=1", "/watch/nobody"]


@pytest.fixture
async def browser():
    async with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def show(server: ServerProcess, publish: Callable, until_state: Callable) -> str:
    url = server.publish_url("show", title="The evening show", ladder="passthrough")
    publish(url, "--size", "640x360", "--fps", "25")
    until_state(server, "show")
    return "show"


async def settle(page: Page, path: str) -> None:
    """Until the page shows what it is about."""
    if path.startswith("/watch/show"):
        await page.wait_for_function(PLAYING, timeout=30_000)
    elif path == "/watch/nobody":
        await page.get_by_text("Nothing here yet").wait_for()
    elif path == "/":
        await page.get_by_text("The evening show").first.wait_for()
    else:
        await page.get_by_label("Operator's token").wait_for()


@pytest.mark.parametrize("path", PAGES)
async def test_works_without_any_inline_style_or_script(
    browser: Browser, server: ServerProcess, show: str, path: str
) -> None:
    page = await browser.new_page()
    complaints = Complaints(page)
    answer = await page.goto(server.http_url + path)
    assert answer is not None
    policy = answer.headers["content-security-policy"]
    assert policy.startswith(STRICT)
    assert "unsafe" not in policy
    await settle(page, path)
    await page.keyboard.press("i")
    await page.mouse.move(300, 300)
    refused = [line for line in complaints.lines if "Content Security Policy" in line or "script:" in line]
    assert refused == []


@pytest.mark.skipif(not AXE.exists(), reason="axe-core comes with `npm ci` in players/")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES)
async def test_meets_wcag_aa(
    browser: Browser, server: ServerProcess, show: str, path: str, scheme: str
) -> None:
    context = await browser.new_context(
        color_scheme=scheme,  # type: ignore[arg-type]
        reduced_motion="reduce",
        bypass_csp=True,  # axe is not ours: the policy would not let it in
    )
    page = await context.new_page()
    await page.goto(server.http_url + path)
    await settle(page, path)
    await page.mouse.move(300, 300)
    await page.add_script_tag(path=AXE)
    violations = await page.evaluate(
        """async () => {
          const run = await axe.run(document, {
            runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'],
          });
          return run.violations.map(each => `${each.id}: ${each.nodes.map(node => node.target).join(' | ')}`);
        }"""
    )
    assert violations == []


async def test_playlists_carry_the_viewers_session_and_segments_do_not(
    browser: Browser, server: ServerProcess, show: str
) -> None:
    page = await browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.goto(f"{server.http_url}/watch/{show}")
    await page.wait_for_function(PLAYING, timeout=30_000)
    playlists = [url for url in asked if ".m3u8" in url]
    media = [url for url in asked if ".m4s" in url or ".mp4" in url]
    sessions = {match[1] for url in playlists if (match := re.search(r"[?&]session=([0-9a-f]{24})", url))}
    assert len(sessions) == 1
    assert all("session=" in url for url in playlists)
    assert media
    assert not any("?" in url for url in media)
    # The page asks every ten seconds, and the viewers of the tests before count for fifteen.
    await page.get_by_text("1 watching").wait_for(timeout=40_000)


async def test_the_keyboard_drives_the_player(browser: Browser, server: ServerProcess, show: str) -> None:
    page = await browser.new_page()
    await page.goto(f"{server.http_url}/watch/{show}")
    await page.wait_for_function(PLAYING, timeout=30_000)
    await page.keyboard.press("k")
    await page.wait_for_function("() => window.mediaserverPlayer.video.paused")
    await page.keyboard.press("k")
    await page.wait_for_function(PLAYING)
    await page.keyboard.press("m")
    await page.wait_for_function("() => window.mediaserverPlayer.video.muted")
    await page.keyboard.press("i")
    await page.get_by_text("First picture").wait_for()
    await page.keyboard.press("ArrowLeft")
    await page.get_by_role("button", name="Go live").wait_for()
    await page.keyboard.press("l")
    await page.get_by_role("button", name="At the live edge").wait_for()
    await page.wait_for_function("() => window.mediaserverPlayer.statistics().distance_s < 2")
