"""Renditions of words beside those of pictures: the same numbers and dates, whatever the publisher does."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise

import pytest

from ingest.publication import TimedText
from mediaserver.live.run import MOST_TEXTS
from mediaserver.live.states import StreamState
from mediaserver.live.stream import LiveStream
from tests.mediaserver.live.conftest import Broadcaster
from tests.mediaserver.live.test_interruption import Loops, live, until_text
from tests.mediaserver.live.test_stream import text_of
from tests.transcoder.manifests.strict_playlist import StrictPlaylist, read_media

MakeStream = Callable[..., LiveStream]


async def playlists(stream: LiveStream) -> tuple[StrictPlaylist, StrictPlaylist]:
    """The pictures' and the words'."""
    return read_media(await text_of(stream)), read_media(await text_of(stream, "captions"))


def check_numbers(pictures: StrictPlaylist, words: StrictPlaylist) -> int:
    """Segments that both have agree; answers how many there are."""
    known = {segment.msn: segment for segment in pictures.segments}
    shared = [(segment, known[segment.msn]) for segment in words.segments if segment.msn in known]
    for one, other in shared:
        assert one.discontinuity_number == other.discontinuity_number, (one, other)
        assert one.discontinuity == other.discontinuity
        assert one.program_time == other.program_time, (one, other)
    return len(shared)


async def with_words(stream: LiveStream) -> Broadcaster:
    broadcaster = await live(stream)
    broadcaster.publication.tell(TimedText(time_s=1.0, text="Good evening"))
    await broadcaster.push(1.2, 8)
    return broadcaster


@pytest.mark.parametrize("slates", [True, False])
async def test_their_playlist_goes_with_the_pictures_over_an_interruption(
    make_stream: MakeStream, slates: bool
) -> None:
    stream = make_stream(slates=Loops() if slates else None)
    broadcaster = await with_words(stream)
    assert check_numbers(*await playlists(stream)) >= 2
    await broadcaster.leave()
    await until_text(stream, "DISCONTINUITY\n" if slates else "GAP=YES")
    await until_text(
        stream, r"DISCONTINUITY\n" if slates else r"PART:DURATION=0.250000,URI=.*\.\d+\.vtt", "captions"
    )
    again = Broadcaster(stream)
    await again.on_air()
    again.announce()
    await again.push(0, 8)
    await stream.wait_state(StreamState.LIVE)
    again.publication.tell(TimedText(time_s=7.5, text="We are back"))
    await again.push(8, 14)
    pictures, words = await playlists(stream)
    assert check_numbers(pictures, words) >= 6
    assert words.segments[-1].discontinuity_number == pictures.segments[-1].discontinuity_number
    bodies = [b"".join((await stream.media("captions", uri)).chunks) for uri in words.uris]
    assert sum(b"We are back" in body for body in bodies) >= 1
    await again.leave()


async def test_they_end_with_the_pictures(make_stream: MakeStream) -> None:
    stream = make_stream(grace_s=0.05)
    broadcaster = await with_words(stream)
    await broadcaster.leave()
    await stream.wait_state(StreamState.ENDED)
    pictures, words = await playlists(stream)
    assert pictures.ended
    assert words.ended
    assert check_numbers(pictures, words) >= 2


async def test_new_words_take_the_place_of_those_before_them(make_stream: MakeStream) -> None:
    stream = make_stream()
    broadcaster = await live(stream)
    for second in range(1, 11):
        broadcaster.publication.tell(TimedText(time_s=float(second), text=f"Words {second}"))
        await broadcaster.push(1.2 if second == 1 else second, second + 1)
    _, words = await playlists(stream)
    shown: dict[str, list[tuple[str, str]]] = {}
    for uri in words.uris:
        body = b"".join((await stream.media("captions", uri)).chunks).decode()
        for start, end, text in re.findall(r"^(\S+) --> (\S+)\n(.+)$", body, re.MULTILINE):
            shown.setdefault(text, []).append((start, end))
    assert len(shown) >= 3
    spans = sorted((min(times)[0], max(end for _, end in times)) for times in shown.values())
    for (_, end), (start, _) in pairwise(spans):
        assert end <= start
    await broadcaster.leave()


async def test_of_languages_beyond_the_limit_nothing_is_kept_and_the_log_hears_once(
    make_stream: MakeStream, caplog: pytest.LogCaptureFixture
) -> None:
    stream = make_stream()
    broadcaster = await live(stream)
    for number in range(100):
        for text in ("Good evening", ""):
            broadcaster.publication.tell(TimedText(time_s=1.0, text=text, language=f"x-{number}"))
    await broadcaster.push(1.2, 4)
    assert len(stream.texts) == MOST_TEXTS
    assert len(stream.broadcast.captions._texts) == MOST_TEXTS
    assert caplog.text.count("are left out") == 1
    await broadcaster.leave()
