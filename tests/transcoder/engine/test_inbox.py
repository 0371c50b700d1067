from __future__ import annotations

import threading

import pytest

from transcoder.engine import inbox as inbox_module
from transcoder.engine.inbox import CutMark, Inbox
from transcoder.media import AccessUnit, Codec


def unit(pts: int, *, sync: bool = False, size: int = 1) -> AccessUnit:
    return AccessUnit(1, Codec.H264, 90_000, pts, pts, 0, sync, bytes(size), 0.0)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(inbox_module.time, "monotonic", lambda: now[0])
    return now


def drain(box: Inbox) -> list[object]:
    box.close()
    return list(iter(box.take, None))


def test_what_goes_in_comes_out_in_order() -> None:
    box = Inbox(2.0)
    items = [unit(0, sync=True), CutMark(5), unit(1), unit(2)]
    for item in items:
        box.put(item)
    assert drain(box) == items
    assert (box.taken, box.dropped) == (3, 0)


def test_what_waited_too_long_is_dropped_up_to_the_next_sync_unit(clock: list[float]) -> None:
    box = Inbox(2.0)
    box.put(unit(0, sync=True))
    box.put(CutMark(2))
    clock[0] = 3.0
    late, fresh = unit(1), unit(2, sync=True)
    box.put(late)
    box.put(fresh)
    box.put(unit(3))
    assert drain(box) == [CutMark(2), fresh, unit(3)]
    assert (box.taken, box.dropped) == (4, 2)


def test_a_file_is_never_dropped_from(clock: list[float]) -> None:
    box = Inbox(None)
    box.put(unit(0))
    clock[0] = 1e9
    assert drain(box) == [unit(0)]


@pytest.mark.parametrize(
    ("count", "size"), [(inbox_module.LIMIT_ITEMS, 0), (2, inbox_module.LIMIT_BYTES // 2)]
)
def test_a_full_inbox_makes_the_writer_wait(count: int, size: int) -> None:
    box = Inbox(None)
    for number in range(count):
        box.put(unit(number, size=size))
    passed = threading.Event()

    def write() -> None:
        box.put(unit(count, size=size + 1))
        passed.set()

    writer = threading.Thread(target=write)
    writer.start()
    assert not passed.wait(0.05)
    box.take()
    box.take()
    assert passed.wait(5)
    writer.join()


def test_closing_lets_a_waiting_writer_go() -> None:
    box = Inbox(None)
    box.put(unit(0, size=inbox_module.LIMIT_BYTES))
    writer = threading.Thread(target=box.put, args=(unit(1),))
    writer.start()
    box.close()
    writer.join(5)
    assert not writer.is_alive()


def test_one_unit_above_the_limit_still_goes_through() -> None:
    box = Inbox(None)
    box.put(unit(0, size=inbox_module.LIMIT_BYTES + 1))
    assert box.take() == unit(0, size=inbox_module.LIMIT_BYTES + 1)
