"""New parts are seen where they are listed: in the windows."""

from __future__ import annotations

import pytest

from mediaserver.live.measures import StreamMeasures
from mediaserver.live.part_watch import PartWatch
from transcoder.manifests.config import WindowConfig
from transcoder.manifests.window import MediaWindow

ORIGIN_S = 1_750_000_000.0
CONFIG = WindowConfig(target_duration_s=4, part_target_s=0.25, window_s=30)


def add_part(window: MediaWindow, start_s: float, now_s: float) -> None:
    window.add_part(
        b"part", duration_s=0.25, independent=True, now_s=now_s, program_time_s=ORIGIN_S + start_s
    )


@pytest.fixture
def window() -> MediaWindow:
    window = MediaWindow(CONFIG, "e1a2b3c4")
    window.set_init(b"init")
    return window


def test_each_part_is_measured_once_and_at_its_end(window: MediaWindow) -> None:
    measures = StreamMeasures()
    watch = PartWatch(measures)
    for number in range(20):
        late_s = 0.2 if number == 15 else 0.0
        now_s = 100.0 + number * 0.25 + late_s
        add_part(window, number * 0.25, now_s)
        for _ in range(3):
            watch.look([("source", window)], ORIGIN_S, now_s)
        if number % 8 == 7:
            window.end_segment(now_s)
            watch.look([("source", window)], ORIGIN_S, now_s)
    seen = measures.snapshot(105.0).renditions["source"]
    assert seen.parts == 20
    assert seen.part_lateness_s == pytest.approx(0.2, abs=0.002)


def test_a_gap_is_not_late(window: MediaWindow) -> None:
    measures = StreamMeasures()
    watch = PartWatch(measures)
    window.add_gap_part(duration_s=0.25, now_s=100.0, program_time_s=ORIGIN_S)
    watch.look([("720p", window)], ORIGIN_S, 100.0)
    assert not measures.snapshot(100.0).renditions


def test_a_new_run_begins_at_nothing(window: MediaWindow) -> None:
    measures = StreamMeasures()
    watch = PartWatch(measures)
    add_part(window, 0.0, 100.0)
    watch.look([("source", window)], ORIGIN_S, 100.0)
    watch.new_run()
    watch.look([("source", window)], ORIGIN_S, 101.0)
    assert measures.snapshot(101.0).renditions["source"].parts == 1
