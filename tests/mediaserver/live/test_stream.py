"""A stream's life: publications come and go, the playlists and who watches stay."""

import asyncio
import dataclasses
import re
from collections.abc import Callable

import pytest

from ingest.publication import Publication, PublishRequest
from mediaserver.live import stream as stream_module
from mediaserver.live.output import PlaylistRefused
from mediaserver.live.states import StreamState
from mediaserver.live.stream import LiveStream
from tests.mediaserver.live.conftest import VIDEO, Broadcaster

MakeStream = Callable[..., LiveStream]


async def text_of(stream: LiveStream, rendition: str = "source") -> str:
    playlist = await stream.media_playlist(rendition, msn=None, part=None, skip=None)
    return playlist.body.decode()


def sequence_of(text: str) -> int:
    return int(re.search(r"#EXT-X-MEDIA-SEQUENCE:(\d+)", text)[1])


def last_msn_of(text: str) -> int:
    return sequence_of(text) + text.count("#EXTINF") - 1


async def live(stream: LiveStream) -> Broadcaster:
    broadcaster = Broadcaster(stream)
    await broadcaster.on_air()
    broadcaster.announce()
    await broadcaster.push(0, 5)
    await stream.wait_state(StreamState.LIVE)
    return broadcaster


async def test_a_publication_makes_the_stream_live_and_playable(make_stream: MakeStream) -> None:
    stream = make_stream()
    assert await stream.master_playlist() is None
    await live(stream)
    master = (await stream.master_playlist()).body.decode()
    assert 'CODECS="avc1.64000c,mp4a.40.2"' in master
    assert "RESOLUTION=320x180,FRAME-RATE=25.000" in master
    assert "source/media.m3u8" in master
    text = await text_of(stream)
    assert "#EXT-X-TARGETDURATION:4" in text
    assert text.count("#EXTINF:2.000000") == 2
    assert '#EXT-X-RENDITION-REPORT:URI="../audio/media.m3u8",LAST-MSN=2' in text


async def test_the_master_is_waited_for_while_the_stream_is_starting(make_stream: MakeStream) -> None:
    stream = make_stream()
    broadcaster = Broadcaster(stream)
    broadcaster.announce()
    await stream.wait_state(StreamState.STARTING)
    request = asyncio.create_task(stream.master_playlist())
    await broadcaster.push(0, 3)
    assert (await request) is not None


async def test_a_player_that_waits_at_a_starting_stream_is_not_held_for_ever(
    make_stream: MakeStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_module, "MASTER_PATIENCE_S", 0.01)
    stream = make_stream()
    Broadcaster(stream)
    await stream.wait_state(StreamState.STARTING)
    assert await stream.master_playlist() is None


async def test_an_interrupted_stream_goes_on_with_gaps_on_time(make_stream: MakeStream) -> None:
    stream = make_stream()
    broadcaster = await live(stream)
    await broadcaster.leave()
    assert stream.state is StreamState.INTERRUPTED
    before = await text_of(stream)
    msn = last_msn_of(before) + 1
    gap = await stream.media_playlist("source", msn=msn, part=0, skip=None)
    assert ",GAP=YES" in gap.body.decode()


async def test_a_publisher_that_returns_continues_the_same_playlist(make_stream: MakeStream) -> None:
    stream = make_stream()
    broadcaster = await live(stream)
    await broadcaster.leave()
    before = await text_of(stream)
    again = await live(stream)
    await again.push(5, 8)
    text = await text_of(stream)
    assert text.count("#EXT-X-DISCONTINUITY\n") == 1
    assert sequence_of(text) == sequence_of(before)
    assert last_msn_of(text) > last_msn_of(before)
    assert "#EXT-X-MAP" in before
    audio = await text_of(stream, "audio")
    assert last_msn_of(audio) == last_msn_of(text)


async def test_a_publisher_that_returns_with_another_size_brings_a_new_init(make_stream: MakeStream) -> None:
    stream = make_stream()
    broadcaster = await live(stream)
    await broadcaster.leave()
    again = Broadcaster(stream)
    await again.on_air()
    again.announce(dataclasses.replace(VIDEO, width=640, height=360))
    await again.push(0, 5)
    text = await text_of(stream)
    assert len(set(re.findall(r'#EXT-X-MAP:URI="([^"]+)"', text))) == 2
    assert "RESOLUTION=640x360" in (await stream.master_playlist()).body.decode()


async def test_while_nobody_sends_it_tells_how_long_viewers_are_kept(make_stream: MakeStream) -> None:
    stream = make_stream(grace_s=60.0)
    broadcaster = await live(stream)
    assert stream.grace_left_s is None
    await broadcaster.leave()
    await stream.wait_state(StreamState.INTERRUPTED)
    await asyncio.sleep(0)
    assert stream.grace_left_s == pytest.approx(60.0, abs=5.0)


async def test_when_the_grace_time_is_over_the_playlists_end(make_stream: MakeStream) -> None:
    stream = make_stream(grace_s=0.0)
    broadcaster = await live(stream)
    await broadcaster.leave()
    await stream.wait_state(StreamState.ENDED)
    assert stream.grace_left_s is None
    assert (await text_of(stream)).endswith("#EXT-X-ENDLIST\n")


async def test_sequence_numbers_never_go_back_over_runs(make_stream: MakeStream) -> None:
    stream = make_stream(grace_s=0.0)
    broadcaster = await live(stream)
    await broadcaster.leave()
    await stream.wait_state(StreamState.ENDED)
    ended = await text_of(stream)
    await live(stream)
    text = await text_of(stream)
    assert sequence_of(text) > last_msn_of(ended)
    names = set(re.findall(r'URI="([^"]+\.mp4)"', text)) & set(re.findall(r'URI="([^"]+\.mp4)"', ended))
    assert not names


async def test_leaving_before_anything_could_be_played_leaves_nothing(make_stream: MakeStream) -> None:
    stream = make_stream()
    broadcaster = Broadcaster(stream)
    broadcaster.announce()
    await broadcaster.leave()
    assert stream.state is StreamState.OFFLINE
    assert await stream.master_playlist() is None
    with pytest.raises(PlaylistRefused) as refused:
        await text_of(stream)
    assert refused.value.status == 404


async def test_ten_second_gops_are_refused_where_only_passthrough_is_allowed(make_stream: MakeStream) -> None:
    stream = make_stream()
    broadcaster = Broadcaster(stream)
    reasons: list[str] = []
    broadcaster.publication.on_kick = reasons.append
    await broadcaster.on_air()
    broadcaster.announce()
    await broadcaster.push(0, 6, gop_s=10)
    await broadcaster.task
    assert "keyframe interval" in reasons[0]


async def test_a_publisher_without_keyframes_is_told_so(make_stream: MakeStream) -> None:
    stream = make_stream()
    broadcaster = Broadcaster(stream)
    await broadcaster.on_air()
    reasons: list[str] = []
    broadcaster.publication.on_kick = reasons.append
    broadcaster.announce()
    await broadcaster.push(1, 14, gop_s=100)
    await broadcaster.task
    assert "no keyframe" in reasons[0]
    assert stream.state is StreamState.OFFLINE


async def test_sound_that_begins_later_is_heard(make_stream: MakeStream) -> None:
    stream = make_stream()
    broadcaster = Broadcaster(stream)
    await broadcaster.on_air()
    broadcaster.publication.set_track(VIDEO)
    await broadcaster.push(0, 5, sound=False)
    await stream.wait_state(StreamState.LIVE)
    assert b"audio/media.m3u8" not in (await stream.master_playlist()).body
    broadcaster.announce()
    await broadcaster.push(5, 5.2)
    await broadcaster.push(5.2, 11)
    assert b"audio/media.m3u8" in (await stream.master_playlist()).body
    text, audio = await text_of(stream), await text_of(stream, "audio")
    assert text.count("#EXT-X-DISCONTINUITY\n") == 1
    assert last_msn_of(audio) == last_msn_of(text)
    # What had been published before is not published again.
    assert 8.5 <= sum(map(float, re.findall(r"#EXTINF:([0-9.]+)", text))) <= 11


async def test_a_poster_is_taken_of_the_first_sync_picture(make_stream: MakeStream) -> None:
    stream = make_stream()
    broadcaster = await live(stream)
    await broadcaster.push(5, 6)
    assert stream.poster == b"jpeg"
    assert stream.poster_etag is not None


async def test_viewers_and_input_are_in_the_statistics(make_stream: MakeStream) -> None:
    stream = make_stream()
    await live(stream)
    statistics = stream.statistics()
    assert statistics.state is StreamState.LIVE
    assert statistics.input_bps > 0
    assert statistics.viewers == 0


async def test_who_has_ended_before_it_was_carried_takes_nobodys_place(make_stream: MakeStream) -> None:
    """Two take-overs in a row: the first one is carried only after the second one holds the stream."""
    stream = make_stream()
    request = PublishRequest(protocol="rtmp", stream="show", key=None, address="127.0.0.1")
    first, second = Publication("first", request), Publication("second", request)
    first.close("another publisher has taken over")
    stream.publication = second
    await stream.carry(first)
    assert stream.publication is second
