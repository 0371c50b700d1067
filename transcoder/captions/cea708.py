"""One CEA-708 caption service: its command stream, its windows, its delays (CTA-708 sections 7 and 8)."""

from __future__ import annotations

from typing import Final

from transcoder.captions.cea708_characters import g0, g1, g2
from transcoder.captions.cea708_window import Definition, Window
from transcoder.captions.display import Block, Refresh, Screen
from transcoder.captions.grid import Style

BUFFER_BYTES: Final = 128
"""8.10.5.14: a service input buffer holds so much; when it is full a delay is over."""
MOST_BLOCK_BYTES: Final = 31
"""6.2.1: block_size has five bits."""
SILENCE_S: Final = 16.0

_C1_PARAMETERS: Final = {
    **dict.fromkeys(range(0x80, 0x88), 0),  # CWx
    **dict.fromkeys(range(0x88, 0x8E), 1),  # CLW DSW HDW TGW DLW DLY
    **dict.fromkeys((0x8E, 0x8F), 0),  # DLC RST
    **dict.fromkeys(range(0x93, 0x97), 0),
    0x90: 2,  # SPA
    0x91: 3,  # SPC
    0x92: 2,  # SPL
    0x97: 4,  # SWA
    **dict.fromkeys(range(0x98, 0xA0), 6),  # DFx
}
_BS, _FF, _CR, _HCR, _EXT1 = 0x08, 0x0C, 0x0D, 0x0E, 0x10
_DLY, _DLC, _RST = 0x8D, 0x8E, 0x8F
_ITALIC_BIT, _UNDERLINE_BIT = 0x80, 0x40


class Service:
    """Bytes in presentation order; answers what is shown anew."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._windows: dict[int, Window] = {}
        self._current: int | None = None
        self._buffer = bytearray()
        self._delayed_until_s: float | None = None
        self._heard_s = 0.0
        self._refresh = Refresh()

    @property
    def waiting_bytes(self) -> int:
        """Held by a delay, or the beginning of a command."""
        return len(self._buffer)

    def push(self, data: bytes, time_s: float) -> list[Screen]:
        """Take one service block."""
        self._heard_s = time_s
        self._buffer += data
        # 8.10.5.14, 8.10.5.15: a delay ends at DLC and RST, whatever waits before them.
        if self._delayed_until_s is not None and (_DLC in data or _RST in data):
            self._delayed_until_s = None
        return self.pass_time(time_s)

    def pass_time(self, time_s: float) -> list[Screen]:
        """Nothing came, but time went on."""
        if time_s - self._heard_s >= SILENCE_S and self._windows:
            self._reset()
            self._buffer.clear()
        self._run(time_s)
        return [Screen(self._name, time_s, self._blocks())] if self._refresh.is_due(time_s) else []

    def _blocks(self) -> tuple[Block, ...]:
        shown = sorted(
            (window for window in self._windows.values() if window.visible),
            key=lambda window: window.definition.priority,
        )
        return tuple(block for window in shown if (block := window.block()) is not None)

    # The command stream

    def _run(self, time_s: float) -> None:
        position = 0
        while position < len(self._buffer):
            if self._delayed_until_s is not None:
                waiting = len(self._buffer) - position
                if time_s < self._delayed_until_s and waiting < BUFFER_BYTES:
                    break
                self._delayed_until_s = None
            length = _length(self._buffer, position)
            if length is None or position + length > len(self._buffer):
                break
            self._take(bytes(self._buffer[position : position + length]), time_s)
            position += length
        del self._buffer[:position]

    def _take(self, item: bytes, time_s: float) -> None:
        code = item[0]
        if code == _EXT1:
            self._extended(item, time_s)
        elif code < 0x20:
            self._c0(code)
        elif code < 0x80:
            self._write(g0(code), time_s)
        elif code < 0xA0:
            self._c1(code, item[1:], time_s)
        else:
            self._write(g1(code), time_s)

    def _extended(self, item: bytes, time_s: float) -> None:
        if 0x20 <= item[1] < 0x80:
            self._write(g2(item[1]), time_s)
        elif item[1] == 0xA0:
            self._write("[CC]", time_s)

    def _write(self, text: str, time_s: float) -> None:
        window = self._window
        if window is None:
            return
        for char in text:
            window.write(char)
        if window.visible:
            self._refresh.typed(text[-1], time_s)

    def _c0(self, code: int) -> None:
        window = self._window
        if window is None:
            return
        match code:
            case 0x08:
                window.backspace()
            case 0x0C:
                window.home()
            case 0x0D:
                if window.carriage_return() and window.visible:
                    self._refresh.now()
                return
            case 0x0E:
                window.erase_row()
            case _:
                return
        if window.visible:
            self._refresh.edited()

    def _c1(self, code: int, parameters: bytes, time_s: float) -> None:
        if code < 0x88:
            if code & 7 in self._windows:
                self._current = code & 7
        elif code <= 0x8C:
            self._on_windows(code, parameters[0])
        elif code == _DLY:
            self._delayed_until_s = time_s + parameters[0] / 10
        elif code == _RST:
            self._reset()
        elif code >= 0x98:
            self._define(code & 7, Definition.parse(parameters))
        elif (window := self._window) is not None:
            if code == 0x90:
                italic = Style.ITALIC if parameters[1] & _ITALIC_BIT else Style.PLAIN
                underline = Style.UNDERLINE if parameters[1] & _UNDERLINE_BIT else Style.PLAIN
                window.style = italic | underline
            elif code == 0x92:
                window.move_pen(parameters[0] & 15, parameters[1] & 0x3F)

    def _on_windows(self, code: int, bitmap: int) -> None:
        for number in [number for number in self._windows if bitmap >> number & 1]:
            window = self._windows[number]
            was_seen = window.visible and not window.is_empty
            match code:
                case 0x88:
                    window.clear()
                case 0x89:
                    window.visible = True
                case 0x8A:
                    window.visible = False
                case 0x8B:
                    window.visible = not window.visible
                case 0x8C:
                    del self._windows[number]
                    if self._current == number:
                        self._current = None
            if was_seen or (window.visible and not window.is_empty):
                self._refresh.now()

    def _define(self, number: int, definition: Definition) -> None:
        self._current = number
        window = self._windows.get(number)
        if window is None:
            self._windows[number] = Window(definition)
        elif window.definition != definition or window.visible != definition.visible:
            window.redefine(definition)
            if not window.is_empty:
                self._refresh.now()

    def _reset(self) -> None:
        if self._windows:
            self._refresh.now()
        self._windows.clear()
        self._current = None
        self._delayed_until_s = None

    @property
    def _window(self) -> Window | None:
        return None if self._current is None else self._windows.get(self._current)


def _length(data: bytearray, position: int) -> int | None:
    """Bytes of the command or character at ``position``; None where that is still to come (7.1)."""
    code = data[position]
    if code == _EXT1:
        return _extended_length(data, position + 1)
    if code < 0x10:
        return 1
    if code < 0x18:
        return 2
    if code < 0x20:
        return 3
    if 0x80 <= code < 0xA0:
        return 1 + _C1_PARAMETERS[code]
    return 1


def _extended_length(data: bytearray, position: int) -> int | None:
    """The same for what follows EXT1 (7.1.4 to 7.1.10), with EXT1 itself."""
    if position >= len(data):
        return None
    code = data[position]
    if code < 0x20:
        return 2 + code // 8
    if 0x80 <= code < 0x88:
        return 2 + 4
    if 0x88 <= code < 0x90:
        return 2 + 5
    if 0x90 <= code < 0xA0:
        # 7.1.11.2: variable-length commands; the low bits of the next byte count what follows it.
        if position + 1 >= len(data):
            return None
        return 3 + (data[position + 1] & 0x1F)
    return 2
