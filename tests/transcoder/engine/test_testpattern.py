"""The synthetic broadcast, decoded by FFmpeg's own decoders."""

import array
from fractions import Fraction
from itertools import pairwise

import av
import pytest

from transcoder.codecs import nal
from transcoder.engine.clockstrip import StripError, crc8, read_bits, read_luma, strip_bits
from transcoder.engine.font import GLYPHS, text_rows, width_of
from transcoder.engine.testpattern import (
    AAC_FRAME_SAMPLES,
    AUDIO_TRACK_ID,
    VIDEO_TRACK_ID,
    PatternConfig,
    TestPattern,
)
from transcoder.media import AccessUnit, Codec, Track

START_S = 1_800_000_000.25
SMALL = {"width": 320, "height": 180, "video_bitrate_bps": 400_000}


def broadcast(config: PatternConfig, frames: int) -> tuple[TestPattern, list[AccessUnit]]:
    pattern = TestPattern(config)
    units: list[AccessUnit] = []
    for index in range(frames):
        units += pattern.render(index, START_S + float(index / config.fps), 7.0)
    pattern.close()
    return pattern, units


# FFmpeg's own AV1 decoder needs hardware.
DECODERS = {Codec.AV1: "libdav1d"}


def pictures(track: Track, units: list[AccessUnit]) -> list[av.VideoFrame]:
    decoder = av.CodecContext.create(DECODERS.get(track.codec, track.codec.value), "r")
    if track.codec is not Codec.VP9:
        decoder.extradata = track.config
    frames: list[av.VideoFrame] = []
    for unit in units:
        if unit.track_id == VIDEO_TRACK_ID:
            packet = av.Packet(unit.payload)
            packet.pts, packet.dts = unit.pts, unit.dts
            frames += decoder.decode(packet)
    return frames + decoder.decode(None)


def shown_ms(frame: av.VideoFrame) -> int:
    plane = frame.planes[0]
    return read_luma(memoryview(plane), plane.line_size, frame.width, frame.height)


class TestClockStrip:
    def test_crc8_check_value(self) -> None:
        # The catalogue's check input; CRC-8 with init 0xFF and no final xor answers 0xFB.
        assert crc8(b"123456789") == 0xFB

    def test_bits_are_the_time_most_significant_first(self) -> None:
        upper, lower = strip_bits(1)
        assert not any(upper)
        assert [index for index, bit in enumerate(lower[:20]) if bit] == [19]

    @pytest.mark.parametrize("unix_ms", [0, 1, 1_800_000_000_123, 2**48 - 1])
    def test_round_trip(self, unix_ms: int) -> None:
        upper, lower = strip_bits(unix_ms)
        assert read_bits([*upper, *lower]) == unix_ms

    def test_one_wrong_block_is_noticed(self) -> None:
        upper, lower = strip_bits(1_800_000_000_123)
        for position in range(56):
            bits = [*upper, *lower]
            bits[position] = not bits[position]
            with pytest.raises(StripError):
                read_bits(bits)

    def test_black_and_white_pictures_are_no_clock(self) -> None:
        for luma in (16, 235):
            with pytest.raises(StripError):
                read_luma(bytes([luma]) * (64 * 48), 64, 64, 48)


class TestFont:
    def test_every_glyph_is_five_by_seven(self) -> None:
        for rows in GLYPHS.values():
            assert [len(row) for row in rows] == [5] * 7

    def test_all_characters_of_the_clock_differ(self) -> None:
        used = [GLYPHS[character] for character in "0123456789:. "]
        assert len(set(used)) == len(used)

    def test_text_is_scaled_and_as_wide_as_told(self) -> None:
        rows = text_rows("1:", 2, 235, 16)
        assert [len(row) for row in rows] == [width_of("1:", 2)] * 7
        assert rows[0] == bytes([16] * 4 + [235] * 2 + [16] * 4 + [16] * 2 + [16] * 10)


class TestBroadcast:
    def test_the_picture_shows_the_time_at_which_it_was_drawn(self) -> None:
        pattern, units = broadcast(PatternConfig(**SMALL), 45)
        frames = pictures(pattern.tracks[0], units)
        assert len(frames) == 45
        for index, frame in enumerate(frames):
            assert shown_ms(frame) == int((START_S + index / 30) * 1000)
            assert frame.pts == index * 3000

    @pytest.mark.parametrize("codec", [Codec.H265, Codec.AV1, Codec.VP9])
    def test_other_codecs(self, codec: Codec) -> None:
        config = PatternConfig(codec=codec, audio=False, gop_s=0.5, **SMALL)
        pattern, units = broadcast(config, 31)
        assert pattern.tracks[0].codec is codec
        assert (pattern.tracks[0].width, pattern.tracks[0].height) == (320, 180)
        assert [unit.pts for unit in units if unit.sync] == [0, 45_000, 90_000]
        frames = pictures(pattern.tracks[0], units)
        assert [shown_ms(frame) for frame in frames] == [int((START_S + n / 30) * 1000) for n in range(31)]

    def test_the_clock_survives_scaling_and_800_kbit_s(self) -> None:
        pattern, units = broadcast(PatternConfig(audio=False), 8)
        encoder = av.CodecContext.create("libx264", "w")
        encoder.width, encoder.height, encoder.pix_fmt = 640, 360, "yuv420p"
        encoder.time_base, encoder.bit_rate = Fraction(1, 30), 800_000
        encoder.options = {"preset": "veryfast", "tune": "zerolatency"}
        decoder = av.CodecContext.create("h264", "r")
        read = []
        for index, frame in enumerate(pictures(pattern.tracks[0], units)):
            small = frame.reformat(width=640, height=360)
            small.pts = index
            for packet in encoder.encode(small):
                read += [shown_ms(picture) for picture in decoder.decode(packet)]
        assert read == [int((START_S + index / 30) * 1000) for index in range(8)][: len(read)]
        assert len(read) >= 6

    def test_sync_pictures_come_every_two_seconds_exactly(self) -> None:
        _, units = broadcast(PatternConfig(audio=False, **SMALL), 125)
        assert [unit.pts for unit in units if unit.sync] == [0, 180_000, 360_000]

    def test_a_dropped_frame_leaves_a_gap_and_moves_no_sync_picture(self) -> None:
        pattern = TestPattern(PatternConfig(audio=False, gop_s=1, **SMALL))
        units: list[AccessUnit] = []
        for index in (0, 1, 2, 20, 21, 31, 32):
            units += pattern.render(index, START_S + index / 30, 0.0)
        assert [unit.pts // 3000 for unit in units] == [0, 1, 2, 20, 21, 31, 32]
        assert [unit.pts // 3000 for unit in units if unit.sync] == [0, 31]

    def test_b_frames_come_in_decoding_order_and_never_before_zero(self) -> None:
        pattern, units = broadcast(PatternConfig(b_frames=2, **SMALL), 60)
        video = [unit for unit in units if unit.track_id == VIDEO_TRACK_ID]
        assert [unit.dts for unit in video] == sorted({unit.dts for unit in video})
        assert all(0 <= unit.dts <= unit.pts for unit in video)
        assert any(left.pts > right.pts for left, right in pairwise(video))
        shown = [shown_ms(frame) for frame in pictures(pattern.tracks[0], units)]
        assert shown == sorted(shown)

    def test_units_are_length_prefixed_with_a_config_of_their_own(self) -> None:
        pattern, units = broadcast(PatternConfig(**SMALL), 3)
        assert pattern.tracks[0].config[0] == 1
        for unit in units:
            assert unit.arrival_s == 7.0
            if unit.track_id == VIDEO_TRACK_ID:
                pieces = list(nal.split(unit.payload, 4))
                assert sum(4 + len(piece) for piece in pieces) == len(unit.payload)

    def test_the_beep_sounds_for_a_tenth_at_each_full_second(self) -> None:
        pattern, units = broadcast(PatternConfig(**SMALL), 90)
        audio = [unit for unit in units if unit.track_id == AUDIO_TRACK_ID]
        assert [unit.pts for unit in audio] == [n * AAC_FRAME_SAMPLES for n in range(len(audio))]
        assert audio[-1].pts_s == pytest.approx(90 / 30, abs=0.06)
        decoder = av.CodecContext.create("aac", "r")
        decoder.extradata = pattern.tracks[1].config
        loud = []
        for unit in audio:
            packet = av.Packet(unit.payload)
            packet.pts = unit.pts
            for frame in decoder.decode(packet):
                samples = array.array("f", bytes(frame.planes[0])[: 4 * AAC_FRAME_SAMPLES])
                loud += [unit.pts + n for n, sample in enumerate(samples) if abs(sample) > 0.1]
        starts = [n for last, n in zip([-9999, *loud], loud, strict=False) if n - last > 4800]
        # The timeline begins a quarter past a second, so the beeps begin at 0.75 s, 1.75 s and 2.75 s.
        assert [n / 48_000 for n in starts] == pytest.approx([0.75, 1.75, 2.75], abs=0.005)
        first = [n for n in loud if n < 48_000]
        assert (first[-1] - first[0]) / 48_000 == pytest.approx(0.1, abs=0.01)

    @pytest.mark.parametrize(
        "wrong", [{"width": 321}, {"fps": Fraction(0)}, {"codec": Codec.AAC}, {"gop_s": 0}, {"height": 9000}]
    )
    def test_what_no_encoder_could_do_is_refused(self, wrong: dict[str, object]) -> None:
        with pytest.raises(ValueError):
            PatternConfig(**wrong)  # type: ignore[arg-type]
