"""A stream's figures over the API."""

from __future__ import annotations

import dataclasses
import time
from types import SimpleNamespace

import pytest

from ingest.publication import Publication, PublishRequest
from tests.mediaserver.web.conftest import Door
from transcoder.encoders import Encoder
from transcoder.media import AccessUnit, Codec, Track
from transcoder.supervisor import RungSpeed, WorkerState, WorkerStatistics

PATH = "/api/v1/streams/show/statistics"


async def test_figures_of_a_live_stream(door: Door) -> None:
    stream = door.registry.add("show")
    stream.add_segment()
    stream.publication = Publication(
        "e", PublishRequest(protocol="rtmp", stream="show", key=None, address="203.0.113.9")
    )
    stream.publication.set_track(Track(track_id=1, codec=Codec.H264, timescale=90_000))
    stream.publication.corrections = lambda: 3
    now_s = time.monotonic()
    for number in range(60):
        unit = AccessUnit(
            1, Codec.H264, 90_000, number * 3600, number * 3600, 0, number % 50 == 0, b"v" * 500, now_s
        )
        stream.measures.saw(unit, now_s)
    stream.measures.part_added("720p", 0.25, 2.4, now_s)
    stream.measures.viewer_bytes("media", 1_000)
    stream.viewers.seen("one", now_s)
    stream.viewers.seen("two", now_s, "dash")
    async with door.client.get(PATH, headers=door.operator) as answer:
        assert answer.status == 200
        assert answer.headers["Cache-Control"] == "no-store"
        figures = await answer.json()
    assert figures["state"] == "live"
    assert figures["input_bps"] > 0
    assert figures["fps"] > 0
    assert figures["keyframe_interval_s"] == 2.0
    assert figures["timestamp_corrections"] == 3
    assert 0 <= figures["latency_s"] < 5
    assert figures["viewers"] == {"total": 2, "hls": 1, "dash": 1}
    assert figures["bytes_out"] == 1_000
    assert figures["worker"] is None
    picture, sound = figures["renditions"]
    assert (picture["name"], picture["state"], picture["part_lateness_s"]) == ("720p", "encoded", 0.0)
    assert (sound["name"], sound["state"], sound["encoder"]) == ("audio", "passed", None)
    assert picture["bitrate_bps"] > 0


async def test_a_name_that_viewers_are_no_longer_offered_is_left_out(door: Door) -> None:
    stream = door.registry.add("show")
    stream.renditions[0].listed = False
    async with door.client.get(PATH, headers=door.operator) as answer:
        assert [each["name"] for each in (await answer.json())["renditions"]] == ["audio"]
    async with door.client.get("/api/v1/streams/show", headers=door.operator) as answer:
        assert [each["name"] for each in (await answer.json())["renditions"]] == ["audio"]


async def test_what_its_worker_does(door: Door) -> None:
    stream = door.registry.add("show")
    at_work = WorkerStatistics(
        state=WorkerState.RUNNING, pid=77, restarts=1, units_in=0, units_out=0, dropped=0, damaged=0,
        waiting=0, lag_s=0.0, given_up=frozenset(), rungs=(RungSpeed("720p", 10, 1.5, Encoder.SOFTWARE),),
    )  # fmt: skip
    worker = SimpleNamespace(statistics=lambda: at_work)
    stream.broadcast = SimpleNamespace(transcoding=SimpleNamespace(worker=worker, dropped_units=4))
    async with door.client.get(PATH, headers=door.operator) as answer:
        figures = await answer.json()
    assert figures["worker"] == {"state": "running", "restarts": 1, "pid": 77}
    assert figures["dropped_units"] == 4
    picture = figures["renditions"][0]
    expected = ("encoded", Encoder.SOFTWARE.value, 1.5)
    assert (picture["state"], picture["encoder"], picture["speed"]) == expected
    at_work = dataclasses.replace(at_work, given_up=frozenset({"720p"}), rungs=())
    async with door.client.get(PATH, headers=door.operator) as answer:
        picture = (await answer.json())["renditions"][0]
    assert (picture["state"], picture["encoder"], picture["speed"]) == ("given_up", None, None)


async def test_figures_of_a_stream_that_is_not_on_air(door: Door) -> None:
    door.registry.add("show")
    async with door.client.get(PATH, headers=door.operator) as answer:
        figures = await answer.json()
    assert (figures["fps"], figures["latency_s"], figures["worker"]) == (None, None, None)
    assert figures["input_bps"] == 0.0


@pytest.mark.parametrize("token", [None, "VIEWER", "OTHER"])
async def test_they_are_for_who_manages_the_stream(door: Door, token: str | None) -> None:
    door.registry.add("show")
    door.access.give("VIEWER", ("view", "stream:show"))
    door.access.give("OTHER", ("manage", "stream:other"))
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with door.client.get(PATH, headers=headers) as answer:
        assert answer.status == (403 if token else 401)


async def test_a_manage_token_opens_them_and_an_unknown_name_is_404(door: Door) -> None:
    door.access.give("MINE", ("manage", "stream:show"))
    async with door.client.get(PATH, headers={"Authorization": "Bearer MINE"}) as answer:
        assert answer.status == 404
    async with door.client.get("/api/v1/streams/a.b/statistics", headers=door.operator) as answer:
        assert answer.status == 422


async def test_the_managers_own_player_is_not_counted(door: Door) -> None:
    stream = door.registry.add("show")
    stream.add_segment()
    playlist = "/live/show/720p/media.m3u8?session="
    for session in ("previewing-page", "somebody-else"):
        async with door.client.get(playlist + session) as answer:
            assert answer.status == 200
    async with door.client.get(f"{PATH}?session=previewing-page", headers=door.operator) as answer:
        assert (await answer.json())["viewers"]["total"] == 1
    async with door.client.get(f"{playlist}previewing-page") as answer:
        assert answer.status == 200
    assert stream.viewers.count(time.monotonic()) == 1
    # Nobody else can have himself left out.
    async with door.client.get(f"{PATH}?session=somebody-else") as answer:
        assert answer.status == 401
    assert stream.viewers.count(time.monotonic()) == 1
    async with door.client.get(f"{PATH}?session=short", headers=door.operator) as answer:
        assert answer.status == 422


async def test_how_long_a_key_is_barred_and_viewers_are_kept(door: Door) -> None:
    stream = door.registry.add("show")
    async with door.client.get(PATH, headers=door.operator) as answer:
        figures = await answer.json()
    assert (figures["barred_s"], figures["grace_left_s"]) == (0.0, None)
    door.registry.kicked.append(("show", "told to"))
    stream.grace_left_s = 58.25
    async with door.client.get(PATH, headers=door.operator) as answer:
        figures = await answer.json()
    assert (figures["barred_s"], figures["grace_left_s"]) == (41.5, 58.25)
