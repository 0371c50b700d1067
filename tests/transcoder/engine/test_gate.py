from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcoder.engine.gate import PictureGate, Verdict


def kept(gate: PictureGate, times: list[int]) -> list[int]:
    return [pts for pts in times if gate.judge(pts) in (Verdict.KEEP, Verdict.CUT)]


def test_the_first_picture_begins_a_segment() -> None:
    gate = PictureGate()
    assert [gate.judge(pts) for pts in (0, 3000)] == [Verdict.CUT, Verdict.KEEP]


@pytest.mark.parametrize("cut", [5_999, 6_000, 3_001])
def test_the_cut_is_the_first_picture_at_or_after_it(cut: int) -> None:
    gate = PictureGate()
    gate.cut_at(cut)
    verdicts = [gate.judge(pts) for pts in (0, 3000, 6000, 9000)]
    assert verdicts == [Verdict.CUT, Verdict.KEEP, Verdict.CUT, Verdict.KEEP]


def test_time_never_goes_back() -> None:
    gate = PictureGate()
    assert [gate.judge(pts) for pts in (3000, 3000, 0, 6000)] == [
        Verdict.CUT,
        Verdict.LATE,
        Verdict.LATE,
        Verdict.KEEP,
    ]


@pytest.mark.parametrize(("rate", "expected"), [(24, 24), (30, 30), (50, 50), (60, 60), (120, 60), (240, 60)])
def test_at_most_60_pictures_a_second_in_whole_milliseconds(rate: int, expected: int) -> None:
    times = [round(number * 1000 / rate) * 90 for number in range(rate)]
    assert expected <= len(kept(PictureGate(), times)) <= expected + 1


def test_thinned_pictures_are_evenly_spaced() -> None:
    times = [number * 625 for number in range(144)]
    chosen = kept(PictureGate(Fraction(48)), times)
    assert {b - a for a, b in pairwise(chosen)} == {1875}


def test_a_surplus_picture_at_a_cut_is_kept() -> None:
    gate = PictureGate()
    gate.cut_at(375)
    assert [gate.judge(pts) for pts in (0, 375, 750, 1500)] == [
        Verdict.CUT,
        Verdict.CUT,
        Verdict.SURPLUS,
        Verdict.KEEP,
    ]


def test_a_pause_moves_the_grid() -> None:
    gate = PictureGate()
    times = [0, 1500, 900_000, 901_500, 903_000]
    assert kept(gate, times) == times


@given(
    steps=st.lists(st.integers(-2_000, 10_000), max_size=60),
    cuts=st.lists(st.integers(0, 200_000), max_size=5).map(sorted),
)
def test_each_cut_falls_on_the_first_picture_in_time(steps: list[int], cuts: list[int]) -> None:
    gate, pts, last, forward = PictureGate(), 0, -1, []
    for cut in cuts:
        gate.cut_at(cut)
    starts = set()
    for step in [0, *steps]:
        pts = max(0, pts + step)
        verdict = gate.judge(pts)
        if verdict is Verdict.CUT:
            starts.add(pts)
        if verdict in (Verdict.KEEP, Verdict.CUT):
            assert pts > last
            last = pts
        if verdict is not Verdict.LATE:
            forward.append(pts)
    for cut in cuts:
        reached = [pts for pts in forward if pts >= cut]
        assert not reached or reached[0] in starts
