"""The fan-out: nobody waits for anybody, and what a consumer sees is decodable."""

import asyncio
from dataclasses import replace

import pytest

from ingest.publication import (
    MEMORY_LIMIT_UNITS,
    Item,
    Publication,
    PublicationEnd,
    PublishRequest,
    Subscription,
    TrackUpdate,
    UnitQueue,
)
from transcoder.media import AccessUnit, Codec, Track

VIDEO = Track(track_id=1, codec=Codec.H264, timescale=90_000)
AUDIO = Track(track_id=2, codec=Codec.AAC, timescale=48_000)


def picture(number: int, *, sync: bool = False, size: int = 10, track: int = 1) -> AccessUnit:
    return AccessUnit(track, Codec.H264, 90_000, number, number, 0, sync, b"v" * size, 0.0)


def sound(number: int) -> AccessUnit:
    return AccessUnit(2, Codec.AAC, 48_000, number, number, 0, True, b"a", 0.0)


@pytest.fixture
def publication() -> Publication:
    request = PublishRequest(protocol="rtmp", stream="show", key="secret-key", address="127.0.0.1")
    publication = Publication("0badcafe", request)
    publication.set_track(VIDEO)
    return publication


def taken(subscription: Subscription) -> list[Item]:
    items = []
    while (item := subscription.take()) is not None:
        items.append(item)
    return items


def test_a_new_consumer_starts_at_the_last_sync_point(publication: Publication) -> None:
    for number in range(10):
        publication.push(picture(number, sync=number in (0, 6)))
    items = taken(publication.subscribe())
    assert items[0] == TrackUpdate(VIDEO)
    assert [item.pts for item in items[1:] if isinstance(item, AccessUnit)] == [6, 7, 8, 9]


def test_units_are_shared_and_not_copied(publication: Publication) -> None:
    first, second = publication.subscribe(), publication.subscribe()
    unit = picture(0, sync=True)
    publication.push(unit)
    assert taken(first)[-1] is unit
    assert taken(second)[-1] is unit


def test_a_slow_consumer_loses_units_up_to_the_next_sync_unit_and_others_none(
    publication: Publication,
) -> None:
    slow, fast = publication.subscribe(limit_units=6), publication.subscribe()
    for number in range(20):
        publication.push(picture(number, sync=number % 8 == 0))
        if number == 10:
            assert len(taken(slow)) == 6
    assert [item.pts for item in taken(slow) if isinstance(item, AccessUnit)] == [16, 17, 18, 19]
    assert slow.dropped_units == 20 - 5 - 4
    assert len(taken(fast)) == 21


def test_a_slow_consumer_is_bounded_in_bytes(publication: Publication) -> None:
    slow = publication.subscribe(limit_bytes=100)
    for number in range(50):
        publication.push(picture(number, sync=number == 0))
    assert sum(len(item.payload) for item in taken(slow) if isinstance(item, AccessUnit)) == 100


def test_sound_alone_resumes_at_any_unit() -> None:
    queue: UnitQueue[AccessUnit] = UnitQueue(has_video=lambda: False, limit_units=2)
    for number in range(4):
        queue.offer(sound(number))
    assert [queue.take().pts, queue.take().pts] == [0, 1]
    queue.offer(sound(5))
    assert queue.take().pts == 5


def test_a_new_format_makes_the_remembered_units_void(publication: Publication) -> None:
    publication.push(picture(0, sync=True))
    changed = Track(track_id=1, codec=Codec.H264, timescale=90_000, config=b"new")
    publication.set_track(changed)
    assert taken(publication.subscribe()) == [TrackUpdate(changed)]
    publication.push(picture(1))
    assert taken(publication.subscribe()) == [TrackUpdate(changed)]


def test_the_same_format_again_is_no_news(publication: Publication) -> None:
    consumer = publication.subscribe()
    taken(consumer)
    publication.set_track(VIDEO)
    assert taken(consumer) == []


async def test_iteration_ends_with_the_publication(publication: Publication) -> None:
    consumer = publication.subscribe()
    items: list[Item] = []

    async def consume() -> None:
        async for item in consumer:
            items.append(item)

    task = asyncio.create_task(consume())
    await asyncio.sleep(0)
    publication.push(picture(0, sync=True))
    publication.close("left")
    publication.close("again")
    await task
    assert items[-1] == PublicationEnd("left")
    assert len(items) == 3


def test_who_comes_after_the_end_is_told_so(publication: Publication) -> None:
    publication.close("left")
    assert taken(publication.subscribe())[-1] == PublicationEnd("left")
    publication.push(picture(0, sync=True))
    assert publication.units_in == 0


def test_kicking_tells_the_door(publication: Publication) -> None:
    reasons: list[str] = []
    publication.on_kick = reasons.append
    publication.kick("operator")
    assert reasons == ["operator"]
    assert publication.end_reason == "operator"


def test_a_unit_of_an_unannounced_track_is_the_callers_fault(publication: Publication) -> None:
    with pytest.raises(ValueError, match="unannounced"):
        publication.push(sound(0))
    publication.set_track(AUDIO)
    publication.push(sound(0))


def test_the_key_is_not_in_the_requests_text(publication: Publication) -> None:
    assert "secret-key" not in repr(publication.request)


def test_a_group_of_pictures_without_end_is_not_remembered(publication: Publication) -> None:
    publication.push(picture(0, sync=True))
    for number in range(1, 3 * MEMORY_LIMIT_UNITS):
        publication.push(picture(number, size=1))
    assert taken(publication.subscribe()) == [TrackUpdate(VIDEO)]


def test_formats_that_no_unit_uses_do_not_pile_up(publication: Publication) -> None:
    slow = publication.subscribe()
    publication.push(picture(0, sync=True))
    for number in range(1000):
        publication.set_track(replace(VIDEO, width=number))
        publication.set_track(replace(AUDIO, channels=number))
    assert taken(slow)[2:] == [
        TrackUpdate(replace(VIDEO, width=999)),
        TrackUpdate(replace(AUDIO, channels=999)),
    ]


SECOND_VIDEO = replace(VIDEO, track_id=3)


@pytest.mark.parametrize("first", [1, 3])
def test_a_new_consumer_of_several_pictures_starts_where_all_of_them_start(
    publication: Publication, first: int
) -> None:
    """OBS's pictures have their key frames at one instant, one message after the other."""
    publication.set_track(SECOND_VIDEO)
    order = (first, 4 - first)
    for number in range(10):
        for track in order:
            publication.push(picture(number * 3000, sync=number in (0, 6), track=track))
    units = [item for item in taken(publication.subscribe()) if isinstance(item, AccessUnit)]
    assert [(unit.track_id, unit.pts // 3000) for unit in units] == [
        (track, number) for number in range(6, 10) for track in order
    ]


def test_a_further_pictures_key_frame_alone_starts_nothing(publication: Publication) -> None:
    publication.set_track(SECOND_VIDEO)
    for number in range(10):
        publication.push(picture(number * 3000, sync=number == 0))
        publication.push(picture(number * 3000, sync=number in (0, 5), track=3))
    units = [item for item in taken(publication.subscribe()) if isinstance(item, AccessUnit)]
    assert (units[0].track_id, units[0].pts, len(units)) == (1, 0, 20)


def test_after_a_skip_every_picture_resumes_at_its_own_sync_unit(publication: Publication) -> None:
    publication.set_track(SECOND_VIDEO)
    publication.set_track(AUDIO)
    slow = publication.subscribe(limit_units=4)
    for number in range(6):
        publication.push(picture(number, sync=number == 0))
    taken(slow)
    publication.push(picture(6, track=3))
    publication.push(picture(7, sync=True))
    publication.push(picture(8, track=3))
    publication.push(sound(0))
    taken_now = [(item.track_id, item.pts) for item in taken(slow) if isinstance(item, AccessUnit)]
    assert taken_now == [(1, 7), (2, 0)]
    publication.push(picture(9, sync=True, track=3))
    publication.push(picture(10, track=3))
    assert [item.pts for item in taken(slow) if isinstance(item, AccessUnit)] == [9, 10]
