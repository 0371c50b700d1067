"""Request bodies and page cursors: limits, a deadline, validation by msgspec with the wrong field named."""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import msgspec
from aiohttp import web

from mediaserver.allowed import allowed_in
from mediaserver.web.problems import Problem

T = TypeVar("T")
Item = TypeVar("Item")

BODY_DEADLINE_S: Final = 10.0
"""For a whole body: one that drips is not waited for."""
LIMIT_DEFAULT: Final = 50
LIMIT_MAX: Final = 200

_UNKNOWN_FIELD: Final = re.compile(r"unknown field `(?P<name>[^`]*)`")
_MISSING_FIELD: Final = re.compile(r"missing required field `(?P<name>[^`]*)`")
_AT_PATH: Final = re.compile(r" - at `(?:key in )?\$\.?(?P<path>[^`]*)`$")


async def read_json(request: web.Request, body_type: type[T], *, deadline_s: float = BODY_DEADLINE_S) -> T:
    """The body as ``body_type``; no body at all counts as ``{}``.

    Raises 400 (not JSON), 408 (too slow), 413 (too large), 415 (another type), 422 (a wrong field).
    """
    if request.body_exists and request.content_type != "application/json":
        raise Problem(415, "unsupported_type", "The body must be application/json.", field="Content-Type")
    # RFC 9110, 8.4: content codings other than none are not taken: a small body may hold a large one.
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Problem(
            415, "unsupported_encoding", "The body must not be compressed.", field="Content-Encoding"
        )
    try:
        async with asyncio.timeout(deadline_s):
            raw = await request.read()
    except TimeoutError:
        raise Problem(408, "body_too_slow", f"The body was not here within {deadline_s:g} s.") from None
    except web.HTTPRequestEntityTooLarge:
        raise Problem(413, "body_too_large", "The body is too large.") from None
    except web.RequestPayloadError:
        raise Problem(400, "malformed_body", "The body broke off.") from None
    try:
        return msgspec.json.decode(raw or b"{}", type=body_type)
    except msgspec.ValidationError as error:
        raise invalid(error, body_type) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Problem(400, "malformed_json", "The body is not JSON.") from None


def invalid(error: msgspec.ValidationError, body_type: type | None = None) -> Problem:
    """422 for a body of the wrong shape, with the member that was wrong and what it may be."""
    text = str(error)
    at = _AT_PATH.search(text)
    path = at["path"] if at else ""
    sentence = text[: at.start()] if at else text
    member = _UNKNOWN_FIELD.search(text) or _MISSING_FIELD.search(text)
    parts = [part for part in (path, member["name"] if member else "") if part]
    if member is None and body_type is not None and issubclass(body_type, msgspec.Struct):
        named = re.split(r"[.\[]", path, maxsplit=1)[0]
        if (rule := allowed_in(body_type, named)) is not None:
            sentence = f"{named} {rule}"
    if (unknown := _UNKNOWN_FIELD.search(text)) and body_type is not None:
        sentence = f"There is no {unknown['name'][:40]}; there are {', '.join(_member_names(body_type))}"
    return Problem(422, "invalid_field", f"{sentence}.", field=".".join(parts) or None)


def _member_names(body_type: type) -> tuple[str, ...]:
    return getattr(body_type, "__struct_encode_fields__", ())


def paginate(
    request: web.Request, rows: Sequence[Item], name_of: Callable[[Item], str]
) -> tuple[Sequence[Item], str | None]:
    """The rows after ``?cursor=``, at most ``?limit=``, and the next cursor. ``rows`` are sorted by name.

    The cursor holds the last name, so that rows which come and go between two pages shift nothing.
    """
    limit = _limit(_single(request, "limit"))
    after = _decode_cursor(_single(request, "cursor"))
    rest = [row for row in rows if after is None or name_of(row) > after]
    page = rest[:limit]
    return page, _encode_cursor(name_of(page[-1])) if len(rest) > limit else None


def _single(request: web.Request, name: str) -> str | None:
    values = request.query.getall(name, [])
    if len(values) > 1:
        raise Problem(422, "invalid_field", f"{name} is there twice.", field=name)
    return values[0] if values else None


def _limit(text: str | None) -> int:
    if text is None:
        return LIMIT_DEFAULT
    if not re.fullmatch(r"[0-9]{1,6}", text, re.ASCII) or not 1 <= int(text) <= LIMIT_MAX:
        raise Problem(422, "invalid_field", f"limit must be an integer from 1 to {LIMIT_MAX}.", field="limit")
    return int(text)


def _encode_cursor(name: str) -> str:
    return base64.urlsafe_b64encode(name.encode()).decode().rstrip("=")


def _decode_cursor(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,128}", text, re.ASCII):
            raise ValueError(text)
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except (ValueError, binascii.Error):
        raise Problem(422, "invalid_field", "That is not a cursor of ours.", field="cursor") from None


def json_response(body: object, *, status: int = 200, cache_control: str = "no-store") -> web.Response:
    """``body`` as JSON. API answers are never stored unless said otherwise: some hold secrets."""
    return web.Response(
        status=status,
        body=msgspec.json.encode(body),
        content_type="application/json",
        headers={"Cache-Control": cache_control, "X-Content-Type-Options": "nosniff"},
    )
