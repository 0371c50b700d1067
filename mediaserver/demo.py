"""`make demo`: a server, a synthetic broadcast pushed to it over real RTMP, and the page to watch it on."""

from __future__ import annotations

import argparse
import asyncio
import signal
import socket
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

from ingest.rtmp.client import PublishUrl
from mediaserver.push_connection import Push, PushError, end_tasks
from mediaserver.push_sources import PatternSource
from mediaserver.server_process import ServerProcess, ServerProcessError
from transcoder.engine.testpattern import PatternConfig

STREAM: Final = "demo"
_PORTS: Final[Mapping[str, int]] = {"http.port": 8080, "rtmp.port": 1935}


def _is_free(port: int) -> bool:
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def choose_ports(usual: Mapping[str, int] = _PORTS) -> dict[str, str]:
    """Settings for the usual ports; 0, which is any free one, for those that are taken."""
    chosen: dict[str, str] = {}
    for key, port in usual.items():
        free = _is_free(port)
        if not free:
            print(f"port {port} is in use here, so the demo takes another for {key}", file=sys.stderr)
        chosen[key] = str(port if free else 0)
    return chosen


def _greeting(server: ServerProcess) -> str:
    return f"""
  Watch it:    {server.http_url}/watch/{STREAM}
  Start page:  {server.http_url}/
               The operator's token for it is in {server.data / "admin-token"}
  Ctrl-C ends the demo.
"""


async def _run(server: ServerProcess, config: PatternConfig) -> int:
    publish_url = PublishUrl.parse(
        await asyncio.to_thread(server.publish_url, STREAM, title="Test pattern", visibility="public")
    )
    source = await asyncio.to_thread(PatternSource, config)
    pushing = asyncio.create_task(
        Push(publish_url, source).run(on_live=lambda: print(_greeting(server), flush=True))
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, pushing.cancel)
    try:
        await pushing
    except asyncio.CancelledError:
        return 0
    except PushError as error:
        code = await asyncio.to_thread(server.stop)
        print(f"the broadcast ended: {error} (the server's exit code is {code})", file=sys.stderr)
        return 1
    finally:
        await end_tasks(pushing)
        source.close()
    return 0


def main(arguments: list[str] | None = None) -> int:
    """The demo in the foreground, until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("data/demo"), help="where it keeps its things")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a server setting")
    options = parser.parse_args(arguments)
    settings = choose_ports() | {"log.level": "warning", "log.format": "text"}
    settings |= dict(pair.partition("=")[::2] for pair in options.set)
    try:
        with ServerProcess(options.data, settings) as server:
            return asyncio.run(_run(server, PatternConfig()))
    except ServerProcessError as error:
        print(f"the demo could not start: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
