"""The route table's row: one declaration serves the router, the OpenAPI document and the docs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from mediaserver.web.problems import Handler


class Needs(Enum):
    """What a caller must hold; the value is the sentence in the docs."""

    NOTHING = "open to everybody"
    VIEW = "open for public streams; private ones need a `view` token"
    MANAGE = "the operator's token, or a `manage` token for the stream"
    OPERATOR = "the operator's token"
    RELAY = "an address in `rtmp.relay_addresses`"
    OPERATOR_OR_LOCAL = "the operator's token, or a client on this machine"


@dataclass(frozen=True, slots=True)
class Answer:
    """One documented way a call ends. ``body`` is the msgspec type of a JSON body, None for other bodies."""

    description: str
    body: Any = None
    content_type: str | None = None


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter. ``schema`` is JSON Schema."""

    name: str
    description: str
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One call. ``path`` is written as OpenAPI and aiohttp both do: ``/live/{stream}/poster.jpg``."""

    method: str
    path: str
    handler: Handler
    summary: str
    tag: str
    needs: Needs
    answers: Mapping[int, Answer]
    body: Any = None
    """The msgspec type of the request's body."""
    query: tuple[Parameter, ...] = ()
    description: str = ""
    media: bool = False
    """Live media: shared across origins, and also there below ``/t/{token}``."""
    problems: frozenset[int] = field(default_factory=frozenset)
    """The 4xx and 5xx of RFC 9457 it may answer."""
