"""The contract of objects, run on every implementation of it. S3 is to be one more parameter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from mediaserver.settings import StorageSettings
from mediaserver.storage import open_objects
from mediaserver.storage.contract import ObjectInfo, ObjectMissing, Objects

Opener = Callable[[], AbstractAsyncContextManager[Objects]]
BIG = bytes(range(256)) * 4000
"""A megabyte, over several blocks of whatever a store reads in."""


@pytest.fixture(params=["local", "local with fsync"])
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Opener:
    """Opens the same store each time it is called, as a restart does."""
    implementations: dict[str, Opener] = {
        "local": lambda: open_objects(StorageSettings(), tmp_path),
        "local with fsync": lambda: open_objects(StorageSettings(fsync=True), tmp_path),
    }
    return implementations[request.param]


@pytest.fixture
async def objects(opener: Opener) -> AsyncIterator[Objects]:
    async with opener() as opened:
        yield opened


async def fill(objects: Objects, *keys: str) -> None:
    for key in keys:
        await objects.put(key, key.encode(), content_type="text/plain")


async def test_what_was_put_is_read_back(objects: Objects) -> None:
    put = await objects.put("live/show/e1-0.m4s", b"bytes", content_type="video/mp4")
    assert (put.key, put.size, put.content_type) == ("live/show/e1-0.m4s", 5, "video/mp4")
    assert await objects.get("live/show/e1-0.m4s") == b"bytes"
    assert await objects.info("live/show/e1-0.m4s") == put


async def test_pieces_are_put_one_after_the_other(objects: Objects) -> None:
    put = await objects.put("a", [b"one ", b"", b"object"], content_type="text/plain")
    assert put.size == 10
    assert await objects.get("a") == b"one object"
    assert put.etag == (await objects.put("b", b"one object", content_type="text/plain")).etag


@pytest.mark.parametrize("data", [b"", b"x", BIG], ids=["empty", "one byte", "a megabyte"])
async def test_any_size(objects: Objects, data: bytes) -> None:
    await objects.put("a", data, content_type="application/octet-stream")
    assert await objects.get("a") == data
    assert (await objects.info("a")).size == len(data)


async def test_the_entity_tag_is_strong_and_goes_with_the_bytes(objects: Objects) -> None:
    first = await objects.put("a", b"1", content_type="text/plain")
    same = await objects.put("b", b"1", content_type="text/html")
    other = await objects.put("a", b"2", content_type="text/plain")
    assert first.etag == same.etag != other.etag
    # RFC 9110 8.8.3: entity-tag = [ weak ] opaque-tag, opaque-tag = DQUOTE *etagc DQUOTE
    assert first.etag[0] == first.etag[-1] == '"'
    assert (await objects.info("a")).etag == other.etag


@pytest.mark.parametrize(
    ("start", "length"),
    [
        (0, 0),
        (0, 1),
        (1, 10),
        (262_143, 2),
        (262_144, 262_144),
        (1_000_000, None),
        (1_023_999, 10),
        (5, None),
    ],
)
async def test_ranges(objects: Objects, start: int, length: int | None) -> None:
    await objects.put("a", BIG, content_type="video/mp4")
    end = None if length is None else start + length
    assert await objects.get("a", start=start, length=length) == BIG[start:end]


async def test_a_range_beyond_the_end_is_empty(objects: Objects) -> None:
    await objects.put("a", b"abc", content_type="video/mp4")
    assert await objects.get("a", start=3) == b""
    assert await objects.get("a", start=10, length=5) == b""


@pytest.mark.parametrize(("start", "length"), [(-1, None), (0, -1)])
async def test_a_negative_range_is_the_callers_fault(
    objects: Objects, start: int, length: int | None
) -> None:
    await objects.put("a", b"abc", content_type="video/mp4")
    with pytest.raises(ValueError, match="range"):
        await objects.get("a", start=start, length=length)


async def test_what_is_not_there_is_missing(objects: Objects) -> None:
    await fill(objects, "a/b")
    for key in ("b", "a", "a/b/c", "a/bb"):
        with pytest.raises(ObjectMissing):
            await objects.get(key)
        with pytest.raises(ObjectMissing):
            await objects.info(key)


async def test_an_object_may_have_the_name_of_a_folder(objects: Objects) -> None:
    await fill(objects, "a", "a/b", "a/b/c")
    assert await objects.list() == ["a", "a/b", "a/b/c"]
    await objects.delete("a/b")
    assert await objects.list() == ["a", "a/b/c"]


async def test_a_put_takes_the_place_of_what_was_there(objects: Objects) -> None:
    await objects.put("a", BIG, content_type="video/mp4")
    await objects.put("a", b"short", content_type="text/plain")
    assert await objects.get("a") == b"short"
    assert (await objects.info("a")).content_type == "text/plain"


async def test_readers_see_the_old_object_or_the_new_one(objects: Objects) -> None:
    versions = [bytes([number]) * 300_000 for number in range(8)]
    await objects.put("a", versions[0], content_type="video/mp4")

    async def write() -> None:
        for version in versions:
            await objects.put("a", version, content_type="video/mp4")

    async def read() -> None:
        for _ in range(20):
            assert await objects.get("a") in versions

    await asyncio.gather(write(), read(), read())


async def test_delete(objects: Objects) -> None:
    await fill(objects, "a/b")
    await objects.delete("a/b")
    await objects.delete("a/b")
    await objects.delete("never/was")
    with pytest.raises(ObjectMissing):
        await objects.get("a/b")
    assert await objects.list() == []


async def test_puts_and_deletes_in_one_folder_do_not_meet(objects: Objects) -> None:
    async def churn(name: str) -> None:
        for _ in range(15):
            await objects.put(f"folder/deep/{name}", b"x", content_type="text/plain")
            await objects.delete(f"folder/deep/{name}")

    await asyncio.gather(*(churn(str(number)) for number in range(6)))
    assert await objects.list() == []


KEYS = ["a", "a-b", "a.b", "a/a", "a/b/c", "a/b-c", "a0", "B", "b", "live/s/e/1.m4s", "live/s-2/e/1.m4s", "~"]


async def test_list_goes_in_the_order_of_code_points(objects: Objects) -> None:
    keys = KEYS[:-1]
    await fill(objects, *keys)
    assert await objects.list() == sorted(keys)


async def test_list_below_a_prefix(objects: Objects) -> None:
    await fill(objects, *KEYS[:-1])
    for prefix in ("a", "a/", "a/b", "live/s", "live/s/", "live/s/e/1.m4s", "nothing", "a/b/c/d"):
        expected = sorted(key for key in KEYS[:-1] if key.startswith(prefix))
        assert await objects.list(prefix) == expected, prefix


async def test_list_pages(objects: Objects) -> None:
    await fill(objects, *KEYS[:-1])
    paged: list[str] = []
    while page := await objects.list(after=paged[-1] if paged else "", limit=2):
        assert len(page) <= 2
        paged += page
    assert paged == sorted(KEYS[:-1])


async def test_list_after_what_is_no_key(objects: Objects) -> None:
    await fill(objects, *KEYS[:-1])
    assert await objects.list("live/", after="live/s-2/~") == ["live/s/e/1.m4s"]
    assert await objects.list(after="live/s/~") == []
    assert await objects.list(limit=0) == []


@pytest.mark.parametrize(
    "key",
    [
        *[
            "",
            "/a",
            "a/",
            "a//b",
            ".",
            "..",
            "../a",
            "a/../b",
            ".hidden",
            "a/.b",
            "a b",
            "a\\b",
            "a\0",
            "a\n",
        ],
        *["a\n", "é", "a,object", "a=b", "C:a", "x" * 129, "/".join("x" * 100 for _ in range(6))],
    ],
)
async def test_keys_outside_the_grammar(objects: Objects, key: str) -> None:
    for call in (
        objects.put(key, b"", content_type="text/plain"),
        objects.get(key),
        objects.info(key),
        objects.delete(key),
    ):
        with pytest.raises(ValueError, match="no object key"):
            await call


async def test_the_longest_key(objects: Objects) -> None:
    key = "/".join(["x" * 127] * 4)
    await fill(objects, key)
    assert await objects.list() == [key]
    assert await objects.get(key) == key.encode()


async def test_objects_survive_a_restart(opener: Opener) -> None:
    async with opener() as objects:
        put = await objects.put("a/b", BIG, content_type="video/mp4")
    async with opener() as objects:
        assert await objects.get("a/b") == BIG
        assert await objects.info("a/b") == ObjectInfo("a/b", len(BIG), put.etag, "video/mp4")
        await objects.check()


async def test_many_at_once(objects: Objects) -> None:
    async def both(number: int) -> bytes:
        key = f"many/{number:03}"
        await objects.put(key, key.encode(), content_type="text/plain")
        return await objects.get(key)

    answers = await asyncio.gather(*(both(number) for number in range(100)))
    assert answers == [f"many/{number:03}".encode() for number in range(100)]
    assert len(await objects.list("many/")) == 100
