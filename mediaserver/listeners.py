"""Which process listens on a port of this machine, as Linux tells it (proc(5)), where we may see it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")
_LISTEN: Final = "0A"
"""TCP_LISTEN in the kernel's tables."""


@dataclass(frozen=True, slots=True)
class Listener:
    """A process behind a port."""

    pid: int
    name: str

    def has_open(self, file: Path) -> bool:
        """Whether it holds ``file`` open."""
        try:
            wanted = file.stat()
        except OSError:
            return False
        for descriptor in _descriptors(self.pid):
            with contextlib.suppress(OSError):
                found = descriptor.stat()
                if (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino):
                    return True
        return False


def listener_on(port: int) -> Listener | None:
    """Who listens on this TCP port, whatever the address; None where that cannot be seen."""
    sockets = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    if not sockets:
        return None
    for folder in PROC.iterdir():
        if not folder.name.isdigit():
            continue
        pid = int(folder.name)
        for descriptor in _descriptors(pid):
            with contextlib.suppress(OSError):
                if os.readlink(descriptor) in sockets:
                    return Listener(pid, (folder / "comm").read_text().strip())
    return None


def _listening_inodes(port: int) -> Iterator[str]:
    for table in ("net/tcp", "net/tcp6"):
        try:
            lines = (PROC / table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                yield fields[9]


def _descriptors(pid: int) -> list[Path]:
    try:
        return list((PROC / str(pid) / "fd").iterdir())
    except OSError:
        return []
