"""What captions become: cues. Times are seconds on the timeline of the units that they came in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """A run of characters in one style."""

    text: str
    italic: bool = False
    underline: bool = False


Line = tuple[Span, ...]
"""One row of a caption."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a cue stands, in percent of the picture. None leaves it to the player: at the bottom, centred."""

    top_percent: float | None = None
    left_percent: float | None = None


AUTOMATIC = Placement()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cue:
    """Words on the screen from ``start_s`` to ``end_s``.

    Live captions say when they come and only later when they go: such a cue is told twice, first with
    ``end_s`` None and then, the same but for it, with its end. ``cue_id`` tells them apart.
    """

    start_s: float
    end_s: float | None
    lines: tuple[Line, ...]
    channel: str
    """``CC1`` to ``CC4``, ``SERVICE1`` to ``SERVICE6``, or what else the words came by."""
    until_s: float | None = None
    """When it goes at the latest, where ``end_s`` is not known yet."""
    cue_id: int = 0
    """Unique in its channel; 0 for a cue that is told once, with its end."""
    placement: Placement = AUTOMATIC
    language: str | None = None
    """BCP 47; None where nobody says."""

    @property
    def text(self) -> str:
        """The words without style, lines parted by line feeds."""
        return "\n".join("".join(span.text for span in line) for line in self.lines)


def plain_line(text: str) -> Line:
    """A line without style."""
    return (Span(text),)
