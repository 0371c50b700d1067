import pytest

from transcoder.manifests.config import WindowConfig


def test_hold_backs_follow_from_the_two_targets() -> None:
    config = WindowConfig(target_duration_s=4, part_target_s=0.25, window_s=30)
    assert config.hold_back_us == 12_000_000
    assert config.part_hold_back_us == 750_000
    assert config.can_skip_until_us == 24_000_000
    assert config.part_tags_us == 12_000_000
    assert config.block_limit_s == 12.0
    assert config.keep_us == 30_000_000


def test_a_window_that_is_too_short_for_delta_updates_is_made_longer() -> None:
    assert WindowConfig(target_duration_s=4, part_target_s=0.25, window_s=10).keep_us == 28_000_000


def test_the_part_target_is_rounded_up_so_that_no_part_becomes_too_long() -> None:
    assert WindowConfig(target_duration_s=4, part_target_s=1 / 3, window_s=30).part_target_us == 333_334


@pytest.mark.parametrize(
    ("target_duration_s", "part_target_s", "window_s"),
    [(0, 0.25, 30), (4, 0, 30), (4, 4.1, 30), (4, 0.25, -1), (4, 0.25, 1e7)],
)
def test_numbers_that_make_no_playlist_are_refused(
    target_duration_s: int, part_target_s: float, window_s: float
) -> None:
    with pytest.raises(ValueError, match="is "):
        WindowConfig(target_duration_s=target_duration_s, part_target_s=part_target_s, window_s=window_s)
