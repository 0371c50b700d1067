"""The newest poster of each stream in the object store, so that a restart does not lose it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Container

from mediaserver.storage.contract import ObjectMissing, Objects, StoreError

log = logging.getLogger(__name__)

ROOT = "posters/"
STORE_S = 5.0
"""How long the store may take: a poster is worth no more."""


class Posters:
    """What fails here costs a picture after a restart, and is only logged."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    async def keep(self, stream: str, jpeg: bytes) -> None:
        """In the place of the one before."""
        try:
            async with asyncio.timeout(STORE_S):
                await self._objects.put(_key(stream), jpeg, content_type="image/jpeg")
        except (StoreError, TimeoutError) as error:
            log.debug("stream %s: its poster is not kept: %s", stream, error)

    async def load(self, stream: str) -> bytes | None:
        """What an earlier process kept."""
        try:
            async with asyncio.timeout(STORE_S):
                return await self._objects.get(_key(stream))
        except ObjectMissing:
            return None
        except (StoreError, TimeoutError) as error:
            log.debug("stream %s: its poster cannot be read: %s", stream, error)
            return None

    async def forget(self, stream: str) -> None:
        """Nothing of the stream is on air any more."""
        try:
            async with asyncio.timeout(STORE_S):
                await self._objects.delete(_key(stream))
        except (StoreError, TimeoutError) as error:
            log.debug("stream %s: its poster is not deleted: %s", stream, error)

    async def clean(self, on_air: Container[str]) -> None:
        """Delete those of streams that an earlier process had on air, and this one has not."""
        try:
            names = [_stream(key) for key in await self._objects.list(ROOT)]
        except StoreError as error:
            log.debug("old posters are not found: %s", error)
            return
        for name in names:
            if name not in on_air:
                await self.forget(name)


def _key(stream: str) -> str:
    return f"{ROOT}{stream}.jpg"


def _stream(key: str) -> str:
    return key.removeprefix(ROOT).removesuffix(".jpg")
