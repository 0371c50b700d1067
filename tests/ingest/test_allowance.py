"""A token bucket."""

from ingest.allowance import Allowance


def test_an_allowance_fills_again() -> None:
    allowance = Allowance(2.0, 3)
    assert [allowance.take(0.0) for _ in range(4)] == [True, True, True, False]
    assert [allowance.take(0.5), allowance.take(0.5)] == [True, False]
    assert [allowance.take(100.0) for _ in range(4)] == [True, True, True, False]
    assert not allowance.take(99.0)
