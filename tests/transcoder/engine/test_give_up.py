"""Rungs that are given up: no work is done for them, and they begin again with an IDR at a cut."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

import pytest

from tests.transcoder.engine.clips import Clip, decode_video, ffmpeg
from transcoder.engine.decode import VideoDecoder
from transcoder.engine.pipeline import Pipeline
from transcoder.engine.rung import Rung
from transcoder.framing import Progress
from transcoder.ladder import plan
from transcoder.media import AccessUnit, Track

pytestmark = pytest.mark.tools("ffmpeg")

RUNGS = ("240p", "180p", "144p")
PICTURE = 3_000
FIRST = 90_000


@dataclass
class Work:
    """What was really done, by rendition."""

    scaled: dict[str, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))
    """Size of what each picture was scaled from."""
    decoded: int = 0


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    seen, scale, decode = Work(), Rung.scale, VideoDecoder.decode

    def scaled(self: Rung, picture, *, turned: bool):
        seen.scaled[self.rendition.name].append((picture.frame.width, picture.frame.height))
        return scale(self, picture, turned=turned)

    def decoded(self: VideoDecoder, unit: AccessUnit):
        seen.decoded += 1
        return decode(self, unit)

    monkeypatch.setattr(Rung, "scale", scaled)
    monkeypatch.setattr(VideoDecoder, "decode", decoded)
    return seen


@pytest.fixture(scope="module")
def clip() -> Clip:
    return ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=s=426x240:r=30:d=4"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-g", "15", "-bf", "0"),
    )["video"]


@dataclass
class Made:
    units: dict[str, list[AccessUnit]]
    tracks: dict[str, list[Track]]
    progress: Progress

    def numbers(self, name: str) -> list[int]:
        """Which pictures of the source came out."""
        return [(unit.pts - FIRST) // PICTURE for unit in self.units[name]]


def run(clip: Clip, changes: dict[int, Collection[str]], give_up: Collection[str] = ()) -> Made:
    """Feed the clip with a cut each half second; before unit ``n``, once all is idle, change the rungs."""
    tracks, units, failures = defaultdict(list), defaultdict(list), []
    pipeline = Pipeline(
        plan({1: clip.track}, RUNGS),
        (clip.track,),
        max_lag_s=None,
        cores=2,
        on_track=lambda name, track: tracks[name].append(track),
        on_unit=lambda name, unit: units[name].append(unit),
        say=failures.append,
        fail=failures.append,
    )
    pipeline.give_up(give_up)
    pipeline.start()
    wanted, left_out = set(RUNGS) - set(give_up), 0
    for number, unit in enumerate(clip.units):
        if number in changes:
            last = clip.units[number - 1].pts
            wait_for(lambda: pipeline.progress().consumed_video == number)  # noqa: B023 (at once)
            wait_for(lambda: pipeline.progress().left_out >= left_out)  # noqa: B023
            wait_for(lambda: all_reached(units, wanted, last))  # noqa: B023
            wanted = set(RUNGS) - set(changes[number])
            pipeline.give_up(changes[number])
        left_out += not wanted
        if number % 15 == 0:
            pipeline.cut(unit.pts_s)
        pipeline.feed(unit)
    pipeline.finish()
    assert failures == []
    return Made(units, tracks, pipeline.progress())


def all_reached(units: dict[str, list[AccessUnit]], names: Collection[str], pts: int) -> bool:
    """Whether the last picture has come out of each of these rungs."""
    return all(units[name] and units[name][-1].pts >= pts for name in names)


def wait_for(condition: Callable[[], bool]) -> None:
    import threading

    pause = threading.Event()
    for _ in range(1000):
        if condition():
            return
        pause.wait(0.01)
    raise TimeoutError


def test_nothing_is_scaled_or_encoded_for_a_rung_that_is_given_up(clip: Clip, work: Work) -> None:
    made = run(clip, {}, give_up=("240p", "180p"))
    assert list(made.units) == ["144p"]
    assert made.numbers("144p") == list(range(120))
    assert set(work.scaled) == {"144p"}
    # Straight from the source: no rung between them costs anything.
    assert set(work.scaled["144p"]) == {(426, 240)}
    assert len(decode_video(made.tracks["144p"][0], made.units["144p"])) == 120


def test_it_begins_again_with_an_idr_at_the_next_cut(clip: Clip, work: Work) -> None:
    made = run(clip, {20: ("240p",), 50: ()})
    assert made.numbers("180p") == made.numbers("144p") == list(range(120))
    assert made.numbers("240p") == [*range(20), *range(60, 120)]
    again = made.units["240p"][20]
    assert again.sync
    assert again.pts == FIRST + 60 * PICTURE
    first, second = made.tracks["240p"]
    assert first == second
    assert len(decode_video(second, made.units["240p"][20:])) == 60
    assert len(work.scaled["240p"]) == 80


def test_a_rung_in_the_middle(clip: Clip, work: Work) -> None:
    made = run(clip, {30: ("180p",)})
    assert made.numbers("180p") == list(range(30))
    assert work.scaled["144p"][:30] == [(320, 180)] * 30
    assert work.scaled["144p"][30:] == [(426, 240)] * 90


def test_nothing_is_even_decoded_while_all_are_given_up(clip: Clip, work: Work) -> None:
    made = run(clip, {20: RUNGS, 50: ("240p", "180p"), 95: ()})
    assert made.numbers("144p") == [*range(20), *range(60, 120)]
    assert made.numbers("240p") == [*range(20), *range(105, 120)]
    assert work.decoded == 20 + 60
    assert made.progress.left_out == 40
    assert made.progress.consumed_video == 120
    assert len(decode_video(made.tracks["144p"][-1], made.units["144p"][20:])) == 60


def test_taken_up_again_between_two_cuts_waits_for_a_sync_unit(clip: Clip, work: Work) -> None:
    made = run(clip, {10: RUNGS, 15: (), 16: RUNGS})
    # Told right before the sync unit of a cut: it begins there.
    assert made.numbers("144p") == [*range(10), 15]
    assert made.units["144p"][10].sync
