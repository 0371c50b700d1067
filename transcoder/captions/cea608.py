"""The byte pairs of one CEA-608 field: parity, doubled commands, and which channel they are for.

47 CFR 15.119 is the public text of what CTA-608-E specifies in full.
"""

from __future__ import annotations

from typing import Final

from transcoder.captions.cea608_channel import Channel
from transcoder.captions.cea608_characters import (
    BASIC,
    EXTENDED_PORTUGUESE_GERMAN_DANISH,
    EXTENDED_SPANISH_FRENCH,
    SPECIAL,
)
from transcoder.captions.display import Screen
from transcoder.captions.grid import Style

_ODD_PARITY: Final = bytes(value.bit_count() & 1 for value in range(256))
_PAC_ROWS: Final = (11, 11, 1, 2, 3, 4, 12, 13, 14, 15, 5, 6, 7, 8, 9, 10)
"""By the low three bits of the first byte and bit 5 of the second."""
_ITALICS: Final = 7
_RESUME: Final = frozenset((0x20, 0x25, 0x26, 0x27, 0x29, 0x2A, 0x2B, 0x2F))


class Field:
    """Field 1 (CC1, CC2) or 2 (CC3, CC4). Bytes in presentation order; answers what is shown anew."""

    def __init__(self, field: int) -> None:
        self._names = ("CC1", "CC2") if field == 1 else ("CC3", "CC4")
        self._has_xds = field == 2
        self._channels = (Channel(), Channel())
        self._current: Channel | None = None
        self._last_command: tuple[int, int] | None = None
        self._in_xds = False
        self._parity_is_used = False

    def push(self, first: int, second: int, time_s: float) -> list[Screen]:
        """Take one byte pair."""
        screens = self.pass_time(time_s)
        # Some encoders strip parity: it is checked from the first set bit on.
        self._parity_is_used = self._parity_is_used or bool((first | second) & 0x80)
        if self._parity_is_used:
            if not _ODD_PARITY[first]:
                return screens
            if not _ODD_PARITY[second]:
                if 0x10 <= first & 0x7F < 0x20:
                    return screens
                # 47 CFR 15.119 (j)(1): a character with wrong parity shows as a solid block.
                second = 0x7F
        self._take(first & 0x7F, second & 0x7F, time_s)
        return screens + self._due(time_s)

    def pass_time(self, time_s: float) -> list[Screen]:
        """Nothing came, but time went on."""
        for channel in self._channels:
            channel.pass_time(time_s)
        return self._due(time_s)

    def _due(self, time_s: float) -> list[Screen]:
        return [
            Screen(name, time_s, channel.blocks())
            for name, channel in zip(self._names, self._channels, strict=True)
            if channel.refresh.is_due(time_s)
        ]

    def _take(self, first: int, second: int, time_s: float) -> None:
        if not first and not second:
            return  # padding; also between a command and its repetition
        if 0x10 <= first < 0x20:
            self._in_xds = False
            # 47 CFR 15.119 (i)(3): commands are sent twice; the second, right behind the first, is ignored.
            if self._last_command == (first, second):
                self._last_command = None
                return
            self._last_command = (first, second)
            self._command(first, second, time_s)
            return
        self._last_command = None
        if self._has_xds and 0 < first < 0x10:
            # CTA-608-E 9: 0x01 to 0x0E begin or go on with extended data services, 0x0F ends them.
            self._in_xds = first != 0x0F
            return
        if self._in_xds or self._current is None:
            return
        self._current.heard(time_s)
        for code in (first, second):
            if (char := BASIC.get(code)) is not None:
                self._current.write(char, time_s)

    def _command(self, first: int, second: int, time_s: float) -> None:
        channel = self._channels[first >> 3 & 1]
        self._current = channel
        channel.heard(time_s)
        group = first & 0x17
        if second >= 0x40:
            self._preamble(channel, group, second)
        elif group in (0x14, 0x15) and 0x20 <= second < 0x30:
            self._control(channel, second)
        elif group == 0x11 and 0x20 <= second < 0x30:
            channel.style(_style(second >> 1 & 7, second & 1), time_s)
        elif group == 0x11 and second >= 0x30:
            channel.write(SPECIAL[second], time_s)
        elif group == 0x12 and second >= 0x20:
            channel.write_over(EXTENDED_SPANISH_FRENCH[second], time_s)
        elif group == 0x13 and second >= 0x20:
            channel.write_over(EXTENDED_PORTUGUESE_GERMAN_DANISH[second], time_s)
        elif group == 0x17 and 0x21 <= second <= 0x23:
            channel.tab(second & 3)
        # What is left sets backgrounds and character sets, which change no word.

    @staticmethod
    def _preamble(channel: Channel, group: int, second: int) -> None:
        row = _PAC_ROWS[(group & 7) << 1 | (second >> 5 & 1)] - 1
        attribute = second >> 1 & 15
        if attribute >= 8:
            channel.place(row, 4 * (attribute - 8), _style(0, second & 1))
        else:
            channel.place(row, 0, _style(attribute, second & 1))

    def _control(self, channel: Channel, code: int) -> None:
        match code:
            case 0x20:
                channel.resume_pop_on()
            case 0x21:
                channel.backspace()
            case 0x24:
                channel.delete_to_end_of_row()
            case 0x25 | 0x26 | 0x27:
                channel.roll_up(code - 0x23)
            case 0x29:
                channel.resume_paint_on()
            case 0x2A | 0x2B:
                channel.resume_text()
            case 0x2C:
                channel.erase_displayed()
            case 0x2D:
                channel.carriage_return()
            case 0x2E:
                channel.erase_hidden()
            case 0x2F:
                channel.flip()


def _style(colour: int, underline: int) -> Style:
    style = Style.UNDERLINE if underline else Style.PLAIN
    return style | Style.ITALIC if colour == _ITALICS else style
