"""The real program on free ports, with a data folder of its own, and what publishes to it.

``server`` is shared by a module; ``new_server`` starts one with settings of its own. Both are
:class:`mediaserver.server_process.ServerProcess`: ``http_url``, ``rtmp_url``, ``admin_token``, ``pid``,
``call(method, path, body)``, ``publish_url(stream, **changes)``, ``log_tail()``.
"""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from mediaserver.server_process import ServerProcess

AT_ONCE = {"rtmp.drain_s": "0"}
"""At the end of a test no publisher is sent elsewhere first."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.e2e)


class PushProcess:
    """`mediaserver push` (or another publisher) as a child process; ends with its context."""

    def __init__(self, command: list[str]) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        self._errors: list[bytes] = []
        self._reader = threading.Thread(target=self._read_errors, daemon=True)
        self._reader.start()

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as stream:
            self._errors.extend(stream)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def errors(self) -> str:
        return b"".join(self._errors).decode(errors="replace")

    @property
    def exit_code(self) -> int | None:
        return self._process.poll()

    def wait(self, timeout_s: float = 30) -> int:
        code = self._process.wait(timeout_s)
        self._reader.join(timeout_s)
        return code

    def stop(self) -> int:
        """As Ctrl-C does. Idempotent."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
        return self.wait()

    def kill(self) -> None:
        self._process.kill()
        self.wait()


@pytest.fixture
def new_server(tmp_path: Path) -> Iterator[Callable[..., ServerProcess]]:
    """Call it with settings: ``new_server({"live.grace_s": "2"})``, again with ``data=`` to start again."""
    with ExitStack() as stack:

        def start(
            settings: dict[str, str] | None = None, *, data: Path | None = None, **how: Any
        ) -> ServerProcess:
            return stack.enter_context(
                ServerProcess(
                    data or tmp_path / "data", AT_ONCE | (settings or {}), log=tmp_path / "server.log", **how
                )
            )

        yield start


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One server with default settings for all tests of a module."""
    folder = tmp_path_factory.mktemp("server")
    with ServerProcess(folder / "data", AT_ONCE, log=folder / "server.log") as server:
        yield server


@pytest.fixture(scope="module")
def publish() -> Iterator[Callable[..., PushProcess]]:
    """``publish(url, "--size", "640x360")`` pushes the test pattern; ``publish(url, file=path)`` a file."""
    with ExitStack() as stack:

        def start(url: str, *options: str, file: Path | None = None) -> PushProcess:
            what = ["--test-pattern"] if file is None else [str(file)]
            command = [sys.executable, "-m", "mediaserver.push", *what, "--quiet", *options, url]
            process = PushProcess(command)
            stack.callback(process.stop)
            return process

        yield start


@pytest.fixture(scope="module")
def run_publisher() -> Iterator[Callable[[list[str]], PushProcess]]:
    """Any other publisher, such as ffmpeg, by its command line."""
    with ExitStack() as stack:

        def start(command: list[str]) -> PushProcess:
            process = PushProcess(command)
            stack.callback(process.stop)
            return process

        yield start


def wait_for_state(server: ServerProcess, stream: str, state: str = "live", timeout_s: float = 15) -> dict:  # type: ignore[type-arg]
    """The stream as the API shows it, once it is in that state."""
    deadline_s = time.monotonic() + timeout_s
    while True:
        _, answer = server.call("GET", f"/api/v1/streams/{stream}")
        if answer and answer.get("state") == state:
            return answer
        if time.monotonic() > deadline_s:
            pytest.fail(f"{stream} is not {state} after {timeout_s} s: {answer}\n{server.log_tail()}")
        threading.Event().wait(0.05)


@pytest.fixture(scope="session")
def until_state() -> Callable[..., dict]:  # type: ignore[type-arg]
    """``until_state(server, "mine", "live")``: see :func:`wait_for_state`."""
    return wait_for_state
