"""Sound that had to be encoded: where each sample ends up in time."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction

import av
import pytest

from tests.transcoder.engine.clips import Clip, Outcome, decode_audio, ffmpeg, gaps, transcode
from transcoder import codecs
from transcoder.codecs import aac
from transcoder.engine.sound import SoundRendition
from transcoder.ladder import Ladder, plan
from transcoder.media import AccessUnit, Codec, Track

pytestmark = pytest.mark.tools("ffmpeg")

BEEPS = (
    "aevalsrc='sin(2*PI*1000*t)*between(mod(t,0.5),0.2,0.3)':s={rate}:d=2,aformat=channel_layouts={layout}"
)
"""100 ms of 1 kHz, the first at 0.2 s, then every half second."""


def beeps(*encoder: str, rate: int = 48_000, layout: str = "stereo", container: str = "nut") -> Clip:
    source = BEEPS.format(rate=rate, layout=layout)
    return ffmpeg("-f", "lavfi", "-i", source, *encoder, container=container)["audio"]


def encoded(clip: Clip) -> Ladder:
    """A ladder that encodes the sound whatever it is."""
    ladder = plan({clip.track.track_id: clip.track})
    (audio,) = ladder.audio
    return Ladder((), (replace(audio, passthrough=False, channels=2),))


def onsets_s(track: Track, units: Iterable[AccessUnit]) -> list[float]:
    """Where a player of this track hears it get loud after silence."""
    samples, first_pts = decode_audio(track, units)
    found, loud_at = [], -track.sample_rate
    threshold = max(map(abs, samples)) / 4
    for index, value in enumerate(samples):
        if abs(value) > threshold:
            if index - loud_at > track.sample_rate // 10:
                found.append((first_pts + index) / track.sample_rate)
            loud_at = index
    return found


def heard(outcome: Outcome) -> list[float]:
    return onsets_s(outcome.tracks["audio"][0], outcome.units["audio"])


CODECS = {
    "mp3": lambda: beeps("-c:a", "libmp3lame"),
    "opus": lambda: beeps("-c:a", "libopus"),
    "flac": lambda: beeps("-c:a", "flac", "-sample_fmt", "s16"),
    "flac 24 bit 96 kHz": lambda: beeps("-c:a", "flac", "-sample_fmt", "s32", rate=96_000),
    "flac in milliseconds": lambda: beeps("-c:a", "flac", rate=44_100, container="matroska"),
    "ac-3 5.1": lambda: beeps("-c:a", "ac3", layout="5.1"),
    "e-ac-3": lambda: beeps("-c:a", "eac3"),
    "5.1": lambda: beeps("-c:a", "aac", layout="5.1"),
    "8 kHz mono": lambda: beeps("-c:a", "aac", rate=8_000, layout="mono"),
    "44.1 kHz mp3 in milliseconds": lambda: beeps("-c:a", "libmp3lame", rate=44_100, container="flv"),
}


@pytest.mark.parametrize("name", CODECS)
def test_sound_stays_where_it_was_within_10_ms(name: str) -> None:
    clip = CODECS[name]()
    outcome = transcode(encoded(clip), [clip])
    assert outcome.failures == []
    (track,) = outcome.tracks["audio"]
    assert (track.channels, track.codec) == (2, Codec.AAC)
    assert track.sample_rate in (44_100, 48_000)
    assert aac.AacConfig.parse(track.config).object_type == 2
    assert gaps(outcome.units["audio"]) == {1024}
    times = heard(outcome)
    assert len(times) == 4
    assert times == pytest.approx(onsets_s(clip.track, clip.units), abs=0.010)


def test_the_bitrate_is_about_128_kbps() -> None:
    noise = ffmpeg("-f", "lavfi", "-i", "anoisesrc=r=48000:d=3", "-c:a", "libmp3lame", container="nut")[
        "audio"
    ]
    outcome = transcode(encoded(noise), [noise])
    units = outcome.units["audio"]
    assert 100_000 < sum(len(unit.payload) for unit in units) * 8 / (len(units) * 1024 / 48_000) < 145_000


def shifted(clip: Clip, after_s: float, by_s: float) -> list:
    return [
        replace(
            unit, pts=unit.pts + round(by_s * unit.timescale), dts=unit.dts + round(by_s * unit.timescale)
        )
        if unit.pts_s >= after_s
        else unit
        for unit in clip.units
    ]


@pytest.mark.parametrize("by_s", [0.2, 1.0])
def test_a_hole_is_filled_with_silence(by_s: float) -> None:
    clip = beeps("-c:a", "libmp3lame")
    outcome = transcode(encoded(clip), [clip], items=shifted(clip, 2.0, by_s))
    assert gaps(outcome.units["audio"]) == {1024}
    first, second, third, fourth = onsets_s(clip.track, clip.units)
    assert heard(outcome) == pytest.approx([first, second, third + by_s, fourth + by_s], abs=0.010)


def test_a_long_hole_stays_a_hole() -> None:
    clip = beeps("-c:a", "libmp3lame")
    outcome = transcode(encoded(clip), [clip], items=shifted(clip, 2.0, 3600))
    assert outcome.failures == []
    assert len(outcome.units["audio"]) < 120
    assert max(gaps(outcome.units["audio"])) > 3590 * 48_000
    assert outcome.units["audio"][-1].pts_s == pytest.approx(3603, abs=0.05)


def test_stamps_that_waver_by_a_millisecond_are_smoothed() -> None:
    clip = beeps("-c:a", "libmp3lame")
    wavering = [
        replace(unit, pts=unit.pts + (48 if number % 2 else -48)) for number, unit in enumerate(clip.units)
    ]
    outcome = transcode(encoded(clip), [clip], items=wavering)
    assert gaps(outcome.units["audio"]) == {1024}
    assert heard(outcome) == pytest.approx(onsets_s(clip.track, clip.units), abs=0.010)


def test_a_slow_clock_is_followed() -> None:
    """A sound card that is 0.5% slow: after 2 s its samples are 10 ms behind its stamps."""
    clip = beeps("-c:a", "libmp3lame")
    start = clip.units[0].pts
    drifting = [replace(unit, pts=start + round((unit.pts - start) * 1.005)) for unit in clip.units]
    outcome = transcode(encoded(clip), [clip], items=drifting)
    assert gaps(outcome.units["audio"]) == {1024}
    assert heard(outcome) == pytest.approx(
        [1 + (time_s - 1) * 1.005 for time_s in onsets_s(clip.track, clip.units)], abs=0.010
    )


def test_a_new_sample_rate_goes_on_in_the_same_rendition() -> None:
    before = beeps("-c:a", "libmp3lame")
    low = ffmpeg(
        *("-f", "lavfi", "-i", BEEPS.format(rate=22_050, layout="mono"), "-c:a", "libmp3lame"),
        container="nut",
        start_s=3.0,
    )["audio"]
    outcome = transcode(encoded(before), [before], items=[*before.units, low.track, *low.units])
    assert outcome.failures == []
    assert len(outcome.tracks["audio"]) == 1
    expected = onsets_s(before.track, before.units) + onsets_s(low.track, low.units)
    assert heard(outcome) == pytest.approx(expected, abs=0.010)


def test_damage_is_counted_and_sound_goes_on() -> None:
    clip = beeps("-c:a", "aac", rate=8_000, layout="mono")
    items = [
        replace(unit, payload=b"\xff" * 20) if 4 <= number < 6 else unit
        for number, unit in enumerate(clip.units)
    ]
    outcome = transcode(encoded(clip), [clip], items=items)
    assert outcome.failures == []
    assert outcome.progress.damaged >= 1
    assert outcome.units["audio"][-1].pts_s > 2.9


def test_samples_that_are_no_numbers_cost_their_own_frames_only() -> None:
    """FFmpeg's AAC encoder refuses a frame with them, and a refusal must not end the child."""
    track = codecs.track_from_config(2, Codec.MP3, b"\xff\xfb\x90\x64")
    (rendition,) = plan({2: track}).audio
    tracks, stamps = [], []
    sound = SoundRendition(
        rendition,
        track,
        on_track=lambda _, track: tracks.append(track),
        on_unit=lambda _, unit: stamps.append(unit.pts),
    )
    for number in range(60):
        frame = av.AudioFrame(format="fltp", layout="stereo", samples=1152)
        frame.sample_rate, frame.time_base = 44_100, Fraction(1, 44_100)
        frame.pts = 1152 * number
        value = float("nan") if number in (20, 21) else 0.1
        for plane in frame.planes:
            plane.update(array("f", [value] * (plane.buffer_size // 4)).tobytes())
        sound._resample(frame)
    sound.flush()
    assert sound.damaged >= 1
    assert len(set(tracks)) == 1
    assert stamps == sorted(set(stamps))
    assert stamps[-1] > 1152 * 58
    assert len(stamps) >= 1152 * 60 // 1024 - 8
