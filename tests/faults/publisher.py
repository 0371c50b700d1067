"""A publisher of which every tag, timestamp and instant is the test's own: our client's core on a socket."""

from __future__ import annotations

import math
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from typing import Self

from ingest.rtmp import flv
from ingest.rtmp.client import ClientError, PublisherClient, PublishUrl
from ingest.rtmp.handshake import RANDOM_SIZE
from tests.transcoder.engine.clips import Clip, ffmpeg
from transcoder.media import AccessUnit, Kind, Track

CONNECT_S = 10.0
NO_LINGER = struct.pack("ii", 1, 0)


def show(
    *,
    size: str = "320x240",
    rate: int = 25,
    gop: int = 25,
    seconds: int = 2,
    sound: bool = True,
) -> tuple[Clip, ...]:
    """Some seconds of picture (one sync picture each ``gop``) and sound, to be played in a loop."""
    arguments = ["-f", "lavfi", "-i", f"testsrc2=s={size}:r={rate}:d={seconds}"]
    if sound:
        arguments += ["-f", "lavfi", "-i", f"sine=f=440:r=48000:d={seconds}", "-c:a", "aac", "-b:a", "64k"]
    arguments += ["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p"]
    arguments += ["-g", str(gop), "-keyint_min", str(gop), "-sc_threshold", "0", "-b:v", "400k"]
    clips = ffmpeg(*arguments, start_s=0.0)
    return (clips["video"], clips["audio"]) if sound else (clips["video"],)


def endless(clips: tuple[Clip, ...]) -> Iterator[tuple[int, AccessUnit]]:
    """Every unit with its decoding time in milliseconds, again and again, in order of time."""
    leader = clips[0].units
    step_s = (leader[-1].dts - leader[-2].dts) / leader[0].timescale
    length_s = step_s * len(leader)
    # The file's own times begin with a longer picture, for the sake of its sound.
    once = [(number * step_s, unit) for number, unit in enumerate(leader)]
    once += [(unit.dts_s, unit) for clip in clips[1:] for unit in clip.units if unit.dts_s < length_s]
    once.sort(key=lambda timed: timed[0])
    for turn in count():
        for time_s, unit in once:
            yield round((turn * length_s + time_s) * 1000), unit


class RawPublisher:
    """One publish over one connection. A context manager: leaving it closes the socket."""

    def __init__(self, url: str) -> None:
        """Connect and ask to publish. Raises :class:`ClientError` for the server's no."""
        where = PublishUrl.parse(url)
        self._client = PublisherClient(where, random=os.urandom(RANDOM_SIZE))
        self._socket = socket.create_connection((where.host, where.port), timeout=CONNECT_S)
        self._closed = threading.Event()
        self.said = ""
        """Why the server ended the publish, in its own words."""
        try:
            self.flush()
            while not self._client.ready:
                data = self._socket.recv(65_536)
                if not data:
                    raise ClientError("the server closed the connection")
                self._client.receive(data)
                self.flush()
        except BaseException:
            self._socket.close()
            raise
        self._reader = threading.Thread(target=self._listen, daemon=True)
        self._reader.start()

    def _listen(self) -> None:
        try:
            while not self._closed.is_set():
                with suppress(TimeoutError):
                    data = self._socket.recv(65_536)
                    if not data:
                        break
                    self._client.receive(data)
        except ClientError as refused:
            self.said = str(refused)
        except OSError:
            pass
        self._closed.set()

    @property
    def is_closed(self) -> bool:
        """The server has ended the publish."""
        return self._closed.is_set()

    def wait_closed(self, timeout_s: float) -> None:
        assert self._closed.wait(timeout_s), f"still open after {timeout_s} s"

    def send_track(self, track: Track, timestamp_ms: int = 0) -> None:
        self._client.send_track(track, timestamp_ms)
        self.flush()

    def send(self, unit: AccessUnit, timestamp_ms: int) -> None:
        """A unit at a time of the test's choice (modulo 2^32)."""
        composition_ms = round((unit.pts - unit.dts) * 1000 / unit.timescale)
        tag = flv.Frame(unit.codec, unit.payload, composition_ms, unit.sync)
        if unit.codec.kind is Kind.VIDEO:
            self._client.send_video(timestamp_ms, tag)
        else:
            self._client.send_audio(timestamp_ms, tag)
        self.flush()

    def try_to(self, send: Callable[[], None]) -> None:
        """Send to a server that may have closed already."""
        with suppress(OSError):
            send()

    def flush(self) -> None:
        self._socket.sendall(self._client.data_to_send())

    def play(
        self,
        clips: tuple[Clip, ...],
        stop: Callable[[], bool],
        *,
        speed: float = 1.0,
        stamp: Callable[[int], int] = lambda time_ms: time_ms,
        burst_s: float = 0.0,
        start_ms: int = 0,
        until_ms: float = math.inf,
    ) -> int:
        """Send the clips in a loop until ``stop``, ``until_ms`` or the server's end; the time reached.

        ``speed``: media seconds for each second of the clock. ``stamp``: what is written for a time.
        ``burst_s``: nothing for so long, then all that was due, at once.
        """
        for clip in clips:
            self.send_track(clip.track, stamp(start_ms))
        began_s, sent_to_ms = time.monotonic(), start_ms
        with suppress(OSError):
            for time_ms, unit in endless(clips):
                due_s = began_s + time_ms / 1000 / speed
                if burst_s:
                    due_s = began_s + (due_s - began_s) // burst_s * burst_s + burst_s
                while (early_s := due_s - time.monotonic()) > 0 and not (stop() or self.is_closed):
                    self._closed.wait(min(early_s, 0.1))
                if stop() or self.is_closed or start_ms + time_ms > until_ms:
                    break
                sent_to_ms = start_ms + time_ms
                self.send(unit, stamp(sent_to_ms))
        return sent_to_ms

    def finish(self) -> None:
        """A clean goodbye."""
        with suppress(OSError):
            self._client.finish()
            self.flush()
        self.close()

    def reset(self) -> None:
        """Away without a word, as a machine that lost its power."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        self.close()

    def close(self) -> None:
        self._closed.set()
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._reader.join(CONNECT_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def recorded(url: str, clips: tuple[Clip, ...], *, until_ms: int = 2_000) -> bytes:
    """Everything that a publisher sends, from C0 on, as it can be sent again without listening."""
    sent = bytearray()

    class Recorder(RawPublisher):
        def flush(self) -> None:
            data = self._client.data_to_send()
            sent.extend(data)
            self._socket.sendall(data)

    with Recorder(url) as publisher:
        publisher.play(clips, lambda: False, speed=1_000, until_ms=until_ms)
    return bytes(sent)
