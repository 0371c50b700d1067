"""The streams API (INTERFACE section 3)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ingest.publication import Publication, PublishRequest
from tests.mediaserver.web.conftest import Door, until

BASE = "/api/v1/streams"


class TestPut:
    async def test_making_answers_201_and_the_key_once(self, door: Door) -> None:
        async with door.client.put(f"{BASE}/mine", headers=door.operator) as answer:
            made = await answer.json()
        assert answer.status == 201
        assert made["publish_key"] == "key-1"
        assert made["state"] == "live"
        host = f"127.0.0.1:{door.port}"
        assert made["urls"] == {
            "watch": f"http://{host}/watch/mine",
            "hls": f"http://{host}/live/mine/master.m3u8",
            "dash": f"http://{host}/live/mine/manifest.mpd",
            "whep": None,
            "whip": None,
            "rtmp": "rtmp://127.0.0.1/live/mine",
            "rtmps": None,
            "poster": None,
        }
        door.registry.get("mine").poster = b"jpeg"
        async with door.client.put(f"{BASE}/mine", json={"title": "T"}, headers=door.operator) as answer:
            changed = await answer.json()
        assert changed["urls"]["poster"] == f"http://{host}/live/mine/poster.jpg"
        assert answer.status == 200
        assert "publish_key" not in changed
        assert changed["title"] == "T"
        assert answer.headers["Cache-Control"] == "no-store"

    async def test_every_member(self, door: Door) -> None:
        body = {
            "title": "Übung <b>",
            "visibility": "private",
            "record": True,
            "ladder": ["720p", "480p"],
            "dvr_s": 60,
        }
        async with door.client.put(f"{BASE}/mine", json=body, headers=door.operator) as answer:
            made = await answer.json()
        assert {name: made[name] for name in body} == body

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"titel": "x"}, "titel"),
            ({"title": 1}, "title"),
            ({"title": None}, "title"),
            ({"title": "x" * 201}, "title"),
            ({"title": "a\nb"}, "title"),
            ({"visibility": "hidden"}, "visibility"),
            ({"record": "yes"}, "record"),
            ({"ladder": "best"}, "ladder"),
            ({"ladder": ["9000p"]}, "ladder[0]"),
            ({"ladder": []}, "ladder"),
            ({"dvr_s": -1}, "dvr_s"),
            ({"dvr_s": 1e12}, "dvr_s"),
            ([], None),
            (1, None),
            ("text", None),
        ],
    )
    async def test_a_wrong_field_is_named(self, door: Door, body: Any, field: str | None) -> None:
        async with door.client.put(f"{BASE}/mine", json=body, headers=door.operator) as answer:
            problem = await answer.json(content_type="application/problem+json")
        assert (answer.status, problem["code"], problem.get("field")) == (422, "invalid_field", field)
        assert door.registry.get("mine") is None

    @pytest.mark.parametrize("name", ["a.b", "a b", "x" * 65, "%E2%82%AC", "a%2Fb"])
    async def test_a_wrong_name(self, door: Door, name: str) -> None:
        url = f"http://127.0.0.1:{door.port}{BASE}/{name}"
        async with door.client.put(url, headers=door.operator) as answer:
            problem = await answer.json(content_type="application/problem+json")
        assert (answer.status, problem["field"]) == (422, "stream")

    @pytest.mark.parametrize("raw", [b"{", b"\xff\xfe", b'{"title": "\\ud800"}', b"[" * 100_000, b'{"a":1}x'])
    async def test_what_is_not_json(self, door: Door, raw: bytes) -> None:
        headers = door.operator | {"Content-Type": "application/json"}
        async with door.client.put(f"{BASE}/mine", data=raw, headers=headers) as answer:
            assert answer.status in (400, 422)

    async def test_another_type_and_a_compressed_body(self, door: Door) -> None:
        async with door.client.put(f"{BASE}/mine", data=b"a=b", headers=door.operator) as answer:
            assert answer.status == 415
        headers = door.operator | {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        async with door.client.put(f"{BASE}/mine", data=b"\x1f\x8b", headers=headers) as answer:
            assert answer.status in (400, 415)

    @pytest.mark.parametrize("door", [{"max_body_bytes": 1024}], indirect=True)
    async def test_a_body_that_is_too_large(self, door: Door) -> None:
        async with door.client.put(
            f"{BASE}/mine", json={"title": "x" * 5000}, headers=door.operator
        ) as answer:
            assert answer.status == 413

        async def dripping():  # type: ignore[no-untyped-def]
            for _ in range(10):
                yield b" " * 500

        headers = door.operator | {"Content-Type": "application/json"}
        async with door.client.put(f"{BASE}/mine", data=dripping(), headers=headers) as answer:
            assert answer.status == 413

    async def test_the_work_is_finished_when_the_client_leaves(self, door: Door) -> None:
        begun, go_on = asyncio.Event(), asyncio.Event()
        make = door.registry.create_or_update

        async def slowly(name, changes):  # type: ignore[no-untyped-def]
            begun.set()
            await go_on.wait()
            return await make(name, changes)

        door.registry.create_or_update = slowly  # type: ignore[method-assign]
        _, writer = await asyncio.open_connection("127.0.0.1", door.port)
        writer.write(
            f"PUT {BASE}/mine HTTP/1.1\r\nHost: a\r\nAuthorization: {door.operator['Authorization']}\r\n"
            "Content-Length: 0\r\n\r\n".encode()
        )
        await begun.wait()
        writer.close()
        await until(lambda: door.listener.statistics().connections == 0)
        go_on.set()
        await until(lambda: door.registry.get("mine") is not None)


class TestGetAndList:
    async def test_without_a_token_only_public_streams_without_their_publisher(self, door: Door) -> None:
        door.registry.add("open")
        door.registry.add("secret", visibility="private")
        async with door.client.get(BASE) as answer:
            page = await answer.json()
        assert [item["name"] for item in page["items"]] == ["open"]
        assert page["next"] is None
        assert not {"publisher", "record", "ladder", "publish_key"} & page["items"][0].keys()
        async with door.client.get(f"{BASE}/open") as answer:
            assert (answer.status, (await answer.json())["name"]) == (200, "open")
        async with door.client.get(f"{BASE}/secret") as answer:
            assert answer.status == 401
        async with door.client.get(f"{BASE}/nothing") as answer:
            assert answer.status == 404

    async def test_the_operator_sees_the_publisher(self, door: Door) -> None:
        stream = door.registry.add("open", visibility="private")
        asked = PublishRequest(protocol="rtmp", stream="open", key="k", address="203.0.113.7")
        stream.publication = Publication("p1", asked)
        async with door.client.get(f"{BASE}/open", headers=door.operator) as answer:
            seen = await answer.json()
        assert seen["publisher"]["address"] == "203.0.113.7"
        assert seen["publisher"]["bitrate_bps"] == 1_000_000
        assert seen["started_at"].endswith("Z")
        assert [rendition["name"] for rendition in seen["renditions"]] == ["720p", "audio"]

    async def test_a_viewer_sees_its_stream_and_not_its_publisher(self, door: Door) -> None:
        door.registry.add("secret", visibility="private")
        door.registry.add("other", visibility="private")
        token = {"Authorization": f"Bearer {door.access.give('v', ('view', 'stream:secret'))}"}
        async with door.client.get(BASE, headers=token) as answer:
            assert [item["name"] for item in (await answer.json())["items"]] == ["secret"]
        async with door.client.get(f"{BASE}/secret", headers=token) as answer:
            assert "publisher" not in await answer.json()

    async def test_equal_bodies_whether_it_exists_or_not(self, door: Door) -> None:
        door.registry.add("secret", visibility="private")
        viewer = {"Authorization": f"Bearer {door.access.give('v', ('view', 'stream:elsewhere'))}"}
        wrong = {"Authorization": "Bearer nonsense"}
        for headers, status in ((viewer, 403), (wrong, 401)):
            bodies = set()
            for name in ("secret", "nothing"):
                async with door.client.get(f"{BASE}/{name}", headers=headers) as answer:
                    assert answer.status == status
                    bodies.add(await answer.read())
            assert len(bodies) == 1
        for method, path in (("PUT", ""), ("DELETE", ""), ("POST", "/key"), ("DELETE", "/publisher")):
            for headers, status in ((viewer, 403), ({}, 401), (wrong, 401)):
                bodies = set()
                for name in ("secret", "nothing"):
                    url = f"{BASE}/{name}{path}"
                    async with door.client.request(method, url, headers=headers) as answer:
                        assert answer.status == status
                        bodies.add(await answer.read())
                assert len(bodies) == 1

    @pytest.mark.parametrize(
        "value", ["Basic YTpi", "Bearer", "Bearer  ", "Bearer a b", "bearer \xe9", "Token x"]
    )
    async def test_other_authorizations(self, door: Door, value: str) -> None:
        async with door.client.get(BASE, headers={"Authorization": value}) as answer:
            assert answer.status == 401
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")

    async def test_pages(self, door: Door) -> None:
        names = [f"s{number:03}" for number in range(120)]
        for name in reversed(names):
            door.registry.add(name)
        seen: list[str] = []
        query: dict[str, str] = {}
        while True:
            async with door.client.get(BASE, params=query) as answer:
                page = await answer.json()
            assert len(page["items"]) <= 50
            seen += [item["name"] for item in page["items"]]
            if page["next"] is None:
                break
            query = {"cursor": page["next"]}
        assert seen == names
        async with door.client.get(BASE, params={"limit": "120"}) as answer:
            page = await answer.json()
        assert (len(page["items"]), page["next"]) == (120, None)

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("limit=0", "limit"),
            ("limit=201", "limit"),
            ("limit=x", "limit"),
            ("limit=1&limit=2", "limit"),
            ("limit=%F0%9F%98%80", "limit"),
            ("cursor=%00", "cursor"),
            ("cursor=__8", "cursor"),
            ("cursor=a", "cursor"),
        ],
    )
    async def test_bad_page_queries(self, door: Door, query: str, field: str) -> None:
        async with door.client.get(f"http://127.0.0.1:{door.port}{BASE}?{query}") as answer:
            problem = await answer.json(content_type="application/problem+json")
        assert (answer.status, problem["field"]) == (422, field)


class TestTheRest:
    async def test_new_key(self, door: Door) -> None:
        door.registry.add("mine")
        async with door.client.post(f"{BASE}/mine/key", headers=door.operator) as answer:
            assert (answer.status, await answer.json()) == (200, {"publish_key": "key-1"})

    async def test_delete(self, door: Door) -> None:
        door.registry.add("mine")
        async with door.client.delete(f"{BASE}/mine", headers=door.operator) as answer:
            assert answer.status == 204
        async with door.client.delete(f"{BASE}/mine", headers=door.operator) as answer:
            assert answer.status == 404

    async def test_throwing_the_publisher_out(self, door: Door) -> None:
        stream = door.registry.add("mine")
        async with door.client.delete(f"{BASE}/mine/publisher", headers=door.operator) as answer:
            assert answer.status == 404
        stream.publication = object()  # type: ignore[assignment]
        async with door.client.delete(f"{BASE}/mine/publisher", headers=door.operator) as answer:
            assert answer.status == 204
        assert [name for name, _ in door.registry.kicked] == ["mine"]

    async def test_a_manage_token_manages_its_stream_only(self, door: Door) -> None:
        door.registry.add("mine")
        token = {"Authorization": f"Bearer {door.access.give('m', ('manage', 'stream:mine'))}"}
        async with door.client.put(f"{BASE}/mine", json={"title": "T"}, headers=token) as answer:
            assert answer.status == 200
        async with door.client.put(f"{BASE}/other", headers=token) as answer:
            assert answer.status == 403

    async def test_wrong_methods(self, door: Door) -> None:
        for method, path, allow in (
            ("POST", f"{BASE}/mine", "DELETE, GET, HEAD, PUT"),
            ("GET", f"{BASE}/mine/key", "POST"),
            ("DELETE", "/live/mine/master.m3u8", "GET, HEAD, OPTIONS"),
            ("PROPFIND", "/healthz", "GET, HEAD"),
        ):
            async with door.client.request(method, path) as answer:
                assert (answer.status, answer.headers["Allow"]) == (405, allow)
                assert answer.content_type == "application/problem+json"
