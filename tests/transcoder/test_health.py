"""When a child counts as hung: by what it was given, took and gave back."""

from __future__ import annotations

from transcoder.health import UNITS_HELD, HangWatch, OutputWatch


def test_only_what_waits_can_hang() -> None:
    watch = HangWatch(0.0)
    assert watch.stuck_s(100.0) == 0.0
    watch.feed(100.0)
    watch.feed(101.0)
    assert watch.stuck_s(102.0) == 2.0
    watch.take(1, 102.0)
    assert (watch.waiting, watch.stuck_s(104.0)) == (1, 2.0)
    watch.take(2, 104.0)
    assert watch.stuck_s(200.0) == 0.0


def test_lag_is_the_age_of_the_oldest_unit_that_was_not_taken() -> None:
    watch = HangWatch(0.0)
    for number in range(10):
        watch.feed(float(number))
    assert watch.lag_s(10.0) == 10.0
    watch.take(4, 10.0)
    assert watch.lag_s(10.0) == 6.0
    watch.take(10, 11.0)
    assert watch.lag_s(20.0) == 0.0


def test_waiting_for_the_start_is_forgiven() -> None:
    watch = HangWatch(0.0)
    watch.feed(1.0)
    watch.begin_anew(9.0)
    assert (watch.waiting, watch.stuck_s(10.0), watch.lag_s(10.0)) == (1, 1.0, 1.0)


def test_what_takes_and_gives_nothing_back_is_silent() -> None:
    watch = OutputWatch()
    watch.take(1, 0, 0.0)
    for second in range(1, 4):
        watch.take(30 * second, 0, float(second))
    assert watch.silent_s(3.0) == 3.0
    watch.output()
    assert watch.silent_s(3.5) == 0.0
    watch.take(95, 0, 4.0)
    watch.take(96, 0, 5.0)
    watch.take(95 + UNITS_HELD, 0, 6.0)
    assert watch.silent_s(6.0) == 1.0


def test_all_that_was_taken_may_have_come_out_before_the_report() -> None:
    watch = OutputWatch()
    watch.output()
    watch.take(60, 0, 0.5)
    watch.take(60, 0, 1.0)
    assert watch.silent_s(100.0) == 0.0


def test_a_decoder_may_hold_pictures_back_for_ever() -> None:
    watch = OutputWatch()
    watch.take(UNITS_HELD - 1, 0, 0.0)
    assert watch.silent_s(100.0) == 0.0


def test_damage_excuses_silence() -> None:
    watch = OutputWatch()
    for second in range(100):
        watch.take(30 * second, second, float(second))
        assert watch.silent_s(second + 0.4) <= 0.4
