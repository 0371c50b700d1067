"""Any bytes in any caption field, service, SEI message or cue: no error, no growth, valid WebVTT."""

from __future__ import annotations

import random
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transcoder.captions.vectors import av1_metadata, cc_data, h264_sei, h265_sei
from transcoder.captions import CaptionExtractor, Cue, Placement, Span
from transcoder.captions.cea608 import Field
from transcoder.captions.cea708 import BUFFER_BYTES, MOST_BLOCK_BYTES, Service
from transcoder.captions.display import Screen
from transcoder.captions.dtvcc import PacketAssembler
from transcoder.manifests.config import WindowConfig
from transcoder.manifests.window import MediaWindow
from transcoder.media import AccessUnit, Codec, Track
from transcoder.packager import PackagerConfig
from transcoder.text_packager import MOST_CUES, TextPackager

CONFIGS = {
    Codec.H264: bytes.fromhex("0164001fff"),
    Codec.H265: bytes(21) + b"\xff",
    Codec.AV1: bytes.fromhex("81000c00"),
}
CARRIERS = {Codec.H264: h264_sei, Codec.H265: h265_sei, Codec.AV1: av1_metadata}
TIMING = re.compile(r"\d\d+:\d\d:\d\d\.\d{3} --> \d\d+:\d\d:\d\d\.\d{3}( [a-z]+:[0-9.a-z%]+)*")


def check_screen(screen: Screen) -> None:
    """No more than fits on a screen, and nothing that is empty."""
    assert len(screen.blocks) <= 15
    for block in screen.blocks:
        assert 1 <= len(block.lines) <= 15
        for line in block.lines:
            assert 1 <= sum(len(span.text) for span in line) <= 42 * 4
        for percent in (block.placement.top_percent, block.placement.left_percent):
            assert percent is None or 0 <= percent <= 100


@given(data=st.lists(st.tuples(st.integers(0, 255), st.integers(0, 255)), max_size=300))
def test_any_byte_pairs_in_a_field(data: list[tuple[int, int]]) -> None:
    for number in (1, 2):
        field = Field(number)
        for at, (first, second) in enumerate(data):
            for screen in field.push(first, second, at / 30):
                check_screen(screen)


def test_commands_in_any_order() -> None:
    rng = random.Random("608")
    field = Field(1)
    shown = 0
    for at in range(20_000):
        if rng.random() < 0.5:
            first, second = rng.randrange(0x10, 0x20), rng.randrange(0x20, 0x80)
        else:
            first, second = rng.randrange(0x20, 0x80), rng.randrange(0x20, 0x80)
        for screen in field.push(first, second, at / 30):
            check_screen(screen)
            shown += 1
    assert shown


@given(data=st.lists(st.binary(max_size=31), max_size=40))
def test_any_blocks_in_a_service(data: list[bytes]) -> None:
    service = Service("SERVICE1")
    for at, block in enumerate(data):
        for screen in service.push(block, at / 10):
            check_screen(screen)


def test_service_commands_in_any_order() -> None:
    rng = random.Random("708")
    service = Service("SERVICE1")
    shown = 0
    for at in range(5_000):
        block = bytes(
            rng.choice((rng.randrange(256), rng.randrange(0x80, 0xA0), rng.randrange(0x20, 0x7F)))
            for _ in range(rng.randrange(32))
        )
        for screen in service.push(block, at / 30):
            check_screen(screen)
            shown += 1
        assert service.waiting_bytes <= BUFFER_BYTES + MOST_BLOCK_BYTES
    assert shown


@given(data=st.lists(st.tuples(st.booleans(), st.integers(0, 255), st.integers(0, 255)), max_size=400))
def test_any_packets(data: list[tuple[bool, int, int]]) -> None:
    assembler = PacketAssembler()
    for starts, first, second in data:
        for block in assembler.start(first, second) if starts else assembler.go_on(first, second):
            assert 1 <= block.service <= 63
            assert len(block.data) <= 31


@given(codec=st.sampled_from(list(CONFIGS)), payload=st.binary(max_size=200))
def test_any_bytes_as_a_unit(codec: Codec, payload: bytes) -> None:
    track = Track(track_id=1, codec=codec, timescale=90_000, config=CONFIGS[codec])
    CaptionExtractor().push(track, AccessUnit(1, codec, 90_000, 0, 0, 0, True, payload, 0.0))


@given(codec=st.sampled_from(list(CONFIGS)), payload=st.binary(max_size=200))
def test_any_bytes_behind_a_good_beginning(codec: Codec, payload: bytes) -> None:
    track = Track(track_id=1, codec=codec, timescale=90_000, config=CONFIGS[codec])
    unit = CARRIERS[codec](bytes.fromhex("b500314741393403") + payload[:100])
    CaptionExtractor().push(track, AccessUnit(1, codec, 90_000, 0, 0, 0, True, unit, 0.0))


def test_a_source_that_means_harm_is_bounded_in_what_it_costs() -> None:
    rng = random.Random("source")
    extractor = CaptionExtractor()
    track = Track(track_id=1, codec=Codec.H264, timescale=90_000, config=CONFIGS[Codec.H264])
    open_cues: dict[tuple[str, int], Cue] = {}
    for at in range(2_000):
        packets = [(rng.randrange(4), rng.randrange(256), rng.randrange(256)) for _ in range(31)]
        pts, dts = rng.randrange(0, 9_000_000), rng.randrange(0, at * 3000 + 1)
        unit = AccessUnit(1, Codec.H264, 90_000, pts, dts, 0, True, h264_sei(cc_data(packets)), 0.0)
        for cue in extractor.push(track, unit):
            key = (cue.channel, cue.cue_id)
            if cue.end_s is None:
                assert key not in open_cues
                open_cues[key] = cue
            else:
                assert cue.end_s > open_cues.pop(key).start_s
        assert len(open_cues) <= 10 * 15
    for cue in extractor.finish(100.0):
        del open_cues[cue.channel, cue.cue_id]
    assert not open_cues
    assert len(extractor.channels) <= 10


CUES = st.builds(
    Cue,
    start_s=st.floats(0, 20),
    end_s=st.one_of(st.none(), st.floats(0, 25)),
    lines=st.lists(
        st.lists(st.builds(Span, st.text(max_size=20), st.booleans(), st.booleans()), max_size=3).map(tuple),
        max_size=3,
    ).map(tuple),
    channel=st.just("CC1"),
    cue_id=st.integers(0, 5),
    placement=st.builds(
        Placement, st.one_of(st.none(), st.floats(0, 100)), st.one_of(st.none(), st.floats(0, 100))
    ),
)


@given(
    steps=st.lists(st.one_of(CUES, st.floats(0, 1), st.sampled_from(["cut", "break", "level"])), max_size=60)
)
@settings(max_examples=150)
def test_any_cues_and_cuts_give_valid_segments_on_time(steps: list[Cue | float | str]) -> None:
    window = MediaWindow(WindowConfig(4, 0.25, 30), "e", content_type="text/vtt", extension="vtt")
    packager = TextPackager(
        window,
        PackagerConfig(
            part_target_s=0.25, segment_target_s=2.0, max_segment_s=4.0, offset_s=7.0, program_origin_s=1e9
        ),
    )
    now_s = 0.0
    packager.cut_at(0.0, 0.0)
    for step in steps:
        if isinstance(step, Cue):
            packager.add(step)
        elif isinstance(step, float):
            now_s += step
            packager.advance(now_s, now_s)
        elif step == "level":
            packager.level(now_s, now_s)
        else:
            packager.cut_at(now_s, now_s, discontinuity=step == "break")
    packager.level(now_s, now_s)
    for segment in window.segments:
        for text in (b"".join(segment.chunks), *(part.data for part in segment.parts)):
            check_document(text.decode())
    assert packager.waiting_cues <= MOST_CUES
    assert window.statistics().overlong_parts == 0


def check_document(text: str) -> None:
    """WebVTT 4.1: header, then blocks of timing and text, parted by blank lines."""
    head, *blocks = text.split("\n\n") if "\n\n" in text else [text]
    assert re.fullmatch(r"WEBVTT\nX-TIMESTAMP-MAP=LOCAL:\d\d+:\d\d:\d\d\.\d{3},MPEGTS:\d{1,10}\n?", head)
    for block in blocks:
        timing, _, words = block.strip("\n").partition("\n")
        assert TIMING.fullmatch(timing), timing
        assert "-->" not in words
