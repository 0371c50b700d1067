"""The child process around the engine: ``python -m transcoder.worker WORK PARENT_PID``.

Frames (:mod:`transcoder.framing`) come in on stdin and go out on stdout; stderr carries one line for each
thing worth knowing. It has no files, no network and bounded memory, dies with the server and leaves when
stdin ends.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final, NoReturn

from transcoder import framing
from transcoder.codecs import CodecError
from transcoder.engine import confine, hardware, slate, still
from transcoder.engine.decode import UndecodableTrack
from transcoder.engine.notice import NoticeWriter
from transcoder.engine.pipeline import Pipeline
from transcoder.media import AccessUnit, Track

READ_BYTES: Final = 1 << 18
OUT_LIMIT_FRAMES: Final = 1_000
PROGRESS_S: Final = 0.5
STILL_PIXELS: Final = 3840 * 2160
_STDIN, _STDOUT = 0, 1

EXIT_DONE: Final = 0
EXIT_BAD_USE: Final = 2
EXIT_FAILED: Final = 3
"""A stage gave up, or the server spoke nonsense: the last line on stderr says which."""


def say(line: str) -> None:
    """One line for the log, printable whatever a bitstream put into it."""
    text = "".join(character if " " <= character <= "~" else "?" for character in line[:400])
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def leave(code: int) -> NoReturn:
    """End at once: threads may sit inside FFmpeg, and there is nothing to tidy up."""
    os._exit(code)


def fail(line: str) -> NoReturn:
    say(line)
    leave(EXIT_FAILED)


def messages() -> Iterator[tuple[framing.AnyMessage, bytes]]:
    """What the server says, until it closes stdin."""
    reader = framing.FrameReader()
    while data := os.read(_STDIN, READ_BYTES):
        yield from reader.feed(data)


class Outbox:
    """Frames on their way out, in order, written by one thread. A server that stops reading blocks us."""

    def __init__(self) -> None:
        self._queue: queue.Queue[tuple[bytes, bytes] | None] = queue.Queue(OUT_LIMIT_FRAMES)
        self._thread = threading.Thread(target=self._run, name="write", daemon=True)
        self._thread.start()

    def send(self, message: framing.Message, payload: bytes = b"") -> None:
        self._queue.put((framing.serialize(message, payload), payload))

    def send_track(self, rendition: str, track: Track) -> None:
        self.send(framing.RenditionTrack(rendition, track))

    def send_unit(self, rendition: str, unit: AccessUnit) -> None:
        self.send(framing.unit_message(unit, rendition), unit.payload)

    def close(self) -> None:
        """Returns when all is written."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        try:
            while (frame := self._queue.get()) is not None:
                written = os.writev(_STDOUT, frame)
                rest = memoryview(b"".join(frame))[written:] if written < sum(map(len, frame)) else b""
                while rest:
                    rest = rest[os.write(_STDOUT, rest) :]
        except OSError:
            leave(EXIT_DONE)  # The server is gone: nobody is left to tell.


def live(*, has_device: bool = False) -> None:
    """Serve one stream."""
    outbox = Outbox()
    incoming = messages()
    first, _ = next(incoming, (None, b""))
    if not isinstance(first, framing.Start):
        return
    confine.limit_memory(
        max((track.width * track.height for track in first.tracks), default=0), has_device=has_device
    )
    pipeline = Pipeline(
        first.ladder,
        first.tracks,
        max_lag_s=first.max_lag_s,
        cores=os.cpu_count() or 1,
        on_track=outbox.send_track,
        on_unit=outbox.send_unit,
        say=say,
        fail=fail,
        encoders=first.encoders,
    )
    pipeline.give_up(first.given_up)
    pipeline.start()
    outbox.send(framing.Ready())
    threading.Thread(target=_report, args=(pipeline, outbox), name="report", daemon=True).start()
    for message, payload in incoming:
        match message:
            case framing.Unit():
                pipeline.feed(framing.access_unit(message, payload))
            case framing.SetTrack(track):
                pipeline.set_track(track)
            case framing.CutAt(time_s):
                pipeline.cut(time_s)
            case framing.SetRungs(given_up):
                pipeline.give_up(given_up)
            case framing.Finish():
                pipeline.finish()
                outbox.send(pipeline.progress())
                outbox.send(framing.Finished())
                outbox.close()
                return
            case _:
                raise framing.FramingError(f"{type(message).__name__} was not expected")


def _report(pipeline: Pipeline, outbox: Outbox) -> None:
    pause = threading.Event()
    while not pause.wait(PROGRESS_S):
        outbox.send(pipeline.progress())


def stills() -> None:
    """Make JPEGs, one after the other, until stdin ends."""
    confine.limit_memory(STILL_PIXELS)
    outbox = Outbox()
    outbox.send(framing.Ready())
    incoming = messages()
    for request, _ in incoming:
        unit, payload = next(incoming, (None, b""))
        if not isinstance(request, framing.MakeStill) or not isinstance(unit, framing.Unit):
            raise framing.FramingError("a still is asked for by MakeStill and a unit")
        try:
            picture = still.jpeg(request.track, framing.access_unit(unit, payload), request.max_width)
        except (UndecodableTrack, still.NoPicture, MemoryError, ValueError) as error:
            outbox.send(framing.Still(request.number, str(error)[:200] or type(error).__name__))
        else:
            outbox.send(framing.Still(request.number, ""), picture)


def encoders() -> None:
    """Try hardware encoders, until stdin ends."""
    outbox = Outbox()
    outbox.send(framing.Ready())
    for request, _ in messages():
        if not isinstance(request, framing.TryEncoders):
            raise framing.FramingError("encoders are tried by TryEncoders")
        for encoder in request.encoders:
            outbox.send(framing.EncoderTried(encoder, hardware.why_not(encoder)))


def slates() -> None:
    """Make loops for publishers who are away, until stdin ends."""
    confine.limit_memory(slate.POSTER_PIXELS)
    outbox = Outbox()
    outbox.send(framing.Ready())
    for request, poster in messages():
        if not isinstance(request, framing.MakeSlate):
            raise framing.FramingError("a slate is asked for by MakeSlate")
        reason = ""
        try:
            notice = NoticeWriter(request.notice)
            ground = slate.ground_of(poster, request.renditions)
            for rendition in request.renditions:
                track, units = slate.loop(
                    rendition, ground, notice, picture_s=request.picture_s, loop_s=request.loop_s
                )
                outbox.send_track(rendition.name, track)
                for unit in units:
                    outbox.send_unit(rendition.name, unit)
        except (slate.SlateFailed, MemoryError) as error:
            reason = str(error)[:200] or type(error).__name__
        outbox.send(framing.Slated(request.number, reason))


WORKS: Final[dict[str, tuple[Callable[[], None], bool]]] = {
    "live": (live, False),
    "live-device": (partial(live, has_device=True), True),
    "stills": (stills, False),
    "slates": (slates, False),
    "encoders": (encoders, True),
}
"""What there is to do, and whether it needs a device: drivers open files whenever they like."""


def main(arguments: list[str]) -> NoReturn:
    """Confine this process, then work. Never returns and never shows a traceback."""
    if len(arguments) != 2 or arguments[0] not in WORKS or not arguments[1].isdecimal():
        say("this program is started by the server: WORK PARENT_PID")
        leave(EXIT_BAD_USE)
    confine.silence_ffmpeg()
    try:
        confine.die_with(int(arguments[1]))
        work, needs_device = WORKS[arguments[0]]
        if needs_device:
            confine.keep_devices()
        else:
            confine.give_up_files()
        work()
    except confine.Orphaned:
        leave(EXIT_DONE)
    except (UndecodableTrack, CodecError) as error:
        fail(f"cannot decode this source: {error}")
    except MemoryError:
        fail("out of its memory limit")
    except Exception as error:
        fail(f"{type(error).__name__}: {error}")
    leave(EXIT_DONE)


if __name__ == "__main__":
    main(sys.argv[1:])
