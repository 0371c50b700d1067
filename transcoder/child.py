"""A worker process as the server sees it: started, spoken to in frames, listened to, killed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections import deque
from pathlib import Path
from typing import Final

from transcoder import framing

log: Final = logging.getLogger(__name__)

READ_BYTES: Final = 1 << 18
WRITE_BUFFER_BYTES: Final = 1 << 20
"""What may wait for the pipe before :meth:`Child.send` waits too."""
_LINE_BYTES: Final = 1 << 16
LINE_LIMIT: Final = 500
"""Characters of a line that are kept."""
LINES_LOGGED: Final = 200
"""Of one child: it has a line for what is rare, and a log that a stranger fills is no log."""
LINES_LIMIT: Final = 10_000
PIPES_S: Final = 2.0
"""How long a killed child's pipes may stay open."""
ENDLESS: Final = "it does not stop talking"
_PACKAGE_PARENT: Final = str(Path(__file__).resolve().parent.parent)


class ChildGone(Exception):
    """The child has ended or closed its pipes."""


class Child:
    """One running ``transcoder.worker``. Make it with :meth:`spawn`; always :meth:`end` it."""

    def __init__(self, process: asyncio.subprocess.Process, label: str) -> None:
        self._process = process
        self._label = label
        self._reader = framing.FrameReader(
            header_limit=framing.CHILD_HEADER_LIMIT_BYTES, payload_limit=framing.CHILD_PAYLOAD_LIMIT_BYTES
        )
        self._ready: deque[tuple[framing.AnyMessage, bytes]] = deque()
        self._pidfd = _pidfd(process.pid)
        self._log = asyncio.create_task(self._forward_log(), name=f"log of worker {process.pid}")
        self._letting_go: asyncio.TimerHandle | None = None
        self.last_line = ""
        """The last thing it said on stderr: usually why it ended."""

    @classmethod
    async def spawn(cls, work: str, label: str) -> Child:
        """Start a child for a kind of work (``live``, ``stills``, …); its log's lines begin with ``label``.

        Call it from the thread that lives as long as the server: the child is killed when that thread
        ends (prctl(2), PR_SET_PDEATHSIG).
        """
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-sP",
            "-m",
            "transcoder.worker",
            work,
            str(os.getpid()),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=_LINE_BYTES,
            env=_environment(),
            # Ctrl-C in the operator's terminal is for the server, which then stops its children in order.
            start_new_session=True,
        )
        if process.stdin is not None:
            process.stdin.transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)
        return cls(process, label)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        return self._process.returncode is not None

    async def send(self, message: framing.Message, payload: bytes = b"") -> None:
        """Waits while the child is behind. Raises :class:`ChildGone`."""
        pipe = self._process.stdin
        if pipe is None or pipe.is_closing():
            raise ChildGone
        try:
            pipe.write(framing.serialize(message, payload))
            if payload:
                pipe.write(payload)
            await pipe.drain()
        except (ConnectionError, RuntimeError) as error:
            raise ChildGone from error

    def tell(self, message: framing.Message) -> None:
        """As :meth:`send`, for a short message from someone who must not wait. A dead child is no error."""
        pipe = self._process.stdin
        if pipe is not None and not pipe.is_closing():
            pipe.write(framing.serialize(message))

    async def receive(self) -> tuple[framing.AnyMessage, bytes]:
        """The next message. Raises :class:`ChildGone` and :class:`~transcoder.framing.FramingError`."""
        while not self._ready:
            data = await self._process.stdout.read(READ_BYTES) if self._process.stdout else b""
            if not data:
                raise ChildGone
            self._ready.extend(self._reader.feed(data))
        return self._ready.popleft()

    def close_input(self) -> None:
        """Tell the child that nothing follows."""
        if self._process.stdin is not None:
            self._process.stdin.close()

    def kill(self) -> None:
        """At once and for certain, with what it may have started. Idempotent."""
        if self._letting_go is None:
            self._letting_go = asyncio.get_running_loop().call_later(PIPES_S, self._let_go)
        if not self.has_ended:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)  # it leads a session of its own
        with contextlib.suppress(ProcessLookupError):
            if self._pidfd is None:
                self._process.kill()
            else:
                # Not Popen's: it looks whether the child has ended and so takes its exit code away from
                # asyncio (bpo-43884). A pidfd never means another process.
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    async def end(self, grace_s: float = 0.0) -> int:
        """Wait for the child's end, at most ``grace_s``, then kill it; its exit code."""
        try:
            if grace_s > 0:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(grace_s):
                        await self._process.wait()
        finally:
            self.kill()
            self.close_input()
        # A killed process always ends; the shield keeps a cancelled caller from leaving a zombie.
        code = await asyncio.shield(asyncio.ensure_future(self._process.wait()))
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None
        await self._log
        if self._letting_go is not None:
            self._letting_go.cancel()
        return code

    def _let_go(self) -> None:
        """A child that was taken over has left a process of its own behind, with our pipes in its hands."""
        log.error("worker %d of %s left a process behind", self.pid, self._label)
        if self._process.stdin is not None:
            # Closing would wait until somebody has read what is still on its way.
            self._process.stdin.transport.abort()
        self._process._transport.close()  # type: ignore[attr-defined]

    async def _forward_log(self) -> None:
        pipe = self._process.stderr
        lines = 0
        # Read to the end, also after the kill: a pipe that nobody reads keeps its process from being reaped.
        while pipe is not None:
            try:
                line = await pipe.readline()
            except ValueError:  # Longer than the limit: what follows is still worth reading.
                line = b"(a line that is too long)"
                lines += LINES_LOGGED
            if not line:
                return
            lines += 1
            if lines <= LINES_LOGGED:
                self.last_line = line.decode("ascii", "backslashreplace").strip()[:LINE_LIMIT]
                log.warning("worker %d of %s: %s", self.pid, self._label, self.last_line)
            elif lines >= LINES_LIMIT and self.last_line != ENDLESS:
                self.last_line = ENDLESS
                log.warning("worker %d of %s: %s", self.pid, self._label, ENDLESS)
                self.kill()


def _pidfd(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except OSError:  # It has ended already, or the kernel is older than 5.3.
        return None


def _environment() -> dict[str, str]:
    """Nothing of the server's own: its settings may hold secrets."""
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    # Each heap of malloc reserves 64 MiB of the child's bounded address space.
    return kept | {"PYTHONPATH": _PACKAGE_PARENT, "LANG": "C.UTF-8", "MALLOC_ARENA_MAX": "4"}
