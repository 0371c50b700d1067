from transcoder.restarts import DELAYS_S, WINDOW_S, HangWatch, RestartPolicy


def test_each_restart_of_a_minute_waits_a_little_longer_and_the_sixth_is_refused() -> None:
    policy = RestartPolicy()
    assert [policy.next_delay_s(float(n)) for n in range(5)] == list(DELAYS_S)
    assert policy.next_delay_s(5.0) is None
    assert policy.total == 5


def test_a_replacement_is_never_later_than_two_seconds() -> None:
    assert max(DELAYS_S) < 2


def test_restarts_are_forgotten_after_a_minute() -> None:
    policy = RestartPolicy()
    for n in range(5):
        policy.next_delay_s(float(n))
    assert policy.next_delay_s(WINDOW_S + 10) == DELAYS_S[0]


def test_a_child_that_takes_what_it_is_fed_is_not_stuck_however_long_it_is_idle() -> None:
    watch = HangWatch(0.0)
    watch.feed(1.0)
    assert watch.stuck_s(3.0) == 2.0
    watch.take(1, 3.0)
    assert watch.waiting == 0
    assert watch.stuck_s(100.0) == 0.0


def test_waiting_counts_from_the_first_unit_after_an_idle_time() -> None:
    watch = HangWatch(0.0)
    watch.feed(50.0)
    watch.feed(51.0)
    assert watch.stuck_s(52.0) == 2.0


def test_progress_that_says_nothing_new_is_no_progress() -> None:
    watch = HangWatch(0.0)
    watch.feed(0.0)
    watch.feed(0.0)
    watch.take(1, 1.0)
    watch.take(1, 5.0)
    assert watch.stuck_s(6.0) == 5.0
