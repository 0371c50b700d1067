"""The MPD over a stream's life: what it has said stays true whatever the publisher does."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from fractions import Fraction

import pytest

from ingest.publication import TimedText
from mediaserver.live.states import StreamState
from mediaserver.live.stream import LiveStream
from tests.mediaserver.live.conftest import AUDIO, VIDEO, Broadcaster
from tests.mediaserver.live.test_interruption import Loops, live, until_text
from tests.transcoder.manifests.strict_mpd import ReadMpd, read_mpd
from transcoder.media import AccessUnit, Codec

MakeStream = Callable[..., LiveStream]


class Viewer:
    """Reads every MPD that it is given, and remembers what each has said."""

    def __init__(self, stream: LiveStream) -> None:
        self.stream = stream
        self.periods: dict[str, tuple[Fraction, frozenset[str]]] = {}
        self.segments: dict[str, Fraction] = {}
        self.starts: set[str] = set()

    async def look(self) -> ReadMpd:
        rendered = await self.stream.dash_manifest()
        assert rendered is not None
        mpd = read_mpd(rendered.body.decode())
        for period in mpd.periods:
            told = (period.start, frozenset(period.representations))
            assert self.periods.setdefault(period.id, told) == told
            for representation in period.representations.values():
                for segment in representation.segments:
                    assert self.segments.setdefault(segment.url, segment.start) == segment.start
        self.starts.add(mpd.attributes["availabilityStartTime"])
        assert len(self.starts) == 1
        return mpd


async def test_two_sounds_are_two_sets(make_stream: MakeStream) -> None:
    stream = make_stream()
    broadcaster = Broadcaster(stream)
    await broadcaster.on_air()
    broadcaster.publication.set_track(
        dataclasses.replace(AUDIO, track_id=4, language="de", name="Deutsch <1>")
    )
    broadcaster.announce()
    units = [
        AccessUnit(1, Codec.H264, 90_000, n * 3600, n * 3600, 0, n % 50 == 0, b"v", time.monotonic())
        for n in range(125)
    ]
    units += [
        AccessUnit(track, Codec.AAC, 48_000, n * 1024, n * 1024, 1024, True, b"a", time.monotonic())
        for track in (2, 4)
        for n in range(234)
    ]
    for unit in sorted(units, key=lambda unit: unit.dts_s):
        broadcaster.publication.push(unit)
    await stream.wait_state(StreamState.LIVE)
    mpd = await Viewer(stream).look()
    pictures, first, second = mpd.periods[0].sets
    assert [one.id for one in (pictures, first, second)] == ["1", "100", "104"]
    assert second.attributes["lang"] == "de"
    assert [child.text for child in second.element if child.tag.endswith("Label")] == ["Deutsch <1>"]
    assert [one.values("Role") for one in (first, second)] == [["main"], ["dub"]]
    await broadcaster.leave()


@pytest.mark.parametrize("slates", [True, False])
async def test_a_return_in_another_size_is_a_period_after_that_of_the_slate(
    make_stream: MakeStream, slates: bool
) -> None:
    stream = make_stream(slates=Loops() if slates else None)
    broadcaster = await live(stream)
    viewer = Viewer(stream)
    assert len((await viewer.look()).periods) == 1
    await broadcaster.leave()
    await until_text(stream, "DISCONTINUITY\n" if slates else "GAP=YES")
    away = await viewer.look()
    assert len(away.periods) == (2 if slates else 1)
    again = Broadcaster(stream)
    await again.on_air()
    again.announce(dataclasses.replace(VIDEO, width=640, height=360))
    await again.push(0, 5)
    await stream.wait_state(StreamState.LIVE)
    back = await viewer.look()
    assert len(back.periods) == (3 if slates else 2)
    inits = [period.representations["source"].template["initialization"] for period in back.periods]
    assert inits[0] != inits[-1]
    last = back.periods[-1]
    assert [one.id for one in last.sets] == [one.id for one in back.periods[0].sets]
    assert last.representations["source"].segments[0].start >= last.start
    await again.leave()


async def test_words_beside_the_pictures_are_no_captions_in_them(make_stream: MakeStream) -> None:
    stream = make_stream()
    broadcaster = await live(stream)
    broadcaster.publication.tell(TimedText(time_s=1.0, text="Good evening"))
    await broadcaster.push(1.2, 6)
    mpd = await Viewer(stream).look()
    assert list(mpd.periods[0].representations) == ["source", "audio"]
    assert mpd.periods[0].sets[0].values("Accessibility") == []
    await broadcaster.leave()


async def test_the_end_is_static_and_then_nothing(make_stream: MakeStream) -> None:
    stream = make_stream(grace_s=0.05)
    broadcaster = await live(stream)
    viewer = Viewer(stream)
    await viewer.look()
    await broadcaster.leave()
    await stream.wait_state(StreamState.ENDED)
    assert (await viewer.look()).attributes["type"] == "static"
    assert stream.clock_ms is not None
