"""What is special about the SQLite records: the file, its mode, and how it fails."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
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


async def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    """The child writes until it is killed; every write that it said was done must be there."""
    file = tmp_path / "state.sqlite3"
    program = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from mediaserver.state.sqlite import open_sqlite_records\n"
        "async def main():\n"
        "    async with open_sqlite_records(Path(sys.argv[1])) as records:\n"
        "        for number in range(100_000):\n"
        "            await records.put('k', f'{number:06}', b'x')\n"
        "            print(number, flush=True)\n"
        "asyncio.run(main())\n"
    )
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(file), cwd=Path(__file__).parents[3], stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    acknowledged = -1
    while acknowledged < 50:
        acknowledged = int(await child.stdout.readline())
    child.kill()
    rest = (await child.stdout.read()).split(b"\n")
    await child.wait()
    acknowledged = max([acknowledged, *(int(line) for line in rest[:-1])])
    async with open_sqlite_records(file) as records:
        keys = [record.key for record in await records.list_records("k", limit=100_000)]
    assert keys[: acknowledged + 1] == [f"{number:06}" for number in range(acknowledged + 1)]


async def test_another_process_may_write_in_between(tmp_path: Path) -> None:
    file = tmp_path / "state.sqlite3"
    async with open_sqlite_records(file) as one, open_sqlite_records(file) as other:
        for number in range(20):
            await asyncio.gather(one.put("k", f"a{number}", b""), other.put("k", f"b{number}", b""))
        assert len(await one.list_records("k")) == 40


async def test_a_folder_in_the_files_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "state.sqlite3").mkdir()
    with pytest.raises(RecordsError, match=r"state\.sqlite3"):
        async with open_sqlite_records(tmp_path / "state.sqlite3"):
            pass
