"""Objects as viewers fetch them: each loaded once for all who wait, and kept while there is room."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Final

from mediaserver.storage.contract import ObjectDamaged, Objects
from transcoder.manifests.segment import Media, Stored

CACHE_BYTES: Final = 32 << 20
"""Players that know no low latency fetch what has just left memory; all of them within a few seconds."""
_LARGEST_SHARE: Final = 4
"""An object above a fourth of the cache would push out too much."""


class ObjectCache:
    """The last used objects, up to ``limit_bytes`` of them."""

    def __init__(self, objects: Objects, limit_bytes: int = CACHE_BYTES) -> None:
        self._objects = objects
        self._limit_bytes = limit_bytes
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._loading: dict[str, asyncio.Task[bytes]] = {}
        self.kept_bytes = 0
        self.loads = 0
        """Reads from the store since the start."""

    async def fetch(self, key: str) -> bytes:
        """Raises ObjectMissing, ObjectDamaged, StoreError."""
        data = self._kept.get(key)
        if data is not None:
            self._kept.move_to_end(key)
            return data
        task = self._loading.get(key)
        if task is None:
            task = self._loading[key] = asyncio.create_task(self._load(key))
            task.add_done_callback(self._loaded)
        # Who goes away does not take the load away from the others.
        return await asyncio.shield(task)

    async def media(self, stored: Stored) -> Media:
        """What ``stored`` was before it left memory. Raises as :meth:`fetch`."""
        data = await self.fetch(stored.key)
        if len(data) != stored.size:
            raise ObjectDamaged(stored.key, f"it has {len(data)} bytes instead of {stored.size}")
        return Media((data,), stored.size, stored.etag, stored.content_type)

    def forget(self, key: str) -> None:
        """It is deleted from the store."""
        data = self._kept.pop(key, None)
        if data is not None:
            self.kept_bytes -= len(data)

    async def close(self) -> None:
        """Let nobody wait any more."""
        for task in self._loading.values():
            task.cancel()
        await asyncio.gather(*self._loading.values(), return_exceptions=True)

    async def _load(self, key: str) -> bytes:
        try:
            self.loads += 1
            data = await self._objects.get(key)
        finally:
            del self._loading[key]
        if len(data) <= self._limit_bytes // _LARGEST_SHARE:
            self._kept[key] = data
            self.kept_bytes += len(data)
            while self.kept_bytes > self._limit_bytes:
                self.kept_bytes -= len(self._kept.popitem(last=False)[1])
        return data

    @staticmethod
    def _loaded(task: asyncio.Task[bytes]) -> None:
        if not task.cancelled():
            # Looked at here, because all who waited may have gone.
            task.exception()
