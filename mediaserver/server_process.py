"""A server of our own as a child process: for the demo, the end-to-end tests and the bench.

Starts `mediaserver serve` on free ports, waits for its ready line, speaks its operator's API, and stops it.
"""

from __future__ import annotations

import http.client
import json
import os
import queue
import re
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final, Self
from urllib.parse import urlsplit

READY_TIMEOUT_S: Final = 15.0
STOP_TIMEOUT_S: Final = 15.0
_READY: Final = re.compile(r"ready (?P<http>http://\S+) (?P<rtmp>rtmp://\S+)")
_TAIL_BYTES: Final = 4_000


class ServerProcessError(Exception):
    """The server did not start, or the API said no. The text holds what it said itself."""


class ServerProcess:
    """A running server. A context manager: leaving it stops the server."""

    def __init__(
        self,
        data: Path,
        settings: Mapping[str, str] | None = None,
        *,
        log: Path | None = None,
        environment: Mapping[str, str] | None = None,
        wrapper: Sequence[str] = (),
    ) -> None:
        """Start it and wait until every port listens. Raises :class:`ServerProcessError`.

        ``settings`` are `--set` pairs; ports that they do not name are chosen by the system. ``log`` takes
        its stderr; without it, it goes to ours. ``environment`` is added to ours. ``wrapper`` is a command
        that runs the server in its own place, such as ``faketime``; it must exec.
        """
        chosen = {"http.host": "127.0.0.1", "http.port": "0", "rtmp.host": "127.0.0.1", "rtmp.port": "0"}
        chosen |= settings or {}
        command = [*wrapper, sys.executable, "-m", "mediaserver", "serve", "--data", str(data)]
        for key, value in chosen.items():
            command += ["--set", f"{key}={value}"]
        self.data = data
        self._log = log
        started_s = time.monotonic()
        errors: IO[bytes] | None = log.open("ab") if log else None
        try:
            # A session of its own: Ctrl-C at the terminal is for whoever started us, who then stops it.
            self._process = subprocess.Popen(  # noqa: S603 (our own program and arguments)
                command,
                stdout=subprocess.PIPE,
                stderr=errors,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                env={**os.environ, **(environment or {})},
            )
        finally:
            if errors is not None:
                errors.close()
        try:
            self.ready_line = self._wait_ready()
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise
        self.ready_s = time.monotonic() - started_s
        """From the start of the process to its ready line."""
        match = _READY.match(self.ready_line)
        if match is None:
            self.stop()
            raise ServerProcessError(f"the ready line has another form: {self.ready_line}")
        self.http_url = match["http"].rstrip("/")
        self.rtmp_url = match["rtmp"].rstrip("/")

    def _wait_ready(self) -> str:
        lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read_lines, args=(lines,), daemon=True).start()
        deadline_s = time.monotonic() + READY_TIMEOUT_S
        while True:
            try:
                line = lines.get(timeout=max(0.0, deadline_s - time.monotonic()))
            except queue.Empty:
                raise ServerProcessError(
                    f"the server was not ready after {READY_TIMEOUT_S:g} s\n{self.log_tail()}"
                ) from None
            if line is None:
                code = self._process.wait()
                raise ServerProcessError(f"the server ended with code {code}\n{self.log_tail()}".rstrip())
            if line.startswith("ready "):
                return line.rstrip()
            print(line, end="", file=sys.stderr)

    def _read_lines(self, lines: queue.Queue[str | None]) -> None:
        """Goes on to the end of the process, so that it never blocks on a full pipe."""
        if self._process.stdout is not None:
            for line in self._process.stdout:
                lines.put(line.decode(errors="replace"))
        lines.put(None)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    @property
    def admin_token(self) -> str:
        """The operator's token, which the server made at its first start."""
        return (self.data / "admin-token").read_text().strip()

    def log_tail(self) -> str:
        """The end of its log, if that goes to a file."""
        if self._log is None or not self._log.exists():
            return ""
        return self._log.read_bytes()[-_TAIL_BYTES:].decode(errors="replace")

    def whole_log(self) -> str:
        """All of its log, if that goes to a file."""
        if self._log is None or not self._log.exists():
            return ""
        return self._log.read_text(errors="replace")

    @property
    def ports(self) -> dict[str, str]:
        """As settings: a server that is started with them again has the same addresses."""
        http_port, rtmp_port = urlsplit(self.http_url).port, urlsplit(self.rtmp_url).port
        return {"http.port": str(http_port), "rtmp.port": str(rtmp_port)}

    def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """One call of the API as the operator: the status, and the JSON (None without a body)."""
        address = urlsplit(self.http_url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
        headers = {"Authorization": f"Bearer {self.admin_token}"}
        payload = None
        if body is not None:
            payload = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, path, payload, headers)
            response = connection.getresponse()
            text = response.read()
            is_json = "json" in (response.getheader("Content-Type") or "")
            return response.status, json.loads(text) if text and is_json else None
        finally:
            connection.close()

    def metrics(self) -> str:
        """The page for Prometheus."""
        address = urlsplit(self.http_url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
        try:
            connection.request("GET", "/metrics", headers={"Authorization": f"Bearer {self.admin_token}"})
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def publish_url(self, stream: str, **changes: object) -> str:
        """Make the stream, or change it and renew its key: the RTMP address to publish it at."""
        path = f"/api/v1/streams/{stream}"
        status, answer = self.call("PUT", path, changes)
        if status == 200:
            status, answer = self.call("POST", f"{path}/key")
        if status not in (200, 201) or not answer or not answer.get("publish_key"):
            raise ServerProcessError(f"stream {stream} was not made: {status} {answer}")
        return f"{self.rtmp_url}/{stream}?key={answer['publish_key']}"

    def rss_bytes(self) -> int:
        """Resident memory of the server itself, without its children."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def cpu_s(self) -> float:
        """Processor time of the server itself, without its children."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def kill(self) -> None:
        """At once, as a lost machine does: `kill -9`. Idempotent."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """Ask it to drain, and wait; kill it if it does not. Its exit code. Idempotent."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
        return self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
