"""Children that have lost their mind: silent, flooding, endless. Each is replaced, with bounded memory."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
from pathlib import Path

import pytest

from tests.transcoder.engine.clips import Clip, ffmpeg
from tests.transcoder.engine.live import replaced_child, rig
from transcoder import child
from transcoder.encoder_probe import EncoderProbe
from transcoder.encoders import Encoder
from transcoder.supervisor import WorkerState

pytestmark = pytest.mark.tools("ffmpeg")


def picture(seconds: int = 4, start_s: float = 1.0) -> Clip:
    return ffmpeg(
        *("-f", "lavfi", "-i", f"testsrc2=s=426x240:r=30:d={seconds}"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-g", "15", "-bf", "0"),
        start_s=start_s,
    )["video"]


def peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


async def test_a_child_that_takes_all_and_gives_nothing_back_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first_only = replaced_child(tmp_path, "impostor.py", "silent", times=1)
    monkeypatch.setattr(child.sys, "executable", first_only)
    clip, later = picture(), picture(start_s=9.0)
    async with rig(clip, hang_s=1.0) as live:
        await live.feed_in_real_time(clip.units)
        assert "gave nothing back" in next(
            detail for state, detail in live.states if state is WorkerState.BACKOFF
        )
        await live.until(lambda: live.worker.state is WorkerState.RUNNING)
        await live.feed(later.units)
        await live.until(lambda: live.units["144p"] and live.units["144p"][-1].pts == later.presented[-1])
        assert live.worker.statistics().restarts == 1


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("huge", "a frame of"),
        ("units", "a unit of media"),
        ("tracks", "one format"),
        ("reports", "more reports"),
    ],
)
async def test_a_child_that_floods_is_replaced_and_costs_little_memory(
    how: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child.sys, "executable", replaced_child(tmp_path, "impostor.py", how, times=1))
    clip, before_bytes = picture(), peak_bytes()
    async with rig(clip) as live:
        await live.until_state(WorkerState.BACKOFF)
        why = next(detail for state, detail in live.states if state is WorkerState.BACKOFF)
        assert f"nonsense: {said}" in why
        flooded_bytes = sum(len(unit.payload) for units in live.units.values() for unit in units)
        assert flooded_bytes < 24 << 20
        assert sum(map(len, live.tracks.values())) < 100
        await live.until(lambda: live.worker.state is WorkerState.RUNNING)
        await live.feed(clip.units)
        await live.until(lambda: live.units["144p"] and live.units["144p"][-1].pts == clip.presented[-1])
    assert peak_bytes() - before_bytes < 160 << 20


@pytest.mark.parametrize("how", ["lines", "one endless line"])
async def test_a_child_that_does_not_stop_talking_does_not_fill_the_log(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(child.sys, "executable", replaced_child(tmp_path, "impostor.py", how, times=1))
    async with rig(picture()) as live:
        await live.until_state(WorkerState.BACKOFF)
        await live.until(lambda: live.worker.state is WorkerState.RUNNING)
    assert len(caplog.records) < child.LINES_LOGGED + 20
    assert max(len(record.getMessage()) for record in caplog.records) < 2 * child.LINE_LIMIT


async def test_a_process_that_a_child_leaves_behind_holds_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(child.sys, "executable", replaced_child(tmp_path, "impostor.py", "orphan", times=1))
    clip, later = picture(), picture(start_s=9.0)
    async with rig(clip, hang_s=1.0) as live:
        await live.until_state(WorkerState.RUNNING)
        await live.feed(clip.units)
        # Its pipes stay open, so that its end is only told by what it does not take.
        os.kill(live.worker.statistics().pid, signal.SIGKILL)
        async with asyncio.timeout(20):
            await live.until_state(WorkerState.RUNNING, 2)
        await live.feed(later.units)
        await live.until(lambda: live.units["144p"])
    assert "left a process behind" in caplog.text


# Hardware that fails ------------------------------------------------------------------------------------


class Found(EncoderProbe):
    """A machine where NVENC was found to work."""

    async def tried(self, setting: str = "auto") -> dict[Encoder, str]:
        return {Encoder.NVENC: ""}


async def test_a_device_that_fails_in_mid_stream_is_followed_by_software_with_a_new_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    launcher = replaced_child(tmp_path, "crippled.py", "device fails")
    monkeypatch.setattr(child.sys, "executable", launcher)
    clip = picture()
    async with rig(clip, encoders=Found(), encoder="auto") as live:
        await live.feed(clip.units)
        await live.until(lambda: len(live.units["144p"]) == len(clip.units))
        await live.until(lambda: live.worker.statistics().rungs)
        encoders = {rung.rendition: rung.encoder for rung in live.worker.statistics().rungs}
        assert encoders == {"240p": Encoder.SOFTWARE, "144p": Encoder.SOFTWARE}
        assert live.worker.statistics().restarts == 0
    for name in ("240p", "144p"):
        units = live.units[name]
        assert [unit.pts for unit in units] == clip.presented
        assert [number for number, unit in enumerate(units) if unit.sync][:2] == [0, 10]
        assert len(live.tracks[name]) == 2
    assert "nvenc failed (the device was unplugged), software goes on" in caplog.text


async def test_a_driver_that_takes_the_child_with_it_is_not_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    launcher = replaced_child(tmp_path, "crippled.py", "device dies")
    monkeypatch.setattr(child.sys, "executable", launcher)
    clip, later = picture(), picture(start_s=20.0)
    async with rig(clip, encoders=Found(), encoder="nvenc") as live:
        await live.feed(clip.units[:10])
        await live.until(lambda: live.worker.statistics().rungs)
        assert {rung.encoder for rung in live.worker.statistics().rungs} == {Encoder.NVENC}
        await live.feed(clip.units[10:])
        await live.until_state(WorkerState.RUNNING, 2)
        await live.feed(later.units)
        await live.until(lambda: live.units["144p"][-1].pts == later.presented[-1])
        await live.until(lambda: live.worker.statistics().rungs)
        assert {rung.encoder for rung in live.worker.statistics().rungs} == {Encoder.SOFTWARE}
        assert live.worker.statistics().restarts == 1


async def test_a_device_that_works_is_used_and_said_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    launcher = replaced_child(tmp_path, "crippled.py", "device works")
    monkeypatch.setattr(child.sys, "executable", launcher)
    probe = EncoderProbe(has_device=lambda encoder: encoder is Encoder.NVENC)
    tried = await probe.tried()
    assert tried[Encoder.NVENC] == ""
    assert tried[Encoder.VAAPI] == "no device"
    clip = picture()
    async with rig(clip, encoders=probe, encoder="auto") as live:
        await live.feed(clip.units)
        await live.until(lambda: len(live.units["144p"]) == len(clip.units))
        await live.until(lambda: live.worker.statistics().rungs)
        assert {rung.encoder for rung in live.worker.statistics().rungs} == {Encoder.NVENC}


async def test_a_probe_that_hangs_or_dies_ends_with_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def one(encoder: Encoder) -> bool:
        return encoder is Encoder.QSV

    monkeypatch.setattr(child.sys, "executable", replaced_child(tmp_path, "impostor.py", "idle"))
    async with asyncio.timeout(20):
        assert (await EncoderProbe(deadline_s=0.5, has_device=one).tried())[Encoder.QSV] == "it hangs"
        monkeypatch.setattr(child.sys, "executable", "/bin/false")
        assert "ended" in (await EncoderProbe(has_device=one).tried())[Encoder.QSV]
        monkeypatch.setattr(child.sys, "executable", str(tmp_path / "missing"))
        assert "no child" in (await EncoderProbe(has_device=one).tried())[Encoder.QSV]
