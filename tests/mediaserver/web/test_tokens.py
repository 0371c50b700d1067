"""Issuing and revoking tokens."""

from __future__ import annotations

from typing import Any

import pytest

from tests.mediaserver.web.conftest import Door

WANTED = {"subject": "ann", "action": "view", "resource": "stream:secret", "ttl_s": 60}


async def test_a_token_opens_what_it_says_until_it_is_revoked(door: Door) -> None:
    door.registry.add("secret", visibility="private").add_segment()
    async with door.client.post("/api/v1/tokens", json=WANTED, headers=door.operator) as answer:
        issued = await answer.json()
    assert answer.status == 201
    assert issued["expires_at"].endswith("Z")
    url = f"/t/{issued['token']}/live/secret/720p/media.m3u8"
    async with door.client.get(url) as answer:
        assert answer.status == 200
    async with door.client.delete(f"/api/v1/tokens/{issued['id']}", headers=door.operator) as answer:
        assert answer.status == 204
    async with door.client.get(url) as answer:
        assert answer.status == 401
    async with door.client.delete(f"/api/v1/tokens/{issued['id']}", headers=door.operator) as answer:
        assert answer.status == 404


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"subject": ""}, "subject"),
        ({"action": "own"}, "action"),
        ({"resource": "stream:a b"}, "resource"),
        ({"resource": "disk:a"}, "resource"),
        ({"ttl_s": 0}, "ttl_s"),
        ({"ttl_s": "60"}, "ttl_s"),
        ({"scope": "all"}, "scope"),
    ],
)
async def test_wrong_fields(door: Door, change: dict[str, Any], field: str) -> None:
    async with door.client.post("/api/v1/tokens", json=WANTED | change, headers=door.operator) as answer:
        assert (answer.status, (await answer.json(content_type=None))["field"]) == (422, field)


async def test_only_the_operator(door: Door) -> None:
    token = door.access.give("m", ("manage", "stream:*"))
    for headers, status in (({}, 401), ({"Authorization": f"Bearer {token}"}, 403)):
        async with door.client.post("/api/v1/tokens", json=WANTED, headers=headers) as answer:
            assert answer.status == status
        async with door.client.delete("/api/v1/tokens/x", headers=headers) as answer:
            assert answer.status == status
        async with door.client.get("/api/v1/operator", headers=headers) as answer:
            assert answer.status == status
    async with door.client.get("/api/v1/operator", headers=door.operator) as answer:
        assert (answer.status, await answer.read()) == (204, b"")
