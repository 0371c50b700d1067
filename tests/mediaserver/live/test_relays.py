"""What a relay was granted, on real records, and what the registry makes of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ingest.publication import PublishRefused, PublishRequest, Refusal
from mediaserver.live.records import StreamChanges, StreamRecords
from mediaserver.live.registry import StreamRegistry
from mediaserver.live.relays import GRANT_KIND, GRANT_TTL_S, MAX_GRANTS, RelayGrants, same_peer
from mediaserver.settings import LiveSettings
from mediaserver.state.records import Records
from mediaserver.state.sqlite import open_sqlite_records

RELAY, OTHER_RELAY, STRANGER = "10.0.0.5", "10.0.0.6", "203.0.113.9"


@pytest.fixture
def clock() -> list[float]:
    return [1_800_000_000.0]


@pytest.fixture
async def records(tmp_path: Path, clock: list[float]) -> AsyncIterator[Records]:
    async with open_sqlite_records(tmp_path / "state.sqlite3", clock=lambda: clock[0]) as opened:
        yield opened


@pytest.fixture
async def registry(records: Records) -> AsyncIterator[StreamRegistry]:
    async def no_still(*_: object) -> bytes:
        return b""

    async with StreamRegistry(
        StreamRecords(records),
        LiveSettings(),
        open_publish=False,
        make_worker=None,  # type: ignore[arg-type]
        make_still=no_still,
        relays=RelayGrants(records, ["10.0.0.0/24"]),
    ) as registry:
        yield registry


def request(key: str | None, address: str = RELAY, stream: str = "show") -> PublishRequest:
    return PublishRequest(protocol="rtmp", stream=stream, key=key, address=address)


async def make_show(registry: StreamRegistry) -> str:
    _, key, _ = await registry.create_or_update("show", StreamChanges())
    assert key is not None
    return key


async def refusal(registry: StreamRegistry, asked: PublishRequest) -> Refusal:
    with pytest.raises(PublishRefused) as caught:
        await registry.publish(asked)
    return caught.value.refusal


async def test_what_was_granted_comes_in_without_a_key(registry: StreamRegistry) -> None:
    key = await make_show(registry)
    assert await refusal(registry, request(None)) is Refusal.WRONG_KEY
    await registry.allow_relay(request(key), "7")
    publication = await registry.publish(request(None))
    publication.close("over")


@pytest.mark.parametrize("address", [OTHER_RELAY, STRANGER, "127.0.0.1"])
async def test_a_grant_is_for_the_relay_that_asked(
    registry: StreamRegistry, address: str, caplog: pytest.LogCaptureFixture
) -> None:
    await registry.allow_relay(request(await make_show(registry)), "7")
    assert await refusal(registry, request(None, address)) is Refusal.WRONG_KEY
    # Who set the relay up reads why.
    assert ("was not granted" in caplog.text) is (address == OTHER_RELAY)


async def test_a_wrong_key_is_not_covered_by_a_grant(registry: StreamRegistry) -> None:
    await registry.allow_relay(request(await make_show(registry)), "7")
    assert await refusal(registry, request("wrong")) is Refusal.WRONG_KEY


@pytest.mark.parametrize("key", [None, "", "wrong"])
async def test_another_client_of_the_relay_needs_the_key_too(
    registry: StreamRegistry, key: str | None
) -> None:
    await registry.allow_relay(request(await make_show(registry)), "7")
    with pytest.raises(PublishRefused) as caught:
        await registry.allow_relay(request(key), "8")
    assert caught.value.refusal is Refusal.WRONG_KEY


async def test_only_who_was_granted_ends_a_grant(registry: StreamRegistry) -> None:
    """nginx-rtmp says ``publish_done`` of a publisher that was refused, too."""
    await registry.allow_relay(request(await make_show(registry)), "7")
    await registry.end_relay(request(None), "8")
    (await registry.publish(request(None))).close("over")
    await registry.end_relay(request(None), "7")
    assert await refusal(registry, request(None)) is Refusal.WRONG_KEY


async def test_a_new_key_ends_a_grant(registry: StreamRegistry) -> None:
    await registry.allow_relay(request(await make_show(registry)), "7")
    await registry.new_key("show")
    assert await refusal(registry, request(None)) is Refusal.WRONG_KEY


async def test_a_grant_is_there_after_a_restart_and_ends_with_its_time(
    registry: StreamRegistry, records: Records, clock: list[float]
) -> None:
    key = await make_show(registry)
    await registry.allow_relay(request(key), "7")
    record = await StreamRecords(records).get("show")
    assert record is not None
    after_restart = RelayGrants(records, [RELAY])
    assert await after_restart.holds("show", RELAY, record.key_hash)
    clock[0] += GRANT_TTL_S + 1
    assert not await after_restart.holds("show", RELAY, record.key_hash)


async def test_who_is_thrown_out_is_not_let_in_by_a_relay(registry: StreamRegistry) -> None:
    key = await make_show(registry)
    await registry.allow_relay(request(key), "7")
    await registry.publish(request(None))
    assert registry.kick("show", "thrown out")
    for ask in (registry.allow_relay(request(key), "8"), registry.publish(request(None))):
        with pytest.raises(PublishRefused) as caught:
            await ask
        assert caught.value.refusal is Refusal.THROWN_OUT


async def test_a_stream_that_somebody_else_is_on_is_busy(registry: StreamRegistry) -> None:
    key = await make_show(registry)
    publication = await registry.publish(request(key, STRANGER))
    with pytest.raises(PublishRefused) as caught:
        await registry.allow_relay(request(key), "7")
    assert caught.value.refusal is Refusal.BUSY
    publication.close("over")
    await registry.allow_relay(request(key), "7")


async def test_grants_that_a_dead_relay_left_stay_few(records: Records) -> None:
    grants = RelayGrants(records, [RELAY])
    for client in range(20):
        await grants.grant("show", RELAY, str(client), "ab" * 32)
    await grants.grant("show-2", RELAY, "1", "ab" * 32)
    assert len(await records.list_records(GRANT_KIND)) == MAX_GRANTS + 1


def test_one_peer_has_many_addresses() -> None:
    assert same_peer("::ffff:10.0.0.5", "10.0.0.5")
    assert same_peer("127.0.0.1", "::1")
    assert not same_peer("10.0.0.5", "10.0.0.6")
    assert not same_peer("unknown", "10.0.0.5")
