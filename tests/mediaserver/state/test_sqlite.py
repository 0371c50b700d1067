"""What is special about the SQLite records: the file, its mode, and how it fails."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from mediaserver.state.records import RecordsError
from mediaserver.state.sqlite import SCHEMA_VERSION, open_sqlite_records


async def test_the_file_is_for_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "state.sqlite3"
    async with open_sqlite_records(file) as records:
        await records.put("k", "a", b"1")
        for side in tmp_path.iterdir():  # noqa: ASYNC240
            assert side.stat().st_mode & 0o777 == 0o600, side


async def test_writes_are_synchronous_and_logged_ahead(tmp_path: Path) -> None:
    async with open_sqlite_records(tmp_path / "state.sqlite3") as records:
        (journal,) = await records._run("PRAGMA journal_mode", {})
        (synchronous,) = await records._run("PRAGMA synchronous", {})
    assert journal[0] == "wal"
    assert synchronous[0] == 2  # FULL


async def test_a_folder_in_the_way_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordsError, match="missing"):
        async with open_sqlite_records(tmp_path / "missing" / "state.sqlite3"):
            pass


async def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    file = tmp_path / "state.sqlite3"
    file.write_bytes(b"this is not a database, but long enough to look at" * 20)
    with pytest.raises(RecordsError, match="not a database"):
        async with open_sqlite_records(file):
            pass


async def test_a_newer_schema_is_not_touched(tmp_path: Path) -> None:
    file = tmp_path / "state.sqlite3"
    with sqlite3.connect(file) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    with pytest.raises(RecordsError, match="newer version"):
        async with open_sqlite_records(file):
            pass


async def test_expired_records_give_their_space_back(tmp_path: Path) -> None:
    now_s = 1_000.0
    async with open_sqlite_records(tmp_path / "state.sqlite3", clock=lambda: now_s) as records:
        await records.put("k", "a", b"1", ttl_s=5)
        now_s += 6
        await records.purge()
        assert await records._run("SELECT count(*) FROM records", {}) == [(0,)]
