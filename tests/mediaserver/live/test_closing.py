"""A stream that is closed, and who still waits for a run that is over."""

import asyncio
from collections.abc import Callable

import pytest

from mediaserver.live.output import PlaylistRefused
from mediaserver.live.states import StreamState
from mediaserver.live.stream import LiveStream
from tests.mediaserver.live.conftest import Broadcaster

MakeStream = Callable[..., LiveStream]


async def test_a_publisher_that_comes_while_the_stream_closes_is_sent_away(make_stream: MakeStream) -> None:
    stream = make_stream()
    first = Broadcaster(stream)
    await first.on_air()
    first.announce()
    await first.push(0, 3)
    await first.leave()
    closing = asyncio.create_task(stream.close("the stream was deleted"))
    late = Broadcaster(stream)
    await asyncio.gather(closing, late.task)
    assert late.publication.ended
    assert stream.publication is None
    assert stream.state is StreamState.INTERRUPTED
    # Nothing goes on by itself in a stream that nobody holds any more.
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_who_waits_for_a_run_that_never_began_is_told_at_once(
    make_stream: MakeStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = make_stream()
    # As while another rendition still has nothing.
    monkeypatch.setattr(stream, "_maybe_playable", lambda: None)
    broadcaster = Broadcaster(stream)
    await broadcaster.on_air()
    broadcaster.announce()
    await broadcaster.push(0, 1)
    waiting = asyncio.create_task(stream.media_playlist("source", msn=1, part=0, skip=None))
    await asyncio.sleep(0)
    await broadcaster.leave()
    async with asyncio.timeout(1):
        with pytest.raises(PlaylistRefused) as refused:
            await waiting
    assert refused.value.status == 404
