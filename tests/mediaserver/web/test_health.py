"""``/healthz``, ``/readyz``, ``/metrics``, and errors of our own."""

from __future__ import annotations

import asyncio
import logging

import pytest

from mediaserver.state.records import RecordsError
from mediaserver.storage.contract import StoreError
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


@pytest.mark.parametrize(
    "fields",
    [
        {"Host": "live.example.org"},
        {"Host": "192.0.2.1:8080"},
        {"Via": "1.1 box"},
        {"X-Real-IP": "127.0.0.1"},
    ],
)
async def test_a_proxy_here_that_says_little_does_not_open_the_metrics(
    door: Door, fields: dict[str, str]
) -> None:
    async with door.client.get("/metrics", headers=fields) as answer:
        assert answer.status == 401


async def test_nginx_as_it_comes_does_not_open_the_metrics(door: Door) -> None:
    """It asks in HTTP/1.0, and under the name of its proxy_pass."""
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    writer.write(b"GET /metrics HTTP/1.0\r\nHost: 127.0.0.1:8080\r\nConnection: close\r\n\r\n")
    assert (await reader.readline()).split()[1] == b"401"
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize("host", ["localhost:1", "[::1]:8080", "127.0.0.1"])
async def test_this_machines_own_names_do(door: Door, host: str) -> None:
    async with door.client.get("/metrics", headers={"Host": host}) as answer:
        assert answer.status == 200


@pytest.mark.parametrize("door", [{"public_url": "https://live.example.org"}], indirect=True)
async def test_where_there_is_a_proxy_the_token_is_needed(door: Door) -> None:
    async with door.client.get("/metrics") as answer:
        assert answer.status == 401
    async with door.client.get("/metrics", headers=door.operator) as answer:
        assert answer.status == 200


@pytest.mark.parametrize(
    "door",
    [{"public_url": "https://live.example.org", "trusted_proxies": ("127.0.0.1",)}],
    indirect=True,
)
async def test_unless_that_proxy_names_its_clients(door: Door) -> None:
    async with door.client.get("/metrics") as answer:
        assert answer.status == 200
    async with door.client.get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"}) as answer:
        assert answer.status == 401


async def test_the_metrics_know_what_the_checks_say_now(door: Door) -> None:
    door.checks["state"] = "no answer"
    async with door.client.get("/metrics"):
        pass
    assert door.web.readiness() == {"state": False}


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


@pytest.mark.parametrize("fault", [RecordsError("the disk is gone"), StoreError("the disk is gone")])
async def test_a_store_that_does_not_answer_is_503_and_no_traceback(
    door: Door, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    async def broken(*_: object) -> None:
        raise fault

    monkeypatch.setattr(door.registry, "create_or_update", broken)
    async with door.client.put("/api/v1/streams/show", headers=door.operator) as answer:
        problem = await answer.json()
        assert (answer.status, problem["code"]) == (503, "store_unavailable")
        assert int(answer.headers["Retry-After"]) >= 1
    assert "disk" not in problem["detail"]
    assert "the disk is gone" in caplog.text
    assert "Traceback" not in caplog.text


BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


async def test_an_address_that_leads_nowhere_is_a_page_for_people(door: Door) -> None:
    async with door.client.get("/wach/show", headers=BROWSER) as answer:
        assert (answer.status, answer.content_type) == (404, "text/html")
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert 'href="/"' in await answer.text()


@pytest.mark.parametrize(
    ("method", "path", "accept"),
    [
        ("GET", "/wach/show", "*/*"),
        ("GET", "/wach/show", "application/json, text/html"),
        ("GET", "/api/v1/nothing", BROWSER["Accept"]),
        ("GET", "/live/nothing", BROWSER["Accept"]),
        ("GET", "/t/TOKEN/live/nothing", BROWSER["Accept"]),
        ("POST", "/wach/show", BROWSER["Accept"]),
    ],
)
async def test_and_a_problem_for_programs(door: Door, method: str, path: str, accept: str) -> None:
    async with door.client.request(method, path, headers={"Accept": accept}) as answer:
        assert (answer.status, answer.content_type) == (404, "application/problem+json")


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
