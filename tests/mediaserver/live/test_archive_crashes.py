"""Whatever a stream does and wherever its process dies: what the next one lists can be fetched."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from mediaserver.live.archive import Archive
from mediaserver.settings import StorageSettings
from mediaserver.storage import open_objects
from mediaserver.storage.contract import StoreFull
from tests.mediaserver.live.archived import Clock, FlakyObjects, Show
from tests.transcoder.manifests.strict_playlist import StrictPlaylist, read_media
from transcoder.manifests.hls import render

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("segment"), st.integers(1, 4)),
        st.tuples(st.just("segment"), st.just(4)),
        st.tuples(st.just("one rendition"), st.integers(1, 4)),
        st.tuples(st.just("gap"), st.just(4)),
        st.tuples(st.just("discontinuity"), st.integers(0, 1)),
        st.tuples(st.just("full"), st.just(0)),
        st.tuples(st.just("room"), st.just(0)),
        st.tuples(st.just("idle"), st.just(0)),
        st.tuples(st.just("pass"), st.integers(1, 12)),
    ),
    min_size=5,
    max_size=60,
)


async def play(show: Show, objects: FlakyObjects, steps: list[tuple[str, int]]) -> None:
    behind = 0
    for what, value in steps:
        match what:
            case "segment":
                if behind:
                    level(show)
                behind = 0
                show.segment(value)
            case "one rendition":
                if not behind:
                    show.segment(value, only="source")
                    behind = value
            case "gap":
                level(show)
                behind = 0
                gap(show, value)
            case "discontinuity":
                level(show)
                behind = 0
                for name, window in show.windows.items():
                    window.discontinuity()
                    if value:
                        window.set_init(f"init of {name} {show.clock.now_s}".encode())
            case "full":
                objects.failing = StoreFull("no room")
            case "room":
                objects.failing = None
            case "idle":
                if objects.failing is None and objects.puts_left is None:
                    await show.archive.wait_idle()
            case "pass":
                show.clock.advance(value)
    level(show)


def level(show: Show) -> None:
    """Renditions that have fallen behind get gaps, as the packager does it."""
    windows = list(show.windows.values())
    newest = max(window.next_msn for window in windows)
    end_ms = max(end for window in windows if (end := end_of(show, window)) is not None) if newest else 0
    for window in windows:
        while window.next_msn < newest:
            start_ms = end_of(show, window) or end_ms - 1000
            window.add_gap_segment(
                max(1, end_ms - start_ms) / 1000 / (newest - window.next_msn),
                show.clock.now_s,
                start_ms / 1000,
            )
    show.archive.sync(show.name, show.run)


def end_of(show: Show, window: object) -> int | None:
    segments = list(window.segments)  # type: ignore[attr-defined]
    if not segments or segments[-1].program_time_ms is None:
        return None
    return int(segments[-1].program_time_ms + segments[-1].duration_us // 1000)


def gap(show: Show, parts: int) -> None:
    start_s = show.run.timeline.program_time_s(show.run.timeline.end_s)
    show.clock.advance(parts / 2)
    for window in show.windows.values():
        window.add_gap_segment(parts / 2, show.clock.now_s, start_s)
    show.run.timeline.end_s += parts / 2
    show.archive.sync(show.name, show.run)


def playlists(show: Show) -> dict[str, StrictPlaylist]:
    return {name: read_media(render(window)) for name, window in show.windows.items() if window.is_playable}


async def check(show: Show, sent: dict[tuple[str, str], bytes]) -> None:
    for rendition, playlist in playlists(show).items():
        for segment in playlist.segments:
            if not segment.gap:
                assert await show.fetched(rendition, segment.uri) == sent[rendition, segment.uri]
                assert segment.map_uri is not None
                assert await show.fetched(rendition, segment.map_uri) is not None


@given(
    lives=st.lists(
        st.tuples(STEPS, st.integers(0, 60), st.sampled_from([0.1, 1.0, 5.0, 20.0])), min_size=1, max_size=3
    )
)
@settings(max_examples=60, deadline=None)
async def test_what_is_listed_can_be_fetched_wherever_the_process_dies(
    lives: list[tuple[list[tuple[str, int]], int, float]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with open_objects(StorageSettings(), Path(folder)) as disk:
            await live_and_die(FlakyObjects(disk), lives)


async def live_and_die(objects: FlakyObjects, lives: list[tuple[list[tuple[str, int]], int, float]]) -> None:
    clock = Clock()
    sent: dict[tuple[str, str], bytes] = {}
    seen: dict[str, StrictPlaylist] = {}
    show: Show | None = None
    for number, (steps, writes_left, away_s) in enumerate(lives):
        # This process dies after so many changes of the store, in whatever it was doing then.
        objects.failing, objects.puts_left = None, None
        archive = Archive(
            objects, retry_s=0.0001, retry_limit_s=0.001, moment=clock.moment, now_s=clock.monotonic_s
        )
        loaded = await archive.load("show")
        taken_up = loaded.restore(f"e{number}", clock.now_s) if loaded is not None else None
        if loaded is not None and taken_up is not None:
            show = Show.restored(archive, clock, loaded, f"e{number}")
            archive.clean()
            await archive.wait_idle()
            await check(show, sent)
            for name, playlist in playlists(show).items():
                if name in seen:
                    assert playlist.media_sequence >= seen[name].media_sequence
                    assert playlist.discontinuity_sequence >= seen[name].discontinuity_sequence
            assert len({window.next_msn for window in show.windows.values()}) == 1
            assert len({window.checkpoint() for window in show.windows.values()}) == 1
        else:
            show = Show(archive, clock, f"e{number}")
            seen = {}
        objects.puts_left = writes_left
        await play(show, objects, steps)
        await check(show, sent | show.sent)
        sent |= show.sent
        seen = playlists(show)
        # kill -9: nothing is flushed.
        for run in archive._runs.values():
            run.task.cancel()
        await archive._sweeper.close()
        clock.advance(away_s)
