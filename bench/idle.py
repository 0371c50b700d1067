"""What the server costs when little happens: start, memory, one passed-through stream without viewers.

Measured from outside, by /proc and the clock, with the real program. 1080p comes from the test pattern,
pushed by a process of its own.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench._table import percentile, print_table
from mediaserver.server_process import ServerProcess

STARTS = 5
SETTLE_S = 5.0


def children(pid: int) -> list[int]:
    """Child processes, and theirs."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in map(int, (task / "children").read_text().split()):
            found += [child, *children(child)]
    return found


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def start_times(folder: Path) -> list[float]:
    times = []
    for number in range(STARTS):
        with ServerProcess(folder / f"start{number}", log=folder / "log") as server:
            times.append(server.ready_s)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0, help="of the stream that is measured")
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        starts = start_times(folder)
        with ServerProcess(folder / "data", log=folder / "log") as server:
            time.sleep(SETTLE_S)
            idle_rss_mb, idle_children = rss_mb(server.pid), children(server.pid)
            before_s, at_s = server.cpu_s(), time.monotonic()
            time.sleep(SETTLE_S)
            idle_cpu = (server.cpu_s() - before_s) / (time.monotonic() - at_s)

            url = server.publish_url("bench", ladder="passthrough")
            command = [sys.executable, "-m", "mediaserver", "push", "--test-pattern", "--quiet"]
            command += ["--size", "1920x1080", "--bitrate", "5M", url]
            broadcaster = subprocess.Popen(command)
            try:
                time.sleep(SETTLE_S)
                _, stream = server.call("GET", "/api/v1/streams/bench")
                before_s, at_s = server.cpu_s(), time.monotonic()
                helpers_before_s = sum(map(cpu_s, children(server.pid)))
                time.sleep(options.seconds)
                span_s = time.monotonic() - at_s
                stream_cpu = (server.cpu_s() - before_s) / span_s
                helpers_cpu = (sum(map(cpu_s, children(server.pid))) - helpers_before_s) / span_s
                stream_rss_mb = rss_mb(server.pid)
                helpers_rss_mb = sum(map(rss_mb, children(server.pid)))
                push_cpu = cpu_s(broadcaster.pid) / (time.monotonic() - at_s + SETTLE_S)
            finally:
                broadcaster.terminate()
                broadcaster.wait()

    rungs = [rung["name"] for rung in stream["renditions"]]
    print_table(
        "Start and idle",
        ["what", "measured", "target"],
        [
            ["start to listening", f"{percentile(starts, 0.5):.2f} s (worst {max(starts):.2f} s)", "≤ 2 s"],
            ["memory, idle", f"{idle_rss_mb:.0f} MB RSS, {len(idle_children)} child processes", "≤ 100 MB"],
            ["processor, idle", f"{idle_cpu:.1%} of a core", ""],
            ["processor, one 1080p stream passed through", f"{stream_cpu:.1%} of a core", "≤ 5%"],
            [
                "… and its poster, a child process",
                f"{helpers_cpu:.1%} of a core, {helpers_rss_mb:.0f} MB",
                "",
            ],
            ["memory with that stream", f"{stream_rss_mb:.0f} MB RSS", ""],
            ["the publisher beside it (draws and encodes)", f"{push_cpu:.0%} of a core", ""],
        ],
        f"{STARTS} starts with an empty data folder",
        f"stream {stream['state']}, renditions {', '.join(rungs)}, 5 Mbit/s, 30 fps, no viewers",
        f"{options.seconds:g} s",
    )


if __name__ == "__main__":
    main()
