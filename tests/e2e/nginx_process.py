"""Debian's nginx with one of our configurations, on free ports and in a folder of the test's own."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

CONFIGS = Path(__file__).parents[2] / "nginx"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def until(condition: Callable[[], bool], what: Callable[[], object], timeout_s: float = 20) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline_s:
            pytest.fail(f"{what()}")
        threading.Event().wait(0.05)


def accepts(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def changed(name: str, changes: dict[str, str]) -> str:
    """One of our files with the test's ports and paths; a text that is not in it is a mistake of the test."""
    text = (CONFIGS / name).read_text()
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


@contextmanager
def nginx(folder: Path, text: str, port: int) -> Iterator[Path]:
    """It runs while the context lasts; answers its error log."""
    file, log = folder / "nginx.conf", folder / "nginx.log"
    file.write_text(text)
    process = subprocess.Popen(
        ["nginx", "-c", str(file), "-e", str(log), "-g", "daemon off;"], stdin=subprocess.DEVNULL
    )
    try:
        until(lambda: accepts(port), lambda: log.read_text() if log.exists() else "nginx did not start")
        yield log
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
