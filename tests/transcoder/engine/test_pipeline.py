"""Whole clips of real encoders through the pipeline: what comes out, and exactly when."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from tests.transcoder.engine.clips import Clip, Outcome, decode_video, ffmpeg, gaps, transcode
from transcoder.codecs import avc, nal
from transcoder.hdr import Hdr
from transcoder.ladder import Ladder, plan

pytestmark = pytest.mark.tools("ffmpeg")

LAVFI = ("-f", "lavfi", "-i")
X264 = ("-c:v", "libx264", "-preset", "ultrafast")
RUNGS = ("240p", "144p")


def picture(size: str = "426x240", rate: int = 30, seconds: float = 1.0) -> tuple[str, ...]:
    return (*LAVFI, f"testsrc2=s={size}:r={rate}:d={seconds}")


def of(clip: Clip, rungs: tuple[str, ...] = RUNGS) -> Ladder:
    return plan({clip.track.track_id: clip.track}, rungs)


def run(clip: Clip, cuts_s: tuple[float, ...] = (), rungs: tuple[str, ...] = RUNGS) -> Outcome:
    outcome = transcode(of(clip, rungs), [clip], cuts_s)
    assert outcome.failures == []
    assert set(outcome.units) == set(rungs)
    return outcome


SOURCES = {
    "h264": (*X264, "-bf", "0"),
    "h264 with B-pictures": ("-c:v", "libx264", "-preset", "veryfast", "-bf", "4", "-b-pyramid", "normal"),
    "h264 4:2:2 10 bit": (*X264, "-pix_fmt", "yuv422p10le"),
    "h265": ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none"),
    "h265 10 bit": (
        *("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none"),
        *("-pix_fmt", "yuv420p10le"),
    ),
    "av1": ("-c:v", "libsvtav1", "-preset", "10", "-svtav1-params", "lp=1"),
    "vp9": ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8"),
}


@pytest.mark.parametrize("encoder", SOURCES.values(), ids=SOURCES)
def test_every_picture_keeps_its_time_and_every_cut_is_an_idr_in_every_rung(encoder: tuple[str, ...]) -> None:
    clip = ffmpeg(*picture(), "-g", "15", *encoder)["video"]
    first_s = clip.presented[0] / 90_000
    # On a picture, between two pictures, and a hair before one, as a float from somewhere else can be.
    cuts_s = (first_s, first_s + 0.5, first_s + 0.71, first_s + 0.8 - 1e-7)
    outcome = run(clip, cuts_s)
    starts = [next(pts for pts in clip.presented if pts >= round(cut_s * 90_000)) for cut_s in cuts_s]
    for name in RUNGS:
        units = outcome.units[name]
        assert [unit.pts for unit in units] == clip.presented
        assert outcome.syncs(name) == starts
        assert all(unit.dts <= unit.pts for unit in units)
        assert all(before.dts < after.dts for before, after in pairwise(units))
        for unit, after in pairwise(units):
            assert unit.duration in (0, after.dts - unit.dts)


def test_units_are_what_the_contract_says() -> None:
    clip = ffmpeg(*picture(), *SOURCES["h264"])["video"]
    outcome = run(clip, (1.5,))
    for name, (width, height) in {"240p": (426, 240), "144p": (256, 144)}.items():
        (track,) = outcome.tracks[name]
        assert (track.width, track.height, track.timescale) == (width, height, 90_000)
        sps = avc.AvcConfig.parse(track.config).first_sps()
        assert (sps.width, sps.height, sps.interlaced, sps.vui.max_reorder_pictures) == (
            width,
            height,
            False,
            0,
        )
        for unit in outcome.units[name]:
            kinds = {piece[0] & 0x1F for piece in nal.split(unit.payload, 4)}
            assert kinds & {1, 5}
            # No delimiters, and parameter sets in avcC only (ISO 14496-15 5.2.2: avc1).
            assert not kinds & {7, 8, 9}
            assert unit.sync == (5 in kinds)
        frames = outcome.pictures(name)
        assert [frame.pts for frame in frames] == clip.presented


def test_profile_is_high_from_720_up() -> None:
    clip = ffmpeg(*picture("1280x720", seconds=0.2), *X264)["video"]
    outcome = run(clip, rungs=("720p", "480p"))
    profiles = [outcome.tracks[name][0].config[1] for name in ("720p", "480p")]
    assert profiles == [100, 77]


def test_interlaced_pictures_are_deinterlaced() -> None:
    clip = ffmpeg(
        *picture("320x240", rate=50), "-vf", "interlace", "-c:v", "libx264", "-flags", "+ildct+ilme"
    )["video"]
    outcome = run(clip, (1.5,))
    assert [unit.pts for unit in outcome.units["240p"]] == clip.presented
    assert not any(frame.interlaced_frame for frame in outcome.pictures("240p"))
    # A moving edge in fields leaves a comb: every other line differs. Deinterlaced, neighbours agree.
    source = max(combing(frame) for frame in decode_video(clip.track, clip.units))
    assert max(combing(frame) for frame in outcome.pictures("240p")[2:]) < source / 2


def combing(frame) -> int:
    """How much more lines differ from their neighbours than from the ones after those."""
    plane = frame.planes[0]
    data, stride, width = bytes(plane), plane.line_size, frame.width
    lines = [data[y * stride : y * stride + width] for y in range(0, frame.height, 1)]

    def distance(a: bytes, b: bytes) -> int:
        return sum(abs(x - y) for x, y in zip(a[::4], b[::4], strict=True))

    return sum(
        max(0, distance(lines[y], lines[y + 1]) - distance(lines[y], lines[y + 2])) for y in range(60, 180)
    )


def test_turned_pictures_are_made_upright() -> None:
    clip = ffmpeg(
        *picture(), *X264, "-g", "300", "-bsf:v", "h264_metadata=display_orientation=insert:rotate=90"
    )["video"]
    outcome = run(clip)
    (track,) = outcome.tracks["240p"]
    assert (track.width, track.height) == (240, 426)
    # testsrc2's bars run from red on the left to cyan on the right: turned, from bottom to top.
    frame = outcome.pictures("240p")[8]
    top, bottom = chroma(frame, 0.5, 0.08), chroma(frame, 0.8, 0.92)
    assert top[1] < 100 < 180 < bottom[1]
    assert {picture.rotation for picture in outcome.pictures("240p")} == {0}


def chroma(frame, x: float, y: float) -> tuple[int, int]:
    values = []
    for plane in frame.planes[1:]:
        values.append(bytes(plane)[int(y * plane.height) * plane.line_size + int(x * plane.width)])
    return values[0], values[1]


def test_anamorphic_pictures_are_squared() -> None:
    clip = ffmpeg(*picture("320x240"), "-vf", "setsar=4/3", *X264)["video"]
    clip = replace(clip, track=replace(clip.track, sample_aspect=avc_aspect(clip)))
    outcome = run(clip)
    assert (outcome.tracks["240p"][0].width, outcome.tracks["240p"][0].height) == (426, 240)
    assert avc.AvcConfig.parse(outcome.tracks["240p"][0].config).first_sps().sample_aspect == 1


def avc_aspect(clip: Clip):
    return avc.AvcConfig.parse(clip.track.config).first_sps().sample_aspect


def test_odd_sizes_become_even() -> None:
    clip = ffmpeg(*LAVFI, "testsrc=s=321x241:r=30:d=0.2", *X264, "-pix_fmt", "yuv444p")["video"]
    outcome = run(clip, rungs=("241p",))
    assert (outcome.tracks["241p"][0].width, outcome.tracks["241p"][0].height) == (320, 240)


def test_240_pictures_a_second_become_60_and_no_cut_is_lost() -> None:
    clip = ffmpeg(*picture(rate=240), *X264)["video"]
    outcome = run(clip, (1.33333333, 1.5))
    for name in RUNGS:
        assert 60 <= len(outcome.units[name]) <= 63
        assert outcome.syncs(name) == [90_000, 120_000, 135_000]


def test_colours_are_carried_on_and_full_range_becomes_limited() -> None:
    clip = ffmpeg(
        *(*LAVFI, "color=white:s=320x240:r=30:d=0.2,scale=out_range=pc,format=yuvj420p", *X264),
        *("-color_range", "pc", "-color_primaries", "bt709", "-color_trc", "bt709", "-colorspace", "bt709"),
    )["video"]
    outcome = run(clip)
    frame = outcome.pictures("240p")[-1]
    assert (frame.color_primaries, frame.color_trc, frame.colorspace) == (1, 1, 1)
    assert not avc.AvcConfig.parse(outcome.tracks["240p"][0].config).first_sps().vui.colour.full_range
    assert abs(bytes(frame.planes[0])[0] - 235) <= 1


def test_a_new_format_of_the_source_goes_on_in_the_same_rendition() -> None:
    before = ffmpeg(*picture("426x240"), *X264)["video"]
    after = ffmpeg(*picture("640x360"), *X264, start_s=2.0)["video"]
    outcome = transcode(of(before), [before], items=[*before.units, after.track, *after.units])
    assert outcome.failures == []
    assert [unit.pts for unit in outcome.units["240p"]] == before.presented + after.presented
    assert {track.width for track in outcome.tracks["240p"]} == {426}


def test_damage_is_counted_and_the_next_sync_unit_plays() -> None:
    clip = ffmpeg(*picture(), *X264, "-g", "10")["video"]
    units = [
        replace(unit, payload=b"\x00\x00\x00\x04\x65\xff\xff\xff") if 5 <= number < 10 else unit
        for number, unit in enumerate(clip.units)
    ]
    outcome = transcode(of(clip), [clip], items=units)
    assert outcome.failures == []
    assert outcome.progress.damaged == 5
    assert outcome.progress.consumed_video == len(units)
    assert set(clip.presented[10:]) <= {unit.pts for unit in outcome.units["240p"]}
    assert len(outcome.said) == 3  # 1, 2 and 4 of them.


def test_zero_length_and_oversized_nals_do_no_harm() -> None:
    clip = ffmpeg(*picture(), *X264, "-g", "10")["video"]
    bad = [b"", b"\x00", b"\x00\x00\x00\x00", b"\xff\xff\xff\xff\x65", b"\x00\x00\x00\x01"]
    items = [
        replace(unit, payload=bad[number % 5]) if number % 3 == 1 else unit
        for number, unit in enumerate(clip.units)
    ]
    outcome = transcode(of(clip), [clip], items=items)
    assert outcome.failures == []
    assert outcome.progress.consumed_video == len(items)


def test_a_format_that_cannot_be_decoded_is_told_and_a_good_one_plays_again() -> None:
    clip = ffmpeg(*picture(), *X264)["video"]
    later = ffmpeg(*picture(), *X264, start_s=3.0)["video"]
    huge = replace(clip.track, width=100_000)
    outcome = transcode(of(clip), [clip], items=[*clip.units, huge, *clip.units, later.track, *later.units])
    assert outcome.failures == []
    assert "100000" in outcome.said[0]
    assert [unit.pts for unit in outcome.units["240p"]] == clip.presented + later.presented


def test_variable_frame_rate_keeps_its_times() -> None:
    clip = ffmpeg(*picture(), "-vf", "select='mod(n,3)'", "-vsync", "vfr", *X264)["video"]
    outcome = run(clip)
    assert [unit.pts for unit in outcome.units["240p"]] == clip.presented
    assert gaps(outcome.units["240p"]) == {3_000, 6_000}


def test_hdr_is_encoded_with_honest_tags() -> None:
    """No tone mapping: what is sent says what it is, and a player that knows PQ shows it right."""
    clip = ffmpeg(
        *picture(seconds=0.3),
        *("-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p10le", "-x265-params"),
        "log-level=none:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc",
    )["video"]
    outcome = run(clip)
    for name in RUNGS:
        colour = avc.AvcConfig.parse(outcome.tracks[name][0].config).first_sps().vui.colour
        assert (colour.primaries, colour.transfer, colour.matrix) == (9, 16, 9)


def test_what_the_publisher_says_of_colours_counts_above_the_bitstream() -> None:
    clip = ffmpeg(*picture(seconds=0.3), *X264)["video"]
    told = replace(clip.track, hdr=Hdr(primaries=9, transfer=18, matrix=9))
    outcome = run(Clip(told, clip.units))
    colour = avc.AvcConfig.parse(outcome.tracks["240p"][0].config).first_sps().vui.colour
    assert (colour.primaries, colour.transfer, colour.matrix) == (9, 18, 9)


def test_every_sound_track_is_encoded_by_itself() -> None:
    sources = {
        2: ffmpeg(*LAVFI, "sine=f=440:d=1", "-c:a", "libmp3lame", container="nut")["audio"],
        4: ffmpeg(*LAVFI, "sine=f=880:d=1", "-c:a", "flac", container="nut")["audio"],
        6: ffmpeg(*LAVFI, "sine=f=220:d=1", "-c:a", "aac")["audio"],
    }
    clips = [
        Clip(
            replace(clip.track, track_id=number, language="en"),
            tuple(replace(unit, track_id=number) for unit in clip.units),
        )
        for number, clip in sources.items()
    ]
    ladder = plan({clip.track.track_id: clip.track for clip in clips})
    outcome = transcode(ladder, clips)
    assert outcome.failures == []
    assert set(outcome.units) == {"audio", "audio-4"}
    for name, track_id in (("audio", 2), ("audio-4", 4)):
        (track,) = outcome.tracks[name]
        assert (track.track_id, track.language) == (track_id, "en")
        assert {unit.track_id for unit in outcome.units[name]} == {track_id}
        assert outcome.units[name][-1].pts_s == pytest.approx(1.97, abs=0.06)
