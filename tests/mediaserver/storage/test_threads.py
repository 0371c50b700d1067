"""Threads that may hang: how many there are, who waits for them, and that nothing else does."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
import weakref

import pytest

from mediaserver.storage.contract import StoreError
from mediaserver.storage.threads import DiskThreads


async def test_answers_and_errors_come_back() -> None:
    threads = DiskThreads(2, "t")
    assert await threads.run("it", 5, lambda: 42) == 42
    with pytest.raises(ZeroDivisionError):
        await threads.run("it", 5, lambda: 1 // 0)
    await threads.close(5)
    with pytest.raises(StoreError, match="closed"):
        await threads.run("it", 5, lambda: 42)


async def test_no_more_threads_than_are_needed_and_allowed() -> None:
    threads = DiskThreads(3, "counted")
    for _ in range(5):
        await threads.run("it", 5, lambda: None)
    assert names("counted") == {"counted-1"}
    await asyncio.gather(*(threads.run("it", 5, lambda: None) for _ in range(20)))
    assert len(names("counted")) <= 3
    await threads.close(5)
    while names("counted"):
        await asyncio.to_thread(join, "counted")


def names(prefix: str) -> set[str]:
    return {thread.name for thread in threading.enumerate() if thread.name.startswith(prefix)}


def join(prefix: str) -> None:
    for thread in threading.enumerate():
        if thread.name.startswith(prefix):
            thread.join()


async def test_a_place_is_free_again_when_the_call_comes_back() -> None:
    threads = DiskThreads(1, "t")
    let_go = threading.Event()
    with pytest.raises(StoreError, match=r"it: no answer within 0\.01 s"):
        await threads.run("it", 0.01, lambda: let_go.wait(10))
    with pytest.raises(StoreError):
        await threads.run("it", 0.01, lambda: 1)
    let_go.set()
    assert await threads.run("it", 5, lambda: 2) == 2
    await threads.close(5)


async def test_what_a_call_held_is_let_go() -> None:
    class Large:
        pass

    threads = DiskThreads(1, "t")
    large = Large()
    gone = weakref.ref(large)

    def call(held: Large = large) -> None:
        pass

    await threads.run("it", 5, call)
    del large, call
    # One more, so that the thread is past the end of the first.
    await threads.run("it", 5, lambda: None)
    gc.collect()
    assert gone() is None
    await threads.close(5)


STUCK = """
import asyncio, sys, time
from mediaserver.storage.threads import DiskThreads
async def main():
    threads = DiskThreads(1, "t")
    try:
        await threads.run("it", 0.01, lambda: time.sleep(float(sys.argv[1])))
    except Exception as error:
        print(error)
    await threads.close(0.01)
asyncio.run(main())
time.sleep(float(sys.argv[2]))
"""


@pytest.mark.parametrize(
    ("hangs_s", "lives_on_s"), [(600, 0), (0.3, 0.6)], ids=["for ever", "beyond the loop"]
)
def test_a_call_that_hangs_does_not_keep_the_process_from_ending(hangs_s: float, lives_on_s: float) -> None:
    command = [sys.executable, "-c", STUCK, str(hangs_s), str(lives_on_s)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert "no answer" in done.stdout
