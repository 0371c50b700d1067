"""Run a benchmark of a checkout (bench/NAME.py), or list them. What follows NAME is handed on to it."""

from __future__ import annotations

import argparse
import ast
import subprocess
import sys
from pathlib import Path
from typing import Final

from mediaserver.cli import EXIT_MISUSED, EXIT_OK, complain

CHECKOUT: Final = Path(__file__).resolve().parents[2]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", help="which one; without it they are listed")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="for the benchmark")


def run(options: argparse.Namespace, checkout: Path = CHECKOUT) -> int:
    """The benchmark's exit code; 1 where there is no checkout, 2 for an unknown name."""
    if not (checkout / "pyproject.toml").is_file() or not (checkout / "bench").is_dir():
        return complain("the benchmarks are in the project's checkout, not in an installed package")
    scripts = {file.stem: file for file in sorted((checkout / "bench").glob("[a-z]*.py"))}
    if options.name is None:
        for name, file in scripts.items():
            print(f"{name:16}{_summary(file)}")
        return EXIT_OK
    if options.name not in scripts:
        return complain(
            f"there is no benchmark {options.name!r}; there are: {', '.join(scripts)}", EXIT_MISUSED
        )
    command = [sys.executable, "-m", f"bench.{options.name}", *options.arguments]
    return subprocess.run(command, cwd=checkout, check=False).returncode  # noqa: S603 - a name from our own list


def _summary(file: Path) -> str:
    """The first line of a script's docstring."""
    docstring = ast.get_docstring(ast.parse(file.read_bytes())) or ""
    return docstring.partition("\n")[0]
