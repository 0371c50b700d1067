"""A machine that cannot encode all rungs in real time: what is given up, and what that leaves."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest

from tests.transcoder.engine.clips import ffmpeg
from tests.transcoder.engine.live import Rig, replaced_child, rig
from transcoder import child
from transcoder.media import AccessUnit

pytestmark = pytest.mark.tools("ffmpeg")

GIVE_UP = ("240p", "180p", "144p")
RUNGS = ("240p", "180p", "144p")


def picture(seconds: int):
    return ffmpeg(
        *("-f", "lavfi", "-i", f"testsrc2=s=426x240:r=30:d={seconds}"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-g", "15", "-bf", "0"),
    )["video"]


def cuts(units: tuple[AccessUnit, ...]) -> list[float]:
    return [units[0].pts_s + number for number in range(round(len(units) / 30))]


class Clock:
    """When each unit came out, against when it went in."""

    def __init__(self, live: Rig) -> None:
        self._loop = asyncio.get_running_loop()
        self._fed_s: dict[int, float] = {}
        self.late_s: list[tuple[float, str, float]] = []
        take, feed = live.worker._on_unit, live.worker.feed

        def on_unit(name: str, unit: AccessUnit) -> None:
            now_s = self._loop.time()
            self.late_s.append((now_s, name, now_s - self._fed_s.get(unit.pts, now_s)))
            take(name, unit)

        async def fed(item: object) -> None:
            if isinstance(item, AccessUnit):
                self._fed_s[item.pts] = self._loop.time()
            await feed(item)

        live.worker._on_unit = on_unit
        live.worker.feed = fed


async def test_a_rung_that_is_too_slow_is_given_up_and_taken_up_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The largest rung takes twice as long as it may, for six seconds; all else is real."""
    slow = replaced_child(tmp_path, "crippled.py", "slow=240p,6,0.07")
    monkeypatch.setattr(child.sys, "executable", slow)
    clip = picture(14)
    segment_cuts = cuts(clip.units)
    async with rig(clip, rungs=RUNGS, max_lag_s=2.0, give_up=GIVE_UP, calm_s=5.0) as live:
        clock = Clock(live)
        await live.feed_in_real_time(clip.units, segment_cuts)
        await live.until(lambda: live.units["144p"][-1].pts == clip.presented[-1])
        assert live.rungs == [{"240p"}, set()]
        statistics = live.worker.statistics()
        assert statistics.given_up == frozenset()
        assert (statistics.restarts, statistics.dropped) == (0, 0)
    # The others lost nothing, and the one that stopped begins again with an IDR at a cut.
    for name in ("180p", "144p"):
        assert [unit.pts for unit in live.units[name]] == clip.presented
    (hole,) = [
        (before, after) for before, after in pairwise(live.units["240p"]) if after.pts - before.pts > 9_000
    ]
    assert hole[1].sync
    assert any(abs(hole[1].pts_s - cut_s) < 0.001 for cut_s in segment_cuts)
    assert len(live.tracks["240p"]) == 2
    assert live.tracks["240p"][0] == live.tracks["240p"][1]
    # Without the slow rung the others keep real time.
    began_s = clock.late_s[0][0]
    calm = sorted(late for at_s, name, late in clock.late_s if name == "144p" and 4.5 < at_s - began_s < 7.5)
    assert calm[len(calm) // 2] < 0.3


async def test_a_child_that_gets_half_of_the_time_gives_up_all_but_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing is passed through, one quality of the picture stays whatever happens."""
    slow = replaced_child(tmp_path, "crippled.py", "slow=240p+180p+144p,1000,0.05")
    monkeypatch.setattr(child.sys, "executable", slow)
    clip = picture(8)
    async with rig(clip, rungs=RUNGS, max_lag_s=2.0, give_up=GIVE_UP) as live:
        await live.feed_in_real_time(clip.units, cuts(clip.units))
        assert live.rungs == [{"240p"}, {"240p", "180p"}]
        assert live.units["144p"][-1].pts > clip.presented[-1] - 3 * 90_000
        assert live.worker.statistics().restarts == 0


async def test_another_child_begins_with_the_rungs_that_are_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = replaced_child(tmp_path, "crippled.py", "slow=240p,1000,0.2", times=1)
    monkeypatch.setattr(child.sys, "executable", slow)
    clip = picture(6)
    async with rig(clip, rungs=RUNGS, max_lag_s=2.0, give_up=GIVE_UP[:1]) as live:
        await live.feed_in_real_time(clip.units[:150])
        assert live.rungs == [{"240p"}]
        encoded = len(live.units["240p"])
        assert live.worker._session is not None
        live.worker._session.child.kill()
        await live.until(lambda: live.worker.statistics().restarts == 1)
        await live.until(lambda: live.worker._session and live.worker._session.ready)
        await live.feed(clip.units[150:])
        await live.until(lambda: live.units["144p"][-1].pts == clip.presented[-1])
        assert len(live.units["240p"]) <= encoded + 5
