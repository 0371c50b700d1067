"""The local-disk twin of :class:`mediaserver.storage.contract.Objects`: the asynchronous half."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path
from typing import Final, Self

from mediaserver.storage.contract import LIST_LIMIT, Data, ObjectInfo
from mediaserver.storage.files import ObjectFiles
from mediaserver.storage.keys import check_key
from mediaserver.storage.threads import DiskThreads

log = logging.getLogger(__name__)

DEADLINE_S: Final = 5.0
"""For each call. A disk that takes longer than this is not the disk that a live stream needs."""
LIST_DEADLINE_S: Final = 30.0
"""A listing may look into a hundred thousand folders."""
CLOSE_S: Final = 2.0
READERS: Final = 8
WRITERS: Final = 4


class LocalObjects:
    """Reads and writes have threads of their own, so that writes that hang do not keep viewers waiting."""

    def __init__(self, files: ObjectFiles) -> None:
        self._files = files
        self._readers = DiskThreads(READERS, "objects-read")
        self._writers = DiskThreads(WRITERS, "objects-write")

    @classmethod
    async def open(cls, root: Path, *, fsync: bool) -> Self:
        """Objects below ``root``, which is made where it does not exist. Raises StoreError."""
        files = ObjectFiles(root, fsync=fsync)
        objects = cls(files)
        left = await objects._writers.run("the object store cannot be opened", DEADLINE_S, files.open)
        if left:
            log.info("object store: %d unfinished files of an earlier run removed", left)
        return objects

    async def put(self, key: str, data: Data, *, content_type: str) -> ObjectInfo:
        pieces = [data] if isinstance(data, bytes) else list(data)
        call = partial(self._files.put, check_key(key), pieces, content_type)
        return await self._writers.run(f"object {key!r} cannot be written", DEADLINE_S, call)

    async def get(self, key: str, *, start: int = 0, length: int | None = None) -> bytes:
        call = partial(self._files.get, check_key(key), start, length)
        return await self._readers.run(f"object {key!r} cannot be read", DEADLINE_S, call)

    async def info(self, key: str) -> ObjectInfo:
        call = partial(self._files.info, check_key(key))
        return await self._readers.run(f"object {key!r} cannot be read", DEADLINE_S, call)

    async def list(self, prefix: str = "", *, after: str = "", limit: int = LIST_LIMIT) -> list[str]:
        call = partial(self._files.list, prefix, after, limit)
        return await self._readers.run("objects cannot be listed", LIST_DEADLINE_S, call)

    async def delete(self, key: str) -> None:
        call = partial(self._files.delete, check_key(key))
        await self._writers.run(f"object {key!r} cannot be deleted", DEADLINE_S, call)

    async def check(self) -> None:
        await self._writers.run("the object store cannot be written", DEADLINE_S, self._files.probe)

    async def close(self) -> None:
        await self._writers.close(CLOSE_S)
        await self._readers.close(CLOSE_S)
