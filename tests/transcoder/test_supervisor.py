"""The live worker with its real child: feeding, cuts, stopping, figures; stills through the shared one."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.transcoder.engine.clips import Clip, ffmpeg
from tests.transcoder.engine.live import Rig, rig
from transcoder import child
from transcoder.media import AccessUnit, Track
from transcoder.supervisor import LiveWorker, StillFailed, StillMaker, WorkerState

pytestmark = pytest.mark.tools("ffmpeg")

LAVFI = ("-f", "lavfi", "-i")
X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "15")


def picture_and_sound() -> tuple[Clip, Clip]:
    clips = ffmpeg(
        *(*LAVFI, "testsrc2=s=426x240:r=30:d=2", *LAVFI, "sine=f=440:d=2", *X264, "-c:a", "libmp3lame"),
        container="nut",
    )
    return clips["video"], clips["audio"]


def picture() -> Clip:
    return ffmpeg(*LAVFI, "testsrc2=s=426x240:r=30:d=2", *X264)["video"]


async def test_all_renditions_cut_at_the_same_pictures() -> None:
    video, audio = picture_and_sound()
    cuts_s = [video.presented[0] / 90_000 + second for second in (0, 0.5, 1, 1.5)]
    async with rig(video, audio) as live:
        await live.feed(live.all_units, cuts_s)
        live.worker.stop()
        await live.until_state(WorkerState.STOPPED)
    assert set(live.units) == {"240p", "144p", "audio"}
    for name in ("240p", "144p"):
        assert [unit.pts for unit in live.units[name]] == video.presented
        assert [unit.pts_s for unit in live.units[name] if unit.sync] == pytest.approx(cuts_s)
        assert len(live.tracks[name]) == 1
    sound = live.units["audio"]
    assert sound[0].pts_s == pytest.approx(audio.units[0].pts_s, abs=0.03)
    assert sound[-1].pts_s == pytest.approx(audio.units[-1].pts_s, abs=0.06)
    assert [state for state, _ in live.states] == ["starting", "running", "stopped"]


async def test_figures() -> None:
    video, audio = picture_and_sound()
    async with rig(video, audio) as live:
        await live.feed(live.all_units)
        await live.until(lambda: len(live.units["144p"]) == len(video.units))
        await live.until(lambda: live.worker.statistics().waiting == 0)
        statistics = live.worker.statistics()
        assert statistics.state is WorkerState.RUNNING
        assert statistics.pid is not None
        assert statistics.units_in == len(live.all_units)
        assert (statistics.restarts, statistics.dropped, statistics.damaged) == (0, 0, 0)
    last = live.worker.statistics()
    assert last.units_out == sum(map(len, live.units.values()))
    assert last.pid is None


async def test_speed_of_each_rung_is_known_after_a_moment() -> None:
    async with rig(picture()) as live:
        await live.feed(live.all_units)
        await live.until(lambda: len(live.units["144p"]) == len(live.all_units))
        await live.until(lambda: any(rung.speed for rung in live.worker.statistics().rungs))
        assert {rung.rendition for rung in live.worker.statistics().rungs} == {"240p", "144p"}


async def test_what_a_child_cannot_keep_up_with_is_dropped_and_counted() -> None:
    clip = picture()
    async with rig(clip, max_lag_s=0.0) as live:
        await live.feed(clip.units)
        await live.until(lambda: live.worker.statistics().dropped == len(clip.units))
        assert not live.units
        assert live.worker.statistics().restarts == 0


@dataclass(frozen=True)
class Update:
    """As the publication announces a format."""

    track: Track


async def test_a_new_format_is_passed_on() -> None:
    small = picture()
    large = ffmpeg(*LAVFI, "testsrc2=s=640x360:r=30:d=1", *X264, start_s=4.0)["video"]
    async with rig(small) as live:
        await live.feed(small.units)
        await live.worker.feed(Update(large.track))
        await live.feed(large.units)
    assert [unit.pts for unit in live.units["240p"]] == small.presented + large.presented


async def test_tracks_that_are_passed_through_are_not_fed() -> None:
    async with rig(picture()) as live:
        await live.worker.feed(replace(live.clips[0].units[0], track_id=9))
        assert live.worker.statistics().units_in == 0


async def test_stop_before_run_and_twice() -> None:
    live = Rig([picture()], ("240p",))
    live.worker.stop()
    live.worker.stop()
    await live.worker.run()
    assert live.worker.state is WorkerState.STOPPED
    await live.worker.feed(live.clips[0].units[0])
    assert live.worker.statistics().dropped == 1


async def test_a_cancelled_worker_leaves_no_child() -> None:
    live = Rig([picture()], ("240p",))
    task = asyncio.create_task(live.worker.run())
    await live.until_state(WorkerState.RUNNING)
    pid = live.worker.statistics().pid
    assert pid is not None
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert live.worker.state is WorkerState.STOPPED


async def test_the_child_gets_no_secret_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIASERVER__ACCESS__ADMIN_TOKEN", "s3cr3t")
    async with rig(picture()) as live:
        await live.until_state(WorkerState.RUNNING)
        environment = Path(f"/proc/{live.worker.statistics().pid}/environ")
        assert b"s3cr3t" not in environment.read_bytes()  # noqa: ASYNC240 (a file in memory)


async def test_a_source_that_cannot_be_decoded_fails_with_the_reason(
    caplog: pytest.LogCaptureFixture,
) -> None:
    video = picture()
    live = Rig([video], ("240p",), restarts_per_minute=2)
    live.worker._tracks[1] = replace(video.track, width=100_000)
    task = asyncio.create_task(live.worker.run())
    await live.until_state(WorkerState.FAILED)
    assert live.worker.statistics().restarts == 3
    assert "picture size 100000" in live.states[-1][1]
    assert "next try in 60 s" in live.states[-1][1]
    assert "stream test" in caplog.text
    assert "Traceback" not in caplog.text
    await live.worker.feed(video.units[0])
    live.worker.stop()
    await task
    assert live.worker.state is WorkerState.STOPPED


async def test_a_child_that_speaks_nonsense_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\nprintf '\\377\\377\\377\\377\\000\\000\\000\\000'; exec cat > /dev/null\n")
    program.chmod(0o700)
    real = sys.executable
    monkeypatch.setattr(child.sys, "executable", str(program))
    async with rig(picture()) as live:
        await live.until_state(WorkerState.BACKOFF)
        monkeypatch.setattr(child.sys, "executable", real)
        await live.until_state(WorkerState.RUNNING)
    assert "nonsense" in live.states[1][1]


def test_the_server_loads_no_ffmpeg() -> None:
    code = "import sys, transcoder.supervisor; sys.exit('av' in sys.modules)"
    assert subprocess.run((sys.executable, "-c", code), check=False).returncode == 0


# Stills -----------------------------------------------------------------------------------------------


def sync_unit(clip: Clip) -> AccessUnit:
    return clip.units[0]


async def gone(maker: StillMaker) -> None:
    async with asyncio.timeout(10):
        while maker.statistics().pid is not None:  # noqa: ASYNC110 (the loop reaps it, nobody is told)
            await asyncio.sleep(0.01)


async def test_stills_share_one_lazy_child() -> None:
    clip, maker = picture(), StillMaker()
    assert maker.statistics().pid is None
    pictures = await asyncio.gather(*(maker.still(clip.track, sync_unit(clip)) for _ in range(5)))
    assert all(made.startswith(b"\xff\xd8") for made in pictures)
    assert (maker.statistics().starts, maker.statistics().made) == (1, 5)
    pid = maker.statistics().pid
    await maker.close()
    assert pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(StillFailed):
        await maker.still(clip.track, sync_unit(clip))


async def test_a_bad_unit_costs_its_own_still_only() -> None:
    clip, maker = picture(), StillMaker()
    with pytest.raises(StillFailed):
        await maker.still(clip.track, replace(sync_unit(clip), payload=b"\x00\x00\x00\x02\x65\x00"))
    with pytest.raises(StillFailed, match="100000"):
        await maker.still(replace(clip.track, width=100_000), sync_unit(clip))
    assert await maker.still(clip.track, sync_unit(clip))
    assert maker.statistics().starts == 1
    await maker.close()


@pytest.mark.parametrize(("number", "reason"), [(signal.SIGSTOP, "within"), (signal.SIGKILL, "")])
async def test_a_still_child_that_hangs_or_dies_is_replaced(number: signal.Signals, reason: str) -> None:
    clip, maker = picture(), StillMaker(deadline_s=0.3)
    maker._asked._deadline_s = 10.0
    await maker.still(clip.track, sync_unit(clip))
    pid = maker.statistics().pid
    assert pid is not None
    os.kill(pid, number)
    if number is signal.SIGSTOP:
        maker._asked._deadline_s = 0.3
        with pytest.raises(StillFailed, match=reason):
            await maker.still(clip.track, sync_unit(clip))
    else:
        await gone(maker)
    maker._asked._deadline_s = 10.0
    assert await maker.still(clip.track, sync_unit(clip))
    assert maker.statistics().pid != pid
    await maker.close()


async def test_an_idle_still_child_ends() -> None:
    clip, maker = picture(), StillMaker(idle_s=0.05)
    await maker.still(clip.track, sync_unit(clip))
    await gone(maker)
    await maker.close()


def test_a_worker_is_made_without_a_child() -> None:
    async def make() -> LiveWorker:
        return Rig([picture()], ("240p",)).worker

    statistics = asyncio.run(make()).statistics()
    assert (statistics.state, statistics.pid) == (WorkerState.IDLE, None)
