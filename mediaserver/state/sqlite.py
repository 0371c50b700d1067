"""Records in one SQLite file: durable, with nothing installed.

One connection, which is the one writer; aiosqlite gives it a thread of its own, so the event loop never
waits for the disk. Each call is a single statement, so a caller that is cancelled leaves it whole.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import aiosqlite

from mediaserver.state.records import LIST_LIMIT, Record, RecordConflict, RecordsError

FILE_NAME: Final = "state.sqlite3"
SCHEMA_VERSION: Final = 1
BUSY_TIMEOUT_S: Final = 5.0
"""How long to wait for another process (the ``token`` command) that holds the file."""
PURGE_EVERY_WRITES: Final = 256

# AUTOINCREMENT: "the automatically generated ROWIDs ... are guaranteed to be monotonically increasing"
# and never used twice (sqlite.org/autoinc.html), which is what a version has to be. A write replaces
# the row, so it draws a new one.
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS records (
    version INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    value BLOB NOT NULL,
    expires_at REAL,
    UNIQUE (kind, key)
) STRICT;
CREATE INDEX IF NOT EXISTS records_expiry ON records (expires_at) WHERE expires_at IS NOT NULL;
"""
_GET: Final = """
SELECT kind, key, value, version, expires_at FROM records
WHERE kind = :kind AND key = :key AND (expires_at IS NULL OR expires_at > :now)
"""
_PUT: Final = """
INSERT OR REPLACE INTO records (kind, key, value, expires_at)
SELECT :kind, :key, :value, :expires_at
WHERE :expected IS NULL OR :expected = coalesce((
    SELECT version FROM records
    WHERE kind = :kind AND key = :key AND (expires_at IS NULL OR expires_at > :now)
), 0)
RETURNING version
"""
_DELETE: Final = """
DELETE FROM records
WHERE kind = :kind AND key = :key AND (expires_at IS NULL OR expires_at > :now)
AND (:expected IS NULL OR version = :expected)
RETURNING version
"""
_LIST: Final = """
SELECT kind, key, value, version, expires_at FROM records
WHERE kind = :kind AND key > :after AND (expires_at IS NULL OR expires_at > :now)
ORDER BY key LIMIT :limit
"""
_PURGE: Final = "DELETE FROM records WHERE expires_at <= :now"


@contextlib.asynccontextmanager
async def open_sqlite_records(
    file: Path, *, clock: Callable[[], float] = time.time
) -> AsyncIterator[SqliteRecords]:
    """Open (and make, mode 0600) the file. ``clock`` gives Unix seconds. Raises :class:`RecordsError`."""
    async with contextlib.AsyncExitStack() as stack:
        try:
            # Made by us so that the mode is right from its first byte; SQLite gives its side files the same.
            with contextlib.suppress(FileExistsError):
                os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            connection = await stack.enter_async_context(
                aiosqlite.connect(file, isolation_level=None, timeout=BUSY_TIMEOUT_S)
            )
            await _prepare(connection, file)
        except (OSError, sqlite3.Error) as error:
            raise RecordsError(f"{file}: {error}") from error
        records = SqliteRecords(connection, file, clock)
        await records.purge()
        yield records


async def _prepare(connection: aiosqlite.Connection, file: Path) -> None:
    await connection.execute("PRAGMA journal_mode = WAL")
    # FULL: in WAL mode NORMAL may lose the last transactions when the power goes (sqlite.org/pragma.html).
    await connection.execute("PRAGMA synchronous = FULL")
    async with connection.execute("PRAGMA user_version") as cursor:
        row = await cursor.fetchone()
    version = row[0] if row else 0
    if version > SCHEMA_VERSION:
        raise RecordsError(f"{file} was written by a newer version of this program")
    await connection.executescript(_SCHEMA)
    await connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


class SqliteRecords:
    """:class:`mediaserver.state.records.Records` in one SQLite file."""

    def __init__(self, connection: aiosqlite.Connection, file: Path, clock: Callable[[], float]) -> None:
        self._connection = connection
        self._file = file
        self._clock = clock
        self._writes = 0

    async def get(self, kind: str, key: str) -> Record | None:
        rows = await self._run(_GET, {"kind": kind, "key": key})
        return Record(*rows[0]) if rows else None

    async def put(
        self,
        kind: str,
        key: str,
        value: bytes,
        *,
        expected_version: int | None = None,
        ttl_s: float | None = None,
    ) -> int:
        expires_at = None if ttl_s is None else self._clock() + ttl_s
        rows = await self._run(
            _PUT,
            {
                "kind": kind,
                "key": key,
                "value": value,
                "expires_at": expires_at,
                "expected": expected_version,
            },
        )
        if not rows:
            raise RecordConflict(kind, key, expected_version or 0)
        self._writes += 1
        if self._writes % PURGE_EVERY_WRITES == 0:
            await self.purge()
        return int(rows[0][0])

    async def delete(self, kind: str, key: str, *, expected_version: int | None = None) -> bool:
        rows = await self._run(_DELETE, {"kind": kind, "key": key, "expected": expected_version})
        if not rows and expected_version is not None:
            raise RecordConflict(kind, key, expected_version)
        return bool(rows)

    async def list_records(self, kind: str, *, after: str = "", limit: int = LIST_LIMIT) -> list[Record]:
        rows = await self._run(_LIST, {"kind": kind, "after": after, "limit": limit})
        return [Record(*row) for row in rows]

    async def check(self) -> None:
        await self._run("SELECT 1 FROM records LIMIT 1", {})

    async def purge(self) -> None:
        """Give back the space of records whose time is over."""
        await self._run(_PURGE, {})

    async def _run(self, statement: str, values: Mapping[str, Any]) -> list[Any]:
        try:
            rows: Iterable[Any] = await self._connection.execute_fetchall(
                statement, {"now": self._clock(), **values}
            )
        except sqlite3.Error as error:
            raise RecordsError(f"{self._file}: {error}") from error
        return list(rows)
