"""The HTTP application: puts the capabilities behind their routes, with explicit parameters only."""

from __future__ import annotations

import logging
import math
import secrets
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import web

from mediaserver.access.networks import Networks
from mediaserver.settings import HttpSettings
from mediaserver.web.auth import Gate
from mediaserver.web.client import Links, Proxies, check_host
from mediaserver.web.cors import MediaOrigins
from mediaserver.web.health import Check, Exposition, Health
from mediaserver.web.hooks import HookStatistics, RelayHook
from mediaserver.web.media import LiveDelivery
from mediaserver.web.nothing_page import nothing_page, wants_page
from mediaserver.web.openapi import OpenApi, document
from mediaserver.web.pages import DIST, Pages
from mediaserver.web.problems import SERVER, Handler, Problem, problem_of
from mediaserver.web.rate_limit import AddressLimit
from mediaserver.web.raw import Traffic
from mediaserver.web.routes import Route
from mediaserver.web.statistics import StatisticsApi
from mediaserver.web.streams import StreamsApi
from mediaserver.web.tokens import TokensApi

if TYPE_CHECKING:
    from mediaserver.access import Access
    from mediaserver.live.registry import StreamRegistry

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WebStatistics:
    """A moment's view; everything counts since the start."""

    requests: Mapping[str, int]
    """Answers by class: ``2xx`` … ``5xx``."""
    playlist_bytes: int
    media_bytes: int
    hook: HookStatistics
    rate_limited: int
    """Requests above ``http.max_requests_per_address_s``."""


class WebApp:
    """What :func:`build_app` made: the aiohttp application, its route table and its counters."""

    def __init__(
        self,
        app: web.Application,
        routes: Sequence[Route],
        *,
        traffic: Traffic,
        counts: Counter[int],
        hook: RelayHook,
        limit: AddressLimit,
        health: Health,
    ) -> None:
        self.app = app
        self.routes = tuple(routes)
        self._traffic = traffic
        self._counts = counts
        self._hook = hook
        self._limit = limit
        self._health = health

    def readiness(self) -> Mapping[str, bool]:
        """For each check of ``/readyz`` whether it last said ok."""
        return self._health.latest

    def statistics(self) -> WebStatistics:
        classes: Counter[str] = Counter()
        for status, count in self._counts.items():
            classes[f"{status // 100}xx"] += count
        return WebStatistics(
            requests=dict(classes),
            playlist_bytes=self._traffic.playlist_bytes,
            media_bytes=self._traffic.media_bytes,
            hook=self._hook.statistics(),
            rate_limited=self._limit.refused,
        )


def build_app(
    *,
    registry: StreamRegistry,
    access: Access,
    settings: HttpSettings,
    rtmp_port: int | None,
    checks: Mapping[str, Check],
    exposition: Exposition,
    rtmps_port: int | None = None,
    relay_addresses: Iterable[str] = (),
    pages_folder: Path = DIST,
) -> WebApp:
    """Build the whole HTTP interface. Raises ValueError for a trusted proxy or relay that is no address.

    ``rtmp_port`` and ``rtmps_port`` are None while those are off. ``checks`` are what ``/readyz`` asks;
    ``exposition`` makes the metrics page.
    """
    proxies = Proxies(settings.trusted_proxies, public_url=settings.public_url)
    origins = MediaOrigins(settings.allowed_origins)
    links = Links(proxies, public_url=settings.public_url, rtmp_port=rtmp_port, rtmps_port=rtmps_port)
    gate = Gate(access)
    traffic = Traffic()
    counts: Counter[int] = Counter()
    openapi = OpenApi(program_version())
    delivery = LiveDelivery(registry, gate, origins, proxies, traffic, session_salt=secrets.token_bytes(16))
    health = Health(checks, exposition, gate, proxies)
    hook = RelayHook(registry, Networks(relay_addresses), proxies)
    routes = [
        *health.routes(),
        *openapi.routes(),
        *StreamsApi(registry, gate, links).routes(),
        *StatisticsApi(registry, gate).routes(),
        *TokensApi(access, gate).routes(),
        *delivery.routes(),
        *hook.routes(),
        *Pages(pages_folder).routes(),
    ]
    openapi.describe(routes)
    app = web.Application(client_max_size=settings.max_body_bytes)
    app.on_response_prepare.append(_name_server)
    limit = AddressLimit(settings.max_requests_per_address_s)
    door = _Door(app, origins, proxies, counts, limit)
    for route in routes:
        handler = door.guarded(route.handler, media=route.media)
        app.router.add_route(route.method, route.path, handler)
        if route.method == "GET":
            app.router.add_route("HEAD", route.path, handler)
        if route.media:
            app.router.add_route("OPTIONS", route.path, door.guarded(delivery.preflight, media=True))
    # Last: what no row above takes. Without it aiohttp would answer 404 and 405 in its own words.
    app.router.add_route("*", "/{rest:.*}", door.guarded(door.nothing_here, media=False))
    return WebApp(app, routes, traffic=traffic, counts=counts, hook=hook, limit=limit, health=health)


def describe() -> dict[str, Any]:
    """The OpenAPI document without a running server, for the docs."""
    nothing: Any = None
    routes = build_app(
        registry=nothing,
        access=nothing,
        settings=HttpSettings(),
        rtmp_port=None,
        checks={},
        exposition=lambda: (b"", ""),
        pages_folder=Path("/nonexistent"),
    ).routes
    return document(routes, version=program_version())


def program_version() -> str:
    """The installed version, or 0 in a bare checkout."""
    try:
        return installed_version("mediaserver")
    except PackageNotFoundError:
        return "0"


async def _name_server(request: web.Request, response: web.StreamResponse) -> None:
    response.headers["Server"] = SERVER


class _Door:
    """What every request passes: host and target checks in front, problems made answers behind."""

    def __init__(
        self,
        app: web.Application,
        origins: MediaOrigins,
        proxies: Proxies,
        counts: Counter[int],
        limit: AddressLimit,
    ) -> None:
        self._app = app
        self._origins = origins
        self._proxies = proxies
        self._counts = counts
        self._limit = limit

    def guarded(self, handler: Handler, *, media: bool) -> Handler:
        """``handler`` with every way out made an answer, and counted."""
        counts, limited = self._counts, self._limit.is_on

        async def answer(request: web.Request) -> web.StreamResponse:
            try:
                check_host(request)
                if limited:
                    self._check_rate(request)
                response = await handler(request)
            except ConnectionError:
                # The client went away while it was being answered; aiohttp knows what to do.
                raise
            except Exception as error:
                response = problem_of(request, error).response()
                if media:
                    self._origins.decorate(request, response)
            counts[response.status] += 1
            return response

        return answer

    def _check_rate(self, request: web.Request) -> None:
        """Raises 429."""
        address = self._proxies.client_address(request)
        wait_s = self._limit.take(address, time.monotonic())
        if wait_s <= 0:
            return
        if self._limit.should_tell(address):
            log.warning("%s asks more often than http.max_requests_per_address_s allows: 429", address)
        detail = "This address asks more often than this server allows."
        raise Problem(429, "too_many_requests", detail, retry_after_s=math.ceil(wait_s))

    async def nothing_here(self, request: web.Request) -> web.StreamResponse:
        """404, or 405 where another method has a row."""
        allowed: set[str] = set()
        for resource in self._app.router.resources():
            allowed |= (await resource.resolve(request))[1]
        allowed.discard("*")
        if allowed:
            raise Problem(405, "method_not_allowed", f"{request.method} is not for this path.", allow=allowed)
        if wants_page(request):
            return nothing_page()
        raise Problem(404, "not_found", "There is nothing here.")
