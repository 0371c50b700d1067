"""From what a channel shows to cues with a beginning and an end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from transcoder.captions.cue import Cue
from transcoder.captions.display import Block, Screen

SHORTEST_S = 0.001


class CueTracker:
    """One channel's cues. A block that stays on the screen stays one cue."""

    def __init__(self, channel: str) -> None:
        self._channel = channel
        self._open: dict[Block, Cue] = {}
        self._made = 0

    def show(self, screen: Screen) -> list[Cue]:
        """The cues that end and begin with this screen."""
        wanted = dict.fromkeys(screen.blocks)
        cues = self._end([block for block in self._open if block not in wanted], screen.time_s)
        for block in wanted:
            if block not in self._open:
                self._made += 1
                cue = Cue(
                    start_s=screen.time_s,
                    end_s=None,
                    lines=block.lines,
                    channel=self._channel,
                    cue_id=self._made,
                    placement=block.placement,
                )
                self._open[block] = cue
                cues.append(cue)
        return cues

    def clear(self, time_s: float) -> list[Cue]:
        """Everything ends."""
        return self._end(list(self._open), time_s)

    def _end(self, blocks: Sequence[Block], time_s: float) -> list[Cue]:
        ended = [self._open.pop(block) for block in blocks]
        return [replace(cue, end_s=max(time_s, cue.start_s + SHORTEST_S)) for cue in ended]
