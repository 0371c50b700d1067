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


def test_an_exempt_session_is_not_counted_while_that_is_said() -> None:
    watching = Viewers(timeout_s=10)
    watching.seen("a", 0.0)
    watching.seen("mine", 0.0, "dash")
    watching.exempt("mine", 1.0)
    assert watching.by_protocol(1.0) == {"hls": 1, "dash": 0}
    watching.seen("mine", 5.0)
    assert watching.count(5.0) == 1
    late_s = 1.5 + viewers.EXEMPT_S
    watching.seen("mine", late_s)
    assert watching.count(late_s) == 1


def test_exempt_sessions_cost_a_fixed_amount(monkeypatch) -> None:
    monkeypatch.setattr(viewers, "MAX_EXEMPT", 2)
    watching = Viewers(timeout_s=10)
    for name in ("a", "b", "c"):
        watching.exempt(name, 0.0)
        watching.seen(name, 0.0)
    watching.seen("a", 1.0)
    assert watching.count(1.0) == 1
