"""How late the loop is."""

from __future__ import annotations

import asyncio
import logging
import time

import pytest

from mediaserver.loop_lag import BOUNDS_S, INTERVAL_S, RECENT_S, LoopLag


def test_the_most_of_the_last_ten_seconds() -> None:
    lag = LoopLag()
    for at_s, lag_s in ((0.0, 0.01), (1.0, 0.3), (2.0, 0.05), (3.0, 0.02)):
        lag.saw(lag_s, at_s)
    assert lag.statistics().recent_s == 0.3
    lag.saw(0.0, 1.0 + RECENT_S + 0.5)
    assert lag.statistics().recent_s == 0.05
    counts = dict(zip(BOUNDS_S, lag.statistics().counts, strict=False))
    assert (counts[0.005], counts[0.05], counts[0.25], lag.statistics().counts[-1]) == (1, 4, 4, 5)


def test_memory_is_bounded() -> None:
    lag = LoopLag()
    for number in range(10_000):
        lag.saw(1.0 / (number + 1), number * INTERVAL_S)
    assert len(lag._recent) <= RECENT_S / INTERVAL_S + 2


def test_a_long_stop_is_told_once_in_a_while(caplog: pytest.LogCaptureFixture) -> None:
    lag = LoopLag()
    with caplog.at_level(logging.WARNING):
        for at_s in (0.0, 1.0, 2.0, 11.0):
            lag.saw(0.7, at_s)
    assert len(caplog.records) == 2
    assert "0.70 s" in caplog.text


async def test_it_sees_who_holds_the_loop() -> None:
    lag = LoopLag()
    lag.start()
    await asyncio.sleep(0)
    time.sleep(INTERVAL_S + 0.1)  # noqa: ASYNC251 - the fault itself
    async with asyncio.timeout(5):
        while not lag.statistics().counts[-1]:  # noqa: ASYNC110 - its timer has no event
            await asyncio.sleep(0)
    lag.stop()
    lag.stop()
    assert lag.statistics().recent_s >= 0.09
