"""Is it alive, is it ready, and how is it doing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import msgspec
from aiohttp import web

from mediaserver.web.auth import Gate
from mediaserver.web.bodies import json_response
from mediaserver.web.client import Proxies
from mediaserver.web.routes import Answer, Needs, Route

log = logging.getLogger(__name__)

Check = Callable[[], Awaitable[str]]
"""Answers ``ok`` or, in a few words, why not."""
Exposition = Callable[[], tuple[bytes, str]]
"""The metrics page and its content type."""

CHECK_DEADLINE_S: Final = 2.0


class Alive(msgspec.Struct, frozen=True):
    """The event loop answers."""

    status: str


class Readiness(msgspec.Struct, frozen=True):
    """Whether new work should be sent here."""

    ready: bool
    checks: dict[str, str]
    """For each part that we need: ``ok``, or why not."""


class Health:
    """``/healthz``, ``/readyz`` and ``/metrics``."""

    def __init__(
        self, checks: Mapping[str, Check], exposition: Exposition, gate: Gate, proxies: Proxies
    ) -> None:
        self._checks = checks
        self._exposition = exposition
        self._gate = gate
        self._proxies = proxies
        self._latest: dict[str, bool] = {}
        self._told_open = False

    @property
    def latest(self) -> Mapping[str, bool]:
        """For each check whether it last said ok."""
        return self._latest

    async def healthz(self, request: web.Request) -> web.StreamResponse:
        """Alive: 200 as long as this process can answer at all."""
        return json_response(Alive("ok"))

    async def readyz(self, request: web.Request) -> web.StreamResponse:
        """Ready: every part that we need says ok."""
        answers = await self._ask_all()
        ready = all(self._latest.values())
        return json_response(Readiness(ready, answers), status=200 if ready else 503)

    async def metrics(self, request: web.Request) -> web.StreamResponse:
        """Prometheus text. Closed to the outside: it names streams."""
        self._check_may_scrape(request)
        # The page shows what the checks say now, not what they said when somebody last asked.
        await self._ask_all()
        body, content_type = self._exposition()
        return web.Response(body=body, headers={"Content-Type": content_type, "Cache-Control": "no-store"})

    def _check_may_scrape(self, request: web.Request) -> None:
        """Raises 401 or 403 for who is neither the operator nor, beyond doubt, on this machine."""
        if "Authorization" in request.headers or not self._proxies.is_surely_local(request):
            self._gate.require_operator(request)
        elif not self._told_open:
            self._told_open = True
            log.info(
                "/metrics was read from this machine without a token, which is allowed; "
                "a proxy here that adds no X-Forwarded-For must not pass it on"
            )

    async def _ask_all(self) -> dict[str, str]:
        answers = await asyncio.gather(*(self._ask(name, check) for name, check in self._checks.items()))
        self._latest = {name: answer == "ok" for name, answer in zip(self._checks, answers, strict=True)}
        return dict(zip(self._checks, answers, strict=True))

    async def _ask(self, name: str, check: Check) -> str:
        try:
            async with asyncio.timeout(CHECK_DEADLINE_S):
                return await check()
        except TimeoutError:
            return f"no answer within {CHECK_DEADLINE_S:g} s"
        except Exception:
            log.exception("the readiness check %s broke", name)
            return "the check itself broke; the log says how"

    def routes(self) -> list[Route]:
        return [
            Route(
                method="GET",
                path="/healthz",
                handler=self.healthz,
                summary="Alive",
                tag="health",
                needs=Needs.NOTHING,
                answers={200: Answer("The process answers.", Alive)},
            ),
            Route(
                method="GET",
                path="/readyz",
                handler=self.readyz,
                summary="Ready",
                tag="health",
                needs=Needs.NOTHING,
                answers={
                    200: Answer("Everything that is needed works.", Readiness),
                    503: Answer("Something does not, or the server is stopping.", Readiness),
                },
            ),
            Route(
                method="GET",
                path="/metrics",
                handler=self.metrics,
                summary="Metrics for Prometheus",
                description="Without a token only for a client on this machine that asks for it under one "
                "of the machine's own names (`127.0.0.1`, `localhost`, `[::1]`) in HTTP/1.1. A request that "
                "came through a proxy is none, unless the proxy is in `http.trusted_proxies` and forwards "
                "such a client. With `http.public_url` set there is a proxy: then the token is needed, "
                "unless that proxy is trusted.",
                tag="health",
                needs=Needs.OPERATOR_OR_LOCAL,
                answers={200: Answer("Prometheus text format.", content_type="text/plain")},
                problems=frozenset({401, 403}),
            ),
        ]
