"""The operator's desk in a real browser: token, new stream, key, private link, delete."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from mediaserver.server_process import ServerProcess
from tests.e2e.browser import Complaints, chromium

pytestmark = [pytest.mark.tools("chromium"), pytest.mark.timeout(180)]

PLAYING = """() => {
  const player = window.mediaserverPlayer;
  return player && player.video.readyState >= 3 && player.video.currentTime > 0 && !player.video.paused;
}"""


@pytest.fixture
async def browser():
    async with chromium() as browser:
        yield browser


async def desk(browser: Browser, server: ServerProcess) -> Page:
    """The desk of an operator who has signed in."""
    page = await browser.new_page(viewport={"width": 1280, "height": 900})
    await page.goto(f"{server.http_url}/#broadcast")
    await page.get_by_label("Operator's token").fill(server.admin_token)
    await page.get_by_role("button", name="Continue").click()
    await page.get_by_role("heading", name="New stream").wait_for()
    return page


async def value_of(page: Page, label: str) -> str:
    """What the copy field of this name holds."""
    return await page.evaluate(
        """label => {
          const find = root => {
            for (const element of root.querySelectorAll('*')) {
              if (element.localName === 'ms-copy-field' && element.label === label) return element.value;
              const below = element.shadowRoot && find(element.shadowRoot);
              if (below) return below;
            }
            return null;
          };
          return find(document);
        }""",
        label,
    )


async def test_a_wrong_token_is_told_at_its_field(browser: Browser, server: ServerProcess) -> None:
    page = await browser.new_page()
    await page.goto(f"{server.http_url}/#broadcast")
    field = page.get_by_label("Operator's token")
    await field.fill("not-the-token-of-this-server")
    await page.get_by_role("button", name="Continue").click()
    await expect(page.get_by_role("alert").filter(has_text="does not know")).to_be_visible()
    await expect(field).to_have_attribute("aria-invalid", "true")
    assert await page.evaluate("() => sessionStorage.length") == 0


async def test_the_token_stays_in_the_tab_and_out_of_addresses(
    browser: Browser, server: ServerProcess
) -> None:
    page = await browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.goto(f"{server.http_url}/#broadcast")
    await page.get_by_label("Operator's token").fill(server.admin_token)
    await page.get_by_role("button", name="Continue").click()
    await page.get_by_role("heading", name="New stream").wait_for()
    assert not any(server.admin_token in url for url in [*asked, page.url])
    assert await page.evaluate("() => localStorage.getItem('mediaserver.operator')") is None
    await page.reload()
    await page.get_by_role("heading", name="New stream").wait_for()


async def test_from_a_new_stream_to_its_picture(
    browser: Browser, server: ServerProcess, publish: Callable, picture: Callable[[str], str]
) -> None:
    page = await desk(browser, server)
    complaints = Complaints(page)
    await page.get_by_label("Title").fill("Café concert")
    await page.get_by_role("button", name="Make the stream").click()
    await page.get_by_text("Café concert is ready for you").wait_for()
    assert await value_of(page, "Server") == server.rtmp_url
    key = await value_of(page, "Stream key")
    assert key.startswith("cafe-concert?key=")
    assert await value_of(page, "Command") == (f'ffmpeg -re -i FILE -c copy -f flv "{server.rtmp_url}/{key}"')
    await page.screenshot(path=picture("broadcast"))
    publish(f"{server.rtmp_url}/{key}", "--size", "640x360", "--fps", "25")
    await page.get_by_text("you are live").wait_for(timeout=20_000)
    # The key is shown this once.
    await page.reload()
    await page.get_by_role("heading", name="Your streams").wait_for()
    await page.get_by_text("Café concert").first.wait_for()
    assert await value_of(page, "Stream key") is None
    assert complaints.lines == []

    await page.get_by_role("button", name="New key").first.click()
    await page.get_by_role("button", name="Replace the old key?").click()
    await page.get_by_text("Copy the key now.").wait_for()
    assert await value_of(page, "Stream key") != key

    await page.get_by_role("button", name="Throw out").first.click()
    await page.get_by_role("button", name="Stop this broadcast?").click()
    await page.get_by_role("button", name="Throw out").wait_for(state="hidden", timeout=20_000)


async def test_what_the_server_refuses_is_told_at_its_field(browser: Browser, server: ServerProcess) -> None:
    page = await desk(browser, server)
    await page.get_by_label("Title").fill("Tab")
    await page.get_by_label("Title").evaluate(
        "field => { field.value = 'bad\\u0001title'; field.dispatchEvent(new Event('input')); }"
    )
    await page.get_by_role("button", name="Make the stream").click()
    await expect(page.get_by_label("Title")).to_have_attribute("aria-invalid", "true")


async def test_a_private_stream_plays_by_its_link_only(
    browser: Browser, server: ServerProcess, publish: Callable, until_state: Callable
) -> None:
    url = server.publish_url("secret", title="Family only", visibility="private")
    publish(url, "--size", "640x360", "--fps", "25")
    until_state(server, "secret")

    stranger = await browser.new_page()
    await stranger.goto(f"{server.http_url}/watch/secret")
    await stranger.get_by_text("This stream is private").wait_for()
    assert "Family only" not in await stranger.content()

    page = await desk(browser, server)
    await page.get_by_role("button", name="Private link").click()
    await page.get_by_text("Private link, good for a week").wait_for()
    link = await value_of(page, "Private link, good for a week")
    assert link.startswith(f"{server.http_url}/watch/secret#token=")

    guest = await browser.new_page()
    asked: list[str] = []
    guest.on("request", lambda request: asked.append(request.url))
    await guest.goto(link)
    await guest.wait_for_function(PLAYING, timeout=30_000)
    await guest.get_by_role("heading", name="Family only").wait_for()
    # Media go under the token's prefix; nothing else names it.
    token = link.partition("#token=")[2]
    assert all("/t/" in asked_url for asked_url in asked if token in asked_url)


async def test_delete_asks_twice(browser: Browser, server: ServerProcess) -> None:
    server.publish_url("doomed", title="To be deleted")
    page = await desk(browser, server)
    row = page.locator("ms-owned-stream", has_text="To be deleted")
    await row.get_by_role("button", name="Delete").click()
    assert server.call("GET", "/api/v1/streams/doomed")[0] == 200
    await row.get_by_role("button", name="Delete it for good?").click()
    await row.wait_for(state="detached")
    assert server.call("GET", "/api/v1/streams/doomed")[0] == 404


@pytest.fixture
def picture(tmp_path: Path) -> Callable[[str], str]:
    folder = Path(os.environ.get("MEDIASERVER_PICTURES", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    return lambda name: str(folder / f"{name}.png")
