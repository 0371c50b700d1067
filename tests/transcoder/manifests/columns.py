"""Several windows driven side by side, segment by segment: a stream as DASH looks at it."""

from __future__ import annotations

from transcoder.manifests.config import WindowConfig
from transcoder.manifests.window import MediaWindow

CONFIG = WindowConfig(target_duration_s=4, part_target_s=0.25, window_s=30)
TIMESCALES = {"audio": 48_000}
"""90 kHz for all others."""


class Columns:
    """Media of ``segment_s`` a segment; the clock is that of the media."""

    def __init__(self, *names: str, segment_s: float = 2.0, config: WindowConfig = CONFIG) -> None:
        self.segment_s = segment_s
        self.at_s = {name: 0.0 for name in names}
        self.windows = {name: MediaWindow(config, "e") for name in names}
        for name, window in self.windows.items():
            window.set_init(f"init of {name}".encode())

    @property
    def listed(self) -> frozenset[str]:
        return frozenset(self.windows)

    def segment(self, *without: str, gap: tuple[str, ...] = ()) -> None:
        """A whole segment in every window but those named."""
        for name in self.windows:
            if name not in without:
                self.one(name, gap=name in gap)

    def one(self, name: str, *, gap: bool = False, length_s: float | None = None) -> None:
        self.begin(name, gap=gap, length_s=length_s)
        self.windows[name].end_segment(self.at_s[name])

    def begin(self, name: str, *, gap: bool = False, length_s: float | None = None) -> None:
        """Two parts of the next segment; it stays open."""
        length_s = self.segment_s if length_s is None else length_s
        for _ in range(2):
            self.part(name, length_s / 2, gap=gap)

    def part(self, name: str, length_s: float, *, gap: bool = False, composition_offset: int = 0) -> None:
        window, timescale = self.windows[name], TIMESCALES.get(name, 90_000)
        start_s = self.at_s[name]
        self.at_s[name] += length_s
        if gap:
            window.add_gap_part(duration_s=length_s, now_s=self.at_s[name])
            return
        window.add_part(
            f"{name} at {start_s}".encode(),
            duration_s=length_s,
            independent=True,
            now_s=self.at_s[name],
            decode_time=round(start_s * timescale),
            composition_offset=composition_offset,
            duration_ticks=round(length_s * timescale),
            timescale=timescale,
        )

    def interrupt(self, *, away_s: float = 0.0, **inits: bytes) -> None:
        """Another publication: a discontinuity in all windows, with new inits where named."""
        for name, window in self.windows.items():
            window.end_segment(self.at_s[name])
            window.discontinuity()
            self.at_s[name] += away_s
            if name in inits:
                window.set_init(inits[name])
