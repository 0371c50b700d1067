"""What nginx-rtmp asks: may this client publish? Only for the servers in ``rtmp.relay_addresses``.

nginx-rtmp looks at nothing but the status: 2xx lets the publisher go on, everything else throws it out. What
its client wrote behind the stream's name comes last in the form and as it was written, so a field that is
there twice was forged.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, urlsplit

from aiohttp import web

from ingest.publication import PublishRefused, PublishRequest, Refusal
from mediaserver.web.problems import Problem
from mediaserver.web.routes import Answer, Needs, Route

if TYPE_CHECKING:
    from mediaserver.access.networks import Networks
    from mediaserver.live.registry import StreamRegistry
    from mediaserver.web.client import Proxies

log = logging.getLogger(__name__)

FORM_TYPE: Final = "application/x-www-form-urlencoded"
FORM_LIMIT_BYTES: Final = 16 << 10
FIELD_LIMIT: Final = 64
FORM_DEADLINE_S: Final = 5.0

_UPDATES: Final = frozenset({"update", "update_publish"})
_NOTICES: Final = frozenset({"done", "play_done", "update_play", "record_done", "disconnect"})
"""Calls that ask for nothing, or for nothing of ours: a refusal would throw out a player of the relay's."""
_STATUS: Final[Mapping[Refusal, int]] = {
    Refusal.BAD_NAME: 403,
    Refusal.WRONG_KEY: 403,
    Refusal.THROWN_OUT: 403,
    Refusal.BUSY: 409,
    Refusal.DRAINING: 503,
    Refusal.OVERLOADED: 503,
}
RETRY_AFTER_S: Final = 3
TOLD_LIMIT: Final = 32
"""Foreign addresses of which the log hears, once each."""


@dataclass(frozen=True, slots=True)
class HookStatistics:
    """Since the start."""

    accepted: int
    """Publishers that a relay may take in."""
    refused: int
    foreign: int
    """Calls from addresses that are no relays."""


class RelayHook:
    """The handler of ``/hooks/nginx-rtmp``."""

    def __init__(self, registry: StreamRegistry, relays: Networks, proxies: Proxies) -> None:
        self._registry = registry
        self._relays = relays
        self._proxies = proxies
        self._counts: Counter[str] = Counter()
        self._told: set[str] = set()
        """Foreign addresses that the log has heard of."""

    def statistics(self) -> HookStatistics:
        return HookStatistics(self._counts["accepted"], self._counts["refused"], self._counts["foreign"])

    async def nginx_rtmp(self, request: web.Request) -> web.StreamResponse:
        """Answer one call of nginx-rtmp."""
        address = self._relay_address(request)
        fields = await _form(request)
        call, name = fields.get("call", ""), fields.get("name", "")
        if call == "publish" or call in _UPDATES:
            await self._ask(address, fields, is_new=call == "publish")
        elif call == "publish_done":
            await self._end(address, fields)
        elif call not in _NOTICES:
            raise Problem(422, "invalid_field", "call must be publish, publish_done or update.", field="call")
        else:
            log.debug("relay %s: %s of %s", address, call, name)
        return web.Response(status=204)

    def _relay_address(self, request: web.Request) -> str:
        """Raises 403 for who is no relay."""
        address = self._proxies.client_address(request)
        if address in self._relays and not self._proxies.hides_client(request):
            return address
        self._counts["foreign"] += 1
        # Every time would let strangers fill the log.
        if address not in self._told and len(self._told) < TOLD_LIMIT:
            self._told.add(address)
            log.warning("%s asks /hooks/nginx-rtmp and is not in rtmp.relay_addresses", address or "somebody")
        raise Problem(403, "not_a_relay", "This is for the servers in rtmp.relay_addresses.")

    async def _ask(self, address: str, fields: Mapping[str, str], *, is_new: bool) -> None:
        asked = _publish_request(address, fields)
        try:
            await self._registry.allow_relay(asked, _client(fields))
        except PublishRefused as refused:
            self._counts["refused"] += 1
            log.warning(
                "relay %s: %s may not publish %s: %s",
                address,
                fields.get("addr", "?"),
                asked.stream[:64],
                refused.detail,
            )
            raise _problem(refused) from None
        if is_new:
            self._counts["accepted"] += 1
            log.info("relay %s: %s may publish %s", address, fields.get("addr", "?"), asked.stream)

    async def _end(self, address: str, fields: Mapping[str, str]) -> None:
        try:
            await self._registry.end_relay(_publish_request(address, fields), _client(fields))
        except PublishRefused as refused:
            raise _problem(refused) from None

    def routes(self) -> list[Route]:
        return [
            Route(
                method="POST",
                path="/hooks/nginx-rtmp",
                handler=self.nginx_rtmp,
                summary="Ask as nginx-rtmp does (`on_publish`, `on_publish_done`, `on_update`)",
                description="A form with `call` (`publish`, `publish_done`, `update`), `name`, `addr`, "
                "`clientid` and what the publisher wrote behind the name, such as `key`. After a 2xx the "
                "relay's own `push` of that stream is taken without the key, until `publish_done`. See "
                "`nginx/rtmp-relay.conf`.",
                tag="hooks",
                needs=Needs.RELAY,
                answers={204: Answer("The publisher may go on.")},
                problems=frozenset({400, 403, 408, 409, 413, 415, 422, 503}),
            )
        ]


async def _form(request: web.Request) -> dict[str, str]:
    """The form, each field once. Raises 400, 408, 413, 415, 422."""
    if request.content_type != FORM_TYPE:
        raise Problem(415, "unsupported_type", f"The body must be {FORM_TYPE}.", field="Content-Type")
    if (request.content_length or 0) > FORM_LIMIT_BYTES:
        raise Problem(413, "body_too_large", "The form is too large.")
    try:
        async with asyncio.timeout(FORM_DEADLINE_S):
            raw = await request.content.read(FORM_LIMIT_BYTES + 1)
            while len(raw) <= FORM_LIMIT_BYTES and not request.content.at_eof():
                raw += await request.content.read(FORM_LIMIT_BYTES + 1 - len(raw))
    except TimeoutError:
        raise Problem(408, "body_too_slow", f"The body was not here within {FORM_DEADLINE_S:g} s.") from None
    except web.RequestPayloadError:
        raise Problem(400, "malformed_body", "The body broke off.") from None
    if len(raw) > FORM_LIMIT_BYTES:
        raise Problem(413, "body_too_large", "The form is too large.")
    try:
        # nginx-rtmp writes a space as %20, so a plus is one; keys are pasted, not submitted by a browser.
        text = raw.decode("ascii").replace("+", "%2B")
        found = parse_qs(text, keep_blank_values=True, max_num_fields=FIELD_LIMIT)
    except ValueError:
        raise Problem(400, "malformed_body", "The body is no form.") from None
    for name, values in found.items():
        if len(values) > 1:
            raise Problem(422, "invalid_field", f"{name[:40]} is there twice.", field=name[:40])
    return {name: values[0] for name, values in found.items()}


def _publish_request(address: str, fields: Mapping[str, str]) -> PublishRequest:
    """As if the relay's client had come to us. Its key stands behind the stream's name, or behind tcUrl's."""
    key = fields.get("key") or _key_of(fields.get("tcurl", ""))
    return PublishRequest(
        protocol="rtmp",
        stream=fields.get("name", ""),
        key=key,
        address=address,
        encoder=fields.get("flashver"),
    )


def _key_of(url: str) -> str | None:
    try:
        return parse_qs(urlsplit(url).query, max_num_fields=FIELD_LIMIT).get("key", [None])[0]
    except ValueError:
        return None


def _client(fields: Mapping[str, str]) -> str:
    """nginx's number of the connection. Raises 422: without it nobody can say later who left."""
    client = fields.get("clientid", "")
    if not (client.isascii() and client.isdigit() and len(client) <= 20):
        raise Problem(422, "invalid_field", "clientid must be a number.", field="clientid")
    return client


def _problem(refused: PublishRefused) -> Problem:
    status = _STATUS[refused.refusal]
    return Problem(
        status,
        refused.refusal.value,
        f"{refused.detail}.",
        retry_after_s=RETRY_AFTER_S if status == 503 else None,
    )
