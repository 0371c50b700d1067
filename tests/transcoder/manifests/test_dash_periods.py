"""Periods: opened once, never changed, without a hole inside."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transcoder.manifests.columns import Columns
from transcoder.manifests.dash_periods import PeriodPlan


def plan_of(columns: Columns, plan: PeriodPlan | None = None) -> PeriodPlan:
    plan = plan or PeriodPlan()
    plan.update(columns.windows, columns.listed)
    return plan


def numbers(plan: PeriodPlan, columns: Columns) -> list[dict[str, list[int]]]:
    return [
        {
            name: [segment.msn for segment in plan.segments(period, name, columns.windows[name])]
            for name in period.members
        }
        for period in plan.periods
    ]


def test_a_steady_stream_is_one_period_that_starts_at_zero() -> None:
    columns = Columns("720p", "audio")
    for _ in range(3):
        columns.segment()
    plan = plan_of(columns)
    assert [(period.id, period.start_ms) for period in plan.periods] == [("0", 0)]
    assert numbers(plan, columns) == [{"720p": [0, 1, 2], "audio": [0, 1, 2]}]


def test_the_open_segment_is_in_it_from_its_first_part_on() -> None:
    columns = Columns("720p")
    columns.segment()
    columns.part("720p", 0.25)
    assert numbers(plan_of(columns), columns) == [{"720p": [0, 1]}]


def test_nothing_is_planned_before_all_renditions_have_begun() -> None:
    columns = Columns("720p", "360p")
    columns.part("720p", 0.25)
    plan = plan_of(columns)
    assert not plan.periods
    columns.part("360p", 0.25)
    assert list(plan_of(columns, plan).periods[0].members) == ["720p", "360p"]


def test_who_is_too_late_is_not_waited_for_and_joins_in_a_period_of_its_own() -> None:
    columns = Columns("720p", "360p")
    columns.part("720p", 0.75)
    plan = plan_of(columns)
    assert plan.is_waiting
    columns.part("720p", 0.25)
    assert numbers(plan_of(columns, plan), columns) == [{"720p": [0]}]
    assert not plan.is_waiting
    columns.part("720p", 1.0)
    columns.windows["720p"].end_segment(2)
    columns.begin("720p")
    plan_of(columns, plan)
    columns.one("360p")
    columns.one("360p")
    columns.windows["720p"].end_segment(4)
    plan_of(columns, plan)
    columns.segment()
    plan_of(columns, plan)
    assert numbers(plan, columns) == [{"720p": [0, 1]}, {"720p": [2], "360p": [2]}]
    assert plan.periods[1].start_ms == 4000


def test_a_discontinuity_begins_a_period_where_the_media_before_it_ended() -> None:
    """The time for which nobody has media is at its beginning: whoever joins there finds a way out."""
    columns = Columns("720p", "audio")
    columns.segment()
    columns.interrupt(away_s=7.5, **{"720p": b"another size"})
    columns.segment()
    plan = plan_of(columns)
    assert [(period.id, period.start_ms) for period in plan.periods] == [("0", 0), ("1", 2000)]
    assert plan.periods[1].members["720p"].init.data == b"another size"
    assert plan.periods[1].members["audio"].init is plan.periods[0].members["audio"].init


def test_a_period_begins_no_later_than_its_first_picture_is_shown() -> None:
    columns = Columns("720p", "audio")
    columns.one("720p")
    columns.one("audio", length_s=2.01)
    columns.interrupt()
    columns.part("720p", 0.25, composition_offset=450)
    columns.part("audio", 0.25)
    assert plan_of(columns).periods[1].start_ms == 2005


def test_gaps_alone_are_no_period() -> None:
    columns = Columns("720p", "audio")
    columns.segment()
    columns.segment(gap=("720p", "audio"))
    columns.segment(gap=("720p", "audio"))
    plan = plan_of(columns)
    assert numbers(plan, columns) == [{"720p": [0], "audio": [0]}]
    columns.interrupt()
    columns.segment()
    plan_of(columns, plan)
    assert [period.start_ms for period in plan.periods] == [0, 2000]


def test_a_rendition_with_a_gap_is_left_out_and_comes_back() -> None:
    columns = Columns("720p", "360p", "audio")
    plan = PeriodPlan()
    for missing in (False, True, True, False):
        columns.segment(gap=("720p",) if missing else ())
        plan_of(columns, plan)
    assert numbers(plan, columns) == [
        {"720p": [0], "360p": [0], "audio": [0]},
        {"360p": [1, 2], "audio": [1, 2]},
        {"720p": [3], "360p": [3], "audio": [3]},
    ]
    assert [period.id for period in plan.periods] == ["0", "0-1", "0-3"]


def test_a_gap_that_is_known_late_does_not_change_what_was_published() -> None:
    columns = Columns("720p", "360p")
    plan = PeriodPlan()
    columns.segment()
    columns.one("360p")
    columns.one("360p")
    plan_of(columns, plan)
    columns.one("720p", gap=True)
    columns.one("720p")
    plan_of(columns, plan)
    assert numbers(plan, columns) == [{"720p": [0], "360p": [0, 1, 2]}]
    columns.segment()
    plan_of(columns, plan)
    assert numbers(plan, columns) == [{"720p": [0], "360p": [0, 1, 2]}, {"720p": [3], "360p": [3]}]


def test_a_change_of_init_without_a_discontinuity_is_a_period_too() -> None:
    columns = Columns("720p")
    columns.segment()
    columns.windows["720p"].set_init(b"other")
    columns.segment()
    plan = plan_of(columns)
    assert numbers(plan, columns) == [{"720p": [0]}, {"720p": [1]}]


def test_unlisted_renditions_are_in_no_new_period() -> None:
    columns = Columns("720p", "360p")
    plan = PeriodPlan()
    columns.segment()
    plan_of(columns, plan)
    columns.interrupt()
    columns.segment()
    plan.update(columns.windows, frozenset({"360p"}))
    assert [list(period.members) for period in plan.periods] == [["720p", "360p"], ["360p"]]
    columns.segment()
    plan.update(columns.windows, frozenset({"360p"}))
    assert len(plan.periods) == 2


def test_old_periods_go_when_their_segments_have_left() -> None:
    columns = Columns("720p", "audio")
    plan = PeriodPlan()
    columns.segment()
    columns.interrupt()
    for _ in range(30):
        columns.segment()
        plan_of(columns, plan)
    assert [period.id for period in plan.periods] == ["1"]
    assert plan.periods[0].start_ms == 2000


def test_a_plan_that_begins_late_knows_nothing_of_the_beginning() -> None:
    """As after a restart: the oldest period has the id that it had, and no start that players could miss."""
    columns = Columns("720p")
    columns.interrupt()
    for _ in range(40):
        columns.segment()
    plan = plan_of(columns)
    assert [(period.id, period.start_ms) for period in plan.periods] == [("1", 0)]


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["segment", "gap", "late", "break"]), st.integers(0, 2)), max_size=60
    )
)
@pytest.mark.filterwarnings("error")
def test_whatever_happens_published_periods_stay_as_they_are(steps: list[tuple[str, int]]) -> None:
    names = ("source", "720p", "audio")
    columns, plan = Columns(*names), PeriodPlan()
    late: list[str] = []
    seen: dict[str, tuple[int, int, frozenset[str]]] = {}
    listing: dict[tuple[str, str], list[int]] = {}
    for step, which in steps:
        if step == "late":
            late.append(names[which])
            columns.segment(names[which])
        else:
            for name in late:
                columns.one(name, gap=True)
            late.clear()
            if step == "break":
                columns.interrupt(away_s=0.5)
            columns.segment(gap=(names[which],) if step == "gap" else ())
        plan_of(columns, plan)
        for period in plan.periods:
            told = (period.first_msn, period.start_ms, frozenset(period.members))
            assert seen.setdefault(period.id, told) == told
            for name in period.members:
                listed = [each.msn for each in plan.segments(period, name, columns.windows[name])]
                assert listed == list(range(listed[0], listed[0] + len(listed))) if listed else True
                first_msn = columns.windows[name].first_msn
                before = {msn for msn in listing.get((period.id, name), []) if msn >= first_msn}
                assert before <= set(listed)
                listing[period.id, name] = listed
