"""A publisher in real time never waits; one that hurries is slowed to the clock."""

from __future__ import annotations

import pytest

from ingest.pace import AHEAD_S, CATCH_UP_S, Pace


def test_real_time_is_never_held_not_even_by_a_fast_clock() -> None:
    pace = Pace()
    # An hour of an encoder whose clock is half a percent too fast.
    assert not any(pace.hold_s(5.0 + 1.005 * second, 100.0 + second) for second in range(3_600))


def test_a_file_without_waiting_is_held_to_the_clock() -> None:
    pace = Pace()
    now_s, time_s = 50.0, 0.0
    while time_s < 120:
        time_s += 0.04
        now_s += pace.hold_s(time_s, now_s)
    assert now_s - 50.0 == pytest.approx(120 - AHEAD_S, rel=0.02)


def test_what_waited_for_the_network_comes_at_once() -> None:
    pace = Pace()
    assert pace.hold_s(1.0, 10.0) == 0
    # Nothing for 40 s, then everything.
    assert not any(pace.hold_s(1.0 + second, 50.0) for second in range(40))


def test_who_dawdles_saves_up_no_more_than_a_minute() -> None:
    pace = Pace()
    pace.hold_s(0.0, 0.0)
    pace.hold_s(1.0, 3_600.0)
    assert pace.hold_s(1.0 + CATCH_UP_S + AHEAD_S, 3_600.0) == 0
    assert pace.hold_s(1.0 + CATCH_UP_S + AHEAD_S + 5.0, 3_600.0) == pytest.approx(5.0)
