"""Encoders as they are asked for: options that exist, failures in one line, and who goes on."""

from __future__ import annotations

import av
import pytest
from av.video.frame import VideoFrame

from transcoder.encoders import HARDWARE, Encoder
from transcoder.engine import encoder as module
from transcoder.engine.encoder import EncoderFailed, PictureEncoder
from transcoder.engine.hardware import _SAMPLE, why_not
from transcoder.engine.picture import TIME_BASE, Picture, mark
from transcoder.engine.rung import Rung
from transcoder.media import AccessUnit, Track


@pytest.mark.parametrize("encoder", [Encoder.NVENC, Encoder.QSV])
def test_every_option_for_a_device_is_one_that_its_encoder_has(encoder: Encoder) -> None:
    """No device is needed to ask FFmpeg what it would take."""
    offered = av.CodecContext.create(module._NAMES[encoder], "w").supported_options
    known = {option.name: option for option in (*offered.generic, *offered.private)}
    for name, value in module._device_options(encoder, _SAMPLE).items():
        choices = {choice.name for choice in known[name].choices}
        assert value.isdecimal() or value in choices or not choices, (name, value)


@pytest.mark.parametrize("encoder", HARDWARE)
def test_what_does_not_work_says_why_in_a_few_words(encoder: Encoder) -> None:
    reason = why_not(encoder)
    assert len(reason) <= 200
    assert "\n" not in reason


def test_software_works() -> None:
    assert why_not(Encoder.SOFTWARE) == ""


def test_an_encoder_that_makes_no_idr_where_it_is_asked_to_is_refused() -> None:
    class Deaf(PictureEncoder):
        def encode(self, frame):
            if frame is not None:
                mark(frame, is_cut=False)
            return super().encode(frame)

    assert "no IDR" in why_not(Encoder.SOFTWARE, Deaf)


class Made:
    """A rung and what came out of it."""

    def __init__(self, encoders: list[Encoder], open_encoder) -> None:
        self.tracks: list[Track] = []
        self.units: list[AccessUnit] = []
        self.said: list[str] = []
        self.rung = Rung(
            _SAMPLE,
            threads=1,
            encoders=encoders,
            open_encoder=open_encoder,
            on_track=lambda name, track: self.tracks.append(track),
            on_unit=lambda name, unit: self.units.append(unit),
            say=self.said.append,
        )

    def feed(self, numbers: range, cuts: tuple[int, ...] = ()) -> None:
        for number in numbers:
            frame = VideoFrame(640, 360, "yuv420p")
            frame.pts, frame.time_base = 3000 * number, TIME_BASE
            self.rung.encode(self.rung.scale(Picture(frame, number in cuts, 3000, 0.0), turned=False))


def opener(fails_after: dict[Encoder, int], deaf: bool = False):
    class Failing(PictureEncoder):
        def __init__(self, wanted, rendition, frame, threads) -> None:
            if fails_after.get(wanted) == 0:
                raise EncoderFailed("no free session")
            super().__init__(Encoder.SOFTWARE, rendition, frame, threads)
            self.encoder, self.left = wanted, fails_after.get(wanted, 1 << 60)

        def encode(self, frame):
            self.left -= frame is not None
            if self.left < 0:
                raise EncoderFailed("gone")
            if deaf and self.encoder is not Encoder.SOFTWARE and frame is not None and frame.pts:
                mark(frame, is_cut=False)
            return super().encode(frame)

    return Failing


def test_the_next_encoder_goes_on_with_the_very_picture() -> None:
    made = Made([Encoder.NVENC, Encoder.SOFTWARE], opener({Encoder.NVENC: 5}))
    made.feed(range(10), cuts=(0,))
    made.rung.flush()
    assert [unit.pts // 3000 for unit in made.units] == list(range(10))
    assert [number for number, unit in enumerate(made.units) if unit.sync] == [0, 5]
    assert len(made.tracks) == 2
    assert made.rung.cost.encoder is Encoder.SOFTWARE
    assert made.said == ["try: nvenc failed (gone), software goes on"]


def test_one_that_cannot_be_opened_is_passed_over() -> None:
    made = Made([Encoder.NVENC, Encoder.QSV, Encoder.SOFTWARE], opener({Encoder.NVENC: 0, Encoder.QSV: 0}))
    made.feed(range(3), cuts=(0,))
    assert [unit.sync for unit in made.units] == [True, False, False]
    assert len(made.tracks) == 1
    assert len(made.said) == 2


def test_one_that_makes_no_idr_at_a_cut_is_left() -> None:
    made = Made([Encoder.QSV, Encoder.SOFTWARE], opener({}, deaf=True))
    made.feed(range(10), cuts=(0, 5))
    assert [number for number, unit in enumerate(made.units) if unit.sync] == [0, 5]
    assert made.rung.cost.encoder is Encoder.SOFTWARE


def test_when_software_fails_there_is_nobody_left() -> None:
    made = Made([Encoder.SOFTWARE], opener({Encoder.SOFTWARE: 2}))
    with pytest.raises(EncoderFailed):
        made.feed(range(5))
