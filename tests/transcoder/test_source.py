from fractions import Fraction

from transcoder.media import AccessUnit, Codec, Track
from transcoder.source import SourceProbe

VIDEO = Track(track_id=1, codec=Codec.H264, timescale=90_000, width=1280, height=720)
AUDIO = Track(track_id=2, codec=Codec.AAC, timescale=48_000, sample_rate=48_000, channels=2)


def unit(track: Track, dts_s: float) -> AccessUnit:
    ticks = round(dts_s * track.timescale)
    return AccessUnit(track.track_id, track.codec, track.timescale, ticks, ticks, 0, True, b"x", dts_s)


def probe_of(*items: Track | AccessUnit) -> SourceProbe:
    probe = SourceProbe()
    for item in items:
        if isinstance(item, Track):
            probe.set_track(item)
        else:
            probe.see(item)
    return probe


def test_picture_and_sound_are_known_after_a_few_frames() -> None:
    probe = probe_of(VIDEO, AUDIO, unit(AUDIO, 0.0), *(unit(VIDEO, n / 25) for n in range(4)))
    profile = probe.profile()
    assert profile is not None
    assert set(profile.tracks) == {1, 2}
    assert profile.leader == VIDEO
    assert abs(profile.frame_durations_s[1] - 0.04) < 1e-9


def test_a_track_that_sends_nothing_is_waited_for_and_then_left_out() -> None:
    units = [unit(VIDEO, n / 25) for n in range(90)]
    assert probe_of(VIDEO, AUDIO, *units[:70]).profile() is None
    profile = probe_of(VIDEO, AUDIO, *units).profile()
    assert profile is not None
    assert set(profile.tracks) == {1}


def test_a_kind_that_nobody_announced_is_not_waited_for_long() -> None:
    units = [unit(VIDEO, n / 25) for n in range(30)]
    assert probe_of(VIDEO, *units[:10]).profile() is None
    assert probe_of(VIDEO, *units).profile() is not None


def test_sound_alone_leads_itself() -> None:
    profile = probe_of(AUDIO, *(unit(AUDIO, n * 1024 / 48000) for n in range(40))).profile()
    assert profile is not None
    assert profile.leader == AUDIO


def test_a_told_frame_rate_is_believed_only_near_the_measured_one() -> None:
    told = Track(track_id=1, codec=Codec.H264, timescale=90_000, frame_rate=Fraction(60))
    profile = probe_of(told, AUDIO, unit(AUDIO, 0), *(unit(told, n / 25) for n in range(6))).profile()
    assert profile is not None
    assert abs(profile.frame_durations_s[1] - 0.04) < 1e-9


def test_one_picture_a_second_is_waited_for() -> None:
    one = [unit(AUDIO, n * 1024 / 48000) for n in range(60)]
    assert probe_of(VIDEO, AUDIO, *one, unit(VIDEO, 0.0)).profile() is None
    profile = probe_of(VIDEO, AUDIO, *one, unit(VIDEO, 0.0), unit(VIDEO, 1.0)).profile()
    assert profile is not None
    assert profile.frame_durations_s[1] == 1.0


def test_nothing_yet_is_no_profile() -> None:
    assert probe_of().profile() is None
    assert probe_of(VIDEO).profile() is None
