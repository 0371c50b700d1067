"""`mediaserver push`: a file or the test pattern as a live broadcast over RTMP, in real time."""

from __future__ import annotations

import argparse
import asyncio
import re
import signal
import ssl
import sys
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Final

from ingest.rtmp.client import PublishUrl
from mediaserver.push_connection import Push, PushError, PushStatistics, end_tasks
from mediaserver.push_sources import FileSource, PatternSource, Source
from transcoder.engine.demux import DemuxError
from transcoder.engine.testpattern import PatternConfig
from transcoder.media import Codec

_RECONNECT_DELAYS_S: Final = (1.0, 2.0, 4.0, 8.0, 10.0)
_PATTERN_CODECS: Final = {"h264": Codec.H264, "h265": Codec.H265, "av1": Codec.AV1, "vp9": Codec.VP9}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of `mediaserver push`."""
    # FILE and URL may have options between them, which argparse only allows when asked.
    parser.parse_args = parser.parse_intermixed_args  # type: ignore[method-assign]
    parser.add_argument("file", nargs="?", type=Path, help="what to broadcast (not with --test-pattern)")
    parser.add_argument("url", help="rtmp[s]://HOST[:PORT]/live/STREAM?key=KEY")
    parser.add_argument("--loop", action="store_true", help="start again at the end, without a break in time")
    parser.add_argument(
        "--test-pattern", action="store_true", help="broadcast a picture with a clock, and a beep each second"
    )
    parser.add_argument("--duration", type=float, metavar="S", help="stop after so many seconds")
    parser.add_argument("--reconnect", action="store_true", help="when the connection is lost, start again")
    parser.add_argument(
        "--ca-file", type=Path, metavar="FILE", help="for rtmps://: trust this certificate (PEM)"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress line")
    pattern = parser.add_argument_group("test pattern")
    pattern.add_argument("--size", type=_size, default=(1280, 720), metavar="WxH", help="1280x720")
    pattern.add_argument("--fps", type=Fraction, default=Fraction(30), metavar="N", help="30, or 30000/1001")
    pattern.add_argument("--bitrate", type=_bitrate_bps, default=2_500_000, metavar="BPS", help="2500k")
    pattern.add_argument("--codec", choices=sorted(_PATTERN_CODECS), default="h264", help="h264")
    pattern.add_argument("--gop", type=float, default=2.0, metavar="S", help="seconds between sync pictures")
    pattern.add_argument("--b-frames", type=int, default=0, metavar="N", help="0")
    pattern.add_argument("--no-audio", action="store_true", help="picture only")


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{2,4})x(\d{2,4})", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no size such as 1280x720")
    return int(match[1]), int(match[2])


def _bitrate_bps(text: str) -> int:
    match = re.fullmatch(r"(\d{1,9})([kM]?)", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no bit rate such as 2500k or 4M")
    return int(match[1]) * {"": 1, "k": 1_000, "M": 1_000_000}[match[2]]


def _open_source(options: argparse.Namespace) -> Source:
    """Raises DemuxError, ValueError."""
    if not options.test_pattern:
        return FileSource(options.file, loop=options.loop)
    width, height = options.size
    return PatternSource(
        PatternConfig(
            width=width,
            height=height,
            fps=options.fps,
            video_bitrate_bps=options.bitrate,
            codec=_PATTERN_CODECS[options.codec],
            gop_s=options.gop,
            b_frames=options.b_frames,
            audio=not options.no_audio,
        )
    )


def run(options: argparse.Namespace) -> int:
    """The exit code: 0 at the end or after Ctrl-C, 1 if refused, unreachable or lost, 2 if misused."""
    if options.test_pattern is (options.file is not None):
        return _complain("give either a file or --test-pattern", code=2)
    try:
        url = PublishUrl.parse(options.url)
        trust = _trust(options.ca_file)
    except ValueError as error:
        return _complain(str(error), code=2)
    with suppress(KeyboardInterrupt):
        return asyncio.run(_run_until_signal(url, options, trust))
    return 0


def _trust(ca_file: Path | None) -> ssl.SSLContext | None:
    """Who may sign the server's certificate; None: whom this machine trusts. Raises ValueError."""
    if ca_file is None:
        return None
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        reason = "it holds no certificate" if isinstance(error, ssl.SSLError) else error.strerror
        raise ValueError(f"--ca-file {ca_file} cannot be used: {reason}") from error


async def _run_until_signal(
    url: PublishUrl, options: argparse.Namespace, trust: ssl.SSLContext | None
) -> int:
    task = asyncio.create_task(_broadcast(url, options, trust))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        return 0


async def _broadcast(url: PublishUrl, options: argparse.Namespace, trust: ssl.SSLContext | None) -> int:
    attempt = 0
    while True:
        try:
            source = await asyncio.to_thread(_open_source, options)
        except (DemuxError, ValueError) as error:
            return _complain(str(error), code=2 if options.test_pattern else 1)
        for note in source.notes if not attempt else ():
            print(note, file=sys.stderr)
        push = Push(url, source, duration_s=options.duration, ssl_context=trust)
        progress = None if options.quiet else asyncio.create_task(_show_progress(push))
        try:
            await push.run()
            return 0
        except DemuxError as error:
            return _complain(str(error))
        except PushError as error:
            _complain(str(error))
            if error.is_final or not options.reconnect:
                return 1
            attempt = 1 if push.statistics().pictures else attempt + 1
        finally:
            if progress is not None:
                await end_tasks(progress)
            source.close()
        await asyncio.sleep(_RECONNECT_DELAYS_S[min(attempt, len(_RECONNECT_DELAYS_S)) - 1])


async def _show_progress(push: Push) -> None:
    """One line that is written over each second on a terminal; one line each 10 s elsewhere."""
    is_terminal = sys.stderr.isatty()
    interval_s = 1.0 if is_terminal else 10.0
    last = push.statistics()
    try:
        while True:
            await asyncio.sleep(interval_s)
            now = push.statistics()
            line = progress_line(last, now)
            print(
                f"\r{line}\x1b[K" if is_terminal else line, end="" if is_terminal else "\n", file=sys.stderr
            )
            sys.stderr.flush()
            last = now
    finally:
        if is_terminal and last.pictures:
            print(file=sys.stderr)


def progress_line(last: PushStatistics, now: PushStatistics) -> str:
    """What has been sent, and how fast since ``last``."""
    span_s = max(1e-3, now.elapsed_s - last.elapsed_s)
    minutes, seconds = divmod(int(now.elapsed_s), 60)
    line = (
        f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}"
        f"  {(now.pictures - last.pictures) / span_s:5.1f} fps"
        f"  {(now.sent_bytes - last.sent_bytes) * 8 / span_s / 1000:7.0f} kbit/s"
    )
    if now.dropped_frames:
        line += f"  {now.dropped_frames} dropped"
    if now.unread_bytes > 64 << 10:
        line += f"  {now.unread_bytes >> 10} KiB not read yet"
    return line


def _complain(sentence: str, code: int = 1) -> int:
    print(f"mediaserver push: {sentence}", file=sys.stderr)
    return code


def main(arguments: list[str] | None = None) -> int:
    """`mediaserver push` on its own."""
    parser = argparse.ArgumentParser(prog="mediaserver push", description=__doc__)
    add_arguments(parser)
    return run(parser.parse_args(arguments))


if __name__ == "__main__":
    sys.exit(main())
