"""What the machine does to a server: it is killed, the disk fills, the clock steps. Viewers go on."""

from __future__ import annotations

import email.utils
import os
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from mediaserver.server_process import ServerProcess
from tests.e2e.player import Player
from tests.faults.scene import complaints, until
from tests.faults.witness import Witness

SETTINGS = {"live.segment_target_s": "1", "live.window_s": "12"}
SMALL = ("--size", "320x240", "--fps", "25", "--gop", "1")
HOUR_S = 3_600
LIBFAKETIME = "libfaketime.so.1"


def plays(player: Player) -> bool:
    """Whether the newest listed part is media, and there to be fetched."""
    try:
        if player.status("source/media.m3u8") != 200:
            return False
        parts = player.playlist().parts
        return bool(parts) and not parts[-1].gap and player.status(f"source/{parts[-1].uri}") == 200
    except OSError:
        return False


def test_after_kill_9_the_same_playlist_goes_on(
    new_server: Callable, publish: Callable, until_state: Callable
) -> None:
    """Media sequence never goes back, and what was listed and is still valid can still be fetched."""
    server = new_server(SETTINGS)
    url = server.publish_url("show", ladder="passthrough")
    publish(url, *SMALL, "--reconnect")
    until_state(server, "show")
    before = Player(server, "show").until_msn(5)
    old = {segment.uri: Player(server, "show").get(f"source/{segment.uri}")[2] for segment in before.segments}
    server.kill()
    again = new_server(SETTINGS | server.ports, data=server.data)
    player = Player(again, "show")
    first = player.playlist()
    assert first.first_msn >= before.first_msn
    assert first.last_msn >= before.last_msn - 1
    kept = [segment for segment in first.segments if segment.uri in old]
    assert kept, "nothing of before is listed"
    for segment in kept:
        assert player.get(f"source/{segment.uri}")[2] == old[segment.uri]
        assert segment.msn == next(each.msn for each in before.segments if each.uri == segment.uri)
    until(lambda: plays(player), "it plays again", 20)
    after = player.playlist()
    assert after.first_msn >= first.first_msn
    assert after.position > first.position
    assert "#EXT-X-DISCONTINUITY\n" in after.text or after.discontinuity_sequence
    assert not complaints(again.whole_log())


def test_kill_9_again_and_again_leaves_a_server_that_starts(
    new_server: Callable, publish: Callable, until_state: Callable
) -> None:
    """At any moment: also while files are being written and while it has just begun to publish again."""
    server = new_server(SETTINGS)
    publish(server.publish_url("show", ladder="passthrough"), *SMALL, "--reconnect")
    until_state(server, "show")
    newest = (-1, -1)
    for turn in range(4):
        until(lambda: plays(Player(server, "show")), f"turn {turn}", 20)  # noqa: B023
        playlist = Player(server, "show").playlist()
        assert playlist.position > newest
        newest = playlist.position
        server.kill()
        server = new_server(SETTINGS | server.ports, data=server.data)
    assert not complaints(server.whole_log())


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with little more room than a server asks for."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a file system")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=80m", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.decode().strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(ballast: Path) -> None:
    """Write until there is no room."""
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(1 << 20)):
            pass


def readiness(server: ServerProcess) -> tuple[int, dict]:
    status, answer = server.call("GET", "/readyz")
    return status, answer["checks"]


def test_a_full_disk_costs_viewers_nothing(
    small_disk: Path, new_server: Callable, publish: Callable, until_state: Callable
) -> None:
    server = new_server(SETTINGS, data=small_disk / "data")
    publish(server.publish_url("show", ladder="passthrough"), *SMALL, "--no-audio")
    until_state(server, "show")
    assert readiness(server)[0] == 200
    witness = Witness(server, "show")
    player = Player(server, "show")
    player.until_msn(0)
    ballast = small_disk / "ballast"
    fill(ballast)
    until(lambda: readiness(server)[0] == 503, "readiness says so")
    assert any(answer != "ok" for answer in readiness(server)[1].values())
    # A whole window and more from memory alone.
    oldest = player.playlist().segments[0]
    playlist = player.until_msn(player.playlist().last_msn + 8)
    for segment in playlist.segments:
        assert player.status(f"source/{segment.uri}") == 200
    assert oldest.msn <= playlist.first_msn
    ballast.unlink()
    until(lambda: readiness(server)[0] == 200, "it is ready again")
    player.until_msn(playlist.last_msn + 2)
    witness.stop()
    witness.check()
    assert not complaints(server.whole_log())


@pytest.mark.tools("faketime")
@pytest.mark.parametrize("step_s", [HOUR_S, -HOUR_S])
def test_a_clock_that_is_set_by_an_hour_is_not_noticed(
    new_server: Callable, publish: Callable, until_state: Callable, tmp_path: Path, step_s: int
) -> None:
    """As an administrator or NTP does it: the wall clock steps, the monotonic one does not."""
    clock = tmp_path / "clock"
    clock.write_text("+0s\n")
    library = faketime_library()
    environment = {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DONT_RESET": "1",
    }
    server = new_server(SETTINGS, environment=environment)
    publish(server.publish_url("show"), "--size", "640x480", "--fps", "25", "--gop", "1")
    until_state(server, "show")
    witness = Witness(server, "show")
    player = Player(server, "show")
    before = player.until_msn(2)
    unix_s = seconds_of(server)
    clock.write_text(f"{step_s:+d}s\n")
    until(lambda: abs(seconds_of(server) - unix_s - step_s) < 60, "the server sees another hour")
    after = player.until_msn(before.last_msn + 5)
    witness.stop()
    witness.check()
    assert player.status("360p/media.m3u8") == 200
    times = [segment.program_time for segment in after.segments if segment.program_time]
    assert times == sorted(times)
    assert server.call("GET", "/readyz")[0] == 200
    assert server.call(
        "POST", "/api/v1/tokens", {"subject": "a", "action": "view", "resource": "stream:show"}
    )[0] in (200, 201)
    assert not complaints(server.whole_log())


def faketime_library() -> Path:
    """Where Debian keeps it."""
    found = sorted(Path("/usr/lib").glob(f"*/faketime/{LIBFAKETIME}"))
    if not found:
        pytest.skip(f"{LIBFAKETIME} is not where Debian puts it")
    return found[0]


def seconds_of(server: ServerProcess) -> float:
    """Unix time as the server sees it, from its Date field."""
    with urllib.request.urlopen(f"{server.http_url}/healthz", timeout=10) as answer:
        return email.utils.parsedate_to_datetime(answer.headers["Date"]).timestamp()
