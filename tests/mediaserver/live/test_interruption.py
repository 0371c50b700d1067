"""Silence, returns, other tracks, words: what a stream does when a publication is not what it was."""

import asyncio
import dataclasses
import re
import time
from collections.abc import Callable, Mapping, Sequence

import pytest

from ingest.publication import CuePoint, TimedText
from mediaserver.live import broadcast as broadcast_module
from mediaserver.live.states import StreamState
from mediaserver.live.stream import LiveStream
from tests.mediaserver.live.conftest import AUDIO, Broadcaster
from tests.mediaserver.live.test_stream import text_of
from tests.transcoder.test_standin import silence, still
from transcoder.ladder import Rendition
from transcoder.media import AccessUnit, Codec, Kind
from transcoder.standin import StandIn

MakeStream = Callable[..., LiveStream]


class Loops:
    """Slates that are there at once."""

    def __init__(self) -> None:
        self.made: list[str] = []

    async def make(
        self, poster: bytes | None, notice: str, renditions: Sequence[Rendition], **_: float
    ) -> Mapping[str, StandIn]:
        self.made += [rendition.name for rendition in renditions]
        return {each.name: still() if each.kind is Kind.VIDEO else silence() for each in renditions}


async def live(stream: LiveStream) -> Broadcaster:
    """On air with little more than a second: what comes after it is on time by the clock."""
    broadcaster = Broadcaster(stream)
    await broadcaster.on_air()
    broadcaster.announce()
    await broadcaster.push(0, 1.2)
    await stream.wait_state(StreamState.LIVE)
    return broadcaster


async def until_text(stream: LiveStream, pattern: str, rendition: str = "source") -> str:
    """The rendition's playlist, once it has that in it."""
    async with asyncio.timeout(10):
        while True:
            output = stream._output(rendition)
            text = await text_of(stream, rendition)
            if re.search(pattern, text):
                return text
            await output.playlist(output.window.position.msn, output.window.position.part + 1, None)


async def test_a_silent_publisher_is_stood_in_for_and_taken_up_again(
    make_stream: MakeStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broadcast_module, "SILENCE_S", 0.05)
    stream = make_stream(slates=Loops())
    broadcaster = await live(stream)
    await stream.wait_state(StreamState.INTERRUPTED)
    assert stream.publication is broadcaster.publication
    assert stream.is_silent
    await until_text(stream, r"EXT-X-DISCONTINUITY\n")
    monkeypatch.setattr(broadcast_module, "SILENCE_S", 30)
    await broadcaster.push(2, 7)
    await stream.wait_state(StreamState.LIVE)
    text = await text_of(stream)
    assert text.count("#EXT-X-DISCONTINUITY\n") == 2
    assert "GAP" not in text
    await broadcaster.leave()


async def test_a_publisher_of_whom_only_words_come_is_silent(
    make_stream: MakeStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broadcast_module, "SILENCE_S", 0.05)
    stream = make_stream(slates=Loops())
    broadcaster = await live(stream)

    async def talk() -> None:
        while True:
            broadcaster.publication.tell(TimedText(time_s=1.0, text="Is anybody there?"))
            await asyncio.sleep(0.01)

    talking = asyncio.create_task(talk())
    async with asyncio.timeout(5):
        await stream.wait_state(StreamState.INTERRUPTED)
    talking.cancel()
    await broadcaster.leave()


async def test_a_publisher_that_returns_in_another_size_gets_other_slates(make_stream: MakeStream) -> None:
    loops = Loops()
    stream = make_stream(slates=loops)
    broadcaster = await live(stream)
    await stream.wait_state(StreamState.LIVE)
    assert loops.made == ["source", "audio"]
    renditions = [output.rendition for output in stream.renditions]
    larger = [dataclasses.replace(each, width=each.width * 2, height=each.height * 2) for each in renditions]
    assert list(await stream.standby.stand_ins(stream._run, renditions)) == ["source", "audio"]
    assert loops.made == ["source", "audio"]
    assert list(await stream.standby.stand_ins(stream._run, larger)) == ["source", "audio"]
    # Sound has no size.
    assert loops.made == ["source", "audio", "source"]
    await broadcaster.leave()


async def test_a_publisher_that_leaves_while_it_is_silent_has_left(
    make_stream: MakeStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broadcast_module, "SILENCE_S", 0.05)
    stream = make_stream(slates=Loops())
    broadcaster = await live(stream)
    await stream.wait_state(StreamState.INTERRUPTED)
    async with asyncio.timeout(5):
        await broadcaster.leave()
    assert stream.state is StreamState.INTERRUPTED
    assert stream.publication is None


async def test_sound_alone_after_pictures_keeps_the_picture_playlist_going(make_stream: MakeStream) -> None:
    loops = Loops()
    stream = make_stream(slates=loops)
    broadcaster = await live(stream)
    await broadcaster.leave()
    again = Broadcaster(stream)
    await again.on_air()
    again.publication.set_track(AUDIO)
    for frame in range(round(5 * 46.875)):
        again.publication.push(
            AccessUnit(2, Codec.AAC, 48_000, frame * 1024, frame * 1024, 1024, True, b"a", time.monotonic())
        )
    await stream.wait_state(StreamState.LIVE)
    text = await text_of(stream)
    assert "#EXT-X-DISCONTINUITY\n" in text
    assert "GAP" not in text
    master = (await stream.master_playlist()).body.decode()
    assert "source/media.m3u8" in master
    assert stream.renditions[-1].rendition.name == "source"
    assert stream._output("source").window.next_msn == stream._output("audio").window.next_msn
    await again.leave()


async def test_every_sound_has_a_rendition_with_its_language_and_name(make_stream: MakeStream) -> None:
    stream = make_stream()
    broadcaster = Broadcaster(stream)
    await broadcaster.on_air()
    other = dataclasses.replace(AUDIO, track_id=4, language="de", name="Deutsch")
    broadcaster.publication.set_track(other)
    broadcaster.announce()
    units = []
    for frame in range(5 * 25):
        tick = frame * 3600
        units.append(
            AccessUnit(1, Codec.H264, 90_000, tick, tick, 0, frame % 50 == 0, b"v" * 9, time.monotonic())
        )
    for track_id in (2, 4):
        for frame in range(round(5 * 46.875)):
            tick = frame * 1024
            units.append(
                AccessUnit(track_id, Codec.AAC, 48_000, tick, tick, 1024, True, b"a", time.monotonic())
            )
    for unit in sorted(units, key=lambda unit: unit.dts_s):
        broadcaster.publication.push(unit)
    await stream.wait_state(StreamState.LIVE)
    master = (await stream.master_playlist()).body.decode()
    assert 'NAME="Deutsch",LANGUAGE="de",DEFAULT=NO' in master
    assert master.count("TYPE=AUDIO") == 2
    assert master.count("DEFAULT=YES") == 1
    assert "#EXTINF" in await text_of(stream, "audio-4")
    await broadcaster.leave()


async def test_words_beside_the_picture_become_subtitles(make_stream: MakeStream) -> None:
    stream = make_stream()
    broadcaster = await live(stream)
    broadcaster.publication.tell(TimedText(time_s=7.0, text="Good evening", language="en"))
    await broadcaster.push(1.2, 12)
    master = (await stream.master_playlist()).body.decode()
    assert re.search(r'TYPE=SUBTITLES.*LANGUAGE="en".*URI="captions/media.m3u8"', master)
    assert 'SUBTITLES="subtitles"' in master
    text = await text_of(stream, "captions")
    names = re.findall(r"^(.*\.vtt)$", text, re.M)
    bodies = [b"".join((await stream.media("captions", name)).chunks).decode() for name in names]
    assert any("Good evening" in body for body in bodies)
    assert all(body.startswith("WEBVTT") for body in bodies)
    # Numbered as the picture is, although it began later.
    assert stream._output("captions").window.next_msn == stream._output("source").window.next_msn
    await broadcaster.leave()
    await until_text(stream, "DISCONTINUITY", "captions")


async def test_a_cue_point_is_a_date_range_in_every_playlist(make_stream: MakeStream) -> None:
    stream = make_stream()
    broadcaster = await live(stream)
    broadcaster.publication.tell(CuePoint(time_s=4.0, name="goal", kind="event", attributes={"score": "1:0"}))
    await broadcaster.push(1.2, 6)
    tags = {re.search(r"#EXT-X-DATERANGE:.*", await text_of(stream, name))[0] for name in ("source", "audio")}
    assert len(tags) == 1
    assert "goal" in tags.pop()
    await broadcaster.leave()


async def test_a_fault_in_reading_captions_costs_captions_alone(
    make_stream: MakeStream, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: object) -> list[object]:
        raise IndexError("a fault of ours")

    monkeypatch.setattr("transcoder.captions.extractor.CaptionExtractor.push", fails)
    stream = make_stream()
    broadcaster = await live(stream)
    await broadcaster.push(1.2, 5)
    assert "#EXTINF" in await text_of(stream)
    assert caplog.text.count("captions are given up") == 1
    await broadcaster.leave()
