"""How every benchmark prints: one table in Markdown, with its conditions under it."""

import os
import platform
from collections.abc import Sequence
from pathlib import Path


def print_table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], *conditions: str
) -> None:
    """A Markdown table, ready for README."""
    cells = [list(columns), *[[str(cell) for cell in row] for row in rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(columns))]
    print(f"\n### {title}\n")
    for number, row in enumerate(cells):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |")
        if not number:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|")
    print("\nConditions: " + "; ".join([*conditions, machine()]) + ".\n")


def machine() -> str:
    """Processor, cores that we may use, Python."""
    model = "unknown processor"
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = names[0].partition(":")[2].strip() if names else model
    return f"{len(os.sched_getaffinity(0))} cores of {model}, Python {platform.python_version()}"


def percentile(values: Sequence[float], fraction: float) -> float:
    """Nearest rank; NaN of nothing."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(fraction * len(ordered)))] if ordered else float("nan")
