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


def test_by_protocol_a_session_that_changes_it_counts_once() -> None:
    watching = Viewers(timeout_s=10)
    watching.seen("a", 0.0)
    watching.seen("b", 0.0, "dash")
    assert watching.by_protocol(1.0) == {"hls": 1, "dash": 1}
    watching.seen("a", 2.0, "dash")
    assert watching.by_protocol(3.0) == {"hls": 0, "dash": 2}
    assert watching.by_protocol(11.0) == {"hls": 0, "dash": 1}
    assert watching.count(20.0) == 0
    assert watching.by_protocol(20.0) == {"hls": 0, "dash": 0}
