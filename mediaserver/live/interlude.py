"""What viewers get while nobody publishes: a slate with silence, or gaps until there is one."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping

from mediaserver.live.timeline import StreamTimeline
from transcoder.packager import StandInPackager
from transcoder.standin import StandIn

log = logging.getLogger(__name__)


class Interlude:
    """Fills a run's windows in step with the clock, from its making until :meth:`stop`."""

    def __init__(
        self,
        packager: StandInPackager,
        timeline: StreamTimeline,
        *,
        part_s: float,
        patience_s: float,
        stand_ins: Callable[[], Awaitable[Mapping[str, StandIn]]],
        at_hand: Mapping[str, StandIn],
        changed: Callable[[], None],
    ) -> None:
        self.packager = packager
        self._timeline = timeline
        self._part_s = part_s
        self._patience_s = patience_s
        self._stand_ins = stand_ins
        self._at_hand = at_hand
        self._changed = changed
        self._task: asyncio.Task[None] | None = asyncio.create_task(self._run())

    def stop(self) -> None:
        """Close what is open; the windows are whoever publishes next's. Idempotent."""
        if self._task is None:
            return
        self._task.cancel()
        self._task = None
        self.packager.finish(time.monotonic())
        self._timeline.end_s = self.packager.published_s
        self._changed()

    async def _run(self) -> None:
        making = asyncio.ensure_future(self._stand_ins())
        try:
            # With one at hand, or made in time, there is no gap at all.
            await asyncio.wait([making], timeout=self._patience_s)
            if making.done():
                self._use(making)
            elif self._at_hand:
                self.packager.use(self._at_hand, time.monotonic())
            else:
                making.add_done_callback(self._use)
            while True:
                now_s = time.monotonic()
                media_s = self._timeline.at(now_s)
                if media_s >= self._timeline.end_s:
                    # What stands in needs no waiting for: a part is there when its time begins.
                    self.packager.advance(media_s + self._part_s, now_s)
                    self._timeline.end_s = self.packager.published_s
                    self._changed()
                await asyncio.sleep(max(0.0, self._timeline.end_s - self._timeline.at(time.monotonic())))
        except Exception:
            log.exception("the windows do not go on while nobody publishes")
        finally:
            making.cancel()

    def _use(self, made: asyncio.Future[Mapping[str, StandIn]]) -> None:
        if self._task is not None and not made.cancelled() and (stand_ins := made.result()):
            self.packager.use(stand_ins, time.monotonic())
