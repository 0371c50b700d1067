"""One live stream's transcoding: decode once, scale in a chain, encode every rung, each stage a thread.

FFmpeg's calls let go of the interpreter lock, so the stages truly run beside each other::

    feed ─► inbox ─► decode, straighten, gate ─► 720p ─► 480p ─► 360p      (a picture goes down the chain)
        └─► inbox ─► decode, resample, encode (sound)                      (units leave at each stage)

Every queue is bounded; the slowest stage slows the one before it, up to the inbox, which drops.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from fractions import Fraction
from typing import Final

from av.error import FFmpegError
from av.video.frame import VideoFrame

from transcoder.engine.decode import UndecodableTrack, VideoDecoder
from transcoder.engine.gate import PictureGate, Verdict
from transcoder.engine.inbox import CutMark, Inbox
from transcoder.engine.picture import TIME_BASE, Picture, Straightener
from transcoder.engine.rung import Cost, Rung, TrackSink, UnitSink, encoder_threads
from transcoder.engine.sound import SoundRendition
from transcoder.framing import Progress, RungFigures
from transcoder.ladder import FRAME_RATE_LIMIT, Ladder, Rendition
from transcoder.media import VIDEO_TIMESCALE, AccessUnit, Track, rescale

PICTURES_BETWEEN_STAGES: Final = 4
STEADY_PICTURES: Final = 8
"""After so many that kept to it, what the source says of a picture's length is believed."""
_REMEMBERED_UNITS: Final = 256
"""Arrival times kept for pictures that the decoder holds back: more than any reordering."""


class Pipeline:
    """Feed it from one thread; the sinks are called from its own threads. ``fail`` ends everything."""

    def __init__(
        self,
        ladder: Ladder,
        tracks: tuple[Track, ...],
        *,
        max_lag_s: float | None,
        cores: int,
        on_track: TrackSink,
        on_unit: UnitSink,
        say: Callable[[str], None],
        fail: Callable[[str], None],
    ) -> None:
        self._say = say
        self._fail = fail
        self._by_id = {track.track_id: track for track in tracks}
        self._inboxes: dict[int, list[Inbox]] = {}
        self._threads: list[threading.Thread] = []
        self._costs: list[tuple[str, Cost]] = []
        self._video: _VideoChain | None = None
        self._video_inbox: Inbox | None = None
        self._sounds: list[tuple[SoundRendition, Inbox]] = []
        rungs = [rendition for rendition in ladder.video if not rendition.passthrough]
        if rungs:
            self._add_video(rungs, max_lag_s, cores, on_track, on_unit)
        for rendition in ladder.audio:
            if not rendition.passthrough:
                self._add_sound(rendition, max_lag_s, on_track, on_unit)

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def feed(self, unit: AccessUnit) -> None:
        """Blocks while the stages are behind. Units of other tracks are ignored."""
        for inbox in self._inboxes.get(unit.track_id, ()):
            inbox.put(unit)

    def set_track(self, track: Track) -> None:
        self._by_id[track.track_id] = track
        for inbox in self._inboxes.get(track.track_id, ()):
            inbox.put(track)

    def cut(self, time_s: float) -> None:
        if self._video_inbox is not None:
            self._video_inbox.put(CutMark(round(time_s * VIDEO_TIMESCALE)))

    def finish(self) -> None:
        """Encode all that is held; returns when the last unit was handed to its sink."""
        for inboxes in self._inboxes.values():
            for inbox in inboxes:
                inbox.close()
        for thread in self._threads:
            thread.join()

    def progress(self) -> Progress:
        """Figures so far; safe to call from any thread."""
        video, sounds = self._video_inbox, [inbox for _, inbox in self._sounds]
        return Progress(
            consumed_video=video.taken if video else 0,
            consumed_audio=sum(inbox.taken for inbox in sounds),
            dropped=sum(inbox.dropped for inbox in [*([video] if video else []), *sounds]),
            damaged=(self._video.damage.units if self._video else 0)
            + sum(sound.damaged for sound, _ in self._sounds),
            rungs=tuple(
                RungFigures(name, cost.units_out, cost.media_s, cost.busy_s) for name, cost in self._costs
            ),
        )

    def _add_video(
        self,
        rungs: list[Rendition],
        max_lag_s: float | None,
        cores: int,
        on_track: TrackSink,
        on_unit: UnitSink,
    ) -> None:
        stages: list[_Stage] = []
        for rendition in reversed(rungs):
            threads = encoder_threads(rendition, cores, len(rungs))
            rung = Rung(rendition, threads=threads, on_track=on_track, on_unit=on_unit)
            stages.append(_Stage(rung, stages[-1] if stages else None))
            self._costs.append((rendition.name, rung.cost))
            self._spawn(rendition.name, stages[-1].run)
        source = self._source(rungs[0])
        self._video_inbox = Inbox(max_lag_s)
        self._inboxes.setdefault(source.track_id, []).append(self._video_inbox)
        self._video = _VideoChain(source, self._video_inbox, stages[-1], rungs[0], self._say)
        self._spawn("decode", self._video.run)

    def _add_sound(
        self, rendition: Rendition, max_lag_s: float | None, on_track: TrackSink, on_unit: UnitSink
    ) -> None:
        source = self._source(rendition)
        sound = SoundRendition(rendition, source, on_track=on_track, on_unit=on_unit)
        inbox = Inbox(max_lag_s)
        self._inboxes.setdefault(source.track_id, []).append(inbox)
        self._sounds.append((sound, inbox))
        self._costs.append((rendition.name, sound.cost))
        self._spawn(rendition.name, lambda: _run_sound(sound, inbox, self._say))

    def _source(self, rendition: Rendition) -> Track:
        track = self._by_id.get(rendition.source_track_id)
        if track is None:
            raise UndecodableTrack(f"rendition {rendition.name} is made of a track that is not there")
        return track

    def _spawn(self, name: str, run: Callable[[], None]) -> None:
        def guarded() -> None:
            try:
                run()
            except Exception as error:
                # One sentence is enough for the log: what a stranger's bitstream did is no bug report.
                self._fail(f"stage {name} failed: {type(error).__name__}: {error}")

        self._threads.append(threading.Thread(target=guarded, name=name, daemon=True))


class _Stage:
    """A rung's thread: scale, hand the scaled picture down, encode."""

    def __init__(self, rung: Rung, below: _Stage | None) -> None:
        self._rung = rung
        self._below = below
        self._queue: queue.Queue[tuple[Picture, bool] | None] = queue.Queue(PICTURES_BETWEEN_STAGES)

    def put(self, item: tuple[Picture, bool] | None) -> None:
        self._queue.put(item)

    def run(self) -> None:
        cost = self._rung.cost
        last_pts: int | None = None
        while (item := self._queue.get()) is not None:
            picture, turned = item
            started_s = time.perf_counter()
            scaled = self._rung.scale(picture, turned=turned)
            cost.busy_s += time.perf_counter() - started_s
            if self._below is not None:
                self._below.put((scaled, turned))
            started_s = time.perf_counter()
            self._rung.encode(scaled)
            cost.busy_s += time.perf_counter() - started_s
            pts = scaled.frame.pts
            if pts is not None and last_pts is not None:
                cost.media_s += (pts - last_pts) / VIDEO_TIMESCALE
            last_pts = pts
        if self._below is not None:
            self._below.put(None)
        self._rung.flush()


class _VideoChain:
    """The thread in front of the rungs: one decoder, one straightener, one gate."""

    def __init__(
        self, track: Track, inbox: Inbox, top: _Stage, rendition: Rendition, say: Callable[[str], None]
    ) -> None:
        self._decoder: VideoDecoder | None = VideoDecoder(track)
        self.damage = self._decoder.damage
        self._inbox = inbox
        self._top = top
        self._say = say
        self._straightener = Straightener()
        self._gate = PictureGate(_most_per_s(track, rendition))
        self._arrivals: dict[int, tuple[int, float]] = {}
        self._last_pts: int | None = None
        self._steady = 0

    def run(self) -> None:
        while (item := self._inbox.take()) is not None:
            match item:
                case CutMark(ticks):
                    self._gate.cut_at(ticks)
                case Track():
                    self._change(item)
                case AccessUnit():
                    self._decode(item)
        self._drain()
        self._top.put(None)

    def _decode(self, unit: AccessUnit) -> None:
        if self._decoder is None:
            self.damage.units += 1
            return
        if len(self._arrivals) >= _REMEMBERED_UNITS:
            self._arrivals.clear()
        pts = rescale(unit.pts, unit.timescale, VIDEO_TIMESCALE)
        self._arrivals[pts] = (rescale(unit.duration, unit.timescale, VIDEO_TIMESCALE), unit.arrival_s)
        before = self.damage.units
        self._pass_on(self._decoder.decode(unit))
        if self.damage.units != before and self.damage.is_worth_a_line:
            self._say(f"{self.damage.units} damaged video units, the last: {self.damage.last}")

    def _change(self, track: Track) -> None:
        self._drain()
        try:
            self._decoder = VideoDecoder(track)
            self._decoder.damage = self.damage
        except UndecodableTrack as error:
            self._decoder = None
            self._say(f"the new video format cannot be decoded: {error}")

    def _drain(self) -> None:
        if self._decoder is not None:
            self._pass_on(self._decoder.flush())
        for frame in self._straightener.flush():
            self._judge(frame)

    def _pass_on(self, frames: list[VideoFrame]) -> None:
        for frame in frames:
            if frame.pts is None:
                continue
            if frame.time_base is not None and frame.time_base != TIME_BASE:
                frame.pts = round(frame.pts * frame.time_base / TIME_BASE)
                frame.time_base = TIME_BASE
            try:
                upright = self._straightener.push(frame)
            except FFmpegError as error:
                self.damage.note(error)
                continue
            for ready in upright:
                self._judge(ready)

    def _judge(self, frame: VideoFrame) -> None:
        if frame.pts is None:
            return
        verdict = self._gate.judge(frame.pts)
        told, arrival_s = self._arrivals.pop(frame.pts, (0, 0.0))
        if verdict in (Verdict.LATE, Verdict.SURPLUS):
            self._steady = 0
            return
        steady = told > 0 and self._last_pts is not None and frame.pts - self._last_pts == told
        self._steady = self._steady + 1 if steady else 0
        self._last_pts = frame.pts
        duration = told if self._steady >= STEADY_PICTURES else 0
        picture = Picture(frame, verdict is Verdict.CUT, duration, arrival_s)
        self._top.put((picture, self._straightener.turned))


def _most_per_s(track: Track, rendition: Rendition) -> Fraction:
    """Pictures per second to let pass: only a source that says it is too fast is thinned evenly."""
    if track.frame_rate and rendition.frame_rate and track.frame_rate > FRAME_RATE_LIMIT:
        return rendition.frame_rate
    return Fraction(FRAME_RATE_LIMIT)


def _run_sound(sound: SoundRendition, inbox: Inbox, say: Callable[[str], None]) -> None:
    while (item := inbox.take()) is not None:
        match item:
            case Track():
                try:
                    sound.set_track(item)
                except UndecodableTrack as error:
                    say(f"the new audio format cannot be decoded: {error}")
            case AccessUnit():
                started_s = time.perf_counter()
                sound.push(item)
                sound.cost.busy_s += time.perf_counter() - started_s
    sound.flush()
