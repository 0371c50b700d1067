"""CEA-708: packets, and the windows of a service, command by command (CTA-708)."""

from __future__ import annotations

import pytest

from transcoder.captions.cea708 import BUFFER_BYTES, Service
from transcoder.captions.display import Screen
from transcoder.captions.dtvcc import PacketAssembler, ServiceBlock


def define(
    window: int = 0,
    *,
    visible: bool = True,
    anchor: tuple[int, int, int] = (7, 74, 105),
    rows: int = 2,
    columns: int = 32,
    priority: int = 0,
    relative: bool = False,
) -> bytes:
    """DFx (8.10.5.2): anchor is (point, row, column)."""
    point, row, column = anchor
    return bytes(
        (
            0x98 + window,
            visible << 5 | priority,
            relative << 7 | row,
            column,
            point << 4 | rows - 1,
            columns - 1,
            0x00,
        )
    )


DISPLAY_0 = b"\x89\x01"
HIDE_0 = b"\x8a\x01"
TOGGLE_0 = b"\x8b\x01"
DELETE_0 = b"\x8c\x01"
CLEAR_0 = b"\x88\x01"
RESET = b"\x8f"
ITALIC = b"\x90\x05\x80"
CR = b"\r"


class Decoder:
    def __init__(self) -> None:
        self.service = Service("SERVICE1")
        self.time_s = 0.0
        self.screens: list[Screen] = []

    def send(self, *data: bytes) -> Decoder:
        self.screens += self.service.push(b"".join(data), self.time_s)
        return self

    def rest(self, seconds: float) -> Decoder:
        end_s = self.time_s + seconds
        while self.time_s < end_s - 1e-9:
            self.time_s = min(end_s, self.time_s + 1 / 30)
            self.screens += self.service.pass_time(self.time_s)
        return self

    @property
    def texts(self) -> list[str]:
        return [
            " | ".join(
                "\n".join("".join(span.text for span in line) for line in block.lines)
                for block in screen.blocks
            )
            for screen in self.screens
        ]


class TestPackets:
    def test_blocks_of_two_services(self) -> None:
        # Packet of 2 x 4 bytes: header, service 1 with 2 bytes, service 2 with 1, null block.
        assembler = PacketAssembler()
        assert assembler.start(0x04, 0x22) == []
        assert assembler.go_on(0x41, 0x42) == []
        assert assembler.go_on(0x41, 0x43) == []
        assert assembler.go_on(0x00, 0x00) == [ServiceBlock(1, b"AB"), ServiceBlock(2, b"C")]

    def test_a_size_code_of_0_is_128_bytes(self) -> None:
        assembler = PacketAssembler()
        got = assembler.start(0x00, 0x3F)
        for _ in range(63):
            assert got == []
            got = assembler.go_on(0x41, 0x41)
        assert got[0] == ServiceBlock(1, b"A" * 31)

    def test_an_extended_service_number(self) -> None:
        assembler = PacketAssembler()
        assembler.start(0x02, 0xE1)
        assert assembler.go_on(0x09, 0x41) == [ServiceBlock(9, b"A")]

    def test_a_packet_that_is_not_whole_is_dropped_by_the_next(self) -> None:
        assembler = PacketAssembler()
        assembler.start(0x05, 0x21)
        assert assembler.start(0x02, 0x21) == []
        assert assembler.go_on(0x42, 0x00) == [ServiceBlock(1, b"B")]

    def test_data_without_a_start_is_nothing(self) -> None:
        assert PacketAssembler().go_on(0x21, 0x41) == []

    def test_a_block_that_passes_the_end_is_nothing(self) -> None:
        assembler = PacketAssembler()
        assembler.start(0x02, 0x3F)
        assert assembler.go_on(0x41, 0x42) == []


class TestWindows:
    def test_a_hidden_window_appears_as_a_whole(self) -> None:
        decoder = Decoder().send(define(visible=False), b"Hello", CR, b"there").rest(1)
        assert decoder.texts == []
        decoder.send(DISPLAY_0).rest(1).send(HIDE_0)
        assert decoder.texts == ["Hello\nthere", ""]

    def test_toggle_clear_and_delete(self) -> None:
        decoder = Decoder().send(define(visible=False), b"A", TOGGLE_0, TOGGLE_0)
        decoder.send(TOGGLE_0, CLEAR_0, b"B").rest(1).send(DELETE_0)
        assert decoder.texts == ["", "B", ""]

    def test_text_that_is_typed_is_told_by_words(self) -> None:
        decoder = Decoder().send(define())
        for char in b"One by one":
            decoder.send(bytes((char,))).rest(1 / 30)
        decoder.rest(1)
        assert decoder.texts[-1] == "One by one"
        assert len(decoder.texts) <= 3

    def test_a_full_window_rolls_up(self) -> None:
        decoder = Decoder().send(define(rows=2), b"one", CR, b"two", CR, b"three").rest(1)
        assert decoder.texts[-1] == "two\nthree"

    def test_the_pen_goes_where_it_is_told(self) -> None:
        decoder = Decoder().send(define(rows=3, visible=False), b"\x92\x02\x04", b"third", b"\x92\x00\x00")
        decoder.send(b"first", DISPLAY_0)
        assert decoder.texts == ["first\nthird"]

    def test_backspace_form_feed_and_erased_row(self) -> None:
        decoder = Decoder().send(
            define(visible=False), b"gone\x0cab", b"\x08", b"c", CR, b"xx\x0ey", DISPLAY_0
        )
        assert decoder.texts == ["ac\ny"]

    def test_current_window(self) -> None:
        decoder = Decoder().send(define(0, visible=False), define(1, visible=False, priority=1), b"B")
        decoder.send(b"\x80", b"A", b"\x89\x03")
        assert decoder.texts == ["A | B"]

    def test_a_window_that_is_defined_again_keeps_its_text(self) -> None:
        decoder = Decoder().send(define(visible=False), b"Stay", define(visible=True))
        assert decoder.texts == ["Stay"]

    def test_reset_takes_everything_away(self) -> None:
        decoder = Decoder().send(define(visible=False), b"A", DISPLAY_0).rest(0.1).send(RESET)
        assert decoder.texts == ["A", ""]

    def test_a_forgotten_caption_goes_after_sixteen_seconds(self) -> None:
        assert Decoder().send(define(visible=False), b"A", DISPLAY_0).rest(20).texts == ["A", ""]

    def test_a_bottom_window_is_the_players_to_place_and_a_top_one_is_not(self) -> None:
        low = Decoder().send(define(visible=False), b"A", DISPLAY_0)
        assert low.screens[0].blocks[0].placement.top_percent is None
        high = Decoder().send(define(visible=False, anchor=(0, 0, 0)), b"A", DISPLAY_0)
        placement = high.screens[0].blocks[0].placement
        assert (placement.top_percent, placement.left_percent) == (10.0, 10.0)
        middle = Decoder().send(define(visible=False, anchor=(4, 50, 50), relative=True), b"A", DISPLAY_0)
        assert middle.screens[0].blocks[0].placement.top_percent == pytest.approx(47.3, abs=0.1)


class TestCharacters:
    def test_all_sets(self) -> None:
        data = b"\x7f\xe9\x10\x25\x10\x39\x10\x33\x10\xa0\x10\x22"
        assert Decoder().send(define(visible=False), data, DISPLAY_0).texts == ["♪é…™“[CC]_"]

    def test_italics(self) -> None:
        decoder = Decoder().send(define(visible=False), b"a", ITALIC, b"b", DISPLAY_0)
        assert [(span.text, span.italic) for span in decoder.screens[0].blocks[0].lines[0]] == [
            ("a", False),
            ("b", True),
        ]

    def test_codes_of_every_length_are_passed_over(self) -> None:
        passed = b"".join(
            (
                b"\x01",
                b"\x11\x41",
                b"\x18\x41\x41",
                b"\x10\x01",
                b"\x10\x08\x41",
                b"\x10\x10\x41\x41",
                b"\x10\x18\x41\x41\x41",
                b"\x10\x80\x41\x41\x41\x41",
                b"\x10\x88\x41\x41\x41\x41\x41",
                b"\x10\x90\x02\x41\x41",
                b"\x91\x2a\x00\x00",
                b"\x97\x00\x00\x00\x00",
                b"\x93",
            )
        )
        assert Decoder().send(define(visible=False), b"<", passed, b">", DISPLAY_0).texts == ["<>"]

    def test_a_command_may_be_spread_over_blocks(self) -> None:
        data = define(visible=False) + b"ok" + DISPLAY_0
        decoder = Decoder()
        for byte in data:
            decoder.send(bytes((byte,)))
        assert decoder.texts == ["ok"]


class TestDelay:
    def test_it_holds_what_follows(self) -> None:
        decoder = Decoder().send(define(visible=False), b"later", b"\x8d\x0a", DISPLAY_0).rest(0.9)
        assert decoder.texts == []
        decoder.rest(0.2)
        assert decoder.texts == ["later"]

    def test_a_delay_cancel_ends_it(self) -> None:
        decoder = Decoder().send(define(visible=False), b"now", b"\x8d\xff", DISPLAY_0).rest(0.1)
        decoder.send(b"\x8e")
        assert decoder.texts == ["now"]

    def test_a_full_buffer_ends_it(self) -> None:
        decoder = Decoder().send(define(visible=False), b"now", b"\x8d\xff", DISPLAY_0).rest(0.1)
        decoder.send(b"\x00" * BUFFER_BYTES)
        assert decoder.texts == ["now"]
