"""Cues as the text of WebVTT segments (W3C WebVTT; RFC 8216bis 3.1.4)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from transcoder.captions.cue import Line, Placement, Span

CONTENT_TYPE: Final = "text/vtt"
EXTENSION: Final = "vtt"
_MPEG_CLOCK_PER_MS: Final = 90
_MPEG_CLOCK_WRAP: Final = 1 << 33
_ESCAPES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": " ", "\n": " ", "\0": " "})


@dataclass(frozen=True, slots=True)
class Piece:
    """A cue as it stands in a segment. Times are milliseconds on the stream's timeline (``tfdt``)."""

    start_ms: int
    end_ms: int
    lines: tuple[Line, ...]
    placement: Placement


def document(start_ms: int, pieces: Iterable[Piece]) -> bytes:
    """A WebVTT segment or part that begins at ``start_ms``.

    RFC 8216bis 3.1.4: "In order to synchronize timestamps between audio/video and subtitles, an
    X-TIMESTAMP-MAP metadata header SHOULD be added to each WebVTT header." Cue times are those of the fMP4
    samples, and go on where the map's 33 bits of 90 kHz begin anew.
    """
    mpegts = start_ms * _MPEG_CLOCK_PER_MS % _MPEG_CLOCK_WRAP
    head = f"WEBVTT\nX-TIMESTAMP-MAP=LOCAL:{timestamp(start_ms)},MPEGTS:{mpegts}\n"
    return "\n".join((head, *map(_cue, pieces))).encode(errors="replace")


def timestamp(milliseconds: int) -> str:
    """A WebVTT timestamp with hours: two digits of them, or as many as it takes."""
    seconds, ms = divmod(milliseconds, 1000)
    minutes, s = divmod(seconds, 60)
    hours, m = divmod(minutes, 60)
    return f"{hours:02}:{m:02}:{s:02}.{ms:03}"


def _cue(piece: Piece) -> str:
    timing = f"{timestamp(piece.start_ms)} --> {timestamp(piece.end_ms)}{_settings(piece.placement)}"
    # A blank line would end the cue.
    text = "\n".join(line for line in map(_line, piece.lines) if line)
    return f"{timing}\n{text}\n"


def _settings(placement: Placement) -> str:
    settings = ""
    if placement.top_percent is not None:
        settings += f" line:{_percent(placement.top_percent)}"
    if placement.left_percent is not None:
        settings += f" position:{_percent(placement.left_percent)} align:start"
    return settings


def _percent(percent: float) -> str:
    """Never with an exponent, which WebVTT does not know."""
    return f"{min(100.0, max(0.0, percent)):.2f}".rstrip("0").rstrip(".") + "%"


def _line(line: Line) -> str:
    return "".join(map(_span, line)).strip()


def _span(span: Span) -> str:
    text = span.text.translate(_ESCAPES)
    if not text.strip():
        return text
    if span.underline:
        text = f"<u>{text}</u>"
    return f"<i>{text}</i>" if span.italic else text
