"""Captions of the source in every rung that is encoded: same bytes, same pictures, no more."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from tests.transcoder.captions.captioned import schedule, write_captioned
from tests.transcoder.engine.clips import Clip, decode_video, demux, transcode
from transcoder.captions.cc_data import CcPair, CcType, cc_pairs
from transcoder.engine.captions import PAIRS_A_MESSAGE, CaptionCarrier, sei
from transcoder.ladder import plan
from transcoder.media import AccessUnit, Codec, Track

H264 = Track(track_id=1, codec=Codec.H264, timescale=90_000, config=bytes.fromhex("0164001fff"))
LINE = schedule([(1.0, "Hello there"), (1.6, "second line"), (2.5, None)], 90)


def pair(number: int, kind: CcType = CcType.FIELD_1) -> CcPair:
    return CcPair(kind, 0x80 | number & 0x7F, number % 3)


@pytest.fixture
def clip(tmp_path: Path) -> Clip:
    path = tmp_path / "captioned.mp4"
    write_captioned(path, LINE)
    return demux(path.read_bytes())["video"]


@pytest.mark.parametrize("rungs", [("180p", "144p"), ("144p",)])
def test_the_bytes_go_with_their_pictures_into_every_rung(clip: Clip, rungs: tuple[str, ...]) -> None:
    """180p is the source's own size: there FFmpeg's encoder would write them a second time."""
    outcome = transcode(plan({clip.track.track_id: clip.track}, rungs), [clip])
    assert outcome.failures == []
    for name in rungs:
        assert [unit.pts for unit in outcome.units[name]] == clip.presented
        carried = [cc_pairs(outcome.tracks[name][0], unit) for unit in outcome.units[name]]
        shown = sorted(clip.units, key=lambda unit: unit.pts)
        assert carried == [cc_pairs(clip.track, unit) for unit in shown]
        assert [(pairs[0].first, pairs[0].second) for pairs in carried] == LINE


def test_another_decoder_finds_them(clip: Clip) -> None:
    outcome = transcode(plan({clip.track.track_id: clip.track}, ("144p",)), [clip])
    found = []
    for frame in decode_video(outcome.tracks["144p"][0], outcome.units["144p"]):
        (data,) = [bytes(each) for each in frame.side_data if each.type is av.sidedata.sidedata.Type.A53_CC]
        found.append((data[1], data[2]))
    assert found == LINE


@pytest.mark.parametrize("count", [0, 1, PAIRS_A_MESSAGE, PAIRS_A_MESSAGE + 1, 64])
def test_what_is_written_is_read(count: int) -> None:
    pairs = [pair(number, CcType(number % 4)) for number in range(count)]
    unit = AccessUnit(
        1, Codec.H264, 90_000, 0, 0, 3000, True, sei(pairs) + bytes.fromhex("0000000265 88"), 0.0
    )
    assert cc_pairs(H264, unit) == pairs


def test_a_picture_that_never_comes_leaves_its_bytes_to_the_next() -> None:
    carrier = CaptionCarrier()
    for number in (0, 3, 1, 2):
        carrier.put(number, [pair(number)])
    assert carrier.take(0) == (pair(0),)
    assert carrier.take(2) == (pair(1), pair(2))
    assert carrier.take(2) == ()
    assert carrier.take(3) == (pair(3),)


def test_a_decoder_that_swallows_all_costs_little() -> None:
    carrier = CaptionCarrier()
    for number in range(10_000):
        carrier.put(number, [pair(number)] * 64)
    assert len(carrier.take(1 << 60)) == 64
    assert carrier.take(1 << 60) == ()
