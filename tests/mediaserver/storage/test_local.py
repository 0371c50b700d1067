"""What only the local disk can do wrong: damage, leftovers of killed processes, no room, no answer."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mediaserver.storage import local
from mediaserver.storage.contract import ObjectDamaged, ObjectMissing, StoreError, StoreFull
from mediaserver.storage.files import INCOMING, SUFFIX, ObjectFiles
from mediaserver.storage.local import LocalObjects

BIG = bytes(range(256)) * 3000


@pytest.fixture
async def objects(tmp_path: Path) -> AsyncIterator[LocalObjects]:
    opened = await LocalObjects.open(tmp_path, fsync=False)
    yield opened
    await opened.close()


async def put(objects: LocalObjects, key: str, data: bytes = BIG) -> None:
    await objects.put(key, data, content_type="video/mp4")


# Damage


@given(place=st.integers(0, 10**9), flip=st.integers(1, 255), size=st.sampled_from([0, 1, 300_000, 600_000]))
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_changed_byte_is_never_handed_out(tmp_path: Path, place: int, flip: int, size: int) -> None:
    files = ObjectFiles(tmp_path, fsync=False)
    files.open()
    data = BIG[:size]
    files.put("a", [data], "video/mp4")
    path = tmp_path / f"a{SUFFIX}"
    stored = bytearray(path.read_bytes())
    stored[place % len(stored)] ^= flip
    path.write_bytes(stored)
    with pytest.raises(ObjectDamaged):
        files.get("a", 0, None)


@given(length=st.integers(0, 10**9))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_object_that_is_cut_off_is_never_handed_out(tmp_path: Path, length: int) -> None:
    files = ObjectFiles(tmp_path, fsync=False)
    files.open()
    files.put("a", [BIG], "video/mp4")
    path = tmp_path / f"a{SUFFIX}"
    whole = path.read_bytes()
    path.write_bytes(whole[: length % len(whole)])
    for call in (lambda: files.get("a", 0, None), lambda: files.get("a", 5, 10), lambda: files.info("a")):
        with pytest.raises(ObjectDamaged):
            call()


async def test_damage_costs_only_the_ranges_that_have_it(objects: LocalObjects, tmp_path: Path) -> None:
    await put(objects, "a")
    path = tmp_path / f"a{SUFFIX}"
    stored = bytearray(path.read_bytes())
    stored[300_000] ^= 1
    path.write_bytes(stored)
    assert await objects.get("a", start=10, length=100) == BIG[10:110]
    assert await objects.get("a", start=600_000) == BIG[600_000:]
    with pytest.raises(ObjectDamaged, match="block 1 "):
        await objects.get("a", start=299_999, length=1)


async def test_a_foreign_file_is_damage_and_can_be_deleted(objects: LocalObjects, tmp_path: Path) -> None:
    (tmp_path / f"a{SUFFIX}").write_bytes(b"not one of ours, and long enough to have a footer")
    with pytest.raises(ObjectDamaged):
        await objects.get("a")
    assert await objects.list() == ["a"]
    await objects.delete("a")
    assert await objects.list() == []


async def test_files_that_are_no_objects_are_not_listed(objects: LocalObjects, tmp_path: Path) -> None:
    (tmp_path / "lost+found").mkdir()
    (tmp_path / "note.txt").write_text("by the operator")
    (tmp_path / f".hidden{SUFFIX}").write_text("x")
    await put(objects, "a/b", b"x")
    assert await objects.list() == ["a/b"]


# Killed processes

WRITER = """
import asyncio, sys
from pathlib import Path
from mediaserver.storage.local import LocalObjects
async def main():
    objects = await LocalObjects.open(Path(sys.argv[1]), fsync=False)
    print("ready", flush=True)
    number = 0
    while True:
        for name in "abcd":
            await objects.put(name, bytes([number % 256]) * 2_000_000, content_type="video/mp4")
        number += 1
asyncio.run(main())
"""


def test_a_process_that_is_killed_while_it_writes_leaves_whole_objects_and_nothing_else(
    tmp_path: Path,
) -> None:
    for _ in range(3):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE)
        assert writer.stdout is not None
        writer.stdout.readline()
        # Some writes later: as soon as something is under way.
        while not any((tmp_path / INCOMING).iterdir()):
            pass
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        files = ObjectFiles(tmp_path, fsync=False)
        files.open()
        assert list((tmp_path / INCOMING).iterdir()) == []
        for key in files.list("", "", 100):
            assert len(set(files.get(key, 0, None))) == 1
            assert files.info(key).size == 2_000_000


async def test_what_somebody_still_writes_is_not_swept_away(objects: LocalObjects, tmp_path: Path) -> None:
    held = ObjectFiles(tmp_path, fsync=False)
    begun, go_on = threading.Event(), threading.Event()

    def pieces() -> Iterator[bytes]:
        yield b"first"
        begun.set()
        go_on.wait(10)
        yield b"second"

    target = tmp_path / f"slow{SUFFIX}"
    writing = asyncio.create_task(
        asyncio.to_thread(held._write_whole, tmp_path / INCOMING / "slow", pieces(), target)  # type: ignore[arg-type]
    )
    await asyncio.to_thread(begun.wait, 10)
    assert ObjectFiles(tmp_path, fsync=False).open() == 0
    go_on.set()
    await writing
    assert target.read_bytes() == b"firstsecond"


def test_leftovers_are_swept_at_the_start(tmp_path: Path) -> None:
    (tmp_path / INCOMING).mkdir()
    for number in range(3):
        (tmp_path / INCOMING / f"left-{number}").write_bytes(b"half")
    assert ObjectFiles(tmp_path, fsync=False).open() == 3
    assert list((tmp_path / INCOMING).iterdir()) == []


# A disk that is full


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m,mode=700", "tmpfs", str(folder)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("no right to mount a tmpfs here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


async def test_a_full_disk(small_disk: Path) -> None:
    objects = await LocalObjects.open(small_disk / "objects", fsync=True)
    await objects.check()
    await put(objects, "kept", b"x" * 1_000_000)
    with pytest.raises(StoreFull):
        await put(objects, "large", b"x" * 5_000_000)
    with pytest.raises(ObjectMissing):
        await objects.get("large")
    # What had been written of it makes room for others again.
    assert list((small_disk / "objects" / INCOMING).iterdir()) == []
    await put(objects, "other", b"y" * 1_000_000)
    with pytest.raises(StoreFull):
        await put(objects, "kept", b"z" * 3_000_000)
    assert await objects.get("kept") == b"x" * 1_000_000
    filler = small_disk / "filler"
    with pytest.raises(OSError, match="No space"):
        filler.write_bytes(bytes(4 << 20))
    with pytest.raises(StoreFull):
        await objects.check()
    assert await objects.get("other") == b"y" * 1_000_000
    await objects.delete("other")
    await objects.check()
    filler.unlink()
    await put(objects, "again", b"x" * 1_500_000)
    await objects.close()


async def test_a_root_that_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="cannot be opened"):
        await LocalObjects.open(tmp_path / "file", fsync=False)


async def test_a_link_out_of_the_store_is_not_made_by_any_key(objects: LocalObjects, tmp_path: Path) -> None:
    await put(objects, "a/b", b"x")
    inside = {Path(folder) / name for folder, _, names in os.walk(tmp_path) for name in names}
    assert inside == {tmp_path / "a" / f"b{SUFFIX}"}


# A disk that does not answer


class StuckFiles(ObjectFiles):
    """Reads hang until they are let go."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, fsync=False)
        self.let_go = threading.Event()
        self.hanging = 0

    def get(self, key: str, start: int, length: int | None) -> bytes:
        self.hanging += 1
        self.let_go.wait(30)
        return super().get(key, start, length)


async def test_calls_end_at_their_deadline_and_take_a_bounded_number_of_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "DEADLINE_S", 0.05)
    files = StuckFiles(tmp_path)
    files.open()
    objects = LocalObjects(files)
    await asyncio.gather(*(objects.put(f"k{number}", b"x", content_type="a/b") for number in range(3)))
    answers = await asyncio.gather(*(objects.get("k0") for _ in range(30)), return_exceptions=True)
    assert all(isinstance(answer, StoreError) for answer in answers)
    assert files.hanging == local.READERS
    # Writes have threads of their own.
    await objects.put("k4", b"x", content_type="a/b")
    files.let_go.set()
    monkeypatch.setattr(local, "DEADLINE_S", 5.0)
    assert await objects.get("k0") == b"x"
    await objects.close()


async def test_a_closed_store_says_so(tmp_path: Path) -> None:
    objects = await LocalObjects.open(tmp_path, fsync=False)
    await objects.close()
    with pytest.raises(StoreError, match="closed"):
        await objects.get("a")


async def test_who_gives_up_waiting_leaves_the_write_whole(objects: LocalObjects) -> None:
    writing = asyncio.create_task(objects.put("a", BIG, content_type="video/mp4"))
    await asyncio.sleep(0)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    await objects.close()
    files = await LocalObjects.open(objects._files._root, fsync=False)
    try:
        assert await files.get("a") == BIG
    except ObjectMissing:
        assert await files.list() == []
    await files.close()
