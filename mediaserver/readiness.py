"""What must work for new work to be sent here: the checks of ``/readyz``."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
from pathlib import Path
from typing import Final

from mediaserver.live.archive import Archive
from mediaserver.state.records import Records, RecordsError
from mediaserver.web.health import Check

log = logging.getLogger(__name__)

NO_SPACE_BYTES: Final = 64 << 20
"""With less room than this the data folder is not ready for anything."""


def checks(draining: Check, records: Records, data_path: Path, archive: Archive) -> dict[str, Check]:
    """Each answers ``ok`` or, in a few words, why not. ``draining`` is the server's own."""

    async def state() -> str:
        try:
            await records.check()
        except RecordsError as error:
            log.error("the records do not answer: %s", error)
            return "the records do not answer"
        return "ok"

    async def storage() -> str:
        free_bytes = (await asyncio.to_thread(shutil.disk_usage, data_path)).free
        if not os.access(data_path, os.W_OK):
            return "the data folder cannot be written"
        if free_bytes < NO_SPACE_BYTES:
            return "the disk of the data folder is full"
        return await archive.check()

    return {"server": draining, "storage": storage, "state": state}
