"""The operator's page of one stream: what is measured, what can be done, on every screen."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from mediaserver.server_process import ServerProcess
from tests.e2e.browser import AXE, PLAYING, VIOLATIONS, Complaints, chromium

pytestmark = [pytest.mark.tools("chromium"), pytest.mark.timeout(180)]


@pytest.fixture
async def browser():
    async with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def show(server: ServerProcess, publish: Callable, until_state: Callable) -> str:
    url = server.publish_url("show", title="The evening show")
    publish(url, "--size", "854x480", "--fps", "25")
    until_state(server, "show")
    return "show"


async def studio(browser: Browser, server: ServerProcess, path: str, **options: object) -> Page:
    """A page of the studio, with the operator's token in its tab."""
    context = await browser.new_context(**(options or {"viewport": {"width": 1360, "height": 900}}))
    await context.add_init_script(f"sessionStorage.setItem('mediaserver.operator', '{server.admin_token}')")
    page = await context.new_page()
    await page.goto(server.http_url + path)
    return page


async def test_it_asks_for_the_operators_token(browser: Browser, server: ServerProcess, show: str) -> None:
    page = await browser.new_page()
    await page.goto(f"{server.http_url}/studio/{show}")
    await page.get_by_label("Operator's token").fill(server.admin_token)
    await page.get_by_role("button", name="Continue").click()
    await page.get_by_role("heading", name="The evening show").wait_for()


async def test_it_shows_what_is_measured_each_second(
    browser: Browser, server: ServerProcess, show: str, tmp_path: Path
) -> None:
    page = await studio(browser, server, f"/studio/{show}")
    complaints = Complaints(page)
    await page.wait_for_function(PLAYING, timeout=30_000)
    for graph in ("Bitrate", "Pictures", "Encode speed", "Latency in the server", "Viewers", "Parts late"):
        await page.get_by_role("heading", name=graph, exact=True).wait_for()
    # The graph's words follow its lines: some 25 pictures a second; this page's player is no viewer.
    for words in (r"Pictures, per second: input 2\d", r"Viewers, now: all 0", r"Bitrate, .*360p \d"):
        await page.get_by_role("img", name=re.compile(words)).wait_for(timeout=60_000)
    row = page.get_by_role("row").filter(has_text="source")
    await expect(row).to_contain_text("Passed through")
    await expect(page.get_by_role("row").filter(has_text="360p")).to_contain_text("Encoded")
    await page.wait_for_timeout(8_000)  # for the picture's sake: lines need some seconds to be lines
    folder = Path(os.environ.get("MEDIASERVER_PICTURES", tmp_path))
    await page.screenshot(path=folder / "studio.png")
    assert complaints.lines == []


async def test_settings_are_saved(browser: Browser, server: ServerProcess) -> None:
    server.publish_url("plain", title="Plain")
    page = await studio(browser, server, "/studio/plain")
    await page.get_by_label("Title").fill("Not so plain")
    await page.get_by_label("Who may watch").select_option("private")
    await page.get_by_label("A second publisher takes over").check()
    await page.get_by_role("button", name="Save").click()
    await page.get_by_text("Saved").wait_for()
    _, stream = server.call("GET", "/api/v1/streams/plain")
    assert (stream["title"], stream["visibility"]) == ("Not so plain", "private")
    await page.get_by_role("heading", name="Not so plain").wait_for()
    await page.reload()
    await expect(page.get_by_label("A second publisher takes over")).to_be_checked()


async def test_the_operator_is_let_into_his_private_stream(
    browser: Browser, server: ServerProcess, publish: Callable, until_state: Callable
) -> None:
    url = server.publish_url("secret", title="Family only", visibility="private", ladder="passthrough")
    publish(url, "--size", "640x360", "--fps", "25")
    until_state(server, "secret")
    page = await studio(browser, server, "/studio/secret")
    await page.wait_for_function(PLAYING, timeout=30_000)
    await page.get_by_role("button", name="New private link").click()
    await page.get_by_text("Private link, good for a week").wait_for()
    await page.get_by_role("link", name="Watch", exact=True).last.click()
    await page.wait_for_url("**/watch/secret#token=*")
    await page.wait_for_function(PLAYING, timeout=30_000)

    desk = await studio(browser, server, "/#broadcast")
    row = desk.locator("ms-owned-stream", has_text="Family only")
    await row.get_by_role("link", name="Watch").click()
    await desk.wait_for_url("**/watch/secret#token=*")
    await desk.wait_for_function(PLAYING, timeout=30_000)


async def test_key_kick_and_delete_ask_twice(
    browser: Browser, server: ServerProcess, publish: Callable, until_state: Callable
) -> None:
    publish(server.publish_url("brief", title="Brief", ladder="passthrough"), "--size", "320x240")
    until_state(server, "brief")
    page = await studio(browser, server, "/studio/brief")
    await page.get_by_role("button", name="New key").click()
    await page.get_by_role("button", name="Replace the old key?").click()
    await page.get_by_text("Copy the key now.").wait_for()
    await page.get_by_role("button", name="Throw out").click()
    await page.get_by_role("button", name="Stop this broadcast?").click()
    await page.get_by_text(re.compile(r"its key is barred for \d+ s more")).wait_for(timeout=20_000)
    await page.get_by_text(re.compile(r"Viewers see that it goes on soon for \d+ s more")).wait_for()
    await page.get_by_role("button", name="Delete this stream").click()
    assert server.call("GET", "/api/v1/streams/brief")[0] == 200
    await page.get_by_role("button", name="Delete it for good?").click()
    await page.wait_for_url("**/studio")
    assert server.call("GET", "/api/v1/streams/brief")[0] == 404


async def test_the_list_leads_to_each_stream(browser: Browser, server: ServerProcess, show: str) -> None:
    page = await studio(browser, server, "/studio")
    await page.get_by_role("link", name="The evening show").click()
    await page.wait_for_url("**/studio/show")
    await page.get_by_role("link", name="Studio", exact=True).first.click()
    await page.wait_for_url("**/studio")


@pytest.mark.parametrize("path", ["/studio", "/studio/show"])
async def test_on_a_phone_nothing_is_cut_off(
    browser: Browser, server: ServerProcess, show: str, path: str
) -> None:
    page = await studio(
        browser, server, path, viewport={"width": 360, "height": 740}, device_scale_factor=2, has_touch=True
    )
    await page.get_by_text("The evening show").first.wait_for()
    await page.wait_for_timeout(1_000)
    assert await page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.skipif(not AXE.exists(), reason="axe-core comes with `npm ci` in players/")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/studio", "/studio/show"])
async def test_meets_wcag_aa(
    browser: Browser, server: ServerProcess, show: str, path: str, scheme: str
) -> None:
    page = await studio(browser, server, path, color_scheme=scheme, reduced_motion="reduce", bypass_csp=True)
    await page.get_by_text("The evening show").first.wait_for()
    if path.endswith("show"):
        await page.get_by_role("img", name="Bitrate, Mbit/s: input").wait_for(timeout=30_000)
    await page.add_script_tag(path=AXE)
    assert await page.evaluate(VIOLATIONS) == []
