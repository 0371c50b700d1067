"""One live stream's transcoding: decode once, scale in a chain, encode every rung, each stage a thread.

FFmpeg's calls let go of the interpreter lock, so the stages truly run beside each other::

    feed ─► inbox ─► decode, straighten, gate ─► 720p ─► 480p ─► 360p      (a picture goes down the chain)
        └─► inbox ─► decode, resample, encode (sound)                      (units leave at each stage)

Every queue is bounded; the slowest stage slows the one before it, up to the inbox, which drops.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Sequence

from transcoder.encoders import Encoder
from transcoder.engine.chain import VideoChain
from transcoder.engine.decode import UndecodableTrack
from transcoder.engine.encoder import Opener, PictureEncoder
from transcoder.engine.inbox import CutMark, Inbox
from transcoder.engine.rung import Cost, Rung, TrackSink, UnitSink, encoder_threads
from transcoder.engine.sound import SoundRendition
from transcoder.engine.stage import Stage
from transcoder.framing import Progress, RungFigures
from transcoder.ladder import Ladder, Rendition
from transcoder.media import VIDEO_TIMESCALE, AccessUnit, Track


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
        encoders: Sequence[Encoder] = (Encoder.SOFTWARE,),
        open_encoder: Opener = PictureEncoder,
    ) -> None:
        self._on_track = on_track
        self._on_unit = on_unit
        self._say = say
        self._fail = fail
        self._max_lag_s = max_lag_s
        self._by_id = {track.track_id: track for track in tracks}
        self._inboxes: dict[int, list[Inbox]] = {}
        self._threads: list[threading.Thread] = []
        self._costs: list[tuple[str, Cost]] = []
        self._video: VideoChain | None = None
        self._video_inbox: Inbox | None = None
        self._stages: list[Stage] = []
        self._sounds: list[tuple[SoundRendition, Inbox]] = []
        rungs = [rendition for rendition in ladder.video if not rendition.passthrough]
        if rungs:
            self._add_video(rungs, cores, encoders, open_encoder)
        for rendition in ladder.audio:
            if not rendition.passthrough:
                self._add_sound(rendition)

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

    def give_up(self, names: Collection[str]) -> None:
        """Encode no picture of these rungs until told otherwise; all others go on, from a cut."""
        for stage in self._stages:
            stage.wanted = stage.name not in names

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
            left_out=self._video.left_out if self._video else 0,
            rungs=tuple(
                RungFigures(name, cost.units_out, cost.media_s, cost.busy_s, cost.encoder)
                for name, cost in self._costs
            ),
        )

    def _add_video(
        self, rungs: list[Rendition], cores: int, encoders: Sequence[Encoder], open_encoder: Opener
    ) -> None:
        for rendition in reversed(rungs):
            rung = Rung(
                rendition,
                threads=encoder_threads(rendition, cores, len(rungs)),
                encoders=encoders,
                open_encoder=open_encoder,
                on_track=self._on_track,
                on_unit=self._on_unit,
                say=self._say,
            )
            self._stages.insert(0, Stage(rung, self._stages[0] if self._stages else None))
            self._costs.append((rendition.name, rung.cost))
            self._spawn(rendition.name, self._stages[0].run)
        source = self._source(rungs[0])
        self._video_inbox = Inbox(self._max_lag_s)
        self._inboxes.setdefault(source.track_id, []).append(self._video_inbox)
        self._video = VideoChain(source, self._video_inbox, self._stages, rungs[0], self._say)
        self._spawn("decode", self._video.run)

    def _add_sound(self, rendition: Rendition) -> None:
        source = self._source(rendition)
        sound = SoundRendition(rendition, source, on_track=self._on_track, on_unit=self._on_unit)
        inbox = Inbox(self._max_lag_s)
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
