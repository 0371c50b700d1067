"""CEA-608, byte pair by byte pair (47 CFR 15.119; CTA-608-E)."""

from __future__ import annotations

import pytest

from tests.transcoder.captions.vectors import (
    BS,
    CR,
    DER,
    EDM,
    ENM,
    EOC,
    ITALICS,
    NULL,
    RCL,
    RDC,
    ROW_1,
    ROW_14,
    ROW_15,
    ROW_15_INDENT_8,
    RU2,
    RU3,
    RU4,
    TO2,
    TR,
    UNDERLINED,
    WHITE,
    chars,
    odd,
    on_channel,
    pairs,
)
from transcoder.captions.cea608 import Field
from transcoder.captions.display import Screen

FRAME_S = 1001 / 30000


class Line21:
    """A field that gets one byte pair with each picture."""

    def __init__(self, field: int = 1) -> None:
        self.field = Field(field)
        self.time_s = 0.0
        self.screens: list[Screen] = []

    def send(self, *data: bytes) -> Line21:
        for first, second in pairs(b"".join(data)):
            self.screens += self.field.push(first, second, self.time_s)
            self.time_s += FRAME_S
        return self

    def rest(self, seconds: float) -> Line21:
        end_s = self.time_s + seconds
        while self.time_s < end_s:
            self.send(NULL)
        return self

    @property
    def texts(self) -> list[str]:
        """What each change showed; blocks are parted by a bar."""
        return [text_of(screen) for screen in self.screens]


def text_of(screen: Screen) -> str:
    return " | ".join(
        "\n".join("".join(span.text for span in line) for line in block.lines) for block in screen.blocks
    )


def popped(*data: bytes) -> Screen:
    """What a pop-on caption with this content shows."""
    line = Line21().send(RCL, ENM, ROW_15, *data, EOC)
    assert len(line.screens) == 1
    return line.screens[0]


class TestPopOn:
    def test_it_appears_at_end_of_caption_and_goes_at_erase(self) -> None:
        line = Line21().send(RCL, RCL, ENM, ENM, ROW_15, ROW_15, chars("HELLO"), EOC, EOC)
        assert line.texts == ["HELLO"]
        assert line.screens[0].time_s == pytest.approx(9 * FRAME_S)
        line.rest(1).send(EDM, EDM)
        assert line.texts == ["HELLO", ""]

    def test_the_next_one_takes_its_place_at_once(self) -> None:
        line = Line21().send(RCL, ENM, ROW_15, chars("ONE "), EOC).rest(1)
        line.send(RCL, ENM, ROW_15, chars("TWO "), EOC)
        assert line.texts == ["ONE", "TWO"]

    def test_what_is_being_loaded_is_not_shown(self) -> None:
        assert Line21().send(RCL, ENM, ROW_15, chars("NOT YET ")).rest(2).screens == []

    def test_without_enm_the_swapped_memory_still_holds_the_caption_before_last(self) -> None:
        line = Line21().send(RCL, ENM, ROW_15, chars("ABCD"), EOC)
        line.send(RCL, ROW_15, chars("EFGH"), EOC)
        line.send(RCL, ROW_15, chars("xy"), EOC)
        assert line.texts == ["ABCD", "EFGH", "xyCD"]

    def test_two_rows_are_two_lines_of_one_block(self) -> None:
        assert text_of(popped(ROW_14, chars("ABOVE "), ROW_15, chars("BELOW "))) == "ABOVE\nBELOW"

    def test_rows_apart_are_two_blocks_with_their_own_places(self) -> None:
        screen = popped(ROW_1, chars("TOP "), ROW_15, chars("BOTTOM"))
        assert text_of(screen) == "TOP | BOTTOM"
        assert screen.blocks[0].placement.top_percent == 10.0
        assert screen.blocks[1].placement.top_percent is None

    def test_a_centred_caption_at_the_bottom_is_left_to_the_player(self) -> None:
        placement = popped(ROW_15_INDENT_8, TO2, chars("TWELVE CHARS")).blocks[0].placement
        assert (placement.top_percent, placement.left_percent) == (None, None)

    def test_an_indent_is_a_place_from_the_left(self) -> None:
        # Column 8 of 32 within the inner 80% of the picture.
        assert popped(ROW_15_INDENT_8, chars("HI")).blocks[0].placement.left_percent == 30.0


class TestRollUp:
    def test_a_line_is_told_when_it_is_whole_and_again_when_it_moved_up(self) -> None:
        line = Line21().send(RU2, CR, ROW_15, chars("FIRST LINE")).rest(0.5)
        assert line.texts[-1] == "FIRST LINE"
        line.send(CR, ROW_15, chars("SECOND")).rest(0.5)
        assert line.texts[-1] == "FIRST LINE\nSECOND"
        line.send(CR, chars("THIRD ")).rest(0.5)
        assert line.texts[-1] == "SECOND\nTHIRD"

    def test_three_and_four_rows(self) -> None:
        for command, depth in ((RU3, 3), (RU4, 4)):
            line = Line21()
            for word in ("A1", "B2", "C3", "D4", "E5"):
                line.send(command, CR, ROW_15, chars(word))
            line.rest(1)
            assert line.texts[-1] == "\n".join(["A1", "B2", "C3", "D4", "E5"][-depth:])

    def test_no_cue_for_every_letter(self) -> None:
        line = Line21().send(RU2, CR, ROW_15, chars("AN UNINTERRUPTED LINE OF WORDS ")).rest(1)
        assert line.texts[-1] == "AN UNINTERRUPTED LINE OF WORDS"
        assert 1 <= len([text for text in line.texts if text]) <= 4
        assert all("AN UNINTERRUPTED LINE OF WORDS ".startswith(text + " ") for text in line.texts if text), (
            line.texts
        )

    def test_coming_from_pop_on_everything_is_erased(self) -> None:
        line = Line21().send(RCL, ENM, ROW_15, chars("OLD "), EOC, RU2, CR, ROW_15, chars("NEW ")).rest(1)
        assert line.texts[0] == "OLD"
        assert line.texts[-1] == "NEW"

    def test_a_preamble_moves_the_text_to_its_new_base_row(self) -> None:
        line = Line21().send(RU2, CR, ROW_15, chars("LOW "), CR, ROW_1, chars("HIGH")).rest(1)
        assert line.texts[-1] == "LOW\nHIGH"
        assert line.screens[-1].blocks[0].placement.top_percent == 10.0


class TestPaintOn:
    def test_it_appears_as_it_comes(self) -> None:
        line = Line21().send(RDC, ROW_15, chars("PAINTED ")).rest(1)
        assert line.texts[-1] == "PAINTED"

    def test_it_writes_over_what_is_there(self) -> None:
        line = Line21().send(RDC, ROW_15, chars("SOME"), ROW_15, chars("H")).rest(1)
        assert line.texts[-1] == "HOME"


class TestEditing:
    def test_backspace(self) -> None:
        assert text_of(popped(chars("ABCX"), BS, chars("D"))) == "ABCD"

    def test_a_backspace_that_is_sent_twice_is_one(self) -> None:
        assert text_of(popped(chars("ABCX"), BS, BS, chars("D"))) == "ABCD"

    def test_backspace_twice_is_two_when_something_is_between(self) -> None:
        assert text_of(popped(chars("ABXY"), BS, BS, BS, BS, chars("CD"))) == "ABCD"

    def test_padding_between_a_command_and_its_repetition_changes_nothing(self) -> None:
        assert text_of(popped(chars("ABCX"), BS, NULL, BS, chars("D"))) == "ABCD"

    def test_delete_to_end_of_row(self) -> None:
        assert text_of(popped(chars("ABCDEFGH"), ROW_15, DER, chars("NEW "))) == "NEW"

    def test_tab_offset_moves_right_by_its_columns(self) -> None:
        assert text_of(popped(chars("AB"), TO2, chars("CD"))) == "AB  CD"

    def test_what_is_written_past_the_last_column_stays_in_it(self) -> None:
        assert text_of(popped(chars("0123456789" * 3 + "0123456789"))) == "0123456789" * 3 + "09"


class TestStyle:
    def test_mid_row_codes_are_a_space_and_a_change(self) -> None:
        (line,) = popped(chars("SO"), ITALICS, chars("VERY"), WHITE, chars("NICE")).blocks[0].lines
        assert [(span.text, span.italic) for span in line] == [
            ("SO", False),
            (" VERY", True),
            (" NICE", False),
        ]

    def test_underline(self) -> None:
        (line,) = popped(UNDERLINED, chars("HI")).blocks[0].lines
        assert (line[-1].text, line[-1].underline) == ("HI", True)

    def test_a_preamble_for_italics(self) -> None:
        (line,) = popped(bytes((odd(0x14), odd(0x6E))), chars("HI")).blocks[0].lines
        assert line[0].italic


class TestCharacters:
    def test_the_basic_set_differs_from_ascii(self) -> None:
        raw = bytes(map(odd, (0x2A, 0x5C, 0x5E, 0x5F, 0x60, 0x7B, 0x7C, 0x7D, 0x7E, 0x7F)))
        assert text_of(popped(raw)) == "áéíóúç÷Ññ█"

    def test_special_characters(self) -> None:
        codes = b"".join(bytes((odd(0x11), odd(code))) for code in range(0x30, 0x40))
        assert text_of(popped(codes)) == "®°½¿™¢£♪à\u00a0èâêîôû"

    def test_extended_characters_take_the_place_of_their_stand_in(self) -> None:
        u_umlaut = bytes((odd(0x12), odd(0x25)))
        o_umlaut = bytes((odd(0x13), odd(0x33)))
        sharp_s = bytes((odd(0x13), odd(0x34)))
        assert text_of(popped(chars("pingu"), chars("u"), u_umlaut, chars("ino"))) == "pinguüino"
        assert text_of(popped(chars("Gro"), o_umlaut, chars("s"), sharp_s, chars("e"))) == "Größe"

    @pytest.mark.parametrize(
        ("first", "second", "char"),
        [
            (0x12, 0x20, "Á"),
            (0x12, 0x2A, "—"),
            (0x12, 0x2C, "℠"),
            (0x12, 0x3F, "»"),
            (0x13, 0x20, "Ã"),
            (0x13, 0x29, "{"),
            (0x13, 0x35, "¥"),
            (0x13, 0x3F, "┘"),
        ],
    )
    def test_extended_sets(self, first: int, second: int, char: str) -> None:
        assert text_of(popped(chars("aX"), bytes((odd(first), odd(second))))) == f"a{char}"


class TestRows:
    @pytest.mark.parametrize(
        ("code", "row"),
        [
            ((0x11, 0x40), 1),
            ((0x11, 0x60), 2),
            ((0x12, 0x40), 3),
            ((0x12, 0x60), 4),
            ((0x15, 0x40), 5),
            ((0x15, 0x60), 6),
            ((0x16, 0x40), 7),
            ((0x16, 0x60), 8),
            ((0x17, 0x40), 9),
            ((0x17, 0x60), 10),
        ],
    )
    def test_preambles_of_the_upper_rows(self, code: tuple[int, int], row: int) -> None:
        line = Line21().send(RCL, bytes(map(odd, code)), chars("HI"), EOC)
        top_percent = 10 + 80 * (row - 1) / 15
        assert line.screens[0].blocks[0].placement.top_percent == pytest.approx(top_percent, abs=0.01)

    @pytest.mark.parametrize("code", [(0x10, 0x40), (0x13, 0x40), (0x13, 0x60), (0x14, 0x40), (0x14, 0x60)])
    def test_the_lower_rows_are_the_players_to_place(self, code: tuple[int, int]) -> None:
        line = Line21().send(RCL, bytes(map(odd, code)), chars("HI"), EOC)
        assert line.screens[0].blocks[0].placement.top_percent is None


class TestChannels:
    def test_each_has_its_own_memories(self) -> None:
        line = Line21().send(RCL, ROW_15, chars("EN"), on_channel(RCL + ROW_15, 2), chars("FR"))
        line.send(RCL, EOC, on_channel(RCL + EOC, 2))
        assert [(screen.channel, text_of(screen)) for screen in line.screens] == [
            ("CC1", "EN"),
            ("CC2", "FR"),
        ]

    def test_field_2_has_cc3_and_cc4(self) -> None:
        line = Line21(field=2).send(on_channel(RCL + ROW_15, 3), chars("ES"), on_channel(EOC, 3))
        line.send(on_channel(RCL + ROW_15, 4), chars("PT"), on_channel(EOC, 4))
        assert [(screen.channel, text_of(screen)) for screen in line.screens] == [
            ("CC3", "ES"),
            ("CC4", "PT"),
        ]

    def test_extended_data_services_are_no_captions(self) -> None:
        line = Line21(field=2).send(on_channel(RCL + ROW_15, 3), chars("AB"))
        # Current class, program name: start, five letters, end with its checksum.
        line.send(bytes((odd(0x01), odd(0x03))), chars("NEWS"), bytes((odd(0x0F), odd(0x1D))))
        line.send(on_channel(RCL, 3), chars("CD"), on_channel(EOC, 3))
        assert line.texts == ["ABCD"]

    def test_text_mode_is_no_caption(self) -> None:
        line = Line21().send(TR, chars("WEATHER "), RCL, ENM, ROW_15, chars("HI"), EOC).rest(1)
        assert line.texts == ["HI"]

    def test_who_comes_in_the_middle_shows_nothing_until_a_command(self) -> None:
        assert Line21().send(chars("LO WORLD")).rest(1).screens == []


class TestFaults:
    def test_a_character_with_wrong_parity_is_a_solid_block(self) -> None:
        assert text_of(popped(chars("AB"), bytes((odd(ord("C")), odd(ord("D")) ^ 0x80)))) == "ABC█"

    def test_a_command_with_wrong_parity_is_ignored(self) -> None:
        line = Line21().send(RCL, ROW_15, chars("AB"), bytes((0x94, 0xAF)), bytes((0x14, 0x2F)))
        assert line.screens == []

    def test_a_stream_without_parity_is_read_all_the_same(self) -> None:
        data = RCL + ENM + ROW_15 + chars("NO PARITY ") + EOC
        line = Line21().send(bytes(byte & 0x7F for byte in data))
        assert line.texts == ["NO PARITY"]

    def test_a_forgotten_caption_goes_after_sixteen_seconds(self) -> None:
        line = Line21().send(RCL, ROW_15, chars("HI"), EOC).rest(20)
        assert line.texts == ["HI", ""]
        assert line.screens[1].time_s == pytest.approx(16, abs=0.3)

    def test_a_row_that_is_not_there_and_unused_codes_do_no_harm(self) -> None:
        line = Line21().send(RCL)
        for first in range(0x10, 0x20):
            for second in range(0x00, 0x80):
                line.send(bytes((odd(first), odd(second))))
        assert line.field is not None
