"""LL-HLS fan-out: from the moment a part is there to the last byte that the last player got of it.

One server process on one core (the real HTTP door, windows and playlists; no encoder), the players in
processes of their own on the other cores, all on loopback with one clock. Two tables' worth of rows:

- reloads: N connections, each repeating a blocking reload of one playlist (nothing else is fetched)
- players: N players that reload and fetch every part, which is what a viewer does

    python bench/fanout.py                       # 2,000 reloads, then 1,000 players
    python bench/fanout.py --reloads 5000 --players 0
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import time
import zlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

PARTS_PER_SEGMENT = 8
PART_S = 0.25
STREAM, RENDITION, EPOCH = "bench", "source", "b0b0b0b0"


# The server's side


class BenchStream:
    """A live stream with one rendition whose parts come on time, of bytes that mean nothing."""

    def __init__(self) -> None:
        from mediaserver.live.measures import StreamMeasures
        from mediaserver.live.output import RenditionOutput
        from mediaserver.live.viewers import Viewers
        from transcoder.ladder import Rendition
        from transcoder.manifests.config import WindowConfig
        from transcoder.manifests.hls import Report
        from transcoder.manifests.segment import Position
        from transcoder.manifests.window import MediaWindow
        from transcoder.media import Codec, Kind

        self.name, self.record, self.part_target_s = STREAM, None, PART_S
        self.viewers = Viewers(15.0)
        self.measures = StreamMeasures()
        self.window = MediaWindow(WindowConfig(target_duration_s=4, part_target_s=PART_S, window_s=30), EPOCH)
        self.window.set_init(bytes(800))
        rendition = Rendition(
            name=RENDITION,
            kind=Kind.VIDEO,
            codec=Codec.H264,
            passthrough=True,
            width=1280,
            height=720,
            frame_rate=Fraction(30),
            source_track_id=1,
        )
        # Three other renditions are reported on, as a ladder of 720p has them.
        reports = [Report(f"../{name}/media.m3u8", Position(0, 0)) for name in ("480p", "360p", "audio")]
        self.output = RenditionOutput(rendition, self.window, lambda: reports)
        self.renditions = [self.output]
        self.added: dict[str, float] = {}

    async def media_playlist(self, rendition: str, **directives: Any) -> Any:
        return await self.output.playlist(directives["msn"], directives["part"], directives["skip"])

    async def media(self, rendition: str, name: str) -> Any:
        return await self.output.media(name)

    async def produce(self, part_bytes: int) -> None:
        begin_s, count = time.monotonic(), 0
        while True:
            await asyncio.sleep(begin_s + count * PART_S - time.monotonic())
            data = os.urandom(part_bytes)
            msn, part = divmod(count, PARTS_PER_SEGMENT)
            self.added[f"{msn}.{part}"] = now_s = time.monotonic()
            self.window.add_part(
                data, duration_s=PART_S, independent=part == 0, now_s=now_s, program_time_s=time.time()
            )
            if part == PARTS_PER_SEGMENT - 1:
                self.window.end_segment(now_s)
            self.output.notify()
            count += 1


class BenchRegistry:
    def __init__(self, stream: BenchStream) -> None:
        self._stream = stream

    def get(self, name: str) -> BenchStream | None:
        return self._stream if name == STREAM else None


async def serve(part_bytes: int) -> None:
    """Listen, say the port, produce parts until stdin ends, then say when each part was added."""
    from mediaserver.settings import HttpSettings
    from mediaserver.web.app import build_app
    from mediaserver.web.listener import Listener

    stream = BenchStream()
    settings = HttpSettings(host="127.0.0.1", port=0)
    app = build_app(
        registry=BenchRegistry(stream),  # type: ignore[arg-type]
        access=None,  # type: ignore[arg-type]
        settings=settings,
        rtmp_port=None,
        checks={},
        exposition=lambda: (b"", "text/plain"),
    )
    async with Listener(app.app, settings) as listener:
        print(listener.port, flush=True)
        producing = asyncio.create_task(stream.produce(part_bytes))
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        producing.cancel()
        used = resource.getrusage(resource.RUSAGE_SELF)
        json.dump({"added": stream.added, "cpu_s": used.ru_utime + used.ru_stime}, sys.stdout)
        sys.stdout.flush()
        os._exit(0)


# The players' side


class Players:
    """What all connections of one process share: the record, and what each playlist says comes next."""

    def __init__(self, fetches: bool) -> None:
        self.fetches = fetches
        self.seen: list[tuple[str, float, float]] = []
        """Part, when it was asked for, when its last byte was here."""
        self._next: dict[bytes, tuple[int, int]] = {}

    def next_part(self, playlist: bytes) -> tuple[int, int]:
        """The hinted part. The bytes are the same for everybody, so they are read once."""
        found = self._next.get(playlist)
        if found is None:
            text = zlib.decompress(playlist, 16 + zlib.MAX_WBITS)
            hint = text.rpartition(b'TYPE=PART,URI="')[2].partition(b".m4s")[0]
            msn, part = map(int, hint.rpartition(b"-")[2].split(b"."))
            found = self._next[playlist] = msn, part
        return found


class Player(asyncio.Protocol):
    """One keep-alive connection: reload, and fetch the part if asked to, for ever."""

    def __init__(self, players: Players) -> None:
        self._players = players
        self._asked = (-1, -1)
        self._asked_s = 0.0
        self._following = (0, 0)
        self._is_part = False
        self._answer = bytearray()
        self._size = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def begin(self) -> None:
        self._ask("media.m3u8")

    def _ask(self, path: str) -> None:
        self._transport.write(
            f"GET /live/{STREAM}/{RENDITION}/{path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Accept-Encoding: gzip\r\nUser-Agent: bench\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        if not self._size:
            end = data.find(b"\r\n\r\n")
            if end < 0 or not data.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(data[:200])
            at = data.index(b"Content-Length: ") + 16
            self._size = int(data[at : data.index(b"\r\n", at)])
            data = data[end + 4 :]
        self._answer += data
        if len(self._answer) == self._size:
            answer = bytes(self._answer) if not self._is_part else b""
            self._answer.clear()
            self._size = 0
            self._done(answer)

    def _done(self, answer: bytes) -> None:
        msn, part = self._asked
        if self._asked_s and self._is_part == self._players.fetches:
            self._players.seen.append((f"{msn}.{part}", self._asked_s, time.monotonic()))
        if not self._is_part:
            self._following = self._players.next_part(answer)
            if self._players.fetches and self._asked_s:
                self._is_part = True
                self._ask(f"{EPOCH}-{msn}.{part}.m4s")
                return
        self._is_part = False
        self._asked, self._asked_s = self._following, time.monotonic()
        self._ask(f"media.m3u8?_HLS_msn={self._asked[0]}&_HLS_part={self._asked[1]}")


async def play(port: int, count: int, duration_s: float, fetches: bool) -> None:
    """Connect ``count`` players, wait, say what each got when."""
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: (print(context, file=sys.stderr), os._exit(1)))
    players = Players(fetches)
    # All connect before the first asks, so that coming in does not compete with what is measured.
    connected = [
        (await loop.create_connection(lambda: Player(players), "127.0.0.1", port))[1] for _ in range(count)
    ]
    for player in connected:
        player.begin()
    settled_s = time.monotonic() + 1.0
    await asyncio.sleep(duration_s + 1.0)
    json.dump([entry for entry in players.seen if entry[2] >= settled_s], sys.stdout)
    sys.stdout.flush()
    os._exit(0)


# The table


def measure(count: int, fetches: bool, duration_s: float, part_bytes: int, clients: int) -> dict[str, Any]:
    """One run. Times in ms, memory in MB."""
    cores = sorted(os.sched_getaffinity(0))
    others = cores[1:] or cores
    me = [sys.executable, __file__]
    with subprocess.Popen(
        [*me, "--serve", str(part_bytes)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {cores[0]}),
    ) as server:
        port = int(server.stdout.readline())  # type: ignore[union-attr]
        idle_mb = rss_mb(server.pid, "VmRSS")
        time.sleep(12)  # the window has filled some, so that playlists have their length
        shares = [count // clients + (number < count % clients) for number in range(clients)]
        players = [
            subprocess.Popen(
                [*me, "--play", str(port), str(share), str(duration_s), str(int(fetches))],
                stdout=subprocess.PIPE,
                text=True,
                preexec_fn=lambda core=core: os.sched_setaffinity(0, {core}),  # type: ignore[misc]
            )
            for share, core in zip(shares, [others[i % len(others)] for i in range(clients)], strict=True)
        ]
        time.sleep(duration_s)
        loaded_mb = rss_mb(server.pid, "VmRSS")
        seen = [entry for player in players for entry in json.loads(player.communicate()[0])]
        peak_mb = rss_mb(server.pid, "VmHWM")
        report = json.loads(server.communicate("")[0])
    added = report["added"]
    # Only who was waiting when the part came: a player that has just joined, or fell behind, is answered at
    # once with what is there already, and its wait is its own.
    waited = [(name, got_s) for name, asked_s, got_s in seen if asked_s < added[name]]
    late_ms = sorted(1e3 * (got_s - added[name]) for name, got_s in waited)
    rounds = len({name for name, _ in waited})
    return {
        "what": "players (reload + part)" if fetches else "blocked reloads",
        "connections": count,
        "answers": len(late_ms),
        "not_waiting": len(seen) - len(waited),
        "rounds": rounds,
        "p50_ms": percentile(late_ms, 0.50),
        "p99_ms": percentile(late_ms, 0.99),
        "max_ms": percentile(late_ms, 1.0),
        "cpu_s": report["cpu_s"],
        "idle_mb": idle_mb,
        "rss_mb": loaded_mb,
        "peak_mb": peak_mb,
    }


def percentile(values: list[float], share: float) -> float:
    """nan where nobody waited: the players could not keep up."""
    if not values:
        return float("nan")
    return values[min(len(values) - 1, int(share * len(values)))]


def rss_mb(pid: int, field: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024
    raise ValueError(field)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--reloads", type=int, default=2_000)
    parser.add_argument("--players", type=int, default=1_000)
    parser.add_argument("--duration", type=float, default=10.0, help="seconds each run is measured")
    parser.add_argument("--bitrate", type=int, default=2_500_000, help="of the rendition, bits per second")
    parser.add_argument("--clients", type=int, default=1, help="processes that the players are spread over")
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of the table")
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--play", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if options.serve is not None:
        uvloop.run(serve(options.serve))
        return
    if options.play is not None:
        port, count, duration_s, fetches = options.play
        uvloop.run(play(int(port), int(count), float(duration_s), fetches == "1"))
        return
    part_bytes = int(options.bitrate / 8 * PART_S)
    rows = []
    for count, fetches in ((options.reloads, False), (options.players, True)):
        if count:
            rows.append(measure(count, fetches, options.duration, part_bytes, options.clients))
    if options.json:
        for row in rows:
            print(json.dumps(row))
        return
    print(
        "| what | connections | p50 ms | p99 ms | max ms | server RSS MB (idle → loaded, peak) "
        "| answers | server CPU s |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for row in rows:
        memory = f"{row['idle_mb']:.0f} → {row['rss_mb']:.0f}, {row['peak_mb']:.0f}"
        print(
            f"| {row['what']} | {row['connections']} | {row['p50_ms']:.0f} | {row['p99_ms']:.0f} | "
            f"{row['max_ms']:.0f} | {memory} | {row['answers']} in {row['rounds']} rounds, "
            f"{row['not_waiting']} not waiting | {row['cpu_s']:.1f} |"
        )


if __name__ == "__main__":
    main()
