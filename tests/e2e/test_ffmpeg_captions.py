"""ffmpeg with a subtitle file, by the command line of ``docs/captions.md``."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from mediaserver.server_process import ServerProcess
from tests.e2e.conftest import PushProcess
from tests.e2e.player import Player
from tests.transcoder.captions.captioned import RATE, write_captioned
from tests.transcoder.captions.vectors import NULL

pytestmark = [pytest.mark.tools("ffmpeg"), pytest.mark.timeout(60)]

DOCS = Path(__file__).parents[2] / "docs" / "captions.md"
FILM_S = 15
SUBTITLES = """1
00:00:01,000 --> 00:00:03,000
Good evening

2
00:00:11,000 --> 00:00:13,000
and good night
"""


def documented(folder: Path, url: str) -> list[str]:
    """The command as it is written, with this test's files and address."""
    found = re.search(r"^(ffmpeg .*?)\n```", DOCS.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert found is not None
    film, subtitles = folder / "film.mp4", folder / "film.srt"
    write_captioned(film, [(NULL[0], NULL[1])] * (FILM_S * RATE), sound=True)
    subtitles.write_text(SUBTITLES)
    ours = {"film.mp4": str(film), "film.srt": str(subtitles), "rtmp://localhost/live/mine?key=KEY": url}
    return [ours.get(word, word) for word in shlex.split(found[1].replace("\\\n", ""))]


def test_its_text_is_offered_and_long_silence_between_texts_interrupts_nothing(
    server: ServerProcess,
    run_publisher: Callable[[list[str]], PushProcess],
    until_state: Callable[..., object],
    tmp_path: Path,
) -> None:
    command = documented(tmp_path, server.publish_url("mine", ladder="passthrough"))
    assert command.count("-max_interleave_delta") == 1
    run_publisher(command)
    until_state(server, "mine")
    player = Player(server, "mine")
    seen = player.playlist()
    while b"TYPE=SUBTITLES" not in player.get("master.m3u8")[2]:
        seen = player.next(seen)
    words, part = "", player.playlist("captions")
    while "and good night" not in words:
        part = player.next(part, "captions")
        text = player.get("captions/media.m3u8")[2].decode()
        newest = re.findall(r'#EXT-X-PART:.*URI="([^"]+)"', text)[-1]
        words += player.get(f"captions/{newest}")[2].decode()
    assert server.call("GET", "/api/v1/streams/mine")[1]["state"] == "live"
    # Between the two texts ffmpeg without the option would have held everything back.
    assert "mine: live -> interrupted" not in server.whole_log()
