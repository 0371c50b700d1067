"""Requests that are held until the window has what they ask for."""

import asyncio

import pytest

from mediaserver.live import output as output_module
from mediaserver.live.output import PlaylistRefused, RenditionOutput
from transcoder.ladder import Rendition
from transcoder.manifests.config import WindowConfig
from transcoder.manifests.window import MediaWindow
from transcoder.media import Codec, Kind

RENDITION = Rendition(name="source", kind=Kind.VIDEO, codec=Codec.H264, passthrough=True, source_track_id=1)


@pytest.fixture
def window() -> MediaWindow:
    window = MediaWindow(WindowConfig(target_duration_s=4, part_target_s=0.25, window_s=30), "e")
    window.set_init(b"init")
    return window


@pytest.fixture
def output(window: MediaWindow) -> RenditionOutput:
    return RenditionOutput(RENDITION, window, lambda: [])


def add_part(output: RenditionOutput) -> None:
    output.window.add_part(b"part", duration_s=0.25, independent=True, now_s=0.0, program_time_s=0.0)
    output.notify()


async def held(coroutine) -> asyncio.Task:
    """Started, and seen to wait."""
    task = asyncio.create_task(coroutine)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not task.done()
    return task


async def test_a_request_without_directives_waits_for_the_first_part(output: RenditionOutput) -> None:
    request = await held(output.playlist(None, None, None))
    add_part(output)
    assert b"e-0.0.m4s" in (await request).body


async def test_a_blocked_reload_is_answered_by_its_part_and_not_before(output: RenditionOutput) -> None:
    add_part(output)
    request = await held(output.playlist(0, 2, None))
    add_part(output)
    await asyncio.sleep(0)
    assert not request.done()
    add_part(output)
    assert b"e-0.2.m4s" in (await request).body


async def test_all_who_wait_get_the_same_bytes(output: RenditionOutput) -> None:
    add_part(output)
    requests = [await held(output.playlist(0, 1, None)) for _ in range(20)]
    add_part(output)
    bodies = [(await request).body for request in requests]
    assert all(body is bodies[0] for body in bodies)


async def test_the_hinted_part_is_held_and_then_whole(output: RenditionOutput) -> None:
    add_part(output)
    request = await held(output.media("e-0.1.m4s"))
    add_part(output)
    assert (await request).chunks == (b"part",)


async def test_a_withdrawn_hint_is_404(output: RenditionOutput) -> None:
    add_part(output)
    request = await held(output.media("e-0.1.m4s"))
    output.window.end_segment(0.0)
    output.notify()
    with pytest.raises(PlaylistRefused) as refused:
        await request
    assert refused.value.status == 404


async def test_unknown_media_is_404_at_once(output: RenditionOutput) -> None:
    with pytest.raises(PlaylistRefused) as refused:
        await output.media("nothing.m4s")
    assert refused.value.status == 404


async def test_a_part_without_its_segment_is_400(output: RenditionOutput) -> None:
    add_part(output)
    with pytest.raises(PlaylistRefused) as refused:
        await output.playlist(None, 1, None)
    assert refused.value.status == 400


async def test_three_target_durations_of_nothing_are_503(output: RenditionOutput, monkeypatch) -> None:
    monkeypatch.setattr(WindowConfig, "block_limit_s", 0.01)
    add_part(output)
    with pytest.raises(PlaylistRefused) as refused:
        await output.playlist(0, 1, None)
    assert refused.value.status == 503
    assert output.waiting == 0


async def test_a_client_that_leaves_is_forgotten_at_once(output: RenditionOutput) -> None:
    add_part(output)
    request = await held(output.playlist(0, 1, None))
    assert output.waiting == 1
    request.cancel()
    await asyncio.gather(request, return_exceptions=True)
    assert output.waiting == 0


async def test_held_requests_have_a_limit(output: RenditionOutput, monkeypatch) -> None:
    monkeypatch.setattr(output_module, "MAX_WAITING", 1)
    add_part(output)
    request = await held(output.playlist(0, 1, None))
    with pytest.raises(PlaylistRefused) as refused:
        await output.playlist(0, 1, None)
    assert refused.value.status == 503
    request.cancel()


async def test_who_waits_for_a_rendition_that_is_given_up_gets_404(output: RenditionOutput) -> None:
    add_part(output)
    request = await held(output.playlist(0, 1, None))
    output.give_up()
    with pytest.raises(PlaylistRefused) as refused:
        await request
    assert refused.value.status == 404
