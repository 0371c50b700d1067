"""Where bytes are kept that outlive the process: objects under keys, on local disk (S3 is to come)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from mediaserver.settings import StorageSettings
from mediaserver.storage.contract import Objects
from mediaserver.storage.local import LocalObjects

FOLDER_NAME: Final = "objects"


@asynccontextmanager
async def open_objects(settings: StorageSettings, data_path: Path) -> AsyncIterator[Objects]:
    """The store that ``storage.url`` names. Raises :class:`mediaserver.storage.contract.StoreError`."""
    objects = await LocalObjects.open(data_path / FOLDER_NAME, fsync=settings.fsync)
    try:
        yield objects
    finally:
        await objects.close()
