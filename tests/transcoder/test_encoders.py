"""Which encoder a job uses, and how hardware is tried."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.transcoder.engine.live import replaced_child
from transcoder import child
from transcoder.encoder_probe import EncoderProbe
from transcoder.encoders import HARDWARE, Encoder, choose, wants_hardware

NONE = dict.fromkeys(HARDWARE, "no device")


@pytest.mark.parametrize(
    ("setting", "working", "expected"),
    [
        ("auto", (), ["software"]),
        ("auto", ("vaapi",), ["vaapi", "software"]),
        ("auto", ("qsv", "vaapi"), ["qsv", "software"]),
        ("auto", ("nvenc", "qsv"), ["nvenc", "software"]),
        ("software", ("nvenc",), ["software"]),
        ("nvenc", ("nvenc", "qsv"), ["nvenc", "software"]),
        ("nvenc", ("qsv",), ["software"]),
        ("qsv", ("qsv",), ["qsv", "software"]),
    ],
)
def test_choice(setting: str, working: tuple[str, ...], expected: list[str]) -> None:
    assert list(choose(setting, NONE | dict.fromkeys(map(Encoder, working), ""))) == expected


def test_what_was_not_tried_is_not_used() -> None:
    assert choose("auto", {}) == (Encoder.SOFTWARE,)
    assert choose("nvenc", {}) == (Encoder.SOFTWARE,)


def test_a_setting_that_is_none() -> None:
    with pytest.raises(ValueError, match="amd"):
        choose("amd", NONE)


def test_software_needs_no_probe() -> None:
    assert not wants_hardware("software")
    assert wants_hardware("auto")


async def test_without_a_device_no_child_is_started() -> None:
    probe = EncoderProbe(has_device=lambda encoder: False)
    assert await probe.tried() == NONE
    assert await probe.tried("software") == {}


async def test_each_encoder_is_really_opened_in_a_child_and_fails_with_its_reason() -> None:
    asked: list[Encoder] = []

    def has_device(encoder: Encoder) -> bool:
        asked.append(encoder)
        return True

    probe = EncoderProbe(has_device=has_device)
    tried = await probe.tried()
    assert set(tried) == set(HARDWARE)
    # Whatever hardware the machine has: each answers, in one line, and is remembered.
    assert all("\n" not in reason and len(reason) <= 500 for reason in tried.values())
    assert await probe.tried("nvenc") == {Encoder.NVENC: tried[Encoder.NVENC]}
    assert asked == list(HARDWARE)


async def test_who_does_not_wait_for_the_answer_leaves_it_to_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child.sys, "executable", replaced_child(tmp_path, "impostor.py", "idle"))
    probe = EncoderProbe(deadline_s=2.0, has_device=lambda encoder: encoder is Encoder.NVENC)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await probe.tried("nvenc")
    assert await probe.tried("nvenc") == {Encoder.NVENC: "it hangs"}


async def test_closing_ends_what_is_being_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child.sys, "executable", replaced_child(tmp_path, "impostor.py", "idle"))
    probe = EncoderProbe(deadline_s=1000.0, has_device=lambda encoder: True)
    tasks = probe.begin()
    await asyncio.sleep(0)
    await probe.close()
    assert all(task.done() for task in tasks.values())
