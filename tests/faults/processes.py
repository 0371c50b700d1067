"""What the kernel, and the server's own metrics, say that a process holds."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from mediaserver.server_process import ServerProcess


def rss_bytes(pid: int) -> int:
    """Resident memory."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise ValueError(f"process {pid} has no memory")


def open_files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def threads(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def children(pid: int, containing: str = "") -> list[int]:
    """Direct children whose command line contains a word."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
            command = (stat.parent / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if int(fields[1]) == pid and fields[0] != "Z" and containing in command:
            found.append(int(stat.parent.name))
    return found


def files_below(folder: Path) -> list[Path]:
    """All files, also while folders come and go."""
    return [Path(parent, name) for parent, _, names in os.walk(folder) for name in names]


def metric(page: str, name: str) -> float:
    """The sum over all labels of one metric in Prometheus text."""
    values = [
        float(line.rpartition(" ")[2])
        for line in page.splitlines()
        if line.startswith((f"{name} ", f"{name}{{"))
    ]
    assert values, f"there is no metric {name}"
    return sum(values)


@dataclass(frozen=True, slots=True)
class Held:
    """What a server holds at one moment."""

    tasks: int
    files: int
    threads: int
    workers: int
    temporary: int
    """Files in TMPDIR, and what is being written to the object store."""
    streams_stored: int
    """Streams that have segments in the object store."""
    rss_bytes: int

    @classmethod
    def by(cls, server: ServerProcess, temporary: Path) -> Held:
        """``temporary`` is the TMPDIR that the server was started with."""
        page = server.metrics()
        unfinished = [*files_below(temporary), *files_below(server.data / "objects" / ".incoming")]
        objects = server.data / "objects" / "live"
        return cls(
            tasks=int(metric(page, "mediaserver_tasks")),
            files=open_files(server.pid),
            threads=threads(server.pid),
            workers=len(children(server.pid, "transcoder.worker live")),
            temporary=len(unfinished),
            streams_stored=len({path.relative_to(objects).parts[0] for path in files_below(objects)}),
            rss_bytes=rss_bytes(server.pid),
        )

    def exceeds(self, before: Held, *, rss_bytes: int, tasks: int = 4, files: int = 8) -> str:
        """What there is more of than before, allowances aside; "" for nothing.

        Threads: pools start theirs one by one, when there is work, and keep them.
        """
        allowed = {"tasks": tasks, "files": files, "threads": 8, "workers": 0, "temporary": 0}
        allowed["streams_stored"] = 0
        allowed["rss_bytes"] = rss_bytes
        grown = {
            name: (getattr(before, name), getattr(self, name))
            for name, allowance in allowed.items()
            if getattr(self, name) > getattr(before, name) + allowance
        }
        return ", ".join(f"{name} {was} -> {now}" for name, (was, now) in grown.items())
