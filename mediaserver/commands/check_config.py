"""Print the settings that would be in force, as TOML, with secrets masked. Exit code 2 if one is wrong."""

from __future__ import annotations

import argparse

from mediaserver.certificates import check_certificate
from mediaserver.cli import EXIT_OK, add_settings_arguments, load_settings
from mediaserver.settings import to_toml


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_settings_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """0. Raises SettingsError."""
    config = load_settings(options)
    check_certificate(config)
    print(to_toml(config.flat()), end="")
    return EXIT_OK
