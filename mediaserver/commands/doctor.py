"""Look for what would keep the server from working: a line each, with what to do. Exit code 1 on a fail."""

from __future__ import annotations

import argparse

from mediaserver.cli import EXIT_FAILED, EXIT_OK, add_settings_arguments, load_settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_settings_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """0, or 1 if a finding says fail. Raises SettingsError."""
    config = load_settings(options)
    from mediaserver.doctor import Grade, examine

    worst = EXIT_OK
    for finding in examine(config):
        print(f"{finding.grade.value:5} {finding.subject:9} {finding.detail}", flush=True)
        if finding.grade is Grade.FAIL:
            worst = EXIT_FAILED
    return worst
