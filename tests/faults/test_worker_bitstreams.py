"""Hostile bitstreams of every codec that we decode: what they cost is their own pictures and sound."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest

from tests.transcoder.codecs.bitwriter import BitWriter, escape
from tests.transcoder.engine.clips import Clip, ffmpeg
from tests.transcoder.engine.live import Rig, rig
from transcoder.ladder import Ladder, plan
from transcoder.media import AccessUnit

pytestmark = pytest.mark.tools("ffmpeg")

LAVFI = ("-f", "lavfi", "-i")
QUIET_X265 = ("-x265-params", "log-level=none:keyint=15:bframes=0")
PICTURES = {
    "h264": ("-c:v", "libx264", "-preset", "ultrafast", "-g", "15"),
    "h264 with B-pictures": ("-c:v", "libx264", "-preset", "veryfast", "-bf", "3", "-g", "15"),
    "h265": ("-c:v", "libx265", "-preset", "ultrafast", *QUIET_X265),
    "av1": ("-c:v", "libsvtav1", "-preset", "12", "-g", "15", "-svtav1-params", "lp=1"),
    "vp9": ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-g", "15"),
}
SOUNDS = {
    "aac": ("-c:a", "aac", "-ac", "6"),
    "mp3": ("-c:a", "libmp3lame"),
    "opus": ("-c:a", "libopus"),
    "flac": ("-c:a", "flac"),
    "ac-3": ("-c:a", "ac3"),
    "e-ac-3": ("-c:a", "eac3"),
}


def picture(encoder: tuple[str, ...], start_s: float = 1.0, size: str = "320x240", seconds: int = 1) -> Clip:
    return ffmpeg(*LAVFI, f"testsrc2=s={size}:r=30:d={seconds}", *encoder, start_s=start_s)["video"]


def sound(encoder: tuple[str, ...], start_s: float = 1.0) -> Clip:
    return ffmpeg(*LAVFI, "sine=f=440:d=2", *encoder, container="nut", start_s=start_s)["audio"]


def spoilt(units: tuple[AccessUnit, ...], seed: str, rounds: int) -> list[AccessUnit]:
    """Each unit, ``rounds`` times over, with a few bytes changed, left out, doubled or made up."""
    randomness = random.Random(seed)
    made = []
    last_s = max(unit.pts_s for unit in units)
    for lap in range(rounds):
        for unit in units:
            data = bytearray(unit.payload)
            for _ in range(randomness.randrange(1, 4)):
                at = randomness.randrange(len(data)) if data else 0
                match randomness.randrange(5):
                    case 0:
                        data[at : at + 1] = randomness.randbytes(1)
                    case 1:
                        del data[at : at + randomness.randrange(1, 64)]
                    case 2:
                        data[at:at] = randomness.randbytes(randomness.randrange(1, 64))
                    case 3:
                        data += data[at:]
                    case 4:
                        data[at : at + 8] = bytes(8)
            later = round(lap * last_s * unit.timescale)
            made.append(
                replace(unit, pts=unit.pts + later, dts=unit.dts + later, payload=bytes(data[: 1 << 20]))
            )
    return made


def peak_bytes(live: Rig) -> int:
    """The most memory that the child has had."""
    status = Path(f"/proc/{live.worker.statistics().pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) * 1024


@pytest.mark.parametrize("codec", PICTURES)
async def test_pictures(codec: str, caplog: pytest.LogCaptureFixture) -> None:
    clip, healthy = picture(PICTURES[codec]), picture(PICTURES[codec], 20.0, seconds=2)
    # What came before may have made the decoder reorder as deep as it can: the last 16 are not waited for.
    wanted = set(healthy.presented[:42])
    async with rig(clip, rungs=("144p",)) as live:
        await live.feed(spoilt(clip.units, codec, rounds=4))
        await live.feed(healthy.units)
        await live.until(lambda: live.units["144p"] and live.units["144p"][-1].pts >= max(wanted))
        assert live.worker.statistics().restarts == 0
        assert len({unit.pts for unit in live.units["144p"]} & wanted) >= 36
        assert peak_bytes(live) < 600 << 20
    assert all(a.dts < b.dts for a, b in pairwise(live.units["144p"]))
    assert "Traceback" not in caplog.text
    assert len(caplog.records) < 30


@pytest.mark.parametrize("codec", SOUNDS)
async def test_sound(codec: str, caplog: pytest.LogCaptureFixture) -> None:
    clip, healthy = sound(SOUNDS[codec]), sound(SOUNDS[codec], 60.0)
    (rendition,) = plan({clip.track.track_id: clip.track}).audio
    ladder = Ladder((), (replace(rendition, passthrough=False, channels=2),))
    async with rig(clip, ladder=ladder) as live:
        await live.feed(spoilt(clip.units, codec, rounds=4))
        await live.feed(healthy.units)
        last_s = healthy.units[-1].pts_s
        await live.until(lambda: live.units["audio"] and live.units["audio"][-1].pts_s > last_s - 0.2)
        assert live.worker.statistics().restarts == 0
        assert peak_bytes(live) < 500 << 20
    assert all(a.dts < b.dts for a, b in pairwise(live.units["audio"]))
    assert "Traceback" not in caplog.text


def sps_of(width: int, height: int) -> bytes:
    """An H.264 Main profile SPS, level 6.2 (ITU-T H.264 7.3.2.1.1)."""
    bits = BitWriter().u(8, 77).u(8, 0).u(8, 62)
    bits.ue(0).ue(0).ue(2).ue(1).u(1, 0)  # id, log2_max_frame_num, order type, one reference, no gaps
    bits.ue(width // 16 - 1).ue(height // 16 - 1)
    bits.u(3, 0b110).u(1, 0)  # frame_mbs_only, direct_8x8_inference, no cropping; no VUI
    return b"\x67" + escape(bits.rbsp())


@pytest.mark.parametrize("size", [(16384, 16384), (16384, 8640), (65520, 16), (8192, 8192)])
async def test_a_picture_of_16k_in_mid_stream_is_refused_before_it_costs_memory(
    size: tuple[int, int],
) -> None:
    clip, healthy = picture(PICTURES["h264"]), picture(PICTURES["h264"], 20.0)
    sps = sps_of(*size)
    huge = [
        replace(
            unit,
            pts=unit.pts + 90_000,
            dts=unit.dts + 90_000,
            payload=len(sps).to_bytes(4, "big") + sps + unit.payload,
        )
        for unit in clip.units
    ]
    async with rig(clip, rungs=("144p",)) as live:
        await live.feed([*clip.units, *huge])
        # The publisher's next format brings the parameter sets that the huge ones have replaced.
        await live.worker.feed(replace(healthy.track, frame_rate=Fraction(30)))
        await live.feed(healthy.units)
        await live.until(lambda: live.units["144p"] and live.units["144p"][-1].pts == healthy.presented[-1])
        assert live.worker.statistics().restarts == 0
        assert peak_bytes(live) < 400 << 20


async def test_sizes_that_change_at_every_keyframe_cost_bounded_memory() -> None:
    encoder = (*PICTURES["h264"], "-bsf:v", "dump_extra=freq=keyframe")
    sizes = ("320x240", "1280x720", "640x360", "854x480", "1920x1080", "160x120")
    clips = [picture(encoder, 1.0 + number, size) for number, size in enumerate(sizes * 2)]
    async with rig(clips[0], rungs=("144p",)) as live:
        for clip in clips:
            await live.feed(clip.units)
        await live.until(lambda: live.units["144p"] and live.units["144p"][-1].pts == clips[-1].presented[-1])
        assert len(live.units["144p"]) == 30 * len(clips)
        assert len(live.tracks["144p"]) == 1
        assert live.worker.statistics().restarts == 0
        assert peak_bytes(live) < 500 << 20
