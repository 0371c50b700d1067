"""The composition root: builds every part, hands each only what it needs, runs and stops them.

Leaving the stack is the drain, so the order of entering is the order of stopping backwards: first the doors
for publishers close, then the streams end and save where they stood, then what HTTP still answers is
finished, and at last the stores close.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import Final, Protocol

from ingest.rtmp.tls import CertificateError
from mediaserver.access import Access, open_access
from mediaserver.access.secret_file import SecretFileError
from mediaserver.data_folder import DataFolderError, data_folder
from mediaserver.live.archive import Archive
from mediaserver.live.posters import Posters
from mediaserver.live.records import StreamRecords
from mediaserver.live.registry import StreamRegistry
from mediaserver.live.relays import RelayGrants
from mediaserver.logs import Redaction
from mediaserver.loop_lag import LoopLag
from mediaserver.metrics import Metrics
from mediaserver.readiness import checks
from mediaserver.rtmp_doors import RtmpsDoor, make_rtmp_server
from mediaserver.settings import Config
from mediaserver.state.records import RecordsError
from mediaserver.state.sqlite import FILE_NAME, open_sqlite_records
from mediaserver.storage import open_objects
from mediaserver.storage.contract import StoreError
from mediaserver.web.app import build_app, program_version
from mediaserver.web.listener import Listener
from transcoder.encoder_probe import EncoderProbe
from transcoder.slates import SlateMaker
from transcoder.stills import StillMaker
from transcoder.supervisor import LiveWorker

log = logging.getLogger(__name__)

ANSWERS_S: Final = 3.0
"""How long answers that are on their way may take when we stop. aiohttp waits for it twice."""
STOP_LIMIT_S: Final = 20.0
"""Beyond ``rtmp.drain_s``. A stop that takes longer is given up: something that we wait for does not end."""


class StartFailed(Exception):
    """The server cannot start; one sentence that names what stands in the way."""


class Draining:
    """Set by the first SIGTERM or SIGINT; the second one ends the process at once."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def watch_signals(self) -> None:
        """Take over SIGTERM and SIGINT of this process."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_signal, number)

    def _on_signal(self, number: signal.Signals) -> None:
        if self._event.is_set():
            log.warning("stopping at once")
            # No clean-up: children die with us, and what was answered is on the disk.
            os._exit(1)
        log.info("%s: stopping", number.name)
        self._event.set()

    async def wait(self) -> None:
        """Until the server is to stop."""
        await self._event.wait()

    async def check(self) -> str:
        """For readiness."""
        return "the server is stopping" if self._event.is_set() else "ok"


class _Door(Protocol):
    async def start(self) -> int: ...


async def serve(config: Config, redaction: Redaction, ready: Callable[[str], None] | None = None) -> int:
    """Run until a signal. Answers the exit code. ``ready`` gets the ready line (default: stdout).

    Raises :class:`StartFailed`.
    """
    draining = Draining()
    draining.watch_signals()
    async with AsyncExitStack() as stack:
        try:
            line, drain = await _start(config, redaction, stack, draining)
        except (DataFolderError, RecordsError, SecretFileError, StoreError, CertificateError) as failure:
            raise StartFailed(str(failure)) from failure
        (ready or _print_line)(line)
        await draining.wait()
        _limit_stop(config.rtmp.drain_s + STOP_LIMIT_S)
        await drain()
    log.info("stopped")
    return 0


async def _start(
    config: Config, redaction: Redaction, stack: AsyncExitStack, draining: Draining
) -> tuple[str, Callable[[], Awaitable[None]]]:
    """Build, wire and start everything. Answers the ready line, and what begins the drain."""
    data_path = stack.enter_context(data_folder(config.data_path))
    records = await stack.enter_async_context(open_sqlite_records(data_path / FILE_NAME))
    access = await open_access(data_path, config.access, records)
    _tell_about_admin_token(access, redaction)

    objects = await stack.enter_async_context(open_objects(config.storage, data_path))
    archive = Archive(objects)
    stack.push_async_callback(archive.close)

    stills = StillMaker()
    stack.push_async_callback(stills.close)
    slates = SlateMaker()
    stack.push_async_callback(slates.close)
    encoders = EncoderProbe()
    stack.push_async_callback(encoders.close)
    encoders.begin(config.transcoder.encoder)
    registry = StreamRegistry(
        StreamRecords(records),
        config.live,
        open_publish=config.access.open_publish,
        make_worker=partial(LiveWorker, encoders=encoders),
        make_still=stills.still,
        slates=slates,
        archive=archive,
        posters=Posters(objects),
        transcoder=config.transcoder,
        relays=RelayGrants(records, config.rtmp.relay_addresses),
    )
    # Closed after the streams have ended, so that their last parts and answers still go out.
    http = await stack.enter_async_context(AsyncExitStack())
    await stack.enter_async_context(registry)
    rtmp = make_rtmp_server(registry, config.rtmp)
    stack.push_async_callback(rtmp.close)
    host = config.rtmp.host
    rtmp_port = await _listen("rtmp", host, config.rtmp.port, rtmp)
    rtmp_urls = f"rtmp://{_reachable(host)}:{rtmp_port}/live"
    rtmps_port = None
    if config.rtmps.port != "off":
        rtmps_port = await _listen("rtmps", host, config.rtmps.port, RtmpsDoor(rtmp, config.rtmps))
        rtmp_urls += f" rtmps://{_reachable(host)}:{rtmps_port}/live"
    lag = stack.enter_context(LoopLag())
    metrics = Metrics(program_version())
    web = build_app(
        registry=registry,
        access=access,
        settings=config.http,
        rtmp_port=rtmp_port,
        rtmps_port=rtmps_port,
        checks=checks(draining.check, records, data_path, archive),
        exposition=metrics.expose,
        relay_addresses=config.rtmp.relay_addresses,
    )
    listener = Listener(web.app, config.http, shutdown_timeout_s=ANSWERS_S)
    metrics.watch_streams(registry.all)
    metrics.watch_rtmp(rtmp.statistics)
    metrics.watch_web(web.statistics, listener.statistics)
    metrics.watch_loop(lag.statistics)
    metrics.watch_readiness(web.readiness)
    metrics.watch_store(archive.statistics)
    http.push_async_callback(listener.stop)
    http_port = await _listen("http", config.http.host, config.http.port, listener)
    http_url = f"http://{_reachable(config.http.host)}:{http_port}/"

    async def drain() -> None:
        await rtmp.stop_listening()
        await registry.drain(config.rtmp.drain_s)

    return f"ready {http_url} {rtmp_urls}", drain


def _tell_about_admin_token(access: Access, redaction: Redaction) -> None:
    redaction.protect(access.admin.secret)
    if access.admin.is_new:
        # Only ever once, so at whatever level is shown.
        level = max(logging.WARNING, logging.getLogger().level)
        log.log(level, "first start: the operator's token is in the file %s", access.admin.file)


async def _listen(name: str, host: str, port: int, door: _Door) -> int:
    """The port in use. Raises StartFailed with the address and the settings that name it."""
    try:
        return await door.start()
    except socket.gaierror as error:
        raise StartFailed(f"{name}.host {host!r} is not an address of this machine") from error
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise StartFailed(f"cannot listen on {host}:{port} ({name}.host, {name}.port): {reason}") from error


def _reachable(host: str) -> str:
    """What to connect to on this machine, as it is written in a URL."""
    address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"[{address}]" if ":" in address else address


def _print_line(line: str) -> None:
    # Who started us may have closed our stdout; that is no reason not to serve.
    with suppress(OSError):
        print(line, flush=True)


def _limit_stop(limit_s: float) -> None:
    def give_up() -> None:
        log.error("stopping took more than %g s: stopping at once", limit_s)
        os._exit(1)

    asyncio.get_running_loop().call_later(limit_s, give_up)
