"""A rung's thread: scale, hand the scaled picture down, encode. A rung that is given up costs nothing."""

from __future__ import annotations

import queue
import time
from typing import Final

from transcoder.engine.picture import Picture
from transcoder.engine.rung import Rung
from transcoder.media import VIDEO_TIMESCALE

PICTURES_BETWEEN_STAGES: Final = 4


class Stage:
    """One rung and the queue in front of it."""

    def __init__(self, rung: Rung, below: Stage | None) -> None:
        self._rung = rung
        self._below = below
        self._queue: queue.Queue[tuple[Picture, bool] | None] = queue.Queue(PICTURES_BETWEEN_STAGES)
        self.wanted = True
        """Set from any thread. A rung that is wanted again begins with the next cut."""

    @property
    def name(self) -> str:
        return self._rung.rendition.name

    def put(self, item: tuple[Picture, bool] | None) -> None:
        """A picture, and whether it was turned; None at the end. Blocks while the stage is behind."""
        self._queue.put(item)

    def run(self) -> None:
        active, last_pts = True, None
        while (item := self._queue.get()) is not None:
            picture, turned = item
            if active and not self.wanted:
                active, last_pts = False, None
                self._rung.flush()
            elif not active and self.wanted and picture.is_cut:
                active = True
            if not active:
                # The rung below scales from a larger picture: dearer for it, cheaper in all.
                if self._below is not None:
                    self._below.put(item)
                continue
            last_pts = self._work(picture, last_pts, turned=turned)
        if self._below is not None:
            self._below.put(None)
        self._rung.flush()

    def _work(self, picture: Picture, last_pts: int | None, *, turned: bool) -> int | None:
        cost = self._rung.cost
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
        return pts
