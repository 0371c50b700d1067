"""Requests of one address: the bucket, and the answer at the door."""

from __future__ import annotations

import logging

import pytest

from mediaserver.web.rate_limit import AddressLimit, limited_client
from tests.mediaserver.web.conftest import Door

CLIENT = "203.0.113.9"


def taken(limit: AddressLimit, count: int, now_s: float, address: str = CLIENT) -> int:
    """How many of ``count`` requests go on."""
    return sum(limit.take(address, now_s) == 0.0 for _ in range(count))


def test_a_burst_of_two_seconds_then_the_rate() -> None:
    limit = AddressLimit(10)
    assert taken(limit, 100, 0.0) == 20
    assert limit.refused == 80
    assert limit.take(CLIENT, 0.0) == pytest.approx(0.1)
    assert taken(limit, 100, 1.0) == 10
    assert taken(limit, 100, 60.0) == 20


def test_addresses_do_not_share() -> None:
    limit = AddressLimit(10)
    taken(limit, 100, 0.0)
    assert taken(limit, 100, 0.0, "203.0.113.10") == 20


def test_zero_is_no_limit_and_this_machine_has_none() -> None:
    assert taken(AddressLimit(0), 1_000, 0.0) == 1_000
    for address in ("127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"):
        assert taken(AddressLimit(1), 1_000, 0.0, address) == 1_000


def test_an_ipv6_subscriber_is_one_client() -> None:
    assert limited_client("2001:db8:1:2::1") == limited_client("2001:db8:1:2:ffff::9")
    assert limited_client("2001:db8:1:2::1") != limited_client("2001:db8:1:3::1")
    assert limited_client("::ffff:203.0.113.9") == CLIENT
    assert limited_client("no address") == "no address"


def test_memory_is_bounded() -> None:
    limit = AddressLimit(10, max_addresses=100)
    for number in range(10_000):
        limit.take(f"10.0.{number >> 8}.{number & 255}", 0.0)
    assert len(limit) == 100


def test_the_log_hears_once_until_it_is_calm_again() -> None:
    limit = AddressLimit(10)
    taken(limit, 21, 0.0)
    assert limit.should_tell(CLIENT)
    assert not limit.should_tell(CLIENT)
    taken(limit, 21, 60.0)
    taken(limit, 21, 60.1)
    assert limit.should_tell(CLIENT)


class TestAtTheDoor:
    @pytest.mark.parametrize(
        "door", [{"max_requests_per_address_s": 2, "trusted_proxies": ("127.0.0.1",)}], indirect=True
    )
    async def test_429_with_retry_after_for_the_address_behind_the_proxy(
        self, door: Door, caplog: pytest.LogCaptureFixture
    ) -> None:
        door.registry.add("show")
        forwarded = {"X-Forwarded-For": CLIENT}
        statuses = []
        for _ in range(6):
            async with door.client.get("/live/show/poster.jpg", headers=forwarded) as answer:
                statuses.append(answer.status)
                last = answer
                body = await answer.json()
        assert statuses == [404] * 4 + [429] * 2
        assert body["code"] == "too_many_requests"
        assert last.headers["Retry-After"] == "1"
        assert last.headers["Access-Control-Allow-Origin"] == "*"
        assert door.web.statistics().rate_limited == 2
        told = [record for record in caplog.records if CLIENT in record.getMessage()]
        assert len(told) == 1
        assert "max_requests_per_address_s" in told[0].getMessage()
        assert told[0].levelno == logging.WARNING
        async with door.client.get("/healthz", headers={"X-Forwarded-For": "203.0.113.10"}) as answer:
            assert answer.status == 200

    @pytest.mark.parametrize("door", [{"max_requests_per_address_s": 1}], indirect=True)
    async def test_a_bench_on_this_machine_has_no_limit(self, door: Door) -> None:
        for _ in range(20):
            async with door.client.get("/healthz") as answer:
                assert answer.status == 200
