"""Sees each new part in a stream's windows and has it measured. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from mediaserver.live.measures import StreamMeasures
from transcoder.manifests.segment import Position
from transcoder.manifests.window import MediaWindow

US_PER_S = 1_000_000
MS_PER_S = 1_000


class PartWatch:
    """Looks at the windows after every change. Nothing but a number is compared where nothing is new."""

    def __init__(self, measures: StreamMeasures) -> None:
        self._measures = measures
        self._versions: dict[str, int] = {}
        self._positions: dict[str, Position | None] = {}

    def new_run(self) -> None:
        """Other windows under the same names."""
        self._versions.clear()
        self._positions.clear()
        self._measures.new_run()

    def look(self, windows: Iterable[tuple[str, MediaWindow]], program_origin_s: float, now_s: float) -> None:
        """``windows`` by rendition; ``program_origin_s`` is the Unix time of the stream's media time zero."""
        for name, window in windows:
            if self._versions.get(name) == window.version:
                continue
            self._versions[name] = window.version
            if self._positions.get(name) == window.position:
                continue
            self._positions[name] = window.position
            newest = window.open_segment or next(iter(window.since(window.last_msn)), None)
            # What stands in a gap's place was never late: it is there because its media is not.
            if newest is None or newest.program_time_ms is None or not newest.parts or newest.parts[-1].gap:
                continue
            end_s = newest.program_time_ms / MS_PER_S + newest.duration_us / US_PER_S - program_origin_s
            self._measures.part_added(name, newest.parts[-1].duration_us / US_PER_S, end_s, now_s)
