"""Blocking reload and delta directives: RFC 8216bis 6.2.5.1 and 6.2.5.2, one test for each sentence."""

from __future__ import annotations

import pytest

from tests.transcoder.manifests.live import CONFIG, Live
from transcoder.manifests.config import WindowConfig
from transcoder.manifests.reload import Refuse, Serve, Skip, Wait, decide, is_met
from transcoder.manifests.window import MediaWindow

NOW = Serve(None)


@pytest.fixture
def live() -> Live:
    """Segments 0 and 1 finished (8 parts each), segment 2 open with parts 0, 1 and 2."""
    live = Live()
    live.segments(2)
    live.parts(3)
    return live


def status(decision: Serve | Wait | Refuse) -> int | None:
    return decision.status if isinstance(decision, Refuse) else None


def test_without_directives_the_playlist_is_served_at_once(live: Live) -> None:
    assert decide(live.window, None, None, None) == NOW


def test_msn_alone_waits_for_the_whole_segment(live: Live) -> None:
    assert decide(live.window, 2, None, None) == Wait(2, None)
    live.parts(5)
    assert decide(live.window, 2, None, None) == Wait(2, None)
    live.end()
    assert decide(live.window, 2, None, None) == NOW


def test_msn_and_part_wait_for_that_part(live: Live) -> None:
    assert decide(live.window, 2, 2, None) == NOW
    assert decide(live.window, 2, 3, None) == Wait(2, 3)
    live.parts(1)
    assert decide(live.window, 2, 3, None) == NOW


def test_part_0_of_the_next_segment_waits_for_it(live: Live) -> None:
    assert decide(live.window, 3, 0, None) == Wait(3, 0)
    live.parts(5)
    live.end()
    assert not is_met(live.window, Wait(3, 0))
    live.parts(1)
    assert is_met(live.window, Wait(3, 0))


def test_part_past_the_end_rolls_over_to_next_segment(live: Live) -> None:
    # Segment 1 has parts 0 to 7: part 8 of it is part 0 of segment 2, which is there.
    assert decide(live.window, 1, 8, None) == NOW
    live.end()
    # Segment 2 ended with parts 0 to 2: part 3 of it is part 0 of segment 3, which is not.
    assert decide(live.window, 2, 3, None) == Wait(2, 3)
    live.parts(1)
    assert decide(live.window, 2, 3, None) == NOW


def test_part_far_past_the_end_of_a_finished_segment_rolls_over_too(live: Live) -> None:
    assert decide(live.window, 1, 5000, None) == NOW


def test_a_wait_for_a_part_that_never_came_ends_with_part_0_of_the_next_segment(live: Live) -> None:
    wait = Wait(2, 7)
    live.parts(2)
    live.end()
    assert not is_met(live.window, wait)
    live.parts(1)
    assert is_met(live.window, wait)


def test_removed_msn_is_served_at_once(live: Live) -> None:
    live.end()
    live.segments(30)
    assert live.window.first_msn > 2
    assert decide(live.window, 0, None, None) == NOW
    assert decide(live.window, 1, 99, None) == NOW


def test_listed_old_msn_is_served_at_once(live: Live) -> None:
    assert decide(live.window, 0, None, None) == NOW
    assert decide(live.window, 0, 3, None) == NOW


def test_part_without_msn_is_400(live: Live) -> None:
    assert status(decide(live.window, None, 0, None)) == 400
    assert status(decide(live.window, None, 2, "YES")) == 400


def test_msn_more_than_two_ahead_is_400(live: Live) -> None:
    # The last Media Segment is 1; 2 is open, and no Media Segment yet.
    assert status(decide(live.window, 4, None, None)) == 400
    assert status(decide(live.window, 4, 0, None)) == 400
    assert status(decide(live.window, 2**64 - 1, None, None)) == 400


def test_msn_two_ahead_waits(live: Live) -> None:
    assert decide(live.window, 3, None, None) == Wait(3, None)


def test_part_beyond_the_advance_part_limit_is_400(live: Live) -> None:
    # 3 / 0.25 = 12 beyond part 2 of segment 2.
    assert decide(live.window, 2, 13, None) == Wait(2, 13)
    assert status(decide(live.window, 2, 14, None)) == 400
    assert status(decide(live.window, 2, 1000, None)) == 400


def test_part_beyond_the_advance_part_limit_of_a_segment_to_come_is_400(live: Live) -> None:
    assert decide(live.window, 3, 10, None) == Wait(3, 10)
    assert status(decide(live.window, 3, 11, None)) == 400


def test_advance_part_limit_is_three_where_parts_last_a_second_or_more() -> None:
    live = Live(WindowConfig(6, 1.0, 36))
    live.segments(1, parts=4)
    live.parts(1)
    assert decide(live.window, 1, 2, None) == Wait(1, 2)
    assert status(decide(live.window, 1, 3, None)) == 400


def test_advance_part_limit_need_not_be_whole() -> None:
    live = Live(WindowConfig(6, 0.4, 36))
    live.parts(1)
    # 3 / 0.4 = 7.5: 7 beyond part 0 waits, 8 does not.
    assert decide(live.window, 0, 7, None) == Wait(0, 7)
    assert status(decide(live.window, 0, 8, None)) == 400


def test_endlist_ignores_directives(live: Live) -> None:
    live.window.end()
    for msn, part, skip in [(None, 3, None), (99, None, None), (2, 99, None), (2, None, "YES"), (0, 0, "v2")]:
        assert decide(live.window, msn, part, skip) == NOW


def test_endlist_frees_all_who_wait(live: Live) -> None:
    waits = [Wait(2, None), Wait(2, 5), Wait(3, 0)]
    live.window.end()
    assert all(is_met(live.window, wait) for wait in waits)


def test_skip_yes_and_v2_are_honoured(live: Live) -> None:
    assert decide(live.window, None, None, "YES") == Serve(Skip.YES)
    assert decide(live.window, 1, None, "v2") == Serve(Skip.V2)


@pytest.mark.parametrize("value", ["yes", "V2", "NO", "1", "", "YES "])
def test_unknown_skip_values_are_ignored(live: Live, value: str) -> None:
    assert decide(live.window, None, None, value) == NOW


def test_block_limit_is_three_target_durations() -> None:
    assert CONFIG.block_limit_s == 12.0


def test_before_the_first_part_everyone_waits_for_it() -> None:
    window = MediaWindow(CONFIG, "e", first_msn=7)
    assert decide(window, None, None, None) == Wait(7, 0)
    assert decide(window, 7, 0, None) == Wait(7, 0)
    assert decide(window, 0, 0, None) == Wait(0, 0)
    assert status(decide(window, 9, 0, None)) == 400
    window.set_init(b"i")
    window.add_part(b"x", duration_s=0.25, independent=True, now_s=0.0)
    assert decide(window, None, None, None) == NOW
    assert decide(window, 7, 0, None) == NOW
    assert decide(window, 0, 0, None) == NOW


def test_an_older_msn_than_the_first_does_not_wait_for_a_whole_segment() -> None:
    window = MediaWindow(CONFIG, "e", first_msn=7)
    window.set_init(b"i")
    window.add_part(b"x", duration_s=0.25, independent=True, now_s=0.0)
    assert decide(window, 6, None, None) == NOW
    assert decide(window, 7, None, None) == Wait(7, None)


def test_a_decision_never_turns_from_waiting_into_refusing(live: Live) -> None:
    asked = [(msn, part) for msn in range(5) for part in (None, 0, 3, 9)]
    waiting = {pair for pair in asked if isinstance(decide(live.window, *pair, None), Wait)}
    for step in range(60):
        live.parts(1)
        if step % 8 == 0:
            live.end()
        for pair in list(waiting):
            decision = decide(live.window, *pair, None)
            assert not isinstance(decision, Refuse)
            if isinstance(decision, Serve):
                waiting.discard(pair)
    assert not waiting
