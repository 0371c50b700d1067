"""RTMPS: certificates that work and that do not, and a publish through TLS on both event loops."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvloop

from ingest.publication import Publication, PublishRequest, Subscription
from ingest.rtmp import flv
from ingest.rtmp.client import PublisherClient, PublishUrl
from ingest.rtmp.handshake import RANDOM_SIZE
from ingest.rtmp.limits import Limit
from ingest.rtmp.server import RtmpLimits, RtmpServer
from ingest.rtmp.tls import CertificateError, server_context
from transcoder.media import AccessUnit, Codec

pytestmark = pytest.mark.tools("openssl")

AVCC = bytes.fromhex(  # made by x264: High, 640x360, 30 pictures a second
    "0164001effe1001a6764001eacd940a02ff970110000030001000003003c0f162d9601000468ef8fcbfdf8f800"
)
IDR = b"\x00\x00\x00\x05\x65\x88\x84\x00\x10"


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a certificate for localhost, its key, another key and a key with a password."""
    folder = tmp_path_factory.mktemp("pem")

    def openssl(*arguments: str) -> None:
        subprocess.run(("openssl", *arguments), cwd=folder, check=True, capture_output=True)

    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
            "key.pem", "-out", "certificate.pem", "-subj", "/CN=localhost", "-days", "2", "-addext",
            "subjectAltName=DNS:localhost,IP:127.0.0.1")  # fmt: skip
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-out", "other.pem")
    openssl("pkey", "-in", "key.pem", "-aes128", "-passout", "pass:secret", "-out", "locked.pem")
    (folder / "garbage.pem").write_text("this is no certificate\n")
    return folder


@pytest.mark.parametrize(
    ("certificate", "key", "sentence"),
    [
        ("", "key.pem", "needs a certificate"),
        ("certificate.pem", "", "needs a key"),
        ("gone.pem", "key.pem", "gone.pem cannot be read"),
        ("certificate.pem", "other.pem", "does not belong to"),
        ("garbage.pem", "key.pem", "PEM"),
        ("certificate.pem", "garbage.pem", "PEM"),
        ("certificate.pem", "locked.pem", "password"),
    ],
)
def test_a_wrong_certificate_is_one_sentence(pem: Path, certificate: str, key: str, sentence: str) -> None:
    with pytest.raises(CertificateError, match=sentence):
        server_context(str(pem / certificate) if certificate else "", str(pem / key) if key else "")


class Everybody:
    """Takes every publisher in."""

    def __init__(self) -> None:
        self.requests: list[PublishRequest] = []
        self.subscriptions: asyncio.Queue[Subscription] = asyncio.Queue()

    async def publish(self, request: PublishRequest) -> Publication:
        self.requests.append(request)
        publication = Publication("epoch", request)
        self.subscriptions.put_nowait(publication.subscribe())
        return publication


@asynccontextmanager
async def serving(
    pem: Path, limits: RtmpLimits | None = None
) -> AsyncIterator[tuple[RtmpServer, Everybody, int]]:
    application = Everybody()
    server = RtmpServer(application, host="127.0.0.1", port=0, limits=limits)
    await server.start()
    port = await server.start_tls(0, server_context(str(pem / "certificate.pem"), str(pem / "key.pem")))
    try:
        async with asyncio.timeout(30):
            yield server, application, port
    finally:
        await server.close()


async def publish(pem: Path, port: int) -> None:
    client = PublisherClient(
        PublishUrl.parse(f"rtmps://localhost:{port}/live/mine"), random=os.urandom(RANDOM_SIZE)
    )
    trust = ssl.create_default_context(cafile=pem / "certificate.pem")
    reader, writer = await asyncio.open_connection("localhost", port, ssl=trust, family=socket.AF_INET)
    while not client.ready:
        writer.write(client.data_to_send())
        client.receive(await reader.read(65_536))
    client.send_video(0, flv.Config(Codec.H264, AVCC))
    for n in range(50):
        client.send_video(n * 40, flv.Frame(Codec.H264, IDR))
    client.finish()
    writer.write(client.data_to_send())
    await writer.drain()
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize("loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_publish_through_tls(pem: Path, loop_factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def run() -> None:
        async with serving(pem) as (server, application, port):
            await asyncio.gather(*(publish(pem, port) for _ in range(3)))
            for _ in range(3):
                subscription = await application.subscriptions.get()
                units = [item async for item in subscription if isinstance(item, AccessUnit)]
                assert len(units) == 50
            assert {request.protocol for request in application.requests} == {"rtmps"}
            assert server.statistics().accepted == 3

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(run())


@pytest.mark.parametrize("loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_half_open_and_foreign_peers_are_counted_and_let_go(
    pem: Path, loop_factory: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    """Within the limits and the deadline of the RTMP handshake, which TLS is a part of."""

    async def run() -> None:
        limits = RtmpLimits(handshake_s=0.5, goodbye_s=0.2, connections_per_address=4)
        async with serving(pem, limits) as (server, _, port):
            silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(4)]
            above, gone = await asyncio.open_connection("127.0.0.1", port)
            assert await above.read() == b""
            for reader, _ in silent:
                assert await reader.read() == b""
            _, plain = await asyncio.open_connection("127.0.0.1", port)
            plain.write(b"\x03" + bytes(1536))
            while (statistics := server.statistics()).failed < 5:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
            assert statistics.limited[Limit.CONNECTIONS_PER_ADDRESS] == 1
            assert statistics.limited[Limit.HANDSHAKE_TIME] == 4
            await publish(pem, port)
            for writer in (gone, plain, *(writer for _, writer in silent)):
                writer.close()

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(run())


async def test_who_shakes_tls_hands_and_says_nothing_has_no_more_time_than_others(pem: Path) -> None:
    async with serving(pem, RtmpLimits(handshake_s=0.5, goodbye_s=0.2)) as (server, _, port):
        trust = ssl.create_default_context(cafile=pem / "certificate.pem")
        reader, writer = await asyncio.open_connection("localhost", port, ssl=trust, family=socket.AF_INET)
        assert await reader.read() == b""
        writer.close()
        assert server.statistics().limited[Limit.HANDSHAKE_TIME] == 1


async def test_a_busy_port_is_an_os_error(pem: Path) -> None:
    async with serving(pem) as (_, application, port):
        other = RtmpServer(application, host="127.0.0.1", port=0)
        with pytest.raises(OSError):
            await other.start_tls(port, server_context(str(pem / "certificate.pem"), str(pem / "key.pem")))


async def test_the_port_is_free_when_it_is_listened_on_no_more(pem: Path) -> None:
    async with serving(pem) as (server, application, port):
        await server.stop_listening()
        other = RtmpServer(application, host="127.0.0.1", port=0)
        assert (
            await other.start_tls(port, server_context(str(pem / "certificate.pem"), str(pem / "key.pem")))
            == port
        )
        await other.close()
