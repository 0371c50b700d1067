"""Segments go to the store as they close, leave memory, are fetched from there, and are deleted in time."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from mediaserver.live.archive import Archive
from mediaserver.live.archive_record import StoredRun
from mediaserver.settings import StorageSettings
from mediaserver.storage import open_objects
from mediaserver.storage.contract import StoreError, StoreFull
from tests.mediaserver.live.archived import Clock, FlakyObjects, Show
from transcoder.manifests.window import Media, Stored


@pytest.fixture
async def objects(tmp_path: Path) -> AsyncIterator[FlakyObjects]:
    async with open_objects(StorageSettings(), tmp_path) as opened:
        yield FlakyObjects(opened)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def make_archive(objects: FlakyObjects, clock: Clock) -> Archive:
    return Archive(objects, retry_s=0.001, retry_limit_s=0.01, moment=clock.moment, now_s=clock.monotonic_s)


@pytest.fixture
async def archive(objects: FlakyObjects, clock: Clock) -> AsyncIterator[Archive]:
    made = make_archive(objects, clock)
    yield made
    await made.close()


async def test_segments_are_stored_before_what_names_them(
    archive: Archive, objects: FlakyObjects, clock: Clock
) -> None:
    show = Show(archive, clock)
    show.segment()
    await archive.wait_idle()
    assert sorted(objects.puts[:-1]) == [
        "live/show/e1/audio/e1-0.m4s",
        "live/show/e1/audio/e1-i0.mp4",
        "live/show/e1/source/e1-0.m4s",
        "live/show/e1/source/e1-i0.mp4",
    ]
    assert objects.puts[-1] == "live/show/e1/window.json"
    assert objects.puts.index("live/show/e1/source/e1-i0.mp4") < objects.puts.index(
        "live/show/e1/source/e1-0.m4s"
    )
    run = StoredRun.decode(await objects.get("live/show/e1/window.json"))
    assert run.keys == set(objects.puts[:-1])
    assert run.renditions["source"].rendition == show.run.outputs["source"].rendition
    assert run.renditions["source"].track == show.run.outputs["source"].track


async def test_an_open_segment_is_not_stored(archive: Archive, objects: FlakyObjects, clock: Clock) -> None:
    show = Show(archive, clock)
    show.segment(end=False)
    await archive.wait_idle()
    assert objects.puts == []


async def test_nothing_closed_costs_nothing(archive: Archive, objects: FlakyObjects, clock: Clock) -> None:
    show = Show(archive, clock)
    show.segments(3)
    await archive.wait_idle()
    puts = len(objects.puts)
    for _ in range(100):
        archive.sync("show", show.run)
    await archive.wait_idle()
    assert len(objects.puts) == puts


async def test_stored_segments_leave_memory_and_are_the_same_bytes(archive: Archive, clock: Clock) -> None:
    show = Show(archive, clock)
    for _ in range(15):
        show.segment()
        await archive.wait_idle()
    for rendition, window in show.windows.items():
        kinds = {type(window.lookup(segment.name)) for segment in window.segments}
        assert kinds == {Media, Stored}
        for segment in window.segments:
            data = await show.fetched(rendition, segment.name)
            assert data == show.sent[rendition, segment.name]
            assert len(data) == segment.size_bytes
        # Three target durations with tags, three more with parts, and a segment of each to round up.
        assert window.statistics().memory_bytes < 15 / 16 * 15 * segment.size_bytes
    assert archive.statistics().waiting_segments == 0


async def test_what_is_in_memory_does_not_grow_with_the_window(
    objects: FlakyObjects, archive: Archive, clock: Clock
) -> None:
    show = Show(archive, clock)
    held = []
    for _ in range(60):
        show.segment()
        await archive.wait_idle()
        held.append(show.windows["source"].statistics().memory_bytes)
    assert max(held[30:]) <= max(held[:30])


async def test_what_is_over_is_deleted_from_the_store(
    archive: Archive, objects: FlakyObjects, clock: Clock
) -> None:
    show = Show(archive, clock)
    for _ in range(80):
        show.segment()
        await archive.wait_idle()
    there = await objects.list("live/show/e1/source/")
    window = show.windows["source"]
    assert "live/show/e1/source/e1-0.m4s" in objects.deletes
    assert len(there) < 40
    # What is there is what can be asked for, and the other way round.
    names = [key.rpartition("/")[2] for key in there]
    assert all(window.lookup(name) is not None for name in names)
    assert "e1-i0.mp4" in names
    assert archive.statistics().deleted_objects == len(objects.deletes)


async def test_an_init_goes_when_its_last_segment_has_gone(
    archive: Archive, objects: FlakyObjects, clock: Clock
) -> None:
    show = Show(archive, clock)
    show.segments(2)
    for window in show.windows.values():
        window.set_init(b"another")
        window.discontinuity()
    for _ in range(60):
        show.segment()
        await archive.wait_idle()
    inits = [key for key in await objects.list("live/show/e1/source/") if key.endswith(".mp4")]
    assert inits == ["live/show/e1/source/e1-i1.mp4"]


async def test_a_run_that_is_over_leaves_nothing(
    archive: Archive, objects: FlakyObjects, clock: Clock
) -> None:
    show, other = Show(archive, clock), Show(archive, clock, "e2", "show-2")
    show.segments(5)
    other.segments(5)
    await archive.wait_idle()
    archive.forget("show", "e1")
    archive.forget("show", "e1")
    await archive.wait_idle()
    assert await objects.list("live/show/") == []
    assert len(await objects.list("live/show-2/")) > 10
    assert archive.statistics().runs == 1


async def test_a_stream_that_is_deleted_leaves_nothing(
    archive: Archive, objects: FlakyObjects, clock: Clock
) -> None:
    Show(archive, clock, "e1").segments(2)
    Show(archive, clock, "e2").segments(2)
    archive.forget("show", "e1")
    archive.forget("show", "e2")
    await archive.wait_idle()
    assert await objects.list() == []


async def test_the_next_run_of_a_stream_is_not_touched_by_the_end_of_the_one_before(
    archive: Archive, objects: FlakyObjects, clock: Clock
) -> None:
    old = Show(archive, clock, "e1")
    old.segments(3)
    await archive.wait_idle()
    new = Show(archive, clock, "e2")
    new.segments(3)
    await archive.wait_idle()
    archive.forget("show", "e1")
    await archive.wait_idle()
    assert {key.split("/")[2] for key in await objects.list("live/show/")} == {"e2"}


async def test_all_who_ask_at_once_how_the_store_is_wait_for_one_write(
    archive: Archive, objects: FlakyObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0
    check = objects.check

    async def counted() -> None:
        nonlocal asked
        asked += 1
        await check()

    monkeypatch.setattr(objects, "check", counted)
    impatient = asyncio.create_task(archive.check())
    await asyncio.sleep(0)
    impatient.cancel()
    assert await asyncio.gather(*(archive.check() for _ in range(50))) == ["ok"] * 50
    assert asked == 1


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (StoreFull("object 'live/show/…' cannot be written: no room"), "the object store is full"),
        (StoreError("object 'live/show/…' is gone"), "the object store does not take segments"),
    ],
)
async def test_a_store_that_fails_leaves_everything_in_memory_and_catches_up(
    archive: Archive, objects: FlakyObjects, clock: Clock, failure: StoreError, told: str
) -> None:
    show = Show(archive, clock)
    show.segments(3)
    await archive.wait_idle()
    assert await archive.check() == "ok"
    objects.failing = failure
    for _ in range(20):
        show.segment()
        await asyncio.sleep(0)
    await objects.until(lambda: archive.statistics().failures >= 3)
    # Anybody may read it: streams are not named.
    assert await archive.check() == told
    for rendition, window in show.windows.items():
        for segment in window.segments:
            assert await show.fetched(rendition, segment.name) == show.sent[rendition, segment.name]
    assert archive.statistics().waiting_segments > 10
    objects.failing = None
    await archive.wait_idle()
    clock.advance(2)
    assert await archive.check() == "ok"
    assert archive.statistics().waiting_segments == 0
    run = StoredRun.decode(await objects.get("live/show/e1/window.json"))
    assert run.windows["source"].stored_msn == 23


async def test_deletions_go_on_where_writing_does_not(
    archive: Archive, objects: FlakyObjects, clock: Clock
) -> None:
    show = Show(archive, clock)
    show.segments(10)
    await archive.wait_idle()
    objects.failing = StoreFull("no room")
    for _ in range(60):
        show.segment()
    await objects.until(lambda: "live/show/e1/source/e1-0.m4s" in objects.deletes)
    objects.failing = None
    await archive.wait_idle()


async def test_a_store_that_stays_away_is_told_of_once_where_it_deletes(
    archive: Archive, objects: FlakyObjects, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    Show(archive, clock).segments(2)
    await archive.wait_idle()
    objects.deaf = StoreError("gone")
    archive.forget("show", "e1")
    await objects.until(lambda: archive.statistics().failures >= 5)
    objects.deaf = None
    await archive.wait_idle()
    assert await objects.list() == []
    assert caplog.text.count("are not deleted for now") == 1


async def test_what_left_the_window_before_the_store_took_it_is_not_stored_any_more(
    archive: Archive, objects: FlakyObjects, clock: Clock
) -> None:
    show = Show(archive, clock)
    objects.failing = StoreFull("no room")
    show.segments(60)
    objects.failing = None
    await archive.wait_idle()
    assert "live/show/e1/source/e1-0.m4s" not in objects.puts
    first_msn = show.windows["source"].first_msn
    run = StoredRun.decode(await objects.get("live/show/e1/window.json"))
    assert run.windows["source"].first_msn == first_msn


async def test_what_was_over_when_the_store_had_taken_it_is_deleted_again(
    archive: Archive, objects: FlakyObjects, clock: Clock
) -> None:
    show = Show(archive, clock)
    objects.may_put.clear()
    show.segment()
    await objects.until(lambda: "live/show/e1/source/e1-i0.mp4" in objects.puts)
    objects.may_put.set()
    await objects.until(lambda: "live/show/e1/source/e1-0.m4s" in objects.puts)
    objects.may_put.clear()
    show.segments(60)
    objects.may_put.set()
    await archive.wait_idle()
    names = [key.rpartition("/")[2] for key in await objects.list("live/show/e1/source/")]
    assert all(show.windows["source"].lookup(name) is not None for name in names)
    assert "e1-0.m4s" not in names


async def test_many_viewers_of_one_segment_are_one_read(
    archive: Archive, objects: FlakyObjects, clock: Clock
) -> None:
    show = Show(archive, clock)
    for _ in range(15):
        show.segment()
        await archive.wait_idle()
    oldest = next(iter(show.windows["source"].segments)).name
    answers = await asyncio.gather(*(show.fetched("source", oldest) for _ in range(100)))
    assert set(answers) == {show.sent["source", oldest]}
    assert archive.statistics().loads == 1
    assert archive.statistics().cache_bytes == len(show.sent["source", oldest])


async def test_a_viewer_who_leaves_does_not_take_the_read_from_the_others(
    archive: Archive, objects: FlakyObjects, clock: Clock
) -> None:
    await objects.put("live/a/b", b"x", content_type="video/mp4")
    first, second = (asyncio.create_task(archive.fetch("live/a/b")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == b"x"
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_the_cache_is_capped(objects: FlakyObjects, clock: Clock) -> None:
    archive = Archive(objects, cache_bytes=1000)
    for number in range(20):
        await objects.put(f"live/{number}", bytes(100), content_type="video/mp4")
        await archive.fetch(f"live/{number}")
        assert archive.statistics().cache_bytes <= 1000
    assert archive.statistics().cache_bytes == 1000
    await archive.fetch("live/19")
    assert archive.statistics().loads == 20
    await archive.close()


async def test_closing_stores_what_was_closed_last(objects: FlakyObjects, clock: Clock) -> None:
    archive = make_archive(objects, clock)
    show = Show(archive, clock)
    show.segments(2)
    await archive.close()
    run = StoredRun.decode(await objects.get("live/show/e1/window.json"))
    assert run.windows["audio"].stored_msn == 2


async def test_closing_does_not_wait_for_a_store_that_fails(objects: FlakyObjects, clock: Clock) -> None:
    archive = make_archive(objects, clock)
    objects.deaf = StoreError("gone")
    Show(archive, clock).segments(2)
    await archive.close()
    assert objects.puts == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("no right to mount a tmpfs here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


async def test_a_disk_that_fills_up_and_gets_room_again(small_disk: Path, clock: Clock) -> None:
    async with open_objects(StorageSettings(), small_disk) as disk:
        objects = FlakyObjects(disk)
        archive = make_archive(objects, clock)
        show = Show(archive, clock)
        show.segments(3)
        await archive.wait_idle()
        filler = small_disk / "filler"
        with pytest.raises(OSError, match="No space"):
            filler.write_bytes(bytes(2 << 20))
        for _ in range(25):
            show.segment()
            await asyncio.sleep(0)
        await objects.until(lambda: archive.statistics().failures >= 5)
        assert await archive.check() == "the object store is full"
        for rendition, window in show.windows.items():
            for segment in window.segments:
                assert await show.fetched(rendition, segment.name) == show.sent[rendition, segment.name]
        filler.unlink()
        await archive.wait_idle()
        assert archive.statistics().waiting_segments == 0
        clock.advance(2)
        assert await archive.check() == "ok"
        await archive.close()
        loaded = await make_archive(objects, clock).load("show")
        assert loaded is not None
        assert len(loaded.run.windows["source"].segments) == len(list(show.windows["source"].segments))
