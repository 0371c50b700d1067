"""The thread in front of the rungs: one decoder, one straightener, one gate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Final

from av.error import FFmpegError
from av.video.frame import VideoFrame

from transcoder.captions.cc_data import cc_pairs
from transcoder.engine.captions import CaptionCarrier
from transcoder.engine.decode import UndecodableTrack, VideoDecoder
from transcoder.engine.gate import PictureGate, Verdict
from transcoder.engine.inbox import CutMark, Inbox
from transcoder.engine.picture import TIME_BASE, Picture, Straightener
from transcoder.engine.stage import Stage
from transcoder.hdr import Hdr
from transcoder.ladder import FRAME_RATE_LIMIT, Rendition
from transcoder.media import VIDEO_TIMESCALE, AccessUnit, Track, rescale

STEADY_PICTURES: Final = 8
"""After so many that kept to it, what the source says of a picture's length is believed."""
_REMEMBERED_UNITS: Final = 256
"""Arrival times kept for pictures that the decoder holds back: more than any reordering."""


class VideoChain:
    """Units from an inbox in, pictures for the first stage out. Lives in one thread."""

    def __init__(
        self,
        track: Track,
        inbox: Inbox,
        stages: Sequence[Stage],
        rendition: Rendition,
        say: Callable[[str], None],
    ) -> None:
        """``stages``: the largest rung first."""
        self._decoder: VideoDecoder | None = VideoDecoder(track)
        self.damage = self._decoder.damage
        self.left_out = 0
        """Pictures that no rung was to encode."""
        self._track = track
        self._inbox = inbox
        self._stages = tuple(stages)
        self._say = say
        self._straightener = Straightener()
        self._gate = PictureGate(_most_per_s(track, rendition))
        self._arrivals: dict[int, tuple[int, float]] = {}
        self._captions = CaptionCarrier()
        self._last_pts: int | None = None
        self._steady = 0
        self._asleep = False
        self._cut_asleep: int | None = None

    def run(self) -> None:
        while (item := self._inbox.take()) is not None:
            match item:
                case CutMark(ticks) if self._asleep:
                    self._cut_asleep = ticks
                case CutMark(ticks):
                    self._gate.cut_at(ticks)
                case Track():
                    self._change(item)
                case AccessUnit() if self._is_awake(item):
                    self._decode(item)
        self._drain()
        self._stages[0].put(None)

    def _is_awake(self, unit: AccessUnit) -> bool:
        """Nothing is decoded while every rung is given up; then it goes on with a sync unit."""
        wanted = any(stage.wanted for stage in self._stages)
        if wanted and not self._asleep:
            return True
        if not wanted and not self._asleep:
            self._drain()
            self._asleep, self._cut_asleep = True, None
        elif wanted and unit.sync:
            self._asleep = False
            pts = rescale(unit.pts, unit.timescale, VIDEO_TIMESCALE)
            if self._cut_asleep is not None and self._cut_asleep >= pts - 1:
                self._gate.cut_at(self._cut_asleep)
            self._open(self._track)
            return True
        self.left_out += 1
        return False

    def _decode(self, unit: AccessUnit) -> None:
        if self._decoder is None:
            self.damage.units += 1
            return
        if len(self._arrivals) >= _REMEMBERED_UNITS:
            self._arrivals.clear()
        pts = rescale(unit.pts, unit.timescale, VIDEO_TIMESCALE)
        self._arrivals[pts] = (rescale(unit.duration, unit.timescale, VIDEO_TIMESCALE), unit.arrival_s)
        self._captions.put(pts, cc_pairs(self._decoder.track, unit))
        before = self.damage.units
        self._pass_on(self._decoder.decode(unit))
        if self.damage.units != before and self.damage.is_worth_a_line:
            self._say(f"{self.damage.units} damaged video units, the last: {self.damage.last}")

    def _change(self, track: Track) -> None:
        self._drain()
        self._track = track
        if not self._asleep:
            self._open(track)

    def _open(self, track: Track) -> None:
        try:
            self._decoder = VideoDecoder(track)
            self._decoder.damage = self.damage
        except UndecodableTrack as error:
            self._decoder = None
            self._say(f"the new video format cannot be decoded: {error}")

    def _drain(self) -> None:
        if self._decoder is not None:
            self._pass_on(self._decoder.flush())
            self._decoder = None
        for frame in self._straightener.flush():
            self._judge(frame)

    def _pass_on(self, frames: list[VideoFrame]) -> None:
        for frame in frames:
            if frame.pts is None:
                continue
            if frame.time_base is not None and frame.time_base != TIME_BASE:
                frame.pts = round(frame.pts * frame.time_base / TIME_BASE)
                frame.time_base = TIME_BASE
            if self._track.hdr is not None:
                _colour(frame, self._track.hdr)
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
            self.left_out += 1
            return
        steady = told > 0 and self._last_pts is not None and frame.pts - self._last_pts == told
        self._steady = self._steady + 1 if steady else 0
        self._last_pts = frame.pts
        duration = told if self._steady >= STEADY_PICTURES else 0
        captions = self._captions.take(frame.pts)
        picture = Picture(frame, verdict is Verdict.CUT, duration, arrival_s, captions)
        self._stages[0].put((picture, self._straightener.turned))


def _colour(frame: VideoFrame, hdr: Hdr) -> None:
    """What the publisher says beside the bitstream counts above what the bitstream says."""
    if hdr.primaries is not None:
        frame.color_primaries = hdr.primaries
    if hdr.transfer is not None:
        frame.color_trc = hdr.transfer
    if hdr.matrix is not None:
        frame.colorspace = hdr.matrix


def _most_per_s(track: Track, rendition: Rendition) -> Fraction:
    """Pictures per second to let pass: only a source that says it is too fast is thinned evenly."""
    if track.frame_rate and rendition.frame_rate and track.frame_rate > FRAME_RATE_LIMIT:
        return rendition.frame_rate
    return Fraction(FRAME_RATE_LIMIT)
