"""Units in decoding order in, cues in presentation order out."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.transcoder.captions.vectors import (
    EDM,
    ENM,
    EOC,
    RCL,
    ROW_15,
    cc_data,
    chars,
    dtvcc,
    h264_sei,
    on_channel,
    pairs,
    shown,
)
from transcoder.captions import CaptionExtractor, Cue
from transcoder.media import AccessUnit, Codec, Track

TRACK = Track(track_id=1, codec=Codec.H264, timescale=90_000, config=bytes.fromhex("0164001fff"))
FRAME = 3000
"""Ticks: 30 pictures a second."""

Packets = Sequence[tuple[int, int, int]]


def unit(pts: int, dts: int, packets: Packets, track_id: int = 1) -> AccessUnit:
    payload = h264_sei(cc_data(packets)) if packets else b"\x00\x00\x00\x02\x41\x9a"
    return AccessUnit(track_id, Codec.H264, 90_000, pts, dts, FRAME, False, payload, 0.0)


def field_1(data: bytes) -> list[Packets]:
    """One byte pair with each picture."""
    return [[(0, first, second)] for first, second in pairs(data)]


def field_2(data: bytes) -> list[Packets]:
    return [[(1, first, second)] for first, second in pairs(data)]


class Source:
    """A video track whose pictures are shown in the order in which they come."""

    def __init__(self) -> None:
        self.extractor = CaptionExtractor()
        self.at = 0
        self.cues: list[Cue] = []

    def send(self, frames: Sequence[Packets]) -> Source:
        for packets in frames:
            self.cues += self.extractor.push(TRACK, unit(self.at, self.at, packets))
            self.at += FRAME
        return self

    def rest(self, seconds: float) -> Source:
        return self.send([[]] * round(seconds * 30))


def test_a_cue_is_told_when_it_comes_and_when_it_goes() -> None:
    source = Source().send(field_1(RCL + ENM + ROW_15 + chars("HI") + EOC)).rest(1).send(field_1(EDM))
    assert shown(source.cues) == [(0.133, None, "HI"), (0.133, 1.167, "HI")]
    assert source.cues[0].cue_id == source.cues[1].cue_id == 1
    assert (source.cues[0].channel, source.cues[0].language) == ("CC1", None)
    assert source.extractor.has_captions
    assert source.extractor.channels == ("CC1",)


def test_padding_is_no_caption() -> None:
    source = Source().send([[(0, 0x80, 0x80), (1, 0x80, 0x80)]] * 100)
    assert not source.extractor.has_captions


def test_captions_follow_the_order_in_which_pictures_are_shown() -> None:
    # I0 P3 B1 B2 P6 B4 B5 …, decoded in this order, shown by number; one byte pair with each picture.
    data = pairs(RCL + ENM + ROW_15 + chars("REORDERED TEXT ") + EOC)
    data += [(0x80, 0x80)] * (-(len(data) - 1) % 3 + 3)
    order = [0]
    for group in range(1, len(data) - 2, 3):
        order += [group + 2, group, group + 1]
    extractor = CaptionExtractor()
    cues: list[Cue] = []
    for decoded, number in enumerate(order):
        first, second = data[number]
        # Shown at the earliest when decoded, so two pictures later than its number says.
        cues += extractor.push(TRACK, unit((number + 2) * FRAME, decoded * FRAME, [(0, first, second)]))
        assert extractor.settled_s <= decoded * FRAME / 90_000
    cues += extractor.finish(9.0)
    assert [cue.text for cue in cues] == ["REORDERED TEXT"] * 2
    assert cues[0].start_s == pytest.approx((data.index((0x94, 0x2F)) + 2) / 30)
    assert cues[-1].end_s == 9.0


def test_the_second_field_and_the_first_side_by_side() -> None:
    english = field_1(RCL + ENM + ROW_15 + chars("EN") + EOC)
    spanish = field_2(on_channel(RCL + ENM + ROW_15, 3) + chars("ES") + on_channel(EOC, 3))
    source = Source().send([[*a, *b] for a, b in zip(english, spanish, strict=True)])
    assert [(cue.channel, cue.text) for cue in source.cues] == [("CC1", "EN"), ("CC3", "ES")]


def test_the_rest_is_told_at_the_end() -> None:
    source = Source().send(field_1(RCL + ENM + ROW_15 + chars("HI") + EOC)).rest(1)
    assert shown(source.extractor.finish(5.0)) == [(0.133, 5.0, "HI")]


def test_a_second_track_is_left_alone() -> None:
    extractor = CaptionExtractor()
    extractor.push(TRACK, unit(0, 0, []))
    for at, packets in enumerate(field_1(RCL + ENM + ROW_15 + chars("HI") + EOC)):
        assert extractor.push(TRACK, unit(at * FRAME, at * FRAME, packets, track_id=3)) == []


def test_time_never_goes_back() -> None:
    source = Source().send(field_1(RCL + ENM + ROW_15 + chars("HI") + EOC)).rest(1)
    source.at = 0
    source.send(field_1(EDM)).rest(0.2)
    assert [cue.end_s is None or cue.end_s >= cue.start_s for cue in source.cues] == [True, True]


# CEA-708: DefineWindow 0 (visible, 2 rows, 32 columns, anchored at the bottom), text, HDW/DSW
DEFINE_HIDDEN = bytes.fromhex("98 18 46 69 71 1f 11".replace(" ", ""))
DISPLAY = bytes.fromhex("8901")
DELETE = bytes.fromhex("8cff")


class TestServices:
    def test_a_service_is_read_where_its_channel_is_silent(self) -> None:
        source = Source().send([dtvcc([(1, DEFINE_HIDDEN + b"Digital" + DISPLAY)])]).rest(1)
        source.send([dtvcc([(1, DELETE)])])
        assert [(cue.channel, cue.text) for cue in source.cues] == [("CC1", "Digital")] * 2
        assert shown(source.cues)[1][:2] == (0.0, 1.033)

    def test_its_channel_goes_first_where_both_have_words(self) -> None:
        digital = dtvcc([(1, DEFINE_HIDDEN + b"HI" + DISPLAY)])
        frames = field_1(RCL + ENM + ROW_15 + chars("HI") + EOC)
        source = Source().send(frames).send([digital]).rest(1).send([dtvcc([(1, DELETE)])])
        assert shown(source.cues) == [(0.133, None, "HI")]

    def test_the_third_service_has_a_name_of_its_own(self) -> None:
        source = Source().send([dtvcc([(3, DEFINE_HIDDEN + b"Drei" + DISPLAY)])])
        assert [(cue.channel, cue.text) for cue in source.cues] == [("SERVICE3", "Drei")]

    def test_no_service_beyond_six(self) -> None:
        source = Source().send([dtvcc([(7, b"\x08" + DEFINE_HIDDEN + b"x" + DISPLAY)])]).rest(1)
        assert source.cues == []
