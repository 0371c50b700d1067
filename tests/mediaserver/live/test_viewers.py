from mediaserver.live import viewers
from mediaserver.live.viewers import Viewers


def test_a_session_counts_once_and_until_its_timeout() -> None:
    watching = Viewers(timeout_s=10)
    for now_s in (0.0, 1.0, 2.0):
        watching.seen("a", now_s)
    watching.seen("b", 5.0)
    assert watching.count(6.0) == 2
    assert watching.count(12.5) == 1
    assert watching.count(15.1) == 0


def test_a_flood_of_sessions_costs_a_fixed_amount(monkeypatch) -> None:
    monkeypatch.setattr(viewers, "MAX_SESSIONS", 100)
    watching = Viewers(timeout_s=10)
    for number in range(1000):
        watching.seen(f"s{number}", 0.0)
    assert watching.count(0.0) == 100
