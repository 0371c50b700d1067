"""A process dies, the next one goes on: its numbers, what it lists, what it deletes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mediaserver.live.archive import Archive
from mediaserver.live.archive_record import StoredRun
from mediaserver.settings import StorageSettings
from mediaserver.storage import FOLDER_NAME, open_objects
from mediaserver.storage.contract import ObjectMissing, StoreError
from tests.mediaserver.live.archived import CONFIG, Clock, FlakyObjects, Show, Text
from tests.transcoder.manifests.strict_playlist import StrictPlaylist, read_media
from transcoder.manifests.hls import render
from transcoder.manifests.window import MediaWindow, Stored


@pytest.fixture
async def objects(tmp_path: Path) -> AsyncIterator[FlakyObjects]:
    async with open_objects(StorageSettings(), tmp_path) as opened:
        yield FlakyObjects(opened)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def start(objects: FlakyObjects, clock: Clock) -> Archive:
    """A process: the one before it was killed, so nothing of it is closed."""
    return Archive(objects, retry_s=0.001, retry_limit_s=0.01, moment=clock.moment, now_s=clock.monotonic_s)


async def crashed(objects: FlakyObjects, clock: Clock, segments: int = 12, open_parts: int = 2) -> Show:
    """A show whose process is gone: with an open segment, and without a flush."""
    archive = start(objects, clock)
    show = Show(archive, clock)
    for _ in range(segments):
        show.segment()
        await archive.wait_idle()
    if open_parts:
        show.segment(open_parts, end=False)
    return show


async def restart(objects: FlakyObjects, clock: Clock, epoch: str = "e2") -> tuple[Archive, Show]:
    archive = start(objects, clock)
    assert await archive.streams() == ["show"]
    loaded = await archive.load("show")
    assert loaded is not None
    show = Show.restored(archive, clock, loaded, epoch)
    archive.clean()
    await archive.wait_idle()
    return archive, show


def playlists(show: Show) -> dict[str, StrictPlaylist]:
    return {name: read_media(render(window)) for name, window in show.windows.items()}


async def check_all_listed_is_fetched(show: Show, *sent: dict[tuple[str, str], bytes]) -> int:
    """Answers how many segments there were."""
    known = {name: data for each in (*sent, show.sent) for name, data in each.items()}
    count = 0
    for rendition, playlist in playlists(show).items():
        for segment in playlist.segments:
            if segment.gap:
                assert await show.fetched(rendition, segment.uri) is None
                continue
            count += 1
            assert await show.fetched(rendition, segment.uri) == known[rendition, segment.uri]
            assert segment.map_uri is not None
            assert await show.fetched(rendition, segment.map_uri) == f"init of {rendition}".encode()
    return count


async def test_the_playlist_goes_on_where_it_was(objects: FlakyObjects, clock: Clock) -> None:
    before = await crashed(objects, clock)
    old = playlists(before)["source"]
    clock.advance(1.5)
    archive, show = await restart(objects, clock)
    new = playlists(show)["source"]
    assert new.media_sequence >= old.media_sequence
    assert [segment.uri for segment in new.segments if not segment.gap] == [
        f"e1-{msn}.m4s" for msn in range(new.media_sequence, 12)
    ]
    # The open segment and the time that nobody was there: gaps, up to now.
    assert [segment.gap for segment in new.segments][-2:] == [True, True]
    assert show.run.timeline.end_s == pytest.approx(show.run.timeline.at(clock.now_s), abs=0.01)
    assert await check_all_listed_is_fetched(show, before.sent) > 20
    await archive.close()


async def test_numbers_that_players_may_have_seen_are_never_given_to_other_media(
    objects: FlakyObjects, clock: Clock
) -> None:
    before = await crashed(objects, clock)
    seen = before.windows["source"].next_msn
    archive, show = await restart(objects, clock)
    for window in show.windows.values():
        assert window.next_msn >= seen
        assert not any(window.lookup(f"e2-{msn}.m4s") for msn in range(seen + 1))
    show.segments(2)
    new = playlists(show)["source"]
    assert [segment.discontinuity for segment in new.segments][-2:] == [True, False]
    assert new.segments[-1].uri.startswith("e2-")
    await archive.close()


async def test_the_renditions_stay_level(objects: FlakyObjects, clock: Clock) -> None:
    before = await crashed(objects, clock, open_parts=0)
    objects.puts_left = 1
    before.segment()
    await objects.until(lambda: objects.puts_left is not None and objects.puts_left < 0)
    objects.puts_left = None
    clock.advance(1)
    archive, show = await restart(objects, clock)
    assert len({window.next_msn for window in show.windows.values()}) == 1
    listed = playlists(show)
    ends = {(each.media_sequence + len(each.segments)) for each in listed.values()}
    assert len(ends) == 1
    times = [
        {each.media_sequence + index: segment.program_time for index, segment in enumerate(each.segments)}
        for each in listed.values()
    ]
    for msn in times[0].keys() & times[1].keys():
        assert times[0][msn] == times[1][msn]
    assert len({each.discontinuity_sequence for each in listed.values()}) == 1
    await archive.close()


async def test_what_became_too_old_meanwhile_is_not_listed(objects: FlakyObjects, clock: Clock) -> None:
    before = await crashed(objects, clock)
    clock.advance(20)
    archive, show = await restart(objects, clock)
    new = playlists(show)["source"]
    media = [segment for segment in new.segments if not segment.gap]
    assert 3 <= len(media) <= 6
    assert await check_all_listed_is_fetched(show, before.sent) > 0
    # Just removed from the playlist: for a while it can be fetched still.
    oldest = int(media[0].uri[3:-4])
    name = f"e1-{oldest - 1}.m4s"
    assert await show.fetched("source", name) == before.sent["source", name]
    await archive.close()


@pytest.mark.parametrize("step_s", [3600.0, -3600.0, 86_400.0 * 365])
async def test_a_step_of_the_wall_clock_meanwhile_changes_nothing(
    objects: FlakyObjects, clock: Clock, step_s: float
) -> None:
    before = await crashed(objects, clock)
    clock.advance(2)
    clock.unix_s += step_s
    archive, show = await restart(objects, clock)
    assert await check_all_listed_is_fetched(show, before.sent) > 20
    assert show.run.timeline.program_time_s(show.run.timeline.end_s) < before.clock.unix_s - step_s + 5
    await archive.close()


async def test_on_another_machine_the_wall_clock_counts(objects: FlakyObjects, clock: Clock) -> None:
    before = await crashed(objects, clock)
    other = Clock("another boot")
    other.now_s, other.unix_s = 5.0, clock.unix_s + 10
    archive, show = await restart(objects, other)
    assert await check_all_listed_is_fetched(show, before.sent) > 5
    assert show.run.timeline.end_s == pytest.approx(before.run.timeline.end_s + 10, abs=1.5)
    await archive.close()


async def test_what_a_power_cut_damaged_becomes_a_gap(
    objects: FlakyObjects, clock: Clock, tmp_path: Path
) -> None:
    before = await crashed(objects, clock)
    file = tmp_path / FOLDER_NAME / "live/show/e1/source/e1-8.m4s,object"
    file.write_bytes(file.read_bytes()[:100])
    clock.boot_id = "another boot"
    archive, show = await restart(objects, clock)
    assert await check_all_listed_is_fetched(show, before.sent) > 15
    gaps = [segment.uri for segment in playlists(show)["source"].segments if segment.gap]
    assert "e1-8.m4s" in gaps
    await archive.close()


async def test_segments_whose_record_was_not_rewritten_are_found_gone(
    objects: FlakyObjects, clock: Clock
) -> None:
    before = await crashed(objects, clock)
    for msn in range(4):
        await objects.objects.delete(f"live/show/e1/source/e1-{msn}.m4s")
    archive, show = await restart(objects, clock)
    assert playlists(show)["source"].media_sequence >= 4
    assert await check_all_listed_is_fetched(show, before.sent) > 15
    await archive.close()


async def test_a_lost_init_takes_its_segments_along(objects: FlakyObjects, clock: Clock) -> None:
    before = await crashed(objects, clock)
    await objects.objects.delete("live/show/e1/source/e1-i0.mp4")
    archive, show = await restart(objects, clock)
    assert await check_all_listed_is_fetched(show, before.sent) > 10
    assert all(segment.gap for segment in playlists(show)["source"].segments)
    assert not all(segment.gap for segment in playlists(show)["audio"].segments)
    await archive.close()


async def test_discontinuities_count_on_over_restarts(objects: FlakyObjects, clock: Clock) -> None:
    before = await crashed(objects, clock, open_parts=0)
    for window in before.windows.values():
        window.discontinuity()
    # Begun with a discontinuity, and not stored.
    before.segment(2, end=False)
    number = before.windows["source"].checkpoint().discontinuity_sequence
    assert number == 1
    await before.archive.wait_idle()
    archive, show = await restart(objects, clock)
    show.segment()
    assert {window.checkpoint().discontinuity_sequence for window in show.windows.values()} <= {1, 2}
    for _ in range(40):
        show.segment()
        await archive.wait_idle()
    listed = playlists(show)
    assert {each.discontinuity_sequence for each in listed.values()} <= {1, 2}
    assert len({each.discontinuity_sequence for each in listed.values()}) == 1
    await archive.close()


async def test_again_and_again(objects: FlakyObjects, clock: Clock) -> None:
    show = await crashed(objects, clock)
    sent = dict(show.sent)
    media_sequence = 0
    for restarts in range(2, 7):
        clock.advance(1)
        archive, show = await restart(objects, clock, f"e{restarts}")
        assert await check_all_listed_is_fetched(show, sent) > 5
        listed = playlists(show)["source"]
        assert listed.media_sequence >= media_sequence
        media_sequence = listed.media_sequence
        for _ in range(3):
            show.segment()
            await archive.wait_idle()
        sent |= show.sent
    assert len({segment.uri.partition("-")[0] for segment in listed.segments if not segment.gap}) > 2


async def test_what_the_crash_left_behind_is_deleted_and_nothing_else(
    objects: FlakyObjects, clock: Clock
) -> None:
    await crashed(objects, clock)
    # Stored, but no record names them; of a stream that nobody goes on with; not ours at all.
    for key in ("live/show/e1/source/e1-99.m4s", "live/gone/e0/source/e0-1.m4s", "live/gone/e0/window.json"):
        await objects.put(key, b"x", content_type="video/mp4")
    await objects.put("assets/film/1.m4s", b"x", content_type="video/mp4")
    archive = start(objects, clock)
    assert await archive.streams() == ["gone", "show"]
    assert await archive.load("gone") is None
    loaded = await archive.load("show")
    assert loaded is not None
    show = Show.restored(archive, clock, loaded, "e2")
    archive.clean()
    await archive.wait_idle()
    left = await objects.list()
    assert "assets/film/1.m4s" in left
    assert not any(key.startswith("live/gone") for key in left)
    assert "live/show/e1/source/e1-99.m4s" not in left
    assert "live/show/e1/window.json" not in left
    assert "live/show/e2/window.json" in left
    for key in loaded.run.keys:
        await objects.info(key)
    archive.forget("show", "e2")
    await archive.wait_idle()
    assert await objects.list() == ["assets/film/1.m4s"]
    assert show.run.epoch == "e2"


async def test_without_a_run_to_take_it_up_everything_goes(objects: FlakyObjects, clock: Clock) -> None:
    await crashed(objects, clock)
    archive = start(objects, clock)
    loaded = await archive.load("show")
    assert loaded is not None
    assert loaded.checkpoint.next_msn >= 12
    archive.clean()
    await archive.wait_idle()
    assert await objects.list() == []
    assert await archive.load("show") is None
    assert await archive.streams() == []


async def test_what_cannot_be_read_now_is_not_deleted(objects: FlakyObjects, clock: Clock) -> None:
    await crashed(objects, clock)
    there = await objects.list()
    archive = start(objects, clock)
    objects.deaf = StoreError("gone")
    with pytest.raises(StoreError):
        await archive.load("show")
    objects.deaf = None
    archive.clean()
    await archive.wait_idle()
    assert await objects.list() == there


async def test_after_a_long_time_nothing_is_gone_on_with(objects: FlakyObjects, clock: Clock) -> None:
    await crashed(objects, clock)
    clock.advance(86_400)
    loaded = await start(objects, clock).load("show")
    assert loaded is not None
    assert loaded.age_s == pytest.approx(86_400, abs=5)
    assert loaded.restore("e2", clock.now_s) is None


async def test_an_ended_run_says_so(objects: FlakyObjects, clock: Clock) -> None:
    show = await crashed(objects, clock, 3)
    for window in show.windows.values():
        window.end()
    show.archive.sync("show", show.run)
    await show.archive.wait_idle()
    loaded = await start(objects, clock).load("show")
    assert loaded is not None
    assert loaded.run.ended


@pytest.mark.parametrize("record", [b"", b"{}", b"[1]", b"\xff", b'{"version": 2}'])
async def test_a_record_that_cannot_be_read_is_no_run(
    objects: FlakyObjects, clock: Clock, record: bytes
) -> None:
    await objects.put("live/show/e1/window.json", record, content_type="application/json")
    assert await start(objects, clock).load("show") is None


async def test_a_record_of_another_version_is_no_run(objects: FlakyObjects, clock: Clock) -> None:
    await crashed(objects, clock, 3)
    data = await objects.get("live/show/e1/window.json")
    await objects.put(
        "live/show/e1/window.json", data.replace(b'"version":1', b'"version":9'), content_type="a/b"
    )
    assert await start(objects, clock).load("show") is None


async def test_the_record_round_trips(objects: FlakyObjects, clock: Clock) -> None:
    await crashed(objects, clock, 3)
    data = await objects.get("live/show/e1/window.json")
    run = StoredRun.decode(data)
    assert StoredRun.decode(run.encode()) == run
    assert run.config == CONFIG
    assert run.windows["source"].segments[1].decode_time == 2000
    assert run.windows["source"].segments[1].duration_ticks == 2000


async def test_a_rendition_that_had_nothing_stored_is_level_too(objects: FlakyObjects, clock: Clock) -> None:
    show = await crashed(objects, clock, 4, 0)
    late = Show(show.archive, clock, "e1")
    outputs = dict(show.run.outputs)
    outputs["360p"] = late.run.outputs["source"]
    show.run.outputs = outputs
    show.segment(only="source")
    await show.archive.wait_idle()
    clock.advance(3)
    _, new = await restart(objects, clock)
    assert list(new.windows) == ["source", "audio", "360p"]
    assert len({window.next_msn for window in new.windows.values()}) == 1
    assert len({window.checkpoint() for window in new.windows.values()}) == 1


async def test_words_go_on_too(objects: FlakyObjects, clock: Clock) -> None:
    archive = start(objects, clock)
    show = Show(archive, clock)
    words = MediaWindow(CONFIG, "e1", content_type="text/vtt", extension="vtt")
    show.run.texts = {"captions": Text("CC1", "en", words)}
    for number in range(20):
        start_s = show.run.timeline.program_time_s(show.run.timeline.end_s)
        show.segment()
        words.add_part(b"part", duration_s=2.0, independent=True, now_s=clock.now_s, program_time_s=start_s)
        words.end_segment(clock.now_s, b"WEBVTT %d" % number)
        archive.sync("show", show.run)
        await archive.wait_idle()
    assert isinstance(words.lookup(f"e1-{words.first_msn}.vtt"), Stored)
    clock.advance(1)
    archive, show = await restart(objects, clock)
    text = show.run.texts["captions"]
    assert (text.channel, text.language) == ("CC1", "en")
    assert text.window.next_msn == show.windows["source"].next_msn
    listed = [segment for segment in text.window.segments if not segment.gap]
    assert len(listed) > 10
    for segment in listed:
        stored = text.window.lookup(segment.name)
        assert isinstance(stored, Stored)
        media = await archive.media(stored)
        assert media.chunks == (b"WEBVTT %d" % segment.msn,)
        assert media.content_type == "text/vtt"
    await archive.close()


async def test_nothing_of_what_was_deleted_is_answered(objects: FlakyObjects, clock: Clock) -> None:
    await crashed(objects, clock)
    archive, show = await restart(objects, clock)
    stored = show.windows["source"].lookup("e1-10.m4s")
    assert stored is not None
    await objects.objects.delete("live/show/e1/source/e1-10.m4s")
    with pytest.raises(ObjectMissing):
        await show.fetched("source", "e1-10.m4s")
    await archive.close()
