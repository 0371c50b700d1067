"""What a process of ours takes of the machine, as Linux tells it (proc(5))."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class ProcessUsage:
    """A moment's view."""

    resident_bytes: int
    cpu_s: float
    """Its own time, in user and in system mode."""


def usage_of(pid: int) -> ProcessUsage | None:
    """None for a process that has gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The second field is the program's name in brackets and may hold anything; fields count from the third.
    fields = text.rpartition(")")[2].split()
    try:
        return ProcessUsage(int(fields[21]) * _PAGE_BYTES, (int(fields[11]) + int(fields[12])) / _TICKS_PER_S)
    except (IndexError, ValueError):
        return None
