"""Peers that do not play by the rules cost themselves; a healthy stream beside them has no gap."""

from __future__ import annotations

import http.client
import os
import random
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest

from mediaserver.server_process import ServerProcess
from tests.e2e.player import Player
from tests.faults.processes import children, open_files, rss_bytes

MIB = 1 << 20


def address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


def until_closed(peer: socket.socket, timeout_s: float) -> None:
    """Read until the server closes the connection; fails when it does not."""
    peer.settimeout(timeout_s)
    try:
        while peer.recv(65_536):
            pass
    except ConnectionResetError:
        pass


def until_files(pid: int, most: int, timeout_s: float = 10) -> None:
    """Until the process has at most so many files open; the server lingers a moment over a goodbye."""
    deadline_s = time.monotonic() + timeout_s
    while open_files(pid) > most:
        assert time.monotonic() < deadline_s, f"{open_files(pid)} files are open, not {most}"
        threading.Event().wait(0.05)


@pytest.fixture(scope="module")
def healthy(server: ServerProcess, publish: Callable, until_state: Callable) -> Iterator[Player]:
    publish(server.publish_url("healthy", ladder="passthrough"), "--size", "640x360", "--fps", "25")
    until_state(server, "healthy")
    player = Player(server, "healthy")
    player.until_msn(0)
    yield player
    playlist = player.playlist()
    assert not any(part.gap for part in playlist.parts)
    assert not any(segment.gap or segment.discontinuity for segment in playlist.segments)
    assert "Traceback" not in server.log_tail()


def test_readers_that_never_read_are_closed_and_cost_no_memory(
    new_server: Callable, publish: Callable, until_state: Callable
) -> None:
    server = new_server({"http.reader_timeout_s": "2"})
    publish(server.publish_url("show", ladder="passthrough"), "--size", "640x360", "--bitrate", "3000k")
    until_state(server, "show")
    player = Player(server, "show")
    playlist = player.until_msn(2)
    before = rss_bytes(server.pid)
    with ExitStack() as stack:
        peers = []
        for _ in range(100):
            peer = stack.enter_context(socket.socket())
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            peer.connect(address(server.http_url))
            request = f"GET /live/show/source/{playlist.segments[-1].uri} HTTP/1.1\r\nHost: localhost\r\n\r\n"
            peer.sendall(request.encode() * 8)
            peers.append(peer)
        assert player.next(player.playlist()).position > playlist.position
        assert rss_bytes(server.pid) - before < 100 * MIB
        # Nothing was read for the whole timeout, so what is left in the kernel's buffers is all they get.
        player.until_msn(playlist.last_msn + 3)
        for peer in peers:
            until_closed(peer, 10)


def test_unknown_names_leave_nothing_behind(server: ServerProcess, healthy: Player) -> None:
    host, port = address(server.http_url)
    connection = http.client.HTTPConnection(host, port, timeout=10)

    def ask(count: int) -> None:
        for _ in range(count):
            connection.request("GET", f"/live/{random.randbytes(8).hex()}/master.m3u8")
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 404

    ask(1_000)
    before = rss_bytes(server.pid)
    ask(10_000)
    connection.close()
    assert rss_bytes(server.pid) - before < 10 * MIB


def test_half_open_rtmp_connections_are_closed_at_the_handshake_deadline(
    new_server: Callable, publish: Callable, until_state: Callable
) -> None:
    server = new_server({"rtmp.handshake_timeout_s": "1", "rtmp.max_connections_per_address": "200"})
    files = open_files(server.pid)
    with ExitStack() as stack:
        peers = [stack.enter_context(socket.create_connection(address(server.rtmp_url))) for _ in range(100)]
        for number, peer in enumerate(peers):
            peer.sendall(b"\x03" + bytes(number))
        for peer in peers:
            until_closed(peer, 10)
    until_files(server.pid, files + 5)


def test_connections_above_the_limit_of_an_address_are_turned_away(new_server: Callable) -> None:
    server = new_server({"rtmp.max_connections_per_address": "3"})
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(socket.create_connection(address(server.rtmp_url)))
        with socket.create_connection(address(server.rtmp_url)) as one_too_many:
            until_closed(one_too_many, 5)


def test_noise_on_the_rtmp_port_closes_only_that_connection(server: ServerProcess, healthy: Player) -> None:
    noise = random.Random(1)
    for _ in range(30):
        with socket.create_connection(address(server.rtmp_url)) as peer:
            try:
                peer.sendall(b"\x03" + noise.randbytes(3_072))
                peer.sendall(noise.randbytes(20_000))
                peer.shutdown(socket.SHUT_WR)
            except OSError:
                continue
            until_closed(peer, 10)
    before = healthy.playlist()
    assert healthy.next(before).position > before.position


def test_a_killed_worker_is_replaced_and_what_is_passed_through_goes_on(
    server: ServerProcess, healthy: Player, publish: Callable, until_state: Callable
) -> None:
    publish(server.publish_url("ladder"), "--size", "640x480", "--fps", "25")
    until_state(server, "ladder")
    player = Player(server, "ladder")
    player.until_msn(1, "360p")
    (worker,) = children(server.pid, "transcoder.worker live")
    os.kill(worker, signal.SIGKILL)
    killed_at = player.playlist("360p").last_msn
    later = player.until_msn(killed_at + 5, "360p")
    assert not later.segments[-1].gap
    source = player.playlist()
    assert not any(segment.gap or segment.discontinuity for segment in source.segments)
    (successor,) = children(server.pid, "transcoder.worker live")
    assert successor != worker


def test_a_publisher_that_falls_silent_is_let_go(
    new_server: Callable, publish: Callable, until_state: Callable
) -> None:
    server = new_server({"rtmp.silence_timeout_s": "1"})
    publisher = publish(server.publish_url("quiet"), "--size", "320x240")
    until_state(server, "quiet")
    os.kill(publisher.pid, signal.SIGSTOP)
    try:
        until_state(server, "quiet", "interrupted")
    finally:
        os.kill(publisher.pid, signal.SIGCONT)


def test_after_everybody_has_left_nothing_is_left(
    new_server: Callable, publish: Callable, until_state: Callable
) -> None:
    server = new_server({"live.grace_s": "0"})
    files = open_files(server.pid)
    for turn in range(3):
        publisher = publish(server.publish_url("turns"), "--size", "640x480")
        until_state(server, "turns")
        assert len(children(server.pid, "transcoder.worker live")) == 1
        publisher.stop()
        until_state(server, "turns", "ended")
        assert children(server.pid, "transcoder.worker live") == [], f"turn {turn}"
    # The stills child stays for a while, with its pipes.
    until_files(server.pid, files + 6)
