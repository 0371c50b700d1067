"""Half an hour of people coming and going (`make soak`): nothing may grow.

``MEDIASERVER_SOAK_S`` sets another length.
"""

from __future__ import annotations

import os
import signal
import statistics
import threading
import time
from collections.abc import Callable

import pytest

from tests.e2e.player import Player
from tests.faults.processes import children, open_files, rss_bytes, threads

LENGTH_S = float(os.environ.get("MEDIASERVER_SOAK_S", "1800"))
WARM_UP_SHARE = 0.3
MIB = 1 << 20

pytestmark = pytest.mark.soak


def watch_for(player: Player, seconds: float, stop: threading.Event) -> None:
    """Play the source and the low rung by blocking reloads, and fetch every part."""
    until_s = time.monotonic() + seconds
    seen = player.playlist("360p")
    while time.monotonic() < until_s and not stop.is_set():
        seen = player.next(seen, "360p")
        if not seen.parts[-1].gap:
            player.get(f"360p/{seen.parts[-1].uri}")


def slope_per_hour(samples: list[tuple[float, int]]) -> float:
    """Bytes an hour, by least squares."""
    times, sizes = [time_s for time_s, _ in samples], [float(size) for _, size in samples]
    return statistics.linear_regression(times, sizes).slope * 3600


def test_nothing_grows_while_people_come_and_go(
    new_server: Callable, publish: Callable, until_state: Callable
) -> None:
    server = new_server({"live.grace_s": "5"})
    steady_url = server.publish_url("steady")
    publish(steady_url, "--size", "640x480", "--fps", "25")
    until_state(server, "steady")
    guest_url = server.publish_url("guest", ladder="passthrough")
    player = Player(server, "steady")
    stop = threading.Event()
    started_s = time.monotonic()
    files_at_start = threads_at_start = 0
    samples: list[tuple[float, int]] = []
    turn = 0
    while (elapsed_s := time.monotonic() - started_s) < LENGTH_S:
        turn += 1
        guest = publish(guest_url, "--size", "320x240", "--fps", "25", "--no-audio")
        until_state(server, "guest")
        viewers = [threading.Thread(target=watch_for, args=(player, 10.0, stop)) for _ in range(4)]
        for viewer in viewers:
            viewer.start()
        for viewer in viewers:
            viewer.join()
        guest.stop()
        until_state(server, "guest", "ended")
        if turn % 5 == 0:
            (worker,) = children(server.pid, "transcoder.worker live")
            os.kill(worker, signal.SIGKILL)
        if elapsed_s > WARM_UP_SHARE * LENGTH_S:
            samples.append((elapsed_s, rss_bytes(server.pid)))
            files_at_start = files_at_start or open_files(server.pid)
            threads_at_start = threads_at_start or threads(server.pid)
    assert "Traceback" not in server.log_tail()
    growth = slope_per_hour(samples)
    print(f"{turn} turns in {LENGTH_S:.0f} s; {len(samples)} samples; {growth / MIB:+.2f} MiB an hour")
    assert open_files(server.pid) <= files_at_start + 8
    assert threads(server.pid) <= threads_at_start + 2
    assert growth <= 2 * MIB
