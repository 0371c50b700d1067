"""Rows of styled characters: a caption memory (CEA-608) or a window (CEA-708)."""

from __future__ import annotations

from enum import IntFlag
from itertools import groupby
from typing import NamedTuple

from transcoder.captions.cue import Line, Span


class Style(IntFlag):
    """What of a character's look is kept."""

    PLAIN = 0
    ITALIC = 1
    UNDERLINE = 2


class Cell(NamedTuple):
    char: str
    style: Style


class Grid:
    """A page of ``rows`` by ``columns`` cells, empty at first. Coordinates outside it are brought inside."""

    def __init__(self, rows: int, columns: int) -> None:
        self.rows = rows
        self.columns = columns
        self._cells: list[dict[int, Cell]] = [{} for _ in range(rows)]

    @property
    def is_clear(self) -> bool:
        """Nothing was written, not even a space."""
        return not any(self._cells)

    @property
    def is_empty(self) -> bool:
        """No character that can be seen."""
        return not any(self._is_visible(row) for row in range(self.rows))

    def put(self, row: int, column: int, char: str, style: Style) -> None:
        self._row(row)[max(0, min(column, self.columns - 1))] = Cell(char, style)

    def erase(self, row: int, column: int) -> None:
        self._row(row).pop(column, None)

    def erase_from(self, row: int, column: int) -> None:
        """Everything in the row from ``column`` to its end."""
        cells = self._row(row)
        for at in [at for at in cells if at >= column]:
            del cells[at]

    def erase_row(self, row: int) -> None:
        self._row(row).clear()

    def clear(self) -> None:
        for cells in self._cells:
            cells.clear()

    def roll(self, top: int, bottom: int) -> None:
        """Rows ``top`` to ``bottom`` move up by one; the first is lost, the last is empty."""
        top, bottom = max(0, top), min(bottom, self.rows - 1)
        if top <= bottom:
            self._cells[top : bottom + 1] = [*self._cells[top + 1 : bottom + 1], {}]

    def move(self, bottom: int, to_bottom: int, count: int) -> None:
        """The ``count`` rows that end at ``bottom`` now end at ``to_bottom``; all others are empty."""
        moved = [self._cells[row] if row >= 0 else {} for row in range(bottom - count + 1, bottom + 1)]
        self._cells = [{} for _ in range(self.rows)]
        for offset, cells in enumerate(moved):
            row = to_bottom - count + 1 + offset
            if 0 <= row < self.rows:
                self._cells[row] = cells

    def resize(self, rows: int, columns: int) -> None:
        """What lies outside the new size is lost."""
        self._cells = [
            {at: cell for at, cell in cells.items() if at < columns} for cells in self._cells[:rows]
        ]
        self._cells += [{} for _ in range(rows - len(self._cells))]
        self.rows, self.columns = rows, columns

    def blocks(self) -> list[tuple[int, int, tuple[Line, ...]]]:
        """Rows with words that follow one another: (first row, first column, lines) for each group."""
        blocks = []
        for visible, rows in groupby(range(self.rows), self._is_visible):
            if visible:
                group = list(rows)
                left = min(self._first_column(row) for row in group)
                blocks.append((group[0], left, tuple(self._line(row) for row in group)))
        return blocks

    def _row(self, row: int) -> dict[int, Cell]:
        return self._cells[max(0, min(row, self.rows - 1))]

    def _is_visible(self, row: int) -> bool:
        return any(not cell.char.isspace() for cell in self._cells[row].values())

    def _first_column(self, row: int) -> int:
        return min(at for at, cell in self._cells[row].items() if not cell.char.isspace())

    def _line(self, row: int) -> Line:
        cells = self._cells[row]
        inked = [at for at, cell in cells.items() if not cell.char.isspace()]
        blank = Cell(" ", Style.PLAIN)
        text = [cells.get(at, blank) for at in range(min(inked), max(inked) + 1)]
        spans = []
        for style, group in groupby(text, lambda cell: cell.style):
            chars = "".join(cell.char for cell in group)
            spans.append(Span(chars, bool(style & Style.ITALIC), bool(style & Style.UNDERLINE)))
        return tuple(spans)
