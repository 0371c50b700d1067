"""A whole HTTP door on a free loopback port, with fakes behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import ClientSession, ClientTimeout, DummyCookieJar

from mediaserver.settings import HttpSettings
from mediaserver.web.app import WebApp, build_app
from mediaserver.web.listener import Listener
from tests.mediaserver.web.fakes import OPERATOR_TOKEN, FakeAccess, FakeRegistry


@dataclass
class Door:
    """The running door, what stands behind it, and a client in front."""

    registry: FakeRegistry
    access: FakeAccess
    web: WebApp
    listener: Listener
    client: ClientSession
    checks: dict[str, str]

    @property
    def port(self) -> int:
        return self.listener.port

    @property
    def operator(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {OPERATOR_TOKEN}"}


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop turn until ``condition`` holds: for what only the other side of a socket brings about."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0)


@pytest.fixture
async def door(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Door]:
    """Settings may be given by ``@pytest.mark.parametrize("door", [{...}], indirect=True)``."""
    chosen = dict(getattr(request, "param", {}))
    relay_addresses = chosen.pop("relay_addresses", ())
    settings = HttpSettings(host="127.0.0.1", port=0, **chosen)
    registry, access, checks = FakeRegistry(), FakeAccess(), {"state": "ok"}

    async def check_state() -> str:
        return checks["state"]

    web = build_app(
        registry=registry,  # type: ignore[arg-type]
        access=access,  # type: ignore[arg-type]
        settings=settings,
        rtmp_port=1935,
        checks={"state": check_state},
        exposition=lambda: (b"# metrics\n", "text/plain; version=0.0.4"),
        relay_addresses=relay_addresses,
        pages_folder=tmp_path,
    )
    listener = Listener(web.app, settings, shutdown_timeout_s=0.5)
    async with (
        listener,
        ClientSession(
            f"http://127.0.0.1:{listener.port}", timeout=ClientTimeout(total=20), cookie_jar=DummyCookieJar()
        ) as client,
    ):
        yield Door(registry, access, web, listener, client, checks)
