"""The OpenAPI 3.1 document, generated from the route table and the msgspec types of the bodies."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec
from aiohttp import web

from mediaserver.web.problems import ProblemDetails
from mediaserver.web.routes import Answer, Needs, Route

_PATH_PARAMETER: Final = re.compile(r"\{([a-z_]+)\}")
_PATH_PARAMETERS: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "stream": ("Name of the stream.", {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"}),
    "rendition": ("Name of the rendition.", {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"}),
    "name": ("File name as the playlist has it.", {"type": "string"}),
    "token": ("A `view` token.", {"type": "string"}),
    "id": ("Id of the token.", {"type": "string"}),
    "asset": ("File name as the page has it.", {"type": "string"}),
}
_TEMPLATE: Final = "#/components/schemas/{name}"


def document(routes: Sequence[Route], *, version: str) -> dict[str, Any]:
    """The whole document as plain values."""
    bodies = [route.body for route in routes if route.body is not None]
    bodies += [
        answer.body for route in routes for answer in route.answers.values() if answer.body is not None
    ]
    bodies.append(ProblemDetails)
    unique = list(dict.fromkeys(bodies))
    schemas, components = msgspec.json.schema_components(unique, ref_template=_TEMPLATE)
    _for_ecma(components)
    schema_of = dict(zip(unique, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schema_of)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "mediaserver",
            "version": version,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The operator's token, or a token of POST /api/v1/tokens.",
                }
            },
        },
    }


def _for_ecma(schema: Any) -> None:
    """Patterns as JSON Schema has them: its regular expressions are ECMA-262's, which know no ``\\Z``."""
    if isinstance(schema, dict):
        pattern = schema.get("pattern")
        if isinstance(pattern, str) and pattern.endswith(r"\Z"):
            schema["pattern"] = f"{pattern[:-2]}$"
    for member in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        _for_ecma(member)


def _operation(route: Route, schema_of: Mapping[Any, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": operation_id(route),
        "summary": route.summary,
        "tags": [route.tag],
        "description": " ".join(filter(None, (f"Needs: {route.needs.value}.", route.description))),
        "responses": {str(status): _answer(answer, schema_of) for status, answer in route.answers.items()},
    }
    parameters = [
        {"name": name, "in": "path", "required": True, "description": text, "schema": schema}
        for name in _PATH_PARAMETER.findall(route.path)
        for text, schema in [_PATH_PARAMETERS[name]]
    ]
    parameters += [
        {"name": query.name, "in": "query", "description": query.description, "schema": query.schema}
        for query in route.query
    ]
    if parameters:
        operation["parameters"] = parameters
    if route.body is not None:
        operation["requestBody"] = {"content": {"application/json": {"schema": schema_of[route.body]}}}
    if route.needs in (Needs.MANAGE, Needs.OPERATOR, Needs.OPERATOR_OR_LOCAL):
        operation["security"] = [{"bearer": []}]
    for status in sorted(route.problems):
        operation["responses"][str(status)] = {
            "description": HTTPStatus(status).phrase,
            "content": {"application/problem+json": {"schema": schema_of[ProblemDetails]}},
        }
    return operation


def operation_id(route: Route) -> str:
    """A stable name for generated clients: ``put_api_v1_streams_stream``."""
    return re.sub(r"[^a-z0-9]+", "_", f"{route.method}_{route.path}".lower()).strip("_")


def _answer(answer: Answer, schema_of: Mapping[Any, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"description": answer.description}
    if answer.body is not None:
        found["content"] = {"application/json": {"schema": schema_of[answer.body]}}
    elif answer.content_type is not None:
        found["content"] = {answer.content_type: {}}
    return found


class OpenApi:
    """``/openapi.json``; made once."""

    def __init__(self, version: str) -> None:
        self._version = version
        self._body = b""

    def describe(self, routes: Iterable[Route]) -> None:
        """Fix the table that is described; its own row is part of it."""
        self._body = msgspec.json.encode(document(list(routes), version=self._version))

    async def openapi(self, request: web.Request) -> web.StreamResponse:
        """This document."""
        return web.Response(
            body=self._body, content_type="application/json", headers={"Cache-Control": "no-cache"}
        )

    def routes(self) -> list[Route]:
        return [
            Route(
                method="GET",
                path="/openapi.json",
                handler=self.openapi,
                summary="OpenAPI 3.1 description of all of this",
                tag="health",
                needs=Needs.NOTHING,
                answers={200: Answer("The document.", content_type="application/json")},
            )
        ]
