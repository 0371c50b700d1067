import pytest

from mediaserver.live.rate import RateMeter


def test_a_steady_flow_is_measured() -> None:
    meter = RateMeter()
    for tick in range(100):
        meter.add(10, tick / 10)
    assert meter.per_second(10.0) == pytest.approx(100, rel=0.25)


def test_what_is_long_ago_does_not_count() -> None:
    meter = RateMeter()
    meter.add(1_000_000, 0.0)
    assert meter.per_second(60.0) == 0.0


def test_nothing_is_nothing() -> None:
    assert RateMeter().per_second(5.0) == 0.0
