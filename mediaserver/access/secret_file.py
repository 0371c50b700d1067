"""A secret in a file of its own: made once, whole or not at all, readable by its owner only."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Final

MODE: Final = 0o600
SIZE_LIMIT_BYTES: Final = 4_096


class SecretFileError(Exception):
    """The file cannot be made, read or trusted; the sentence names it, never what it holds."""


def read_or_create(file: Path, make: Callable[[], str], *, min_chars: int) -> tuple[str, bool]:
    """The secret in ``file``, and whether it was made by this call. Raises :class:`SecretFileError`.

    Of several processes that start at once, one makes the file and all read the same secret.
    """
    try:
        if not file.exists():
            created = _create(file, make())
        else:
            created = False
        return _read(file, min_chars), created
    except OSError as error:
        raise SecretFileError(f"{file}: {error.strerror or error}") from error


def _create(file: Path, secret: str) -> bool:
    """Write beside, then link into place: the name never shows a part of it, nor replaces another's."""
    draft = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, MODE)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as writer:
            os.fchmod(descriptor, MODE)
            writer.write(secret + "\n")
            writer.flush()
            os.fsync(descriptor)
        try:
            os.link(draft, file)
        except FileExistsError:
            return False
        _sync_folder(file.parent)
        return True
    finally:
        draft.unlink()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        # Not every file system can (EINVAL); then the name is as durable as that file system makes it.
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(file: Path, min_chars: int) -> str:
    descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as reader:
        if os.fstat(descriptor).st_mode & 0o077:
            # Somebody copied or restored it with a wider mode. The owner can put that right, so do.
            os.fchmod(descriptor, MODE)
        content = reader.read(SIZE_LIMIT_BYTES)
    try:
        secret = content.decode("ascii").strip()
    except UnicodeDecodeError:
        secret = ""
    if len(secret) < min_chars or not secret.isprintable() or " " in secret:
        raise SecretFileError(
            f"{file}: must hold one line of at least {min_chars} characters without spaces; "
            "delete it to have a new one made"
        )
    return secret
