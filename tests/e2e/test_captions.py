"""Captions in the source's H.264: a WebVTT rendition, on the screen with the picture that they came with."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page

from mediaserver.server_process import ServerProcess
from tests.e2e.browser import chromium
from tests.e2e.player import Player
from tests.transcoder.captions.captioned import RATE, schedule, write_captioned
from tests.transcoder.manifests.strict_playlist import read_media, read_multivariant
from transcoder.cmaf.reader import read_fragments

pytestmark = [pytest.mark.tools("chromium"), pytest.mark.timeout(180)]

HLS_JS = Path(__file__).parents[2] / "players" / "node_modules" / "hls.js" / "dist" / "hls.min.js"
FILM_S = 60
CUE = re.compile(r"^(\S+) --> (\S+).*\nFRAME (\d+)$", re.MULTILINE)
FRAME_S = 1 / RATE
Choose = Callable[[Page], Awaitable[None]]

# What is on the screen with each picture that is presented: its time, its number modulo 100, the words.
WATCH = """async (seconds) => {
  const video = window.mediaserverPlayer?.video ?? document.querySelector('video');
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = 1;
  const context = canvas.getContext('2d', { willReadFrequently: true });
  const seen = [];
  const cues = new Map();
  const until = performance.now() + seconds * 1000;
  await new Promise((done) => {
    const look = (_now, { mediaTime }) => {
      context.drawImage(video, 0, 0, 1, 1);
      const [red] = context.getImageData(0, 0, 1, 1).data;
      const words = [];
      for (const track of video.textTracks) {
        if (track.mode === 'disabled' || track.kind === 'metadata') continue;
        for (const cue of track.cues ?? []) {
          cues.set(`${cue.startTime} ${cue.text}`, [cue.startTime, cue.endTime, cue.text]);
        }
        for (const cue of track.activeCues ?? []) words.push(cue.text);
      }
      seen.push([mediaTime, Math.round(red * 219 / 255 / 2) % 100, words]);
      if (performance.now() > until) done();
      else video.requestVideoFrameCallback(look);
    };
    video.requestVideoFrameCallback(look);
  });
  return { seen, cues: [...cues.values()] };
}"""

PLAIN_PAGE = """<!doctype html><video muted autoplay width=320></video><script src=/plain-hls.js></script>
<script>
const hls = new Hls({ lowLatencyMode: true, enableCEA708Captions: false, liveSyncDuration: 1 });
hls.loadSource('/live/show/master.m3u8');
hls.attachMedia(document.querySelector('video'));
</script>"""


@pytest.fixture(scope="module")
def show(
    server: ServerProcess, publish: Callable, until_state: Callable, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """Every two seconds a caption that says with which picture it is shown; each stays for a second."""
    film = tmp_path_factory.mktemp("film") / "captioned.mp4"
    captions: list[tuple[float, str | None]] = []
    for second in range(2, FILM_S, 2):
        captions += [(second, f"FRAME {second * RATE}"), (second + 1, None)]
    write_captioned(film, schedule(captions, FILM_S * RATE), sound=True)
    publish(server.publish_url("show", ladder="passthrough"), "--loop", file=film)
    until_state(server, "show")
    return "show"


@pytest.fixture
async def browser():
    async with chromium() as browser:
        yield browser


@pytest.fixture
def player(server: ServerProcess, show: str) -> Player:
    """Once the captions are there and have gone on for a while."""
    player = Player(server, show)
    seen = player.playlist()
    for _ in range(200):
        if b"TYPE=SUBTITLES" in player.get("master.m3u8")[2]:
            break
        seen = player.next(seen)
    return player


def seconds(timestamp: str) -> float:
    hours, minutes, rest = timestamp.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(rest)


def test_the_master_offers_them(player: Player) -> None:
    variants, media = read_multivariant(player.get("master.m3u8")[2].decode())
    (subtitles,) = [each for each in media if each["TYPE"] == "SUBTITLES"]
    assert (subtitles["URI"], subtitles["DEFAULT"]) == ("captions/media.m3u8", "NO")
    assert all(attributes["SUBTITLES"] == subtitles["GROUP-ID"] for attributes, _ in variants)


def test_its_playlist_goes_with_the_pictures(player: Player) -> None:
    msn = player.playlist("captions").last_msn + 2
    player.until_msn(msn, "captions")
    text = player.get("captions/media.m3u8")[2].decode()
    words, pictures = read_media(text), read_media(player.get("source/media.m3u8")[2].decode())
    assert (words.target_duration, words.part_target) == (pictures.target_duration, pictures.part_target)
    assert words.server_control == pictures.server_control
    assert "../source/media.m3u8" in words.reports
    by_msn = {segment.msn: segment for segment in pictures.segments}
    shared = [(segment, by_msn[segment.msn]) for segment in words.segments if segment.msn in by_msn]
    assert len(shared) >= 2
    for one, other in shared:
        assert one.program_time == other.program_time
        assert abs(one.duration - other.duration) < 0.002
        assert one.discontinuity_number == other.discontinuity_number


def test_a_segment_has_the_cues_of_its_parts_at_the_times_of_the_pictures(player: Player) -> None:
    msn = player.playlist("captions").last_msn + 1
    player.until_msn(msn + 1, "captions")
    player.until_msn(msn + 1)
    words = read_media(player.get("captions/media.m3u8")[2].decode())
    pictures = {
        segment.msn: segment for segment in read_media(player.get("source/media.m3u8")[2].decode()).segments
    }
    found = 0
    for segment in words.segments[-3:]:
        status, headers, body = player.get(f"captions/{segment.uri}")
        assert (status, headers["Content-Type"]) == (200, "text/vtt")
        parts = [player.get(f"captions/{part.uri}")[2].decode() for part in segment.parts]
        whole = CUE.findall(body.decode())
        assert whole == list(dict.fromkeys(cue for part in parts for cue in CUE.findall(part)))
        if segment.msn not in pictures or not whole:
            continue
        fragments = read_fragments(player.get(f"source/{pictures[segment.msn].uri}")[2])
        begins_s = min(
            (
                fragment.base_decode_time
                + sum(each.duration for each in fragment.samples[:at])
                + sample.cts_offset
            )
            / 90_000
            for fragment in fragments
            for at, sample in enumerate(fragment.samples)
        )
        local_s = seconds(re.findall(r"LOCAL:([\d:.]+),", body.decode())[0])
        mpegts = int(re.findall(r"MPEGTS:(\d+)", body.decode())[0])
        assert mpegts == round(local_s * 90_000)
        assert local_s == pytest.approx(begins_s, abs=0.002)
        found += 1
    assert found


async def watched(page: Page, url: str, files: dict[str, tuple[str, bytes]], choose: Choose) -> Any:
    for path, (content_type, body) in files.items():
        await page.route(
            f"**{path}",
            lambda route, content_type=content_type, body=body: route.fulfill(
                status=200, content_type=content_type, body=body
            ),
        )
    await page.goto(url)
    await page.wait_for_function(
        "() => (window.mediaserverPlayer?.video ?? document.querySelector('video'))?.currentTime > 0.5",
        timeout=30_000,
    )
    await choose(page)
    await page.wait_for_timeout(1500)
    return await page.evaluate(WATCH, 9)


def numbers_at(watched: Any) -> dict[int, list[float]]:
    """When each picture was shown, on the video element's clock, by its number modulo 100."""
    at_number: dict[int, list[float]] = {}
    for media_time_s, number, _ in watched["seen"]:
        at_number.setdefault(number, []).append(media_time_s)
    return at_number


def check(watched: Any) -> None:
    """Each caption came with the picture that it names."""
    at_number = numbers_at(watched)
    begins: dict[int, float] = {}
    for start_s, _, text in watched["cues"]:
        frame = int(text.removeprefix("FRAME "))
        begins[frame] = min(begins.get(frame, start_s), start_s)
    compared = []
    for frame, start_s in begins.items():
        # The number comes again every 100 pictures; the nearest is meant, if it was seen at all.
        near = [time_s for time_s in at_number.get(frame % 100, ()) if abs(time_s - start_s) < 1.5]
        compared += [abs(time_s - start_s) for time_s in near]
    assert len(compared) >= 2, watched["cues"]
    assert max(compared) < 1.5 * FRAME_S, compared
    shown = [words for _, _, words in watched["seen"]]
    assert {len(words) for words in shown} <= {0, 1}, "words shown twice"
    assert len({words[0] for words in shown if words}) >= 3
    # A caption stays for a second out of two, without going in between.
    changes = sum(before != after for before, after in pairwise(shown))
    assert changes <= 2 * len({words[0] for words in shown if words}) + 2


async def test_plain_hls_js_shows_them_with_their_picture(
    browser: Browser, server: ServerProcess, player: Player
) -> None:
    files = {
        "/plain.html": ("text/html", PLAIN_PAGE.encode()),
        "/plain-hls.js": ("text/javascript", HLS_JS.read_bytes()),
    }

    async def choose(page: Page) -> None:
        # As a viewer's choice in the browser's own menu does.
        await page.evaluate("() => { document.querySelector('video').textTracks[0].mode = 'showing'; }")

    check(await watched(await browser.new_page(), f"{server.http_url}/plain.html", files, choose))


async def test_the_page_shows_them_with_their_picture(
    browser: Browser, server: ServerProcess, player: Player
) -> None:
    async def choose(page: Page) -> None:
        await page.get_by_label("Captions: off").first.wait_for(state="attached")
        await page.keyboard.press("c")

    check(await watched(await browser.new_page(), f"{server.http_url}/watch/show", {}, choose))
