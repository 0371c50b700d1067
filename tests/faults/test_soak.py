"""Half an hour of people coming and going (`make soak`): nothing may grow.

A stream with an encoded rung is on air all the time. Every ``TURN_S`` seconds a guest publishes and leaves,
some viewers come, follow the playlists part by part and leave; every fifth turn a worker is killed. Another
length in seconds: ``MEDIASERVER_SOAK_S`` (at least four turns). It tells what it saw while it goes on.

Memory is sampled at the same point of every turn. The slope is Theil and Sen's, the median of the slopes
between all pairs of samples: one sample in a moment of much work does not move it. What came before
``WARM_UP_S`` does not count: by then the window is full, the library code that each way of use needs has been
loaded, and malloc has the arenas that it comes to use (measured: 2 to 3 minutes).
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from pathlib import Path

import pytest

from mediaserver.server_process import ServerProcess
from tests.e2e.player import Player
from tests.faults.processes import Held, children
from tests.faults.publisher import RawPublisher, show
from tests.faults.scene import complaints, until

LENGTH_S = float(os.environ.get("MEDIASERVER_SOAK_S", "1800"))
TURN_S = 20.0
WARM_UP_S = min(300.0, LENGTH_S / 3)
VIEWERS = 4
WATCHING_S = 10.0
KILL_EVERY = 5
GROWTH_BYTES_PER_HOUR = 2_000_000
EXPECTED_ERRORS = ("worker",)
"""What the log calls an error when a worker was killed on purpose."""

pytestmark = [pytest.mark.soak, pytest.mark.tools("ffmpeg")]


def watch(player: Player, rendition: str, seconds: float) -> Counter[int]:
    """Follow a playlist by blocking reloads and fetch every part; how often each status was answered."""
    statuses: Counter[int] = Counter()
    until_s = time.monotonic() + seconds
    master, _, _ = player.get("master.m3u8")
    statuses[master] += 1
    seen = player.playlist(rendition)
    while time.monotonic() < until_s:
        seen = player.next(seen, rendition)
        statuses[200] += 1
        if seen.parts and not seen.parts[-1].gap:
            statuses[player.status(f"{rendition}/{seen.parts[-1].uri}")] += 1
    return statuses


def slope_per_hour(samples: list[tuple[float, int]]) -> float:
    """Bytes an hour."""
    slopes = [(b - a) / (at_b - at_a) for (at_a, a), (at_b, b) in combinations(samples, 2) if at_b > at_a]
    return statistics.median(slopes) * 3600 if slopes else 0.0


def errors(log: str) -> list[str]:
    """Lines of the log at level error or above that no killed worker explains."""
    found = []
    for line in log.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            found.append(line)
            continue
        if entry["level"] in ("error", "critical") and not any(
            word in entry["message"] for word in EXPECTED_ERRORS
        ):
            found.append(line)
    return found


def turn(server: ServerProcess, guest_url: str, number: int, until_state: Callable) -> Counter[int]:
    """One guest and some viewers come and go."""
    player = Player(server, "steady")
    with RawPublisher(guest_url) as guest, ThreadPoolExecutor(VIEWERS + 1) as pool:
        leave = threading.Event()
        playing = pool.submit(guest.play, show(), leave.is_set)
        try:
            until_state(server, "guest")
            viewers = [
                pool.submit(watch, player, ("source", "360p")[each % 2], WATCHING_S)
                for each in range(VIEWERS)
            ]
            if number % KILL_EVERY == KILL_EVERY - 1:
                (worker,) = children(server.pid, "transcoder.worker live")
                os.kill(worker, signal.SIGKILL)
            seen: Counter[int] = Counter()
            for viewer in viewers:
                seen += viewer.result()
        finally:
            # The pool waits for the guest, also where a viewer has failed.
            leave.set()
        playing.result()
        guest.finish()
    until_state(server, "guest", "ended")
    return seen


@pytest.mark.timeout(int(2 * LENGTH_S + 300))
def test_nothing_grows_while_people_come_and_go(
    new_server: Callable, publish: Callable, until_state: Callable, tmp_path: Path
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    server = new_server({"live.grace_s": "2"}, environment={"TMPDIR": str(temporary)})
    publish(server.publish_url("steady"), "--size", "640x480", "--fps", "25")
    until_state(server, "steady")
    Player(server, "steady").until_msn(0, "360p")
    guest_url = server.publish_url("guest", ladder="passthrough")

    started_s = time.monotonic()
    samples: list[tuple[float, int]] = []
    statuses: Counter[int] = Counter()
    before: Held | None = None
    number = 0
    while (begun_s := time.monotonic()) - started_s < LENGTH_S:
        statuses += turn(server, guest_url, number, until_state)
        number += 1
        threading.Event().wait(max(0.0, begun_s + TURN_S - time.monotonic()))
        held = Held.by(server, temporary)
        elapsed_s = time.monotonic() - started_s
        print(f"{elapsed_s:6.0f} s  {held}", flush=True)
        if elapsed_s > WARM_UP_S:
            before = before or held
            samples.append((elapsed_s, held.rss_bytes))

    assert before is not None, "too short: nothing is left after the warm-up"
    growth = slope_per_hour(samples)
    print(
        f"{number} turns in {time.monotonic() - started_s:.0f} s, answers {dict(statuses)}; after "
        f"{WARM_UP_S:.0f} s of warm-up {len(samples)} samples, {growth / 1e6:+.2f} MB an hour"
    )
    until(
        lambda: not Held.by(server, temporary).exceeds(before, rss_bytes=1 << 40),
        "tasks, files, threads, workers and temporary files are as at the start",
    )
    assert set(statuses) == {200}
    assert not complaints(server.whole_log())
    assert not errors(server.whole_log())
    assert growth <= GROWTH_BYTES_PER_HOUR
