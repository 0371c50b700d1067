"""Objects as files below one folder: the blocking half of the local twin, called in threads only.

An object is one file (:mod:`mediaserver.storage.envelope`) named as its key with ``,object`` at the end: no
key holds a comma, so an object ``a`` and a folder ``a`` can stand side by side as they do in S3. What is
being written lies in ``.incoming`` until it is whole, locked by who writes it; the kernel lets go of the lock
of a process that was killed, and that is how leftovers are told from what somebody still writes.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from mediaserver.storage.contract import ObjectDamaged, ObjectInfo, ObjectMissing, StoreError, StoreFull
from mediaserver.storage.envelope import (
    TAIL_BYTES,
    Description,
    EnvelopeError,
    describe,
    seal,
    sealed_bytes,
    unseal,
)
from mediaserver.storage.keys import check_key, is_name

SUFFIX: Final = ",object"
INCOMING: Final = ".incoming"
_PUT_TRIES: Final = 32
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_PROBE: Final = b"\0" * 4096


class ObjectFiles:
    """Everything raises :class:`StoreError` where the disk is at fault."""

    def __init__(self, root: Path, *, fsync: bool) -> None:
        self._root = root
        self._incoming = root / INCOMING
        self._fsync = fsync

    def open(self) -> int:
        """Make the folders, and remove what killed processes left half-written. Answers how many."""
        try:
            # One by one: folders above the last one would get the mode of the umask.
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._incoming.mkdir(mode=0o700, exist_ok=True)
            return sum(map(self._remove_if_left, list(os.scandir(self._incoming))))
        except OSError as error:
            raise _failure(error, "the object store cannot be opened") from error

    def put(self, key: str, pieces: Sequence[bytes], content_type: str) -> ObjectInfo:
        target = self._path(key)
        description = describe(pieces, content_type)
        for left in reversed(range(_PUT_TRIES)):
            try:
                self._write(target, [*pieces, seal(description)])
                break
            except (FileNotFoundError, FileExistsError) as error:
                # Somebody deleted the last object of the folder, and with it the folder, in between. Making
                # a folder that then is none any more ends with "exists".
                if not left:
                    raise _failure(error, f"object {key!r} cannot be written") from error
            except OSError as error:
                raise _failure(error, f"object {key!r} cannot be written") from error
        return _info(key, description)

    def get(self, key: str, start: int, length: int | None) -> bytes:
        if start < 0 or (length is not None and length < 0):
            raise ValueError(f"a range of {length} bytes from {start}")
        with self._opened(key) as file:
            description = file.description
            end = description.size if length is None else min(description.size, start + length)
            blocks = description.blocks_of(start, end)
            first = blocks.start * description.block_bytes
            last = min(description.size, blocks.stop * description.block_bytes)
            data = file.read(first, last - first)
        view = memoryview(data)
        for index, number in enumerate(blocks):
            at = index * description.block_bytes
            if not description.is_block(number, view[at : at + description.block_bytes]):
                raise ObjectDamaged(key, f"block {number} does not match its checksum")
        whole = start == first and end == last
        return data if whole else data[max(0, start - first) : max(0, end - first)]

    def info(self, key: str) -> ObjectInfo:
        with self._opened(key) as file:
            return _info(key, file.description)

    def delete(self, key: str) -> None:
        path = self._path(key)
        try:
            path.unlink()
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise _failure(error, f"object {key!r} cannot be deleted") from error
        # Folders that are empty now go too; the first one that is not ends it.
        with suppress(OSError):
            for folder in path.parents:
                if folder == self._root:
                    break
                folder.rmdir()

    def list(self, prefix: str, after: str, limit: int) -> list[str]:
        keys: list[str] = []
        if limit < 1:
            return keys
        try:
            for key in self._walk(self._root, "", prefix, after):
                keys.append(key)
                if len(keys) == limit:
                    break
        except OSError as error:
            raise _failure(error, "objects cannot be listed") from error
        return keys

    def probe(self) -> None:
        """Whether something can be written now."""
        try:
            path = self._incoming / f"probe-{secrets.token_hex(8)}"
            try:
                self._write_whole(path, [_PROBE])
            finally:
                path.unlink(missing_ok=True)
        except OSError as error:
            raise _failure(error, "the object store cannot be written") from error

    # Inside

    def _path(self, key: str) -> Path:
        return self._root / f"{check_key(key)}{SUFFIX}"

    def _opened(self, key: str) -> _ObjectFile:
        try:
            return _ObjectFile(key, os.open(self._path(key), os.O_RDONLY | os.O_CLOEXEC))
        except (FileNotFoundError, NotADirectoryError):
            raise ObjectMissing(key) from None
        except OSError as error:
            raise _failure(error, f"object {key!r} cannot be opened") from error

    def _write(self, target: Path, pieces: Sequence[bytes]) -> None:
        # Each time, because deleting the last object of a folder takes the folder away.
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._incoming / secrets.token_hex(12)
        try:
            self._write_whole(path, pieces, target)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        if self._fsync:
            # A rename lasts once the folder is on the disk; a folder once the one above it is.
            with suppress(FileNotFoundError):
                for folder in target.parents:
                    _sync_folder(folder)
                    if folder == self._root:
                        break

    def _write_whole(self, path: Path, pieces: Sequence[bytes], target: Path | None = None) -> None:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            # A sweep that came between the two lines has removed the file: the rename then tells.
            # Where there are no locks nothing is ever swept.
            with suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for piece in pieces:
                rest = memoryview(piece)
                while rest:
                    rest = rest[os.write(file, rest) :]
            if self._fsync:
                os.fsync(file)
            if target is not None:
                path.rename(target)
        finally:
            os.close(file)

    def _remove_if_left(self, entry: os.DirEntry[str]) -> bool:
        try:
            file = os.open(entry.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            return False
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(entry.path)
        except OSError:
            return False
        finally:
            os.close(file)
        return True

    def _walk(self, folder: Path, above: str, prefix: str, after: str) -> Iterator[str]:
        """Keys in order. A folder that cannot hold any that is wanted is not opened."""
        try:
            with os.scandir(folder) as entries:
                found = sorted(filter(None, (_key_of(entry, above) for entry in entries)))
        except FileNotFoundError:
            return
        for key in found:
            if key.endswith("/"):
                may_match = key.startswith(prefix) or prefix.startswith(key)
                if may_match and (key > after or after.startswith(key)):
                    yield from self._walk(self._root / key, key, prefix, after)
            elif key > after and key.startswith(prefix):
                yield key


class _ObjectFile:
    """An object's file, open for reading, and its description. A context: leaving it closes the file."""

    def __init__(self, key: str, file: int) -> None:
        self._key = key
        self._file = file
        try:
            self.description = self._unseal()
        except EnvelopeError as error:
            os.close(file)
            raise ObjectDamaged(key, str(error)) from None
        except BaseException:
            os.close(file)
            raise

    def __enter__(self) -> _ObjectFile:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)

    def read(self, start: int, size: int) -> bytes:
        """Exactly ``size`` bytes. Raises ObjectDamaged where the file is shorter."""
        pieces = []
        while size > 0:
            try:
                piece = os.pread(self._file, size, start)
            except OSError as error:
                raise _failure(error, f"object {self._key!r} cannot be read") from error
            if not piece:
                raise ObjectDamaged(self._key, "it is cut off")
            pieces.append(piece)
            start += len(piece)
            size -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _unseal(self) -> Description:
        file_bytes = os.fstat(self._file).st_size
        tail = self.read(max(0, file_bytes - TAIL_BYTES), min(file_bytes, TAIL_BYTES))
        needed = sealed_bytes(tail)
        if len(tail) < needed <= file_bytes:
            tail = self.read(file_bytes - needed, needed)
        return unseal(tail, file_bytes)


def _key_of(entry: os.DirEntry[str], above: str) -> str | None:
    """The key of a file; of a folder with a slash, which also gives it its place among its neighbours."""
    if entry.name.endswith(SUFFIX):
        name = entry.name.removesuffix(SUFFIX)
        return above + name if is_name(name) else None
    return f"{above}{entry.name}/" if is_name(entry.name) and entry.is_dir() else None


def _info(key: str, description: Description) -> ObjectInfo:
    return ObjectInfo(key, description.size, description.etag, description.content_type)


def _sync_folder(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _failure(error: OSError, what: str) -> StoreError:
    kind = StoreFull if error.errno in _FULL else StoreError
    return kind(f"{what}: {error.strerror or error}")
