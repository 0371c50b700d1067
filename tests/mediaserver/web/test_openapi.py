"""The document describes every route, and the docs are made of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mediaserver.web.apidoc import markdown
from mediaserver.web.app import describe
from tests.mediaserver.web.conftest import Door

DOCS = Path(__file__).parents[3] / "docs" / "http-api.md"


async def test_every_route_is_in_the_document(door: Door) -> None:
    async with door.client.get("/openapi.json") as answer:
        document = await answer.json()
    described = {(path, method.upper()) for path, calls in document["paths"].items() for method in calls}
    served = {
        (resource.canonical, route.method)
        for resource in door.web.app.router.resources()
        for route in resource
        if route.method not in ("HEAD", "OPTIONS", "*")
    }
    assert described == served


def test_the_document_is_sound() -> None:
    document = describe()
    assert document["openapi"] == "3.1.0"
    ids = [call["operationId"] for calls in document["paths"].values() for call in calls.values()]
    assert len(ids) == len(set(ids))
    for path, calls in document["paths"].items():
        for call in calls.values():
            named = {each["name"] for each in call.get("parameters", ()) if each["in"] == "path"}
            assert named == set(re.findall(r"\{(\w+)\}", path))
            assert call["responses"]
    references: set[str] = set()
    patterns: list[str] = []
    _walk(document, references, patterns)
    assert references == {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert not [pattern for pattern in patterns if r"\Z" in pattern]


def _walk(node: Any, references: set[str], patterns: list[str]) -> None:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            references.add(node["$ref"])
        if isinstance(node.get("pattern"), str):
            patterns.append(node["pattern"])
    for member in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        _walk(member, references, patterns)


def test_the_docs_are_current() -> None:
    assert DOCS.read_text(encoding="utf-8") == markdown(describe()), (
        "run: python -m mediaserver.web.apidoc > docs/http-api.md"
    )
