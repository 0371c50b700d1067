"""The command line: finds the command, loads only what that command needs, runs it."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from mediaserver.settings import Config, SettingsError, load

EXIT_OK: Final = 0
EXIT_FAILED: Final = 1
EXIT_MISUSED: Final = 2
"""A wrong setting or a wrong command line."""


@dataclass(frozen=True, slots=True)
class Command:
    """One subcommand: a module with ``add_arguments(parser)`` and ``run(options) -> exit code``."""

    module: str
    summary: str


COMMANDS: Final[Mapping[str, Command]] = {
    "serve": Command("mediaserver.commands.serve", "run the server in the foreground"),
    "push": Command("mediaserver.push", "broadcast a file, or a test pattern, over RTMP"),
    "token": Command("mediaserver.commands.token", "make a signed token"),
    "check-config": Command("mediaserver.commands.check_config", "print the settings that would be in force"),
    "doctor": Command("mediaserver.commands.doctor", "look for what would keep the server from working"),
    "bench": Command("mediaserver.commands.bench", "run the benchmarks of a checkout"),
}


def run(arguments: Sequence[str]) -> int:
    """Run one command line. Answers the exit code, or raises SystemExit as argparse does."""
    parser = argparse.ArgumentParser(
        prog="mediaserver",
        description="A self-hosted media server.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="commands:\n"
        + "\n".join(f"  {name:14}{command.summary}" for name, command in COMMANDS.items())
        + "\n\nmediaserver COMMAND --help tells more.",
    )
    parser.add_argument("--version", action="version", version=f"mediaserver {program_version()}")
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="…")
    chosen = parser.parse_args(arguments)
    command = COMMANDS[chosen.command]
    module = importlib.import_module(command.module)
    command_parser = argparse.ArgumentParser(prog=f"mediaserver {chosen.command}", description=module.__doc__)
    module.add_arguments(command_parser)
    options = command_parser.parse_args(chosen.arguments)
    try:
        code: int = module.run(options)
    except SettingsError as error:
        return complain(str(error), EXIT_MISUSED)
    return code


def complain(sentence: str, code: int = EXIT_FAILED) -> int:
    """One line on stderr. Answers ``code``."""
    print(f"mediaserver: {sentence}", file=sys.stderr)
    return code


def program_version() -> str:
    """The installed version; ``0`` where only the source is there."""
    try:
        return version("mediaserver")
    except PackageNotFoundError:
        return "0"


def add_settings_arguments(parser: argparse.ArgumentParser) -> None:
    """``--config``, ``--data`` and ``--set``, for every command that reads the settings."""
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings in TOML")
    parser.add_argument("--data", metavar="DIR", help="the data folder (data_dir)")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help="one setting, such as live.part_target_s=0.25; may be repeated",
    )


def load_settings(options: argparse.Namespace) -> Config:
    """The settings by file, environment and command line. Raises SettingsError."""
    return load(options.config, os.environ, options.overrides, options.data)
