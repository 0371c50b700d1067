"""Words that come beside the pictures, as cues: each stays until the next one comes, or until it is read."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from transcoder.captions.cue import Cue, plain_line

CHANNEL: Final = "TEXT"
"""For what did not come in the pictures."""
SHORTEST_S: Final = 2.0
LONGEST_S: Final = 7.0
READ_CHARACTERS_PER_S: Final = 15.0
"""How fast subtitles are commonly read."""
MOST_LINES: Final = 8
LONGEST_LINE: Final = 200
MOST_LANGUAGES: Final = 16


class SpokenCues:
    """One publication's words, each language by itself."""

    def __init__(self) -> None:
        self._shown: dict[str | None, Cue] = {}
        self._made = 0

    def hear(self, time_s: float, text: str, language: str | None, duration_s: float | None) -> list[Cue]:
        """The cue that ends and the one that begins. Words that are blank only end the one before."""
        cues = []
        previous = self._shown.pop(language, None)
        if previous is not None:
            cues.append(replace(previous, end_s=max(time_s, previous.start_s)))
        lines = [line.strip()[:LONGEST_LINE] for line in text.splitlines() if line.strip()]
        if not lines or len(self._shown) >= MOST_LANGUAGES:
            return cues
        read_s = min(LONGEST_S, max(SHORTEST_S, len(text) / READ_CHARACTERS_PER_S))
        self._made += 1
        cue = Cue(
            start_s=time_s,
            end_s=None,
            until_s=time_s + (duration_s or read_s),
            lines=tuple(plain_line(line) for line in lines[:MOST_LINES]),
            channel=CHANNEL,
            cue_id=self._made,
            language=language,
        )
        self._shown[language] = cue
        return [*cues, cue]
