"""The contract of records, run on every implementation of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from mediaserver.state.records import ABSENT, RecordConflict, Records
from mediaserver.state.sqlite import open_sqlite_records


class FakeClock:
    """Unix seconds that move only when told."""

    def __init__(self) -> None:
        self.now_s = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now_s


Opener = Callable[[], AbstractAsyncContextManager[Records]]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=["sqlite"])
def opener(request: pytest.FixtureRequest, tmp_path: Path, clock: FakeClock) -> Opener:
    """Opens the same store each time it is called, as a restart does."""
    implementations: dict[str, Opener] = {
        "sqlite": lambda: open_sqlite_records(tmp_path / "state.sqlite3", clock=clock),
    }
    return implementations[request.param]


@pytest.fixture
async def records(opener: Opener) -> AsyncIterator[Records]:
    async with opener() as opened:
        yield opened


async def test_what_was_put_is_read_back(records: Records) -> None:
    value = bytes(range(256))
    version = await records.put("stream", "mine", value)
    record = await records.get("stream", "mine")
    assert record is not None
    assert (record.kind, record.key, record.value, record.version) == ("stream", "mine", value, version)
    assert record.expires_at is None


async def test_unknown_is_none(records: Records) -> None:
    await records.put("stream", "mine", b"x")
    assert await records.get("stream", "other") is None
    assert await records.get("token", "mine") is None


async def test_versions_are_positive_and_never_come_back(records: Records) -> None:
    first = await records.put("stream", "mine", b"1")
    second = await records.put("stream", "mine", b"2")
    await records.delete("stream", "mine")
    third = await records.put("stream", "mine", b"3")
    assert first > ABSENT
    assert len({first, second, third}) == 3


async def test_put_at_the_expected_version(records: Records) -> None:
    version = await records.put("stream", "mine", b"1", expected_version=ABSENT)
    newer = await records.put("stream", "mine", b"2", expected_version=version)
    with pytest.raises(RecordConflict):
        await records.put("stream", "mine", b"3", expected_version=version)
    record = await records.get("stream", "mine")
    assert record is not None
    assert (record.value, record.version) == (b"2", newer)


async def test_create_only_refuses_what_exists(records: Records) -> None:
    await records.put("stream", "mine", b"1")
    with pytest.raises(RecordConflict):
        await records.put("stream", "mine", b"2", expected_version=ABSENT)


async def test_update_of_what_went_away_conflicts(records: Records) -> None:
    version = await records.put("stream", "mine", b"1")
    await records.delete("stream", "mine")
    with pytest.raises(RecordConflict):
        await records.put("stream", "mine", b"2", expected_version=version)


async def test_of_many_creators_one_wins(records: Records) -> None:
    results = await asyncio.gather(
        *(records.put("stream", "mine", b"%d" % n, expected_version=ABSENT) for n in range(20)),
        return_exceptions=True,
    )
    assert sum(isinstance(result, int) for result in results) == 1
    assert sum(isinstance(result, RecordConflict) for result in results) == 19


async def test_delete(records: Records) -> None:
    await records.put("stream", "mine", b"1")
    assert await records.delete("stream", "mine") is True
    assert await records.delete("stream", "mine") is False
    assert await records.get("stream", "mine") is None


async def test_delete_at_the_expected_version(records: Records) -> None:
    version = await records.put("stream", "mine", b"1")
    with pytest.raises(RecordConflict):
        await records.delete("stream", "mine", expected_version=version + 1)
    assert await records.delete("stream", "mine", expected_version=version) is True


async def test_list_goes_in_key_order_and_pages(records: Records) -> None:
    for key in ["b", "a", "Z", "_", "-", "é", "c"]:
        await records.put("stream", key, key.encode())
    await records.put("token", "aa", b"")
    everything = [record.key for record in await records.list_records("stream")]
    assert everything == sorted(["b", "a", "Z", "_", "-", "é", "c"])
    paged: list[str] = []
    while page := await records.list_records("stream", after=paged[-1] if paged else "", limit=3):
        paged += [record.key for record in page]
    assert paged == everything


async def test_time_to_live(records: Records, clock: FakeClock) -> None:
    await records.put("token", "short", b"1", ttl_s=10)
    await records.put("token", "long", b"1", ttl_s=100)
    clock.now_s += 9.9
    assert await records.get("token", "short") is not None
    clock.now_s += 0.1
    assert await records.get("token", "short") is None
    assert [record.key for record in await records.list_records("token")] == ["long"]
    assert await records.delete("token", "short") is False


async def test_an_expired_record_counts_as_absent(records: Records, clock: FakeClock) -> None:
    version = await records.put("token", "t", b"1", ttl_s=10)
    clock.now_s += 11
    with pytest.raises(RecordConflict):
        await records.put("token", "t", b"2", expected_version=version)
    await records.put("token", "t", b"3", expected_version=ABSENT)
    record = await records.get("token", "t")
    assert record is not None
    assert record.value == b"3"
    assert record.expires_at is None


async def test_a_write_without_time_to_live_stays(records: Records, clock: FakeClock) -> None:
    await records.put("token", "t", b"1", ttl_s=10)
    await records.put("token", "t", b"2")
    clock.now_s += 1_000
    assert await records.get("token", "t") is not None


async def test_records_survive_a_restart(opener: Opener) -> None:
    async with opener() as records:
        version = await records.put("stream", "mine", b"kept")
        await records.put("stream", "gone", b"")
        await records.delete("stream", "gone")
    async with opener() as records:
        record = await records.get("stream", "mine")
        assert record is not None
        assert (record.value, record.version) == (b"kept", version)
        assert await records.put("stream", "gone", b"again") > version
        await records.check()
