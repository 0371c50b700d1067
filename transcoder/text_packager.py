"""Cues in, WebVTT parts and segments out: the rendition of words beside picture and sound. Pure."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from transcoder.captions.cue import Cue
from transcoder.captions.webvtt import Piece, document
from transcoder.manifests.window import MediaWindow
from transcoder.media import VIDEO_TIMESCALE
from transcoder.rendition_packager import CUT_TOLERANCE_S, GAP_ROUNDING_S, MAX_LAG_SEGMENTS, PackagerConfig

MOST_CUES: Final = 64
"""Told and not over yet; more than any screen holds. Beyond it the oldest goes."""
MAX_WAIT_S: Final = 0.3
"""Parts of text come at most so much after the picture, whatever the captions are still waiting for."""


@dataclass(frozen=True, slots=True)
class _Cut:
    time_s: float
    discontinuity: bool


@dataclass(slots=True)
class _Told:
    """A cue and how far it has been written."""

    cue: Cue
    start_s: float | None = None
    """Where it was first written from."""
    in_pieces: bool = False
    """It was still on the screen when it was first written: the rest of it follows piece by piece."""
    written_s: float = -math.inf

    @property
    def gone_s(self) -> float:
        """When it goes, as far as is known."""
        cue = self.cue
        if cue.end_s is not None:
            return cue.end_s
        return math.inf if cue.until_s is None else cue.until_s


@dataclass(slots=True)
class _OpenSegment:
    start_s: float
    pieces: dict[Piece, None] = field(default_factory=dict)


class TextPackager:
    """One rendition of text. Times are seconds on the publication's timeline, as in RenditionPackager.

    Parts are written on time whether there are words or not. A cue whose end is known stands in every part
    and segment that it touches, with the same times. One that is still on the screen is written up to the
    end of the part, and goes on in the next: players show it in one piece, and nothing has to be taken back.
    A segment has exactly the cues of its parts.

    ``settled`` tells up to which time all cues are known (CaptionExtractor.settled_s): the pictures of a
    stream come in decoding order, their captions in presentation order.
    """

    def __init__(
        self, window: MediaWindow, config: PackagerConfig, *, settled: Callable[[], float] | None = None
    ) -> None:
        self.window = window
        self._config = config
        self._settled = settled
        self._longest_s = config.max_segment_s + GAP_ROUNDING_S
        self._cuts: deque[_Cut] = deque()
        self._told: dict[tuple[str, int], _Told] = {}
        self._told_once = 0
        self._segment: _OpenSegment | None = None
        self._at_s = -math.inf
        """Up to here parts have been written."""
        self.dropped_cues = 0

    def cut_at(
        self,
        time_s: float,
        now_s: float,
        *,
        discontinuity: bool = False,
        max_lag_segments: int = MAX_LAG_SEGMENTS,
    ) -> None:
        """The next segment starts at ``time_s``."""
        self._cuts.append(_Cut(time_s, discontinuity))
        if len(self._cuts) > max_lag_segments:
            self._write_up_to(self._cuts[-max_lag_segments].time_s, now_s)

    def add(self, cue: Cue) -> None:
        """A cue has begun, or one that had begun has got its end. What is over by now is dropped."""
        if cue.cue_id:
            key = (cue.channel, cue.cue_id)
        else:
            self._told_once += 1
            key = (cue.channel, -self._told_once)
        told = self._told.get(key)
        if told is not None:
            told.cue = replace(told.cue, end_s=cue.end_s)
            return
        if not cue.text.strip() or (cue.end_s is not None and cue.end_s <= max(self._at_s, cue.start_s)):
            self.dropped_cues += 1
            return
        self._told[key] = _Told(cue)
        if len(self._told) > MOST_CUES:
            del self._told[next(iter(self._told))]
            self.dropped_cues += 1

    @property
    def waiting_cues(self) -> int:
        """Cues that are still to be written, or on the screen."""
        return len(self._told)

    def advance(self, published_s: float, now_s: float) -> None:
        """The publication has come to ``published_s``: write what is complete until there."""
        until_s = published_s
        if self._settled is not None:
            until_s = min(published_s, max(self._settled(), published_s - MAX_WAIT_S))
        self._write_up_to(until_s, now_s)

    def level(self, end_s: float, now_s: float) -> None:
        """The publication is over at ``end_s``: close what is open, with words or without."""
        self._write_up_to(end_s, now_s)
        if self._segment is not None and CUT_TOLERANCE_S < end_s - self._at_s <= self._config.part_target_s:
            self._write_part(end_s, now_s)
        self._end_segment(now_s)
        self._cuts.clear()
        self._told.clear()

    def _write_up_to(self, until_s: float, now_s: float) -> None:
        while True:
            cut_s = max(self._cuts[0].time_s, self._at_s) if self._cuts else math.inf
            if self._segment is None or cut_s <= self._at_s + CUT_TOLERANCE_S:
                if cut_s > until_s:
                    return
                self._begin_segment(cut_s, now_s)
                continue
            latest_s = self._segment.start_s + self._longest_s
            if self._at_s >= latest_s - CUT_TOLERANCE_S:
                # The source stood still: its own segments leave that time out, and so do words.
                if cut_s > until_s:
                    return
                self._at_s = cut_s
                continue
            end_s = min(self._at_s + self._config.part_target_s, cut_s, latest_s)
            if end_s > until_s + 1e-9:
                return
            self._write_part(end_s, now_s)

    def _begin_segment(self, start_s: float, now_s: float) -> None:
        cut = self._cuts.popleft()
        self._end_segment(now_s)
        if cut.discontinuity:
            self.window.discontinuity()
        self._at_s = start_s
        self._segment = _OpenSegment(start_s)

    def _end_segment(self, now_s: float) -> None:
        segment, self._segment = self._segment, None
        if segment is not None:
            self.window.end_segment(now_s, document(self._stream_ms(segment.start_s), segment.pieces))

    def _write_part(self, end_s: float, now_s: float) -> None:
        segment, start_s = self._segment, self._at_s
        if segment is None:
            return
        pieces = self._pieces(start_s, end_s)
        segment.pieces.update(dict.fromkeys(pieces))
        stream_s = self._config.offset_s + start_s
        ticks = round(stream_s * VIDEO_TIMESCALE)
        self.window.add_part(
            document(self._stream_ms(start_s), pieces),
            duration_s=end_s - start_s,
            independent=True,
            now_s=now_s,
            program_time_s=self._config.program_origin_s + stream_s,
            decode_time=ticks,
            duration_ticks=round((self._config.offset_s + end_s) * VIDEO_TIMESCALE) - ticks,
            timescale=VIDEO_TIMESCALE,
        )
        self._at_s = end_s

    def _pieces(self, start_s: float, end_s: float) -> list[Piece]:
        """What to write of the cues that are on the screen between these times."""
        pieces = []
        for key, told in list(self._told.items()):
            if (piece := self._piece(told, start_s, end_s)) is not None:
                pieces.append(piece)
            if told.gone_s <= end_s:
                del self._told[key]
        return pieces

    def _piece(self, told: _Told, start_s: float, end_s: float) -> Piece | None:
        cue = told.cue
        if cue.start_s >= end_s or told.gone_s <= start_s:
            return None
        if told.start_s is None:
            # What was on the screen before it has been written up to here.
            told.start_s = max(cue.start_s, start_s) if cue.cue_id else cue.start_s
        if cue.end_s is not None and not told.in_pieces:
            return self._made(cue, told.start_s, cue.end_s)
        told.in_pieces = True
        from_s = max(told.start_s, told.written_s)
        told.written_s = min(end_s, told.gone_s)
        return self._made(cue, from_s, told.written_s)

    def _made(self, cue: Cue, from_s: float, to_s: float) -> Piece | None:
        start_ms, end_ms = self._stream_ms(max(0.0, from_s)), self._stream_ms(to_s)
        return Piece(start_ms, end_ms, cue.lines, cue.placement) if end_ms > start_ms else None

    def _stream_ms(self, time_s: float) -> int:
        return max(0, math.floor((self._config.offset_s + time_s) * 1000 + 0.5))
