"""The child by itself: its door, its limits, its last words."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from tests.transcoder.engine.clips import ffmpeg
from transcoder import framing, worker
from transcoder.child import Child
from transcoder.framing import FrameReader, serialize
from transcoder.ladder import Ladder, Rendition, plan
from transcoder.media import Codec, Kind, Track

TRACK = Track(track_id=1, codec=Codec.H264, timescale=90_000, width=320, height=240, frame_rate=Fraction(30))
LADDER = Ladder(
    (
        Rendition(
            name="240p",
            kind=Kind.VIDEO,
            codec=Codec.H264,
            passthrough=False,
            width=320,
            height=240,
            source_track_id=1,
        ),
    ),
    (),
)


def run(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        (sys.executable, "-m", "transcoder.worker", *arguments),
        input=stdin,
        capture_output=True,
        check=False,
        timeout=60,
    )


def live(stdin: bytes) -> subprocess.CompletedProcess[bytes]:
    return run("live", str(os.getpid()), stdin=stdin)


def test_wrong_use_is_told_in_one_line() -> None:
    for arguments in ((), ("live",), ("serve", "1"), ("live", "x")):
        done = run(*arguments)
        assert done.returncode == worker.EXIT_BAD_USE
        assert done.stderr.count(b"\n") == 1


def test_it_leaves_when_stdin_ends() -> None:
    done = live(b"")
    assert (done.returncode, done.stdout, done.stderr) == (worker.EXIT_DONE, b"", b"")
    start = serialize(framing.Start(LADDER, (TRACK,), None))
    done = live(start)
    assert (done.returncode, done.stderr) == (worker.EXIT_DONE, b"")


def test_it_leaves_when_its_server_is_another_process() -> None:
    done = run("live", "1", stdin=serialize(framing.Start(LADDER, (TRACK,), None)))
    assert (done.returncode, done.stdout, done.stderr) == (worker.EXIT_DONE, b"", b"")


@pytest.mark.parametrize(
    "stdin",
    [
        b"\xff" * 64,
        serialize(framing.CutAt(1.0)) + b"\xff" * 64,
        serialize(framing.Start(LADDER, (TRACK,), None)) + serialize(framing.Ready()),
        serialize(framing.Start(LADDER, (), None)),
        serialize(framing.Start(LADDER, (replace(TRACK, width=9_000),), None)),
        serialize(framing.Start(LADDER, (replace(TRACK, codec=Codec.AAC),), None)),
    ],
    ids=["no frame", "no start", "wrong message", "no track", "huge", "sound as picture"],
)
def test_nonsense_ends_in_one_line_and_no_traceback(stdin: bytes) -> None:
    done = live(stdin)
    assert done.returncode in (worker.EXIT_FAILED, worker.EXIT_DONE)
    assert done.stderr.count(b"\n") <= 1
    assert b"Traceback" not in done.stderr


@pytest.mark.tools("ffmpeg")
def test_stdout_carries_frames_only_and_the_last_says_finished() -> None:
    clip = ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=s=320x240:r=30:d=0.5", "-c:v", "libx264", "-preset", "ultrafast")
    )["video"]
    ladder = plan({1: clip.track}, ["240p"])
    stdin = serialize(framing.Start(ladder, (clip.track,), None))
    for unit in clip.units:
        stdin += serialize(framing.unit_message(unit), unit.payload) + unit.payload
    done = live(stdin + serialize(framing.Finish()))
    assert (done.returncode, done.stderr) == (worker.EXIT_DONE, b"")
    messages = [message for message, _ in FrameReader().feed(done.stdout)]
    assert isinstance(messages[0], framing.Ready)
    assert isinstance(messages[-1], framing.Finished)
    assert sum(isinstance(message, framing.Unit) for message in messages) == len(clip.units)


def test_confined_means_no_files_no_network_no_core_dumps_and_bounded_memory() -> None:
    code = """
import os, resource, socket, sys
from transcoder.engine import confine
confine.die_with(os.getppid())
confine.give_up_files()
confine.limit_memory(320 * 240)
def refused(call, *arguments):
    try:
        call(*arguments)
    except (OSError, MemoryError, ValueError):
        return True
    return False
tries = [
    refused(open, "/etc/hostname"),
    refused(open, "/tmp/written", "w"),
    refused(socket.socket),
    refused(os.pipe),
    refused(bytearray, 8 << 30),
    refused(resource.setrlimit, resource.RLIMIT_NOFILE, (64, 64)) or os.geteuid() == 0,
]
print(tries, resource.getrlimit(resource.RLIMIT_CORE), resource.getrlimit(resource.RLIMIT_FSIZE))
"""
    done = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True, check=True)
    assert done.stdout == "[True, True, True, True, True, True] (0, 0) (0, 0)\n"


@pytest.mark.skipif(platform.machine() not in ("x86_64", "aarch64"), reason="no filter for this machine")
def test_who_runs_code_in_a_child_and_closes_a_pipe_has_won_nothing() -> None:
    code = """
import os, signal, socket, threading
from transcoder.engine import confine
confine.die_with(os.getppid())
confine.give_up_files()
os.close(0)
def refused(call, *arguments):
    try:
        call(*arguments)
    except PermissionError:
        return True
    return False
tries = [
    refused(os.open, "/etc/hostname", os.O_RDONLY),
    refused(socket.socket),
    refused(os.fork),
    refused(os.execv, "/bin/true", ["true"]),
    refused(os.kill, os.getppid(), 0),
]
thread = threading.Thread(target=tries.append, args=(True,))
thread.start()
thread.join()
print(tries)
"""
    done = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True, check=True)
    assert done.stdout == f"{[True] * 6}\n"


def test_a_header_that_claims_more_than_is_ever_decoded_gets_no_more_memory() -> None:
    code = """
import resource
from transcoder.engine import confine
confine.limit_memory(16_384 * 16_384)
print(resource.getrlimit(resource.RLIMIT_AS)[0])
"""
    done = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True, check=True)
    assert int(done.stdout) < 8 << 30


def test_lines_for_the_log_are_single_and_printable(capsys: pytest.CaptureFixture[str]) -> None:
    worker.say("a\nb\x1b[31m\u202e" + "x" * 1000)
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert "\x1b" not in line
    assert len(line) <= 401


async def limits_of(work: str) -> tuple[str, str, bool]:
    """Files and memory that a child may have, and whether it shares our network."""
    started = await Child.spawn(work, work)
    try:
        await started.receive()  # Ready: all limits are in place.
        process = Path(f"/proc/{started.pid}")
        lines = (process / "limits").read_text().splitlines()
        limits = {line[:26].strip(): line[26:47].strip() for line in lines}
        network = os.readlink(process / "ns" / "net") == os.readlink("/proc/self/ns/net")
        return limits["Max open files"], limits["Max address space"], network
    finally:
        await started.end()


async def test_a_child_without_a_device_opens_nothing() -> None:
    for work in ("stills", "slates"):
        files, memory, _ = await limits_of(work)
        assert (files, memory.isdecimal()) == ("3", True)


async def test_a_child_with_a_device_opens_a_few_files_and_has_no_network() -> None:
    files, _, shares_network = await limits_of("encoders")
    assert files == "64"
    # Where the kernel lets nobody have a namespace, there is nothing that we could do.
    assert shares_network == (not can_unshare())


def can_unshare() -> bool:
    return subprocess.run(("unshare", "-rn", "true"), capture_output=True, check=False).returncode == 0
