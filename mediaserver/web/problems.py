"""Errors as the client sees them: ``application/problem+json`` (RFC 9457), one stable code each.

A handler raises :class:`Problem`; the application turns it, and everything that escapes by accident, into an
answer. No traceback and no inner word ever reaches a client: what is ours is logged with a request id.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable, Iterable
from http import HTTPStatus

import msgspec
from aiohttp import web

from mediaserver.state.records import RecordsError
from mediaserver.storage.contract import StoreError

log = logging.getLogger(__name__)

RETRY_AFTER_S = 2
SERVER = "mediaserver"
"""What we say we are: no versions, neither ours nor of what we stand on."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ProblemDetails(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """RFC 9457, 3.1, with two members of ours: ``code`` for programs and ``field`` for forms."""

    type: str
    """A URI that names the kind of problem; stable, and not meant to be fetched."""
    title: str
    status: int
    detail: str
    code: str
    """Stable, lower case with underscores: what a program compares."""
    field: str | None = None
    """The member of the body, query or path that was wrong."""


class Problem(Exception):
    """The peer's fault (4xx) or ours (5xx), as it will be answered."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        field: str | None = None,
        retry_after_s: int | None = None,
        allow: Iterable[str] = (),
        content_range: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.field = field
        self.retry_after_s = retry_after_s
        self.allow = tuple(sorted(allow))
        self.content_range = content_range

    def details(self) -> ProblemDetails:
        """The body."""
        return ProblemDetails(
            type=f"urn:mediaserver:problem:{self.code}",
            title=HTTPStatus(self.status).phrase,
            status=self.status,
            detail=self.detail,
            code=self.code,
            field=self.field,
        )

    def response(self) -> web.Response:
        """The whole answer. Errors are never stored: the next request may well succeed."""
        response = web.Response(
            status=self.status,
            body=msgspec.json.encode(self.details()),
            content_type="application/problem+json",
            headers={
                "Cache-Control": "no-store",
                "X-Content-Type-Options": "nosniff",
                "Server": SERVER,
            },
        )
        if self.status == 401:
            # RFC 9110, 15.5.2: "The server generating a 401 response MUST send a WWW-Authenticate header".
            response.headers["WWW-Authenticate"] = 'Bearer realm="mediaserver"'
        if self.retry_after_s is not None:
            response.headers["Retry-After"] = str(self.retry_after_s)
        if self.content_range is not None:
            # RFC 9110, 15.5.17: a 416 "SHOULD generate a Content-Range header field specifying the current
            # length".
            response.headers["Content-Range"] = self.content_range
        if self.status == 405:
            # RFC 9110, 15.5.6: "The origin server MUST generate an Allow header field in a 405 response".
            response.headers["Allow"] = ", ".join(self.allow)
        return response


def unauthenticated() -> Problem:
    """No token, or one that does not hold: equal whether the thing asked for exists or not."""
    return Problem(401, "unauthenticated", "This needs a valid token: Authorization: Bearer {token}.")


def forbidden() -> Problem:
    """A good token for something else: equal whether the thing asked for exists or not."""
    return Problem(403, "forbidden", "This token does not allow that.")


def not_found() -> Problem:
    """There is nothing of that name."""
    return Problem(404, "not_found", "There is nothing here.")


def problem_of(request: web.BaseRequest, error: Exception) -> Problem:
    """What is answered for anything that a handler raised."""
    match error:
        case Problem():
            return error
        case RecordsError() | StoreError():
            # It has a name, so the log needs no traceback; and the client may try again.
            log.error("%s %s: the store does not answer: %s", request.method, redacted_path(request), error)
            return Problem(
                503, "store_unavailable", "The store does not answer. Try again.", retry_after_s=RETRY_AFTER_S
            )
        case _:
            return internal_error(request, error)


def internal_error(request: web.BaseRequest, error: BaseException | None) -> Problem:
    """Our fault: the client gets an id, the log gets the id and the traceback (never the query)."""
    request_id = secrets.token_hex(6)
    log.error("request %s failed: %s %s", request_id, request.method, redacted_path(request), exc_info=error)
    return Problem(500, "internal_error", f"Something broke here; the log names it {request_id}.")


def redacted_path(request: web.BaseRequest) -> str:
    """The path for the log: without the query, and without the token of ``/t/{token}/…``."""
    path = request.rel_url.raw_path
    if path.startswith("/t/"):
        _, _, rest = path[3:].partition("/")
        path = f"/t/…/{rest}"
    return path[:200]
