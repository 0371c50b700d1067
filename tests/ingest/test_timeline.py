"""The timeline: a publisher is simulated with true times, a clock that misbehaves, and an arrival clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.timeline import Stamp, Timeline, TimelineConfig

VIDEO, AUDIO = 1, 2
RATE = 48_000
FRAME = 1024


@dataclass
class Result:
    """What came out, beside the true capture time of each unit in milliseconds."""

    timeline: Timeline
    video: list[tuple[float, Stamp]] = field(default_factory=list)
    audio: list[tuple[float, Stamp]] = field(default_factory=list)

    def drift_ms(self) -> float:
        """The largest distance between sound and picture, against what it truly was.

        Compared between units that are neighbours in capture time, on each side of any jump alike.
        """
        worst = 0.0
        for true_ms, stamp in self.video:
            near = [(t, s) for t, s in self.audio if abs(t - true_ms) < 60]
            for audio_ms, sound in near:
                true = audio_ms - true_ms
                made = sound.dts * 1000 / RATE - stamp.dts / 90
                worst = max(worst, abs(made - true))
        return worst


def play(
    clock: list[tuple[float, int]],
    *,
    duration_ms: float,
    audio_lag_ms: float = 0.0,
    fps: int = 30,
    audio_clock: list[tuple[float, int]] | None = None,
    outage: tuple[float, float] | None = None,
    stalled: tuple[float, float] | None = None,
    sounds_from_ms: float = 0.0,
) -> Result:
    """Publish picture and sound. ``clock``: from this true time on, timestamp = true + offset (mod 2^32).

    ``audio_lag_ms``: sound is sent this much later than the picture of the same time. In an ``outage``
    nothing is captured; while ``stalled`` everything is captured but arrives at its end.
    """
    events: list[tuple[float, str, float]] = []
    frame_ms = 1000 / fps
    for n in range(int(duration_ms / frame_ms)):
        events.append((n * frame_ms, "video", n * frame_ms))
    sound_ms = FRAME * 1000 / RATE
    for n in range(int(duration_ms / sound_ms)):
        at = n * sound_ms
        if at >= sounds_from_ms:
            events.append((at + audio_lag_ms, "audio", at))
    result = Result(Timeline())
    for arrival_ms, kind, true_ms in sorted(events):
        if outage and outage[0] <= true_ms < outage[1]:
            continue
        if stalled and stalled[0] <= arrival_ms < stalled[1]:
            arrival_ms = stalled[1]
        steps = audio_clock if audio_clock and kind == "audio" else clock
        offset = [o for start, o in steps if true_ms >= start][-1]
        raw = (round(true_ms) + offset) % (1 << 32)
        arrival_s = 1000 + arrival_ms / 1000
        if kind == "video":
            result.video.append((true_ms, result.timeline.video(VIDEO, raw, 0, arrival_s)))
        else:
            result.audio.append((true_ms, result.timeline.audio(AUDIO, raw, FRAME, RATE, arrival_s)))
    for units in (result.video, result.audio):
        dts = [stamp.dts for _, stamp in units]
        assert all(b > a for a, b in pairwise(dts))
        assert dts[0] >= 0
    return result


def gaps_ms(units: list[tuple[float, Stamp]], timescale: int) -> list[float]:
    times = [stamp.dts * 1000 / timescale for _, stamp in units]
    return [b - a for a, b in pairwise(times)]


@pytest.mark.parametrize("start", [0, 1, 999_999, 2**24 - 500, 2**31 - 500, 2**32 - 500, 2**32 - 1])
def test_starts_anywhere_and_passes_every_wrap_without_a_gap(start: int) -> None:
    result = play([(0, start)], duration_ms=3000)
    assert result.drift_ms() <= 2
    assert max(gaps_ms(result.video, 90_000)) <= 34
    assert {b.dts - a.dts for (_, a), (_, b) in pairwise(result.audio)} == {FRAME}
    assert result.video[0][1].dts == TimelineConfig().start_ms * 90
    assert result.timeline.statistics().jumps == 0


@pytest.mark.parametrize("audio_lag_ms", [0.0, 35.0, 200.0])
def test_a_clock_of_31_bits_passes_its_wrap_without_a_gap(audio_lag_ms: float) -> None:
    """ffmpeg masks FLV timestamps: 2^31 - 1 is followed by 0."""
    result = play([(0, 2**31 - 2000), (2000, -2000)], duration_ms=4000, audio_lag_ms=audio_lag_ms)
    assert result.drift_ms() <= 2
    assert max(gaps_ms(result.video, 90_000)) <= 34
    assert {b.dts - a.dts for (_, a), (_, b) in pairwise(result.audio)} == {FRAME}
    assert result.timeline.statistics().jumps == 0


@pytest.mark.parametrize("jump", [-5_000_000, -60_000, -3_000, -500, 5_000, 60_000, 3_000_000_000])
@pytest.mark.parametrize("audio_lag_ms", [0.0, 35.0, 200.0, -200.0])
def test_a_jump_is_continued_and_sound_keeps_to_the_picture(jump: int, audio_lag_ms: float) -> None:
    result = play([(0, 10_000_000), (2000, 10_000_000 + jump)], duration_ms=5000, audio_lag_ms=audio_lag_ms)
    assert result.drift_ms() <= 40
    assert max(gaps_ms(result.video, 90_000)) <= 80 + abs(audio_lag_ms)
    assert max(gaps_ms(result.audio, RATE)) <= 80 + abs(audio_lag_ms)
    assert result.timeline.statistics().jumps >= 1


def test_a_restart_begins_behind_the_track_that_came_further() -> None:
    """The old run ended with 120 ms more picture than sound; the new one starts level at another time."""
    timeline = Timeline()
    for raw in range(0, 1001, 40):
        timeline.video(VIDEO, raw, 0, raw / 1000)
    for raw in range(0, 880, 20):
        timeline.audio(AUDIO, raw, 960, RATE, raw / 1000)
    sound = timeline.audio(AUDIO, 70_000_000, 960, RATE, 1.01)
    picture = timeline.video(VIDEO, 70_000_000, 0, 1.02)
    assert picture.dts == (1000 + 1040) * 90
    assert sound.dts == (1000 + 1040) * 48


def test_late_messages_of_the_old_clock_push_the_joining_track_and_its_sibling_alike() -> None:
    timeline = Timeline()
    for raw in range(0, 1001, 40):
        timeline.video(VIDEO, raw, 0, raw / 1000)
    for raw in range(0, 1001, 20):
        timeline.audio(AUDIO, raw, 960, RATE, raw / 1000)
    timeline.audio(AUDIO, 70_000_000, 960, RATE, 1.01)  # sound has the new clock already
    late = [timeline.video(VIDEO, raw, 0, 1.05).dts // 90 for raw in range(1040, 1401, 40)]
    assert late == list(range(2040, 2401, 40))
    picture = timeline.video(VIDEO, 70_000_000, 0, 1.4)
    sound = timeline.audio(AUDIO, 70_000_020, 960, RATE, 1.42)
    assert picture.dts == 2440 * 90
    assert sound.dts == 2460 * 48
    assert timeline.statistics().lifts == 1


def test_many_jumps_do_not_add_up() -> None:
    clock = [(n * 1000.0, (n * 7_919_777) % 4_000_000_000) for n in range(30)]
    result = play(clock, duration_ms=30_000, audio_lag_ms=50)
    assert result.drift_ms() <= 40
    assert result.video[-1][1].dts / 90 - 1000 == pytest.approx(30_000, abs=30 * 90)


def test_an_encoder_that_restarts_at_zero() -> None:
    result = play([(0, 86_400_000), (4000, -4000)], duration_ms=8000)
    assert result.drift_ms() <= 40
    assert result.timeline.statistics().jumps == 1


def test_a_real_pause_is_kept_as_a_gap() -> None:
    """The timestamps moved on with the wall clock: a lost network, an encoder that dropped frames."""
    result = play([(0, 0)], duration_ms=20_000, outage=(5000, 12_000))
    assert result.drift_ms() <= 2
    assert max(gaps_ms(result.video, 90_000)) == pytest.approx(7000, abs=70)
    assert result.timeline.statistics().jumps == 0


def test_a_stall_that_arrives_late_in_one_burst_loses_no_time() -> None:
    result = play([(0, 0)], duration_ms=20_000, stalled=(5000, 12_000))
    assert result.drift_ms() <= 2
    assert max(gaps_ms(result.video, 90_000)) <= 34


def test_frames_dropped_during_a_stall_leave_their_gap() -> None:
    """OBS drops what it could not send: the burst after the stall holds a step forward in no time at all."""
    result = play([(0, 0)], duration_ms=20_000, stalled=(5000, 12_000), outage=(6000, 11_000))
    assert result.drift_ms() <= 2
    assert max(gaps_ms(result.video, 90_000)) == pytest.approx(5000, abs=70)


def test_a_jump_into_the_future_is_no_gap() -> None:
    result = play([(0, 0), (2000, 5000)], duration_ms=4000)
    assert max(gaps_ms(result.video, 90_000)) <= 80


def test_a_pause_and_a_new_clock_leaves_the_pause() -> None:
    result = play([(0, 50_000_000), (6000, -6000)], duration_ms=9000, outage=(3000, 6000))
    assert result.drift_ms() <= 40
    assert max(gaps_ms(result.video, 90_000)) == pytest.approx(3000, abs=70)


@pytest.mark.parametrize("lag", [-900.0, -100.0, 100.0, 900.0, 2500.0])
def test_sound_that_starts_apart_from_picture_keeps_its_place(lag: float) -> None:
    result = play([(0, 123_456)], duration_ms=6000, audio_lag_ms=lag)
    assert result.drift_ms() <= 2
    assert result.timeline.statistics().jumps == 0


def test_sound_that_begins_in_the_middle() -> None:
    result = play([(0, 0)], duration_ms=30_000, sounds_from_ms=20_000)
    assert result.drift_ms() <= 2


def test_first_sound_earlier_than_the_room_before_the_start_moves_both() -> None:
    timeline = Timeline()
    picture = timeline.video(VIDEO, 5000, 0, 1.0)
    sound = timeline.audio(AUDIO, 3500, FRAME, RATE, 1.0)
    later = timeline.video(VIDEO, 5033, 0, 1.03)
    assert picture.dts == 90_000
    assert sound.dts == 0
    assert later.dts == 1533 * 90  # 1533 ms after the sound, as the publisher said


def test_two_clocks_that_have_nothing_in_common_are_laid_together_by_arrival() -> None:
    result = play([(0, 0)], audio_clock=[(0, 3_000_000_000)], duration_ms=5000)
    assert result.drift_ms() <= 40
    assert result.timeline.statistics().jumps == 0


def test_one_wrong_timestamp_passes_without_a_trace() -> None:
    timeline = Timeline()
    stamps = []
    for n in range(60):
        raw = 10_000 + n * 40
        if n == 30:
            raw -= 7_000_000
        stamps.append(timeline.video(VIDEO, raw % 2**32, 0, n * 0.04).dts)
    assert [b - a for a, b in pairwise(stamps)] == [3600] * 59


def test_small_steps_back_are_ironed_out_in_place() -> None:
    timeline = Timeline()
    dts = [timeline.video(VIDEO, raw, 0, raw / 1000).dts for raw in (0, 33, 30, 66, 66, 100)]
    assert dts == [90_000, 92_970, 92_971, 95_940, 95_941, 99_000]
    assert timeline.statistics().backsteps == 1


def test_composition_times_are_signed_and_never_lead_below_zero() -> None:
    timeline = Timeline(TimelineConfig(start_ms=20))
    assert timeline.video(VIDEO, 0, 80, 0.0) == Stamp(1800, 9000)
    assert timeline.video(VIDEO, 40, -40, 0.04) == Stamp(5400, 1800)
    assert timeline.video(VIDEO, 80, -10_000, 0.08) == Stamp(9000, 0)


def test_sound_rounded_to_milliseconds_lands_on_the_sample_grid() -> None:
    timeline = Timeline()
    rate, samples = 44_100, 1024
    dts = [
        timeline.audio(AUDIO, round(n * samples * 1000 / rate), samples, rate, n * 0.0232).dts
        for n in range(5000)
    ]
    assert dts == [44_100 + n * samples for n in range(5000)]
    assert timeline.statistics().audio_corrections == 0


def test_a_sound_card_that_runs_slow_is_corrected_now_and_then() -> None:
    """100 ppm off the picture's clock: the grid is laid anew before the error reaches 40 ms."""
    timeline = Timeline()
    worst = 0.0
    for n in range(30_000):  # 640 s
        true_ms = n * FRAME * 1000 / (RATE * 0.9999)
        dts = timeline.audio(AUDIO, round(true_ms), FRAME, RATE, true_ms / 1000).dts
        worst = max(worst, abs(dts * 1000 / RATE - 1000 - true_ms))
    assert worst <= 22
    assert timeline.statistics().audio_corrections == 3


def test_lost_audio_frames_leave_a_hole_not_a_shift() -> None:
    timeline = Timeline()
    kept = [n for n in range(100) if not 40 <= n < 45]
    dts = {n: timeline.audio(AUDIO, round(n * 64 / 3), FRAME, RATE, n * 0.0213).dts for n in kept}
    assert dts[39] == 48_000 + 39 * FRAME
    assert dts[45] == pytest.approx(48_000 + 45 * FRAME, abs=48)
    assert timeline.statistics().audio_corrections == 1


def test_a_new_sample_rate_goes_on_from_the_same_instant() -> None:
    timeline = Timeline()
    first = timeline.audio(AUDIO, 0, 1024, 48_000, 0.0)
    second = timeline.audio(AUDIO, 21, 1024, 44_100, 0.02)
    assert second.dts / 44_100 - first.dts / 48_000 == pytest.approx(0.021, abs=0.001)


@given(
    st.lists(
        st.tuples(st.booleans(), st.integers(0, 2**32 - 1), st.integers(-(2**23), 2**23 - 1)), max_size=80
    ),
    st.integers(1, 5000),
)
@settings(max_examples=150, deadline=None)
def test_whatever_the_timestamps_dts_increases_and_nothing_is_negative(
    messages: list[tuple[bool, int, int]], step_ms: int
) -> None:
    timeline = Timeline()
    last = {True: -1, False: -1}
    for n, (is_video, raw, composition_ms) in enumerate(messages):
        arrival_s = n * step_ms / 1000
        if is_video:
            stamp = timeline.video(VIDEO, raw, composition_ms, arrival_s)
        else:
            stamp = timeline.audio(AUDIO, raw, FRAME, RATE, arrival_s)
        assert stamp.dts > last[is_video]
        assert stamp.pts >= 0
        last[is_video] = stamp.dts


def test_a_wild_composition_time_is_taken_for_none() -> None:
    """One picture shown two hours later would be a cut that no other picture ever reaches."""
    timeline = Timeline()
    timeline.video(VIDEO, 0, 0, 0.0)
    for composition_ms in (8_000_000, -8_000_000, 10_001):
        stamp = timeline.video(VIDEO, 40, composition_ms, 0.04)
        assert stamp.pts == stamp.dts
    stamp = timeline.video(VIDEO, 80, 10_000, 0.08)
    assert stamp.pts - stamp.dts == 900_000


@pytest.mark.parametrize("lag_ms", [0, 35, 120])
def test_many_tracks_keep_together_over_jumps_and_wraps(lag_ms: int) -> None:
    """Three pictures and two sounds of one publisher, each track's messages sent one after the other."""
    timeline = Timeline()
    offsets = [(0, 2**32 - 2_000), (6_000, 123_456), (11_000, 9_000_000), (16_000, 0)]
    events = sorted(
        (at_ms + (lag_ms if track % 2 == 0 else 0), track, at_ms)
        for track in (1, 2, 3, 4, 5)
        for at_ms in range(0, 20_000, 40 if track % 2 else 20)
    )
    made: dict[int, list[tuple[int, float]]] = {track: [] for track in range(1, 6)}
    for arrival_ms, track, at_ms in events:
        offset = next(offset for since, offset in reversed(offsets) if at_ms >= since)
        raw = (at_ms + offset) % 2**32
        if track % 2:
            stamp = timeline.video(track, raw, 0, arrival_ms / 1000)
            made[track].append((at_ms, stamp.dts / 90))
        else:
            stamp = timeline.audio(track, raw, 960, RATE, arrival_ms / 1000)
            made[track].append((at_ms, stamp.dts * 1000 / RATE))
    shifts = {track: {round(place - at_ms) for at_ms, place in units} for track, units in made.items()}
    for track, units in made.items():
        assert all(0 < after[1] - before[1] < 250 for before, after in pairwise(units)), track
    at = {track: dict(units) for track, units in made.items()}
    for at_ms in range(0, 20_000, 40):
        places = [at[track][at_ms] for track in at]
        assert max(places) - min(places) <= 40, (at_ms, places, shifts)


def test_nanoseconds_are_added_and_do_not_choose_the_clock() -> None:
    timeline = Timeline()
    assert timeline.video(VIDEO, 0, 0, 0.0, 999_999).dts == 90_000 + 90
    assert timeline.video(VIDEO, 33, 0, 0.033, 366_667).dts == 90_000 + 3003
    sound = Timeline()
    assert sound.audio(AUDIO, 0, FRAME, RATE, 0.0, 500_000).dts == RATE + 24


def test_a_moment_is_on_the_clock_that_it_is_near_to_and_changes_nothing() -> None:
    timeline = Timeline()
    assert timeline.moment_s(5, 0.0) is None
    timeline.video(VIDEO, 2**32 - 500, 0, 0.0)
    timeline.video(VIDEO, 500, 0, 1.0)
    before = timeline.statistics()
    assert timeline.moment_s(700, 1.0) == 2.2
    assert timeline.moment_s(2**32 - 200, 1.0) == 1.3
    assert timeline.moment_s(90_000_000, 1.0) == 2.0  # on no clock that we know: now
    assert timeline.statistics() == before
