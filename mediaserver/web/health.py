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

    async def healthz(self, request: web.Request) -> web.StreamResponse:
        """Alive: 200 as long as this process can answer at all."""
        return json_response(Alive("ok"))

    async def readyz(self, request: web.Request) -> web.StreamResponse:
        """Ready: every part that we need says ok."""
        answers = await asyncio.gather(*(self._ask(name, check) for name, check in self._checks.items()))
        ready = all(answer == "ok" for answer in answers)
        body = Readiness(ready, dict(zip(self._checks, answers, strict=True)))
        return json_response(body, status=200 if ready else 503)

    async def metrics(self, request: web.Request) -> web.StreamResponse:
        """Prometheus text. Closed to the outside: it names streams."""
        if not self._proxies.is_local(request):
            self._gate.require_operator(request)
        body, content_type = self._exposition()
        return web.Response(body=body, headers={"Content-Type": content_type, "Cache-Control": "no-store"})

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
                description="A request that came through a proxy counts as local only where the proxy is in "
                "`http.trusted_proxies` and forwards a client on this machine.",
                tag="health",
                needs=Needs.OPERATOR_OR_LOCAL,
                answers={200: Answer("Prometheus text format.", content_type="text/plain")},
                problems=frozenset({401, 403}),
            ),
        ]
