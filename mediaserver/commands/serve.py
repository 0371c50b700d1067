"""Run the server in the foreground until SIGTERM or Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import resource

from mediaserver import logs
from mediaserver.certificates import check_certificate
from mediaserver.cli import EXIT_FAILED, add_settings_arguments, complain, load_settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_settings_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """0 after a drain, 1 if the start failed. Raises SettingsError."""
    config = load_settings(options)
    check_certificate(config)
    redaction = logs.set_up(config.log)
    _raise_file_limit()
    # Here, not above: settings are checked, and a mistake told, before the libraries are loaded.
    import uvloop

    from mediaserver.server import StartFailed, serve

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(serve(config, redaction))
    except StartFailed as failure:
        return complain(str(failure), EXIT_FAILED)


def _raise_file_limit() -> None:
    """As many open files as the system lets us have: each viewer is one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
