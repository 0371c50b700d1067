"""Signed tokens over the API: issue one, revoke one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from aiohttp import web
from msgspec import Meta, Struct

from mediaserver.access.tokens import TTL_LIMIT_S, Action, Resource, Subject
from mediaserver.web.auth import Gate
from mediaserver.web.bodies import json_response, read_json
from mediaserver.web.problems import not_found
from mediaserver.web.routes import Answer, Needs, Route

if TYPE_CHECKING:
    from mediaserver.access import Access


class TokenRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the token shall say."""

    subject: Subject
    """Who will hold it."""
    action: Action
    resource: Resource
    ttl_s: Annotated[
        int, Meta(ge=1, le=TTL_LIMIT_S, description=f"must be whole seconds from 1 to {TTL_LIMIT_S}")
    ] = 3_600


class IssuedToken(Struct, frozen=True, kw_only=True):
    """The token, shown this once; ``id`` revokes it."""

    token: str
    id: str
    expires_at: str
    """RFC 3339, UTC."""


class TokensApi:
    """The handlers below ``/api/v1/tokens``, and ``/api/v1/operator``. Only the operator issues tokens."""

    def __init__(self, access: Access, gate: Gate) -> None:
        self._access = access
        self._gate = gate

    async def probe(self, request: web.Request) -> web.StreamResponse:
        """Whether this is the operator's token."""
        self._gate.require_operator(request)
        return web.Response(status=204)

    async def issue(self, request: web.Request) -> web.StreamResponse:
        """Sign a token."""
        self._gate.require_operator(request)
        wanted = await read_json(request, TokenRequest)
        issued = await self._access.issue(wanted.subject, wanted.action, wanted.resource, wanted.ttl_s)
        expires_at = datetime.fromtimestamp(issued.expires_at, UTC).isoformat(timespec="seconds")
        body = IssuedToken(token=issued.token, id=issued.id, expires_at=expires_at.replace("+00:00", "Z"))
        return json_response(body, status=201)

    async def revoke(self, request: web.Request) -> web.StreamResponse:
        """Make a token useless before its time."""
        self._gate.require_operator(request)
        if not await self._access.revoke(request.match_info["id"]):
            raise not_found()
        return web.Response(status=204)

    def routes(self) -> list[Route]:
        return [
            Route(
                method="GET",
                path="/api/v1/operator",
                handler=self.probe,
                summary="Try the operator's token",
                tag="tokens",
                needs=Needs.OPERATOR,
                answers={204: Answer("It is.")},
                problems=frozenset({401, 403}),
            ),
            Route(
                method="POST",
                path="/api/v1/tokens",
                handler=self.issue,
                summary="Issue a token",
                description="`view` lets somebody watch a private `stream:NAME` and look at it over the API, "
                "`manage` make, change and delete it, renew its key, throw its publisher out and read its "
                "statistics. The other actions and resources are signed too, and open nothing yet; "
                "publishers use the stream's key.",
                tag="tokens",
                needs=Needs.OPERATOR,
                body=TokenRequest,
                answers={201: Answer("The token.", IssuedToken)},
                problems=frozenset({400, 401, 403, 408, 413, 415, 422}),
            ),
            Route(
                method="DELETE",
                path="/api/v1/tokens/{id}",
                handler=self.revoke,
                summary="Revoke a token that is still good",
                tag="tokens",
                needs=Needs.OPERATOR,
                answers={204: Answer("It is no longer good.")},
                problems=frozenset({401, 403, 404}),
            ),
        ]
