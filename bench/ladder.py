"""How fast the ladder encodes, beside Debian's ffmpeg doing the same work. Prints one table.

720p30 in, 720p, 480p and 360p out, as fast as it goes, in alternating runs on the same source. Ours is
the whole way: units framed, piped to the child, decoded, scaled, encoded, framed and piped back. ffmpeg
runs one command that decodes once, scales in the same chain with the same scaler, and encodes with the
same x264 settings and forced IDRs, reading the file and writing nowhere. It gets three tries at using its
threads, and the ratio is against the fastest:

  one     x264 with one thread a rung, as ours
  frames  x264's own choice of threads (several pictures at once: more delay than a live ladder can have)
  slices  -tune zerolatency: threads over slices

    python -m bench.ladder [--seconds 20] [--runs 3]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import NamedTuple

import av

from transcoder.codecs import track_from_config
from transcoder.engine.encoder import encoder_options
from transcoder.ladder import Ladder, plan
from transcoder.media import VIDEO_TIMESCALE, AccessUnit, Codec, Track
from transcoder.supervisor import Cut, LiveJob, LiveWorker

FRAME_RATE = 30
CUT_EVERY_S = 2.0
SOURCE = (
    f"testsrc2=s=1280x720:r={FRAME_RATE},noise=alls=6:allf=t[a];"
    f"mandelbrot=s=640x360:r={FRAME_RATE}[b];[a][b]overlay=320:180,format=yuv420p"
)
"""Hard edges, fine noise and an endless zoom: costs an encoder about what a film does."""


class Result(NamedTuple):
    """One run."""

    pictures_per_s: float
    cpu_ms: float
    """Processor time for each source picture, on all cores together."""


def main() -> None:
    parser = argparse.ArgumentParser(description="ladder speed against ffmpeg's")
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        raise SystemExit("needs ffmpeg")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "source.mp4"
        make_source(ffmpeg, path, arguments.seconds)
        track, units = read(path)
        ladder = plan({track.track_id: track}, ["720p", "480p", "360p"])
        pictures = len(units)
        contenders: dict[str, Callable[[], float]] = {
            "ours": lambda: asyncio.run(our_seconds(ladder, track, units)),
            **{f"ffmpeg, {way}": partial(ffmpeg_seconds, ffmpeg, path, ladder, way) for way in WAYS},
        }
        results: dict[str, list[Result]] = {name: [] for name in contenders}
        for _ in range(arguments.runs):
            for name, run in contenders.items():
                cpu_s = cpu_seconds()
                seconds = run()
                results[name].append(Result(pictures / seconds, (cpu_seconds() - cpu_s) / pictures * 1000))
    report(results, pictures, arguments.runs, ffmpeg)


def cpu_seconds() -> float:
    """Of this process and of all its children that have ended."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def make_source(ffmpeg: str, path: Path, seconds: int) -> None:
    """A moving picture in H.264, without B-pictures as live encoders send it."""
    subprocess.run(
        [
            *(ffmpeg, "-v", "error", "-filter_complex", SOURCE, "-t", str(seconds), "-c:v", "libx264"),
            *("-preset", "veryfast", "-bf", "0", "-g", "60", "-b:v", "4500k", "-maxrate", "5000k"),
            *("-bufsize", "5000k", "-y", str(path)),
        ],
        check=True,
    )


def read(path: Path) -> tuple[Track, list[AccessUnit]]:
    """The picture's track and its units."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        config = stream.codec_context.extradata or b""
        track = track_from_config(1, Codec.H264, config, frame_rate=Fraction(FRAME_RATE))
        units = []
        for packet in container.demux(stream):
            if packet.size and packet.pts is not None and packet.dts is not None:
                pts, dts = (
                    round(ticks * packet.time_base * VIDEO_TIMESCALE) for ticks in (packet.pts, packet.dts)
                )
                fields = (1, Codec.H264, VIDEO_TIMESCALE, pts, dts, VIDEO_TIMESCALE // FRAME_RATE)
                units.append(AccessUnit(*fields, packet.is_keyframe, bytes(packet), 0.0))
    return track, units


async def our_seconds(ladder: Ladder, track: Track, units: list[AccessUnit]) -> float:
    """From the first unit fed to the last one that came back: the child's start is no encoding."""
    missing = len(units) * len(ladder.video)
    running, done = asyncio.Event(), asyncio.Event()

    def count(_rendition: str, _unit: AccessUnit) -> None:
        nonlocal missing
        missing -= 1
        if missing == 0:
            done.set()

    worker = LiveWorker(
        LiveJob(stream="bench", ladder=ladder, tracks=(track,), max_lag_s=None),
        on_track=lambda *_: None,
        on_unit=count,
        on_state=lambda state, _: running.set() if state == "running" else None,
    )
    task = asyncio.create_task(worker.run())
    await running.wait()
    started_s = time.perf_counter()
    cut_s = units[0].pts_s
    for unit in units:
        if unit.pts_s >= cut_s:
            await worker.feed(Cut(cut_s))
            cut_s += CUT_EVERY_S
        await worker.feed(unit)
    await done.wait()
    seconds = time.perf_counter() - started_s
    worker.stop()
    await task
    return seconds


WAYS = ("one", "frames", "slices")


def ffmpeg_seconds(ffmpeg: str, path: Path, ladder: Ladder, way: str) -> float:
    """The whole command; starting it takes some 50 ms of that."""
    last = len(ladder.video) - 1
    graph = ["[0:v]split[out0][s0]"]
    for number, rung in enumerate(ladder.video[1:], 1):
        tail = f"split[out{number}][s{number}]" if number < last else f"null[out{number}]"
        graph.append(f"[s{number - 1}]scale={rung.width}:{rung.height}:flags=bicubic,{tail}")
    command = [ffmpeg, "-v", "error", "-nostdin", "-i", str(path), "-filter_complex", ";".join(graph)]
    for number, rung in enumerate(ladder.video):
        options = encoder_options(rung)
        command += ["-map", f"[out{number}]", "-c:v", "libx264", "-b:v", str(rung.bitrate_bps)]
        command += ["-force_key_frames", f"expr:gte(t,n_forced*{CUT_EVERY_S})"]
        for name, value in options.items():
            command += [f"-{name.replace('profile', 'profile:v')}", value]
        command += {"one": ["-threads", "1"], "frames": [], "slices": ["-tune", "zerolatency"]}[way]
        command += ["-f", "null", "-"]
    started_s = time.perf_counter()
    subprocess.run(command, check=True)
    return time.perf_counter() - started_s


def report(results: dict[str, list[Result]], pictures: int, runs: int, ffmpeg: str) -> None:
    speeds = {name: statistics.median(run.pictures_per_s for run in runs_) for name, runs_ in results.items()}
    costs = {name: statistics.median(run.cpu_ms for run in runs_) for name, runs_ in results.items()}
    best = max(value for name, value in speeds.items() if name != "ours")
    version = subprocess.run((ffmpeg, "-version"), capture_output=True, text=True, check=True).stdout.split()[
        2
    ]
    print(f"720p{FRAME_RATE} to 720p + 480p + 360p, {pictures} pictures, median of {runs} alternating runs,")
    print(f"{os.cpu_count()} cores ({platform.machine()}), ffmpeg {version}\n")
    print("| who | pictures/s | times real time | ours / theirs | CPU ms a picture |")
    print("|---|---|---|---|---|")
    for name, value in speeds.items():
        ratio = "" if name == "ours" else f"{speeds['ours'] / value:.2f}"
        print(f"| {name} | {value:.0f} | {value / FRAME_RATE:.1f} | {ratio} | {costs[name]:.1f} |")
    print(f"\nratio to the fastest: {speeds['ours'] / best:.2f} (target: 1.00 or more)")


if __name__ == "__main__":
    main()
