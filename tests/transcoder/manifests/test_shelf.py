from __future__ import annotations

from transcoder.manifests.segment import Media
from transcoder.manifests.shelf import Shelf

MEDIA = Media((b"x",), 1, '"x"', "video/mp4")


def shelf_of(*names: str) -> Shelf:
    shelf = Shelf()
    for name in names:
        shelf.put(name, MEDIA)
    return shelf


def test_a_name_goes_after_its_deadline_and_not_at_it() -> None:
    shelf = shelf_of("a")
    shelf.leave_at("parts", "a", 10.0)
    shelf.evict(10.0)
    assert shelf.get("a") is MEDIA
    shelf.evict(10.001)
    assert shelf.get("a") is None


def test_deadlines_of_one_queue_never_go_back() -> None:
    shelf = shelf_of("a", "b")
    shelf.leave_at("parts", "a", 10.0)
    shelf.leave_at("parts", "b", 5.0)
    shelf.evict(7.0)
    assert shelf.get("b") is MEDIA


def test_queues_do_not_wait_for_each_other() -> None:
    shelf = shelf_of("a", "b")
    shelf.leave_at("segments", "a", 100.0)
    shelf.leave_at("parts", "b", 5.0)
    shelf.evict(7.0)
    assert (shelf.get("a"), shelf.get("b")) == (MEDIA, None)


def test_what_was_dropped_before_its_deadline_is_no_error() -> None:
    shelf = shelf_of("a")
    shelf.leave_at("parts", "a", 5.0)
    shelf.drop("a")
    shelf.drop("a")
    shelf.evict(9.0)
    assert len(shelf) == 0
