"""What one machine carries: passed-through streams with viewers, and ladders, until a part is late.

Streams are added step by step. On each step every publisher sends the same clip in real time from one
process, every viewer reloads its playlist by blocking and fetches every part from another, and each part's
lateness is noted: how much later than the steadiest parts of its viewer it was here, to its last byte. A part
is late when that is more than a part target, because then a viewer at the live edge has played what it had.

    python -m bench.capacity [--step-s 20] [--viewers 10] [--streams 5,10,20,40] [--ladders 1,2,3,4]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import uvloop

from bench._table import percentile, print_table
from ingest.rtmp.client import PublisherClient, PublishUrl
from ingest.rtmp.handshake import RANDOM_SIZE
from mediaserver.server_process import ServerProcess
from transcoder.engine.demux import MediaFile
from transcoder.media import AccessUnit

SETTLE_S: Final = 6.0
"""Of every step: the streams start, the viewers come; nothing is noted."""
CLIP_S: Final = 10
PART_TARGET_S: Final = 0.25
COLUMNS: Final = (
    "streams",
    "viewers",
    "parts seen",
    "late",
    "p99 lateness",
    "worst",
    "gaps",
    "server",
    "its children",
    "memory",
)


def make_clip(path: Path, size: str, bitrate_bps: int) -> None:
    """H.264 with a sync picture each 2 s, at a constant bit rate, and AAC."""
    source = f"testsrc2=s={size}:r=30:d={CLIP_S},noise=alls=12:allf=t"
    rate = ["-b:v", str(bitrate_bps), "-minrate", str(bitrate_bps), "-maxrate", str(bitrate_bps)]
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", source, "-f", "lavfi"]
    command += ["-i", f"sine=f=300:r=48000:d={CLIP_S}", "-c:v", "libx264", "-preset", "veryfast"]
    command += ["-pix_fmt", "yuv420p", "-bf", "0", "-g", "60", "-sc_threshold", "0", *rate]
    command += ["-bufsize", str(bitrate_bps // 2), "-c:a", "aac", "-b:a", "96k", "-y", str(path)]
    subprocess.run(command, check=True)


# The publishers' process


def timed(units: Sequence[AccessUnit], length_s: float) -> Iterator[tuple[float, AccessUnit]]:
    """Every unit with its time, again and again."""
    for turn in count():
        for unit in units:
            yield turn * length_s + unit.dts_s, unit


async def publish(url: str, media: MediaFile, units: Sequence[AccessUnit], start_s: float) -> None:
    """One stream for ever, paced by the clock."""
    where = PublishUrl.parse(url)
    client = PublisherClient(where, random=os.urandom(RANDOM_SIZE))
    reader, writer = await asyncio.open_connection(where.host, where.port)
    writer.write(client.data_to_send())
    while not client.ready:
        client.receive(await reader.read(65_536))
        writer.write(client.data_to_send())
    for track in media.tracks:
        client.send_track(track)
    for time_s, unit in timed(units, CLIP_S):
        await asyncio.sleep(max(0.0, start_s + time_s - time.monotonic()))
        stamp_ms = round(time_s * 1000)
        base_ms = round(unit.dts_s * 1000)
        client.send_unit(shifted(unit, stamp_ms - base_ms))
        writer.write(client.data_to_send())
        await writer.drain()


def shifted(unit: AccessUnit, by_ms: int) -> AccessUnit:
    ticks = by_ms * unit.timescale // 1000
    return AccessUnit(
        unit.track_id,
        unit.codec,
        unit.timescale,
        unit.pts + ticks,
        unit.dts + ticks,
        unit.duration,
        unit.sync,
        unit.payload,
        unit.arrival_s,
    )


async def publish_all(clip: Path, urls: Sequence[str]) -> None:
    media = MediaFile(clip, loop=False)
    units = [unit for unit in media if unit.dts_s < CLIP_S]
    async with asyncio.TaskGroup() as group:
        for number, url in enumerate(urls):
            # Spread over a part, so that not all parts of all streams end at the same instant.
            start_s = time.monotonic() + PART_TARGET_S * number / len(urls)
            group.create_task(publish(url, media, units, start_s))


# The viewers' process


class Viewer:
    """Follows one rendition by blocking reloads and fetches every part."""

    def __init__(self, base: str, session: aiohttp.ClientSession) -> None:
        self.lateness_s: list[float] = []
        self.gaps = 0
        self._base = base
        self._session = session
        self._media_s = 0.0
        self._steadiest_s: float | None = None

    async def watch(self, noted_from_s: float, until_s: float) -> None:
        position: tuple[int, int] | None = None
        ask = "media.m3u8"
        while time.monotonic() < until_s:
            text = (await self._get(ask)).decode()
            parts = list(parts_of(text))
            if not parts:
                await asyncio.sleep(0.2)
                continue
            new = [part for part in parts if position is None or part[0] > position]
            for at, uri, duration_s, gap in new[-1:] if position is None else new:
                if not gap:
                    await self._get(uri)
                self._note(duration_s, gap, noted_from_s)
                position = at
            if position is not None:
                ask = f"media.m3u8?_HLS_msn={position[0]}&_HLS_part={position[1] + 1}"

    def _note(self, duration_s: float, gap: bool, noted_from_s: float) -> None:
        now_s = time.monotonic()
        self._media_s += duration_s
        lead_s = now_s - self._media_s
        self._steadiest_s = lead_s if self._steadiest_s is None else min(self._steadiest_s, lead_s)
        if now_s >= noted_from_s:
            self.lateness_s.append(lead_s - self._steadiest_s)
            self.gaps += gap

    async def _get(self, path: str) -> bytes:
        async with self._session.get(self._base + path) as answer:
            answer.raise_for_status()
            return await answer.read()


def parts_of(text: str) -> Iterator[tuple[tuple[int, int], str, float, bool]]:
    """Position, name, seconds and whether it is a gap, of every EXT-X-PART."""
    for line in text.splitlines():
        if line.startswith("#EXT-X-PART:"):
            uri = line.partition('URI="')[2].partition('"')[0]
            msn, part = map(int, uri.rpartition("-")[2].removesuffix(".m4s").split("."))
            duration_s = float(line.partition("DURATION=")[2].partition(",")[0])
            yield (msn, part), uri, duration_s, "GAP=YES" in line


async def watch_all(bases: Sequence[str], settle_s: float, seconds: float) -> dict[str, Any]:
    connector = aiohttp.TCPConnector(limit=0)
    begin_s = time.monotonic()
    async with aiohttp.ClientSession(connector=connector) as session:
        viewers = [Viewer(base, session) for base in bases]
        async with asyncio.TaskGroup() as group:
            for viewer in viewers:
                group.create_task(viewer.watch(begin_s + settle_s, begin_s + settle_s + seconds))
    return {
        "lateness_s": [late_s for viewer in viewers for late_s in viewer.lateness_s],
        "gaps": sum(viewer.gaps for viewer in viewers),
    }


# One step


@dataclass(frozen=True, slots=True)
class Step:
    """What was seen with so many streams."""

    streams: int
    viewers: int
    lateness_s: list[float]
    gaps: int
    server_cpu: float
    children_cpu: float
    rss_bytes: int

    @property
    def late(self) -> int:
        return sum(late_s > PART_TARGET_S for late_s in self.lateness_s)

    @property
    def is_good(self) -> bool:
        return bool(self.lateness_s) and not self.late and not self.gaps

    def row(self) -> list[object]:
        return [
            self.streams,
            self.viewers,
            len(self.lateness_s),
            self.late,
            f"{1000 * percentile(self.lateness_s, 0.99):.0f} ms",
            f"{1000 * max(self.lateness_s, default=float('nan')):.0f} ms",
            self.gaps,
            f"{self.server_cpu:.0%} of a core",
            f"{self.children_cpu:.0%}",
            f"{self.rss_bytes / 1e6:.0f} MB",
        ]


def children_cpu_s(pid: int) -> float:
    """Processor time of the living children."""
    total = 0.0
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
            total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def step(
    folder: Path, clip: Path, streams: int, viewers: int, seconds: float, *, ladder: object, rendition: str
) -> Step:
    """A server of its own with so many streams and viewers."""
    settings = {"rtmp.max_connections_per_address": "1000", "http.max_requests_per_address_s": "0"}
    me = [sys.executable, "-m", "bench.capacity"]
    with ServerProcess(folder / f"data-{time.monotonic_ns()}", settings, log=folder / "log") as server:
        urls = [server.publish_url(f"s{number}", ladder=ladder) for number in range(streams)]
        publishers = subprocess.Popen([*me, "--publish", str(clip)], stdin=subprocess.PIPE, text=True)
        try:
            publishers.stdin.write("\n".join(urls))  # type: ignore[union-attr]
            publishers.stdin.close()  # type: ignore[union-attr]
            for number in range(streams):
                wait_playing(server, f"s{number}", rendition)
            bases = [
                f"{server.http_url}/live/s{number}/{rendition}/"
                for number in range(streams)
                for _ in range(viewers)
            ]
            watching = subprocess.Popen(
                [*me, "--watch", str(SETTLE_S), str(seconds)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            watching.stdin.write("\n".join(bases))  # type: ignore[union-attr]
            watching.stdin.close()  # type: ignore[union-attr]
            time.sleep(SETTLE_S)
            at_s, cpu_s, children_s = time.monotonic(), server.cpu_s(), children_cpu_s(server.pid)
            seen = json.loads(watching.stdout.read())  # type: ignore[union-attr]
            span_s = time.monotonic() - at_s
            watching.wait()
            return Step(
                streams,
                streams * viewers,
                seen["lateness_s"],
                seen["gaps"],
                (server.cpu_s() - cpu_s) / span_s,
                (children_cpu_s(server.pid) - children_s) / span_s,
                server.rss_bytes(),
            )
        finally:
            publishers.terminate()
            publishers.wait()


def wait_playing(server: ServerProcess, stream: str, rendition: str, timeout_s: float = 60) -> None:
    """Until the rendition has media."""
    deadline_s = time.monotonic() + timeout_s
    path = urlsplit(f"{server.http_url}/live/{stream}/{rendition}/media.m3u8").path
    while server.call("GET", path)[0] != 200:
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"{stream} has no {rendition}\n{server.log_tail()}")
        time.sleep(0.1)


def climb(title: str, counts: Sequence[int], measure: Any, *conditions: str) -> None:
    """Step by step until one is no good; a table of all."""
    steps: list[Step] = []
    for number in counts:
        steps.append(measure(number))
        print(f"    {steps[-1].row()}", file=sys.stderr)
        if not steps[-1].is_good:
            break
    best = max((each.streams for each in steps if each.is_good), default=0)
    print_table(
        f"{title}: {best} without a late part",
        COLUMNS,
        [each.row() for each in steps],
        f"late: more than {PART_TARGET_S:g} s, which is one part, behind the steadiest parts of its viewer",
        "publishers, server and viewers share the machine",
        *conditions,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--step-s", type=float, default=20.0, help="seconds that are noted of each step")
    parser.add_argument("--viewers", type=int, default=10, help="of each passed-through stream")
    parser.add_argument("--streams", default="5,10,20,30,40,60,80", help="the steps")
    parser.add_argument("--ladders", default="1,2,3,4,6,8", help="the steps")
    parser.add_argument("--publish", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--watch", nargs=2, type=float, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.publish is not None:
        uvloop.run(publish_all(options.publish, sys.stdin.read().split()))
        return
    if options.watch is not None:
        json.dump(uvloop.run(watch_all(sys.stdin.read().split(), *options.watch)), sys.stdout)
        return

    streams = [int(each) for each in options.streams.split(",") if each]
    ladders = [int(each) for each in options.ladders.split(",") if each]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = folder / "clip.mp4"
        make_clip(clip, "1280x720", 3_000_000)
        if streams:
            climb(
                "Passed-through streams of 3 Mbit/s",
                streams,
                lambda number: step(
                    folder,
                    clip,
                    number,
                    options.viewers,
                    options.step_s,
                    ladder="passthrough",
                    rendition="source",
                ),
                f"{options.viewers} viewers each, {options.step_s:g} s a step, 1280x720, 30 fps",
            )
        if ladders:
            climb(
                "Ladders of a 720p30 source",
                ladders,
                lambda number: step(folder, clip, number, 1, options.step_s, ladder="auto", rendition="360p"),
                "source passed through, 480p and 360p encoded; one viewer each, on 360p",
                f"{options.step_s:g} s a step",
            )


if __name__ == "__main__":
    main()
