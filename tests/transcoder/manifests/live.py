"""A window driven as a live packager drives it, on a clock that the test owns."""

from __future__ import annotations

from tests.transcoder.manifests.strict_playlist import StrictPlaylist, read_media
from transcoder.manifests.config import WindowConfig
from transcoder.manifests.hls import render
from transcoder.manifests.reload import Skip
from transcoder.manifests.segment import Media
from transcoder.manifests.window import MediaWindow

CONFIG = WindowConfig(target_duration_s=4, part_target_s=0.25, window_s=30)
UNIX_S = 1_700_000_000.0
"""2023-11-14T22:13:20Z."""


class Live:
    """Real time passes with the media: a part is added at the instant at which its last sample ends."""

    def __init__(self, config: WindowConfig = CONFIG, window: MediaWindow | None = None) -> None:
        self.window = window or MediaWindow(config, "e")
        self.window.set_init(b"init")
        self.now_s = 1000.0
        self.unix_s = UNIX_S
        self.part_s = config.part_target_s
        self.names: list[str] = []
        """Of every part added that has bytes."""

    def part(self, duration_s: float | None = None, *, independent: bool = False, gap: bool = False) -> None:
        length_s = self.part_s if duration_s is None else duration_s
        start_s = self.unix_s
        self.now_s += length_s
        self.unix_s += length_s
        if gap:
            self.window.add_gap_part(duration_s=length_s, now_s=self.now_s, program_time_s=start_s)
            return
        position = self.window.add_part(
            f"<{len(self.names)}>".encode(),
            duration_s=length_s,
            independent=independent,
            now_s=self.now_s,
            program_time_s=start_s,
        )
        self.names.append(self.window.part_name(position))

    def parts(self, count: int, *, gap: bool = False) -> None:
        first = self.window.open_segment is None
        for index in range(count):
            self.part(independent=first and index == 0, gap=gap)

    def end(self) -> None:
        self.window.end_segment(self.now_s)

    def segment(self, parts: int = 8, *, gap: bool = False) -> None:
        self.parts(parts, gap=gap)
        self.end()

    def segments(self, count: int, parts: int = 8) -> None:
        for _ in range(count):
            self.segment(parts)

    def pass_time(self, seconds: float) -> None:
        self.now_s += seconds
        self.window.evict(self.now_s)

    def playlist(self, skip: Skip | None = None) -> StrictPlaylist:
        return read_media(render(self.window, skip=skip))

    def is_fetchable(self, name: str) -> bool:
        return isinstance(self.window.lookup(name), Media)
