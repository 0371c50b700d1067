"""A child that was taken over is not believed: nothing it says may raise anything but FramingError."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcoder.answers import UNIT_LIMIT_BYTES, Allowance, Answers
from transcoder.cmaf.init import init_segment
from transcoder.framing import FramingError
from transcoder.hdr import Hdr
from transcoder.ladder import Ladder, plan
from transcoder.media import AccessUnit, Codec, Track

AVCC = bytes.fromhex(  # made by x264: High, 426x240
    "01640015ffe1001967640015acd941b1fe4e10000003001000000303c0f162d96001000668ebe3cb22c0fdf8f800"
)
SOURCE = Track(
    track_id=1,
    codec=Codec.H264,
    timescale=90_000,
    config=AVCC,
    width=426,
    height=240,
    frame_rate=Fraction(30),
)
MADE = SOURCE
(RUNG,) = plan({1: SOURCE}, ["240p"]).video
UNIT = AccessUnit(1, Codec.H264, 90_000, 3000, 3000, 3000, True, b"x", 0.0)


@pytest.fixture
def answers() -> Answers:
    made = Answers(Ladder((RUNG,), ()))
    made.track("240p", MADE)
    made.fed(UNIT)
    return made


def at(number: int, payload: bytes = b"x") -> AccessUnit:
    return replace(UNIT, pts=3000 * number, dts=3000 * number, payload=payload)


@pytest.mark.parametrize(
    ("rendition", "track"),
    [
        ("720p", MADE),
        ("240p", replace(MADE, track_id=2)),
        ("240p", replace(MADE, timescale=0)),
        ("240p", replace(MADE, codec=Codec.AAC)),
        ("240p", replace(MADE, config=b"x")),
        ("240p", replace(MADE, width=1 << 20)),
        ("240p", replace(MADE, height=-1)),
        ("240p", replace(MADE, sample_rate=48_000)),
        ("240p", replace(MADE, frame_rate=Fraction(-1))),
        ("240p", replace(MADE, hdr=Hdr(transfer=1 << 80))),
        ("240p", replace(MADE, config=AVCC[:20])),
        ("240p", replace(MADE, sample_aspect=Fraction(-1, 2))),
    ],
)
def test_strange_formats(answers: Answers, rendition: str, track: Track) -> None:
    with pytest.raises(FramingError):
        answers.track(rendition, track)


def test_what_tracks_are_called_is_not_the_childs_to_say(answers: Answers) -> None:
    made = answers.track("240p", replace(MADE, language="x" * 1000, name="<script>"))
    assert (made.language, made.name) == (None, None)


class Anything:
    """Tracks and units that are almost right."""

    numbers = st.sampled_from([0, 1, 2, 240, 426, 90_000]) | st.integers(-(1 << 70), 1 << 70)
    tracks = st.builds(
        replace,
        st.just(MADE),
        config=st.just(AVCC) | st.binary(max_size=80) | st.builds(lambda cut: AVCC[:cut], st.integers(0, 60)),
        width=numbers,
        height=numbers,
        track_id=st.just(1) | numbers,
        timescale=st.just(90_000) | numbers,
        codec=st.just(Codec.H264) | st.sampled_from(Codec),
        sample_rate=st.just(0) | numbers,
        sample_aspect=st.just(Fraction(1)) | st.fractions(),
        frame_rate=st.just(Fraction(30)) | st.none() | st.fractions(),
    )
    units = st.builds(
        replace,
        st.just(UNIT),
        pts=numbers,
        dts=numbers,
        duration=numbers,
        track_id=st.just(1) | numbers,
        timescale=st.just(90_000) | numbers,
        payload=st.binary(max_size=20),
    )


@given(said=st.lists(Anything.tracks | Anything.units, max_size=30))
def test_whatever_is_said_is_taken_or_refused(said: list[Track | AccessUnit]) -> None:
    answers, last = Answers(Ladder((RUNG,), ())), -1
    for each in said:
        try:
            if isinstance(each, Track):
                init_segment(answers.track("240p", each))
            elif answers.unit("240p", each):
                assert last < each.dts <= each.pts
                last = each.dts
        except FramingError:
            continue


@pytest.mark.parametrize(
    ("rendition", "changes"),
    [
        ("720p", {}),
        ("240p", {"timescale": 0}),
        ("240p", {"codec": Codec.AAC}),
        ("240p", {"track_id": 2}),
        ("240p", {"dts": 1 << 63, "pts": 1 << 63}),
        ("240p", {"dts": -1}),
        ("240p", {"pts": 1 << 40}),
        ("240p", {"duration": -1}),
        ("240p", {"duration": 11 * 90_000}),
        ("240p", {"dts": 16 * 90_000, "pts": 16 * 90_000}),
        ("240p", {"payload": b""}),
        ("240p", {"payload": bytes(UNIT_LIMIT_BYTES + 1)}),
    ],
)
def test_strange_units(answers: Answers, rendition: str, changes: dict[str, object]) -> None:
    with pytest.raises(FramingError):
        answers.unit(rendition, replace(UNIT, **changes))


def test_no_unit_comes_before_its_format() -> None:
    with pytest.raises(FramingError, match="before its format"):
        Answers(Ladder((RUNG,), ())).unit("240p", UNIT)


def test_viewers_never_go_back(answers: Answers) -> None:
    assert answers.unit("240p", at(5))
    assert not answers.unit("240p", at(5))
    assert not answers.unit("240p", at(4))
    assert not answers.unit("240p", replace(at(7), pts=0))
    answers.begin_anew(0.0)
    with pytest.raises(FramingError, match="did not go in"):
        answers.unit("240p", at(6))
    answers.fed(at(5))
    assert not answers.unit("240p", at(5))
    assert answers.unit("240p", at(6))


def test_an_hour_of_a_honest_child(answers: Answers) -> None:
    for number in range(30 * 3600):
        answers.fed(at(number))
        assert answers.unit("240p", at(number, b"x" * 5000))
        if number % 15 == 0:
            answers.report(number / 30)
        if number % 900 == 0:
            answers.track("240p", MADE)


def test_what_a_child_holds_comes_out_after_a_pause(answers: Answers) -> None:
    for number in range(20 * 30):
        answers.fed(at(number))
    for number in range(20 * 30):
        assert answers.unit("240p", at(number, bytes(5000)))


def flood(answers: Answers, payload: bytes = b"x") -> int:
    """Units until it is refused; how many bytes were taken."""
    taken = 0
    with pytest.raises(FramingError, match="more units"):  # noqa: PT012 (which of them is refused)
        while taken < 10_000:
            answers.unit("240p", replace(UNIT, pts=taken, dts=taken, payload=payload))
            taken += 1
    return taken * len(payload)


def test_more_units_than_went_in(answers: Answers) -> None:
    assert flood(answers) < 1_000


def test_more_bytes_than_the_rung_can_have(answers: Answers) -> None:
    assert flood(answers, bytes(1 << 20)) < 16 << 20


def test_a_jump_on_the_timeline_is_no_licence(answers: Answers) -> None:
    answers.fed(at(0))
    answers.fed(at(1 << 40))
    assert flood(answers) < 3_000


def test_one_format_after_the_other(answers: Answers) -> None:
    taken = 0
    with pytest.raises(FramingError, match="one format"):  # noqa: PT012 (which of them is refused)
        while taken < 100:
            answers.track("240p", replace(MADE, width=2 * taken))
            taken += 1
    assert taken < 10


def test_too_many_reports(answers: Answers) -> None:
    taken = 0
    with pytest.raises(FramingError, match="reports"):  # noqa: PT012 (which of them is refused)
        while taken < 1000:
            answers.report(1.0)
            taken += 1
    assert taken < 200


def test_an_allowance_saves_up_to_a_limit() -> None:
    allowance = Allowance(10, first_s=1, saved_s=2)
    assert allowance.spend(10)
    allowance.earn(1000)
    assert allowance.spend(30)
    assert not allowance.spend(1)
