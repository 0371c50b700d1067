"""One of the eight windows of a CEA-708 service (CTA-708 section 8.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from transcoder.captions.cue import Placement
from transcoder.captions.display import SAFE_MARGIN_PERCENT, Block
from transcoder.captions.grid import Grid, Style

MOST_ROWS: Final = 15
MOST_COLUMNS: Final = 42
_ANCHOR_ROWS: Final = 75
_ANCHOR_COLUMNS: Final = 210
"""The grid of anchors on a 16:9 picture (8.4.5)."""


@dataclass(frozen=True, slots=True)
class Definition:
    """The parameters of DefineWindow (8.10.5.2)."""

    visible: bool
    priority: int
    relative: bool
    anchor_row: int
    anchor_column: int
    anchor_point: int
    """0 to 8: top left, top centre, top right, middle left, … bottom right."""
    rows: int
    columns: int

    @classmethod
    def parse(cls, data: bytes) -> Definition:
        """From the command's six parameter bytes."""
        return cls(
            visible=bool(data[0] & 0x20),
            priority=data[0] & 7,
            relative=bool(data[1] & 0x80),
            anchor_row=data[1] & 0x7F,
            anchor_column=data[2],
            anchor_point=min(data[3] >> 4, 8),
            rows=min((data[3] & 15) + 1, MOST_ROWS),
            columns=min((data[4] & 0x3F) + 1, MOST_COLUMNS),
        )


class Window:
    """A grid with a pen."""

    def __init__(self, definition: Definition) -> None:
        self.definition = definition
        self.visible = definition.visible
        self.row = 0
        self.column = 0
        self.style = Style.PLAIN
        self._grid = Grid(definition.rows, definition.columns)

    def redefine(self, definition: Definition) -> None:
        """8.10.5.2: a window that exists keeps its text and its pen."""
        self.definition = definition
        self.visible = definition.visible
        if (self._grid.rows, self._grid.columns) != (definition.rows, definition.columns):
            self._grid.resize(definition.rows, definition.columns)
            self.move_pen(self.row, self.column)

    @property
    def is_empty(self) -> bool:
        return self._grid.is_empty

    def write(self, char: str) -> None:
        self._grid.put(self.row, self.column, char, self.style)
        self.column = min(self.column + 1, self._grid.columns)

    def backspace(self) -> None:
        self.column = max(0, self.column - 1)
        self._grid.erase(self.row, self.column)

    def carriage_return(self) -> bool:
        """To the next row; from the last one all rows move up. Answers whether they did."""
        self.column = 0
        if self.row + 1 < self._grid.rows:
            self.row += 1
            return False
        self._grid.roll(0, self._grid.rows - 1)
        return True

    def erase_row(self) -> None:
        """HCR."""
        self._grid.erase_row(self.row)
        self.column = 0

    def clear(self) -> None:
        self._grid.clear()

    def home(self) -> None:
        """FF."""
        self.clear()
        self.row = self.column = 0

    def move_pen(self, row: int, column: int) -> None:
        self.row = min(row, self._grid.rows - 1)
        self.column = min(column, self._grid.columns - 1)

    def block(self) -> Block | None:
        """What it shows: rows without words are left out."""
        lines = tuple(line for _, _, block in self._grid.blocks() for line in block)
        return Block(lines, self._placement(len(lines))) if lines else None

    def _placement(self, lines: int) -> Placement:
        """As for CEA-608: text in the lower third of the picture is the player's to place."""
        span = 100 - 2 * SAFE_MARGIN_PERCENT
        definition = self.definition
        row, column = definition.anchor_row, definition.anchor_column
        down = row / 100 if definition.relative else row / _ANCHOR_ROWS
        right = column / 100 if definition.relative else column / _ANCHOR_COLUMNS
        # The anchor is the window's top (0), middle (1) or bottom (2); a row is a fifteenth of the height.
        height = lines / MOST_ROWS
        top = min(1.0, max(0.0, down - height * (definition.anchor_point // 3) / 2))
        if top + height > 2 / 3:
            return Placement()
        is_left = definition.anchor_point % 3 == 0
        return Placement(
            top_percent=round(SAFE_MARGIN_PERCENT + span * top, 2),
            left_percent=round(SAFE_MARGIN_PERCENT + span * min(1.0, right), 2) if is_left else None,
        )
