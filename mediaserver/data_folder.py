"""The data folder: made where it does not exist, and held by one server at a time.

At the start a server deletes from the object store what it does not take up. A second one in the same folder
would delete what the first one has on air, even if it then found the ports taken and left again.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

LOCK_NAME: Final = "lock"


class DataFolderError(Exception):
    """It cannot be used; one sentence that names it."""


@contextmanager
def data_folder(folder: Path) -> Iterator[Path]:
    """Its absolute path, and ours alone until the end. Raises :class:`DataFolderError`.

    The kernel lets go of the lock of a process that was killed. The file itself stays.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise DataFolderError(f"data_dir {folder} cannot be made: {error.strerror}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise DataFolderError(f"data_dir {folder} cannot be written")
    try:
        file = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise DataFolderError(f"data_dir {folder} cannot be written: {error.strerror}") from error
    try:
        _lock(file, folder)
        yield folder.absolute()
    finally:
        os.close(file)


def _lock(file: int, folder: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = os.pread(file, 20, 0).decode("ascii", "replace").strip()
        raise DataFolderError(
            f"data_dir {folder} is in use by another server" + (f" (process {pid})" if pid.isdigit() else "")
        ) from None
    except OSError:
        # A file system without locks: then nobody can be kept out.
        return
    os.ftruncate(file, 0)
    os.pwrite(file, f"{os.getpid()}\n".encode("ascii"), 0)
