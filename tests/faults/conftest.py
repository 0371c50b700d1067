"""The fixtures of the end-to-end tests: here the same program is treated badly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mediaserver.server_process import ServerProcess
from tests.e2e import conftest as end_to_end
from tests.faults.scene import Scene, nothing_left, until
from tests.faults.witness import Witness

new_server = end_to_end.new_server
publish = end_to_end.publish
run_publisher = end_to_end.run_publisher
server = end_to_end.server
until_state = end_to_end.until_state

GRACE_S = 3
SEGMENT_S = 1
"""Half of the default: twice as many segments in the time that a test may take."""


@pytest.fixture(scope="module")
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server of :func:`scene` puts its temporary files."""
    return tmp_path_factory.mktemp("temporary")


@pytest.fixture(scope="module")
def stage_server(
    tmp_path_factory: pytest.TempPathFactory, temporary: Path, publish: Callable, until_state: Callable
) -> Iterator[tuple[ServerProcess, Witness]]:
    """A server with a healthy stream and its viewer, for all tests of a module."""
    folder = tmp_path_factory.mktemp("stage")
    settings = end_to_end.AT_ONCE | {
        "live.grace_s": str(GRACE_S),
        "live.segment_target_s": str(SEGMENT_S),
        "live.window_s": "12",
        "rtmp.handshake_timeout_s": "1",
        "rtmp.silence_timeout_s": "4",
        "rtmp.max_connections_per_address": "1000",
    }
    environment = {"TMPDIR": str(temporary)}
    with ServerProcess(folder / "data", settings, log=folder / "log", environment=environment) as server:
        url = server.publish_url("healthy", ladder="passthrough")
        publish(url, "--size", "320x240", "--fps", "25", "--gop", "1", "--no-audio")
        until_state(server, "healthy")
        witness = Witness(server, "healthy")
        until((server.data / "objects" / "live" / "healthy").exists, "its first segment is stored")
        yield server, witness
        witness.stop()
        witness.check()


@pytest.fixture
def scene(
    stage_server: tuple[ServerProcess, Witness], temporary: Path, until_state: Callable
) -> Iterator[Scene]:
    """The stage of one fault. Afterwards nothing of it is left, and the healthy stream never had a gap."""
    server, witness = stage_server
    witness.take()
    with nothing_left(server, temporary):
        scene = Scene(server, witness, until_state)
        try:
            yield scene
        finally:
            scene.close()
    witness.check()
