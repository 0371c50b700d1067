from transcoder.restarts import DELAYS_S, PAUSES_S, WINDOW_S, Restart, RestartPolicy


def test_each_restart_of_a_minute_waits_a_little_longer_and_then_comes_a_pause() -> None:
    policy = RestartPolicy()
    restarts = [policy.next(float(n)) for n in range(6)]
    assert [restart.delay_s for restart in restarts] == [*DELAYS_S, DELAYS_S[-1], PAUSES_S[0]]
    assert [restart.failed for restart in restarts] == [False] * 5 + [True]
    assert policy.total == 6


def test_a_replacement_is_never_later_than_two_seconds() -> None:
    assert max(DELAYS_S) < 2


def test_how_many_there_may_be_is_a_setting() -> None:
    policy = RestartPolicy(per_minute=1)
    assert [policy.next(float(n)).failed for n in range(2)] == [False, True]
    patient = RestartPolicy(per_minute=60)
    assert not any(patient.next(n / 2).failed for n in range(60))


def test_restarts_are_forgotten_after_a_minute() -> None:
    policy = RestartPolicy()
    for n in range(100):
        assert policy.next(n * (WINDOW_S + 1)) == Restart(DELAYS_S[0], failed=False)


def test_a_child_that_never_lives_is_tried_ever_more_rarely() -> None:
    policy, now_s, starts = RestartPolicy(), 0.0, []
    while now_s < 3600:
        starts.append(now_s)
        now_s += 0.5 + policy.next(now_s + 0.5).delay_s
    assert sum(at < 60 for at in starts) == 6
    assert sum(at >= 1800 for at in starts) == 3


def test_a_child_that_lives_after_a_pause_is_a_new_beginning() -> None:
    policy = RestartPolicy()
    for n in range(6):
        last = policy.next(float(n))
    assert last.failed
    lived_until_s = 5 + PAUSES_S[0] + WINDOW_S + 1
    assert policy.next(lived_until_s) == Restart(DELAYS_S[0], failed=False)
