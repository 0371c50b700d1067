import pytest

from mediaserver.live.states import TRANSITIONS, IllegalTransition, StreamEvent, StreamState, advance

E, S = StreamEvent, StreamState


def walk(*events: StreamEvent) -> StreamState:
    state = S.OFFLINE
    for event in events:
        state = advance(state, event)
    return state


def test_a_whole_life() -> None:
    assert walk(E.PUBLISHED) is S.STARTING
    assert walk(E.PUBLISHED, E.PLAYABLE) is S.LIVE
    assert walk(E.PUBLISHED, E.PLAYABLE, E.PUBLISHER_LEFT) is S.INTERRUPTED
    assert walk(E.PUBLISHED, E.PLAYABLE, E.PUBLISHER_LEFT, E.RESUMED) is S.LIVE
    assert walk(E.PUBLISHED, E.PLAYABLE, E.SILENT, E.RESUMED) is S.LIVE
    assert walk(E.PUBLISHED, E.PLAYABLE, E.SILENT, E.PUBLISHER_LEFT, E.GRACE_OVER) is S.ENDED
    assert walk(E.RESTORED, E.RESUMED) is S.LIVE
    assert walk(E.PUBLISHED, E.PLAYABLE, E.PUBLISHER_LEFT, E.GRACE_OVER) is S.ENDED
    assert walk(E.PUBLISHED, E.PLAYABLE, E.PUBLISHER_LEFT, E.GRACE_OVER, E.PUBLISHED) is S.STARTING


def test_leaving_before_anything_played_is_as_if_nobody_came() -> None:
    assert walk(E.PUBLISHED, E.PUBLISHER_LEFT) is S.OFFLINE


@pytest.mark.parametrize(
    ("state", "event"),
    [(s, e) for s in StreamState for e in StreamEvent if (s, e) not in TRANSITIONS],
)
def test_what_the_table_does_not_name_is_refused(state: StreamState, event: StreamEvent) -> None:
    with pytest.raises(IllegalTransition):
        advance(state, event)
