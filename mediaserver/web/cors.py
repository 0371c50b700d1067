"""Which pages elsewhere may read what we answer. Media is shared with every origin unless settings say which;
the API answers its own origin only, by sending no CORS field at all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from aiohttp import web

EXPOSED: Final = "Accept-Ranges, Content-Length, Content-Range, Date, ETag"
PREFLIGHT_MAX_AGE_S: Final = 86_400


class MediaOrigins:
    """The origins of ``http.allowed_origins``; ``*`` is every one."""

    def __init__(self, origins: Iterable[str]) -> None:
        self._origins = frozenset(origin.rstrip("/").lower() for origin in origins)
        self._everyone = "*" in self._origins

    def allowed(self, request: web.BaseRequest) -> str | None:
        """The value of Access-Control-Allow-Origin for this request, None for none."""
        if self._everyone:
            return "*"
        origin = request.headers.get("Origin")
        return origin if origin is not None and origin.lower() in self._origins else None

    def vary(self, other: str) -> str:
        """The Vary value: ``other``, and Origin where the answer depends on it."""
        if self._everyone:
            return other
        return f"{other}, Origin" if other else "Origin"

    def fields(self, allowed: str | None) -> list[tuple[str, str]]:
        """The CORS fields of an answer whose allowed origin is ``allowed``."""
        if allowed is None:
            return []
        return [
            ("Access-Control-Allow-Origin", allowed),
            ("Access-Control-Expose-Headers", EXPOSED),
            # Pages that are cross-origin isolated may embed it too.
            ("Cross-Origin-Resource-Policy", "cross-origin"),
        ]

    def decorate(self, request: web.BaseRequest, response: web.StreamResponse) -> None:
        """Let an error be read across origins, too: a player must see a 404 as a 404."""
        for name, value in self.fields(self.allowed(request)):
            response.headers[name] = value
        if not self._everyone:
            response.headers["Vary"] = "Origin"

    def decorate_preflight(self, request: web.BaseRequest, response: web.StreamResponse) -> None:
        """The answer to a preflight (Fetch, 4.8)."""
        self.decorate(request, response)
        response.headers["Allow"] = "GET, HEAD, OPTIONS"
        if "Access-Control-Allow-Origin" in response.headers:
            response.headers["Access-Control-Allow-Methods"] = "GET, HEAD, OPTIONS"
            response.headers["Access-Control-Allow-Headers"] = (
                "If-Match, If-None-Match, If-Range, Range, Authorization"
            )
            response.headers["Access-Control-Max-Age"] = str(PREFLIGHT_MAX_AGE_S)
