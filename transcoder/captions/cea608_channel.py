"""One caption channel of CEA-608: its two memories, its cursor, and what it shows."""

from __future__ import annotations

from enum import Enum
from typing import Final

from transcoder.captions.display import Block, Refresh, block
from transcoder.captions.grid import Grid, Style

ROWS: Final = 15
COLUMNS: Final = 32
SILENCE_S: Final = 16.0
"""A caption of a channel that says nothing for so long is taken away, as receivers do (CTA-608-E annex C)."""


class Mode(Enum):
    """Where characters go (47 CFR 15.119 (f))."""

    NONE = "none"
    """Before the first command: a receiver that comes in the middle shows nothing."""
    POP_ON = "pop-on"
    ROLL_UP = "roll-up"
    PAINT_ON = "paint-on"
    TEXT = "text"
    """Not captions: left out."""


class Channel:
    """Commands and characters in, blocks of text out. Rows count from 0 here, from 1 in the standard."""

    def __init__(self) -> None:
        self.refresh = Refresh()
        self._mode = Mode.NONE
        self._displayed = Grid(ROWS, COLUMNS)
        self._hidden = Grid(ROWS, COLUMNS)
        self._row = ROWS - 1
        self._column = 0
        self._style = Style.PLAIN
        self._depth = 0
        """Rows of roll-up."""
        self._heard_s = 0.0

    def blocks(self) -> tuple[Block, ...]:
        """What is on the screen."""
        return tuple(
            block(lines, top, left, rows=ROWS, columns=COLUMNS)
            for top, left, lines in self._displayed.blocks()
        )

    def heard(self, time_s: float) -> None:
        """Something came for this channel."""
        self._heard_s = time_s

    def pass_time(self, time_s: float) -> None:
        """Erase what was forgotten."""
        if time_s - self._heard_s >= SILENCE_S and not self._displayed.is_clear:
            self._displayed.clear()
            self.refresh.now()

    # Characters

    def write(self, char: str, time_s: float) -> None:
        """A printing character at the cursor, which moves on, at most to the last column."""
        memory = self._memory
        if memory is None:
            return
        memory.put(self._row, self._column, char, self._style)
        self._column = min(self._column + 1, COLUMNS)
        if memory is self._displayed:
            self.refresh.typed(char, time_s)

    def write_over(self, char: str, time_s: float) -> None:
        """An extended character takes the place of the plain one that came before it."""
        self._column = max(0, self._column - 1)
        self.write(char, time_s)

    # Commands

    def resume_pop_on(self) -> None:
        """RCL: resume caption loading."""
        self._mode = Mode.POP_ON
        self._style = Style.PLAIN

    def resume_paint_on(self) -> None:
        """RDC: resume direct captioning."""
        self._mode = Mode.PAINT_ON
        self._style = Style.PLAIN

    def resume_text(self) -> None:
        """TR, RTD: what follows is no caption."""
        self._mode = Mode.TEXT

    def roll_up(self, depth: int) -> None:
        """RU2, RU3, RU4. 47 CFR 15.119 (f)(1): coming from another style, both memories are erased."""
        if self._mode is not Mode.ROLL_UP:
            self._mode = Mode.ROLL_UP
            if not self._displayed.is_empty:
                self.refresh.now()
            self._displayed.clear()
            self._hidden.clear()
            self._row = ROWS - 1
            self._column = 0
        elif depth < self._depth:
            self._displayed.move(self._row, self._row, depth)
            self.refresh.now()
        self._depth = depth
        self._style = Style.PLAIN

    def carriage_return(self) -> None:
        """CR: in roll-up the rows move up; in other styles it has no effect."""
        if self._mode is Mode.ROLL_UP:
            self._displayed.move(self._row, self._row, self._depth)
            self._displayed.roll(self._row - self._depth + 1, self._row)
            self._column = 0
            self._style = Style.PLAIN
            self.refresh.now()

    def erase_displayed(self) -> None:
        """EDM."""
        self._displayed.clear()
        self.refresh.now()

    def erase_hidden(self) -> None:
        """ENM."""
        self._hidden.clear()

    def flip(self) -> None:
        """EOC: the memories change places, and pop-on it is."""
        self._mode = Mode.POP_ON
        self._displayed, self._hidden = self._hidden, self._displayed
        self._style = Style.PLAIN
        self.refresh.now()

    def backspace(self) -> None:
        """BS."""
        if (memory := self._memory) is not None:
            self._column = max(0, self._column - 1)
            memory.erase(self._row, self._column)
            self._edited(memory)

    def delete_to_end_of_row(self) -> None:
        """DER."""
        if (memory := self._memory) is not None:
            memory.erase_from(self._row, self._column)
            self._edited(memory)

    def tab(self, columns: int) -> None:
        """TO1, TO2, TO3: the cursor moves right, what is there stays."""
        self._column = min(self._column + columns, COLUMNS - 1)

    def style(self, style: Style, time_s: float) -> None:
        """A mid-row code: it shows as a space, and what follows has another look."""
        self._style = style
        self.write(" ", time_s)

    def place(self, row: int, indent: int, style: Style) -> None:
        """A preamble address code: row, column and look of what follows."""
        if self._mode is Mode.ROLL_UP:
            # 47 CFR 15.119 (f)(1)(ii): the whole text moves to the new base row.
            row = max(row, self._depth - 1)
            if row != self._row:
                self._displayed.move(self._row, row, self._depth)
        self._row, self._column, self._style = row, indent, style

    def _edited(self, memory: Grid) -> None:
        if memory is self._displayed:
            self.refresh.edited()

    @property
    def _memory(self) -> Grid | None:
        match self._mode:
            case Mode.POP_ON:
                return self._hidden
            case Mode.ROLL_UP | Mode.PAINT_ON:
                return self._displayed
        return None
