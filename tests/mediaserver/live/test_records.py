"""Stream records: made with a key that is shown once, changed in part, and never losing their place."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mediaserver.live.records import STREAM_KIND, Checkpoint, StreamChanges, StreamRecords
from mediaserver.state.records import RecordsError
from mediaserver.state.sqlite import SqliteRecords, open_sqlite_records


class FakeClock:
    now_s = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def store(tmp_path: Path, clock: FakeClock) -> AsyncIterator[SqliteRecords]:
    async with open_sqlite_records(tmp_path / "state.sqlite3", clock=clock) as opened:
        yield opened


@pytest.fixture
def streams(store: SqliteRecords, clock: FakeClock) -> StreamRecords:
    return StreamRecords(store, clock=clock)


async def test_a_new_stream_has_defaults_and_a_key(streams: StreamRecords) -> None:
    record, key = await streams.create_or_update("mine", StreamChanges())
    assert key is not None
    assert (record.name, record.title, record.visibility, record.record) == ("mine", "", "public", False)
    assert (record.ladder, record.dvr_s, record.checkpoint) == (None, 0.0, None)
    assert key not in str(record)
    assert await streams.get("mine") == record
    assert await streams.verify_key("mine", key)


async def test_a_change_keeps_the_rest_and_the_key(streams: StreamRecords, clock: FakeClock) -> None:
    made, key = await streams.create_or_update("mine", StreamChanges(title="A", ladder=("720p", "480p")))
    clock.now_s += 5
    changed, none = await streams.create_or_update("mine", StreamChanges(visibility="private"))
    assert none is None
    assert (changed.title, changed.ladder, changed.visibility) == ("A", ("720p", "480p"), "private")
    assert (changed.created_at, changed.updated_at) == (made.created_at, made.created_at + 5)
    assert key is not None
    assert await streams.verify_key("mine", key)
    back, _ = await streams.create_or_update("mine", StreamChanges(ladder=None))
    assert back.ladder is None


async def test_the_key_is_stored_hashed(streams: StreamRecords, store: SqliteRecords) -> None:
    _, key = await streams.create_or_update("mine", StreamChanges())
    stored = await store.get(STREAM_KIND, "mine")
    assert stored is not None
    assert key is not None
    assert key.encode() not in stored.value


async def test_a_new_key_ends_the_old_one(streams: StreamRecords) -> None:
    _, old = await streams.create_or_update("mine", StreamChanges())
    new = await streams.new_key("mine")
    assert old is not None
    assert not await streams.verify_key("mine", old)
    assert await streams.verify_key("mine", new)
    with pytest.raises(KeyError):
        await streams.new_key("other")


async def test_a_key_is_for_its_stream_only(streams: StreamRecords) -> None:
    _, key = await streams.create_or_update("mine", StreamChanges())
    await streams.create_or_update("other", StreamChanges())
    assert key is not None
    assert not await streams.verify_key("other", key)
    assert not await streams.verify_key("unknown", key)
    assert not await streams.verify_key("mine", "")


async def test_list_is_by_name_and_complete(streams: StreamRecords) -> None:
    for name in ["b", "a", "C"]:
        await streams.create_or_update(name, StreamChanges())
    assert [record.name for record in await streams.list()] == ["C", "a", "b"]


async def test_delete(streams: StreamRecords) -> None:
    _, key = await streams.create_or_update("mine", StreamChanges())
    await streams.delete("mine")
    assert await streams.get("mine") is None
    assert key is not None
    assert not await streams.verify_key("mine", key)
    with pytest.raises(KeyError):
        await streams.delete("mine")


async def test_the_checkpoint_is_kept_beside_changes(streams: StreamRecords, clock: FakeClock) -> None:
    await streams.create_or_update("mine", StreamChanges())
    await streams.save_checkpoint("mine", next_msn=42, discontinuity_sequence=3)
    expected = Checkpoint(next_msn=42, discontinuity_sequence=3, saved_at=clock.now_s)
    record, _ = await streams.create_or_update("mine", StreamChanges(title="T"))
    assert record.checkpoint == expected
    assert [each.checkpoint for each in await streams.list()] == [expected]


async def test_a_name_used_again_goes_on_where_players_were(streams: StreamRecords) -> None:
    await streams.create_or_update("mine", StreamChanges())
    await streams.save_checkpoint("mine", next_msn=42, discontinuity_sequence=3)
    await streams.delete("mine")
    record, key = await streams.create_or_update("mine", StreamChanges())
    assert key is not None
    assert record.checkpoint is not None
    assert record.checkpoint.next_msn == 42


async def test_changes_at_once_all_take_effect(streams: StreamRecords) -> None:
    results = await asyncio.gather(
        streams.create_or_update("mine", StreamChanges(title="T")),
        streams.create_or_update("mine", StreamChanges(visibility="private")),
        streams.create_or_update("mine", StreamChanges(dvr_s=60.0)),
        streams.create_or_update("mine", StreamChanges(ladder="passthrough")),
    )
    assert sum(key is not None for _, key in results) == 1
    record = await streams.get("mine")
    assert record is not None
    assert (record.title, record.visibility, record.dvr_s, record.ladder) == (
        "T",
        "private",
        60.0,
        "passthrough",
    )


async def test_fields_of_a_newer_version_are_read_over(streams: StreamRecords, store: SqliteRecords) -> None:
    await store.put(
        STREAM_KIND,
        "mine",
        b'{"name":"mine","key_hash":"00","created_at":1.0,"updated_at":1.0,"from_the_future":[1]}',
    )
    record = await streams.get("mine")
    assert record is not None
    assert record.visibility == "public"


async def test_a_broken_record_does_not_hide_the_others(
    streams: StreamRecords, store: SqliteRecords, caplog: pytest.LogCaptureFixture
) -> None:
    await streams.create_or_update("good", StreamChanges())
    await store.put(STREAM_KIND, "bad", b"{")
    assert [record.name for record in await streams.list()] == ["good"]
    assert "'bad'" in caplog.text
    with pytest.raises(RecordsError, match="'bad'"):
        await streams.get("bad")
