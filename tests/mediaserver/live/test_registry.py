"""Who may publish, and what the operator's changes do to who already does."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ingest.publication import Publication, PublishRefused, PublishRequest, Refusal
from mediaserver.live import registry as registry_module
from mediaserver.live.archive import Archive, LoadedRun
from mediaserver.live.records import Checkpoint, StreamChanges, StreamRecord, StreamRecords
from mediaserver.live.registry import StreamRegistry
from mediaserver.live.run import StreamRun
from mediaserver.live.states import StreamState
from mediaserver.settings import LiveSettings
from mediaserver.state.records import RecordsError
from mediaserver.state.sqlite import open_sqlite_records
from tests.mediaserver.live.conftest import AUDIO, VIDEO
from transcoder.media import AccessUnit, Codec

Open = Callable[..., "asynccontextmanager[StreamRegistry]"]


@pytest.fixture
def open_registry(tmp_path: Path) -> Open:
    @asynccontextmanager
    async def opened(
        *, open_publish: bool = False, archive: Archive | None = None
    ) -> AsyncIterator[StreamRegistry]:
        async def no_still(*_: object) -> bytes:
            return b""

        async with (
            open_sqlite_records(tmp_path / "state.sqlite") as records,
            StreamRegistry(
                StreamRecords(records),
                LiveSettings(grace_s=0.0),
                open_publish=open_publish,
                make_worker=lambda *_, **__: None,
                make_still=no_still,
                archive=archive,
            ) as registry,
        ):
            yield registry

    return opened


@pytest.fixture
async def registry(open_registry: Open) -> AsyncIterator[StreamRegistry]:
    async with open_registry() as registry:
        yield registry


class Shelf:
    """Stands in for the archive."""

    def __init__(self) -> None:
        self.runs: list[tuple[str, str]] = []

    async def streams(self) -> list[str]:
        return ["broken", "show"]

    async def load(self, stream: str) -> LoadedRun | None:
        if stream == "broken":
            raise KeyError("a bug of the tests")
        return None

    def clean(self) -> None:
        pass

    async def media(self, stored: object) -> None:
        raise AssertionError("nothing is in a store here")

    def sync(self, stream: str, run: StreamRun) -> None:
        if (stream, run.epoch) not in self.runs:
            self.runs.append((stream, run.epoch))

    def forget(self, stream: str, epoch: str) -> None:
        self.runs.remove((stream, epoch))


async def live(registry: StreamRegistry, key: str) -> Publication:
    """On air, passed through."""
    await registry.create_or_update("show", StreamChanges(ladder="passthrough"))
    publication = await registry.publish(request("show", key))
    await registry.get("show").wait_state(StreamState.STARTING)
    publication.set_track(VIDEO)
    publication.set_track(AUDIO)
    for frame in range(100):
        tick = frame * 3_600
        publication.push(AccessUnit(1, Codec.H264, 90_000, tick, tick, 0, frame % 50 == 0, b"v", 0.0))
        for sound in range(frame * 2, frame * 2 + 2):
            publication.push(
                AccessUnit(2, Codec.AAC, 48_000, sound * 1024, sound * 1024, 1024, True, b"a", 0.0)
            )
    await registry.get("show").wait_state(StreamState.LIVE)
    return publication


def request(stream: str, key: str | None) -> PublishRequest:
    return PublishRequest(protocol="rtmp", stream=stream, key=key, address="127.0.0.1")


async def create(registry: StreamRegistry, name: str = "show") -> str:
    _, key, created = await registry.create_or_update(name, StreamChanges())
    assert created
    assert key is not None
    return key


async def refusal(registry: StreamRegistry, stream: str, key: str | None) -> Refusal:
    with pytest.raises(PublishRefused) as refused:
        await registry.publish(request(stream, key))
    return refused.value.refusal


async def end(registry: StreamRegistry, publication: Publication) -> None:
    publication.close("left")
    stream = registry.get(publication.request.stream)
    if stream is not None:
        await stream.wait_state(StreamState.OFFLINE, StreamState.ENDED)


async def test_the_key_of_the_making_call_opens_the_stream(registry: StreamRegistry) -> None:
    key = await create(registry)
    publication = await registry.publish(request("show", key))
    assert registry.get("show").publication is publication


async def test_where_a_stream_allows_it_another_publisher_takes_over(registry: StreamRegistry) -> None:
    key = await create(registry)
    await registry.create_or_update("show", StreamChanges(takeover=True))
    first = await registry.publish(request("show", key))
    reasons: list[str] = []
    first.on_kick = reasons.append
    second = await registry.publish(request("show", key))
    assert registry.get("show").publication is second
    assert first.ended
    assert reasons == ["another publisher has taken over"]
    assert await refusal(registry, "show", "wrong") is Refusal.WRONG_KEY
    assert not second.ended


async def test_a_drain_waits_for_publishers_that_can_go_elsewhere_and_for_nobody_else(
    registry: StreamRegistry,
) -> None:
    key = await create(registry)
    going = await registry.publish(request("show", key))
    going.on_drain = lambda: True
    staying = await registry.publish(request("other", await create(registry, "other")))
    staying.on_drain = lambda: False
    draining = asyncio.create_task(registry.drain(20.0))
    await asyncio.sleep(0)
    await registry.get("show").wait_state(StreamState.STARTING)
    assert await refusal(registry, "new", "key") is Refusal.DRAINING
    assert not draining.done()
    going.close("moved")
    async with asyncio.timeout(5):
        await draining
    assert not staying.ended


async def test_a_change_makes_no_new_key(registry: StreamRegistry) -> None:
    await create(registry)
    record, key, created = await registry.create_or_update("show", StreamChanges(title="Evening"))
    assert (record.title, key, created) == ("Evening", None, False)
    assert registry.get("show").record.title == "Evening"


@pytest.mark.parametrize(
    ("stream", "key"), [("show", "wrong"), ("show", None), ("show", ""), ("nobody", "x")]
)
async def test_wrong_keys_and_unknown_streams_are_refused_alike(
    registry: StreamRegistry, stream: str, key: str | None
) -> None:
    await create(registry)
    assert await refusal(registry, stream, key) is Refusal.WRONG_KEY


@pytest.mark.parametrize("name", ["", "../etc", "a" * 65, "über", "a b", "a\n", "a/b", "-f?x"])
async def test_names_outside_the_grammar_are_refused(registry: StreamRegistry, name: str) -> None:
    assert await refusal(registry, name, "key") is Refusal.BAD_NAME


async def test_a_second_publisher_is_refused_until_the_first_has_left(registry: StreamRegistry) -> None:
    key = await create(registry)
    first = await registry.publish(request("show", key))
    assert await refusal(registry, "show", key) is Refusal.BUSY
    await end(registry, first)
    await registry.publish(request("show", key))


async def test_a_new_key_makes_the_old_one_void(registry: StreamRegistry) -> None:
    old = await create(registry)
    new = await registry.new_key("show")
    assert await refusal(registry, "show", old) is Refusal.WRONG_KEY
    await registry.publish(request("show", new))


async def test_who_was_thrown_out_needs_a_new_key_or_a_minute(
    registry: StreamRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await create(registry)
    publication = await registry.publish(request("show", key))
    reasons: list[str] = []
    publication.on_kick = reasons.append
    assert registry.kick("show", "operator")
    assert reasons == ["operator"]
    assert await refusal(registry, "show", key) is Refusal.THROWN_OUT
    assert 59 < registry.barred_s("show") <= 60
    await registry.publish(request("show", await registry.new_key("show")))
    assert registry.barred_s("show") == 0


async def test_throwing_out_nobody_is_told(registry: StreamRegistry) -> None:
    await create(registry)
    assert not registry.kick("show", "operator")
    assert not registry.kick("nobody", "operator")


async def test_deleting_a_stream_ends_its_publication(registry: StreamRegistry) -> None:
    key = await create(registry)
    publication = await registry.publish(request("show", key))
    await registry.delete("show")
    assert publication.end_reason == "the stream was deleted"
    assert registry.get("show") is None
    with pytest.raises(KeyError):
        await registry.delete("show")


async def test_a_delete_ends_though_nobody_waits_for_it_and_spares_the_next_stream_of_that_name(
    open_registry: Open,
) -> None:
    shelf = Shelf()
    async with open_registry(archive=shelf) as registry:
        await live(registry, await create(registry))
        old = registry.get("show")
        deleting = asyncio.create_task(registry.delete("show"))
        while registry.get("show") is not None:  # noqa: ASYNC110
            await asyncio.sleep(0)
        deleting.cancel()
        await asyncio.gather(deleting, return_exceptions=True)
        await live(registry, await create(registry))
        while not old.is_idle:  # noqa: ASYNC110
            await asyncio.sleep(0)
        assert len(shelf.runs) == 1
        assert registry.get("show").state is StreamState.LIVE


async def test_a_run_that_cannot_be_taken_up_keeps_no_server_from_starting(open_registry: Open) -> None:
    async with open_registry(archive=Shelf(), open_publish=True) as registry:
        assert registry.all() == []
        publication = await registry.publish(request("broken", None))
        assert not publication.ended


async def test_who_is_still_being_checked_when_the_drain_begins_stays_out(
    registry: StreamRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await create(registry)
    verify = registry._records.verify_key

    async def slow(name: str, shown: str) -> bool:
        await registry.drain(0)
        return await verify(name, shown)

    monkeypatch.setattr(registry._records, "verify_key", slow)
    assert await refusal(registry, "show", key) is Refusal.DRAINING


async def test_asking_for_unknown_names_leaves_no_trace(registry: StreamRegistry) -> None:
    for number in range(1000):
        assert registry.get(f"name{number}") is None
    assert registry.all() == []


async def test_open_publishing_takes_unknown_names_but_not_known_ones_without_key(
    open_registry: Open,
) -> None:
    async with open_registry(open_publish=True) as registry:
        await create(registry, "kept")
        assert await refusal(registry, "kept", None) is Refusal.WRONG_KEY
        publication = await registry.publish(request("anything", None))
        assert registry.get("anything").record is None
        await end(registry, publication)
        await registry.publish(request("other", None))
        assert registry.get("anything") is None


async def test_streams_without_a_record_have_a_limit(
    open_registry: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry_module, "MAX_UNRECORDED", 2)
    async with open_registry(open_publish=True) as registry:
        publications = [await registry.publish(request(f"s{number}", None)) for number in range(2)]
        for number in range(2):
            await registry.get(f"s{number}").wait_state(StreamState.STARTING)
        assert await refusal(registry, "s3", None) is Refusal.OVERLOADED
        assert not any(publication.ended for publication in publications)


async def test_streams_without_a_record_that_come_at_once_are_all_on_air(open_registry: Open) -> None:
    async with open_registry(open_publish=True) as registry:
        names = [f"s{number}" for number in range(5)]
        publications = await asyncio.gather(*(registry.publish(request(name, None)) for name in names))
        for name, publication in zip(names, publications, strict=True):
            assert registry.get(name).publication is publication


async def test_a_store_that_cannot_be_written_keeps_no_broadcast_off_the_air(
    registry: StreamRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await create(registry)

    async def disk_full(*_: object, **__: object) -> None:
        raise RecordsError("database or disk is full")

    monkeypatch.setattr(registry._records, "save_checkpoint", disk_full)
    publication = await registry.publish(request("show", key))
    await registry.get("show").wait_state(StreamState.STARTING)
    await end(registry, publication)
    await registry.publish(request("show", key))


async def test_a_store_that_does_not_answer_refuses_publishers_in_words(
    registry: StreamRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await create(registry)

    async def locked(*_: object) -> bool:
        raise RecordsError("database is locked")

    monkeypatch.setattr(registry._records, "verify_key", locked)
    assert await refusal(registry, "show", key) is Refusal.OVERLOADED


async def test_an_unknown_stream_costs_the_same_work_as_a_wrong_key(
    registry: StreamRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    await create(registry)
    asked: list[str] = []
    verify = registry._records.verify_key

    async def counted(name: str, key: str) -> bool:
        asked.append(name)
        return await verify(name, key)

    monkeypatch.setattr(registry._records, "verify_key", counted)
    for name in ("show", "nobody"):
        assert await refusal(registry, name, "wrong") is Refusal.WRONG_KEY
    assert asked == ["show", "nobody"]


async def test_streams_survive_a_restart_and_numbers_do_not_go_back(open_registry: Open) -> None:
    async with open_registry() as registry:
        key = await create(registry)
        await registry._records.save_checkpoint("show", next_msn=41, discontinuity_sequence=3)
    async with open_registry() as registry:
        stream = registry.get("show")
        assert stream is not None
        assert stream.checkpoint().next_msn >= 41
        assert stream.checkpoint().discontinuity_sequence >= 4
        await registry.publish(request("show", key))


def test_numbers_are_above_all_that_a_crashed_process_can_have_used() -> None:
    minute_ago = Checkpoint(next_msn=41, discontinuity_sequence=3, saved_at=time.time() - 60)
    record = StreamRecord(name="show", key_hash="", created_at=0, updated_at=0, checkpoint=minute_ago)
    resumed = registry_module._resumed(record)
    assert resumed is not None
    # Each of its segments may have begun with a discontinuity: timestamps that jump make one.
    assert resumed.next_msn >= 41 + 60
    assert resumed.discontinuity_sequence >= 3 + 60


async def test_a_stopping_server_takes_nobody_in(open_registry: Open) -> None:
    async with open_registry() as registry:
        key = await create(registry)
        publication = await registry.publish(request("show", key))
    assert publication.ended
    assert await refusal(registry, "show", key) is Refusal.DRAINING
