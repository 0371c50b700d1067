"""One bad thing at a time on a server that has a healthy stream: the stage of the fault tests."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from mediaserver.server_process import ServerProcess
from tests.e2e.player import Player
from tests.faults.processes import Held
from tests.faults.publisher import RawPublisher
from tests.faults.witness import Witness
from tests.transcoder.engine.clips import Clip

RSS_BACK_BYTES = 24 << 20
"""How much more memory than before may be in use when all is over: what malloc keeps for the next time."""
SETTLE_S = 15.0


class Scene:
    """A running server with its witness. Streams made here are deleted at the end of the test."""

    def __init__(self, server: ServerProcess, witness: Witness, until_state: Callable) -> None:
        self.server = server
        self.witness = witness
        self.stack = ExitStack()
        """For what a test opens."""
        self._until_state = until_state
        self._streams: set[str] = set()
        self._stop = threading.Event()
        self._pool = self.stack.enter_context(ThreadPoolExecutor(8))
        self.stack.callback(self._stop.set)

    def publish_url(self, stream: str, **changes: object) -> str:
        self._streams.add(stream)
        return self.server.publish_url(stream, **changes)

    def publisher(self, stream: str, **changes: object) -> RawPublisher:
        """Connected and allowed to publish; closed at the end."""
        url = self.publish_url(stream, **changes)
        return self.stack.enter_context(RawPublisher(url))

    def play(self, publisher: RawPublisher, clips: tuple[Clip, ...], **how: object) -> Future[int]:
        """:meth:`RawPublisher.play` in the background, until the end of the test."""
        return self._pool.submit(publisher.play, clips, self._stop.is_set, **how)  # type: ignore[arg-type]

    def live(
        self, stream: str, clips: tuple[Clip, ...], *, ladder: object = "passthrough", **how: object
    ) -> Player:
        """Publish in the background until it is live; a player of it."""
        self.play(self.publisher(stream, ladder=ladder), clips, **how)
        self.until_state(stream)
        return self.player(stream)

    def player(self, stream: str) -> Player:
        return Player(self.server, stream)

    def until_state(self, stream: str, state: str = "live", timeout_s: float = 15) -> dict:  # type: ignore[type-arg]
        return self._until_state(self.server, stream, state, timeout_s)  # type: ignore[no-any-return]

    def until(self, condition: Callable[[], bool], what: str, timeout_s: float = 15) -> None:
        """Look again and again until it is so."""
        until(condition, what, timeout_s)

    def close(self) -> None:
        self.stack.close()
        for stream in self._streams:
            self.server.call("DELETE", f"/api/v1/streams/{stream}")


def until(condition: Callable[[], object], what: str, timeout_s: float = SETTLE_S) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, f"not within {timeout_s:g} s: {what}"
        threading.Event().wait(0.05)


def until_back(server: ServerProcess, temporary: Path, before: Held, rss_bytes: int) -> None:
    """Until the server holds no more than before; fails with what it still holds."""
    deadline_s = time.monotonic() + SETTLE_S
    while left := Held.by(server, temporary).exceeds(before, rss_bytes=rss_bytes):
        assert time.monotonic() < deadline_s, f"still held {SETTLE_S:g} s later: {left}"
        threading.Event().wait(0.1)


def complaints(log: str) -> list[str]:
    """Lines of a log that nobody meant: tracebacks, and errors of the event loop."""
    return [line[:2000] for line in log.splitlines() if "Traceback" in line or '"logger":"asyncio"' in line]


@contextmanager
def nothing_left(
    server: ServerProcess, temporary: Path, *, rss_bytes: int = RSS_BACK_BYTES
) -> Iterator[None]:
    """What is held within is let go: no task, file, thread, child, memory; no traceback in the log."""
    before, log_before = Held.by(server, temporary), len(server.whole_log())
    yield
    until_back(server, temporary, before, rss_bytes)
    assert not complaints(server.whole_log()[log_before:])
