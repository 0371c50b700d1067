"""Posters over restarts."""

import asyncio
from pathlib import Path

import pytest

from mediaserver.live.posters import Posters
from mediaserver.live.standby import Standby
from mediaserver.settings import LiveSettings
from mediaserver.storage.contract import StoreFull
from mediaserver.storage.local import LocalObjects
from tests.mediaserver.live.conftest import VIDEO
from transcoder.media import AccessUnit, Codec, Track

UNIT = AccessUnit(1, Codec.H264, 90_000, 0, 0, 0, True, b"", 0.0)


def make_standby(posters: Posters, jpeg: bytes = b"jpeg") -> Standby:
    async def still(track: Track, unit: AccessUnit) -> bytes:
        return jpeg

    return Standby("show", LiveSettings(), make_still=still, slates=None, posters=posters)


@pytest.fixture
async def objects(tmp_path: Path):
    objects = await LocalObjects.open(tmp_path / "objects", fsync=False)
    yield objects
    await objects.close()


async def test_a_poster_is_there_again_in_the_next_process(objects: LocalObjects) -> None:
    first = make_standby(Posters(objects))
    await first.take_still(VIDEO, UNIT)
    second = make_standby(Posters(objects))
    assert second.poster is None
    await second.load_poster()
    assert (second.poster, second.poster_etag) == (first.poster, first.poster_etag)
    await second.forget_poster()
    third = make_standby(Posters(objects))
    await third.load_poster()
    assert third.poster is None


async def test_posters_of_streams_that_nobody_took_up_are_deleted(objects: LocalObjects) -> None:
    posters = Posters(objects)
    await posters.keep("show", b"1")
    await posters.keep("old", b"2")
    await posters.clean({"show"})
    assert await posters.load("show") == b"1"
    assert await posters.load("old") is None


async def test_a_full_store_costs_no_poster(objects: LocalObjects, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(*_: object, **__: object) -> None:
        raise StoreFull("no space")

    monkeypatch.setattr(objects, "put", full)
    standby = make_standby(Posters(objects))
    async with asyncio.timeout(5):
        await standby.take_still(VIDEO, UNIT)
    assert standby.poster == b"jpeg"
