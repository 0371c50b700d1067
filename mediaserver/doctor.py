"""Checks of this machine before the server starts. Each says ok, warn or fail, and what to do."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

from mediaserver.certificates import check_certificate
from mediaserver.listeners import listener_on
from mediaserver.settings import Config, SettingsError
from mediaserver.state.records import RecordsError
from mediaserver.state.sqlite import FILE_NAME, open_sqlite_records
from transcoder.encoder_probe import EncoderProbe
from transcoder.encoders import AUTO, choose

LITTLE_SPACE_BYTES: Final = 1 << 30
NO_SPACE_BYTES: Final = 64 << 20
WANTED_FILES: Final = 4_096
CODEC_CHECK_S: Final = 30.0
EARLIEST_UNIX_S: Final = 1_750_000_000
"""June 2025: a clock before this was never set, and no token or playlist would have a sane time."""
PAGES: Final = Path(__file__).parent / "web" / "pages" / "dist"

_DECODERS: Final = (
    *("h264", "hevc", "libdav1d", "vp9"),
    *("aac", "mp3float", "opus", "flac", "ac3", "eac3"),
)
_ENCODERS: Final = ("libx264", "aac", "libopus", "mjpeg")
# In a child, so that this process never loads FFmpeg.
_CODEC_PROBE: Final = """
import json, sys, av
def has(name, mode):
    try:
        av.codec.Codec(name, mode)
        return True
    except Exception:
        return False
wanted = json.loads(sys.argv[1])
missing = [f"{name} ({mode})" for mode, name in wanted if not has(name, "r" if mode == "decoder" else "w")]
print(json.dumps({"av": av.__version__, "ffmpeg": av.ffmpeg_version_info, "missing": missing}))
"""


class Grade(Enum):
    OK = "ok"
    WARN = "warn"
    """The server runs, with less than it could."""
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    grade: Grade
    subject: str
    detail: str


def examine(config: Config) -> Iterator[Finding]:
    """Every check, in an order in which they are to be put right."""
    yield check_python()
    yield from check_data_folder(config.data_path)
    yield check_records(config.data_path)
    records = config.data_path / FILE_NAME
    yield check_port("http", config.http.host, config.http.port, records)
    yield check_port("rtmp", config.rtmp.host, config.rtmp.port, records)
    if isinstance(config.rtmps.port, int):
        yield check_port("rtmps", config.rtmp.host, config.rtmps.port, records)
        yield check_rtmps_files(config)
    yield check_codecs()
    yield check_encoders(config.transcoder.encoder)
    yield check_pages(PAGES)
    yield check_clock(time.time())
    yield check_file_limit(resource.getrlimit(resource.RLIMIT_NOFILE)[1])


def check_python() -> Finding:
    """The interpreter and the processors that we may use."""
    cores = len(os.sched_getaffinity(0))
    return Finding(
        Grade.OK, "python", f"{sys.version_info.major}.{sys.version_info.minor} on {cores} processor cores"
    )


def check_data_folder(folder: Path) -> Iterator[Finding]:
    """Whether we can write there, and how much."""
    existing = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    try:
        with tempfile.TemporaryFile(dir=existing) as probe:
            probe.write(b"x")
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        yield Finding(
            Grade.FAIL,
            "data",
            f"{folder.absolute()} cannot be written ({error.strerror}): "
            "change its owner or mode, or set data_dir",
        )
        return
    where = f"{folder.absolute()} can be " + ("written" if existing == folder else "made")
    free_bytes = shutil.disk_usage(existing).free
    space = f"{free_bytes / (1 << 30):.1f} GiB free"
    if free_bytes < NO_SPACE_BYTES:
        yield Finding(Grade.FAIL, "data", f"{where}, but only {space}: make room, or set data_dir")
    elif free_bytes < LITTLE_SPACE_BYTES:
        yield Finding(Grade.WARN, "data", f"{where}, but only {space}: make room before recording")
    else:
        yield Finding(Grade.OK, "data", f"{where}, {space}")


def check_records(folder: Path) -> Finding:
    """A write and a read in the records' file; in a scratch folder while there is none."""
    try:
        if (folder / FILE_NAME).exists():
            asyncio.run(_try_records(folder / FILE_NAME))
        else:
            with tempfile.TemporaryDirectory() as scratch:
                asyncio.run(_try_records(Path(scratch) / FILE_NAME))
    except (RecordsError, OSError) as error:
        return Finding(
            Grade.FAIL, "state", f"{error}: put it back from a backup, or move it away to begin anew"
        )
    return Finding(Grade.OK, "state", "SQLite takes records")


async def _try_records(file: Path) -> None:
    async with open_sqlite_records(file) as records:
        await records.put("doctor", "probe", b"x", ttl_s=1)
        await records.delete("doctor", "probe")


def check_port(name: str, host: str, port: int, records: Path | None = None) -> Finding:
    """Whether the port can be listened on, or is by the server whose ``records`` file this is."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except OSError as error:
        user = listener_on(port) if error.errno == errno.EADDRINUSE else None
        if user is not None and records is not None and user.has_open(records):
            return Finding(
                Grade.OK, name, f"{host}:{port} is used by this data folder's server, process {user.pid}"
            )
        named = f"{user.name}, process {user.pid}" if user else f"see ss -ltnp 'sport = :{port}'"
        advice = {
            errno.EADDRINUSE: f"stop what uses it ({named}), or set {name}.port",
            errno.EACCES: f"ports below 1024 need a right of their own: set {name}.port above",
            errno.EADDRNOTAVAIL: f"this machine has no such address: set {name}.host",
        }.get(error.errno or 0, f"set {name}.host and {name}.port")
        return Finding(Grade.FAIL, name, f"{host}:{port} {error.strerror or error}: {advice}")
    return Finding(Grade.OK, name, f"{host}:{port} is free")


def check_rtmps_files(config: Config) -> Finding:
    """Whether the certificate and the key can be read, and belong together."""
    try:
        check_certificate(config)
    except SettingsError as error:
        return Finding(Grade.FAIL, "rtmps", f"{error.allowed}: see to that file, or set {error.key}")
    return Finding(Grade.OK, "rtmps", f"the certificate {config.rtmps.certificate} and its key can be used")


def check_codecs() -> Finding:
    """What the media library can read and write, asked in a child process."""
    wanted = [("decoder", name) for name in _DECODERS] + [("encoder", name) for name in _ENCODERS]
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and our own text
            [sys.executable, "-c", _CODEC_PROBE, json.dumps(wanted)],
            capture_output=True,
            timeout=CODEC_CHECK_S,
            check=True,
        )
        answer = json.loads(done.stdout)
    except (subprocess.SubprocessError, OSError, ValueError):
        return Finding(Grade.FAIL, "codecs", "PyAV does not load: run make setup (or pip install av) again")
    about = f"PyAV {answer['av']} with FFmpeg {answer['ffmpeg']}"
    if answer["missing"]:
        return Finding(
            Grade.FAIL,
            "codecs",
            f"{about} lacks {', '.join(answer['missing'])}: install PyAV from its wheel",
        )
    return Finding(Grade.OK, "codecs", f"{about} has all that are used")


def check_encoders(setting: str, probe: EncoderProbe | None = None) -> Finding:
    """What makes the rungs' pictures, each hardware encoder really tried in a child process."""
    tried = asyncio.run((probe or EncoderProbe()).tried())
    used = choose(setting, tried)[0]
    found = [f"{encoder} works" for encoder, reason in tried.items() if not reason]
    missing = [f"{encoder}: {reason}" for encoder, reason in tried.items() if reason]
    detail = f"pictures are made by {used} ({'; '.join([*found, 'software works', *missing])})"
    if setting not in (AUTO, used):
        return Finding(
            Grade.WARN,
            "encoders",
            f"{detail}: mend the driver of {setting}, or set transcoder.encoder to auto",
        )
    return Finding(Grade.OK, "encoders", detail)


def check_pages(folder: Path) -> Finding:
    """Whether the player pages are there."""
    if (folder / "index.html").is_file():
        return Finding(Grade.OK, "pages", "built")
    return Finding(Grade.WARN, "pages", "not built, so there is only the API: run make pages")


def check_clock(unix_s: float) -> Finding:
    """Tokens, playlists and records carry wall clock times."""
    shown = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(unix_s))
    if unix_s < EARLIEST_UNIX_S:
        return Finding(Grade.FAIL, "clock", f"says {shown}: set it, best by NTP")
    return Finding(Grade.OK, "clock", f"says {shown}")


def check_file_limit(hard: int) -> Finding:
    """Each viewer's connection is an open file."""
    if hard != resource.RLIM_INFINITY and hard < WANTED_FILES:
        return Finding(
            Grade.WARN,
            "files",
            f"at most {hard} open files, about as many viewers: raise it (ulimit -Hn, or LimitNOFILE=)",
        )
    shown = "no limit" if hard == resource.RLIM_INFINITY else f"up to {hard}"
    return Finding(Grade.OK, "files", f"{shown} open files")
