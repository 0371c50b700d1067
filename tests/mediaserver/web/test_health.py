"""``/healthz``, ``/readyz``, ``/metrics``, and errors of our own."""

from __future__ import annotations

import logging

import pytest

from tests.mediaserver.web.conftest import Door


async def test_alive(door: Door) -> None:
    async with door.client.get("/healthz") as answer:
        assert (answer.status, await answer.json()) == (200, {"status": "ok"})
        assert answer.headers["Server"] == "mediaserver"


async def test_ready_or_why_not(door: Door) -> None:
    async with door.client.get("/readyz") as answer:
        assert (answer.status, await answer.json()) == (200, {"ready": True, "checks": {"state": "ok"}})
    door.checks["state"] = "the disk is full"
    async with door.client.get("/readyz") as answer:
        assert answer.status == 503
        assert await answer.json() == {"ready": False, "checks": {"state": "the disk is full"}}


async def test_a_check_that_breaks_is_not_ready(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    del door.checks["state"]
    with caplog.at_level(logging.CRITICAL, "mediaserver.web.health"):
        async with door.client.get("/readyz") as answer:
            assert answer.status == 503


async def test_metrics_are_for_this_machine_and_the_operator(door: Door) -> None:
    async with door.client.get("/metrics") as answer:
        assert (answer.status, await answer.read()) == (200, b"# metrics\n")
    forwarded = {"X-Forwarded-For": "203.0.113.9"}
    async with door.client.get("/metrics", headers=forwarded) as answer:
        assert answer.status == 401
    async with door.client.get("/metrics", headers=forwarded | door.operator) as answer:
        assert answer.status == 200


async def test_our_fault_is_500_without_an_inner_word(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    door.registry.add("show").broken = True
    async with door.client.get("/live/show/master.m3u8?session=secret-session") as answer:
        text = await answer.text()
    assert answer.status == 500
    assert "/etc/secret" not in text
    assert "Traceback" not in text
    request_id = text.partition("the log names it ")[2][:12]
    assert request_id in caplog.text
    assert "secret-session" not in caplog.text


async def test_a_token_in_the_path_is_not_logged(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    door.registry.add("show").broken = True
    door.access.give("TOKEN", ("view", "stream:show"))
    async with door.client.get("/t/TOKEN/live/show/master.m3u8") as answer:
        assert answer.status == 500
    assert "TOKEN" not in caplog.text
    assert "/t/…/live/show/master.m3u8" in caplog.text


async def test_answers_are_counted_by_class(door: Door) -> None:
    for path in ("/healthz", "/nothing", "/nothing-else"):
        async with door.client.get(path):
            pass
    assert door.web.statistics().requests == {"2xx": 1, "4xx": 2}
