"""What a publisher says beside its pictures: onTextData as subtitles, onCuePoint as date ranges."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from playwright.async_api import Page

from ingest.rtmp.client import PublishUrl
from mediaserver.push_link import Link, PushError
from mediaserver.push_sources import FileSource
from mediaserver.server_process import ServerProcess
from tests.e2e.browser import chromium
from tests.e2e.player import Player
from tests.e2e.test_captions import FRAME_S, HLS_JS, PLAIN_PAGE, check, numbers_at, watched
from tests.transcoder.captions.captioned import RATE, write_captioned
from tests.transcoder.captions.vectors import NULL
from tests.transcoder.manifests.strict_playlist import read_media
from transcoder.media import Kind

pytestmark = [pytest.mark.tools("chromium"), pytest.mark.timeout(120)]

FILM_S = 60
RANGES = """() => Object.values(hls.levels[hls.currentLevel].details.dateRanges).map(
  (range) => [range.attr['X-NAME'], range.startTime, range.isValid])"""


async def talk(url: str, film: Path) -> None:
    """Publish the film, and say of the first picture of each second which one it is."""
    source = FileSource(film, loop=False)
    link = await Link.open(PublishUrl.parse(url), None)
    reading = asyncio.create_task(link.read_on())
    try:
        link.client.send_metadata({"encoder": "a talker"})
        for track in source.tracks:
            link.client.send_track(track)
        second = 0
        async for unit in source.units():
            link.client.send_unit(unit)
            if unit.codec.kind is Kind.VIDEO and unit.sync:
                at_ms = round(unit.pts_s * 1000)
                text = {"text": f"FRAME {second * RATE}", "language": "de"}
                link.client.send_data(at_ms, "onTextData", text)
                point = {"name": str(second * RATE), "type": "event", "parameters": {"second": str(second)}}
                link.client.send_data(at_ms, "onCuePoint", point)
                second += 1
            link.send()
            await link.drain()
    except (ConnectionError, PushError):
        pass  # the server has stopped, and the test is over
    finally:
        reading.cancel()
        await link.close()
        source.close()


@pytest.fixture
async def talker(
    server: ServerProcess, until_state: Callable[..., object], tmp_path: Path
) -> AsyncIterator[Player]:
    """A player of the stream, once its words are offered."""
    film = tmp_path / "film.mp4"
    line = [(NULL[0], NULL[1])] * (FILM_S * RATE)
    await asyncio.to_thread(write_captioned, film, line, sound=True)
    talking = asyncio.create_task(talk(server.publish_url("show", ladder="passthrough"), film))
    player = Player(server, "show")
    await asyncio.to_thread(until_state, server, "show")
    seen = await asyncio.to_thread(player.playlist)
    while b"TYPE=SUBTITLES" not in (await asyncio.to_thread(player.get, "master.m3u8"))[2]:
        seen = await asyncio.to_thread(player.next, seen)
    yield player
    talking.cancel()
    await asyncio.gather(talking, return_exceptions=True)


async def test_hls_js_shows_words_and_knows_moments_with_their_pictures(
    server: ServerProcess, talker: Player
) -> None:
    files = {
        "/plain.html": ("text/html", PLAIN_PAGE.encode()),
        "/plain-hls.js": ("text/javascript", HLS_JS.read_bytes()),
    }

    async def choose(page: Page) -> None:
        await page.evaluate("() => { document.querySelector('video').textTracks[0].mode = 'showing'; }")

    async with chromium() as browser:
        page = await browser.new_page()
        seen = await watched(page, f"{server.http_url}/plain.html", files, choose)
        ranges = await page.evaluate(RANGES)
    check(seen)
    at_number = numbers_at(seen)
    distances = [
        abs(time_s - start_s)
        for name, start_s, _ in ranges
        for time_s in at_number.get(int(name) % 100, ())
        if abs(time_s - start_s) < 1.5
    ]
    assert all(is_valid for *_, is_valid in ranges)
    assert len(distances) >= 3, ranges
    assert max(distances) < 1.5 * FRAME_S, distances
    for rendition in ("source", "audio", "captions"):
        playlist = read_media((await asyncio.to_thread(talker.get, f"{rendition}/media.m3u8"))[2].decode())
        names = [date_range["X-NAME"] for date_range in playlist.date_ranges.values()]
        assert len(names) >= 5
        assert names == sorted(names, key=int)
