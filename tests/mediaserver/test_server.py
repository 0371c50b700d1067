"""The real program as a child process: starting, the ready line, stopping, and what can stand in its way."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from mediaserver import server as server_module
from mediaserver.logs import Redaction
from mediaserver.settings import Config, HttpSettings, RtmpSettings

READY = re.compile(r"ready (http://127\.0\.0\.1:(\d+)/) (rtmp://127\.0\.0\.1:(\d+)/live)\n")
CHECKOUT = Path(__file__).parents[2]
Starter = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Starter]:
    """Starts servers on free ports; ends those that a test left running."""
    running: list[subprocess.Popen[str]] = []

    def begin(*arguments: str, environment: dict[str, str] | None = None) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "mediaserver", "serve", "--data", str(tmp_path / "data")]
        process = subprocess.Popen(
            [*command, "--set", "http.port=0", "--set", "rtmp.port=0", *arguments],
            stdout=subprocess.PIPE,
            stderr=(tmp_path / "log").open("w"),
            text=True,
            cwd=CHECKOUT,
            env=os.environ | (environment or {}),
        )
        running.append(process)
        return process

    yield begin
    for process in running:
        if process.poll() is None:
            process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


@pytest.fixture
def log(tmp_path: Path) -> Callable[[], str]:
    return (tmp_path / "log").read_text


def ready(process: subprocess.Popen[str]) -> re.Match[str]:
    """Its ready line."""
    line = process.stdout.readline() if process.stdout else ""
    match = READY.fullmatch(line)
    assert match is not None, f"no ready line but {line!r}"
    return match


def get(url: str, path: str, token: str | None = None, method: str = "GET") -> tuple[int, bytes]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    try:
        connection.request(
            method, path, headers={"Authorization": f"Bearer {token}"} if token is not None else {}
        )
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_it_says_ready_when_every_port_listens_and_drains_on_sigterm(start: Starter) -> None:
    process = start()
    match = ready(process)
    status, body = get(match[1], "/readyz")
    assert (status, json.loads(body)["ready"]) == (200, True)
    with socket.create_connection(("127.0.0.1", int(match[4])), timeout=5):
        pass
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert process.stdout is not None
    assert process.stdout.read() == ""


def test_ctrl_c_drains_too(start: Starter) -> None:
    process = start()
    ready(process)
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0


def test_the_operators_token_is_made_once_and_never_printed(
    start: Starter, tmp_path: Path, log: Callable[[], str]
) -> None:
    file = tmp_path / "data" / "admin-token"
    process = start()
    match = ready(process)
    token = file.read_text().strip()
    assert file.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    assert str(file) in log()
    assert token not in log()
    assert get(match[1], "/api/v1/streams/mine", token, "PUT")[0] == 201
    assert get(match[1], "/api/v1/streams/mine", "x" * 40, "PUT")[0] == 401
    process.terminate()
    assert process.wait(10) == 0

    process = start()
    match = ready(process)
    assert file.read_text().strip() == token
    assert str(file) not in log()
    assert get(match[1], "/api/v1/streams/mine", token, "PUT")[0] == 200
    for secret in (tmp_path / "data").iterdir():
        assert secret.stat().st_mode & 0o077 == 0, secret


def test_a_set_token_is_the_operators(start: Starter, tmp_path: Path) -> None:
    token = "a-token-of-the-operators-own"
    match = ready(start(environment={"MEDIASERVER__ACCESS__ADMIN_TOKEN": token}))
    assert get(match[1], "/api/v1/streams/mine", token, "PUT")[0] == 201
    assert not (tmp_path / "data" / "admin-token").exists()


@pytest.mark.parametrize("door", ["http", "rtmp"])
def test_a_busy_port_is_1_and_one_line_that_names_it(
    start: Starter, log: Callable[[], str], door: str
) -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        process = start("--set", f"{door}.port={port}")
        assert process.wait(10) == 1
    assert process.stdout is not None
    assert process.stdout.read() == ""
    complaints = [line for line in log().splitlines() if line.startswith("mediaserver: ")]
    assert len(complaints) == 1
    assert f"0.0.0.0:{port}" in complaints[0]
    assert f"{door}.port" in complaints[0]
    assert "Traceback" not in log()


def test_a_second_server_in_the_same_folder_is_1_and_leaves_the_first_one_alone(
    start: Starter, tmp_path: Path, log: Callable[[], str]
) -> None:
    ready(start())
    (tmp_path / "data" / "objects" / "live").mkdir()
    mark = tmp_path / "data" / "objects" / "live" / "show"
    mark.mkdir()
    kept = mark / "segment,object"
    kept.touch()
    assert start().wait(10) == 1
    assert re.search(r"^mediaserver: data_dir .* is in use by another server", log(), re.M)
    assert kept.exists()


async def test_a_stop_may_take_as_long_as_the_drain_and_what_follows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the limit the process ends with 1: a drain of the longest time allowed must not come near it."""
    limits_s: list[float] = []
    monkeypatch.setattr(server_module, "_limit_stop", limits_s.append)
    monkeypatch.setattr(server_module.Draining, "watch_signals", lambda draining: draining._event.set())
    config = Config(
        data_dir=str(tmp_path),
        http=HttpSettings(host="127.0.0.1", port=0),
        rtmp=RtmpSettings(host="127.0.0.1", port=0, drain_s=15.0),
    )
    assert await server_module.serve(config, Redaction(), ready=lambda _: None) == 0
    assert limits_s == [15.0 + server_module.STOP_LIMIT_S]


def test_a_wrong_setting_is_2_and_one_line(start: Starter, tmp_path: Path, log: Callable[[], str]) -> None:
    process = start("--set", "live.part_targt_s=0.25")
    assert process.wait(10) == 2
    assert log().splitlines() == [
        "mediaserver: setting live.part_targt_s = '0.25': there is no such setting; "
        "did you mean live.part_target_s?"
    ]
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("name", "content"), [("state.sqlite3", b"no database" * 500), ("token-secret", b"short\n")]
)
def test_a_damaged_file_is_1_and_one_line_that_names_it(
    start: Starter, tmp_path: Path, log: Callable[[], str], name: str, content: bytes
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / name).write_bytes(content)
    assert start().wait(10) == 1
    assert "Traceback" not in log()
    assert re.search(rf"^mediaserver: .*{re.escape(name)}", log(), re.M)


def test_a_data_folder_that_is_a_file_is_1(start: Starter, tmp_path: Path, log: Callable[[], str]) -> None:
    (tmp_path / "data").touch()
    assert start().wait(10) == 1
    assert re.search(r"^mediaserver: data_dir .*data", log(), re.M)


def test_a_second_signal_stops_at_once(start: Starter) -> None:
    process = start()
    match = ready(process)
    # A client in the middle of its request keeps the drain waiting.
    with socket.create_connection(("127.0.0.1", int(match[2])), timeout=5) as client:
        client.sendall(
            b"POST /api/v1/tokens HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n"
            b"Content-Type: application/json\r\nExpect: 100-continue\r\n"
            b"Authorization: Bearer " + _token_of(process) + b"\r\n\r\n"
        )
        assert client.recv(100).startswith(b"HTTP/1.1 100")
        process.send_signal(signal.SIGTERM)
        _wait_until_closed(int(match[4]))
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 1
        assert time.monotonic() - began < 2


def _token_of(process: subprocess.Popen[str]) -> bytes:
    folder = Path(process.args[process.args.index("--data") + 1])  # type: ignore[union-attr, index]
    return (folder / "admin-token").read_bytes().strip()


def _wait_until_closed(port: int) -> None:
    """Until nobody listens there any more (refused, or reset in between): the drain has begun."""
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5):
                pass
        except ConnectionError:
            return


def test_a_client_that_dawdles_does_not_hold_the_drain(start: Starter) -> None:
    process = start()
    match = ready(process)
    with (
        socket.create_connection(("127.0.0.1", int(match[2])), timeout=5) as idle,
        socket.create_connection(("127.0.0.1", int(match[4])), timeout=5) as stranger,
    ):
        idle.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
        stranger.sendall(b"\x03")
        process.terminate()
        assert process.wait(15) == 0


def test_idle_it_is_small_and_holds_no_media_library(start: Starter) -> None:
    process = start()
    match = ready(process)
    get(match[1], "/healthz")
    status = Path(f"/proc/{process.pid}/status").read_text()
    resident = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert resident is not None
    assert int(resident[1]) < 100_000
    maps = Path(f"/proc/{process.pid}/maps").read_text()
    assert "libavcodec" not in maps


def test_settings_come_from_a_file_too(start: Starter, tmp_path: Path, log: Callable[[], str]) -> None:
    file = tmp_path / "m.toml"
    file.write_text('[log]\nformat = "text"\nlevel = "debug"\n')
    process = start("--config", str(file))
    ready(process)
    assert re.search(r"^\d\d:\d\d:\d\d\.\d{3} warning server: first start", log(), re.M)


def test_the_ready_line_may_go_to_nobody(start: Starter, tmp_path: Path) -> None:
    process = start()
    assert process.stdout is not None
    process.stdout.close()
    socket_file = tmp_path / "data" / "state.sqlite3"
    deadline = time.monotonic() + 10
    while not socket_file.exists() and time.monotonic() < deadline:
        os.sched_yield()
    process.terminate()
    assert process.wait(10) == 0
